"""Fit a law to the rungs of a ladder.

`fit` for a caller who needs a result, `try_fit` for one who shows the reason where there is none.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from labbook.errors import FitError
from labbook.scaling import remedy
from labbook.scaling.form import E, FloatArray, P, Q, jacobian, log_loss
from labbook.scaling.identify import CONSTANT_RANGE, Findings, count_word, examine
from labbook.scaling.intervals import (
    EXPONENT_OF_COMPUTE,
    Handle,
    condition,
    covariance,
    noise_of,
    parameter_intervals,
)
from labbook.scaling.laws import FAMILY, Law, law_by_name
from labbook.scaling.points import Centred, Points, read_points
from labbook.scaling.profile import HIGHEST, profile_constant
from labbook.scaling.raw import solve_raw
from labbook.scaling.solve import LEAST_SQUARES_RAW, POLISH_TOLERANCE, Solution, read_objective, solve
from labbook.scaling.values import Fit, FitStatus, Interval, Refusal

WIDE = math.e
"""Upper over lower end of a constant's delta interval from which 0 is near: on its log scale the interval stays
away from 0 whatever the rungs say."""


def fit(
    law: str | Law,
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    objective: str = "auto",
    weights: ArrayLike | None = None,
) -> Fit:
    """The law fitted to rungs of N parameters, D tokens and loss L, each (n,).

    objective: `auto` (Huber from 12 rungs, least squares below), `least-squares-log`, `least-squares-raw`
    (of the loss itself), `huber:<delta>`.
    weights: (n,), of each rung's share in the objective; only their ratios count for parameters and intervals.
    Raises ValueError for arrays that cannot be fitted, NotFoundError for an unknown law, FitError where there
    are too few rungs. What a fit hit or could not determine is in its status and warnings.
    """
    result = try_fit(law, N, D, L, objective=objective, weights=weights)
    if isinstance(result, Refusal):
        raise FitError(result.text, hint=result.remedy)
    return result


def try_fit(
    law: str | Law,
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    objective: str = "auto",
    weights: ArrayLike | None = None,
) -> Fit | Refusal:
    """As `fit`, with the reason instead of FitError."""
    return fit_points(
        law_by_name(law) if isinstance(law, str) else law, read_points(N, D, L, weights), objective
    )


def fit_points(law: Law, points: Points, objective: str = "auto") -> Fit | Refusal:
    """As `try_fit`, of points already read."""
    name, delta = read_objective(objective, points.size)
    if points.size <= law.k:
        return _too_few(law, points.size)
    if name == LEAST_SQUARES_RAW:
        weighted, centred, solution = solve_raw(law, points)
        return _as_raw(_describe(law, weighted, centred, name, delta, solution), points)
    centred = law.centre(points)
    return _describe(law, points, centred, name, delta, solve(law, centred, delta))


def _as_raw(fit: Fit, points: Points) -> Fit:
    """The fit with its sum and rms by the caller's own weights, not by those that stand for the objective."""
    residuals = np.array(fit.residuals)[points.order]
    missed = points.L * np.expm1(-residuals)
    return replace(
        fit,
        objective_value=0.5 * float(points.weights @ missed**2) * points.weight_scale,
        rms_log=math.sqrt(float(points.weights @ residuals**2) / points.size),
    )


def _too_few(law: Law, n: int) -> Refusal:
    text = f"{count_word(n).capitalize()} points for {count_word(law.k)} parameters: no fit."
    missing = law.k + 1 - n
    unit = "size" if len(law.resources) > 1 else f"distinct {law.resources[0]}"
    more = f"{count_word(missing)} more {unit}" + ("s" if missing > 1 and unit == "size" else "")
    fewer = [other for other in FAMILY if other.k < n and other.pooled and law.pooled]
    instead = f", or {fewer[0].name} with {count_word(fewer[0].k)}" if fewer else ""
    return Refusal("too-few-rungs", text, f"{more}{instead}")


