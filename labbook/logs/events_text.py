"""Configuration in event files: text summaries of arguments, and the hyperparameter plugin."""

from __future__ import annotations

import ast
import html
import json
import re

from labbook.logs import wire
from labbook.logs.carry import flatten, scalar
from labbook.logs.literal import expression
from labbook.records import Scalar
from labbook.text import clean

LONGEST = 1 << 20
"""Characters of a text that is taken for configuration."""
_ARGUMENT = 200
_FENCE = re.compile(r"\A(?:```[\w-]*\s*|<pre>\s*)(.*?)(?:```|</pre>)?\s*\Z", re.DOTALL)
_ROW = re.compile(r"^\s*\|(.+)\|\s*$", re.MULTILINE)
_RULE = re.compile(r"[\s:|-]*-[\s:|-]*\Z")
_CALL = re.compile(r"\A\w*(?:Namespace|Config|Args|Arguments)\(", re.IGNORECASE)
_NUMBER, _STRING, _BOOLEAN = 2, 3, 4


def text_config(tag: str, text: str) -> dict[str, Scalar]:
    """Configuration in a text summary: an object, a table, or one argument named by its tag. Else empty.

    An object may be JSON, a Python dictionary or a printed namespace; Markdown fences around it are removed.
    """
    if len(text) > LONGEST:
        return {}
    body = text.strip()
    if fenced := _FENCE.match(body):
        body = html.unescape(fenced[1]).strip()
    if body.startswith("{") or _CALL.match(body):
        return flatten(_object(body))
    if "|" in body and (rows := _ROW.findall(body)):
        return _table(rows)
    key = tag.removesuffix("/text_summary")
    return {clean(key, 120): _argument(body)} if re.fullmatch(r"\w+", key) and len(body) < _ARGUMENT else {}


def _object(body: str) -> object:
    """The object a text holds; None where it holds none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    try:
        parsed = expression(body)
        if isinstance(parsed, ast.Call):
            return {word.arg: _literal(word.value) for word in parsed.keywords if word.arg is not None}
        return ast.literal_eval(parsed)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _literal(node: ast.expr) -> object:
    """The value of an argument; its source where it is no literal."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _table(rows: list[str]) -> dict[str, Scalar]:
    """Names and values of a Markdown table of two columns."""
    cells = [[cell.strip().strip("`*") for cell in row.split("|")] for row in rows if not _RULE.match(row)]
    if len(cells) < 2 or any(len(row) != 2 for row in cells):
        return {}
    has_head = len(rows) > 1 and _RULE.match(rows[1]) is not None
    return flatten({name: _argument(value) for name, value in cells[has_head:] if name})


def _argument(body: str) -> Scalar:
    words: dict[str, Scalar] = {"True": True, "False": False, "None": None}
    if body in words:
        return words[body]
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return clean(body)
    return scalar(found) if isinstance(found, int | float | bool | None) else clean(body)


def plugin_config(content: bytes) -> dict[str, Scalar]:
    """Hyperparameters in the plugin's content. Raises wire.Damaged."""
    found: dict[str, object] = {}
    for number, session in wire.fields(content):
        if number != 3:
            continue
        for field, entry in wire.fields(wire.blob(session)):
            if field == 1:
                pair = dict(wire.fields(wire.blob(entry)))
                found[wire.text(pair.get(1, b""))] = _value(wire.blob(pair.get(2, b"")))
    return flatten(found)


def _value(message: bytes) -> object:
    """A value as the plugin keeps it: all numbers are doubles."""
    for kind, value in wire.fields(message):
        if kind == _NUMBER:
            number = wire.real(value)
            return int(number) if number is not None and number.is_integer() else number
        if kind == _STRING:
            return wire.text(value)
        if kind == _BOOLEAN:
            return bool(value)
    return None
