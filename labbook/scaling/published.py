"""Where papers would put a compute budget: beside a plan for comparison, never pooled into it."""

from __future__ import annotations

from dataclasses import dataclass

from labbook.scaling.laws import chinchilla
from labbook.scaling.laws.base import Params

PF_DAY = 8.64e19
"""FLOP of a petaflop/s-day."""
KAPLAN_N, KAPLAN_EXPONENT = 1.3e9, 0.73
"""N_opt of one PF-day, and its growth with C_min (Kaplan et al. 2020, figure 14)."""


@dataclass(frozen=True, slots=True)
class PublishedAllocation:
    """N and D of a budget by the constants of a paper, and what its constants mean."""

    paper: str
    N: float
    D: float
    note: str


def published_allocations(C: float) -> tuple[PublishedAllocation, ...]:
    """Kaplan's, Hoffmann's and Besiroglu's division of C = 6ND training FLOP."""
    size = KAPLAN_N * (C / PF_DAY) ** KAPLAN_EXPONENT
    return (
        PublishedAllocation(
            "Kaplan et al. 2020",
            size,
            C / (6.0 * size),
            "N without embeddings; C taken as C_min",
        ),
        _chinchilla("Hoffmann et al. 2022", C, chinchilla.HOFFMANN, "N total; constants as printed, rounded"),
        _chinchilla("Besiroglu et al. 2024", C, chinchilla.BESIROGLU, "N total"),
    )


def _chinchilla(paper: str, C: float, params: Params, note: str) -> PublishedAllocation:
    N, D = chinchilla.optimal(C, params)
    return PublishedAllocation(paper, N, D, note)
