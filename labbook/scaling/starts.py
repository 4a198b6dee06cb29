"""Grids of starting values that every law's own list is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from labbook.scaling.form import COORDINATES, FloatArray
from labbook.scaling.points import Centred

SMALLEST = 1e-3
"""A coefficient the linear problem made negative becomes this share of the least loss."""
RIDGE = 1e-10


def rows(count: int, columns: Mapping[str, float | FloatArray | Sequence[float]]) -> FloatArray:
    """theta (count, 6) from columns by coordinate name; q is 1, e minus infinity and gamma 0 unless given."""
    theta = np.zeros((count, 6))
    theta[:, COORDINATES.index("q")] = 1.0
    theta[:, COORDINATES.index("e")] = -np.inf
    for name, values in columns.items():
        theta[:, COORDINATES.index(name)] = values
    return theta


def grid(*axes: Sequence[float]) -> list[FloatArray]:
    """Columns of the cartesian product of the axes."""
    return list(np.array(list(product(*axes))).T)


def project(points: Centred, exponents: Sequence[tuple[float, ...]]) -> FloatArray:
    """ln of the coefficients (rows, terms + 1) that fit best at fixed exponents, the constant last.

    Variable projection: at fixed exponents L = E + sum_j A_j exp(-x_j) is linear in E and A_j. Rows are divided
    by L, so that the relative error counts.
    """
    axes = (points.n, points.d)
    weight = np.sqrt(points.weights) / points.L
    designs = np.array(
        [
            np.stack(
                [np.exp(-power * x) for power, x in zip(powers, axes, strict=False)] + [np.ones_like(points.n)]
            )
            for powers in exponents
        ]
    )
    designs = designs * weight
    normal = designs @ designs.transpose(0, 2, 1)
    target = designs @ (points.L * weight)
    size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
    ridge = RIDGE * size * np.eye(normal.shape[1])
    coefficients = np.linalg.solve(normal + ridge, target[:, :, None])[:, :, 0]
    least = SMALLEST * points.L.min()
    return np.log(np.where(coefficients > least, coefficients, least))
