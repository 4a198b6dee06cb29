"""What a law is: a formula with the words of its paper, and how it lies in the family of forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import A, FloatArray, Form, P
from labbook.scaling.points import Centred, Points, check_resources
from labbook.scaling.starts import rows

Params: TypeAlias = Mapping[str, float]
Centre: TypeAlias = tuple[float, float]


NO_COORDINATE = -1
Subject: TypeAlias = Literal["ladder", "curve", "metric"]
"""What a law is fitted to: the rungs of a ladder, the curve of a run, or any metric against any resource."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a law, by its paper's name."""

    name: str
    is_scale: bool
    """A scale has its interval on the log scale; an exponent as it is."""
    coordinate: int
    """The coordinate of the form it stands or falls with; NO_COORDINATE outside the family of forms."""
    typical: tuple[float, float]
    """Range of plausible values for ladders of language models; nothing is bounded by it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An identity the law must obey, checked by tests at random parameters."""

    says: str
    sides: Callable[[Params], tuple[float, float]]
    """Both sides, as numbers."""


@dataclass(frozen=True, slots=True)
class Check:
    """A value printed in a paper, or worked out by hand from its formula."""

    N: float
    D: float
    loss: float
    digits: int
    """Decimals of `loss` that count."""
    params: Params


class Described(Protocol):
    """What every law can say of itself, whatever it is fitted to."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def equation(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def subject(self) -> Subject: ...
    @property
    def limits(self) -> tuple[Limit, ...]: ...
    @property
    def published(self) -> Mapping[str, Params]: ...


@dataclass(frozen=True)
class Law:
    """A scaling law of the resources of a ladder's rungs, one of the family of forms (`scaling.form`)."""

    name: str
    title: str
    equation: str
    source: str
    parameters: tuple[Parameter, ...]
    form: Form
    formula: Callable[[FloatArray, FloatArray, Params], FloatArray]
    """Loss from N, D and parameters by name: the equation as the paper writes it."""
    read: Callable[[FloatArray, Centre], list[FloatArray]]
    """Columns of parameters, in the order of `parameters`, from theta (rows, 6)."""
    write: Callable[[Params, Centre], dict[str, float]]
    """Coordinates by name from parameters."""
    starts: Callable[[Centred], FloatArray]
    """theta (starts, 6)."""
    constant: str | None = None
    """Name of the parameter the loss levels off at."""
    pooled: bool = True
    """Whether it is compared with the others on a ladder and pooled for forecasts and regimes."""
    resources: tuple[str, ...] = ("N", "D")
    """What stands on its axes: N, D, C = 6ND, or S_min in the place of D."""
    limits: tuple[Limit, ...] = ()
    checks: tuple[Check, ...] = ()
    subject: Subject = "ladder"
    published: Mapping[str, Params] = field(default_factory=dict)
    """Constants of papers by name, for plots that say so. Never applied to anyone's runs."""

    @property
    def k(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def predict(self, N: ArrayLike, D: ArrayLike, params: Params) -> FloatArray:
        """Predicted loss at N parameters and D tokens, (n,), in the unit of the parameters.

        Raises ValueError where shapes differ or an entry is not positive and finite.
        """
        return self.formula(*check_resources(N, D), params)

    @property
    def allocates(self) -> bool:
        """Whether it trades N against D freely, so that `a`, the exponent of N in C, follows from its fit."""
        return self.resources == ("N", "D") and not self.form.tied

    def axes(self, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithms of the law's resources; the second is 0 for a law of one."""
        if len(self.resources) == 2:
            return np.log(N), np.log(D)
        one = {"N": N, "D": D, "C": 6.0 * N * D}[self.resources[0]]
        return np.log(one), np.zeros_like(N)

    def centre(self, points: Points) -> Centred:
        """The points in this law's coordinates."""
        x, z = self.axes(points.N, points.D)
        total = points.weights.sum()
        middle = (float(points.weights @ x / total), float(points.weights @ z / total))
        return Centred(x - middle[0], z - middle[1], np.log(points.L), points.weights, middle)

    def to_params(self, theta: FloatArray, centre: Centre) -> FloatArray:
        """Parameters (rows, k) of theta (rows, 6); infinite where theta ran away."""
        with np.errstate(all="ignore"):
            return np.stack(self.read(theta, centre), axis=-1)


def power_read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """Exponent and scale x_c of (x_c/x)^exponent, of theta (rows, 6)."""
    return [theta[:, P], np.exp(theta[:, A] / theta[:, P] + centre[0])]


def power_write(exponent: str, scale: str) -> Callable[[Params, Centre], dict[str, float]]:
    """The coordinates of (x_c/x)^exponent from its two parameters by their names."""

    def write(p: Params, centre: Centre) -> dict[str, float]:
        return {"a": p[exponent] * (math.log(p[scale]) - centre[0]), "p": p[exponent]}

    return write


def power_starts(points: Centred) -> FloatArray:
    """3 starts; a power law is a line in logarithms, so each of them ends at the best."""
    return rows(3, {"a": float(np.mean(points.y)), "p": (0.05, 0.1, 0.3)})
