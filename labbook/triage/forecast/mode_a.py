"""Mode A: the drop still to come as finished runs of the ladder had it (science.md 6.2).

Where three or more smaller runs of one horizon rule lie on a line in ln N, the run's own remaining drop is read
off that line. Otherwise the run's curve is mapped onto that of the nearest finished run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbook.triage.forecast.bins import MAD_TO_SD, FloatArray, Seen
from labbook.triage.forecast.reference import (
    SAME_HORIZON,
    SAME_N,
    Kind,
    Progress,
    Reference,
    Rule,
    Track,
    horizon_distance,
    one_per_size,
)

TREND_FROM, TREND_BINS, SIBLINGS, LEAST_SIBLINGS = 0.85, 5, 4, 3
TREND_SE = 0.05
MAP_FROM, MAP_BINS = 0.7, 4
NOISE_FROM, NOISE_BINS = 0.2, 6
NOISE_FACTOR, NOISE_FLOOR = 8.0, 2e-4
RIDGE_SD = 0.15
SLOPES = (0.4, 2.0)
Centre = tuple[float, str, tuple[str, ...]]
"""(loss at the end, variant in words, names of the references)."""


def trend(run: Progress, seen: Seen, refs: Sequence[Reference], kind: Kind) -> Centre | None:
    """ln of the drop still to come on ln N over up to four smaller siblings; None where they are no clean line.

    seen: the run's own curve of that kind. refs: finished runs that pass the gates of mode A. The siblings all
    have the run's D/N, or all its D.
    """
    by_ratio = _trend(run, seen, refs, kind, "ratio")
    return by_ratio if by_ratio is not None else _trend(run, seen, refs, kind, "tokens")


def _trend(run: Progress, seen: Seen, refs: Sequence[Reference], kind: Kind, rule: Rule) -> Centre | None:
    if run.N is None or run.horizon is None:
        return None
    smaller = [r for r in refs if r.N is not None and r.N * SAME_N < run.N and _same_horizon(run, r, rule)]
    found = one_per_size(run, smaller, rule)
    siblings = [(r, c) for r in found if (c := r.curve(kind)) is not None][:SIBLINGS]
    x = _last(seen, run.horizon, TREND_FROM, TREND_BINS)
    if len(siblings) < LEAST_SIBLINGS or x.size < TREND_BINS:
        return None
    drops = [_log_drop(curve, x) for _, curve in siblings]
    R, se = line_at([math.log(r.N or 1.0) for r, _ in siblings], drops, math.log(run.N))
    if not se < TREND_SE * abs(R):
        return None
    base = float(np.log(seen.y[-x.size :]).mean())
    return math.exp(base + R), f"trend over {len(siblings)} rungs", tuple(r.name for r, _ in siblings)


def _same_horizon(run: Progress, ref: Reference, rule: Rule = "either") -> bool:
    return horizon_distance(run, ref, rule) <= math.log(SAME_HORIZON)


def _last(seen: Seen, horizon: float, share: float, least: int) -> FloatArray:
    """x of the bins from `share` of the way done on, at least the last `least`."""
    first = min(int(np.searchsorted(seen.t, share * seen.now)), max(0, seen.t.size - least))
    return seen.t[first:] / horizon


def _log_drop(track: Track, x: FloatArray) -> float:
    return math.log(track.final) - float(np.log(track.at(x)).mean())


def line_at(x: Sequence[float], y: Sequence[float], x0: float) -> tuple[float, float]:
    """(value at x0, standard error of a new one) of the least-squares line; NaN where y is not finite."""
    at, value = np.asarray(x), np.asarray(y)
    spread = at - at.mean()
    total = float(spread @ spread)
    slope = float(spread @ value) / total
    away = x0 - float(at.mean())
    rest = value - value.mean() - slope * spread
    s = math.sqrt(float(rest @ rest) / (at.size - 2))
    return float(value.mean()) + slope * away, s * math.sqrt(1.0 + 1.0 / at.size + away**2 / total)


def nearest(run: Progress, refs: Sequence[Reference]) -> Reference | None:
    """The finished run of the same size, else the nearest smaller one, else the nearest by ln N; of those whose
    length follows the same rule, where there are any."""
    alike = [r for r in refs if _same_horizon(run, r)]
    found = one_per_size(run, alike or refs)
    N = run.N
    if N is None or not found:
        return found[0] if found else None
    within = [r for r in found if r.N is not None and r.N <= SAME_N * N]
    return within[0] if within else min(found, key=lambda r: abs(math.log((r.N or math.inf) / N)))


@dataclass(frozen=True)
class Map:
    """A straight map of a finished run's loss r onto this one's: y + slope (r - its own)."""

    slope: float
    y: float
    r: float

    def at(self, r: float) -> float:
        """This run's loss where the finished run's is r."""
        return self.y + self.slope * (r - self.r)


def affine(seen: Seen, track: Track, horizon: float, ridge_sd: float = RIDGE_SD) -> Map | None:
    """The map from the last 30 % of the way done; None where the two curves share fewer than six bins."""
    x = seen.t / horizon
    r, y = track.at(x), seen.y
    kept = np.isfinite(r)
    x, r, y = x[kept], r[kept], y[kept]
    if x.size < NOISE_BINS:
        return None
    s2 = _noise(y[_from(x, NOISE_FROM, NOISE_BINS) :], seen.level)
    near = _from(x, MAP_FROM, MAP_BINS)
    ym, rm = float(np.median(y[near:])), float(np.median(r[near:]))
    slope = _slope(x[near:], y[near:] - ym, r[near:] - rm, s2, ym / rm, ridge_sd)
    return Map(slope, ym, rm)


def _from(x: FloatArray, share: float, least: int) -> int:
    """First index from `share` of the way done on, at least the last `least` bins."""
    return min(int(np.searchsorted(x, share * x[-1])), max(0, x.size - least))


def _noise(y: FloatArray, level: float) -> float:
    """Variance of the map's residuals: bins are not independent of each other, so eight times their own."""
    own = MAD_TO_SD * float(np.median(np.abs(np.diff(y, 2))))
    return NOISE_FACTOR * max(own**2 / 6.0, (NOISE_FLOOR * level) ** 2)


def _slope(x: FloatArray, y: FloatArray, r: FloatArray, s2: float, prior: float, ridge_sd: float) -> float:
    """Slope of y on r, later bins weighing more, drawn towards `prior` and kept within its bounds."""
    w, ridge = x / x[-1], 1.0 / ridge_sd**2
    slope = (float((w * y * r).sum()) / s2 + prior * ridge) / (float((w * r * r).sum()) / s2 + ridge)
    return float(np.clip(slope, *SLOPES))
