"""Restarts: a step that falls back opens a new segment, unless two writers share the file."""

from __future__ import annotations

import math

from labbook.records import Issue

FEW = 5
"""Falls that may be restarts even in a short log."""
SHARE = 0.02
"""Above this share of the records, falls are two writers and no restarts."""


class Segments:
    """Counts the restarts of one run. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.current = int(known.get("current", 0))
        self.falls = int(known.get("falls", 0))
        self.points = int(known.get("points", 0))
        self.interleaved = bool(known.get("interleaved", False))
        self.seen: dict[str, list[float | int | str]] = dict(known.get("seen", {}))
        """By series: its segment, the largest step in it, the value there."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "current": self.current,
            "falls": self.falls,
            "points": self.points,
            "interleaved": self.interleaved,
            "seen": self.seen,
        }

    def of(self, series: str, step: float, value: float, issues: list[Issue]) -> int:
        """Segment of the next point of `series`."""
        self.points += 1
        if math.isnan(step):
            return self.current
        last = self.seen.get(series)
        if last is None or int(last[0]) < self.current:
            self.seen[series] = [self.current, step, repr(value)]
        elif self._falls(series, step, value, last):
            self._fall(issues)
            self.seen[series] = [self.current, step if not self.interleaved else float(last[1]), repr(value)]
        elif step >= float(last[1]):
            last[1], last[2] = step, repr(value)
        return self.current

    def _falls(self, series: str, step: float, value: float, last: list[float | int | str]) -> bool:
        largest = float(last[1])
        return step < largest or (series == "train" and step == largest and repr(value) != last[2])

    def _fall(self, issues: list[Issue]) -> None:
        self.falls += 1
        if self.interleaved:
            return
        if self.falls > FEW and self.falls > SHARE * self.points:
            self.interleaved = True
            issues.append(
                Issue(
                    "two-writers",
                    "the step keeps falling back: two processes or unlabelled ranks write here; "
                    "the last written value of a step stands",
                )
            )
            return
        self.current += 1
