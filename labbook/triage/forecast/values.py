"""What a forecast of an unfinished run returns: frozen values that say what they rest on.

Plain numbers and words only; what they were made of stays in the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labbook.scaling.values import Interval, Refusal

Mode = Literal["A", "A2", "B", "C"]
"""A: finished runs of the ladder. A2: finished runs of other recipes. B: the planned learning rate. C: a power
law at a constant learning rate."""

NOMINAL = 0.9
"""Of every interval here; in the field about .85 (science.md 6.4)."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The loss an unfinished run will end at. Losses in the run's own unit."""

    final: float
    lo: float
    hi: float
    mode: Mode
    variant: str
    """In words: `A: trend over 4 rungs`, `A: shape of 76m-s1`, `B: planned learning rate`."""
    refs: tuple[str, ...]
    """Names of the finished runs it rests on."""
    loss_key: str
    level: float
    """The loss now (science.md 1.4)."""
    frac: float
    """Share of the plan that is done."""
    horizon: float
    """Planned end, in the unit of the run's own axis (steps or tokens)."""
    c: float
    """Share of the remaining drop that enters the half-width."""
    c_from: str
    """`table`, or the runs it was measured on."""
    k: float
    """Share of the loss that enters the half-width."""
    floor: float
    """The half-width without its share of the drop, in the loss unit."""
    gap: float
    """Between the two anchors of mode B, in the loss unit; 0 in the others."""
    q: float | None
    """Share of the planned decay of the learning rate that is done; None where the plan is unknown."""
    nominal: float = NOMINAL

    @property
    def remaining_drop(self) -> float:
        """Loss now less the loss at the end; negative where the loss is expected to rise."""
        return self.level - self.final


@dataclass(frozen=True, slots=True)
class Ahead:
    """The loss after more tokens at the same learning rate, where no end is planned."""

    factor: float
    """Tokens then / tokens now."""
    loss: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class NoForecast(Refusal):
    """Why no loss at the end is given, and what can be said instead."""

    at_most: float | None = None
    """The loss at the end if the learning rate did not fall; the run ends below it."""
    ahead: tuple[Ahead, ...] = ()
