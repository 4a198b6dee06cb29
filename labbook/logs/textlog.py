"""Every trainer that prints lines: a format for each table of patterns."""

from __future__ import annotations

from pathlib import Path

from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import Lines
from labbook.logs.lineshapes import tells_digits
from labbook.logs.patterns import Table
from labbook.logs.textblock import Blocks
from labbook.logs.textreader import LineReader
from labbook.records import Issue, Reading
from labbook.text import clean

_ENOUGH = 8
"""Lines that make a format certain."""
_LONGEST = 4 << 20
"""Lines are matched in their first 64 KiB; more comes, so that whole blocks do."""


class TextFormat:
    """A trainer's stdout, read by its table."""

    whole = False

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table.name
        self._tells_digits = any(map(tells_digits, table.detect))

    def sniff(self, sample: Sample) -> Sniffed | None:
        hints = self.table.hints
        if hints and not any(hint in sample.text for hint in hints):
            return None
        found: list[tuple[str, str]] = []
        hits = 0
        rows = ((1, (row,)) for row in sample.bare_lines) if self._tells_digits else sample.shapes
        for count, lines in rows:
            if self._is_record(lines[0][1]):
                hits += count
                found += lines
        if not hits:
            return None
        evidence = sorted(found, key=_order)[:2]
        return Sniffed(
            min(0.97, 0.75 + 0.05 * min(hits, _ENOUGH)),
            tuple(Evidence(place, clean(bare, 160)) for place, bare in evidence),
        )

    def _is_record(self, bare: str) -> bool:
        hints = self.table.hints
        if hints and not any(map(bare.__contains__, hints)):
            return False
        return any(pattern.search(bare) for pattern in self.table.detect)

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        reader = LineReader(self.table, state)
        blocks = Blocks(reader)
        lines = Lines(
            path, offset, state, final=final, bars=True, longest=_LONGEST, limit=limit, bulk=blocks.take
        )
        blocks.read(lines)
        if final:
            reader.end()
        issues = [*reader.issues, *reader.inferences()]
        if blocks.long:
            text = "lines above 64 KiB are matched in their head"
            issues.append(Issue("long-line", text, f"line {blocks.long[0]}", len(blocks.long)))
        state = lines.state() | reader.state()
        return Reading(reader.parts(), lines.offset, state, issues, more=lines.more)


def _order(row: tuple[str, str]) -> tuple[bool, int]:
    """Lines of the head by their number, then what stands after some byte."""
    place = row[0]
    return not place.startswith("line"), int(place.rpartition(" ")[2])
