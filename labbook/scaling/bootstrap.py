"""Stratified pairs bootstrap of a fit: rungs drawn again within each size, all draws refitted at once.

For exports from 12 rungs on, and for Huber fits, whose objective has no closed standard error. On fewer rungs
it covers far less than it claims; the delta method does not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.errors import FitError
from labbook.scaling.form import BoolArray, FloatArray, IntArray, P, Q
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE, Handle, handle_of
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Points, digest, distinct, generator, read_points
from labbook.scaling.remedy import SAME
from labbook.scaling.values import Fit, Interval

TOLERANCE = 1e-7
DAMPING = 1e-3
ITERATIONS = 200
"""Fewer leave out the draws that determine the parameters least, and the interval comes out too narrow."""
SMALLEST_STRATUM = 3
STREAM = 101
"""Apart from the streams of the regimes' draws."""


@dataclass(frozen=True)
class Bootstrap:
    """Parameters of every draw that converged."""

    names: tuple[str, ...]
    values: FloatArray
    """(draws that converged, len(names)); the last name is `a` for a law of N and D."""
    draws: int
    failed: int
    """Draws without an optimum, left out of `values`."""
    strata: int
    seed: str
    """Digest the draws depend on."""

    def intervals(self, level: float = 0.95) -> dict[str, Interval]:
        """Percentile interval by name."""
        tail = 0.5 * (1.0 - level)
        # order statistics, since a parameter that ran away is infinite and has no middle with its neighbour
        low = np.quantile(self.values, tail, axis=0, method="lower")
        high = np.quantile(self.values, 1.0 - tail, axis=0, method="higher")
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(self.names)}


def bootstrap(
    fit: Fit,
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    draws: int = 2000,
    strata: Sequence[Hashable] | None = None,
) -> Bootstrap:
    """Refits of the fitted law to `draws` resamples of its own rungs N, D, L, each (n,).

    strata: (n,) labels; rungs are drawn within a label. By default the sizes, where one with fewer than three
    rungs joins its neighbour. Points must be runs: evals of one run are not independent draws.
    Raises ValueError where the rungs are not those of the fit or draws is not positive, FitError where no draw
    converged.
    """
    handle = handle_of(fit)
    points = read_points(N, D, L, None)
    if not _same_points(points, handle.points):
        raise ValueError("these are not the rungs the law was fitted to")
    if draws < 1:
        raise ValueError(f"draws must be positive, not {draws}")
    labels = _sizes(points.N) if strata is None else _labels(strata, points)
    seed = digest(N, D, L)
    weights = handle.points.weights * _counts(labels, draws, generator(seed, STREAM))
    theta, converged = _refit(handle, weights)
    if not converged.any():
        raise FitError("no resample of these rungs has an optimum", hint="use the delta-t interval of the fit")
    values, names = handle.law.to_params(theta[converged], handle.centred.centre), handle.law.names
    if handle.law.allocates:
        kept = theta[converged]
        values = np.column_stack([values, kept[:, Q] / (kept[:, P] + kept[:, Q])])
        names = (*names, EXPONENT_OF_COMPUTE)
    return Bootstrap(names, values, draws, int(np.count_nonzero(~converged)), int(labels.max()) + 1, seed)


def _refit(handle: Handle, weights: FloatArray) -> tuple[FloatArray, BoolArray]:
    points = handle.centred
    problems = Problems(handle.law.form, points.n, points.d, points.y, weights)
    start = np.repeat(handle.theta[None, :], weights.shape[0], axis=0)
    ended = minimise(problems, start, handle.delta, tolerance=TOLERANCE, damping=DAMPING, iterations=ITERATIONS)
    return ended.theta, ended.has_converged


def _same_points(one: Points, other: Points) -> bool:
    pairs = ((one.N, other.N), (one.D, other.D), (one.L, other.L))
    return all(a.size == b.size and bool((a == b).all()) for a, b in pairs)


def _sizes(N: FloatArray) -> IntArray:
    """Stratum of each point, N ascending: its size, small strata joined to the next one."""
    sizes = np.searchsorted(distinct(N, SAME), N, side="right") - 1
    joined = np.zeros(sizes.max() + 1, dtype=np.int64)
    stratum, members = 0, 0
    for size, count in enumerate(np.bincount(sizes)):
        if members >= SMALLEST_STRATUM:
            stratum, members = stratum + 1, 0
        joined[size] = stratum
        members += int(count)
    if members < SMALLEST_STRATUM and stratum > 0:
        joined[joined == stratum] = stratum - 1
    result: IntArray = joined[sizes]
    return result


def _labels(strata: Sequence[Hashable], points: Points) -> IntArray:
    if len(strata) != points.N.size:
        raise ValueError(f"strata must have one label a rung: {len(strata)} for {points.N.size}")
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(strata[i], len(known)) for i in points.order], dtype=np.int64)


def _counts(labels: IntArray, draws: int, random: np.random.Generator) -> FloatArray:
    """How often each point was drawn, (draws, n)."""
    counts = np.zeros((draws, labels.size))
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        counts[:, members] = random.multinomial(
            members.size, np.full(members.size, 1.0 / members.size), size=draws
        )
    return counts
