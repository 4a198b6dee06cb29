"""The points a law is fitted to: checked, in one canonical order, centred in logarithms."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Points:
    """Rungs in canonical order (by N, then D, then L), so that the caller's order cannot change a digit."""

    N: FloatArray
    D: FloatArray
    L: FloatArray
    weights: FloatArray
    """Mean 1 over the points that count."""
    weight_scale: float
    """What `weights` were divided by."""
    order: IntArray
    """Position of each point in the caller's arrays."""

    @property
    def size(self) -> int:
        """Number of points with weight."""
        return int(np.count_nonzero(self.weights))

    def unsort(self, values: FloatArray) -> FloatArray:
        """Values of the points in the caller's order."""
        result = np.empty_like(values)
        result[self.order] = values
        return result

    def select(self, mask: BoolArray) -> Points:
        """Some of the points, as a set of their own."""
        return read_points(self.N[mask], self.D[mask], self.L[mask], self.weights[mask])


@dataclass(frozen=True, slots=True)
class Centred:
    """Points in the coordinates of one law's form."""

    n: FloatArray
    d: FloatArray
    y: FloatArray
    """ln L."""
    weights: FloatArray
    centre: tuple[float, float]
    """Weighted means of the two log resources."""

    @property
    def L(self) -> FloatArray:
        """The losses."""
        return np.exp(self.y)


def read_points(N: ArrayLike, D: ArrayLike, L: ArrayLike, weights: ArrayLike | None = None) -> Points:
    """The points, checked and sorted.

    N, D, L, weights: (n,), L in the loss unit of the ladder, weights non-negative.
    Raises ValueError where shapes differ, an entry is not finite, N, D or L is not positive, or no weight is.
    """
    arrays = [_vector(name, values) for name, values in (("N", N), ("D", D), ("L", L))]
    w = np.ones(arrays[0].size) if weights is None else _vector("weights", weights)
    if len({array.size for array in (*arrays, w)}) > 1:
        sizes = ", ".join(f"{name} {array.size}" for name, array in zip(("N", "D", "L"), arrays, strict=True))
        raise ValueError(f"N, D, L and weights must have one length, not {sizes}, weights {w.size}")
    for name, array in zip(("N", "D", "L"), arrays, strict=True):
        if not (array > 0.0).all():
            raise ValueError(f"{name} must be positive")
    if (w < 0.0).any() or (w.size and not w.any()):
        raise ValueError("weights must not be negative, and not all of them 0")
    order = np.lexsort((w, arrays[2], arrays[1], arrays[0]))
    scale = float(w[order][w[order] > 0].mean()) if w.size else 1.0
    N_, D_, L_ = (array[order] for array in arrays)
    return Points(N_, D_, L_, w[order] / scale, scale, order)


def check_resources(N: ArrayLike, D: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """N and D of a prediction as equal-length float arrays.

    Raises ValueError where shapes differ or an entry is not positive and finite.
    """
    N_, D_ = np.broadcast_arrays(np.atleast_1d(np.asarray(N, float)), np.atleast_1d(np.asarray(D, float)))
    for name, array in (("N", N_), ("D", D_)):
        if array.ndim != 1:
            raise ValueError(f"{name} must be one-dimensional")
        if not ((array > 0.0) & np.isfinite(array)).all():
            raise ValueError(f"{name} must be positive and finite")
    return N_, D_


def digest(N: ArrayLike, D: ArrayLike, L: ArrayLike) -> str:
    """sha256 of the rows N, D, L to 12 digits, sorted: the same points give the same text in any order."""
    rows = zip(np.asarray(N, float), np.asarray(D, float), np.asarray(L, float), strict=True)
    lines = sorted(" ".join(f"{value:.12g}" for value in row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def generator(seed: str, *stream: int) -> np.random.Generator:
    """Random numbers that depend on a digest and a stream only."""
    return np.random.default_rng(np.random.SeedSequence([int(seed, 16), *stream]))


def distinct(values: Sequence[float] | FloatArray, gap: float = 1.1) -> FloatArray:
    """The distinct values in ascending order: one counts as new when `gap` times above the last one."""
    found: list[float] = []
    for value in np.sort(np.asarray(values, float)):
        if not found or value > found[-1] * gap:
            found.append(float(value))
    return np.asarray(found)


def _vector(name: str, values: ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; leave out rungs without a value")
    return array
