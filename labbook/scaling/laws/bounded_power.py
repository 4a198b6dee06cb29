"""A metric whose distance from its ceiling is a power of the resource."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params
from labbook.scaling.laws.metric import Link, MetricLaw


def bounded_power_metric(x: FloatArray, p: Params) -> FloatArray:
    """Metric at resource x.

    p = hi - c x^-k, k > 0

    x: (n,), positive. Returns (n,); it has no floor, so at small x it falls below any.
    """
    share: FloatArray = p["hi"] - p["c"] * x ** -p["k"]
    return share


def _share(eta: FloatArray) -> FloatArray:
    share: FloatArray = -np.expm1(-eta)
    return share


def _slope(eta: FloatArray) -> FloatArray:
    slope: FloatArray = np.exp(-eta)
    return slope


def _line(q: FloatArray) -> FloatArray:
    eta: FloatArray = -np.log1p(-q)
    return eta


def _distance_is_a_power(p: Params) -> tuple[float, float]:
    one, other = p["hi"] - bounded_power_metric(np.array([3.0, 6.0]), p)
    return float(one / other), 2.0 ** p["k"]


def _reaches_its_ceiling(p: Params) -> tuple[float, float]:
    return float(bounded_power_metric(np.array([1e300]), p)[0]), p["hi"]


LAW = MetricLaw(
    name="bounded-power",
    title="Power law below a ceiling",
    equation="p = hi - c x^-k",
    source="the common form of a bounded power law",
    parameters=(
        Parameter("c", True, NO_COORDINATE, (0.1, 0.8)),
        Parameter("k", False, NO_COORDINATE, (0.1, 1.0)),
        Parameter("hi", False, NO_COORDINATE, (0.7, 1.0)),
    ),
    link=Link(_share, _slope, _line),
    formula=bounded_power_metric,
    read=lambda u, v, hi: (math.exp(math.log(hi) - u), v),
    bounds=("hi",),
    only_rises=True,
    limits=(
        Limit("hi - p falls as x^-k", _distance_is_a_power),
        Limit("with unlimited x it is hi", _reaches_its_ceiling),
    ),
)
