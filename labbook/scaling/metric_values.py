"""What a fit of a metric returns: frozen values. This module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labbook.scaling.values import FitStatus, Interval, Refusal, Warned


@dataclass(frozen=True)
class MetricFit:
    """A law of a metric fitted to points; p, lo and hi are shares between 0 and 1."""

    law: str
    equation: str
    status: FitStatus
    n: int
    k: int
    params: dict[str, float]
    """By name, full precision; known bounds among them."""
    intervals: dict[str, Interval]
    """95 %, by the same names; absent for a known bound and for one that was hit."""
    known: tuple[str, ...]
    """Bounds that were given, not fitted."""
    objective: str
    """`binomial`, `least-squares-log-odds` or `least-squares-share`."""
    objective_value: float
    """Deviance, or sum of squares."""
    interval_method: str
    dispersion: float
    """Pearson's chi squared over n - k where items are counted, else the mean square error of the objective."""
    rms: float
    """Root mean square of observed less fitted p."""
    max_resid: float
    aicc: float | None
    """None where n - k' - 1 <= 0; comparable among laws fitted to the same points by one objective."""
    residuals: tuple[float | None, ...]
    """p observed - p fitted, in the order of the caller's points; None for one that was left out."""
    at_chance: tuple[int, ...]
    """Positions left out because they cannot be told from the lower bound."""
    ceiling_share: float
    """How far the best point is on the way from lo to hi, by the fit."""
    bound: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    handle: Any = field(default=None, repr=False, compare=False)
    """What predictions need. Not for others."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """The metric at one amount of the resource."""

    x: float
    p: float
    interval: Interval | None
    """95 %, of the law's own value."""
    reading: Interval | None
    """95 %, of one more measurement there."""
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """How much of the resource brings the metric to p."""

    p: float
    x: float | None
    """None where `refused`."""
    low: float | None
    """95 %; None where the points set no lower end."""
    high: float | None
    """None where the points set no upper end."""
    warnings: tuple[Warned, ...] = ()
    refused: Refusal | None = None


@dataclass(frozen=True)
class MetricComparison:
    """Every law asked for on the same points."""

    x: tuple[float, ...]
    p: tuple[float, ...]
    items: tuple[float, ...] | None
    fits: dict[str, MetricFit]
    refused: dict[str, Refusal]
    preferred: str | None
    """Law of least AICc; of least rms where n is too small for any."""
    predicted: dict[str, tuple[Predicted, ...]]
    """By law, at the amounts asked for."""
    reached: dict[str, tuple[Reached, ...]]
    digest: str
    warnings: tuple[Warned, ...] = ()
