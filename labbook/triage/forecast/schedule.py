"""The learning rate of a run over its plan: its shape, how much of the decay is done, what lies ahead.

A forecast without a finished run of the same shape rests on the plan alone, and a finished run of another shape
is worse than none: it costs 2 to 4 % (science.md 6.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.triage.forecast.bins import FloatArray

SAME_SHAPE = 0.05
"""Largest difference in the rate as a share of its peak."""
SHIFT = 0.01
"""Share of the run by which a rate logged now and then may be displaced."""
GRID = 800
RISEN = 0.99
"""Of the peak: where the warm-up is over."""
FLAT = 0.01
"""A rate that never falls by more than this share of its peak is constant."""
WHOLE = 0.99
"""Share of the plan up to which a rate must be known to be known to the end."""


@dataclass(frozen=True)
class Schedule:
    """A learning rate over the share of the plan."""

    x: FloatArray
    """(n,) ascending, 1 at the planned end."""
    e: FloatArray
    """(n,) share of the highest rate."""
    declared: str = ""
    """How the configuration names it, with all that decides its shape; empty where it does not say."""

    @property
    def is_whole(self) -> bool:
        """Known to the planned end."""
        return bool(self.x.size and self.x[-1] >= WHOLE)

    @property
    def warm_up(self) -> float:
        """Share of the plan at which the rate has risen to its peak."""
        return float(self.x[int(np.argmax(self.e >= RISEN))])

    @property
    def is_constant(self) -> bool:
        """Known to the end, and never falling once it has risen."""
        return self.is_whole and bool((self.e[self.x >= self.warm_up] >= 1.0 - FLAT).all())

    def at(self, x: FloatArray | float) -> FloatArray:
        """Share of the highest rate at x, by straight lines."""
        return np.asarray(np.interp(np.asarray(x, np.float64), self.x, self.e), np.float64)


def constant(warm_up: float = 0.0) -> Schedule:
    """A rate that stays where it is after rising for `warm_up` of the run."""
    x = np.array([0.0, warm_up, 1.0])
    return Schedule(x, np.array([1.0 if warm_up == 0.0 else 0.0, 1.0, 1.0]), "constant")


def schedule(
    t: ArrayLike, rate: ArrayLike, horizon: float, *, declared: str = "", until: float = np.inf
) -> Schedule | None:
    """From rates as logged or planned, t in the unit of the horizon; None where no rate is above 0.

    until: rates at later t are not known yet.
    """
    at, lr = np.asarray(t, float), np.asarray(rate, float)
    kept = np.isfinite(at) & np.isfinite(lr) & (at <= until)
    at, lr = at[kept], lr[kept]
    if not at.size or not horizon > 0.0 or not lr.max() > 0.0:
        return None
    return Schedule(at / horizon, lr / float(lr.max()), declared)


def same_shape(one: Schedule | None, other: Schedule | None) -> bool | None:
    """Whether two runs share the shape of their learning rate, as far as both are known after their warm-ups;
    None where one is not known at all."""
    if one is None or other is None:
        return None
    if one.declared and one.declared == other.declared:
        return True
    start, end = max(one.warm_up, other.warm_up), min(one.x[-1], other.x[-1], 1.0)
    if start >= end:
        return None
    x = np.linspace(start, end, GRID)
    e, r = one.at(x), other.at(x)
    if float(np.abs(e - r).max()) <= SAME_SHAPE:
        return True
    return _outside(e, r, int(SHIFT * GRID / (end - start))) <= SAME_SHAPE


def _outside(e: FloatArray, other: FloatArray, reach: int) -> float:
    """How far e leaves the range the other takes within `reach` grid points."""
    if 2 * reach + 1 >= other.size:
        return float(np.maximum(e - other.max(), other.min() - e).max())
    window = np.lib.stride_tricks.sliding_window_view(np.pad(other, reach, mode="edge"), 2 * reach + 1)
    return float(np.maximum(e - window.max(axis=1), window.min(axis=1) - e).max())


def decay_done(plan: Schedule | None, frac: float) -> float | None:
    """q: the share of the planned decay that is done at `frac` of the run. 0 before the peak, 1 where the rate
    stays constant, None where it is not known to the end."""
    if plan is None or not plan.is_whole:
        return None
    if plan.is_constant:
        return 1.0
    if frac <= plan.warm_up:
        return 0.0
    end = float(plan.e[-1])
    return float(np.clip((1.0 - float(plan.at(frac))) / (1.0 - end), 0.0, 1.0)) if end < 1.0 else 1.0


def halves_soon(plan: Schedule | None, frac: float, within: float) -> bool:
    """Whether the rate falls by more than half within the next `within` of the run."""
    if plan is None:
        return False
    x = np.linspace(frac, min(1.0, frac + within), 50)
    return bool(plan.at(x).min() < 0.5 * float(plan.at(frac)))
