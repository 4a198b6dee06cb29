"""Looking for a trainer's line anywhere in a text: its first record may stand far behind its first megabyte."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from labbook import logs
from labbook.logs.format import Evidence, Format, Sample, Sniffed
from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.opening import opened
from labbook.text import clean

if TYPE_CHECKING:
    from labbook.logs.patterns import Table

_LINE = 4096
"""Characters of a line that are looked at."""
MOST_SCANNED = 64 << 20
"""Bytes that are looked at, unpacked."""
_OVERLAP = 256
"""Bytes of a block that are looked at again with the next: no hint is longer."""


def scan(sample: Sample, formats: Iterable[Format]) -> tuple[Format, Sniffed] | None:
    """The first text format whose line stands anywhere in the file, however deep. Raises OSError."""
    present = _hinted(sample.path, logs.tables(formats))
    for place, line in Lines(sample.path, 0, {}, bars=True) if present else ():
        for piece in pieces(line):
            bare = unlabel(piece)[1][:_LINE]
            for table in present:
                if any(pattern.search(bare) for pattern in table.detect):
                    form = next(form for form in formats if form.name == table.name)
                    return form, Sniffed(0.75, (Evidence(f"line {place}", clean(bare, 160)),))
    return None


def _hinted(path: Path, tables: Iterable[Table]) -> list[Table]:
    """The tables of which a line may stand in the file, by the text that every such line must hold."""
    waiting = {table.name: (table, [hint.encode() for hint in table.hints]) for table in tables}
    found = [table for table, hints in waiting.values() if not hints]
    waiting = {name: entry for name, entry in waiting.items() if entry[1]}
    before = b""
    left = MOST_SCANNED
    with opened(path) as file:
        while waiting and left > 0 and (block := file.read(1 << 20)):
            left -= len(block)
            text = before + block
            for name in [n for n, (_, hints) in waiting.items() if any(hint in text for hint in hints)]:
                found.append(waiting.pop(name)[0])
            before = block[-_OVERLAP:]
    return found
