"""Values of an echoed configuration: Python literals, the small sums people write in them, bare words."""

from __future__ import annotations

import ast
import operator
import re
import warnings

from labbook.logs.carry import scalar
from labbook.logs.numbers import CUT
from labbook.records import Scalar

_OPERATORS = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
LONGEST = 500
_WORD = re.compile(r"[A-Za-z0-9][\w.+-]{0,79}\Z")
_SPOKEN: dict[str, Scalar] = {"true": True, "false": False, "null": None, "none": None}


def literal(text: str) -> tuple[Scalar] | None:
    """The value of `6e-4`, `'owt'`, `5 * 8  # comment`, `rope`, `true`, in a tuple; None for anything else."""
    if CUT in text or len(text) > LONGEST:
        return None
    bare = text.strip()
    if bare.lower() in _SPOKEN:
        return (_SPOKEN[bare.lower()],)
    try:
        value = _value(expression(bare))
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError, TypeError):
        return (scalar(bare),) if _WORD.match(bare) else None
    return (scalar(value),)


def expression(text: str) -> ast.expr:
    """A Python expression as its tree; what Python warns of in it does not reach the screen. Raises what
    `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if not all(isinstance(side, int | float) for side in (left, right)):
            raise ValueError("not numbers")
        return _OPERATORS[type(node.op)](left, right)
    return ast.literal_eval(node)
