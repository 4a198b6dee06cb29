"""Mode B: the planned learning rate and the run's own curve (science.md 6.3).

Three descriptions of what decay brings are fitted and averaged, each over many exponents. Their end value, and
their drop from the level now, are two anchors whose distance tells how far they can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labbook.triage.forecast.bins import FloatArray, Seen
from labbook.triage.forecast.robust import huber_fits, likelihoods
from labbook.triage.forecast.schedule import Schedule

LEAST_Q = 0.25
GRID, DROP_GRID = 3000, 1000
ALPHAS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.3])
FIT_FROM = 0.1
LEAST_NOISE = 3e-4
DROP_SHARE, DROP_SHARE_Q, DROP_SHARE_SD = 0.03, 0.035, 0.012
"""Of the loss: what a whole decay is expected to take off, and how sure of it one is."""
Q_RATE, Q_BETA, Q_GAMMA = 0.11, 0.59, 0.64
"""Of the multi-power law (Luo et al. 2025), the rate per step at the highest learning rate."""
LEAST_BINS = 6


@dataclass(frozen=True)
class Anchored:
    """A forecast between two anchors."""

    final: float
    gap: float


def from_schedule(seen: Seen, plan: Schedule, horizon: float, steps: float | None) -> Anchored | None:
    """Loss at the planned end; None below six bins in the last nine tenths of the way.

    plan: known to the end. steps: planned optimiser steps; without them one description of three is left out.
    """
    now = seen.now / horizon
    kept = seen.t >= max(FIT_FROM * seen.now, plan.warm_up * horizon)
    x, y = seen.t[kept] / horizon, seen.y[kept]
    if x.size < LEAST_BINS:
        return None
    sd = max(LEAST_NOISE * seen.level, seen.noise or 0.0)
    at = np.concatenate((x, [now, 1.0]))
    decayed, area = _decayed(plan, at), _area(plan, at)
    variants = [(at, decayed, DROP_SHARE), (area, decayed, DROP_SHARE)]
    if steps is not None:
        variants.append((area, _multi_power(plan, at, steps), DROP_SHARE_Q))
    found = [_ends(X, Z, y, sd, seen.level, share) for X, Z, share in variants]
    p1 = float(np.mean([end for end, _ in found]))
    p2 = seen.level + float(np.mean([change for _, change in found]))
    return Anchored(0.5 * (p1 + p2), abs(p1 - p2))


def _ends(
    X: FloatArray, Z: FloatArray, y: FloatArray, sd: float, level: float, share: float
) -> tuple[float, float]:
    """(loss at the end, its change from now) of one description; X, Z at the bins, now and at the end."""
    power = (X / X[-2])[None, :] ** -ALPHAS[:, None]
    rows = np.stack([np.ones_like(power), power, np.broadcast_to(-Z, power.shape)], axis=2)
    n = y.size
    c, chi2 = huber_fits(rows[:, :n], y, sd, (share * level, DROP_SHARE_SD * level))
    bad = (c[:, 0] < 0.0) | (c[:, 1] < 0.0)
    weight = likelihoods(chi2, n, bad)
    now, end = (np.einsum("mp,mp->m", rows[:, i], c) for i in (n, n + 1))
    return float(weight @ end), float(weight @ (end - now))


def _decayed(plan: Schedule, x: FloatArray) -> FloatArray:
    """1 - rate / peak after the peak, 0 before it."""
    return np.where(x > plan.warm_up, 1.0 - plan.at(x), 0.0)


def _grid(plan: Schedule, size: int) -> tuple[FloatArray, FloatArray]:
    """(x, rate / peak) at `size` equal steps to the planned end."""
    x = np.arange(1, size + 1) / size
    return x, plan.at(x)


def _area(plan: Schedule, x: FloatArray) -> FloatArray:
    """Sum of rate / peak up to x, in units of the run."""
    at, e = _grid(plan, GRID)
    return np.asarray(np.interp(x, np.append(0.0, at), np.append(0.0, np.cumsum(e) / GRID)), np.float64)


def _multi_power(plan: Schedule, x: FloatArray, steps: float) -> FloatArray:
    """Sum over the falls of the rate of their size times how far each has worked by x, (n,)."""
    at, e = _grid(plan, DROP_GRID)
    fall = -np.diff(e, prepend=e[0])
    fall[at <= plan.warm_up] = 0.0
    k = np.flatnonzero(fall)
    if not k.size:
        return np.zeros_like(x)
    area = _area(plan, at[k] - 1.0 / DROP_GRID)
    since = np.maximum(_area(plan, x)[:, None] - area, 0.0) * steps
    e_k = np.maximum(e[k], 1e-3)
    worked = 1.0 - (1.0 + Q_RATE * e_k**-Q_GAMMA * since) ** -Q_BETA
    return np.asarray(np.einsum("nk,k->n", worked, fall[k]), np.float64)
