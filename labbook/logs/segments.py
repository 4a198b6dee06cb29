"""Restarts: a step that falls back opens a new segment, unless two writers share the file."""

from __future__ import annotations

from dataclasses import dataclass

from labbook.records import Issue

FEW = 5
"""Falls that may be restarts even in a short log."""
SHARE = 0.02
"""Above this share of the records, falls are two writers and no restarts."""


@dataclass(slots=True)
class _Top:
    """The largest step of a series in its latest segment."""

    segment: int
    step: float


class Segments:
    """Counts the restarts of one run. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.current = int(known.get("current", 0))
        self.falls = int(known.get("falls", 0))
        self.points = int(known.get("points", 0))
        self.interleaved = bool(known.get("interleaved", False))
        self.seen: dict[str, _Top] = {
            series: _Top(int(segment), float(step))
            for series, (segment, step, *_) in known.get("seen", {}).items()
        }
        """By series, where it stands."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "current": self.current,
            "falls": self.falls,
            "points": self.points,
            "interleaved": self.interleaved,
            "seen": {series: [top.segment, top.step] for series, top in self.seen.items()},
        }

    def of(self, series: str, step: float, issues: list[Issue]) -> int:
        """Segment of the next point of `series`. A step that repeats is no fall: several log calls of one
        step, or a line printed twice."""
        self.points += 1
        top = self.seen.get(series)
        if top is None or top.segment < self.current:
            if step == step:
                self.seen[series] = _Top(self.current, step)
        elif step > top.step:
            top.step = step
        elif step < top.step:
            self._fall(issues)
            if not self.interleaved:
                self.seen[series] = _Top(self.current, step)
        return self.current

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
