"""The rows of a table of runs as text: comma, tab and semicolon separated, or one JSON object a line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labbook.logs import names
from labbook.logs.column_map import apply_columns, column_issues
from labbook.logs.csvlog import header_of, row_of
from labbook.logs.format import Sample
from labbook.logs.jsonl import flat_row, parse_line
from labbook.logs.lines import LONGEST_ROW, Lines
from labbook.logs.numbers import CUT
from labbook.records import Issue

SAMPLED = 400
"""Rows of a sample that are looked at from either end."""
_PARSED = 0.9
"""Share of a sample's lines that must be rows."""
_MOST_BAD = 20
"""Rows that cannot be read are told one by one up to here."""

Header = tuple[str, list[str]]
"""(separator, columns)."""


class TableRows:
    """Rows from an offset on, as (line number, values by column); the columns bear the names of the map.

    Afterwards `offset` says where it stopped, `count` how many rows there were. Raises OSError.
    """

    def __init__(
        self,
        path: Path,
        offset: int,
        state: Mapping[str, object],
        columns: Mapping[str, str],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> None:
        self._lines = Lines(
            path, offset, dict(state), final=final, longest=LONGEST_ROW, heads=False, limit=limit
        )
        self._columns = columns
        self._header = _known_header(state)
        self._is_json = bool(state.get("json", False))
        self._renamed: dict[tuple[str, ...], list[str]] = {}
        self.count = int(str(state.get("rows_read", 0)))
        self.issues: list[Issue] = []

    @property
    def offset(self) -> int:
        """Bytes consumed, at the end of a row."""
        return self._lines.offset

    @property
    def more(self) -> bool:
        """True where the limit ended it and the file goes on."""
        return self._lines.more

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        kept = {"header": self._header, "json": self._is_json, "rows_read": self.count}
        return self._lines.state() | kept

    def __iter__(self) -> Iterator[tuple[int, dict[str, object]]]:
        for line, text in self._lines:
            row = self._row(text, line)
            if row is not None:
                self.count += 1
                yield line, row
        self.issues += self._lines.unread()

    def _row(self, text: str, line: int) -> dict[str, object] | None:
        bare = text.removesuffix(CUT)
        if not bare.strip():
            return None
        if self._header is None and not self._is_json:
            self._is_json = bare.lstrip().startswith("{")
            if not self._is_json:
                self._header = header_of(bare) if bare == text else None
                if self._header is not None:
                    self.issues += column_issues(self._columns, self._header[1], f"line {line}")
                return None
        row = self._parsed(bare, is_cut=bare != text, line=line)
        return None if row is None else self._named(row)

    def _parsed(self, text: str, *, is_cut: bool, line: int) -> dict[str, object] | None:
        if self._header is None:
            tree = parse_line(text)
            if tree is None:
                self._bad("cut-tail" if is_cut else "bad-line", "not a JSON object", line)
            return None if tree is None else flat_row(tree)
        cells = cells_of(text, self._header)
        if cells is None or len(cells) != len(self._header[1]):
            found = "cells that cannot be told apart" if cells is None else f"{len(cells)} cells"
            self._bad(
                "cut-tail" if is_cut else "bad-line", f"{found}; the header has {len(self._header[1])}", line
            )
            return None
        if cells == self._header[1]:
            return None
        if is_cut and not _ends_quoted(text):  # nobody can tell whether its last number is whole
            cells[-1] = ""
            text = "the last line does not end: its last cell is not read; end the file with a new line"
            self._bad("cut-tail", text, line)
        return first_of_each(self._header[1], cells)

    def _bad(self, code: str, text: str, line: int) -> None:
        if len(self.issues) < _MOST_BAD:
            self.issues.append(Issue(code, text, f"line {line}"))

    def _named(self, row: dict[str, object]) -> dict[str, object]:
        if not self._columns:
            return row
        keys = tuple(row)
        if keys not in self._renamed:
            self._renamed[keys] = renamed(self._columns, keys)
        return dict(zip(self._renamed[keys], row.values(), strict=True))


def renamed(columns: Mapping[str, str], keys: Sequence[str]) -> list[str]:
    """The names after the map; a loss keeps the unit its column names, or that it is a perplexity."""
    found = apply_columns(columns, keys)
    for at, (new, old) in enumerate(zip(found, keys, strict=True)):
        if new != old and new in ("loss", "val_loss"):
            found[at] = names.with_unit(new, old)
    return found


def _ends_quoted(line: str) -> bool:
    """True where the last cell ends with its closing quote."""
    return line.endswith('"') and line.count('"') % 2 == 0


def cells_of(line: str, header: Header) -> list[str] | None:
    """The cells of a line, a decimal comma as a point; None where they cannot be told apart."""
    try:
        cells = row_of(line, header)
    except csv.Error:
        return None
    if header[0] == ";":
        cells = [cell.replace(",", ".") if cell.count(",") == 1 else cell for cell in cells]
    return cells


def first_of_each(columns: Sequence[str], cells: Sequence[str]) -> dict[str, object]:
    """The cells by column; of columns with the same name the first counts."""
    row: dict[str, object] = {}
    for name, cell in zip(columns, cells, strict=True):
        if name:
            row.setdefault(name, cell)
    return row


def _known_header(state: Mapping[str, object]) -> Header | None:
    kept = state.get("header")
    return (str(kept[0]), [str(cell) for cell in kept[1]]) if isinstance(kept, list | tuple) else None


@dataclass(frozen=True, slots=True)
class SampledRows:
    """Rows of a sample, in file order with gaps."""

    keys: tuple[str, ...]
    """Columns of the first row after the map, or of one with more besides: JSON leaves a missing value out."""
    rows: tuple[Mapping[str, object], ...]
    is_json: bool
    is_mapped: bool
    """True where a person's map names a column that is there."""


def sampled_rows(sample: Sample, most: int = SAMPLED) -> SampledRows | None:
    """At most `most` rows from either end of a sample that is a table with a header or JSON lines.

    None where it is neither.
    """
    if sample.binary or not sample.head_lines:
        return None
    first = next((line for line in sample.head_lines if line.strip()), "")
    lines = [line for _, line in sample.lines if line.strip()]
    lines = lines if len(lines) <= 2 * most + 1 else [*lines[: most + 1], *lines[-most:]]
    if first.lstrip().startswith("{"):
        found = [flat_row(tree) for line in lines if (tree := parse_line(line)) is not None]
        return _sampled(found, len(lines), sample.columns, is_json=True)
    header = header_of(first)
    if header is None:
        return None
    split = (cells_of(line, header) for line in lines[1:])
    found = [first_of_each(header[1], row) for row in split if row is not None and len(row) == len(header[1])]
    return _sampled(found, len(lines) - 1, sample.columns, is_json=False)


def _sampled(
    rows: Sequence[dict[str, object]], lines: int, columns: Mapping[str, str], *, is_json: bool
) -> SampledRows | None:
    if not rows or len(rows) < _PARSED * (lines - 1):
        return None
    named = [dict(zip(renamed(columns, tuple(row)), row.values(), strict=True)) for row in rows]
    is_mapped = any(tuple(new) != tuple(old) for new, old in zip(named, rows, strict=True))
    widest = max(named, key=len)
    keys = widest if named[0].keys() <= widest.keys() else named[0]
    return SampledRows(tuple(keys), tuple(named), is_json, is_mapped)
