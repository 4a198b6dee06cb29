"""Several laws' opinions of one quantity as one: the median of their draws, and the hull of their intervals.

Laws differ more than any one of them is unsure, so the interval runs from the least lower to the greatest
upper end of their own (science.md 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.planned import LEVEL, Estimate
from labbook.scaling.points import generator
from labbook.scaling.predict import POOL_DRAWS
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Comparison

SPREAD = np.array([NormalDist().inv_cdf((i + 0.5) / POOL_DRAWS) for i in range(POOL_DRAWS)])
NORMAL_REACH = NormalDist().inv_cdf(0.5 + LEVEL / 2)


@dataclass(frozen=True, slots=True)
class Voice:
    """One law's value of a quantity, its standard error and the factor from that to the interval's end."""

    centre: FloatArray
    """(m,)."""
    error: FloatArray
    """(m,), nan where it is not known."""
    quantile: float

    def ends(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end, each (m,)."""
        return self.centre - self.quantile * self.error, self.centre + self.quantile * self.error


def voice(handle: Handle, centre: FloatArray, error: FloatArray) -> Voice:
    """The opinion of a fitted law, its interval by its own t quantile."""
    return Voice(centre, error, t_quantile(LEVEL, handle.dof))


def pool(voices: list[Voice]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre, lower and upper end, each (m,); a law without a value is not heard."""
    ends = [x.ends() for x in voices]
    if len(voices) == 1:
        return voices[0].centre, *ends[0]
    draws = np.concatenate([x.centre + np.nan_to_num(x.error) * SPREAD[:, None] for x in voices])
    middle = np.nanmedian(draws, axis=0) if np.isnan(draws).any() else np.median(draws, axis=0)
    return middle, np.fmin.reduce([low for low, _ in ends]), np.fmax.reduce([high for _, high in ends])


def draw_thetas(comparison: Comparison, name: str, draws: int = POOL_DRAWS) -> FloatArray | None:
    """Parameters drawn about the fit, (draws, 6): normal, as wide as its t intervals, in mirrored pairs.

    For quantities that are no straight line near the fit, such as a distance from a minimum. None where the
    points do not determine the law. Raises FitError for a fit that carries its values only.
    """
    handle = handle_of(comparison.fits[name])
    if handle.covariance is None:
        return None
    values, vectors = np.linalg.eigh(handle.covariance)
    stream = sorted(comparison.fits).index(name)
    half = generator(comparison.digest, 1, stream).standard_normal((draws // 2, values.size))
    steps = half * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    steps *= t_quantile(LEVEL, handle.dof) / NORMAL_REACH
    form = handle.law.form
    thetas = np.repeat(handle.theta[None, :], 2 * len(half), axis=0)
    thetas[:, list(form.free)] += np.concatenate([steps, -steps])
    return form.complete(thetas)


def estimate(value: float, low: float, high: float) -> Estimate:
    """The figure as a value; without an interval where an end is not a number."""
    if np.isnan(low) or np.isnan(high):
        return Estimate(float(value))
    return Estimate(float(value), (float(low), float(high)))


def estimate_of_log(value: float, low: float, high: float) -> Estimate:
    """As `estimate`, of a quantity whose logarithm is given."""
    with np.errstate(over="ignore"):
        return estimate(*np.exp([value, low, high]))
