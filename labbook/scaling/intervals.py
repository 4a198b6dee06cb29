"""Intervals by the delta method with t quantiles: q +- t(n - k) sqrt(grad' cov grad).

On ladders of 6 to 20 rungs they cover about what they claim, where a pairs bootstrap covers far less. Scales
(E, A, N_c, the loss itself) have their interval on the log scale, exponents as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labbook.errors import FitError
from labbook.scaling.form import A, B, FloatArray, P, Q, jacobian
from labbook.scaling.laws.base import Law
from labbook.scaling.points import Centred, Points
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Fit, Interval

LAW_LEVEL = 0.95
SINGULAR = 1e10
"""Condition of the normalised Jacobian beyond which its inverse is rounding noise: there is no covariance."""
STEP = 1e-5
NORMAL_MAD = 1.482602218505602
EXPONENT_OF_COMPUTE = "a"


@dataclass(frozen=True, slots=True)
class Handle:
    """What predictions need of a fit: the solution in the form's own coordinates."""

    law: Law
    theta: FloatArray
    """(6,)."""
    points: Points
    centred: Centred
    delta: float
    covariance: FloatArray | None
    """(k, k) of the free coordinates; None where the points do not determine them."""
    noise: float
    """Standard deviation of one run about the law, in ln L."""
    dof: int

    def log_variance(self, n: FloatArray, d: FloatArray) -> FloatArray | None:
        """Variance of ln f at centred points, (points,)."""
        if self.covariance is None:
            return None
        J = jacobian(self.law.form, self.theta, n, d)
        variance: FloatArray = np.maximum(np.einsum("ij,jk,ik->i", J, self.covariance, J), 0.0)
        return variance

    def recentred(self, centre: tuple[float, float]) -> FloatArray:
        """theta of the same law about another centre."""
        theta = self.theta.copy()
        theta[A] += theta[P] * (self.centred.centre[0] - centre[0])
        theta[B] += theta[Q] * (self.centred.centre[1] - centre[1])
        return theta

    def coordinates(self, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points of (N, D) in the form's centred coordinates."""
        x, z = self.law.axes(N, D)
        return x - self.centred.centre[0], z - self.centred.centre[1]


def handle_of(fit: Fit) -> Handle:
    """What a fit of this session carries beside its values.

    Raises FitError for a fit read back from a store, which has only its values.
    """
    if not isinstance(fit.handle, Handle):
        raise FitError(f"the {fit.law} fit carries its values only", hint="fit it again")
    return fit.handle


def condition(J: FloatArray) -> float:
    """Of the column-normalised Jacobian; infinite where a column is empty."""
    size = np.linalg.norm(J, axis=0)
    if not np.isfinite(J).all() or not (size > 0.0).all():
        return math.inf
    values = np.linalg.svd(J / size, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > values[0] * 1e-17 else math.inf


def covariance(J: FloatArray, noise: float, worst: float) -> FloatArray | None:
    """noise^2 (J'J)^-1, or None where J (points, k) is singular: a pseudo-inverse would hide that."""
    if not worst < SINGULAR:
        return None
    size = np.linalg.norm(J, axis=0)
    _, values, right = np.linalg.svd(J / size, full_matrices=False)
    root = right.T / values / size[:, None]
    result: FloatArray = noise**2 * (root @ root.T)
    return result


def noise_of(residuals: FloatArray, weights: FloatArray, k: int, delta: float) -> tuple[float, float]:
    """Standard deviation of one run about the law, and the factor by which the objective inflates it.

    Least squares: sqrt(RSS/(n - k)), and 1. Huber: from the median of the n - k largest residuals (the fit
    passes through about k points exactly), and the factor by which a Huber estimate of normal errors is wider
    than the mean; pi/2 in variance where delta is small against the noise. The customary sandwich is far too
    narrow on ladders.
    """
    counted = weights > 0.0
    r, w = residuals[counted], weights[counted]
    dof = r.size - k
    if math.isinf(delta):
        return math.sqrt(float(w @ r**2) / dof), 1.0
    largest = np.sort(np.abs(r) * np.sqrt(w))[k:]
    sigma = NORMAL_MAD * float(np.median(largest))
    return sigma, math.sqrt(_huber_variance(delta / sigma)) if sigma > 0.0 else 1.0


def _huber_variance(c: float) -> float:
    """Asymptotic variance of Huber's location estimate of normal errors, corner at c standard deviations."""
    inside = math.erf(c / math.sqrt(2.0))
    density = math.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi)
    squared = inside - 2.0 * c * density + c * c * (1.0 - inside)
    return squared / inside**2 if c > 1e-6 else 0.5 * math.pi


def parameter_intervals(handle: Handle, level: float = LAW_LEVEL) -> dict[str, Interval]:
    """Interval of every parameter and of `a`, the exponent of N in C at the compute optimum."""
    if handle.covariance is None:
        return {}
    law, free = handle.law, list(handle.law.form.free)
    here = _quantities(handle, handle.theta[None, :])[0]
    moved = np.repeat(handle.theta[None, :], 2 * len(free), axis=0)
    for row, coordinate in enumerate(free):
        moved[2 * row, coordinate] += STEP
        moved[2 * row + 1, coordinate] -= STEP
    values = _quantities(handle, law.form.complete(moved))
    with np.errstate(invalid="ignore"):  # of a parameter that ran away; it gets no interval
        gradient = (values[::2] - values[1::2]) / (2.0 * STEP)
        variance = np.einsum("jq,jk,kq->q", gradient, handle.covariance, gradient)
        half = t_quantile(level, handle.dof) * np.sqrt(np.maximum(variance, 0.0))
    names = [*law.names, *([EXPONENT_OF_COMPUTE] if law.allocates else [])]
    is_log = [*(parameter.is_scale for parameter in law.parameters), *([False] if law.allocates else [])]
    result = {}
    for name, log, value, reach in zip(names, is_log, here, half, strict=True):
        ends = (value - reach, value + reach)
        if not np.isfinite(ends).all():
            continue
        result[name] = (_exp(ends[0]), _exp(ends[1])) if log else (float(ends[0]), float(ends[1]))
    return result


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _quantities(handle: Handle, theta: FloatArray) -> FloatArray:
    """Parameters on the scale of their interval, and a = q/(p + q) where the law has it, of theta (rows, 6)."""
    params = handle.law.to_params(theta, handle.centred.centre)
    scale = np.array([parameter.is_scale for parameter in handle.law.parameters])
    with np.errstate(divide="ignore"):
        params[:, scale] = np.log(params[:, scale])
    if not handle.law.allocates:
        return params
    return np.column_stack([params, theta[:, Q] / (theta[:, P] + theta[:, Q])])
