"""Many lines at once: runs of plain records become columns, everything else goes line by line.

Only the first pattern of a table is read so, and only where the record changes nothing but its own series: no
header, restart or value is waiting, and the steps rise. The rows, segments and the state that come out are
those of `LineReader.line` called for each line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labbook.logs.lines import LONGEST
from labbook.logs.lineshapes import Matched, Shapes, tells_digits
from labbook.logs.numbers import CUT
from labbook.logs.patterns import AXES, FIGURES, Table
from labbook.logs.textfields import named
from labbook.logs.textreader import LineReader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_BLOCK = 1 << 20
"""Characters of lines that are taken together."""
_FEW = 64
"""Lines below which columns are not worth their making."""
_TAKEN = AXES - {"per_epoch", "tokens_step", "tokens_before", "total"}


@dataclass(frozen=True, slots=True)
class _Column:
    """One group of the pattern."""

    group: int
    name: str
    """The axis, or the series."""
    factor: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """The groups of a pattern whose records can be read in columns."""

    pattern: re.Pattern[str]
    axes: dict[str, _Column]
    series: tuple[_Column, ...]


def _plan(table: Table) -> _Plan | None:
    record = table.records[0]
    if record.fields or record.object is not None or table.once or tells_digits(record.line):
        return None
    axes: dict[str, _Column] = {}
    series: list[_Column] = []
    for group, number in record.line.groupindex.items():
        if group in FIGURES - AXES or group in AXES - _TAKEN or group == "set":
            return None
        if group in AXES:
            axes[group] = _Column(number, group, 1.0)
        else:
            name, factor = named(group, 1.0)
            series.append(_Column(number, table.series.get(name, name), factor))
    names = {column.name for column in series}
    return _Plan(record.line, axes, tuple(series)) if "step" in axes and 0 < len(names) == len(series) else None


class Blocks:
    """Feeds a reader with blocks of lines."""

    def __init__(self, reader: LineReader) -> None:
        self.reader = reader
        self.long: list[int] = []
        """Places of the lines that were matched in their head alone."""
        self._plan = _plan(reader.table)
        self._shapes = None if self._plan is None else Shapes(self._plan.pattern)
        self._places: list[int] = []
        self._texts: list[str] = []
        self._room = _BLOCK

    def read(self, lines: Iterable[tuple[int, str]]) -> None:
        """Take all of the (place, line) pairs, in their order with the blocks that `take` gets meanwhile."""
        for place, text in lines:
            self._places.append(place)
            self._texts.append(text)
            self._room -= len(text)
            if self._room <= 0:
                self._flush()
        self._flush()

    def take(self, block: bytes, before: int) -> int:
        """Take whole lines in UTF-8, of which `before` came earlier; how many they are."""
        self._flush()
        lines = block.split(b"\n")[:-1]
        self._read(block, lines, range(before + 1, before + 1 + len(lines)))
        return len(lines)

    def _flush(self) -> None:
        places, texts = self._places, self._texts
        self._places, self._texts, self._room = [], [], _BLOCK
        if texts:
            lines = [text.encode("utf-8", "replace") for text in texts]
            self._read(b"\n".join([*lines, b""]), lines, places)

    def _read(self, block: bytes, lines: Sequence[bytes], places: Sequence[int]) -> None:
        matched = None if self._shapes is None or len(lines) < _FEW else self._shapes.match(block, lines)
        if self._plan is not None and matched is not None and len(matched.rows) >= _FEW:
            _Block(self, self._plan, lines, places, matched).read()
        else:
            for place, line in zip(places, lines, strict=True):
                self.line(line, place)

    def line(self, line: bytes, place: int) -> None:
        """Take one line."""
        text = line.decode("utf-8", "replace")
        if len(text) > LONGEST:
            self.long.append(place)
            text = text[:LONGEST] + CUT
        self.reader.line(text, place)


class _Block:
    """One block of lines, and the records of it whose points are not added yet."""

    def __init__(
        self, blocks: Blocks, plan: _Plan, lines: Sequence[bytes], places: Sequence[int], matched: Matched
    ) -> None:
        self.blocks, self.plan, self.lines, self.places, self.matched = blocks, plan, lines, places, matched
        self.reader = blocks.reader
        self.spans: list[tuple[int, int, int]] = []
        """(first row, row after the last, segment) of the records put off."""
        self.steps = self._column(plan.axes["step"])[0]
        self.rises = self._rising()

    def _column(self, column: _Column) -> tuple[Floats, Bools | None]:
        """(values, which are there) of the records; None for all."""
        return self.matched.column(column.group)

    def _rising(self) -> Ints:
        """Rows before which the step falls or is no number."""
        import numpy as np

        step = self.steps
        with np.errstate(invalid="ignore"):
            breaks = ~np.isfinite(step)
            breaks[1:] |= ~(step[1:] >= step[:-1])
        return np.flatnonzero(breaks)

    def read(self) -> None:
        """Take every line of the block in order."""
        import numpy as np

        reader = self.reader
        reader.put_off = self.flush, frozenset(column.name for column in self.plan.series)
        rows = self.matched.rows
        breaks = np.flatnonzero(np.diff(rows) > 1) + 1
        line = 0
        for row, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(rows)], strict=True):
            self._lines(line, int(rows[row]))
            self._span(row, end)
            line = int(rows[end - 1]) + 1
        self._lines(line, len(self.lines))
        self.flush()
        reader.put_off = None

    def _lines(self, line: int, end: int) -> None:
        for at in range(line, end):
            self.blocks.line(self.lines[at], self.places[at])

    def _span(self, row: int, end: int) -> None:
        """Take records that follow each other: put off what can be, the others one by one."""
        while row < end:
            stop = self._quick(row, end)
            if stop > row:
                self._put_off(row, stop)
                row = stop
            if row < end:
                at = int(self.matched.rows[row])
                self._lines(at, at + 1)
                row += 1

    def _quick(self, row: int, end: int) -> int:
        """The row up to which records touch nothing but their own series; `row` where the first does."""
        import numpy as np

        plan = self.plan
        if row == end or not self.reader.is_settled() or not np.isfinite(self.steps[row]):
            return row
        later = self.rises[np.searchsorted(self.rises, row + 1) :]
        end = min(end, int(later[0])) if later.size else end
        masks = [self._column(column)[1] for column in plan.series]
        if all(mask is not None for mask in masks):
            filled = np.logical_or.reduce([mask[row:end] for mask in masks if mask is not None])
            end = end if filled.all() else row + int(np.argmin(filled))
        for column, mask in zip(plan.series, masks, strict=True):
            if row == end:
                break
            first = row if mask is None or mask[row] else row + int(np.argmax(mask[row:end]))
            if first < end and (mask is None or mask[first]) and not self._rises(column.name, first):
                end = first
        return self._planned(row, end)

    def _rises(self, series: str, row: int) -> bool:
        """True where the series goes on at the step of the row and falls nowhere."""
        top = self.reader.segments.seen.get(series)
        if top is None or series not in self.reader.part.series:
            return False
        return top.segment < self.reader.segments.current or bool(self.steps[row] >= top.step)

    def _planned(self, row: int, end: int) -> int:
        """The row up to which the planned steps are those the run knows."""
        import numpy as np

        column = self.plan.axes.get("planned_steps")
        if column is None or row == end:
            return end
        known = [figure.value for figure in self.reader.part.figures if figure.key == "planned_steps"]
        value = self._column(column)[0][row:end]
        fresh = np.flatnonzero((value == value) & ~np.isin(value, known))
        return row + int(fresh[0]) if fresh.size else end

    def _put_off(self, row: int, end: int) -> None:
        """Count the records as read; their points are added by `flush`."""
        import numpy as np

        reader, segments = self.reader, self.reader.segments
        self.spans.append((row, end, segments.current))
        for column in self.plan.series:
            mask = self._column(column)[1]
            there = None if mask is None else np.flatnonzero(mask[row:end])
            count = end - row if there is None else len(there)
            if count:
                last = end - 1 if there is None else row + int(there[-1])
                top = segments.seen[column.name]
                top.segment, top.step = segments.current, float(self.steps[last])
                segments.points += count
        step = float(self.steps[row])
        reader.first = step if reader.first is None else min(reader.first, step)
        reader.last = {}
        for axis in ("step", "tokens", "epoch"):
            if (found := self.plan.axes.get(axis)) is not None:
                value = float(self._column(found)[0][end - 1])
                reader.last |= {axis: value} if math.isfinite(value) else {}

    def flush(self) -> None:
        """Add the points of the records put off."""
        import numpy as np

        spans, self.spans = self.spans, []
        if not spans:
            return
        rows = np.concatenate([np.arange(row, end) for row, end, _ in spans])
        segment = np.repeat(
            np.array([number for *_, number in spans], np.int32), [end - row for row, end, _ in spans]
        )
        place = np.array(self.places, np.int64)[self.matched.rows[rows]]
        step = self.steps[rows]
        tokens, epoch = (self._axis(name, rows) for name in ("tokens", "epoch"))
        for column in self.plan.series:
            value, mask = self._column(column)
            at = slice(None) if mask is None else mask[rows]
            if mask is not None and not mask[rows].any():
                continue
            self.reader.part.points(column.name).extend(
                step[at],
                value[rows][at] * column.factor,
                tokens=tokens if isinstance(tokens, float) else tokens[at],
                epoch=epoch if isinstance(epoch, float) else epoch[at],
                place=place[at],
                segment=segment[at],
            )

    def _axis(self, name: str, rows: Ints) -> Floats | float:
        column = self.plan.axes.get(name)
        return math.nan if column is None else self._column(column)[0][rows]
