"""What fits of a law to loss curves return. This module imports nothing heavy, as `scaling.values`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labbook.scaling.values import FitStatus, Interval, Warned


@dataclass(frozen=True, slots=True)
class CurveScore:
    """How far a law lies from one measured curve; losses in the curve's unit."""

    name: str
    n: int
    """Points compared."""
    mae: float
    rmse: float
    r2: float | None
    """None where the curve does not vary. It says little: any falling law comes near 1."""
    mean_relative: float
    """Mean of |predicted - measured| / measured."""
    rms_relative: float
    worst_relative: float
    worst_step: int
    end_relative: float
    """(predicted - measured) / measured of the last point."""
    notes: tuple[str, ...] = ()
    """How its learning rate and its points were read."""


@dataclass(frozen=True)
class CurveFit:
    """A law fitted to the loss curves of one model, jointly."""

    law: str
    equation: str
    source: str
    status: FitStatus
    params: dict[str, float]
    """By their paper names, full precision."""
    intervals: dict[str, Interval]
    """95 %; absent for a parameter of a grid, and where none can be stood behind."""
    interval_method: str
    grid: dict[str, tuple[float, ...]]
    """Values tried of the parameters that are not solved for."""
    n: int
    k: int
    n_effective: float
    """Points that would say as much if neighbours did not share their error."""
    correlation: float
    """Between the residuals of neighbouring points."""
    objective: str
    objective_value: float
    """Sum over the points, not the mean."""
    rms_log: float
    max_resid_log: float
    starts: int
    """Of the best value of the grid."""
    starts_at_best: int
    distinct_optima: int
    tolerance: float
    condition: float
    bound: tuple[str, ...]
    scores: tuple[CurveScore, ...]
    """Of the curves it was fitted to, by name."""
    digest: str
    """sha256 of the points and schedules."""
    warnings: tuple[Warned, ...] = ()
    handle: Any = field(default=None, repr=False, compare=False)
    """theta, covariance and law, for `scaling.schedule`."""


@dataclass(frozen=True, slots=True)
class EndLoss:
    """The loss at the end of a planned schedule."""

    step: int
    loss: float
    interval: Interval | None
    """None where the parameters are not determined."""
    covers: str
    """What the interval covers and what not."""
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class RungCollapse:
    """One rung against the common curve of the others."""

    name: str
    distance: float
    """rms of l - l of the others, over x, in units of the curve's own height."""
    threshold: float | None
    """What it is off beyond: so many times the spread of the others; None with fewer than three others."""
    is_off: bool | None
    line: tuple[float, ...]
    """l(x) under the L0 of all rungs."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """The normalised curves of a ladder's rungs as one (Qiu et al. 2025)."""

    L0: float
    at_bound: bool
    """True where L0 lies on an end of its range: the curves do not fix it."""
    spread: float
    """Between the rungs, in units of the curve's own height."""
    x: tuple[float, ...]
    """Share of the schedule."""
    common: tuple[float, ...]
    """l(x), the mean over rungs."""
    rungs: tuple[RungCollapse, ...]
    warnings: tuple[Warned, ...] = ()
