"""Values of an echoed configuration: Python literals, and the small sums people write in them."""

from __future__ import annotations

import ast
import operator

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


def literal(text: str) -> tuple[Scalar] | None:
    """The value of `6e-4`, `'owt'`, `5 * 8  # comment`, in a tuple; None where it is anything else."""
    if CUT in text or len(text) > LONGEST:
        return None
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError, TypeError):
        return None
    return (scalar(value),)


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if not all(isinstance(side, int | float) for side in (left, right)):
            raise ValueError("not numbers")
        return _OPERATORS[type(node.op)](left, right)
    return ast.literal_eval(node)
