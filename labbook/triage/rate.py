"""The learning rate of a run as it was logged: its end, its warm-up, its fall under a mean of losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labbook.records import Curve
from labbook.summary import Level
from labbook.triage.thresholds import thresholds
from labbook.triage.windows import trace

_RISEN, _LOW = 0.99, 0.5
"""Of the peak: where a warm-up is over, and from how far below it its rise was seen."""
_EARLY = 0.2
"""Share of the steps a constant rate may take to begin."""


def last_rate(lr: Curve | None, losses: Sequence[Curve]) -> float | None:
    """The last logged rate; None where the losses go on for more than 3 % of the steps after it."""
    points = trace(lr)
    ends = [float(seen.step[-1]) for seen in map(trace, losses) if len(seen)]
    if not len(points) or not ends or points.step[-1] < thresholds().finished.lr_seen_from * max(ends):
        return None
    return float(points.value[-1])


def is_constant(lr: Curve | None, losses: Sequence[Curve]) -> bool:
    """Whether the rate stood still over the last four fifths of the run, to its end."""
    points, last = trace(lr), last_rate(lr, losses)
    if last is None or not last > 0:
        return False
    late = points.value[points.step >= _EARLY * points.step[-1]]
    return bool(late.min() >= _RISEN * late.max())


def warm_up(lr: Curve | None) -> float | None:
    """Step at which the rate has risen to its peak; None where the log does not begin well below it."""
    points = trace(lr)
    if len(points) < 2 or points.value[0] >= _LOW * points.value.max():
        return None
    return float(points.step[int(np.argmax(points.value >= _RISEN * points.value.max()))])


def fall_within(level: Level | None, train: Curve | None, lr: Curve | None) -> float | None:
    """Share of its peak by which the rate falls from the first to the last of the training losses that
    `level` is the mean of; None where it is no such mean, or no rate was logged."""
    points, rate = trace(train), trace(lr)
    if level is None or level.estimator != "mean_last_5pct" or level.n < 2 or not len(points) or not len(rate):
        return None
    peak = float(rate.value.max())
    if peak <= 0:
        return None
    first, last = np.interp([points.step[-level.n], points.step[-1]], rate.step, rate.value)
    return float((first - last) / peak)
