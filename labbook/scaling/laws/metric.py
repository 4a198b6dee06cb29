"""Laws of any metric between two bounds against any resource (science.md 2.9).

Each is a straight line in ln x behind a link: with q = (p - lo)/(hi - lo), g(q) = u + v ln x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import Limit, Parameter, Params, Subject

Bound = Literal["lo", "hi"]


@dataclass(frozen=True, slots=True)
class Link:
    """What turns the line eta = u + v ln x into the share q of the way between the bounds."""

    mean: Callable[[FloatArray], FloatArray]
    """q of eta, rising."""
    slope: Callable[[FloatArray], FloatArray]
    """dq/d eta."""
    inverse: Callable[[FloatArray], FloatArray]
    """eta of q in (0, 1)."""


@dataclass(frozen=True)
class MetricLaw:
    """One shape of metric p against resource x; both bounds are shares between 0 and 1."""

    name: str
    title: str
    equation: str
    source: str
    parameters: tuple[Parameter, ...]
    """The line's own first, then the bounds the shape has."""
    link: Link
    formula: Callable[[FloatArray, Params], FloatArray]
    """p of x and parameters by name: the equation as it is written."""
    read: Callable[[float, float, float], tuple[float, ...]]
    """The line's own parameters from u, v and hi."""
    bounds: tuple[Bound, ...]
    """Bounds that stand in the equation; without `lo` it is 0, without `hi` it is 1."""
    only_rises: bool
    """Whether v must be positive for the law to mean what it says."""
    limits: tuple[Limit, ...] = ()
    subject: Subject = "metric"
    published: Mapping[str, Params] = field(default_factory=dict)

    @property
    def lines(self) -> tuple[Parameter, ...]:
        """The two parameters of the line."""
        return self.parameters[:2]


@dataclass(frozen=True)
class MetricLaws:
    """Several shapes under one name: all are fitted and compared."""

    name: str
    title: str
    source: str
    laws: tuple[MetricLaw, ...]
    subject: Subject = "metric"
    published: Mapping[str, Params] = field(default_factory=dict)

    @property
    def equation(self) -> str:
        """One equation after the other."""
        return "; ".join(law.equation for law in self.laws)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter of any of them once."""
        return tuple({parameter.name: parameter for law in self.laws for parameter in law.parameters}.values())

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits of each."""
        return tuple(limit for law in self.laws for limit in law.limits)


def logistic(eta: FloatArray) -> FloatArray:
    """1/(1 + e^-eta), without overflow."""
    small = np.exp(-np.abs(eta))
    share: FloatArray = np.where(eta >= 0.0, 1.0, small) / (1.0 + small)
    return share
