"""Columns of numbers between blanks, under one line of names: `# step loss`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

_COMMENT = re.compile(r"\s*(?:#+|%+|//|;)\s*")
_BETWEEN = re.compile(r"[,;]?\s+|[,;]")
_LOOKED_AT = 200
"""Rows of the sample that are looked at."""
_SHARE = 0.9
"""Share of them that must be rows of numbers."""
_MOST_COMMENTS = 50
"""Lines at the beginning among which the names may stand."""


class ColumnFile:
    """Numbers in columns whose names stand above them, with or without a comment sign."""

    name = "columns"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.binary:
            return None
        lines = [line for _, line in sample.lines if line.strip()]
        at = next((index for index, line in enumerate(lines[:_MOST_COMMENTS]) if _numbers(line)), None)
        if not at:
            return None
        header = lines[at - 1]
        columns = apply_columns(sample.columns, _words(header))
        if len(columns) != len(_split(lines[at])) or not _is_curve(columns) or not _is_ours(header):
            return None
        rows = lines[at : at + _LOOKED_AT]
        if sum(len(_split(line)) == len(columns) and _numbers(line) for line in rows) < _SHARE * (
            len(rows) - 1
        ):
            return None
        return Sniffed(0.8, (Evidence(f"line {at}", clean(header, 160)),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        mapped = columns_in(state)
        part = load_part(state.get("part"), RunPart(step_origin=1))
        rows, endings = Rows(state.get("rows")), Endings(state.get("endings"))
        lines = Lines(path, offset, state, final=final, longest=LONGEST_ROW, heads=False, limit=limit)
        header, issues = _texts(state.get("header")), list[Issue]()
        above = _texts(state.get("above")) or []
        for place, line in lines:
            text = line.removesuffix(CUT)
            if not _numbers(text):
                if header is None:
                    above = _words(text) or above
                elif (
                    not endings.see(unlabel(text)[1], place, part) and text.strip() and not _COMMENT.match(text)
                ):
                    issues.append(Issue("bad-line", "words where numbers stand", f"line {place}"))
                continue
            cells: list[str] = _split(text)
            if header is None:
                header = apply_columns(mapped, above)
                issues += column_issues(mapped, above, f"line {place}")
            if len(cells) != len(header):
                text = f"{len(cells)} numbers under {len(header)} names"
                issues.append(Issue("cut-tail" if line.endswith(CUT) else "bad-line", text, f"line {place}"))
                continue
            row = dict(zip(header, [*cells[:-1], ""] if line.endswith(CUT) else cells, strict=True))
            if not rows.add(part, row, place, issues):
                issues.append(Issue("no-step", "a row without step, tokens or epoch", f"line {place}"))
        issues += lines.unread()
        after: dict[str, object] = {"part": save_part(part), "rows": rows.state(), "endings": endings.state()}
        after |= {"header": header, "above": above} | lines.state() | kept(mapped)
        return Reading([part], lines.offset, after, issues, more=lines.more)


def _split(line: str) -> list[str]:
    return _BETWEEN.split(line.strip())


def _words(line: str) -> list[str]:
    """The names of a header line, with or without its comment sign."""
    bare = _COMMENT.sub("", line, count=1).strip()
    return _BETWEEN.split(bare) if bare else []


def _numbers(line: str) -> bool:
    """True for a line of two or more numbers and nothing else."""
    cells = _split(line)
    return len(cells) > 1 and all(number(cell) is not None for cell in cells)


def _is_ours(header: str) -> bool:
    """False for the header of a separated table, which other formats read."""
    return _COMMENT.match(header) is not None or not any(sign in header for sign in ",;\t")


def _is_curve(columns: Sequence[str]) -> bool:
    """True where an axis and a loss stand among the names."""
    axes = (names.axis_rank(name) is not None or names.tokens_rank(name) is not None for name in columns)
    return (any(axes) or any(map(names.is_epoch, columns))) and any(_is_loss(columns))


def _is_loss(columns: Iterable[str]) -> list[bool]:
    found = (names.series_of(name) or names.series_of_tail(name) for name in columns)
    return [meaning is not None and names.is_loss(meaning[0]) for meaning in found]


def _texts(value: object) -> list[str] | None:
    return [str(one) for one in value] if isinstance(value, list) else None
