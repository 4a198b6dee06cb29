"""Fisher scoring for laws of a metric: damped Gauss-Newton steps on u, v and the bounds that are free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.metric import MetricLaw

U, V, LO, HI = range(4)
BINOMIAL = "binomial"
SHARE = "least-squares-share"
MOST_STEPS = 300
TOLERANCE = 1e-11
TINY = 1e-12
FIRST_DAMPING = 1e-3
MOST_DAMPING = 1e12
GAP = 1e-6
"""How near a fitted bound may come to the edge of its range, or the bounds to each other."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Measured shares, (n,) each, by x."""

    log_x: FloatArray
    """ln x less `centre`."""
    p: FloatArray
    items: FloatArray | None
    centre: float
    x: FloatArray

    @classmethod
    def of(cls, x: FloatArray, p: FloatArray, items: FloatArray | None) -> Readings:
        """Readings centred at the mean of ln x."""
        log_x = np.log(x)
        centre = float(log_x.mean()) if x.size else 0.0
        return cls(log_x - centre, p, items, centre, x)

    def weights(self, share: FloatArray) -> FloatArray:
        """Expected information of each reading on its share: m / (p (1 - p))."""
        assert self.items is not None
        weights: FloatArray = self.items / np.maximum(share * (1.0 - share), TINY)
        return weights


@dataclass(frozen=True, slots=True)
class _State:
    theta: FloatArray
    value: float


