"""Fit a law of the learning-rate schedule to several loss curves of one model, and score it on others.

The law knows nothing but the learning rate of each step, so a fit to a few short schedules speaks of the loss
under another one. Residuals are taken in ln L under Huber's objective with delta 1e-3, summed over the points.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labbook.errors import FitError
from labbook.scaling.curve_values import CurveFit, CurveScore, EndLoss
from labbook.scaling.form import FloatArray
from labbook.scaling.intervals import condition
from labbook.scaling.laws.base import Params
from labbook.scaling.loss_curve import AnyLaw, LossCurve, curve_digest, score_law
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import FitStatus, Interval, Refusal, Warned

DELTA = 1e-3
OBJECTIVE = f"huber:{DELTA:g}"
TOLERANCE = 1e-10
MOST_EVALUATIONS = 200
SAME_OPTIMUM = 1e-4
"""Starts whose objective ends within this of the best, relative, count as the best."""
SEVERAL = 0.01
LEAST_POINTS = 3
"""Points for each parameter."""
SETTLED = 0.05
"""Share of a curve's steps left out of a fit: what follows the warm-up is no power law yet."""
POOR = 0.02
"""rms in log loss beyond which the law does not describe the curves."""
LEAST_FALL = 0.01
"""A rate that has not fallen by this share of its peak says nothing of decay."""
FORECAST_LEVEL = 0.9
FAR = 2.0
UNIDENTIFIED = 1e4
ILL_CONDITIONED = 300.0
SCATTER = (
    "90 % for the scatter of the fitted points and the uncertainty of the parameters; not for what the law "
    "misses under a schedule unlike the fitted ones, which is often more"
)
TRANSFER = (
    "as wide as the largest miss anywhere on a fitted curve by the law fitted to the others; a schedule unlike "
    "all of them, or much longer, may miss by more"
)


@dataclass(frozen=True)
class Handle:
    """What predictions need of a fit."""

    law: AnyLaw
    theta: FloatArray
    grid: Params
    covariance: FloatArray | None
    noise: float
    """Standard deviation of one point in ln L."""
    dof: float
    curves: tuple[LossCurve, ...]


@dataclass(frozen=True)
class Solved:
    """The best of all starts."""

    theta: FloatArray
    grid: Params
    value: float
    has_converged: bool
    starts: int
    at_best: int
    optima: int


def fit_curves(law: AnyLaw, curves: Sequence[LossCurve]) -> CurveFit:
    """As `try_fit_curves`. Raises FitError with the reason where there is no fit."""
    found = try_fit_curves(law, curves)
    if isinstance(found, Refusal):
        raise FitError(found.text, hint=found.remedy)
    return found


def try_fit_curves(
    law: AnyLaw, curves: Sequence[LossCurve], start: FloatArray | None = None
) -> CurveFit | Refusal:
    """The law fitted to the curves of one model together; the reason where they cannot carry it.

    start: theta (k,) to go out from instead of the law's own starts.
    """
    settled = [_settled(c) for c in curves if c.step.size]
    ordered = sorted(settled, key=lambda c: (curve_digest(c), c.name))
    if (refused := _refusal(law, ordered)) is not None:
        return refused
    losses = np.concatenate([c.loss for c in ordered])
    solved = _solve(law, ordered, losses, start)
    return _describe(law, ordered, losses, solved)


def _settled(curve: LossCurve) -> LossCurve:
    """The curve from 5 % of its steps on."""
    keep = curve.step >= SETTLED * curve.step[-1]
    if keep.all():
        return curve
    note = f"points before {SETTLED:.0%} of the steps left out of the fit"
    return replace(curve, step=curve.step[keep], loss=curve.loss[keep], notes=(*curve.notes, note))


def _refusal(law: AnyLaw, curves: Sequence[LossCurve]) -> Refusal | None:
    n = sum(c.step.size for c in curves)
    if n < LEAST_POINTS * law.k:
        text = f"{n} points after the warm-up for {law.k} parameters of {law.name}: no fit."
        return Refusal("few-points", text, f"curves with {LEAST_POINTS * law.k} points or more")
    if max(_fall(c) for c in curves) < LEAST_FALL:
        text = "The learning rate falls in none of these curves; nothing tells what decay brings."
        return Refusal("unidentified", text, "add a run whose learning rate falls")
    return None


