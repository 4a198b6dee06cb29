"""A finished run reduced to the point a law is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labbook.summary import Level

SAME = 0.01
"""Relative difference below which two N, two D or two learning rates are the same."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One finished run reduced to the point a law is fitted to."""

    run_id: str
    name: str
    N: float
    D: float
    """By the ladder's D reading."""
    C: float
    """6 N x tokens seen: what training cost, whatever D means; N active of a mixture of experts."""
    loss: float
    level: Level


def cells(rungs: Sequence[Rung]) -> list[list[Rung]]:
    """Rungs with the same N and D within 1 %, cell by cell."""
    found: list[list[Rung]] = []
    for rung in sorted(rungs, key=lambda r: (r.N, r.D, r.name, r.run_id)):
        for cell in found:
            if close(cell[0].N, rung.N) and close(cell[0].D, rung.D):
                cell.append(rung)
                break
        else:
            found.append([rung])
    return found


def close(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * max(abs(a), abs(b))


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b, c and 7 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
