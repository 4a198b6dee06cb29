"""Comma, tab and semicolon separated tables: Lightning's metrics.csv and any curve with a header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from labbook.logs import names
from labbook.logs.carry import load_part, save_part
from labbook.logs.column_map import apply_columns, column_issues, columns_in, kept
from labbook.logs.endings import Endings
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import LONGEST_ROW, Lines, unlabel
from labbook.logs.numbers import CUT, number
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_SEPARATORS = (",", "\t", ";")
_LIGHTNING = frozenset({"epoch", "step"})
NO_STEP = "a row without step, tokens or epoch"
_LOOKED_AT = 50
"""Rows after the header of which one has to be whole."""


def split(line: str, separator: str) -> list[str]:
    """The cells of one line, without blanks around them."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip() for cell in cells]


def header_of(line: str) -> tuple[str, list[str]] | None:
    """(separator, columns) where the line is a header of names, None where it is none."""
    separator = max(_SEPARATORS, key=line.count)
    try:
        columns = split(line, separator)
    except csv.Error:
        return None
    if len(columns) < 2 or any(number(cell) is not None for cell in columns if cell):
        return None
    if sum(bool(cell) for cell in columns) < len(columns) - 1:
        return None
    if not columns[0] and not _has_axis(columns):
        columns[0] = "epoch"  # a data frame's index
    return separator, columns


def row_of(line: str, header: tuple[str, list[str]]) -> list[str]:
    """The cells of a row; empty ones after the last column, from a separator at the end, are no cells.

    Between semicolons a comma is the point of a decimal.

    Raises csv.Error.
    """
    separator, columns = header
    cells = split(line, separator)
    while len(cells) > len(columns) and not cells[-1]:
        cells.pop()
    if separator == ";":
        return [cell.replace(",", ".") if cell.count(",") == 1 else cell for cell in cells]
    return cells


def uneven(lines: Sequence[str], header: tuple[str, list[str]]) -> str | None:
    """What is wrong with the first row, where none of the rows after the header can be read; else None.

    lines: the header's own and those after it, of which the last may be half written.
    """
    odd: str | None = None
    for place, line in enumerate(lines[1:-1][:_LOOKED_AT], 2):
        try:
            cells = row_of(line, header) if line.strip() else []
        except csv.Error:
            continue
        problem = _problem(cells, header, line) if cells else None
        if cells and problem is None:
            return None
        odd = odd or (f"line {place}: {problem}" if problem else None)
    return odd


def _problem(
    cells: Sequence[str], header: tuple[str, list[str]], line: str, *, strict: bool = False
) -> str | None:
    """Why these cells are no row. strict: an indented line with words in it is none either."""
    if len(cells) != len(header[1]):
        return f"{len(cells)} cell{'s' if len(cells) != 1 else ''} where the header has {len(header[1])}"
    words = [bool(cell) and number(cell) is None for cell in cells]
    if all(words) or (strict and line[:1].isspace() and any(words)):
        return "words where the header promises numbers"
    return None


def is_lightning(columns: Sequence[str], path: Path) -> bool:
    """True for the columns of Lightning's CSVLogger: epoch and step among metrics, in `metrics.csv`."""
    return set(columns) >= _LIGHTNING and path.name.endswith("metrics.csv")


class Csv:
    """A table with a header, one row a record."""

    name = "csv"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        found = self._header(sample)
        if found is None or is_lightning(found[1], sample.path):
            return None
        return Sniffed(0.7, (Evidence("line 1", clean(sample.head_lines[0], 160)),))

    def _header(self, sample: Sample) -> tuple[str, list[str]] | None:
        if sample.binary or len(sample.head_lines) < 1:
            return None
        found = header_of(sample.head_lines[0])
        if found is not None and sample.columns:
            found = found[0], apply_columns(sample.columns, found[1])
        if found is None or not (_has_axis(found[1]) and _has_loss(found[1])) or names.is_ladder_row(found[1]):
            return None
        return found if uneven(sample.head_lines, found) is None else None

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        reader = _Reader(load_part(state.get("part"), self._new_part()), state)
        lines = Lines(
            path,
            offset,
            state,
            final=final,
            longest=LONGEST_ROW,
            heads=False,
            limit=limit,
            bulk=reader.block,
        )
        for place, line in lines:
            reader.line(line, place)
        issues = [*reader.issues, *lines.unread()]
        return Reading([reader.part], lines.offset, lines.state() | reader.state(), issues, more=lines.more)

    def _new_part(self) -> RunPart:
        return RunPart(step_origin=1)


