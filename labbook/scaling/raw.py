"""Least squares in the loss itself, sum of (f - L)^2: offered for comparison, never the default.

It weighs a miss of 0.01 nats alike at every loss, so the small and short runs, whose losses are large, decide
more than they do in logs. Its stationary points are those of least squares in logs with weights
f (f - L)/(ln f - ln L), about L^2; a few rounds of these weights reach them, and what follows from a weighted
fit (intervals, refits without a group, resamples) serves here too.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from labbook.scaling.form import FloatArray, log_loss
from labbook.scaling.laws.base import Law
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Centred, Points
from labbook.scaling.solve import POLISH_TOLERANCE, Solution, solve

ROUNDS = 50
SETTLED = 1e-11
"""Relative change of the weights from one round to the next."""


def solve_raw(law: Law, points: Points) -> tuple[Points, Centred, Solution]:
    """The best parameters, with the points at the weights that make them so.

    The solution's value is the objective of the weighted fit in logs that has the same optimum.
    """
    weighted = _reweighted(points, points.weights * points.L**2)
    centred = law.centre(weighted)
    found = solve(law, centred, math.inf)
    theta, has_settled = found.theta, False
    for _ in range(ROUNDS):
        log_f = log_loss(law.form, theta, centred.n, centred.d)
        following = _reweighted(points, points.weights * _raw_weights(log_f, centred.y))
        has_settled = bool(np.allclose(following.weights, weighted.weights, rtol=SETTLED, atol=0.0))
        weighted, centred = following, replace(centred, weights=following.weights)
        if has_settled:
            break
        problems = Problems(law.form, centred.n, centred.d, centred.y, centred.weights)
        theta = minimise(problems, theta[None, :], math.inf, tolerance=POLISH_TOLERANCE, damping=1e-6).theta[0]
    residuals = log_loss(law.form, theta, centred.n, centred.d) - centred.y
    value = 0.5 * float(weighted.weights @ residuals**2)
    return weighted, centred, replace(found, theta=theta, value=value, has_converged=has_settled)


def _raw_weights(log_f: FloatArray, y: FloatArray) -> FloatArray:
    r = log_f - y
    slope = np.ones_like(r)
    np.divide(np.expm1(r), r, out=slope, where=np.abs(r) > 0.0)
    result: FloatArray = np.exp(log_f + y) * slope
    return result


def _reweighted(points: Points, weights: FloatArray) -> Points:
    scale = float(weights[weights > 0.0].mean())
    return replace(points, weights=weights / scale, weight_scale=points.weight_scale * scale)
