"""Lines that differ in their digits alone are matched once: where one has a number, all of them have it.

Holds for patterns that do not tell one digit from another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labbook.logs.decimals import Text, decimals
from labbook.logs.endings import may_end
from labbook.logs.lines import LONGEST, unlabel
from labbook.logs.numbers import CUT
from labbook.logs.textfields import size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_KEPT = 1 << 14
"""Shapes of lines remembered."""
_LONGEST_KEPT = 1000
"""Characters of a line whose shape is remembered."""
_ODD = (b"\x1b", b"\x08", b"\r", CUT.encode())
"""What a line is never matched with as it stands: escapes, redrawn bars, an end that is no end."""
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_THOUSANDS = re.compile(rb"[-+]?0{1,3}(?:,000)+(?:\.0+)?\Z")
_NAMED = re.compile(r"\(\?P<\w+>|\{\d*,?\d*\}")

Spans = tuple[tuple[int, int], ...]


def tells_digits(pattern: re.Pattern[str]) -> bool:
    """True where a match may depend on which digit stands somewhere."""
    return re.search(r"\d", _NAMED.sub("", pattern.pattern)) is not None


class Shapes:
    """Matches many lines with one pattern that does not tell digits."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.groups = range(1, pattern.groups + 1)
        self._known: dict[bytes, Spans | None] = {}

    def _spans(self, shape: bytes) -> Spans | None:
        """Where the groups stand in a line of that shape; None where it is to be read on its own."""
        if shape in self._known:
            return self._known[shape]
        line = shape.decode("latin-1")
        is_other = unlabel(line)[1] != line or may_end(line)
        match = None if is_other else self.pattern.search(line)
        spans = None if match is None else tuple(match.span(group) for group in self.groups)
        if len(shape) <= _LONGEST_KEPT:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[shape] = spans
        return spans

    def match(self, block: bytes, lines: Sequence[bytes]) -> Matched:
        """The lines that match. block: the lines, each with its end."""
        import numpy as np

        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        begins = np.concatenate([[0], ends[:-1] + 1])
        odd = ends - begins > LONGEST
        if not block.isascii() or any(mark in block for mark in _ODD):
            odd |= [not line.isascii() or any(mark in line for mark in _ODD) for line in lines]
        shapes = block.translate(_DIGITS).split(b"\n")[:-1]
        spans = {shape: None if not shape.isascii() else self._spans(shape) for shape in dict.fromkeys(shapes)}
        number = {shape: index for index, shape in enumerate(spans)}
        which = np.fromiter(map(number.__getitem__, shapes), np.int64, len(shapes))
        none = ((-1, -1),) * len(self.groups)
        table = np.array([none if found is None else found for found in spans.values()], np.int64)
        fits = np.array([found is not None for found in spans.values()], bool)
        rows = np.flatnonzero(fits[which] & ~odd)
        return Matched(block, rows, begins[rows], table[which[rows]])


class Matched:
    """The matching lines of a block, and the numbers in their groups."""

    def __init__(self, block: bytes, rows: Ints, begins: Ints, spans: Ints) -> None:
        self.rows = rows
        """Which of the lines match, ascending."""
        self._block, self._begins, self._spans = block, begins, spans
        self._text: Text | None = None
        self._columns: dict[int, tuple[Floats, Bools | None]] = {}

    def column(self, group: int) -> tuple[Floats, Bools | None]:
        """(number, whether there is one) of a group in each matching line; None where all have one."""
        import numpy as np

        if group in self._columns:
            return self._columns[group]
        self._text = self._text or Text.of(self._block)
        begin, end = self._begins + self._spans[:, group - 1, 0], self._begins + self._spans[:, group - 1, 1]
        there = np.flatnonzero(self._spans[:, group - 1, 0] >= 0)
        value = np.full(len(begin), math.nan)
        value[there], odd = decimals(self._text, begin[there], end[there])
        present = np.zeros(len(begin), bool)
        present[there] = True
        odd = there[odd]
        cells = [self._block[a:b] for a, b in zip(begin[odd].tolist(), end[odd].tolist(), strict=True)]
        value[odd], present[odd] = _numbers(cells)
        self._columns[group] = value, None if present.all() else present
        return self._columns[group]


def _numbers(cells: Sequence[bytes]) -> tuple[Floats, Bools]:
    """(number, whether it is one) of cells that are no plain decimals: words, sizes, thousands."""
    import numpy as np

    if cells and all(_THOUSANDS.match(shape) for shape in {cell.translate(_DIGITS) for cell in cells}):
        flat = [cell.replace(b",", b"") for cell in cells]
        end = np.cumsum([len(cell) + 1 for cell in flat]) - 1
        value, odd = decimals(Text.of(b" ".join(flat)), np.concatenate([[0], end[:-1] + 1]), end)
        if not odd.size:
            return value, np.ones(len(cells), bool)
    found = [size(cell.decode("latin-1")) for cell in cells]
    there = np.array([number is not None for number in found], bool)
    return np.array([math.nan if number is None else number for number in found], np.float64), there
