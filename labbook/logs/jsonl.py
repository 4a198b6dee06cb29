"""JSON lines: one object a line, its keys by the names table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.logs import names
from labbook.logs.carry import flatten, load_part, put_config, save_part
from labbook.logs.column_map import apply_columns, columns_in, kept
from labbook.logs.endings import Endings
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import LONGEST_ROW, Lines, unlabel
from labbook.logs.numbers import CUT, number
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

if TYPE_CHECKING:
    from labbook.logs.bulk import Group

PARSED = 0.9
"""Share of the sampled lines that must be JSON objects."""
DEEPEST = 6
NO_STEP = "a record without step, tokens or epoch"
_SAMPLED = 100
"""Lines looked at from either end of the sample."""


def flat_row(tree: Mapping[str, object], prefix: str = "", depth: int = 0) -> dict[str, object]:
    """Nested objects as one row with `a.b` keys; a `metrics` or `data` level adds no prefix of its own."""
    row: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            inner = prefix if not prefix and key in {"metrics", "data", "logs"} else f"{prefix}{key}."
            row |= flat_row(value, inner, depth + 1) if depth < DEEPEST else {}
        elif not isinstance(value, list):
            row[f"{prefix}{key}"] = value
    return row


def parse_line(line: str) -> dict[str, object] | None:
    """The JSON object of a line, None where it is none."""
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Jsonl:
    """Any log of one JSON object a line that names a loss and a step."""

    name = "jsonl"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.binary or not sample.head.strip():
            return None
        if not sample.head_lines or sample.head_lines[0].lstrip()[:1] not in {"{", ""}:
            return None
        rows = list(_rows(sample))
        if len(rows) > 1 and parse_line(rows[-1][1]) is None:
            rows.pop()  # half written
        parsed = [(place, line, row) for place, line in rows if (row := parse_line(line)) is not None]
        if not parsed or len(parsed) < PARSED * len(rows):
            return None
        for place, line, row in parsed:
            keys = _renamed(flat_row(row), sample.columns)
            if _has_axis(keys) and _has_loss(keys) and not names.is_ladder_row(keys):
                return Sniffed(0.8, (Evidence(place, clean(line, 160)),))
        return None

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        part = load_part(state.get("part"), RunPart(step_origin=1))
        rows = Rows(state.get("rows"))
        endings = Endings(state.get("endings"))
        issues: list[Issue] = []
        columns = columns_in(state)

        def bulk(block: bytes, passed: int) -> int:
            return _take(block, passed, (part, rows, issues), endings)

        lines = Lines(
            path,
            offset,
            state,
            final=final,
            longest=LONGEST_ROW,
            heads=False,
            limit=limit,
            bulk=None if columns else bulk,
        )
        for place, line in lines:
            self._line(line, place, (part, rows, issues), endings, columns)
        issues += lines.unread()
        state = {"part": save_part(part), "rows": rows.state(), "endings": endings.state()}
        return Reading([part], lines.offset, lines.state() | state | kept(columns), issues, more=lines.more)

    def _line(
        self,
        line: str,
        place: int,
        into: tuple[RunPart, Rows, list[Issue]],
        endings: Endings,
        columns: Mapping[str, str],
    ) -> None:
        part, rows, issues = into
        text = line.removesuffix(CUT)
        row = parse_line(text)
        if row is not None:
            before = rows.added
            self._record(row, place, into, columns)
            if rows.added > before:
                endings.take_back(part)
        elif not endings.see(unlabel(text)[1], place, part) and text.strip():
            code = "cut-tail" if line.endswith(CUT) else "bad-line"
            issues.append(Issue(code, f"not a JSON object: {clean(text, 80)}", f"line {place}"))

    def _record(
        self,
        row: dict[str, object],
        place: int,
        into: tuple[RunPart, Rows, list[Issue]],
        columns: Mapping[str, str],
    ) -> None:
        part, rows, issues = into
        flat = _renamed(flat_row(row), columns)
        if not _has_axis(flat) and rows.axis is None and not _has_loss(flat):
            put_config(part, flatten(row.get("config", row)), f"line {place}")
        elif not rows.add(part, flat, place, issues):
            issues.append(Issue("no-step", NO_STEP, f"line {place}"))


def _renamed(row: dict[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    """The row by the names a person's map gives to its keys."""
    return dict(zip(apply_columns(columns, tuple(row)), row.values(), strict=True)) if columns else row


def _take(block: bytes, passed: int, into: tuple[RunPart, Rows, list[Issue]], endings: Endings) -> int:
    """Read a block of lines at once and say how many; 0 where one is no record, and then nothing was read."""
    import numpy as np

    from labbook.logs.blocks import json_groups
    from labbook.logs.bulk import put

    part, rows, issues = into
    found = json_groups(block, flat_row)
    if found is None or (rows.axis is None and not all(map(_are_records, found[0]))):
        return 0
    groups, count = found
    before, places = rows.added, passed + 1 + np.arange(count)
    put(rows, part, groups, places, issues, stray=NO_STEP)
    if rows.added > before:
        endings.take_back(part)
    return count


def _are_records(group: Group) -> bool:
    """True where no row of the group can be a configuration: each has a loss, or a number on an axis."""
    full = (key for key, column in zip(group.keys, group.columns, strict=True) if not isinstance(column, tuple))
    return _has_loss(dict.fromkeys(group.keys)) or _has_axis(dict.fromkeys(full, 0))


def _rows(sample: Sample) -> Iterator[tuple[str, str]]:
    """(place, line) of the sample without blank lines and without what a crash printed."""
    endings, nobody = Endings(), RunPart()
    lines = sample.lines
    for place, line in lines if len(lines) <= 2 * _SAMPLED else (*lines[:_SAMPLED], *lines[-_SAMPLED:]):
        if line.strip() and (line.lstrip()[:1] == "{" or not endings.see(unlabel(line)[1], 0, nobody)):
            yield place, line


def _has_axis(keys: Mapping[str, object]) -> bool:
    return any(
        number(value) is not None
        and (names.axis_rank(key) is not None or names.tokens_rank(key) is not None or names.is_epoch(key))
        for key, value in keys.items()
    )


def _has_loss(keys: Mapping[str, object]) -> bool:
    found = (names.series_of(key) or names.series_of_tail(key) for key in keys)
    return any(meaning is not None and names.is_loss(meaning[0]) for meaning in found)
