"""What a law of one run's loss curve is: loss at a step from the learning rate of every step up to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from labbook.scaling.form import FloatArray, IntArray
from labbook.scaling.laws.base import Limit, Parameter, Params, Subject

Seen = TypeVar("Seen")
"""What the law needs of the schedules up to each point, apart from its free parameters."""


@dataclass(frozen=True)
class CurveCheck:
    """Values worked out by hand from the formula: losses at every step of a short schedule."""

    lr: tuple[float, ...]
    params: Params
    loss: tuple[float, ...]
    digits: int
    """Decimals of `loss` that count."""


@dataclass(frozen=True)
class CurveLaw(Generic[Seen]):
    """A law of the learning-rate schedule. lr[i] is the learning rate of step i, the warm-up included.

    The solver works on theta, the free parameters in order, a scale by its logarithm.
    """

    name: str
    title: str
    equation: str
    source: str
    parameters: tuple[Parameter, ...]
    """The free ones first, then those taken from a grid."""
    formula: Callable[[FloatArray, IntArray, Params], FloatArray]
    """Loss at the steps `at` (n,) under the schedule lr (steps,): the paper's sums, term by term."""
    see: Callable[[FloatArray, IntArray, Params], Seen]
    """The schedule as the solver sees it at the steps `at`, with the parameters of the grid given."""
    join: Callable[[Sequence[Seen]], Seen]
    """Several curves as one."""
    evaluate: Callable[[Seen, FloatArray], tuple[FloatArray, FloatArray]]
    """Loss (n,) and its derivatives (n, k) by theta."""
    starts: Callable[[Seen, FloatArray], FloatArray]
    """theta (starts, k) for losses (n,)."""
    bounds: Mapping[str, tuple[float, float]]
    """Of the exponents; a scale is positive."""
    grid: tuple[Params, ...] = ({},)
    """Parameters that are not solved for: the best of these is kept."""
    limits: tuple[Limit, ...] = ()
    checks: tuple[CurveCheck, ...] = ()
    subject: Subject = "curve"
    published: Mapping[str, Params] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that are solved for."""
        return tuple(parameter for parameter in self.parameters if parameter.name not in self.grid[0])

    @property
    def k(self) -> int:
        """Number of parameters, those of the grid included."""
        return len(self.parameters)

    def write(self, params: Params) -> FloatArray:
        """theta (k,) of parameters; a scale of 0 as the least number there is."""
        return np.array(
            [math.log(max(params[p.name], 1e-300)) if p.is_scale else params[p.name] for p in self.free]
        )

    def read(self, theta: FloatArray) -> dict[str, float]:
        """Free parameters of theta (k,)."""
        return {
            p.name: math.exp(value) if p.is_scale else float(value)
            for p, value in zip(self.free, theta, strict=True)
        }


def linear_starts(
    losses: FloatArray, columns: Sequence[FloatArray], at_least: float = 1e-3
) -> tuple[float, ...]:
    """The amplitudes of a law linear in them, by least squares relative to the losses (n,).

    columns: (n,) each, the first one the constant. An amplitude that comes out negative is set to what
    makes its term `at_least` of the least loss.
    """
    design = np.stack(columns, axis=-1) / losses[:, None]
    found = np.linalg.lstsq(design, np.ones_like(losses), rcond=None)[0]
    least = float(losses.min())
    amplitudes = []
    for value, column in zip(found, columns, strict=True):
        size = float(np.abs(column).max()) or 1.0
        amplitudes.append(float(value) if value * size > at_least * least else at_least * least / size)
    amplitudes[0] = min(amplitudes[0], 0.95 * least)
    return tuple(amplitudes)
