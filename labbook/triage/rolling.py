"""Exact causal rolling medians of long series, in numpy alone.

Importing scipy costs more than reading a whole board, and a window sort of 100k points costs a second;
a wavelet matrix (Claude, Navarro and Ordóñez 2015) answers each window in a dozen array steps instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_ROW = 4096
"""Points handled together: their ranks stay in the fastest cache."""


def previous_median(y: FloatArray, window: int, least: int) -> FloatArray:
    """Median of the up to `window` points before each point; (n,) for y (n,).

    NaN where fewer than `least` points come before. An even count gives the upper of its two middle
    values. y must be finite. Raises ValueError where `least` is not in 1..window.
    """
    if not 1 <= least <= window:
        raise ValueError(f"least {least} is not within 1..{window}")
    median = np.full(len(y), np.nan)
    at = np.arange(least, len(y))
    if len(at):
        median[least:] = y[_middle(y, np.maximum(at - window, 0), at, window)]
    return median


def _middle(y: FloatArray, lo: IntArray, hi: IntArray, window: int) -> IntArray:
    """Position in y of the upper median of y[lo:hi], for each pair; hi - lo <= window, both ascending."""
    length = 1 << max(1, int(min(len(y), max(_ROW, 4 * window)) - 1).bit_length())
    stride = length - window if len(y) > length else length
    count = max(1, -(-(len(y) - window) // stride))
    starts = np.arange(count) * stride
    row = np.clip((hi - window - 1) // stride, 0, count - 1)
    padded = np.concatenate((y, np.full(max(0, int(starts[-1]) + length - len(y)), np.inf)))
    order = np.argsort(padded[starts[:, None] + np.arange(length)], axis=1, kind="stable")
    rank = _kth_rank(order, row, lo - starts[row], hi - starts[row])
    return starts[row] + order[row, rank]


def _kth_rank(order: IntArray, row: IntArray, lo: IntArray, hi: IntArray) -> IntArray:
    """Rank within its row of the upper median of each window [lo, hi).

    order: (rows, length) argsort of each row, length a power of two, so that every bit of the ranks
    is zero for exactly half of a row.
    """
    rows, length = order.shape
    ranks = np.empty((rows, length), np.int16 if length <= 1 << 15 else np.int32)
    np.put_along_axis(ranks, order, np.arange(length, dtype=ranks.dtype)[None, :], axis=1)
    base, k, half = row * (length + 1), (hi - lo) // 2, length // 2
    lo, hi = lo + base, hi + base
    found = np.zeros(len(row), np.intp)
    zeros = np.zeros((rows, length + 1), np.intp)
    for bit in range(length.bit_length() - 2, -1, -1):
        is_one = (ranks >> bit) & 1
        np.cumsum(1 - is_one, axis=1, dtype=np.intp, out=zeros[:, 1:])
        zeros_lo, zeros_hi = zeros.take(lo), zeros.take(hi)
        below = zeros_hi - zeros_lo
        up = (k >= below).astype(np.intp)  # arithmetic instead of np.where: no branch to mispredict
        k -= below * up
        lo = base + zeros_lo + (lo - base + half - 2 * zeros_lo) * up
        hi = base + zeros_hi + (hi - base + half - 2 * zeros_hi) * up
        found += up << bit
        flat, where_one = ranks.ravel(), np.flatnonzero(is_one)
        low = flat.take(np.flatnonzero(is_one == 0)).reshape(rows, half)
        ranks = np.concatenate((low, flat.take(where_one).reshape(rows, half)), axis=1)
    return found
