"""The loss of a run, now or at its end, by a named estimator.

Not the median of raw training losses, which are skewed, and not their minimum, which reads up to half a
nat low (science.md 1.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labbook.records import Curve
from labbook.summary import Level
from labbook.triage.thresholds import thresholds
from labbook.triage.windows import Axis, Trace, axis_of, trace_over

FloatArray = NDArray[np.float64]
Kind = Literal["train", "val"]
Rule = Literal["last", "min_val", "mean_last_5pct", "line_last_15pct"]

MAD_TO_SD = 1.4826


def sd_level(curve: Curve) -> float | None:
    """Noise of one reading, in the loss's unit: 1.4826 x median|second difference| / sqrt 6 over the
    last 40 points (science.md 1.5). None for fewer than five points.

    It does not estimate the noise between seeds.
    """
    return _noise(_points(curve).value[-thresholds().level.noise_points :])


def last(curve: Curve) -> Level | None:
    """The last finite value; for validation on a fixed set once the learning rate has decayed."""
    points = _points(curve)
    if not len(points):
        return None
    return _level(curve, "last", points, len(points) - 1, float(points.value[-1]), sd_level(curve), 1)


def min_val(curve: Curve) -> Level | None:
    """The least finite value, for the data-limited reading; the first one where several are equal."""
    points = _points(curve)
    if not len(points):
        return None
    at = int(np.argmin(points.value))
    return _level(curve, "min_val", points, at, float(points.value[at]), sd_level(curve), 1)


def mean_last_5pct(curve: Curve, lr: Curve | None = None) -> Level | None:
    """Mean of the last 5 % of the points, at least 100, within the last stretch of the learning rate.

    On a short run never more than its last fifth, where a hundred points would reach back into the
    steep part. lr: logged rate; its last constant or falling stretch bounds the tail.
    """
    points = _points(curve)
    if not len(points):
        return None
    x, total = thresholds().level, len(points)
    count = min(max(math.ceil(x.tail_share * total), x.tail_least), math.ceil(x.tail_most_share * total))
    count = min(max(count, x.tail_floor), total)
    within = int((points.step >= _last_stretch(lr, axis_of(curve))).sum())
    tail = points.value[-max(1, min(count, within)) :]
    se = float(tail.std(ddof=1) / math.sqrt(len(tail))) if len(tail) > 1 else None
    return _level(curve, "mean_last_5pct", points, total - 1, float(tail.mean()), se, len(tail))


def line_last_15pct(curve: Curve) -> Level | None:
    """The level now of a running job: least-squares line of y on ln t over the last 15 % of t, at t_now.

    None where that stretch has fewer than five points.
    """
    points = _points(curve)
    x = thresholds().level
    if not len(points) or points.step[-1] <= 0:
        return None
    now = float(points.step[-1])
    tail = points.step >= max((1 - x.line_share) * now, np.nextafter(0, 1))
    n = int(tail.sum())
    if n < x.line_least or points.step[tail][0] == now:
        return None
    value, se = _line_at_end(np.log(points.step[tail]), points.value[tail])
    return _level(curve, "line_last_15pct", points, len(points) - 1, value, se, n)


ESTIMATORS: dict[Rule, Callable[[Curve], Level | None]] = {
    "last": last,
    "min_val": min_val,
    "mean_last_5pct": mean_last_5pct,
    "line_last_15pct": line_last_15pct,
}
"""By the name a report prints."""


def current_level(curve: Curve | None, running: bool, kind: Kind) -> Level | None:
    """The level now: of a running job the line of its last 15 %, where it has points enough; else the
    last value of a validation loss, the mean of the last 5 % of a training loss. None without a value."""
    if curve is None:
        return None
    line = line_last_15pct(curve) if running else None
    if line is not None:
        return line
    return last(curve) if kind == "val" else mean_last_5pct(curve)


def final_level(val: Curve | None, train: Curve | None, rule: Rule, lr: Curve | None = None) -> Level | None:
    """The loss of a finished run: of its validation curve by `rule`, else of its training loss by the
    mean of the last 5 %, whatever the rule: the others read raw training losses wrongly."""
    found = None if val is None else ESTIMATORS[rule](val)
    if found is None and val is not None:
        found = last(val)
    return found if found is not None or train is None else mean_last_5pct(train, lr)


def _points(curve: Curve) -> Trace:
    """The finite values that stand, over the steps, or over tokens or epochs where no point has a step."""
    return trace_over(curve, axis_of(curve))


def _level(
    curve: Curve, estimator: Rule, points: Trace, at: int, value: float, se: float | None, n: int
) -> Level:
    step = float(points.step[at]) if axis_of(curve) == "step" else None
    return Level(value, se, curve.series, estimator, step, n)


def _noise(y: FloatArray) -> float | None:
    if len(y) < 5:
        return None
    return MAD_TO_SD * float(np.median(np.abs(np.diff(y, 2)))) / math.sqrt(6)


def _line_at_end(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """(value, standard error) at the last x of the straight line through (x, y); n >= 3, x not constant."""
    at, spread = x - x.mean(), float(((x - x.mean()) ** 2).sum())
    slope = float((at * y).sum()) / spread
    residual = y - y.mean() - slope * at
    s = math.sqrt(float((residual**2).sum()) / (len(x) - 2))
    return float(y.mean()) + slope * float(at[-1]), s * math.sqrt(1 / len(x) + float(at[-1]) ** 2 / spread)


def _last_stretch(lr: Curve | None, axis: Axis) -> float:
    """Step from which the learning rate is constant to the end, or falls to the end; -inf if unknown.

    axis: what stands for the step. A few equal values are a falling rate printed with few digits, many are
    a constant one.
    """
    points = trace_over(lr, axis)
    if len(points) < 2:
        return -math.inf
    change = np.diff(points.value)
    moves = np.concatenate(([-1], np.flatnonzero(change != 0), [len(change)]))
    plateaus = np.flatnonzero(np.diff(moves) > thresholds().windows.lr_plateau)
    if len(plateaus) and moves[plateaus[-1] + 1] == len(change):
        return float(points.step[moves[plateaus[-1]] + 1])
    ends = [int(moves[plateaus[-1] + 1])] if len(plateaus) else []
    rises = np.flatnonzero(change > 0)
    ends += [int(rises[-1]) + 1] if len(rises) else []
    return float(points.step[max(ends)]) if ends else -math.inf
