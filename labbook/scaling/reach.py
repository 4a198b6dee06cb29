"""How far a forecast lies from the runs it rests on (science.md 4.6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import FloatArray
from labbook.scaling.points import check_resources
from labbook.scaling.values import Warned

FAR = 10.0
ON_EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Reach:
    """One (N, D) against the rungs."""

    factor_N: float
    """N over the largest N of the rungs."""
    factor_D: float
    factor_C: float
    """By C = 6ND."""
    is_inside: bool
    """Whether it lies in the convex hull of the rungs' (ln N, ln D)."""

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """`far-extrapolation` beyond ten times the compute of any rung, `outside-hull`."""
        found = []
        if self.factor_C > FAR * (1.0 + ON_EDGE):
            found.append(Warned("far-extrapolation", f"{self.factor_C:.3g} times beyond the largest run."))
        if not self.is_inside:
            found.append(Warned("outside-hull", "No run near this N and D."))
        return tuple(found)


def reach(N: ArrayLike, D: ArrayLike, at_N: ArrayLike, at_D: ArrayLike) -> list[Reach]:
    """How far each (at_N, at_D), (m,), is from rungs of N and D, (n,).

    Raises ValueError where an entry is not positive and finite, or there are no rungs.
    """
    N_, D_ = check_resources(N, D)
    if not N_.size:
        raise ValueError("no rungs")
    corners = _hull(np.column_stack([np.log(N_), np.log(D_)]))
    most = (float(N_.max()), float(D_.max()), float((N_ * D_).max()))
    return [
        Reach(
            float(n / most[0]),
            float(d / most[1]),
            float(n * d / most[2]),
            _inside(corners, np.log(n), np.log(d)),
        )
        for n, d in zip(*check_resources(at_N, at_D), strict=True)
    ]


def _hull(points: FloatArray) -> FloatArray:
    """Corners of the convex hull, anticlockwise (monotone chain)."""
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    below, above = _chain(ordered), _chain(ordered[::-1])
    return np.array(below[:-1] + above[:-1])


def _chain(ordered: FloatArray) -> list[FloatArray]:
    corners: list[FloatArray] = []
    for point in ordered:
        while len(corners) > 1 and _turn(corners[-2], corners[-1], point) <= 0.0:
            corners.pop()
        corners.append(point)
    return corners


def _turn(one: FloatArray, two: FloatArray, three: FloatArray) -> float:
    first, second = two - one, three - one
    return float(first[0] * second[1] - first[1] * second[0])


def _inside(corners: FloatArray, n: float, d: float) -> bool:
    point = np.array([n, d])
    if len(corners) == 1:
        return bool(np.abs(corners[0] - point).max() < ON_EDGE)
    if len(corners) == 2:
        on_line = abs(_turn(corners[0], corners[1], point)) < ON_EDGE
        between = bool(
            ((point >= corners.min(axis=0) - ON_EDGE) & (point <= corners.max(axis=0) + ON_EDGE)).all()
        )
        return on_line and between
    following = np.roll(corners, -1, axis=0)
    return all(_turn(one, two, point) >= -ON_EDGE for one, two in zip(corners, following, strict=True))
