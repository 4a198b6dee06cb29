"""Fit a law of a bounded metric: binomial likelihood where items are counted, least squares where not.

With known bounds and no counts the shares are brought to the link's scale (log-odds of the logistic law) and a
straight line in ln x is fitted; with bounds as parameters the squares are of the shares themselves, because
moving a bound moves the log-odds of every point and no sum over them could be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import BoolArray, FloatArray
from labbook.scaling.intervals import STEP
from labbook.scaling.laws.metric import MetricLaw
from labbook.scaling.metric_solve import BINOMIAL, HI, LO, SHARE, Readings, U, V, scoring, share_and_slopes
from labbook.scaling.metric_values import MetricFit
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import FitStatus, Interval, Refusal, Warned

LEVEL = 0.95
NORMAL = 1.959963984540054
"""Quantile of the normal distribution at LEVEL."""
LOG_ODDS = "least-squares-log-odds"
FEWEST_FOR_BOUNDS = 6
CEILING_SEEN = 0.6
"""Share of the way to a fitted ceiling that the best point must have gone."""
ABOVE_CHANCE = 2.0
"""Standard errors a point must lie above the lower bound."""
PSEUDO_COUNT = 0.5
UNCOUNTED = 1e6
"""Items taken for the clipping of shares where they are not counted."""
CONDITION = 1e8
LEAST_INFORMATION = 0.5
"""Information on u, in items, below which every point stands at a bound of the law."""


@dataclass(frozen=True, slots=True)
class MetricHandle:
    """What predictions need of a fit."""

    law: MetricLaw
    theta: FloatArray
    """u, v, lo, hi in ln x less `centre`."""
    free: tuple[int, ...]
    """Coordinates with a variance."""
    covariance: FloatArray
    """Of the free coordinates, without the dispersion."""
    reach: float
    """Half-width of a LEVEL interval in units of the covariance's standard errors."""
    centre: float
    readings: Readings
    objective: str
    noise: float
    """Standard deviation of one reading on the objective's scale; of counted items it is not used."""


def fit_metric(
    law: MetricLaw,
    x: ArrayLike,
    p: ArrayLike,
    items: ArrayLike | None = None,
    *,
    lo: float | None = 0.0,
    hi: float | None = 1.0,
    least_squares: bool = False,
) -> MetricFit | Refusal:
    """The law fitted to shares p at resources x, (n,) each.

    items: (n,) or one number, how many items each share was counted over; None where that is not known.
    lo, hi: the bounds where they are known (chance level, 1); None fits them, which takes six points.
    least_squares: on the link's scale with weights m q (1 - q) although items are counted and bounds known.
    Raises ValueError for arrays or bounds that cannot be read.
    """
    x_, p_, m_ = _columns(x, p, items)
    refused = _bounds_refused(law, p_, lo, hi)
    if refused is not None:
        return refused
    free = [U, V, *([LO] if lo is None and "lo" in law.bounds else []), *([HI] if hi is None else [])]
    kept = _above_chance(p_, m_, lo)
    order = np.lexsort((p_, x_))
    chosen = order[kept[order]]
    readings = Readings.of(x_[chosen], p_[chosen], None if m_ is None else m_[chosen])
    refused = _too_few(law, readings, free, int((~kept).sum()))
    if refused is not None:
        return refused
    by_line = len(free) == 2 and (m_ is None or least_squares)
    objective = LOG_ODDS if by_line else BINOMIAL if m_ is not None else SHARE
    ends = (lo if lo is not None else 0.0, hi if hi is not None else 1.0)
    start = line(law, readings, ends)
    stuck: tuple[int, ...] = ()
    theta, value, converged = start, _line_sum(law, readings, start), True
    if not by_line:
        theta, value, converged, stuck = scoring(law, readings, start, free, objective)
    if not converged or not np.isfinite(theta).all():
        text = "No optimum found; the points do not bound the law."
        return Refusal("not-converged", text, "points at more amounts of the resource, between the bounds")
    solved = _Solved(law, readings, theta, value, objective, tuple(free), stuck)
    return _describe(solved, chosen, kept)