def share_and_slopes(law: MetricLaw, theta: FloatArray, log_x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fitted shares (n,) and their derivatives by u, v, lo, hi, (n, 4)."""
    with np.errstate(over="ignore"):
        eta = theta[U] + theta[V] * log_x
        q, slope = law.link.mean(eta), law.link.slope(eta)
    width = theta[HI] - theta[LO]
    by_u = width * slope
    return theta[LO] + width * q, np.column_stack([by_u, by_u * log_x, 1.0 - q, q])


def scoring(
    law: MetricLaw, readings: Readings, start: FloatArray, free: Sequence[int], objective: str
) -> tuple[FloatArray, float, bool, tuple[int, ...]]:
    """theta (4,), objective, whether it converged, and the free bounds that ended at an edge.

    Every start ends at its optimum; the best one is taken. `start` is joined by level lines, which every law
    allows, and by bounds a little outside the points where bounds are free.
    """
    box = _box(readings, objective)
    ended = [
        _descend(law, readings, each, free, objective, box) for each in _starts(law, readings, start, free)
    ]
    best, converged = min(ended, key=lambda end: (not math.isfinite(end[0].value), end[0].value))
    stuck = tuple(
        at
        for at in (LO, HI)
        if at in free and min(abs(best.theta[at] - edge) for edge in box[at - LO]) <= 2 * GAP
    )
    return best.theta, best.value, converged and math.isfinite(best.value), stuck


def _box(readings: Readings, objective: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of lo and hi: outside the points, except that counted points may scatter over a bound."""
    if objective == BINOMIAL:
        return (0.0, 1.0), (0.0, 1.0)
    return (0.0, float(readings.p.min())), (float(readings.p.max()), 1.0)


def _starts(law: MetricLaw, readings: Readings, start: FloatArray, free: Sequence[int]) -> list[FloatArray]:
    least, most = float(readings.p.min()), float(readings.p.max())
    lows = (start[LO],) if LO not in free else (0.0, 0.5 * least, 0.95 * least)
    highs = (start[HI],) if HI not in free else (1.0, 0.5 * (1.0 + most), 0.95 * most + 0.05)
    found = []
    for lo in lows:
        for hi in highs:
            width = hi - lo
            q = np.clip((readings.p - lo) / width, 0.02, 0.98)
            J = np.column_stack([np.ones(q.size), readings.log_x])
            u, v = np.linalg.lstsq(J, law.link.inverse(q), rcond=None)[0]
            found += [
                np.array([u, v, lo, hi]),
                np.array([law.link.inverse(np.array([np.mean(q)]))[0], 0.0, lo, hi]),
            ]
    return [start, *found] if len(free) == 2 else found


def _descend(
    law: MetricLaw,
    readings: Readings,
    start: FloatArray,
    free: Sequence[int],
    objective: str,
    box: tuple[tuple[float, float], tuple[float, float]],
) -> tuple[_State, bool]:
    state = _State(_inside(start, free, box), math.inf)
    state = _State(state.theta, _objective(law, readings, state.theta, objective))
    damping, converged = FIRST_DAMPING, False
    for _ in range(MOST_STEPS):
        step = _step(law, readings, state.theta, free, objective, damping, box)
        theta = _inside(state.theta + step, free, box)
        value = _objective(law, readings, theta, objective)
        if value < state.value or (value == state.value and damping <= FIRST_DAMPING):
            gained, moved = state.value - value, float(np.abs(theta - state.theta).max())
            state, damping = _State(theta, value), max(damping * 0.1, 1e-15)
            converged = gained <= TOLERANCE * (abs(value) + TOLERANCE) and moved <= 1e-7 * (
                1.0 + float(np.abs(theta).max())
            )
        else:
            damping = max(damping, 1e-9) * 10.0
            converged = damping > MOST_DAMPING and math.isfinite(state.value)
        if converged or damping > MOST_DAMPING:
            break
    return state, converged


def _inside(
    theta: FloatArray, free: Sequence[int], box: tuple[tuple[float, float], tuple[float, float]]
) -> FloatArray:
    """theta with its free bounds moved into their ranges."""
    theta = theta.copy()
    for at in (LO, HI):
        if at in free:
            theta[at] = min(max(theta[at], box[at - LO][0]), box[at - LO][1])
    if theta[HI] < theta[LO] + GAP:
        theta[HI] = theta[LO] + GAP
    return theta


def _step(
    law: MetricLaw,
    readings: Readings,
    theta: FloatArray,
    free: Sequence[int],
    objective: str,
    damping: float,
    box: tuple[tuple[float, float], tuple[float, float]],
) -> FloatArray:
    """Damped step of the free coordinates; a bound at an edge that would leave it stays."""
    share, slopes = share_and_slopes(law, theta, readings.log_x)
    weights = readings.weights(share) if objective == BINOMIAL else np.ones(share.size)
    downhill = slopes.T @ (weights * (readings.p - share))
    moving = [at for at in free if at < LO or not _pushed_out(theta[at], downhill[at], box[at - LO])]
    J = np.sqrt(weights)[:, None] * slopes[:, moving]
    H = J.T @ J
    H[np.diag_indices_from(H)] += damping * np.maximum(np.diag(H), TINY)
    step = np.zeros(4)
    step[moving] = np.linalg.lstsq(H, downhill[moving], rcond=None)[0]
    return step


def _pushed_out(value: float, downhill: float, ends: tuple[float, float]) -> bool:
    return (value <= ends[0] and downhill < 0.0) or (value >= ends[1] and downhill > 0.0)


def _objective(law: MetricLaw, readings: Readings, theta: FloatArray, objective: str) -> float:
    """Deviance or sum of squares; infinite where a share leaves (0, 1) that has a likelihood."""
    share, _ = share_and_slopes(law, theta, readings.log_x)
    if not np.isfinite(share).all():
        return math.inf
    if objective != BINOMIAL:
        return float(np.sum((readings.p - share) ** 2))
    p, m = readings.p, readings.items
    if m is None or (share <= 0.0).any() or (share >= 1.0).any():
        return math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(p > 0.0, p * np.log(p / share), 0.0)
        missed = np.where(p < 1.0, (1.0 - p) * np.log((1.0 - p) / (1.0 - share)), 0.0)
    return float(2.0 * m @ (hit + missed))
