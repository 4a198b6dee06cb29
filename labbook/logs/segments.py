"""Restarts: a step that falls back opens a new segment, unless two writers share the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labbook.records import Issue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Stretch = tuple[str, NDArray[np.int64], NDArray[np.float64]]
    """(series, place of each point among all points, ascending, its step)."""

FEW = 5
"""Falls that may be restarts even in a short log."""
SHARE = 0.02
"""Above this share of the records, falls are two writers and no restarts."""
_LOOKED_FOR = 8
"""Falls of one block that are looked for in whole columns; after them it goes point by point."""


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

    def of_columns(
        self, stretches: Sequence[Stretch], issues: list[Issue]
    ) -> tuple[list[NDArray[np.int32]], int | None]:
        """Segments of many points at once, as `of` gives them in the order of their places.

        Returns the segments of each stretch, and the place where an issue was added, None where none was.
        """
        import numpy as np

        found = [np.empty(len(step), np.int32) for _, _, step in stretches]
        begins, told = [0] * len(stretches), len(issues)
        for _ in range(_LOOKED_FOR):
            fall = self._first_fall(stretches, begins)
            self._rise(stretches, begins, found, None if fall is None else fall[0])
            if fall is None:
                return found, None
            place, which = fall
            series, _, step = stretches[which]
            found[which][begins[which]] = self.of(series, float(step[begins[which]]), issues)
            begins[which] += 1
            if len(issues) > told:
                self._rise(stretches, begins, found, None)
                return found, place
        return found, self._one_by_one(stretches, begins, found, issues)

    def _one_by_one(
        self,
        stretches: Sequence[Stretch],
        begins: Sequence[int],
        found: Sequence[NDArray[np.int32]],
        issues: list[Issue],
    ) -> int | None:
        told, at = len(issues), None
        rest = sorted(
            (place, which, begin + index)
            for which, ((_, places, _), begin) in enumerate(zip(stretches, begins, strict=True))
            for index, place in enumerate(places[begin:].tolist())
        )
        for place, which, index in rest:
            series, _, steps = stretches[which]
            found[which][index] = self.of(series, float(steps[index]), issues)
            at = place if at is None and len(issues) > told else at
        return at

    def _known_top(self, series: str) -> float:
        """The largest step of the series in the current segment; minus infinity where it has none."""
        top = self.seen.get(series)
        return -math.inf if top is None or top.segment < self.current else top.step

    def _first_fall(self, stretches: Sequence[Stretch], begins: Sequence[int]) -> tuple[int, int] | None:
        """(place, stretch) of the first point that opens a segment."""
        import numpy as np

        if self.interleaved:
            return None
        falls = []
        for which, ((series, places, steps), begin) in enumerate(zip(stretches, begins, strict=True)):
            step = steps[begin:]
            known = np.flatnonzero(step == step)
            step = step[known]
            before = np.concatenate([[self._known_top(series)], step[:-1]])
            at = np.flatnonzero(step < before)
            if at.size:
                falls.append((int(places[begin + known[at[0]]]), which))
        return min(falls, default=None)

    def _rise(
        self,
        stretches: Sequence[Stretch],
        begins: list[int],
        found: Sequence[NDArray[np.int32]],
        end: int | None,
    ) -> None:
        """Take the points before the place `end`, of which none opens a segment; `begins` moves on."""
        import numpy as np

        fresh = []
        for which, (series, places, steps) in enumerate(stretches):
            begin = begins[which]
            stop = len(steps) if end is None else int(np.searchsorted(places, end))
            found[which][begin:stop] = self.current
            self.points += stop - begin
            begins[which] = stop
            known = begin + np.flatnonzero(steps[begin:stop] == steps[begin:stop])
            if not known.size:
                continue
            highest = np.maximum.accumulate(np.concatenate([[self._known_top(series)], steps[known]]))
            self.falls += int(np.count_nonzero(steps[known] < highest[:-1]))
            fresh.append((int(places[known[0]]), series, float(highest[-1])))
        for _, series, step in sorted(fresh):
            self.seen[series] = _Top(self.current, step)
