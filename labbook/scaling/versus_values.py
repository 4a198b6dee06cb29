"""What a comparison of two recipes returns: frozen values. This module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labbook.scaling.values import Interval, Warned

Verdict = Literal["A better", "B better", "cannot tell", "beyond both ladders"]


@dataclass(frozen=True, slots=True)
class Gap:
    """ln of the loss of A less ln of the loss of B: negative where A is better."""

    gap: float
    interval: Interval | None
    """90 %; None where the points do not determine it."""


@dataclass(frozen=True, slots=True)
class Least:
    """The least loss one recipe reaches at a budget, by its own allocation."""

    N: float | None
    """None for laws of compute alone."""
    D: float | None
    loss: float
    interval: Interval | None
    """90 %, of the laws' own values."""
    factor: float
    """C over the largest C of the ladder."""
    is_inside: bool | None
    """Whether that N and D lie within the ladder's; None for laws of compute alone."""


@dataclass(frozen=True, slots=True)
class AtEqual:
    """Both recipes at one size and length."""

    N: float
    D: float
    gap: Gap


@dataclass(frozen=True, slots=True)
class AtBudget:
    """Both recipes at one budget of training compute."""

    C: float
    a: Least
    b: Least
    gap: Gap
    """Of the least losses: pooled over the forms."""
    by_form: dict[str, Gap]
    equal: AtEqual | None
    """At an N between both optima; None where it is outside either ladder, or for laws of compute alone."""
    verdict: Verdict
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Exponent:
    """One exponent of both recipes under one law, with 95 % intervals where there are any."""

    law: str
    name: str
    a: float
    b: float
    a_interval: Interval | None
    b_interval: Interval | None

    @property
    def overlaps(self) -> bool | None:
        """Whether the intervals share a value; None where one is missing."""
        if self.a_interval is None or self.b_interval is None:
            return None
        return self.a_interval[0] <= self.b_interval[1] and self.b_interval[0] <= self.a_interval[1]


@dataclass(frozen=True, slots=True)
class Versus:
    """Two recipes compared at equal compute."""

    forms: tuple[str, ...]
    """Laws admitted on both ladders, and pooled."""
    pairs: int
    """Pairs of rungs, one of each ladder, that share N and D within 10 %."""
    correlation: dict[str, float]
    """By form, of the residuals of such pairs; empty where there are none."""
    budgets: tuple[AtBudget, ...]
    exponents: tuple[Exponent, ...]
    is_overlap: bool
    """Whether the ranges of C of both ladders overlap."""
    warnings: tuple[Warned, ...]
