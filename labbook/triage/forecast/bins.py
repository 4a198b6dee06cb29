"""A loss curve as few points: means in bins of equal width in ln t, the level now and its noise.

Binning is the only step that touches every logged point; its results can be kept while a run stands still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

RUN_BINS, REFERENCE_BINS = 120, 300
RUN_FROM, REFERENCE_FROM = 0.02, 0.001
"""Share of the last t below which points are left out."""
LEVEL_SHARE = 0.15
LEVEL_LEAST = 5
NOISE_BINS = 40
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Seen:
    """What is known of one loss curve at one moment; t in steps or tokens."""

    t: FloatArray
    """(n,) of the bins, ascending."""
    y: FloatArray
    """(n,) mean loss of the bins."""
    now: float
    """The last t with a value."""
    level: float
    """Loss now: least-squares line of y on ln t over the last 15 % of t, read at the last t."""
    noise: float | None
    """Standard deviation of one bin (science.md 1.5); None below five bins."""
    points: int
    """Logged values after the warm-up."""


def see(t: ArrayLike, y: ArrayLike, *, after: float = 0.0, until: float = math.inf) -> Seen | None:
    """The curve up to `until` in at most 120 bins; None without a finite value.

    t, y: (n,), t ascending. after: end of the warm-up, which only the count of points looks at.
    """
    at, loss = _finite(t, y, until)
    if not at.size:
        return None
    now = float(at[-1])
    times, means = binned(at, loss, RUN_FROM * now, RUN_BINS)
    return Seen(times, means, now, _level(at, loss), _noise(means), int((at > after).sum()))


def binned(t: FloatArray, y: FloatArray, start: float, bins: int) -> tuple[FloatArray, FloatArray]:
    """(mean t, mean y) of the bins that hold points, `bins` of them between start and the last t, in ln t."""
    kept = t >= max(start, np.nextafter(0.0, 1.0))
    t, y = t[kept], y[kept]
    if not t.size or start >= t[-1]:
        return t, y
    number = np.floor(bins * np.log(t / start) / math.log(t[-1] / start))
    first = np.flatnonzero(np.diff(np.minimum(number, bins - 1), prepend=-1.0))
    size = np.diff(np.append(first, t.size))
    return np.add.reduceat(t, first) / size, np.add.reduceat(y, first) / size


def _finite(t: ArrayLike, y: ArrayLike, until: float) -> tuple[FloatArray, FloatArray]:
    at, loss = np.asarray(t, float), np.asarray(y, float)
    kept = np.isfinite(at) & np.isfinite(loss) & (at > 0.0) & (at <= until)
    return at[kept], loss[kept]


def _level(t: FloatArray, y: FloatArray) -> float:
    """At least the last five points; their mean where they share one t, or where the line ends below 0."""
    first = min(int(np.searchsorted(t, (1.0 - LEVEL_SHARE) * t[-1])), max(0, t.size - LEVEL_LEAST))
    z, loss = np.log(t[first:] / t[-1]), y[first:]
    spread = z - z.mean()
    total = float(spread @ spread)
    slope = float(spread @ loss) / total if total > 0.0 else 0.0
    level = float(loss.mean()) - slope * float(z.mean())
    return level if level > 0.0 or loss.min() <= 0.0 else float(loss.mean())


def _noise(y: FloatArray) -> float | None:
    if y.size < LEVEL_LEAST:
        return None
    return MAD_TO_SD * float(np.median(np.abs(np.diff(y[-NOISE_BINS:], 2)))) / math.sqrt(6.0)
