"""What limits a run: more tokens, more parameters, or both alike; by every admitted law and pooled.

Both doublings cost twice the compute, so their gains in loss compare like with like. A single law covers the
true gains far less often than it claims; the pool of laws does not, and a dead-band keeps a verdict from
resting on a coin toss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import FloatArray, elasticities, jacobian, log_loss, shares
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import check_resources, digest, generator
from labbook.scaling.solve import START_TOLERANCE
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Comparison, Fit, FitStatus, Gains, Interval, OwnGain, Refusal, Regime

DRAWS = 60
DRAW_ITERATIONS = 60
DEAD_BAND = 1.5
PROBABLE = 0.8
LEAST_GAIN = 1e-5
"""Nats below which a gain counts as none."""
LEVEL = 0.90
INCONCLUSIVE = "inconclusive"
NORMAL_90 = 1.6448536269514722
OWN_STREAM = 211
"""Apart from the streams of the laws' draws."""
NO_LAW = Refusal("not-converged", "No optimum found; nothing is shown.")


@dataclass(frozen=True, slots=True)
class _Form:
    """One law's draws of both gains at the points asked for, (draws, m) each, and its own intervals."""

    g_tokens: FloatArray
    g_params: FloatArray
    tokens_interval: tuple[FloatArray, FloatArray]
    params_interval: tuple[FloatArray, FloatArray]


def regimes(
    comparison: Comparison,
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    at_N: ArrayLike,
    at_D: ArrayLike,
    own: Sequence[OwnGain | None] = (),
) -> list[Regime]:
    """What limits runs of at_N parameters after at_D tokens, one Regime each.

    comparison: of exactly these rungs N, D, L (n,). at_N, at_D: (m,). own: what the runs' own curves say of
    twice the tokens, (m,) or empty; it stands in the place of the laws' gain.
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
    by_form = {name: _summarise([form]) for name, form in forms.items()}
    pooled = _summarise(list(forms.values()))
    found = [
        _judge(
            {name: gains[column] for name, gains in by_form.items()},
            pooled[column],
            (float(n), float(d)),
            share[column],
            (slopes[0][column], slopes[1][column]),
        )
        for column, (n, d) in enumerate(zip(*points, strict=True))
    ]
    return _by_own_curves(found, forms, own, comparison.digest)


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
    by_form: dict[str, Gains],
    pooled: Gains,
    at: tuple[float, float],
    share: float | None,
    slopes: tuple[float, float],
) -> Regime:
    return Regime(
        label=pooled.label,
        N=at[0],
        D=at[1],
        pooled=pooled,
        by_form=by_form,
        data_share=share,
        elasticity_N=float(slopes[0]),
        elasticity_D=float(slopes[1]),
        form_dependent=_disagree(by_form, pooled),
    )


def _disagree(by_form: dict[str, Gains], pooled: Gains) -> bool:
    return bool({gains.label for gains in by_form.values()} - {pooled.label, INCONCLUSIVE})


def _by_own_curves(
    found: list[Regime], forms: dict[str, _Form], own: Sequence[OwnGain | None], digest: str
) -> list[Regime]:
    """The pooled verdicts with the runs' own gains of tokens against the laws' gains of parameters."""
    known = {column: gain for column, gain in enumerate(own) if gain is not None}
    if not known:
        return found
    columns = list(known)
    low, high = np.array([gain.interval for gain in known.values()]).T
    sd = (high - low) / (2.0 * NORMAL_90)
    scatter = generator(digest, OWN_STREAM).standard_normal(DRAWS)
    tokens = np.array([gain.g for gain in known.values()]) + sd * scatter[:, None]
    replaced = []
    for form in forms.values():
        params = form.g_params[:, columns]
        ends = (form.params_interval[0][columns], form.params_interval[1][columns])
        replaced.append(_Form(tokens[: params.shape[0]], params, (low, high), ends))
    result = list(found)
    for (column, gain), gains in zip(known.items(), _summarise(replaced), strict=True):
        pooled = replace(gains, g_tokens=gain.g, tokens_from="curve")
        regime = found[column]
        result[column] = replace(
            regime,
            label=pooled.label,
            pooled=pooled,
            form_dependent=_disagree(regime.by_form, pooled),
        )
    return result


def _summarise(forms: list[_Form]) -> list[Gains]:
    """The gains of these forms together, one Gains a point."""
    ratios = [_log_ratio(form.g_tokens, form.g_params) for form in forms]
    # one vote a form, also where some of its draws failed
    data = np.mean([np.mean(ratio > np.log(DEAD_BAND), axis=0) for ratio in ratios], axis=0).tolist()
    model = np.mean([np.mean(ratio < -np.log(DEAD_BAND), axis=0) for ratio in ratios], axis=0).tolist()
    balanced = [max(0.0, 1.0 - p_data - p_model) for p_data, p_model in zip(data, model, strict=True)]
    tokens = _medians([form.g_tokens for form in forms])
    params = _medians([form.g_params for form in forms])
    margins = _medians(ratios)
    around_tokens = _hulls([form.tokens_interval for form in forms])
    around_params = _hulls([form.params_interval for form in forms])
    return [
        Gains(
            g_tokens=tokens[column],
            g_tokens_interval=around_tokens[column],
            g_params=params[column],
            g_params_interval=around_params[column],
            p_data=data[column],
            p_balanced=balanced[column],
            p_model=model[column],
            margin=margins[column],
            label=_label(data[column], balanced[column], model[column]),
        )
        for column in range(len(tokens))
    ]


def _medians(parts: list[FloatArray]) -> list[float]:
    result: list[float] = np.median(np.concatenate(parts), axis=0).tolist()
    return result


def _log_ratio(tokens: FloatArray, params: FloatArray) -> FloatArray:
    """ln rho; where one gain is none rho counts as 1e5 or 1e-5, where both are, as 1."""
    ratio = np.maximum(tokens, LEAST_GAIN) / np.maximum(params, LEAST_GAIN)
    ratio[(params <= LEAST_GAIN) & (tokens > LEAST_GAIN)] = 1.0 / LEAST_GAIN
    ratio[(tokens <= LEAST_GAIN) & (params > LEAST_GAIN)] = LEAST_GAIN
    return np.log(ratio)


def _hulls(intervals: list[tuple[FloatArray, FloatArray]]) -> list[Interval]:
    """From the least lower to the greatest upper end, point by point."""
    low = np.min([ends[0] for ends in intervals], axis=0)
    high = np.max([ends[1] for ends in intervals], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


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
    return slopes_of(comparison.fits[comparison.preferred], N, D)


def slopes_of(fit: Fit, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
    """-d ln L / d ln N and -d ln L / d ln D of a fitted law of N and D at (N, D), each (m,)."""
    handle = handle_of(fit)
    return elasticities(handle.law.form, handle.theta, *handle.coordinates(N, D))
