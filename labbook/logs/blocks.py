"""A block of JSON lines as columns.

The lines of a tracker repeat their text and change their numbers. So the first line is parsed, the text between
its values is looked for in all lines of as many colons, byte by byte, and what stands between is read as whole
columns. Lines of another shape make another template, and what fits none is parsed line by line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labbook.logs import names
from labbook.logs.decimals import Text, decimals
from labbook.logs.numbers import number
from labbook.logs.rows import clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.logs.bulk import Column, Group

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MOST_SHAPES = 12
"""Templates tried on a block."""
_SCAN = json.JSONDecoder().raw_decode

Flatten = Callable[[dict[str, object]], dict[str, object]]
"""Nested objects of a row as flat keys."""


@dataclass(frozen=True, slots=True)
class Template:
    """The text of a line without its values."""

    keys: tuple[str, ...]
    """Flat, by value."""
    before: tuple[bytes, ...]
    """Text before each value, from the value before it or the beginning of the line."""
    behind: bytes
    colons: tuple[int, ...]
    """Which colon of the line comes last before each value."""
    colon_count: int


def template_of(line: bytes, flatten: Flatten) -> Template | None:
    """The template of a line; None where it has to be parsed: no flat object of plain keys and values."""
    try:
        text = line.decode("ascii")
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not text.startswith("{") or not row:
        return None
    spans = _value_spans(text)
    flat = flatten(row)
    if spans is None or len(spans) != len(flat):
        return None
    begins, ends = [begin for begin, _ in spans], [end for _, end in spans]
    before = tuple(text[a:b].encode() for a, b in zip([0, *ends], begins, strict=False))
    colons = tuple(text.count(":", 0, begin) - 1 for begin in begins)
    return Template(tuple(flat), before, text[ends[-1] :].encode(), colons, text.count(":"))


def _value_spans(text: str) -> list[tuple[int, int]] | None:
    """Where the scalar values of an object stand, nested ones too; None where there are lists or escapes."""
    if "[" in text or "\\" in text:
        return None
    spans: list[tuple[int, int]] = []
    at, is_value = 0, False
    while at < len(text):
        character = text[at]
        if character in " \t{},:":
            is_value = character == ":" or (is_value and character in " \t")
            at += 1
            continue
        _, end = _SCAN(text, at)
        if is_value:
            spans.append((at, end))
        at, is_value = end, False
    return spans


@dataclass(frozen=True, slots=True)
class _Marks:
    """Lines and colons of a block."""

    text: Text
    begin: Ints
    """Of each line."""
    end: Ints
    """Of each line: where its LF stands."""
    colons: Ints
    first_colon: Ints
    """Index of each line's first colon."""
    count: Ints
    """Colons of each line."""


def _marks(block: bytes) -> _Marks:
    import numpy as np

    text = Text.of(block)
    places = text.places(b":", b"\n")
    is_end = text.at(places) == ord("\n")
    end, colons = places[is_end], places[~is_end]
    until = np.flatnonzero(is_end) - np.arange(len(end))
    first = np.concatenate([[0], until[:-1]])
    begin = np.concatenate([[0], end[:-1] + 1])
    return _Marks(text, begin, end, colons, first, until - first)


def json_groups(block: bytes, flatten: Flatten) -> tuple[list[Group], int] | None:
    """The rows of a block of lines that end in LF, by their keys, and the number of lines.

    Blank lines are rows of no group. None where a line is no JSON object.
    """
    import numpy as np

    marks = _marks(block)
    left = np.arange(len(marks.end))
    groups: list[Group] = []
    odd: list[Ints] = []
    for _ in range(MOST_SHAPES):
        if not left.size:
            break
        line = int(left[0])
        template = template_of(marks.text.cut(int(marks.begin[line]), int(marks.end[line])), flatten)
        fits = np.zeros(len(left), bool)
        if template is not None:
            fits = _fits(marks, template, left)
            found = _columns(marks, template, left[fits])
            if found is None:
                return None
            group, parsed = found
            groups.append(group)
            odd.append(parsed)
        if not fits[0]:
            odd.append(left[:1])
            fits[0] = True
        left = left[~fits]
    rest = np.sort(np.concatenate([left, *odd]))
    others = _parsed(marks, rest, flatten)
    return None if others is None else ([*groups, *others], len(marks.end))