class _Reader:
    """One pass over a table. Kept as JSON between readings."""

    def __init__(self, part: RunPart, state: dict[str, object]) -> None:
        self.part = part
        self.rows, self.endings = Rows(state.get("rows")), Endings(state.get("endings"))
        self.header = _known_header(state)
        self.columns = columns_in(state)
        self.issues: list[Issue] = []

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "part": save_part(self.part),
            "rows": self.rows.state(),
            "header": self.header,
            "endings": self.endings.state(),
            **kept(self.columns),
        }

    def line(self, line: str, place: int) -> None:
        """Take one line."""
        if self.header is None:
            self.header = header_of(line) if not line.endswith(CUT) else None
            if self.header is not None and self.columns:
                separator, columns = self.header
                self.issues += column_issues(self.columns, columns, f"line {place}")
                self.header = separator, apply_columns(self.columns, columns)
            self.issues += _twice(self.header, place)
            return
        before = self.rows.added
        cells = self._cells(line, place, self.header)
        if cells is not None and not self.rows.add(self.part, _named(self.header, cells), place, self.issues):
            self.issues.append(Issue("no-step", NO_STEP, f"line {place}"))
        if self.rows.added > before:
            self.endings.take_back(self.part)

    def block(self, block: bytes, passed: int) -> int:
        """Take a block of lines at once and say how many; 0 where one is odd, and then nothing was taken."""
        import numpy as np

        from labbook.logs.bulk import put
        from labbook.logs.cells import table_group

        header, start = self.header, 0
        if header is None:
            start = block.index(b"\n") + 1
            header = header_of(block[: start - 1].decode("utf-8", "replace"))
        found = table_group(block[start:], *header) if header is not None and not self.endings.inside else None
        if found is None:
            return 0
        if self.header is None:
            self.header, passed = header, passed + 1
            self.issues += _twice(header, passed)
        before, count = self.rows.added, len(found.at)
        put(self.rows, self.part, [found], passed + 1 + np.arange(count), self.issues, stray=NO_STEP)
        if self.rows.added > before:
            self.endings.take_back(self.part)
        return count + (start > 0)

    def _cells(self, line: str, place: int, header: tuple[str, list[str]]) -> list[str] | None:
        """The cells of a row; None for what is none, which is an issue unless a crash printed it."""
        text = line.removesuffix(CUT)
        if not text.strip():
            return None
        problem: str | None = None
        try:
            cells = row_of(text, header)
        except csv.Error as error:
            cells, problem = [], f"not a row: {clean(str(error), 80)}"
        if cells == header[1]:
            return None  # the header again, after a restart
        problem = problem or _problem(cells, header, text, strict=self.endings.inside)
        if problem is None:
            return [*cells[:-1], ""] if line.endswith(CUT) else cells  # the last cell may be cut short
        if not self.endings.see(unlabel(text)[1], place, self.part):
            code = "cut-tail" if line.endswith(CUT) else "bad-line"
            self.issues.append(Issue(code, problem, f"line {place}"))
        return None


class LightningCsv(Csv):
    """`metrics.csv` of Lightning's CSVLogger: sparse rows; `step` is the index of the last update."""

    name = "lightning-csv"

    def sniff(self, sample: Sample) -> Sniffed | None:
        found = self._header(sample)
        if found is None or not is_lightning(found[1], sample.path):
            return None
        return Sniffed(0.95, (Evidence("line 1", clean(sample.head_lines[0], 160)),))

    def _new_part(self) -> RunPart:
        return RunPart(step_origin=0)


def _named(header: tuple[str, list[str]], cells: list[str]) -> dict[str, str]:
    """The row by column; of columns with the same name the first counts."""
    row: dict[str, str] = {}
    for name, cell in zip(header[1], cells, strict=True):
        if name:
            row.setdefault(name, cell)
    return row


def _twice(header: tuple[str, list[str]] | None, place: int) -> list[Issue]:
    """An issue for each name that several columns have."""
    columns = header[1] if header is not None else []
    names_twice = sorted({name for name in columns if name and columns.count(name) > 1})
    text = "several columns are called {}: the first one is read"
    return [Issue("repeated-column", text.format(clean(name, 60)), f"line {place}") for name in names_twice]


def _known_header(state: dict[str, object]) -> tuple[str, list[str]] | None:
    kept = state.get("header")
    return (str(kept[0]), [str(cell) for cell in kept[1]]) if isinstance(kept, list | tuple) else None


def _has_axis(columns: Sequence[str]) -> bool:
    return any(
        names.axis_rank(name) is not None or names.tokens_rank(name) is not None or names.is_epoch(name)
        for name in columns
    )


def _has_loss(columns: Sequence[str]) -> bool:
    found = (names.series_of(name) or names.series_of_tail(name) for name in columns)
    return any(meaning is not None and names.is_loss(meaning[0]) for meaning in found)
