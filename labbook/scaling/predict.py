"""Losses a fit forecasts, with intervals: of one law, and of the pool of admitted laws."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from labbook.errors import FitError
from labbook.scaling.form import FloatArray, log_loss
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.laws import law_by_name
from labbook.scaling.points import check_resources
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Comparison, Fit

POOL_DRAWS = 60
"""Draws a form contributes to the pool, here at evenly spaced probabilities."""


def predict(fit: Fit, N: ArrayLike, D: ArrayLike) -> FloatArray:
    """Loss of the fitted law at N parameters and D tokens, (m,).

    Raises ValueError where N or D is not positive and finite.
    """
    N_, D_ = check_resources(N, D)
    if fit.handle is None:
        return law_by_name(fit.law).predict(N_, D_, fit.params)
    return np.exp(_log_centre(fit.handle, N_, D_))


def predict_interval(
    fit: Fit, N: ArrayLike, D: ArrayLike, level: float = 0.95, new_run: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre, lower and upper end of the loss at (N, D), each (m,), by the delta method in ln L.

    new_run: add the noise of one run; without it the interval is that of the law's own value.
    The ends are nan where the points do not determine the law. Raises ValueError as `predict`.
    """
    N_, D_ = check_resources(N, D)
    centre, half = _log_reach(handle_of(fit), N_, D_, level, new_run)
    return _losses(centre, centre - half, centre + half)


def predict_pool(
    comparison: Comparison, N: ArrayLike, D: ArrayLike, level: float = 0.90, new_run: bool = True
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre, lower and upper end of the loss of a run at (N, D) by all admitted laws, each (m,).

    The centre is the median of the laws' pooled draws, equal weight each; the interval runs from the least
    lower to the greatest upper end of their own, because laws differ more than any one of them is unsure.
    Raises FitError where no law is admitted, ValueError as `predict`.
    """
    if not comparison.admitted:
        raise FitError("no law could be fitted to this ladder", hint="finish more rungs, at several N and D")
    N_, D_ = check_resources(N, D)
    spread = np.array([NormalDist().inv_cdf((i + 0.5) / POOL_DRAWS) for i in range(POOL_DRAWS)])
    draws, low, high = [], [], []
    for name in comparison.admitted:
        handle = handle_of(comparison.fits[name])
        centre, half = _log_reach(handle, N_, D_, level, new_run)
        unit = half / t_quantile(level, handle.dof)
        draws.append(centre + np.nan_to_num(unit) * spread[:, None])
        low.append(centre - half)
        high.append(centre + half)
    middle = np.median(np.concatenate(draws), axis=0)
    return _losses(middle, np.fmin.reduce(low), np.fmax.reduce(high))


def _losses(centre: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    with np.errstate(over="ignore"):  # an end beyond any number is infinite, and says so
        return np.exp(centre), np.exp(low), np.exp(high)


def _log_centre(handle: Handle, N: FloatArray, D: FloatArray) -> FloatArray:
    return log_loss(handle.law.form, handle.theta, *handle.coordinates(N, D))


def _log_reach(
    handle: Handle, N: FloatArray, D: FloatArray, level: float, new_run: bool
) -> tuple[FloatArray, FloatArray]:
    centre = _log_centre(handle, N, D)
    variance = handle.log_variance(*handle.coordinates(N, D))
    if variance is None:
        return centre, np.full_like(centre, np.nan)
    if new_run:
        variance = variance + handle.noise**2
    return centre, t_quantile(level, handle.dof) * np.sqrt(variance)
