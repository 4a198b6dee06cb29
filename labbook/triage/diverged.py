"""Losses that rise and stay up.

Long series are judged by the medians of blocks; short ones, such as a log of every 200th iteration, by
medians of three. Both compare with the least value so far, so a run that only stops improving is safe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from labbook.summary import Flag, Severity
from labbook.triage.evidence import Evidence, explain
from labbook.triage.rolling import previous_median
from labbook.triage.thresholds import DivergedLimits, thresholds
from labbook.triage.windows import Trace, lr_restarts, spans, trace

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Readings:
    """One window reduced to smoothed readings; columns of equal length, in order."""

    value: FloatArray
    bar: FloatArray
    """What a reading has to exceed; NaN where nothing came before."""
    fires: BoolArray
    """True where this and the readings just before it make a divergence."""
    first: IntArray
    """Index of the first and of the last point of each reading."""
    last: IntArray
    in_a_row: int
    """Readings above the bar that make a divergence, and back below it that end one."""


@dataclass(frozen=True)
class Diverged:
    """A rise of the loss well beyond its noise that persists."""

    limits: DivergedLimits = thresholds().diverged
    id: str = "diverged"
    severity: Severity = "crit"
    rule: str = "The loss has risen well above the least level it had reached, and stays there."

    def explain(self) -> str:
        """The rule, its windows and its thresholds."""
        x = self.limits
        return explain(
            self,
            f"From {x.dense_from} points: medians of blocks of {x.block_least} to {x.block_most} points; "
            f"{x.consecutive} in a row above the least so far by more than the larger of {x.sd:g} x the "
            f"scatter of blocks and {x.drop_share:.0%} of the drop since the first.",
            f"With fewer: median of 3 over {x.sparse_rise:g} x its least value for {x.sparse_records} "
            f"records, the middle one by more than {x.sparse_sd:g} x the noise of points.",
            "Cleared when as many in a row are back. After a learning-rate restart it begins anew.",
            f"Beyond {x.repeat_epochs:g} epochs a slow rise of the validation loss is memorisation.",
        )

    def find(self, evidence: Evidence) -> list[Flag]:
        """One flag for each episode of each window, and `lr-restart` for the last restart."""
        points = trace(evidence.loss)
        flags = self._restart(evidence, points)
        for start, end in spans(points, evidence.lr, by_cadence=False):
            part = points.part(start, end)
            readings = self.readings(part.value)
            flags += [
                self._flag(part, readings, first, cleared)
                for first, cleared in episodes(readings)
                if not self._is_memorisation(evidence, part, readings, first)
            ]
        return flags

    def readings(self, y: FloatArray) -> Readings:
        """The readings of losses y (n,), finite: blocks of many points, medians of three of few."""
        return self._blocks(y) if len(y) >= self.limits.dense_from else self._records(y)

    def _blocks(self, y: FloatArray) -> Readings:
        x = self.limits
        size = int(np.clip(len(y) // x.blocks, x.block_least, x.block_most))
        count = len(y) // size
        value = np.median(y[: count * size].reshape(count, size), axis=1)
        least = _least_before(value)
        jumps = np.abs(np.diff(value))
        scatter = MAD_TO_SD / np.sqrt(2) * previous_median(jumps, x.scatter_blocks, 1)
        scatter = np.concatenate(([np.nan], scatter))  # up to the block before, so that a rise is not noise
        bar = least + np.maximum(x.sd * scatter, x.drop_share * (value[0] - least))
        first = np.arange(count) * size
        return Readings(
            value, bar, _in_a_row(value > bar, x.consecutive), first, first + size - 1, x.consecutive
        )

    def _records(self, y: FloatArray) -> Readings:
        x = self.limits
        value = np.median(sliding_window_view(y, 3), axis=1) if len(y) >= 3 else np.empty(0)
        least = _least_before(value)
        bar = least + (x.sparse_rise - 1) * np.abs(least)
        fires = _in_a_row(value > bar, x.sparse_records)
        for at in np.flatnonzero(fires):
            run = slice(at - x.sparse_records + 1, at + 1)
            noise = _point_noise(y[: run.start + 2][-x.sparse_noise_window :])
            fires[at] = float(np.median(value[run] - least[run])) > x.sparse_sd * noise
        last = np.arange(len(value)) + 2
        return Readings(value, bar, fires, last, last, x.sparse_records)

    def _flag(self, part: Trace, readings: Readings, first: int, cleared: int | None) -> Flag:
        since = int(readings.first[first])
        worst = readings.value[first : cleared if cleared is None else cleared + 1]
        peak, bar = float(worst.max()), float(readings.bar[first])
        back = None if cleared is None else float(part.step[readings.last[cleared]])
        least = float(np.min(readings.value[:first]))
        text = f"loss rose to {peak:.4g} (least {least:.4g}) since step {part.step[since]:.0f}"
        return Flag(
            id=self.id,
            severity=self.severity,
            text=text + ("" if back is None else f"; back at step {back:.0f}"),
            since_step=float(part.step[since]),
            since_time=part.time_at(since),
            value=peak,
            threshold=bar,
            window=int(readings.last[0] - readings.first[0] + 1) if len(part) >= self.limits.dense_from else 3,
            cleared_step=back,
        )

    def _restart(self, evidence: Evidence, points: Trace) -> list[Flag]:
        restarts = lr_restarts(evidence.lr)
        if not restarts or not len(points):
            return []
        first, last = restarts[-1]
        times = "" if len(restarts) == 1 else f" ({len(restarts)} in all)"
        text = f"LR restart from step {first:.0f} to {last:.0f}{times}; a rise there is no divergence"
        return [Flag("lr-restart", "info", text, since_step=first, value=last)]

    def _is_memorisation(self, evidence: Evidence, part: Trace, readings: Readings, first: int) -> bool:
        """True for a slow rise of the validation loss of a run that has gone through its data often."""
        epochs = _epochs(evidence)
        if evidence.loss is not evidence.val or epochs is None or epochs <= self.limits.repeat_epochs:
            return False
        bottom = int(readings.last[int(np.argmin(readings.value[:first]))])
        took = float(part.step[readings.last[first]] - part.step[bottom])
        return took > self.limits.slow_share * float(part.step[-1])


def episodes(readings: Readings) -> list[tuple[int, int | None]]:
    """(first reading above the bar, reading at which the loss is back or None), for each divergence."""
    back = _in_a_row(~(readings.value > readings.bar), readings.in_a_row)
    found: list[tuple[int, int | None]] = []
    after = 0
    for at in np.flatnonzero(readings.fires):
        if at < after:
            continue
        ends = np.flatnonzero(back[at:])
        end = int(at + ends[0]) if len(ends) else None
        found.append((int(at) - readings.in_a_row + 1, end))
        after = len(back) if end is None else end + 1
    return found


def _least_before(value: FloatArray) -> FloatArray:
    """(n,) least of the values before each; NaN for the first."""
    if not len(value):
        return value
    return np.concatenate(([np.nan], np.minimum.accumulate(value)[:-1]))


def _in_a_row(hit: BoolArray, k: int) -> BoolArray:
    """(n,) True where the last k are all hits."""
    if len(hit) < k:
        return np.zeros(len(hit), bool)
    full = sliding_window_view(hit, k).all(axis=1)
    return np.concatenate((np.zeros(k - 1, bool), full))


def _point_noise(y: FloatArray) -> float:
    """Sd of single points from their second differences; infinite for fewer than five points."""
    if len(y) < 5:
        return float("inf")
    return MAD_TO_SD * float(np.median(np.abs(np.diff(y, 2)))) / 6**0.5


def _epochs(evidence: Evidence) -> float | None:
    if evidence.epochs is not None:
        return evidence.epochs
    counted = evidence.loss.epoch if evidence.loss is not None else np.empty(0)
    counted = counted[np.isfinite(counted)]
    return float(counted.max()) if len(counted) else None
