"""Linear fits that a few far points do not move, many at once: y = X c by Huber weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labbook.triage.forecast.bins import FloatArray

BoolArray = NDArray[np.bool_]

HUBER = 1.345
ROUNDS = 3
PENALTY = 50.0


def huber_fits(
    X: FloatArray, y: FloatArray, sd: float, prior: tuple[float, float] | None = None
) -> tuple[FloatArray, FloatArray]:
    """(coefficients (m, p), mean weighted squared residual in units of sd (m,)) of m fits to one y (n,).

    X: (m, n, p). sd: noise of y. prior: (mean, sd) of the last coefficient.
    """
    m, n, p = X.shape
    z, target = X / sd, y / sd
    precision, pull = np.zeros((p, p)), np.zeros(p)
    if prior is not None:
        precision[-1, -1], pull[-1] = prior[1] ** -2, prior[0] * prior[1] ** -2
    jitter = 1e-10 * np.eye(p)
    weights = np.ones((m, n))
    for _ in range(ROUNDS + 1):
        wz = z * weights[:, :, None]
        scale = np.sqrt(np.einsum("mnp,mnp->mp", wz, z) + np.diag(precision))
        normal = (np.einsum("mnp,mnq->mpq", wz, z) + precision) / (scale[:, :, None] * scale[:, None, :])
        right = (np.einsum("mnp,n->mp", wz, target) + pull) / scale
        coefficients = np.linalg.solve(normal + jitter, right[:, :, None])[:, :, 0] / scale
        residual = target - np.einsum("mnp,mp->mn", z, coefficients)
        used = weights
        weights = np.minimum(1.0, HUBER / np.maximum(np.abs(residual), 1e-12))
    return coefficients, np.einsum("mn,mn->m", used, residual**2) / n


def likelihoods(chi2: FloatArray, n: int, excluded: BoolArray) -> FloatArray:
    """(m,) weights that sum to 1: exp(-n/2 ln chi2), those `excluded` (m,) less by e^50."""
    score = -0.5 * n * np.log(np.maximum(chi2, 1e-12)) - PENALTY * excluded
    weight = np.exp(score - score.max())
    return np.asarray(weight / weight.sum(), float)
