"""What limits a run: more tokens, more parameters, or both alike; by every admitted law and pooled.

Both doublings cost twice the compute, so their gains in loss compare like with like. A single law covers the
true gains far less often than it claims; the pool of laws does not, and a dead-band keeps a verdict from
resting on a coin toss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import FloatArray, elasticities, jacobian, log_loss, shares
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import check_resources, digest, generator
from labbook.scaling.solve import START_TOLERANCE
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Comparison, FitStatus, Gains, Interval, Refusal, Regime

DRAWS = 60
DRAW_ITERATIONS = 60
DEAD_BAND = 1.5
PROBABLE = 0.8
LEAST_GAIN = 1e-5
"""Nats below which a gain counts as none."""
LEVEL = 0.90
INCONCLUSIVE = "inconclusive"
NO_LAW = Refusal("not-converged", "No optimum found; nothing is shown.")


@dataclass(frozen=True, slots=True)
class _Form:
    """One law's draws of both gains at the points asked for, (draws, m) each, and its own intervals."""

    g_tokens: FloatArray
    g_params: FloatArray
    tokens_interval: tuple[FloatArray, FloatArray]
    params_interval: tuple[FloatArray, FloatArray]


def regimes(
    comparison: Comparison, N: ArrayLike, D: ArrayLike, L: ArrayLike, at_N: ArrayLike, at_D: ArrayLike
) -> list[Regime]:
    """What limits runs of at_N parameters after at_D tokens, one Regime each.

    comparison: of exactly these rungs N, D, L (n,). at_N, at_D: (m,).
    A ladder that fails the gate gives `inconclusive` with the reason in `refused`. States of a run
    (under-trained, repeat-limited) are not the ladder's to know and are left to the caller.
    Raises ValueError where the comparison is of other rungs, or at_N, at_D are not positive; FitError for a
    comparison read back from a store.
    """
    if digest(N, D, L) != comparison.digest:
        raise ValueError("the comparison was made of other rungs")
    points = check_resources(at_N, at_D)
    refusal = comparison.gate if comparison.gate or comparison.admitted else NO_LAW
    if refusal is not None:
        return [_refused(refusal, n, d) for n, d in zip(*points, strict=True)]
    forms = {
        name: _draw_form(comparison, stream, name, *points) for stream, name in enumerate(comparison.admitted)
    }
    share = _data_shares(comparison, *points)
    slopes = _elasticities(comparison, *points)
    return [
        _judge(forms, column, float(n), float(d), share[column], (slopes[0][column], slopes[1][column]))
        for column, (n, d) in enumerate(zip(*points, strict=True))
    ]


def _refused(refusal: Refusal, N: float, D: float) -> Regime:
    return Regime(
        label=INCONCLUSIVE,
        N=float(N),
        D=float(D),
        pooled=None,
        by_form={},
        data_share=None,
        elasticity_N=None,
        elasticity_D=None,
        form_dependent=False,
        refused=refusal,
    )


def _draw_form(comparison: Comparison, stream: int, name: str, N: FloatArray, D: FloatArray) -> _Form:
    handle = handle_of(comparison.fits[name])
    noise = max(handle.noise, comparison.seed_sd)
    theta = _resample(handle, noise, generator(comparison.digest, stream))
    tokens, params = _gains(handle, theta, N, D)
    return _Form(
        tokens,
        params,
        _gain_interval(handle, noise, tokens, N, D, (1.0, 2.0)),
        _gain_interval(handle, noise, params, N, D, (2.0, 1.0)),
    )


