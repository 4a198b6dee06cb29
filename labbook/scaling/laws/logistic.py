"""A metric that rises from one bound to the other along a logistic curve in ln x."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params
from labbook.scaling.laws.metric import Link, MetricLaw, logistic


def logistic_metric(x: FloatArray, p: Params) -> FloatArray:
    """Metric at resource x.

    p = lo + (hi - lo)/(1 + e^-(u + v ln x)), that is (p - lo)/(hi - p) = e^u x^v

    x: (n,), positive. Returns (n,), shares between lo and hi.
    """
    share: FloatArray = p["lo"] + (p["hi"] - p["lo"]) * logistic(p["u"] + p["v"] * np.log(x))
    return share


def _slope(eta: FloatArray) -> FloatArray:
    return logistic(eta) * logistic(-eta)


def _log_odds(q: FloatArray) -> FloatArray:
    odds: FloatArray = np.log(q) - np.log1p(-q)
    return odds


def _odds_are_a_power(p: Params) -> tuple[float, float]:
    x = np.array([1.7])
    at = float(logistic_metric(x, p)[0])
    return (at - p["lo"]) / (p["hi"] - at), float(np.exp(p["u"]) * x[0] ** p["v"])


def _reaches_its_ceiling(p: Params) -> tuple[float, float]:
    return float(logistic_metric(np.array([1e300]), p)[0]), p["hi"]


LAW = MetricLaw(
    name="logistic",
    title="Logistic in ln x",
    equation="p = lo + (hi - lo)/(1 + e^-(u + v ln x))",
    source="logistic regression on the log of the resource",
    parameters=(
        Parameter("u", False, NO_COORDINATE, (0.5, 5.0)),
        Parameter("v", False, NO_COORDINATE, (0.3, 2.0)),
        Parameter("lo", False, NO_COORDINATE, (0.05, 0.5)),
        Parameter("hi", False, NO_COORDINATE, (0.7, 1.0)),
    ),
    link=Link(logistic, _slope, _log_odds),
    formula=logistic_metric,
    read=lambda u, v, hi: (u, v),
    bounds=("lo", "hi"),
    only_rises=False,
    limits=(
        Limit("(p - lo)/(hi - p) = e^u x^v", _odds_are_a_power),
        Limit("with unlimited x it is hi", _reaches_its_ceiling),
    ),
)
