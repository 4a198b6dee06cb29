"""Share of problems solved by at least one of x samples."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params
from labbook.scaling.laws.metric import Link, MetricLaw


def coverage(x: FloatArray, p: Params) -> FloatArray:
    """Coverage at x samples a problem.

    -ln(p) = a x^-b      Brown et al. 2024, section 3

    x: (n,), positive. Returns (n,), shares between 0 and 1.
    """
    share: FloatArray = np.exp(-p["a"] * x ** -p["b"])
    return share


def _share(eta: FloatArray) -> FloatArray:
    share: FloatArray = np.exp(-np.exp(-eta))
    return share


def _slope(eta: FloatArray) -> FloatArray:
    slope: FloatArray = np.exp(-eta - np.exp(-eta))
    return slope


def _line(q: FloatArray) -> FloatArray:
    eta: FloatArray = -np.log(-np.log(q))
    return eta


def _log_is_a_power(p: Params) -> tuple[float, float]:
    one, other = -np.log(coverage(np.array([3.0, 6.0]), p))
    return float(one / other), 2.0 ** p["b"]


def _one_sample(p: Params) -> tuple[float, float]:
    return float(coverage(np.array([1.0]), p)[0]), math.exp(-p["a"])


LAW = MetricLaw(
    name="repeated-sampling",
    title="Coverage by repeated sampling",
    equation="-ln(p) = a x^-b",
    source="Brown et al. 2024, arXiv:2407.21787",
    parameters=(
        Parameter("a", True, NO_COORDINATE, (0.5, 5.0)),
        Parameter("b", False, NO_COORDINATE, (0.1, 1.0)),
    ),
    link=Link(_share, _slope, _line),
    formula=coverage,
    read=lambda u, v, hi: (math.exp(-u), v),
    bounds=(),
    only_rises=True,
    limits=(
        Limit("-ln p falls as x^-b", _log_is_a_power),
        Limit("one sample gives e^-a", _one_sample),
    ),
)