def _fall(curve: LossCurve) -> float:
    """How far the rate has come down from its peak by the last point, as a share of it."""
    lr = curve.lr[: int(curve.step[-1]) + 1]
    return float(1.0 - lr[int(lr.argmax()) :].min() / lr.max())


def _solve(law: AnyLaw, curves: Sequence[LossCurve], losses: FloatArray, start: FloatArray | None) -> Solved:
    found: list[Solved] = []
    for grid in law.grid:
        seen = law.join([law.see(c.lr, c.step, grid) for c in curves])
        starts = law.starts(seen, losses) if start is None else start[None, :]
        found.append(_from_starts(law, seen, losses, grid, starts))
    return min(found, key=lambda solved: solved.value)


def _from_starts(law: AnyLaw, seen: Any, losses: FloatArray, grid: Params, starts: FloatArray) -> Solved:
    from scipy.optimize import least_squares

    log_losses = np.log(losses)
    low, high = _bounds(law, losses)

    def residuals(theta: FloatArray) -> FloatArray:
        return np.log(_positive(law.evaluate(seen, theta)[0])) - log_losses

    def jacobian(theta: FloatArray) -> FloatArray:
        return _relative(*law.evaluate(seen, theta))

    ends: list[tuple[float, bool, FloatArray]] = []
    for start in np.clip(starts, low + 1e-9, high - 1e-9):
        with np.errstate(over="ignore"):
            run = least_squares(
                residuals,
                start,
                jac=jacobian,
                bounds=(low, high),
                loss="huber",
                f_scale=DELTA,
                x_scale="jac",
                ftol=TOLERANCE,
                xtol=TOLERANCE,
                gtol=1e-15,
                max_nfev=MOST_EVALUATIONS,
            )
        ends.append((float(run.cost), run.status > 0, np.asarray(run.x, float)))
    best = min(ends, key=lambda end: end[0])
    return Solved(
        theta=best[2],
        grid=grid,
        value=best[0],
        has_converged=best[1],
        starts=len(ends),
        at_best=sum(end[0] <= best[0] * (1.0 + SAME_OPTIMUM) for end in ends),
        optima=_distinct([end for end in ends if end[0] <= best[0] * (1.0 + SEVERAL)], low, high),
    )


def _positive(loss: FloatArray) -> FloatArray:
    return np.maximum(loss, 1e-6)


def _relative(loss: FloatArray, derivatives: FloatArray) -> FloatArray:
    return derivatives / _positive(loss)[:, None]


