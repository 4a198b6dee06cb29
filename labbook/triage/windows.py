"""What is left of a series once repeats, values that are no numbers and changes of regime are set apart.

A rule that compares a point with its neighbours only makes sense where the neighbours were logged the
same way and trained by the same learning-rate cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labbook.records import Curve
from labbook.triage.thresholds import Windows, thresholds

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Axis = Literal["step", "tokens", "epoch"]


@dataclass(frozen=True)
class Trace:
    """Finite values that stand, in the order of their steps; columns of equal length."""

    step: FloatArray
    value: FloatArray
    wall: FloatArray

    def __len__(self) -> int:
        return len(self.value)

    def part(self, start: int, end: int) -> Trace:
        """Points start..end-1."""
        return Trace(self.step[start:end], self.value[start:end], self.wall[start:end])

    def time_at(self, index: int) -> float | None:
        """Unix seconds of a point, None where the log does not say."""
        wall = float(self.wall[index])
        return wall if np.isfinite(wall) else None


def stands(curve: Curve) -> BoolArray:
    """(n,) True where no later segment has gone through an earlier or equal step.

    After a rollback the rest of the older segment is shadow until the new one has passed it.
    """
    segment = curve.segment
    if not len(segment):
        return np.zeros(0, bool)
    return np.asarray(segment >= np.maximum.accumulate(segment), dtype=bool)


def trace(curve: Curve | None) -> Trace:
    """The finite values that stand; empty for no curve."""
    if curve is None:
        empty = np.empty(0)
        return Trace(empty, empty, empty)
    kept = stands(curve) & np.isfinite(curve.value) & np.isfinite(curve.step)
    return Trace(curve.step[kept], curve.value[kept], curve.wall[kept])


def axis_of(curve: Curve) -> Axis:
    """What the curve runs over: its steps, else tokens, else epochs, whichever any point has."""
    if np.isfinite(curve.step).any():
        return "step"
    return "tokens" if np.isfinite(curve.tokens).any() else "epoch"


def trace_over(curve: Curve | None, axis: Axis) -> Trace:
    """The finite values that stand over `axis`, which takes the place of the step; empty for no curve.

    Where there is no step, a value stands as long as none was written later and further back.
    """
    if curve is None or axis == "step":
        return trace(curve)
    at = curve.tokens if axis == "tokens" else curve.epoch
    kept = np.flatnonzero(np.isfinite(curve.value) & np.isfinite(at))
    kept = kept[at[kept] <= np.minimum.accumulate(at[kept][::-1])[::-1]] if len(kept) else kept
    return Trace(at[kept], curve.value[kept], curve.wall[kept])


def cadence_starts(step: FloatArray) -> list[int]:
    """Indices at which the logging interval changes for good, the first always 0; step (n,) ascending."""
    limits = thresholds().windows
    gaps = np.diff(step)
    block = limits.cadence_block
    positive = gaps[gaps > 0]
    if len(gaps) < 2 * block or positive.max() <= limits.cadence_factor * positive.min():
        return [0]
    usable = len(gaps) // block * block
    medians = np.median(gaps[:usable].reshape(-1, block), axis=1)
    starts, reference = [0], medians[0]
    for j in range(1, len(medians) - 1):
        if _is_off(medians[j : j + 2], reference, limits).all():
            starts.append(_change(gaps, (j - 1) * block, reference, limits))
            reference = medians[j + 1]
    return starts


def _is_off(gap: FloatArray, reference: float, limits: Windows) -> BoolArray:
    return (gap > limits.cadence_factor * reference) | (gap * limits.cadence_factor < reference)


def _change(gaps: FloatArray, start: int, reference: float, limits: Windows) -> int:
    """Index of the first point after `start` that follows a gap unlike the reference, twice in a row."""
    off = _is_off(gaps[start:], reference, limits)
    return start + int(np.argmax(off[:-1] & off[1:])) + 1


def lr_restarts(lr: Curve | None) -> list[tuple[float, float]]:
    """(first, last) step of each climb of the learning rate after its warm-up."""
    limits = thresholds().windows
    points = trace(lr)
    rate = points.value
    start = _warm_up_end(rate, limits)
    rises = np.diff(rate) > 0
    rises[:start] = False
    if not rises.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([0], rises.astype(np.int8), [0]))))
    climbs = [(a, b) for a, b in edges.reshape(-1, 2) if rate[b] >= limits.lr_rise * rate[a]]
    return [(float(points.step[a]), float(points.step[b])) for a, b in climbs]


def _warm_up_end(rate: FloatArray, limits: Windows) -> int:
    """Index at which the first climb is over: the rate has fallen, or stayed equal for long."""
    fell = rate < limits.lr_fall * np.maximum.accumulate(rate) if len(rate) else np.zeros(0, bool)
    end = int(np.argmax(fell)) if fell.any() else len(rate)
    changes = np.flatnonzero(np.diff(rate[:end]) != 0)
    after = np.concatenate(([-1], changes, [end - 1]))
    flat = np.flatnonzero(np.diff(after) > limits.lr_plateau)
    return min(end, int(after[flat[0]]) + limits.lr_plateau) if len(flat) else end


def spans(points: Trace, lr: Curve | None, *, by_cadence: bool) -> list[tuple[int, int]]:
    """(start, end) of the windows a rule may compare points in, in order.

    Points logged while the learning rate climbs again belong to none; with `by_cadence` a change of the
    logging interval starts a window too.
    """
    climbs = [tuple(np.searchsorted(points.step, ends, side="right")) for ends in lr_restarts(lr)]
    cuts = {int(cut) for climb in climbs for cut in climb}
    cuts.update(cadence_starts(points.step) if by_cadence else ())
    inner = sorted(cut for cut in cuts if 0 < cut < len(points))
    windows = zip([0, *inner], [*inner, len(points)], strict=True)
    return [(a, b) for a, b in windows if not any(low <= a < high for low, high in climbs)]
