"""What the reader of names and numbers keeps from one reading to the next, besides its counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labbook.logs import names
from labbook.logs.lane import is_held_out

MOST = 500
"""Names, records and validations that are kept."""


@dataclass(slots=True)
class Memory:
    """What one reading leaves to the next, as JSON."""

    first: float | None = None
    last: float | None = None
    """Step of the latest record."""
    epoch: float | None = None
    """Of the last header of an epoch."""
    rank: int | None = None
    held: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    """(rank, line, record) while it is not known which ranks write here."""
    waiting: list[tuple[str, str, int]] = field(default_factory=list)
    """(name, value, line) of validations before the first step."""
    bar: str = ""
    """Place of the last state of a bar."""
    shown: dict[str, str] = field(default_factory=dict)
    """Losses of validation as they were printed last."""
    runs: int = 1

    def is_news(self, name: str, value: str) -> bool:
        """False for a loss of validation that stands where it stood."""
        if self.shown.get(name) == value:
            return False
        if len(self.shown) >= MOST:
            self.shown.clear()
        self.shown[name] = value
        return True

    def unrepeated(self, metrics: dict[str, str]) -> dict[str, str]:
        """Metrics of a line: one of training may show the last loss of validation again, which is no point."""
        old = {key for key, value in metrics.items() if is_held_out(key) and not self.is_news(key, value)}
        if old and any(map(is_trained, metrics)):
            return {key: value for key, value in metrics.items() if key not in old}
        return metrics


def is_trained(name: str) -> bool:
    """True for a loss of training."""
    found = names.series_of(name) or names.series_of_tail(name)
    return found is not None and found[0] == "train"
