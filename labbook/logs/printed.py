"""What a tracker kept of the terminal: its lines, read by the table of the trainer that printed them.

The first line that a table detects says which trainer it was; the lines before it are its header.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from labbook.logs.carry import put_config
from labbook.logs.lines import pieces, unlabel
from labbook.logs.names import is_loss
from labbook.records import RunPart

if TYPE_CHECKING:
    from labbook.logs.patterns import Table
    from labbook.logs.textreader import LineReader

MOST_LINES = 4000
"""Lines in which a trainer must be detected."""
MOST_KEPT = 1 << 15
"""Characters of header kept until then."""
LONGEST = 1 << 16
MOST_OPEN = 1 << 13
"""Characters kept of a line that has not ended: a bar is redrawn without an end."""


class Printed:
    """Reads the lines of one run. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.lines = int(known.get("lines", 0))
        """Lines met."""
        self.open = {str(stream): str(text) for stream, text in known.get("open", {}).items()}
        """By stream, a line without its end."""
        self.header = [str(line) for line in known.get("header", ())]
        """Lines before a trainer was detected."""
        self.table_name = str(known.get("table", ""))
        self._reader = _reader(self.table_name, known.get("reader")) if self.table_name else None

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        kept: dict[str, object] = {"lines": self.lines, "open": self.open, "table": self.table_name}
        if self._reader is not None:
            return kept | {"reader": self._reader.state()}
        return kept | {"header": self.header}

    def feed(self, text: str, stream: str = "") -> None:
        """Take what was written to one stream; a line may come in pieces."""
        *whole, rest = (self.open.get(stream, "") + text).split("\n")
        self.open[stream] = rest[-MOST_OPEN:]
        for line in whole:
            self._line(line.removesuffix("\r")[:LONGEST])

    def _line(self, line: str) -> None:
        self.lines += 1
        if self._reader is not None:
            self._reader.line(line, self.lines)
        elif self.lines <= MOST_LINES:
            self.header.append(line if sum(map(len, self.header)) < MOST_KEPT else "")
            found = _detected(line)
            if found:
                self.table_name = found
                self._reader = _reader(found, {})
                if self._reader is not None:
                    for place, each in enumerate(self.header, 1):
                        self._reader.line(each, place)
                self.header = []
        elif self.header:
            self.header = []

    def part(self) -> RunPart | None:
        """All that was read of the run so far, its new points; None where no trainer was detected."""
        return self._reader.parts()[-1] if self._reader is not None else None


def _reader(name: str, state: object) -> LineReader | None:
    from labbook.logs.textreader import LineReader

    table = next((table for table in _tables() if table.name == name), None)
    return LineReader(table, dict(state) if isinstance(state, dict) else {}) if table is not None else None


@lru_cache(maxsize=1)
def _tables() -> tuple[Table, ...]:
    from labbook import logs

    return logs.tables(logs.formats()[0])


def _detected(line: str) -> str:
    """Name of the first table that detects a line; empty where none does."""
    for piece in pieces(line):
        bare = unlabel(piece)[1]
        for table in _tables():
            may = not table.hints or any(hint in bare for hint in table.hints)
            if may and any(pattern.search(bare) for pattern in table.detect):
                return table.name
    return ""


def with_printed(part: RunPart, printed: RunPart | None, *, with_losses: bool) -> RunPart:
    """The run with what was printed beside it: figures, configuration it lacks, losses where it has none."""
    if printed is None:
        return part
    figures = [replace(figure, source=f"printed, {figure.source}") for figure in printed.figures]
    joined = replace(part, figures=[*part.figures, *figures], config=dict(part.config))
    put_config(
        joined, {k: v for k, v in printed.config.items() if k not in part.config}, "printed configuration"
    )
    if part.status == "unknown":
        joined.status, joined.status_line = printed.status, printed.status_line
    if with_losses:
        losses = {
            name: points for name, points in printed.series.items() if is_loss(name) or name == "train_eval"
        }
        if losses:
            joined.series = part.series | losses
            joined.step_kind, joined.step_origin = printed.step_kind, printed.step_origin
            joined.units = part.units | printed.units
    return joined
