"""The `{...}` that ends a line: JSON or a Python dict, as loggers print their numbers."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from labbook.logs.lines import LONGEST
from labbook.logs.literal import expression

DEEPEST = 12
"""Objects within objects that are read."""
_TRIES = 4
"""Braces tried as the beginning of the object; a logger's prefix may hold some."""
_LONGEST_KEY = 200
_BARE = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
    r"|(?:np|numpy)\.\w+\((?P<scalar>[-+\w.]*)\)"
    r"|(?:tensor|array)\((?P<tensor>[-+\w.]*)(?:,[^()]*)?\)"
    r"|(?P<word>[-+]?\b(?:nan|inf|infinity|NaN|Infinity)\b)"
)


def object_at_end(line: str) -> tuple[str, dict[str, object]] | None:
    """(text before it, the object) of a line that ends in one; None for any other line."""
    text = line.rstrip()
    if not text.endswith("}") or len(text) > LONGEST:
        return None
    start = text.find("{")
    for _ in range(_TRIES):
        if start < 0:
            return None
        before = text[:start]
        is_inner = before.count("{") != before.count("}")  # of one that was cut short
        if not is_inner and (found := _parse(text[start:])) is not None:
            return before, found
        start = text.find("{", start + 1)
    return None


def _parse(text: str) -> dict[str, object] | None:
    if bracket_depth(text) > DEEPEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(expression(_BARE.sub(_quoted, text)))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    return found if isinstance(found, dict) else None


def _quoted(match: re.Match[str]) -> str:
    """Numbers that are no literals of Python stand in quotes; quoted ones are read as numbers."""
    bare = match["scalar"] or match["tensor"] or match["word"]
    return match[0] if bare is None else f"'{bare}'"


def bracket_depth(text: str) -> int:
    """Brackets of any kind within brackets at the deepest place, quoted ones among them."""
    depth = deepest = 0
    for sign in re.findall(r"[][{}()]", text):
        depth += 1 if sign in "[{(" else -1
        deepest = max(deepest, depth)
    return deepest


def at(tree: Mapping[str, object], path: str) -> object:
    """The entry of a dotted path; a key that holds the dots itself comes first. None where there is none."""
    if path in tree:
        return tree[path]
    first, dot, rest = path.partition(".")
    inner = tree.get(first) if dot else None
    return at(inner, rest) if isinstance(inner, dict) else None


def entries(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """(dotted path, value) of every entry that is no object itself."""
    for key, value in tree.items():
        path = f"{prefix}{key}"[:_LONGEST_KEY]
        if isinstance(value, dict):
            yield from entries(value, f"{path}.")
        else:
            yield path, value