@dataclass(frozen=True, slots=True)
class _Solved:
    law: MetricLaw
    readings: Readings
    theta: FloatArray
    value: float
    objective: str
    free: tuple[int, ...]
    stuck: tuple[int, ...]
    """Free coordinates that ended at the edge of their range."""


def _columns(
    x: ArrayLike, p: ArrayLike, items: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    x_, p_ = np.asarray(x, float), np.asarray(p, float)
    if x_.ndim != 1 or x_.shape != p_.shape:
        raise ValueError(f"x and p must be one-dimensional and of one length, not {x_.shape} and {p_.shape}")
    if not (np.isfinite(x_) & (x_ > 0.0)).all():
        raise ValueError("x must be positive and finite")
    if not (np.isfinite(p_) & (p_ >= 0.0) & (p_ <= 1.0)).all():
        raise ValueError("p must lie between 0 and 1")
    if items is None:
        return x_, p_, None
    m_ = np.broadcast_to(np.asarray(items, float), x_.shape).copy()
    if not (np.isfinite(m_) & (m_ > 0.0)).all():
        raise ValueError("items must be positive and finite")
    return x_, p_, m_


def _bounds_refused(law: MetricLaw, p: FloatArray, lo: float | None, hi: float | None) -> Refusal | None:
    low, high = (0.0 if lo is None else lo), (1.0 if hi is None else hi)
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(f"bounds must satisfy 0 <= lo < hi <= 1, not {low} and {high}")
    if not law.bounds and (lo, hi) != (0.0, 1.0):
        return Refusal(
            "no-bounds", f"{law.title} runs from 0 to 1 and has no other bounds.", "logistic has both"
        )
    if hi is not None and p.size and p.max() > hi:
        return Refusal("above-ceiling", f"A point at {p.max():.4g} lies above hi = {hi:.4g}.", "a higher hi")
    return None


def _above_chance(p: FloatArray, m: FloatArray | None, lo: float | None) -> BoolArray:
    """Points that can be told from chance; all of them where chance is 0 or unknown."""
    if not lo:
        return np.ones(p.size, bool)
    error = 0.0 if m is None else np.sqrt(lo * (1.0 - lo) / m)
    return p > lo + ABOVE_CHANCE * error


def _too_few(law: MetricLaw, readings: Readings, free: list[int], dropped: int) -> Refusal | None:
    n, k = readings.log_x.size, len(free)
    without = f" ({dropped} more cannot be told from chance)" if dropped else ""
    distinct = np.unique(readings.log_x).size
    if n <= k or distinct <= 2:
        text = f"{n} points at {distinct} amounts{without} for {k} parameters: no fit."
        return Refusal("too-few-points", text, f"at least {max(k + 1, 3)} different amounts")
    if k > 2 and n < FEWEST_FOR_BOUNDS:
        text = f"{n} points{without}: a bound is fitted from {FEWEST_FOR_BOUNDS} on."
        return Refusal("too-few-points", text, "name the bounds: lo (chance level) and hi")
    if np.ptp(readings.p) == 0.0:
        text = f"Every point is at {readings.p[0]:.4g}: there is no slope to read."
        return Refusal("no-slope", text, "points between the bounds")
    return None


def link_scale(law: MetricLaw, readings: Readings, ends: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Shares on the link's scale and their weights, (n,) each: m q (1 - q) for the logistic law.

    q is clipped to [.5/m, 1 - .5/m]. Without counts the weights are 1.
    """
    low = ends[0] if "lo" in law.bounds else 0.0
    m = np.full(readings.p.size, UNCOUNTED) if readings.items is None else readings.items
    q = np.clip((readings.p - low) / (ends[1] - low), PSEUDO_COUNT / m, 1.0 - PSEUDO_COUNT / m)
    z = law.link.inverse(q)
    if readings.items is None:
        return z, np.ones(q.size)
    return z, m * law.link.slope(z) ** 2 / (q * (1.0 - q))


def line(law: MetricLaw, readings: Readings, ends: tuple[float, float]) -> FloatArray:
    """u, v, lo, hi of the weighted line through the points on the link's scale."""
    z, weights = link_scale(law, readings, ends)
    rooted = np.sqrt(weights)
    J = np.column_stack([np.ones(z.size), readings.log_x])
    solution = np.linalg.lstsq(rooted[:, None] * J, rooted * z, rcond=None)[0]
    return np.array([*solution, ends[0] if "lo" in law.bounds else 0.0, ends[1]])


def _line_sum(law: MetricLaw, readings: Readings, theta: FloatArray) -> float:
    z, weights = link_scale(law, readings, (float(theta[LO]), float(theta[HI])))
    return float(weights @ (z - theta[U] - theta[V] * readings.log_x) ** 2)


def _describe(
    s: _Solved, chosen: np.ndarray[tuple[int], np.dtype[np.intp]], kept: BoolArray
) -> MetricFit | Refusal:
    share, _ = share_and_slopes(s.law, s.theta, s.readings.log_x)
    low, high = float(s.theta[LO]), float(s.theta[HI])
    seen = (float(s.readings.p.max()) - low) / (high - low)
    if HI in s.free and seen < CEILING_SEEN:
        text = f"The ceiling is not in sight: the best point is {seen:.0%} of the way to the fitted {high:.3g}."
        return Refusal("ceiling-unseen", text, "name the ceiling (hi), or points nearer to it")
    if s.law.only_rises and s.theta[V] <= 0.0:
        text = f"The metric falls as the resource grows: no {s.law.lines[1].name} > 0."
        return Refusal("falls", text, "logistic, which may fall, or one less the metric")
    handle, dispersion = _handle(s, share, s.free)
    if handle is None and s.stuck:
        handle, dispersion = _handle(s, share, tuple(at for at in s.free if at not in s.stuck))
    if handle is None:
        text = "The points do not determine the law."
        return Refusal("unidentified", text, "points at more amounts of the resource, between the bounds")
    residuals = s.readings.p - share
    spread: list[float | None] = [None] * kept.size
    for at, residual in zip(chosen, residuals, strict=True):
        spread[at] = float(residual)
    names = {LO: "lo", HI: "hi"}
    stuck = tuple(names[at] for at in s.stuck)
    values = _parameters(s.law, s.theta, handle.centre)
    return MetricFit(
        law=s.law.name,
        equation=s.law.equation,
        status=FitStatus.AT_BOUND if s.stuck else FitStatus.CONVERGED,
        n=share.size,
        k=len(s.free),
        params=values,
        intervals={name: ends for name, ends in _intervals(handle).items() if name not in stuck},
        known=tuple(name for at, name in names.items() if name in s.law.bounds and at not in s.free),
        objective=s.objective,
        objective_value=s.value,
        interval_method=_method(s, dispersion),
        dispersion=dispersion,
        rms=math.sqrt(float(np.mean(residuals**2))),
        max_resid=float(np.abs(residuals).max()),
        aicc=_aicc(s, residuals, dispersion),
        residuals=tuple(spread),
        at_chance=tuple(int(at) for at in np.flatnonzero(~kept)),
        ceiling_share=seen,
        bound=stuck,
        warnings=_warnings(s),
        handle=handle,
    )


def _handle(s: _Solved, share: FloatArray, inner: tuple[int, ...]) -> tuple[MetricHandle | None, float]:
    """What predictions need, and the dispersion; None where the points do not determine the law.

    inner: coordinates with a variance. A bound at its edge keeps its own, because the truth may lie inside:
    with it held there the other intervals are far too narrow.
    """
    _, slopes = share_and_slopes(s.law, s.theta, s.readings.log_x)
    residuals = s.readings.p - share
    if s.objective == LOG_ODDS:
        z, weights = link_scale(s.law, s.readings, (float(s.theta[LO]), float(s.theta[HI])))
        J = np.column_stack([np.ones(z.size), s.readings.log_x])
        residuals = z - s.theta[U] - s.theta[V] * s.readings.log_x
    else:
        J = slopes[:, inner]
        weights = s.readings.weights(share) if s.objective == BINOMIAL else np.ones(share.size)
    dof = share.size - len(s.free)
    dispersion = float(weights @ residuals**2) / dof
    rooted = np.sqrt(weights)[:, None] * J
    size = np.linalg.norm(rooted, axis=0)
    if not (np.isfinite(size) & (size > 0.0)).all() or np.linalg.cond(rooted / size) > CONDITION:
        return None, dispersion
    if s.objective == BINOMIAL and size[0] ** 2 < LEAST_INFORMATION:
        return None, dispersion
    covariance = np.linalg.inv((rooted / size).T @ (rooted / size)) / np.outer(size, size)
    by_scatter = t_quantile(LEVEL, dof) * math.sqrt(dispersion)
    reach = max(NORMAL, by_scatter) if s.objective == BINOMIAL else by_scatter
    handle = MetricHandle(
        s.law,
        s.theta,
        inner,
        covariance,
        reach,
        s.readings.centre,
        s.readings,
        s.objective,
        math.sqrt(dispersion),
    )
    return handle, dispersion


def _method(s: _Solved, dispersion: float) -> str:
    if s.objective == BINOMIAL:
        dof = s.readings.p.size - len(s.free)
        is_wider = t_quantile(LEVEL, dof) * math.sqrt(dispersion) > NORMAL
        widened = "; widened by the scatter about the law (t)" if is_wider else ""
        return f"likelihood of the counted items{widened}"
    uncounted = ", equal weights: items are not counted" if s.readings.items is None else ""
    return f"delta-t from the scatter about the law{uncounted}"


def _parameters(law: MetricLaw, theta: FloatArray, centre: float) -> dict[str, float]:
    """By name, from coordinates about `centre`."""
    u, v, lo, hi = (float(value) for value in theta)
    values = dict(zip((each.name for each in law.lines), law.read(u - v * centre, v, hi), strict=True))
    return values | {name: {"lo": lo, "hi": hi}[name] for name in law.bounds}


def _intervals(handle: MetricHandle) -> dict[str, Interval]:
    """Of the free parameters; scales on the log scale, bounds kept between 0 and 1."""
    is_log = {parameter.name: parameter.is_scale for parameter in handle.law.parameters}

    def scaled(theta: FloatArray) -> dict[str, float]:
        values = _parameters(handle.law, theta, handle.centre)
        return {name: math.log(value) if is_log[name] else value for name, value in values.items()}

    here = scaled(handle.theta)
    gradient = {name: np.zeros(len(handle.free)) for name in here}
    for at, coordinate in enumerate(handle.free):
        step = np.zeros(4)
        step[coordinate] = STEP
        up, down = scaled(handle.theta + step), scaled(handle.theta - step)
        for name, row in gradient.items():
            row[at] = (up[name] - down[name]) / (2.0 * STEP)
    found: dict[str, Interval] = {}
    for name, row in gradient.items():
        half = handle.reach * math.sqrt(max(0.0, float(row @ handle.covariance @ row)))
        if half == 0.0:
            continue
        low, high = here[name] - half, here[name] + half
        if name in ("lo", "hi"):
            low, high = max(low, 0.0), min(high, 1.0)
        found[name] = (math.exp(low), math.exp(min(high, 700.0))) if is_log[name] else (low, high)
    return found


def _aicc(s: _Solved, residuals: FloatArray, dispersion: float) -> float | None:
    """Of the binomial likelihood, or of normal errors of the shares; k' counts the noise where it is fitted.

    The deviance stands for -2 ln likelihood: it differs by what all laws share.
    """
    n = residuals.size
    estimated = len(s.free) + (s.objective != BINOMIAL)
    if n - estimated - 1 <= 0:
        return None
    if s.objective == BINOMIAL:
        fitted = s.value
    else:
        squares = float(residuals @ residuals)
        if squares <= 0.0:
            return None
        fitted = n * math.log(squares / n)
    return fitted + 2 * estimated + 2 * estimated * (estimated + 1) / (n - estimated - 1)


def _warnings(s: _Solved) -> tuple[Warned, ...]:
    found = [
        Warned("at-bound", f"{name} ends at the edge of its range; no interval.")
        for at, name in ((LO, "lo"), (HI, "hi"))
        if at in s.stuck
    ]
    if s.readings.p.size == len(s.free) + 1:
        found.append(Warned("few-points", f"{s.readings.p.size} points for {len(s.free)} parameters."))
    return tuple(found)
