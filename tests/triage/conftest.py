"""Synthetic series with planted events, as curves the way the store hands them over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from labbook.records import Curve

FloatArray = NDArray[np.float64]
MakeCurve = Callable[..., Curve]


def _curve(
    step: ArrayLike,
    value: ArrayLike,
    series: str = "train",
    *,
    wall: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    epoch: ArrayLike | None = None,
    segment: ArrayLike | None = None,
) -> Curve:
    """A curve sorted by step; columns not given are NaN, the segment is 0."""
    n = len(np.asarray(step))

    def column(given: ArrayLike | None) -> FloatArray:
        return np.full(n, np.nan) if given is None else np.asarray(given, dtype=float)

    kept = np.zeros(n, np.int32) if segment is None else np.asarray(segment, dtype=np.int32)
    steps, values = np.asarray(step, dtype=float), np.asarray(value, dtype=float)
    return Curve(series, steps, values, column(tokens), column(epoch), column(wall), kept)


def _from_file_order(step: ArrayLike, value: ArrayLike) -> Curve:
    """What is left of a log in file order: a step at or below the largest seen opens a segment, the last
    written value of a step stands."""
    steps, values = np.asarray(step, dtype=float), np.asarray(value, dtype=float)
    largest, number, rows = -np.inf, 0, {}
    for s, v in zip(steps, values, strict=True):
        if s <= largest:
            number, largest = number + 1, s
        largest = max(largest, s)
        rows[s] = (v, number)
    ordered = sorted(rows)
    return _curve(ordered, [rows[s][0] for s in ordered], segment=[rows[s][1] for s in ordered])


def _healthy(rng: np.random.Generator, n: int, sd: float, *, every: int = 1) -> FloatArray:
    """Losses of a healthy run (science.md 11.1): a power law, normal noise, an exponential tail."""
    t = np.arange(n) * every
    tail = np.where(rng.random(n) < 0.004, rng.exponential(5 * sd, n), 0.0)
    return 2.9 + 7 * (t + 50) ** -0.35 + rng.normal(0, 0.9 * sd, n) + tail


@pytest.fixture
def curve() -> MakeCurve:
    return _curve


@pytest.fixture
def from_file_order() -> Callable[[ArrayLike, ArrayLike], Curve]:
    return _from_file_order


@pytest.fixture
def healthy() -> Callable[..., FloatArray]:
    return _healthy


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)