def _describe(
    law: Law, points: Points, centred: Centred, objective: str, delta: float, solution: Solution
) -> Fit:
    theta = solution.theta
    J = np.sqrt(points.weights)[:, None] * jacobian(law.form, theta, centred.n, centred.d)
    residuals = centred.y - log_loss(law.form, theta, centred.n, centred.d)
    worst = condition(J)
    noise, widening = noise_of(residuals, points.weights, law.k, delta)
    counted = points.weights > 0.0
    corr = remedy.correlation(points.N[counted], points.D[counted])
    findings = examine(law, points, centred, theta, worst, corr)
    held = list(law.form.free).index(E) if law.constant in findings.bound else None
    handle = Handle(
        law=law,
        theta=theta,
        points=points,
        centred=centred,
        delta=delta,
        covariance=_covariance(J, noise * widening, worst, held),
        noise=noise,
        dof=points.size - law.k,
    )
    if solution.distinct_optima > 1:
        found = count_word(solution.distinct_optima)
        findings.warn(
            "several-optima", f"{found.capitalize()} optima within 1 % of the best: the parameters may jump."
        )
    status = _status(solution, findings)
    if status is FitStatus.NOT_CONVERGED:
        findings.warn("not-converged", "No optimum found; nothing is shown.")
    intervals, method = _intervals(handle, findings, status)
    fit = Fit(
        law=law.name,
        equation=law.equation,
        status=status,
        n=points.size,
        k=law.k,
        params=dict(zip(law.names, map(float, law.to_params(theta[None, :], centred.centre)[0]), strict=True)),
        intervals=intervals,
        interval_method=method,
        objective=objective,
        objective_value=solution.value * points.weight_scale,
        rms_log=math.sqrt(float(points.weights @ residuals**2) / points.size),
        max_resid_log=float(np.abs(residuals[counted]).max()),
        aicc=_aicc(points.weights, residuals, points.size, law.k),
        residuals=tuple(map(float, points.unsort(residuals))),
        starts=solution.starts,
        starts_at_best=solution.starts_at_best,
        distinct_optima=solution.distinct_optima,
        tolerance=POLISH_TOLERANCE,
        condition=worst,
        corr=corr,
        bound=tuple(findings.bound),
        warnings=tuple(findings.warnings),
        derived={EXPONENT_OF_COMPUTE: float(theta[Q] / (theta[P] + theta[Q]))} if law.allocates else {},
        handle=handle,
    )
    return _within_bounds(fit, law, float(points.L[counted].min()))


def _within_bounds(fit: Fit, law: Law, least: float) -> Fit:
    """Near 0 and the least loss the delta interval of a constant says nothing, and the profile's is taken."""
    ends = fit.intervals.get(law.constant or "")
    if law.constant is None or ends is None or _is_clear(ends, least):
        return fit
    profiled = profile_constant(fit)
    if profiled is None and ends[1] < least:
        return fit
    intervals = {**fit.intervals, law.constant: profiled or (ends[0], least)}
    how = "by profile likelihood" if profiled else "cut at the least loss"
    if profiled and profiled[1] >= HIGHEST * least * (1.0 - 1e-9):
        how += ", open above: cut at the least loss"
    return replace(fit, intervals=intervals, interval_method=f"{fit.interval_method}; {law.constant} {how}")


def _is_clear(ends: Interval, least: float) -> bool:
    return ends[1] < CONSTANT_RANGE[1] * least and ends[1] < WIDE * ends[0]


def _status(solution: Solution, findings: Findings) -> FitStatus:
    if not math.isfinite(solution.value):
        return FitStatus.NOT_CONVERGED
    if not solution.has_converged and not findings.bound and not findings.refused:
        return FitStatus.NOT_CONVERGED  # with one of them it is known where the solver was still walking to
    if findings.refused:
        return FitStatus.UNIDENTIFIED
    return FitStatus.AT_BOUND if findings.bound else FitStatus.CONVERGED


def _covariance(J: FloatArray, noise: float, worst: float, held: int | None) -> FloatArray | None:
    """Of the free coordinates; the column of one at its bound is held there and has no variance."""
    if held is None:
        return covariance(J, noise, worst)
    rest = np.delete(np.arange(J.shape[1]), held)
    inner = covariance(J[:, rest], noise, condition(J[:, rest]))
    if inner is None:
        return None
    full = np.zeros((J.shape[1], J.shape[1]))
    full[np.ix_(rest, rest)] = inner
    return full


def _intervals(
    handle: Handle, findings: Findings, status: FitStatus
) -> tuple[dict[str, tuple[float, float]], str]:
    if status is FitStatus.NOT_CONVERGED:
        return {}, "none: not converged"
    if findings.refused or handle.covariance is None:
        return {}, "none: the points do not determine the parameters"
    intervals = parameter_intervals(handle)
    return {name: ends for name, ends in intervals.items() if name not in findings.withheld}, "delta-t"


def _aicc(weights: FloatArray, residuals: FloatArray, n: int, k: int) -> float | None:
    """n ln(RSS/n) + 2k' + 2k'(k'+1)/(n-k'-1), k' = k + 1 for the noise; None where n is too small for it."""
    estimated = k + 1
    rss = float(weights @ residuals**2)
    if n - estimated - 1 <= 0 or rss <= 0.0:
        return None
    return n * math.log(rss / n) + 2 * estimated + 2 * estimated * (estimated + 1) / (n - estimated - 1)
