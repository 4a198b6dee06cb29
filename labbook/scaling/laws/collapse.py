"""Qiu et al. 2025: the normalised loss curves of a well-scaled ladder are one curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params, Subject


def normalised(loss: FloatArray, end: float, L0: float) -> FloatArray:
    """l(x) of the losses L(xT) (n,) of a run that ends at L(T) = end; 1 at the end, positive above L0.

    l(x) = (L(xT) - L0)/(L(T) - L0)      Qiu et al. 2025

    Raises ValueError for an end that is not above L0.
    """
    if not end > L0:
        raise ValueError(f"L0 must lie below the end of the run, {end:g}, not at {L0:g}")
    return (loss - L0) / (end - L0)


@dataclass(frozen=True)
class CollapseLaw:
    """A law of the shape of all curves of a ladder; the one free parameter is what all of them level off at."""

    name: str = "collapse"
    title: str = "Qiu et al."
    equation: str = "l(x) = (L(xT) - L0)/(L(T) - L0), x = step/T"
    source: str = "Qiu et al. 2025, arXiv:2507.02119"
    parameters: tuple[Parameter, ...] = (Parameter("L0", True, NO_COORDINATE, (0.5, 2.0)),)
    subject: Subject = "curve"
    limits: tuple[Limit, ...] = ()
    published: Mapping[str, Params] = field(default_factory=dict)


def _at_the_end(p: Params) -> tuple[float, float]:
    return float(normalised(np.array([2.0 * p["L0"]]), 2.0 * p["L0"], p["L0"])[0]), 1.0


def _of_any_height(p: Params) -> tuple[float, float]:
    """Two runs of one shape whose heights above L0 differ by 3."""
    shape = np.array([1.7])
    low, high = (float(normalised(p["L0"] + h * shape, p["L0"] + h, p["L0"])[0]) for h in (0.4, 1.2))
    return low, high


LAW = CollapseLaw(
    limits=(
        Limit("every curve ends at 1", _at_the_end),
        Limit("runs of one shape above L0 are one curve, whatever their height", _of_any_height),
    )
)
