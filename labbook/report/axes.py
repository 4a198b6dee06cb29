"""Axes of a plot: limits that rarely move, ticks at round numbers, and lines thinned to what shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labbook.quantities import format_size

FloatArray = NDArray[np.float64]


def thinned(
    x: FloatArray, y: FloatArray, lim: tuple[float, float], columns: int
) -> tuple[FloatArray, FloatArray]:
    """The least and greatest y of each of `columns` equal parts of `lim`, in order of x.

    x, y: (k,) in axis units, x ascending. Returns at most 2 x columns points; short input as it is.
    """
    if len(x) <= 2 * columns:
        return x, y
    cell = np.floor((x - lim[0]) / (lim[1] - lim[0]) * columns).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(cell) != 0])
    ends = np.r_[starts[1:], len(x)]
    picks = [
        sorted({int(a + np.argmin(y[a:b])), int(a + np.argmax(y[a:b]))})
        for a, b in zip(starts, ends, strict=True)
    ]
    chosen = np.array([i for pair in picks for i in pair])
    return x[chosen], y[chosen]


def limits(values: Sequence[FloatArray], log: bool) -> tuple[float, float]:
    """Axis limits in axis units, widened to round numbers so that a growing curve rarely moves them."""
    lo = min(float(v.min()) for v in values if len(v))
    hi = max(float(v.max()) for v in values if len(v))
    if log:
        low, high = 10.0**lo, 10.0**hi
        if hi - lo >= 1:
            return math.log10(_round_down(low)), -math.log10(_round_down(1 / high))
        low, high = _widened(low, high, parts=20)
        return math.log10(low), math.log10(high)
    return _widened(lo, hi)


def _widened(lo: float, hi: float, parts: int = 8) -> tuple[float, float]:
    if hi <= lo:
        pad = abs(lo) * 0.05 or 1.0
        return lo - pad, hi + pad
    step = _nice((hi - lo) / parts)
    low, high = math.floor(lo / step + 1e-9) * step, math.ceil(hi / step - 1e-9) * step
    return (low if low > 0 or lo <= 0 else lo), high


def _round_down(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is not above `value`."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(m for m in (1.0, 2.0, 5.0) if m * power <= value * (1 + 1e-9)) * power


def _nice(step: float) -> float:
    """Smallest of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m for m in (1.0, 2.0, 5.0, 10.0) if m * power >= step * (1 - 1e-9)) * power


def ticks(lo: float, hi: float, *, log: bool, room: int, sizes: bool) -> tuple[list[float], list[str]]:
    """Positions in axis units and labels, at most `room` of them.

    On a log axis decades with as many of 2, 3, 5 between them as fit; below a factor of four round
    steps, as on a linear axis.
    """
    if log and hi - lo >= math.log10(4):
        values = _log_values(10.0**lo, 10.0**hi, room)
    else:
        low, high = (10.0**lo, 10.0**hi) if log else (lo, hi)
        step = _nice((high - low) / max(1, room - 1))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        values = [k * step for k in range(first, last + 1)]
    positions = [math.log10(v) for v in values] if log else values
    return positions, [format_size(v) if sizes else _plain(v) for v in values]


def _plain(value: float) -> str:
    """`2.5`, `0.0003`, `3e-5`: as short as it can be."""
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")


def _log_values(low: float, high: float, room: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for mantissas, stride in (((1, 2, 3, 5), 1), ((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 4)):
        found = [m * 10.0**k for k in decades if k % stride == 0 for m in mantissas]
        found = [v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(found) <= room:
            return found
    return found[:: math.ceil(len(found) / room)]
