"""Losses that are not numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbook.records import Curve
from labbook.summary import Flag, Severity
from labbook.triage.evidence import Evidence, explain
from labbook.triage.thresholds import NanLimits, thresholds
from labbook.triage.windows import stands


@dataclass(frozen=True)
class Nan:
    """Values of the training or validation loss that the trainer printed as nan or inf."""

    limits: NanLimits = thresholds().nan
    id: str = "nan"
    severity: Severity = "crit"
    rule: str = "A training or validation loss is not finite, or the trainer counts nan iterations."

    def explain(self) -> str:
        """The rule and its thresholds."""
        need = self.limits.clear_after
        return explain(
            self,
            "A value that was not logged is no nan, nor is one of an estimate on training data.",
            f"Cleared after {need} finite points of the same series; a validation loss also after "
            f"{need} finite training losses once its latest value is finite.",
        )

    def find(self, evidence: Evidence) -> list[Flag]:
        """One flag for each episode of each series."""
        flags = self._series(evidence.train, None) + self._series(evidence.val, evidence.train)
        flags += self._counter(evidence.nan_iterations, evidence.loss)
        return sorted(flags, key=lambda flag: -np.inf if flag.since_step is None else flag.since_step)

    def _series(self, curve: Curve | None, other: Curve | None) -> list[Flag]:
        if curve is None or not len(curve):
            return []
        kept = stands(curve)
        wall, bad = curve.wall[kept], ~np.isfinite(curve.value[kept])
        # a log without steps still has an order; its points are counted instead
        step = np.where(np.isfinite(curve.step[kept]), curve.step[kept], np.arange(len(bad)))
        flags = []
        for group in _episodes(np.flatnonzero(bad), self.limits.clear_after):
            first, last = int(group[0]), int(group[-1])
            cleared = self._cleared(step[last + 1 :], float(step[last]), other)
            text = f"{curve.series} loss not finite: {_count(len(group))} {_place(step[first], step[last])}"
            flags.append(self._flag(text, float(step[first]), float(wall[first]), len(group), cleared))
        return flags

    def _counter(self, counter: Curve | None, loss: Curve | None) -> list[Flag]:
        if counter is None or not len(counter):
            return []
        hit = np.flatnonzero(np.diff(np.nan_to_num(counter.value), prepend=0.0) > 0)
        if not len(hit):
            return []
        first, last = int(hit[0]), int(hit[-1])
        most = float(np.nanmax(counter.value))
        cleared = self._cleared(counter.step[last : last + 1], float(counter.step[last]), loss)
        text = f"{most:g} nan iterations counted {_place(counter.step[first], counter.step[last])}"
        return [self._flag(text, float(counter.step[first]), float(counter.wall[first]), int(most), cleared)]

    def _cleared(self, after: NDArray[np.float64], last: float, other: Curve | None) -> float | None:
        """Step of the finite point that clears an episode whose last step is `last`.

        after: steps of the finite values of its own series since; none keeps it open.
        """
        need = self.limits.clear_after
        steps = [float(after[need - 1])] if len(after) >= need else []
        if other is not None and len(after):
            finite = np.isfinite(other.value) & stands(other) & (other.step > last)
            later = other.step[finite]
            if len(later) >= need:
                steps.append(max(float(later[need - 1]), float(after[0])))
        return min(steps) if steps else None

    def _flag(self, text: str, step: float, wall: float, count: int, cleared: float | None) -> Flag:
        if cleared is not None:
            text += f"; finite again, cleared at step {cleared:.0f}"
        since = wall if np.isfinite(wall) else None
        return Flag(
            self.id, self.severity, text, step, since, float(count), 0.0, self.limits.clear_after, cleared
        )


def _episodes(bad: NDArray[np.intp], apart: int) -> list[NDArray[np.intp]]:
    """Indices grouped where at least `apart` finite points lie between."""
    if not len(bad):
        return []
    return np.split(bad, np.flatnonzero(np.diff(bad) > apart) + 1)


def _count(n: int) -> str:
    return "1 value" if n == 1 else f"{n} values"


def _place(first: float, last: float) -> str:
    return f"at step {first:.0f}" if first == last else f"from step {first:.0f} to {last:.0f}"
