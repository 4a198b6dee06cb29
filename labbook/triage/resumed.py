"""Restarts of a run, seen where its segments change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labbook.records import Curve
from labbook.summary import Flag, Severity
from labbook.triage.evidence import Evidence, explain
from labbook.triage.thresholds import ResumedLimits, thresholds


@dataclass(frozen=True)
class Resumed:
    """A step at or below the largest seen opened a segment; the last written value of a step counts."""

    limits: ResumedLimits = thresholds().resumed
    id: str = "resumed"
    severity: Severity = "info"
    rule: str = "A step at or below the largest one seen before opens a new segment."

    def explain(self) -> str:
        """The rule and what it cannot tell apart."""
        return explain(
            self,
            "The last written value of a step counts, the rest is kept as shadow.",
            "Two runs written into one file look the same; where more than "
            f"{self.limits.most_switches} times an older segment comes back, a warning says so.",
        )

    def find(self, evidence: Evidence) -> list[Flag]:
        """One flag for each segment that still has points, or a single one for two runs in one file."""
        curve = evidence.loss
        if curve is None or not len(curve):
            return []
        moves = np.flatnonzero(np.diff(curve.segment) != 0) + 1
        returns = int((np.diff(curve.segment) < 0).sum())
        if returns > self.limits.most_switches:
            return [self._two_runs(curve, int(moves[0]), returns)]
        newer = moves[curve.segment[moves] > np.maximum.accumulate(curve.segment)[moves - 1]]
        return [self._flag(curve, int(i)) for i in newer] + self._from_the_start(curve)

    def _flag(self, curve: Curve, at: int) -> Flag:
        step = float(curve.step[at])
        text = f"resumed at step {step:.0f}, {self._tail(curve)}or a second run in the same file"
        return self._value(curve, at, text, "info")

    def _tail(self, curve: Curve) -> str:
        last = curve.segment == curve.segment.max()
        shadow = int((curve.step > curve.step[last].max()).sum())
        return f"{shadow} older points after it set aside; " if shadow else ""

    def _from_the_start(self, curve: Curve) -> list[Flag]:
        if curve.segment[0] == 0:
            return []
        text = f"started again at step {curve.step[0]:.0f}, {self._tail(curve)}or a second run in the same file"
        return [self._value(curve, 0, text, "info")]

    def _two_runs(self, curve: Curve, at: int, returns: int) -> Flag:
        text = f"two runs in one file: {returns} returns to an older segment; values of both are mixed"
        return self._value(curve, at, text, "warn")

    def _value(self, curve: Curve, at: int, text: str, severity: Severity) -> Flag:
        wall = float(curve.wall[at])
        return Flag(
            id=self.id,
            severity=severity,
            text=text,
            since_step=float(curve.step[at]),
            since_time=wall if np.isfinite(wall) else None,
            value=float(curve.segment[at]),
            window=len(curve),
        )