def _fits(marks: _Marks, template: Template, lines: Ints) -> Bools:
    """Which of the lines have exactly the template's text around their values."""
    import numpy as np

    fits: Bools = marks.count[lines] == template.colon_count
    at = np.flatnonzero(fits)
    begin, end = _values(marks, template, lines[at])
    good = np.ones(len(at), bool)
    start = marks.begin[lines[at]]
    for index, piece in enumerate(template.before):
        stop = begin[index]
        good &= stop - len(piece) == start if index == 0 else stop - len(piece) >= begin[index - 1]
        good &= _stands(marks.text, stop - len(piece), piece)
    good &= (end[-1] >= begin[-1]) & _stands(marks.text, end[-1], template.behind)
    fits[at] = good
    return fits


def _values(marks: _Marks, template: Template, lines: Ints) -> tuple[list[Ints], list[Ints]]:
    """(begin, end) of each value in the lines, by the colons before them."""
    begin = []
    for piece, colon in zip(template.before, template.colons, strict=True):
        behind = len(piece) - piece.rindex(b":") - 1
        begin.append(marks.colons[marks.first_colon[lines] + colon] + 1 + behind)
    end = [stop - len(piece) for stop, piece in zip(begin[1:], template.before[1:], strict=True)]
    return begin, [*end, marks.end[lines] - len(template.behind)]


def _stands(text: Text, at: Ints, piece: bytes) -> Bools:
    """Where the piece stands at a place."""
    import numpy as np

    stands = np.ones(len(at), bool)
    for skip in range(0, len(piece), 8):
        part = piece[skip : skip + 8]
        mask = np.uint64((1 << 8 * len(part)) - 1)
        np.logical_and(stands, text.word(at + skip) & mask == int.from_bytes(part, "little"), out=stands)
    return stands


def _columns(marks: _Marks, template: Template, lines: Ints) -> tuple[Group, Ints] | None:
    """The columns of lines that fit, and the lines of which a value is an object or a list; None where a value
    is no JSON."""
    import numpy as np

    from labbook.logs.bulk import Group

    begin, end = (np.concatenate(places) for places in _values(marks, template, lines))
    value, odd = decimals(marks.text, begin, end, strict=True)
    missing = np.zeros(len(value), bool)
    is_nested = np.zeros(len(lines), bool)
    read: dict[tuple[int, bytes], float | None] = {}
    for index, a, b in zip(odd.tolist(), begin[odd].tolist(), end[odd].tolist(), strict=True):
        which, line = divmod(index, len(lines))
        word = marks.text.cut(a, b)
        if (which, word) not in read:
            try:
                found = json.loads(word.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                return None
            if isinstance(found, dict | list):
                is_nested[line] = True
                continue
            read[which, word] = cell(template.keys[which], found)
        known = read[which, word]
        missing[index] = known is None
        value[index] = np.nan if known is None else known
    table, masks = value.reshape(-1, len(lines)), ~missing.reshape(-1, len(lines))
    kept = ~is_nested
    columns: list[Column] = [
        column[kept] if mask.all() else (column[kept], mask[kept])
        for column, mask in zip(table, masks, strict=True)
    ]
    return Group(template.keys, columns, lines[kept]), lines[is_nested]


def cell(key: str, value: object) -> float | None:
    """The number a value stands for under its key; a clock may be a date."""
    known = number(value)
    return clock(value) if known is None and value is not None and names.is_wall(key) else known


def _parsed(marks: _Marks, lines: Ints, flatten: Flatten) -> list[Group] | None:
    """Lines of no template, parsed one by one; None where one is no JSON object."""
    shapes: dict[tuple[str, ...], list[tuple[int, dict[str, object]]]] = {}
    for line in lines.tolist():
        text = marks.text.cut(int(marks.begin[line]), int(marks.end[line])).decode("utf-8", "replace").strip()
        if not text:
            continue
        if not text.startswith("{"):
            return None
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        flat = flatten(row)
        shapes.setdefault(tuple(flat), []).append((line, flat))
    return [_group(keys, rows) for keys, rows in shapes.items()]


def _group(keys: tuple[str, ...], rows: Sequence[tuple[int, dict[str, object]]]) -> Group:
    import numpy as np

    from labbook.logs.bulk import Group

    columns: list[Column] = []
    for key in keys:
        found = [cell(key, row[key]) for _, row in rows]
        mask = np.array([value is not None for value in found])
        columns.append((np.array([np.nan if value is None else value for value in found]), mask))
    return Group(keys, columns, np.array([line for line, _ in rows], np.int64))
