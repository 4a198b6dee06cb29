"""Comma, tab and semicolon separated tables: Lightning's metrics.csv and any curve with a header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from labbook.logs import names
from labbook.logs.carry import load_part, save_part
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import Lines
from labbook.logs.numbers import CUT, number
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_SEPARATORS = (",", "\t", ";")
_LIGHTNING = frozenset({"epoch", "step"})


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
        if found is None or not (_has_axis(found[1]) and _has_loss(found[1])) or names.is_ladder_row(found[1]):
            return None
        separator, columns = found
        rows = [line for line in sample.head_lines[1:20] if line.strip()]
        widths = [len(line.split(separator)) == len(columns) for line in rows]
        return found if sum(widths) >= 0.9 * len(widths) - 1 else None

    def read(self, path: Path, offset: int, state: dict[str, object], *, final: bool = False) -> Reading:
        part = load_part(state.get("part"), self._new_part())
        rows = Rows(state.get("rows"))
        lines = Lines(path, offset, state, final=final)
        header = _known_header(state)
        issues: list[Issue] = []
        for place, line in lines:
            if header is None:
                header = header_of(line) if not line.endswith(CUT) else None
                continue
            self._row(line, place, header, (part, rows, issues))
        kept: dict[str, object] = {"part": save_part(part), "rows": rows.state(), "header": header}
        return Reading([part], lines.offset, lines.state() | kept, issues)

    def _new_part(self) -> RunPart:
        return RunPart(step_origin=1)

    def _row(
        self,
        line: str,
        place: int,
        header: tuple[str, list[str]],
        into: tuple[RunPart, Rows, list[Issue]],
    ) -> None:
        part, rows, issues = into
        separator, columns = header
        if not line or not line.strip(" \t" + CUT):
            return
        try:
            cells = split(line, separator)
        except csv.Error as error:
            issues.append(Issue("bad-line", f"not a row: {clean(str(error), 80)}", f"line {place}"))
            return
        if cells == columns:
            return  # the header again, after a restart
        if len(cells) != len(columns):
            text = f"{len(cells)} cells where the header has {len(columns)}"
            issues.append(Issue("cut-tail" if line.endswith(CUT) else "bad-line", text, f"line {place}"))
            return
        if line.endswith(CUT):
            cells[-1] = ""  # the last cell may be cut short
        if separator == ";":
            cells = [cell.replace(",", ".") if cell.count(",") == 1 else cell for cell in cells]
        row = {name: cell for name, cell in zip(columns, cells, strict=True) if name}
        if not rows.add(part, row, place, issues):
            issues.append(Issue("no-step", "a row without step, tokens or epoch", f"line {place}"))


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
