"""The allocation of least loss at a compute budget C = 6ND, for every law of N and D in the family of forms.

Whatever the power g and the constant, the loss rises with u + v alone, so on the line of one budget its
minimum lies where p u = q v, that is where both elasticities are equal. In the centred coordinates, with
c = ln(C/6) less both centres,

    ln N_opt = (a - b + q c + ln(p/q)) / (p + q)    ln D_opt = c - ln N_opt

which for Chinchilla's form is N_opt = G (C/6)^(beta/(alpha+beta)) of Hoffmann et al. 2022, eq. 4. The same
line p u = q v read at given tokens, or at given parameters, says for which budget they are the optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import A, B, FloatArray, P, Q, elasticities, jacobian, log_loss
from labbook.scaling.intervals import Handle
from labbook.scaling.laws.base import Centre, Law

FLOP_PER_PARAM_AND_TOKEN = 6.0
Given: TypeAlias = Literal["compute", "tokens", "params"]
"""What is fixed: C in FLOP by 6ND, D in tokens or N in parameters."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """Points of one law's compute-optimal line, each (m,), logarithms of the natural units."""

    N: FloatArray
    D: FloatArray
    L: FloatArray
    N_gradient: FloatArray
    """d ln N / d theta over the free coordinates, (m, k)."""
    D_gradient: FloatArray
    L_gradient: FloatArray

    @property
    def C(self) -> FloatArray:
        """ln of 6ND."""
        result: FloatArray = math.log(FLOP_PER_PARAM_AND_TOKEN) + self.N + self.D
        return result


def optimum(handle: Handle, C: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """N, D and ln L of least loss at budgets of C training FLOP, each (m,).

    C: (m,), counted as 6ND. nan where the law has no optimum between all parameters and all tokens: a law of
    one resource, or a fit one of whose sides does not fall. Raises ValueError where C is not positive.
    """
    found = optimum_thetas(handle.law, handle.theta[None, :], handle.centred.centre, C)
    return found[0][0], found[1][0], found[2][0]


def optimum_thetas(
    law: Law, thetas: FloatArray, centre: Centre, C: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """As `optimum`, for every row of thetas (draws, 6) about `centre`; each (draws, m)."""
    n, d = _line(law, thetas, centre, "compute", C)
    with np.errstate(all="ignore"):  # a draw that ran away ends as nan or infinite, and says so
        return np.exp(n + centre[0]), np.exp(d + centre[1]), log_loss(law.form, thetas, n, d)


def frontier(handle: Handle, given: Given, amount: ArrayLike) -> Frontier:
    """The compute-optimal points where `given` has these amounts (m,), with what they owe to the parameters.

    nan as `optimum`. Raises ValueError where an amount is not positive.
    """
    law, theta, centre = handle.law, handle.theta, handle.centred.centre
    n, d = (rows[0] for rows in _line(law, theta[None, :], centre, given, amount))
    by_n, by_d = _gradients(theta, given, n, d)
    if law.form.tied:
        by_n[:, P] += by_n[:, Q]
        by_d[:, P] += by_d[:, Q]
    free = list(law.form.free)
    by_n, by_d = by_n[:, free], by_d[:, free]
    with np.errstate(all="ignore"):
        slope_n, slope_d = elasticities(law.form, theta, n, d)
        by_L = jacobian(law.form, theta, n, d) - slope_n[:, None] * by_n - slope_d[:, None] * by_d
        return Frontier(n + centre[0], d + centre[1], log_loss(law.form, theta, n, d), by_n, by_d, by_L)


def errors(handle: Handle, gradient: FloatArray) -> FloatArray:
    """Standard errors of quantities with these gradients (m, k), by the delta method, (m,).

    nan where the points do not determine the law.
    """
    if handle.covariance is None:
        return np.full(gradient.shape[0], np.nan)
    variance = np.einsum("mi,ij,mj->m", gradient, handle.covariance, gradient)
    result: FloatArray = np.sqrt(np.maximum(variance, 0.0))
    return result


def _line(
    law: Law, thetas: FloatArray, centre: Centre, given: Given, amount: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Centred ln N and ln D of the line p u = q v, each (rows, m); nan where a power does not fall."""
    value = np.log(_amounts(amount))
    rows = thetas[:, :, None]
    p, q = rows[:, P], rows[:, Q]
    with np.errstate(all="ignore"):
        level = rows[:, A] - rows[:, B] + np.log(p / q)
        if given == "compute":
            budget = value - math.log(FLOP_PER_PARAM_AND_TOKEN) - math.fsum(centre)
            n = (level + q * budget) / (p + q)
            d = budget - n
        elif given == "tokens":
            d = value - centre[1] + 0.0 * level
            n = (level + q * d) / p
        else:
            n = value - centre[0] + 0.0 * level
            d = (p * n - level) / q
    none = ((p <= 0.0) | (q <= 0.0))[:, 0] | ~np.isfinite(n + d).all(axis=1)
    if not law.form.has_d:
        none[:] = True
    n[none], d[none] = np.nan, np.nan
    return n, d


def _gradients(theta: FloatArray, given: Given, n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """d n / d theta and d d / d theta along the line, each (m, 6)."""
    p, q = theta[P], theta[Q]
    towards_n = np.zeros((n.size, theta.size))
    with np.errstate(all="ignore"):
        towards_n[:, A], towards_n[:, B] = 1.0, -1.0
        towards_n[:, P], towards_n[:, Q] = 1.0 / p - n, d - 1.0 / q
        if given == "compute":
            return towards_n / (p + q), -towards_n / (p + q)
        if given == "tokens":
            return towards_n / p, np.zeros_like(towards_n)
        return np.zeros_like(towards_n), -towards_n / q


def _amounts(amount: ArrayLike) -> FloatArray:
    found = np.atleast_1d(np.asarray(amount, float))
    if found.ndim != 1 or not ((found > 0.0) & np.isfinite(found)).all():
        raise ValueError("a budget must be one-dimensional, positive and finite")
    return found