def _resample(handle: Handle, noise: float, random: np.random.Generator) -> FloatArray:
    """theta (draws, 6) refitted to the law's own values plus noise.

    Draws come in mirrored pairs, so that their median is the fit's own value and not a matter of luck.
    """
    form, points = handle.law.form, handle.centred
    half = random.standard_normal((DRAWS // 2, points.n.size))
    spread = noise * np.concatenate([half, -half])
    y = log_loss(form, handle.theta, points.n, points.d) + spread
    problems = Problems(form, points.n, points.d, y, points.weights)
    start = np.repeat(handle.theta[None, :], DRAWS, axis=0)
    ended = minimise(problems, start, np.inf, tolerance=START_TOLERANCE, iterations=DRAW_ITERATIONS)
    return ended.theta[np.isfinite(ended.value)]


def _losses(handle: Handle, theta: FloatArray, N: FloatArray, D: FloatArray) -> FloatArray:
    return np.exp(log_loss(handle.law.form, theta, *handle.coordinates(N, D)))


def _gains(handle: Handle, theta: FloatArray, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
    here = _losses(handle, theta, N, D)
    return here - _losses(handle, theta, N, 2.0 * D), here - _losses(handle, theta, 2.0 * N, D)


def _gain_interval(
    handle: Handle, noise: float, draws: FloatArray, N: FloatArray, D: FloatArray, factor: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """90 % interval of the gain from (N, D) to (factor N, factor D): delta-t, else the draws' own quantiles."""
    if handle.covariance is None or handle.noise == 0.0:
        low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
        return low, high
    form = handle.law.form
    here, there = handle.coordinates(N, D), handle.coordinates(factor[0] * N, factor[1] * D)
    losses = [np.exp(log_loss(form, handle.theta, *where)) for where in (here, there)]
    gradient = losses[0][:, None] * jacobian(form, handle.theta, *here)
    gradient -= losses[1][:, None] * jacobian(form, handle.theta, *there)
    variance = np.einsum("ij,jk,ik->i", gradient, handle.covariance, gradient) * (noise / handle.noise) ** 2
    centre = losses[0] - losses[1]
    reach = t_quantile(LEVEL, handle.dof) * np.sqrt(np.maximum(variance, 0.0))
    return centre - reach, centre + reach


def _judge(
    forms: dict[str, _Form], column: int, N: float, D: float, share: float | None, slopes: tuple[float, float]
) -> Regime:
    by_form = {name: _summarise([form], column) for name, form in forms.items()}
    pooled = _summarise(list(forms.values()), column)
    others = {gains.label for gains in by_form.values()} - {pooled.label, INCONCLUSIVE}
    return Regime(
        label=pooled.label,
        N=N,
        D=D,
        pooled=pooled,
        by_form=by_form,
        data_share=share,
        elasticity_N=float(slopes[0]),
        elasticity_D=float(slopes[1]),
        form_dependent=bool(others),
    )


def _summarise(forms: list[_Form], column: int) -> Gains:
    tokens = np.concatenate([form.g_tokens[:, column] for form in forms])
    params = np.concatenate([form.g_params[:, column] for form in forms])
    ratios = [_log_ratio(form.g_tokens[:, column], form.g_params[:, column]) for form in forms]
    # one vote a form, also where some of its draws failed
    p_data = float(np.mean([np.mean(ratio > np.log(DEAD_BAND)) for ratio in ratios]))
    p_model = float(np.mean([np.mean(ratio < -np.log(DEAD_BAND)) for ratio in ratios]))
    p_balanced = max(0.0, 1.0 - p_data - p_model)
    return Gains(
        g_tokens=float(np.median(tokens)),
        g_tokens_interval=_hull([form.tokens_interval for form in forms], column),
        g_params=float(np.median(params)),
        g_params_interval=_hull([form.params_interval for form in forms], column),
        p_data=p_data,
        p_balanced=p_balanced,
        p_model=p_model,
        margin=float(np.median(np.concatenate(ratios))),
        label=_label(p_data, p_balanced, p_model),
    )


def _log_ratio(tokens: FloatArray, params: FloatArray) -> FloatArray:
    """ln rho; where one gain is none rho counts as 1e5 or 1e-5, where both are, as 1."""
    ratio = np.maximum(tokens, LEAST_GAIN) / np.maximum(params, LEAST_GAIN)
    ratio[(params <= LEAST_GAIN) & (tokens > LEAST_GAIN)] = 1.0 / LEAST_GAIN
    ratio[(tokens <= LEAST_GAIN) & (params > LEAST_GAIN)] = LEAST_GAIN
    return np.log(ratio)


def _hull(intervals: list[tuple[FloatArray, FloatArray]], column: int) -> Interval:
    return (
        float(min(low[column] for low, _ in intervals)),
        float(max(high[column] for _, high in intervals)),
    )


def _label(p_data: float, p_balanced: float, p_model: float) -> str:
    for label, p in (("data-limited", p_data), ("model-limited", p_model), ("balanced", p_balanced)):
        if p >= PROBABLE:
            return label
    return INCONCLUSIVE


def _data_shares(comparison: Comparison, N: FloatArray, D: FloatArray) -> list[float | None]:
    """s_D of the Kaplan form fitted to this ladder, never of published constants."""
    fit = comparison.fits.get("kaplan")
    if fit is None or fit.status is FitStatus.NOT_CONVERGED:
        return [None] * N.size
    handle = handle_of(fit)
    part = shares(handle.law.form, handle.theta[None, :], *handle.coordinates(N, D))
    assert part.v is not None
    return [float(share) for share in part.v[0]]


def _elasticities(comparison: Comparison, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
    """-d ln L / d ln N and -d ln L / d ln D of the preferred law."""
    assert comparison.preferred is not None  # some law is admitted, so one of them is preferred
    handle = handle_of(comparison.fits[comparison.preferred])
    return elasticities(handle.law.form, handle.theta, *handle.coordinates(N, D))