def _bounds(law: AnyLaw, losses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of theta: the constant between 1 % and 99.9 % of the least loss, other scales within 1e-13 to 1e13."""
    least = math.log(float(losses.min()))
    pairs = [(-30.0, 30.0) if p.is_scale else law.bounds[p.name] for p in law.free]
    pairs[0] = (least + math.log(0.01), least + math.log(0.999))
    low, high = np.array(pairs).T
    return low, high


def _distinct(ends: Sequence[tuple[float, bool, FloatArray]], low: FloatArray, high: FloatArray) -> int:
    """How many of the ends lie apart by more than 1 % in a coordinate's own size."""
    apart: list[FloatArray] = []
    for _, _, theta in sorted(ends, key=lambda end: end[0]):
        if all((np.abs(theta - other) > 0.01 * (1.0 + np.abs(other))).any() for other in apart):
            apart.append(theta)
    return len(apart)


def _describe(law: AnyLaw, curves: Sequence[LossCurve], losses: FloatArray, solved: Solved) -> CurveFit:
    seen = law.join([law.see(c.lr, c.step, solved.grid) for c in curves])
    fitted, derivatives = law.evaluate(seen, solved.theta)
    J = _relative(fitted, derivatives)
    residuals = np.log(losses) - np.log(_positive(fitted))
    correlation = _neighbours(residuals, curves)
    effective = losses.size * (1.0 - correlation) / (1.0 + correlation)
    worst = condition(J)
    bound = _at_bound(law, solved, losses)
    noise = math.sqrt(float(residuals @ residuals) / max(losses.size - law.k, 1))
    handle = Handle(
        law=law,
        theta=solved.theta,
        grid=solved.grid,
        covariance=_covariance(J, noise**2 * losses.size / effective, worst),
        noise=noise,
        dof=effective - law.k,
        curves=tuple(curves),
    )
    fit = CurveFit(
        law=law.name,
        equation=law.equation,
        source=law.source,
        status=_status(solved, worst, bound),
        params=law.read(solved.theta) | dict(solved.grid),
        intervals={},
        interval_method="",
        grid={name: tuple(values[name] for values in law.grid) for name in law.grid[0]},
        n=losses.size,
        k=law.k,
        n_effective=effective,
        correlation=correlation,
        objective=OBJECTIVE,
        objective_value=solved.value,
        rms_log=math.sqrt(float(residuals @ residuals) / losses.size),
        max_resid_log=float(np.abs(residuals).max()),
        starts=solved.starts,
        starts_at_best=solved.at_best,
        distinct_optima=solved.optima,
        tolerance=TOLERANCE,
        condition=worst,
        bound=bound,
        scores=(),
        digest=hashlib.sha256("".join(map(curve_digest, curves)).encode()).hexdigest(),
        handle=handle,
    )
    intervals, method = _intervals(fit, handle)
    fit = replace(fit, intervals=intervals, interval_method=method, warnings=_warnings(fit, curves))
    return replace(fit, scores=tuple(score(fit, curve) for curve in sorted(curves, key=lambda c: c.name)))


def _neighbours(residuals: FloatArray, curves: Sequence[LossCurve]) -> float:
    """Correlation of the residuals of neighbouring points of one curve, over all curves; at least 0."""
    parts = np.split(residuals, np.cumsum([c.step.size for c in curves])[:-1])
    between = sum(float(part[1:] @ part[:-1]) for part in parts)
    within = sum(0.5 * float(part[1:] @ part[1:] + part[:-1] @ part[:-1]) for part in parts)
    return min(max(between / within, 0.0), 0.99) if within > 0.0 else 0.0


def _covariance(J: FloatArray, noise: float, worst: float) -> FloatArray | None:
    if not worst < UNIDENTIFIED:
        return None
    return np.asarray(noise * np.linalg.inv(J.T @ J))


def _at_bound(law: AnyLaw, solved: Solved, losses: FloatArray) -> tuple[str, ...]:
    low, high = _bounds(law, losses)
    room = 1e-3 * (high - low)
    at = (solved.theta - low < room) | (high - solved.theta < room)
    found = [p.name for p, hit in zip(law.free, at, strict=True) if hit]
    ends = [law.grid[0], law.grid[-1]] if len(law.grid) > 1 else []
    return (*found, *(solved.grid if solved.grid in ends else ()))


def _status(solved: Solved, worst: float, bound: tuple[str, ...]) -> FitStatus:
    if not solved.has_converged or not math.isfinite(solved.value):
        return FitStatus.NOT_CONVERGED
    if not worst < UNIDENTIFIED:
        return FitStatus.UNIDENTIFIED
    return FitStatus.AT_BOUND if bound else FitStatus.CONVERGED


def _intervals(fit: CurveFit, handle: Handle) -> tuple[dict[str, Interval], str]:
    """95 % by the delta method, a scale on its log scale, an exponent within its bounds."""
    if fit.status is FitStatus.NOT_CONVERGED:
        return {}, "none: not converged"
    if handle.covariance is None:
        return {}, "none: the curves do not determine the parameters"
    if handle.dof < 1.0:
        return {}, "none: neighbouring points share their error, which leaves too few"
    half = t_quantile(0.95, handle.dof) * np.sqrt(np.diag(handle.covariance))
    ends: dict[str, Interval] = {}
    for p, middle, width in zip(handle.law.free, handle.theta, half, strict=True):
        if p.name in fit.bound:
            continue
        pair = np.array([middle - width, middle + width])
        low, high = np.exp(np.minimum(pair, 700.0)) if p.is_scale else np.clip(pair, *handle.law.bounds[p.name])
        ends[p.name] = (float(low), float(high))
    given = "".join(f", {name} held at its best" for name in fit.grid)
    return ends, f"delta-t, {handle.dof:.0f} degrees of freedom after the correlation of neighbours{given}"


def _warnings(fit: CurveFit, curves: Sequence[LossCurve]) -> tuple[Warned, ...]:
    found = []
    if fit.status is FitStatus.NOT_CONVERGED:
        found.append(Warned("not-converged", "No optimum found; nothing is shown."))
    if fit.status is FitStatus.UNIDENTIFIED:
        found.append(Warned("unidentified", "These schedules do not determine the parameters; more kinds do."))
    elif fit.condition > ILL_CONDITIONED:
        text = f"The parameters trade against one another (condition {fit.condition:.0f}); predictions stand."
        found.append(Warned("ill-conditioned", text))
    for name in fit.bound:
        what = "the last value tried" if name in fit.grid else "its bound"
        found.append(Warned("at-bound", f"{name} lies at {what}."))
    if fit.distinct_optima > 1:
        text = f"{fit.distinct_optima} optima within 1 % of the best: the parameters may jump."
        found.append(Warned("several-optima", text))
    if fit.rms_log > POOR:
        text = f"The law misses these curves by {100 * fit.rms_log:.1f} % rms: it does not describe them."
        found.append(Warned("lack-of-fit", text))
    if len(curves) == 1:
        found.append(Warned("one-schedule", "Fitted to one curve: nothing tests the law on another schedule."))
    if fit.correlation > 0.0:
        text = f"Points of one run are not independent: the {fit.n} count as {fit.n_effective:.0f}."
        found.append(Warned("clustered-points", text))
    return tuple(found)


def score(fit: CurveFit, curve: LossCurve) -> CurveScore:
    """How far the fitted law lies from a curve, by the paper's sums."""
    return score_law(fit.handle.law, fit.params, curve)


def hold_out(fit: CurveFit) -> tuple[CurveScore, ...]:
    """Each fitted curve scored by the law fitted to the others, from this fit on; less those that cannot go."""
    handle: Handle = fit.handle
    scores = []
    for curve in handle.curves if len(handle.curves) > 1 else ():
        others = [other for other in handle.curves if other is not curve]
        found = try_fit_curves(handle.law, others, handle.theta)
        if not isinstance(found, Refusal) and found.status is not FitStatus.NOT_CONVERGED:
            scores.append(score(found, curve))
    return tuple(sorted(scores, key=lambda one: one.name))


def predict_end(fit: CurveFit, lr: ArrayLike, held_out: Sequence[CurveScore] = ()) -> EndLoss:
    """Loss after the last step of a planned schedule lr (steps,), with an interval that says what it covers.

    held_out: of `hold_out`, what the law misses by under a schedule it was not fitted to; without it the
    interval knows only the scatter of the fitted points.
    Raises FitError for a fit that did not converge, ValueError for a schedule that is none.
    """
    if fit.status is FitStatus.NOT_CONVERGED:
        raise FitError(f"{fit.law} did not converge", hint="add a curve of another schedule")
    rate = np.asarray(lr, float)
    if rate.ndim != 1 or not rate.size or not (np.isfinite(rate) & (rate >= 0.0)).all() or not rate.any():
        raise ValueError("lr must be the learning rate of every step, finite, not negative, not all of it 0")
    handle: Handle = fit.handle
    at = np.array([rate.size - 1])
    loss = float(handle.law.formula(rate, at, fit.params)[0])
    if handle.covariance is None or handle.dof < 1.0:
        none = f"no interval: {fit.interval_method.removeprefix('none: ')}"
        return EndLoss(int(at[0]), loss, None, none, _beyond(handle, rate))
    slope = _relative(*handle.law.evaluate(handle.law.see(rate, at, handle.grid), handle.theta))[0]
    uncertain = float(slope @ handle.covariance @ slope)
    half = t_quantile(FORECAST_LEVEL, handle.dof) * math.sqrt(uncertain + handle.noise**2)
    missed = max((one.worst_relative for one in held_out), default=0.0)
    covers, half = (TRANSFER, missed) if missed > half else (SCATTER, half)
    ends = (loss * math.exp(-half), loss * math.exp(half))
    return EndLoss(int(at[0]), loss, ends, covers, _beyond(handle, rate))


def _beyond(handle: Handle, lr: FloatArray) -> tuple[Warned, ...]:
    """A warning where the rates of the schedule sum to over twice the most any fitted curve has."""
    most = max(float(c.lr[: int(c.step[-1]) + 1].sum()) for c in handle.curves)
    times = float(lr.sum()) / most
    if times <= FAR:
        return ()
    text = f"{times:.1f} times beyond the longest fitted curve, in summed learning rates."
    return (Warned("far-extrapolation", text),)
