"""What the laws say of single points: the loss there, what the next doubling is worth, what is given away."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import FloatArray, jacobian, log_loss
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.optimum import FLOP_PER_PARAM_AND_TOKEN, frontier, optimum_thetas
from labbook.scaling.planned import LEVEL, Beside, Forecast, Gain
from labbook.scaling.pooling import Voice, draw_thetas, estimate, pool, voice
from labbook.scaling.predict import predict_interval, predict_pool
from labbook.scaling.reach import reach
from labbook.scaling.values import Comparison

DOUBLED = {"tokens": (1.0, 2.0), "params": (2.0, 1.0)}
LEAST_DRAWS = 0.5
"""Share of a law's draws that must have an optimum for its range to be told."""


def forecast(
    comparison: Comparison, handles: list[Handle], N: FloatArray, D: FloatArray, at: tuple[float, float]
) -> Forecast:
    """One (N, D) by every admitted law, on a ladder of rungs N, D (n,); `handles` divide a budget.

    Raises ValueError where the point is not positive and finite.
    """
    n, d = np.array([at[0]]), np.array([at[1]])
    by_law = {}
    for name in comparison.admitted:
        ends = predict_interval(comparison.fits[name], n, d, LEVEL, new_run=True)
        by_law[name] = estimate(*(float(x[0]) for x in ends))
    away = reach(N, D, n, d)[0]
    return Forecast(
        N=at[0],
        D=at[1],
        C=FLOP_PER_PARAM_AND_TOKEN * at[0] * at[1],
        loss=estimate(*(float(x[0]) for x in predict_pool(comparison, n, d, LEVEL))),
        by_law=by_law,
        excess=beside(comparison, handles, [""], n, d)[0].excess,
        gains=tuple(_gain(comparison, of, n, d) for of in (*DOUBLED, "compute")),
        factor_N=away.factor_N,
        factor_D=away.factor_D,
        factor_C=away.factor_C,
        warnings=away.warnings,
    )


def _gain(comparison: Comparison, of: str, N: FloatArray, D: FloatArray) -> Gain:
    voices = {}
    for name in comparison.admitted:
        found = _gain_voice(handle_of(comparison.fits[name]), of, N, D)
        if np.isfinite(found.centre).all():
            voices[name] = found
    _, low, high = pool(list(voices.values()))
    middle = np.nanmedian(np.concatenate([_gain_draws(comparison, name, of, N, D) for name in voices]))
    return Gain(
        of,
        estimate(float(middle), float(low[0]), float(high[0])),
        {name: estimate(*(float(x[0]) for x in pool([found]))) for name, found in voices.items()},
    )


def _gain_draws(comparison: Comparison, name: str, of: str, N: FloatArray, D: FloatArray) -> FloatArray:
    """The gain under every draw of one law's parameters, (draws,).

    One set of draws for every kind of gain: twice the compute, divided at its best, then never buys less than
    twice the tokens or the parameters, draw for draw and so in the median.
    """
    handle = handle_of(comparison.fits[name])
    thetas = draw_thetas(comparison, name)
    if thetas is None:
        thetas = handle.theta[None, :]
    form = handle.law.form
    with np.errstate(all="ignore"):
        here = np.exp(log_loss(form, thetas, *handle.coordinates(N, D)))
        if of == "compute":
            C = 2.0 * FLOP_PER_PARAM_AND_TOKEN * N * D
            then = np.exp(optimum_thetas(handle.law, thetas, handle.centred.centre, C)[2])
        else:
            there = handle.coordinates(DOUBLED[of][0] * N, DOUBLED[of][1] * D)
            then = np.exp(log_loss(form, thetas, *there))
        result: FloatArray = (here - then)[:, 0]
    return np.where(np.isfinite(result), result, np.nan)


def _gain_voice(handle: Handle, of: str, N: FloatArray, D: FloatArray) -> Voice:
    """L(N, D) less the loss after the doubling, delta method.

    The doubled compute is spent at the law's own optimum, whose place does not move its loss.
    """
    form, theta = handle.law.form, handle.theta
    here = handle.coordinates(N, D)
    loss = np.exp(log_loss(form, theta, *here))
    gradient = loss[:, None] * jacobian(form, theta, *here)
    if of == "compute":
        line = frontier(handle, "compute", 2.0 * FLOP_PER_PARAM_AND_TOKEN * N * D)
        then, then_gradient = np.exp(line.L), line.L_gradient
    else:
        there = handle.coordinates(DOUBLED[of][0] * N, DOUBLED[of][1] * D)
        then, then_gradient = np.exp(log_loss(form, theta, *there)), jacobian(form, theta, *there)
    gradient = gradient - then[:, None] * then_gradient
    if handle.covariance is None:
        return voice(handle, loss - then, np.full_like(loss, np.nan))
    variance = np.einsum("mi,ij,mj->m", gradient, handle.covariance, gradient)
    return voice(handle, loss - then, np.sqrt(np.maximum(variance, 0.0)))


def beside(
    comparison: Comparison, handles: list[Handle], names: list[str], N: FloatArray, D: FloatArray
) -> tuple[Beside, ...]:
    """Loss at each (N, D), (m,), above each law's own optimum of the same C, over draws of its parameters.

    A distance from a minimum is no straight line in the parameters, so it is drawn and not linearised.
    """
    centres, pieces, lows, highs = {}, [], [], []
    for handle in handles:
        name = handle.law.name
        centres[name] = _excess(handle, handle.theta[None, :], N, D)[0]
        thetas = draw_thetas(comparison, name)
        drawn = _excess(handle, handle.theta[None, :] if thetas is None else thetas, N, D)
        pieces.append(drawn)
        if thetas is not None and np.isfinite(drawn).all(axis=1).mean() >= LEAST_DRAWS:
            low, high = np.nanquantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
            lows.append(low)
            highs.append(high)
    middle = np.nanmedian(np.concatenate(pieces), axis=0)
    low = np.min(lows, axis=0) if lows else np.full_like(middle, np.nan)
    high = np.max(highs, axis=0) if highs else np.full_like(middle, np.nan)
    return tuple(
        Beside(
            name,
            float(N[i]),
            float(D[i]),
            estimate(float(middle[i]), float(low[i]), float(high[i])),
            {law: float(values[i]) for law, values in centres.items()},
        )
        for i, name in enumerate(names)
    )


def _excess(handle: Handle, thetas: FloatArray, N: FloatArray, D: FloatArray) -> FloatArray:
    """(rows, m); nan for a draw without an optimum."""
    with np.errstate(all="ignore"):
        here = np.exp(log_loss(handle.law.form, thetas, *handle.coordinates(N, D)))
        best = optimum_thetas(handle.law, thetas, handle.centred.centre, FLOP_PER_PARAM_AND_TOKEN * N * D)[2]
        result: FloatArray = here - np.exp(best)
        return np.where(np.isfinite(result), np.maximum(result, 0.0), np.nan)
