"""What a fit of a metric says at other amounts of the resource, and which amount brings it to a level."""

from __future__ import annotations

import math

import numpy as np

from labbook.errors import FitError
from labbook.quantities import format_size
from labbook.scaling.form import FloatArray
from labbook.scaling.laws.metric import logistic
from labbook.scaling.metric import LOG_ODDS, MetricHandle
from labbook.scaling.metric_solve import HI, LO, U, V, share_and_slopes
from labbook.scaling.metric_values import MetricFit, Predicted, Reached
from labbook.scaling.values import Refusal, Warned

FAR = 10.0
"""Factor beyond the points from which a prediction is an extrapolation nobody should lean on."""
SEARCHED = math.log(1e9)
"""How far beyond the estimate an end of an interval is looked for, in ln x."""
TINY = 1e-12


def handle_of(fit: MetricFit) -> MetricHandle:
    """What a fit of this session carries beside its values. Raises FitError for one that has only them."""
    if not isinstance(fit.handle, MetricHandle):
        raise FitError(f"the {fit.law} fit carries its values only", hint="fit it again")
    return fit.handle


def curve(fit: MetricFit, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """p of the law with the lower and upper end of its 95 % interval at x (n,)."""
    return _limits(handle_of(fit), np.log(x))


def predict(fit: MetricFit, x: float) -> Predicted:
    """The metric at x: the law's own value, and one more reading of as many items as the points had.

    Raises ValueError where x is not positive and finite.
    """
    if not (x > 0.0 and math.isfinite(x)):
        raise ValueError(f"x must be positive and finite, not {x}")
    handle = handle_of(fit)
    p, low, high = (float(row[0]) for row in _limits(handle, np.log([x])))
    return Predicted(
        x=x, p=p, interval=(low, high), reading=_reading(handle, x, p, low, high), warnings=_beyond(handle, x)
    )


def reach(fit: MetricFit, p: float) -> Reached:
    """The x at which the law is at p: every x whose interval holds p (inverse regression, Fieller 1954).

    An end the points do not set is None. Refused where p lies outside the law's bounds.
    """
    handle = handle_of(fit)
    lo, hi = float(handle.theta[LO]), float(handle.theta[HI])
    if not lo < p < hi:
        text = f"The law runs from {lo:.4g} to {hi:.4g} and never is at {p:.4g}."
        return Reached(
            p, None, None, None, refused=Refusal("beyond-bounds", text, "a level between the bounds")
        )
    slope = float(handle.theta[V])
    eta = float(handle.law.link.inverse(np.array([(p - lo) / (hi - lo)]))[0])
    log_x = (eta - float(handle.theta[U])) / slope + handle.centre if slope else math.inf
    if not abs(log_x) < 700.0:
        text = f"At this slope no amount of the resource brings the metric to {p:.4g}."
        return Reached(p, None, None, None, refused=Refusal("no-slope", text, "points between the bounds"))
    ends = [_end(handle, log_x, p, direction) for direction in (-1.0, 1.0)]
    low, high = (None if end is None else math.exp(end) for end in ends)
    return Reached(p, math.exp(log_x), low, high, _beyond(handle, math.exp(log_x)))


def _limits(handle: MetricHandle, log_x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """p with its interval: on the link's scale where the bounds are known, on the log-odds of p where not."""
    at = log_x - handle.centre
    share, slopes = share_and_slopes(handle.law, handle.theta, at)
    lo, hi = handle.theta[LO], handle.theta[HI]
    if all(coordinate in (U, V) for coordinate in handle.free):
        J = np.column_stack([np.ones(at.size), at])
        half = handle.reach * np.sqrt(np.einsum("ij,jk,ik->i", J, handle.covariance, J))
        eta = handle.theta[U] + handle.theta[V] * at
        with np.errstate(over="ignore"):
            low, high = (lo + (hi - lo) * handle.law.link.mean(eta + side * half) for side in (-1.0, 1.0))
        return share, np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    odds = np.maximum(share * (1.0 - share), TINY)
    J = slopes[:, list(handle.free)] / odds[:, None]
    half = handle.reach * np.sqrt(np.einsum("ij,jk,ik->i", J, handle.covariance, J))
    clipped = np.clip(share, TINY, 1.0 - TINY)
    middle = np.log(clipped) - np.log1p(-clipped)
    return share, logistic(middle - half), logistic(middle + half)


def _reading(handle: MetricHandle, x: float, p: float, low: float, high: float) -> tuple[float, float]:
    """Interval of one more reading: the law's own and the reading's error in squares, each side by itself."""
    if handle.objective == LOG_ODDS and handle.readings.items is None:
        at = math.log(x) - handle.centre
        J = np.array([1.0, at])
        half = handle.reach * math.sqrt(float(J @ handle.covariance @ J) + 1.0)
        eta = float(handle.theta[U] + handle.theta[V] * at)
        lo, hi = float(handle.theta[LO]), float(handle.theta[HI])
        ends = lo + (hi - lo) * handle.law.link.mean(np.array([eta - half, eta + half]))
        return max(0.0, float(ends[0])), min(1.0, float(ends[1]))
    if handle.readings.items is None:
        scatter = handle.reach
    else:
        items = float(np.median(handle.readings.items))
        scatter = handle.reach * math.sqrt(max(p * (1.0 - p), 0.0) / items)
    return max(0.0, p - math.hypot(p - low, scatter)), min(1.0, p + math.hypot(high - p, scatter))


def _end(handle: MetricHandle, log_x: float, p: float, direction: float) -> float | None:
    """Where p leaves the interval on one side of the estimate, by bisection; None where it never does."""

    def holds(at: float) -> bool:
        _, low, high = (float(row[0]) for row in _limits(handle, np.array([at])))
        return low <= p <= high

    inside, step = log_x, 0.05
    while holds(log_x + direction * step):
        inside = log_x + direction * step
        step *= 1.5
        if step > SEARCHED:
            return None
    outside = log_x + direction * step
    for _ in range(40):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def _beyond(handle: MetricHandle, x: float) -> tuple[Warned, ...]:
    least, most = float(handle.readings.x.min()), float(handle.readings.x.max())
    if least <= x <= most:
        return ()
    factor, side = (x / most, "beyond the largest") if x > most else (least / x, "below the smallest")
    if factor > FAR:
        return (Warned("far-extrapolation", f"{format_size(factor, 2)} times {side} x."),)
    return (Warned("outside-hull", f"{side[0].upper()}{side[1:]} x of the points."),)
