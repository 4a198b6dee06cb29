"""Runs whose step counter no longer moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labbook.quantities import format_duration
from labbook.summary import Flag, Severity
from labbook.triage.evidence import Evidence, explain
from labbook.triage.thresholds import StalledLimits, thresholds


@dataclass(frozen=True)
class Stalled:
    """No progress for much longer than this run has ever taken."""

    limits: StalledLimits = thresholds().stalled
    id: str = "stalled"
    severity: Severity = "crit"
    rule: str = "The step counter of a run that has not ended has not moved for far too long."

    def explain(self) -> str:
        """The rule and its thresholds."""
        x = self.limits
        return explain(
            self,
            f"Age of the last step above the largest of {x.least:g} s, {x.median_factor:g} x the median gap "
            f"and {x.largest_factor:g} x the largest of the last {x.gaps} gaps; before {x.few_gaps} gaps "
            f"are known at least {format_duration(x.first_gap)}.",
            "A file that grows without a new step does not count as progress.",
        )

    def find(self, evidence: Evidence) -> list[Flag]:
        """One flag, or none."""
        if evidence.has_ended or evidence.last_progress is None:
            return []
        age = evidence.now - evidence.last_progress
        usual, threshold = self._threshold(evidence)
        if not age > threshold:
            return []
        text = f"no step for {format_duration(age)}, threshold {format_duration(threshold)}"
        if usual is not None:
            text += f" (usual gap {format_duration(usual)})"
        step = _last_step(evidence)
        window = 0 if evidence.gaps is None else min(len(evidence.gaps), self.limits.gaps)
        return [Flag(self.id, self.severity, text, step, evidence.last_progress, age, threshold, window)]

    def _threshold(self, evidence: Evidence) -> tuple[float | None, float]:
        """(median gap where one is known, age above which a run has stalled), seconds."""
        gaps = np.asarray([] if evidence.gaps is None else evidence.gaps, dtype=float)
        gaps = gaps[np.isfinite(gaps) & (gaps >= 0)][-self.limits.gaps :]
        least = self.limits.first_gap if len(gaps) < self.limits.few_gaps else self.limits.least
        if not len(gaps):
            return None, least
        usual = float(np.median(gaps))
        longest = self.limits.largest_factor * float(gaps.max())
        return usual, max(least, self.limits.median_factor * usual, longest)


def _last_step(evidence: Evidence) -> float | None:
    steps = [float(c.step[-1]) for c in (evidence.train, evidence.val) if c is not None and len(c)]
    return max(steps, default=None)
