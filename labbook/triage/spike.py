"""Losses that jump above their level and come back, or do not.

Batches are heavy-tailed and skewed, so height alone fires all the time; what separates an event from
noise is that it persists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from labbook.summary import Flag, Severity
from labbook.triage.evidence import Evidence, explain
from labbook.triage.rolling import previous_median
from labbook.triage.thresholds import SpikeLimits, thresholds
from labbook.triage.windows import Trace, spans, trace

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Scores:
    """How far each point of one window lies above its level; (n,), z is 0 where it cannot matter."""

    level: FloatArray
    """b: median of the points before; NaN before scoring starts."""
    spread: FloatArray
    """s; NaN where it was not needed."""
    z: FloatArray
    rise: FloatArray
    """(y - b) / |b|."""


@dataclass(frozen=True)
class Episode:
    """Firings that belong together: from the first one until the loss is back at its level before."""

    start: int
    end: int | None
    """Index of the point at which it is back; None while it is not."""
    is_warn: bool
    level: float
    spread: float


@dataclass(frozen=True)
class Spike:
    """Jumps of the loss, with their recovery."""

    limits: SpikeLimits = thresholds().spike
    id: str = "spike"
    severity: Severity = "warn"
    rule: str = "The loss stays far above the median of the points before it."

    def explain(self) -> str:
        """The rule, its windows and its thresholds."""
        x = self.limits
        return explain(
            self,
            f"b = median of the {x.level_window} points before, s = 1.4826 x median |y - b| of the "
            f"{x.spread_window} before, z = (y - b) / s; {x.short_level_window} and {x.short_spread_window} "
            f"where a logging interval has fewer than {x.short_below} points, no rule below {x.least_points}.",
            f"warn: {x.warn_of[0]} of the last {x.warn_of[1]} points with z > {x.z_warn:g}. "
            f"info: {x.fast_of[0]} of {x.fast_of[1]} with z > {x.z_fast:g}. "
            f"Only points more than {x.least_rise:.1%} above b count.",
            f"info: one point with z > {x.z_single:g} and more than {x.single_rise:.0%} above b.",
            f"Recovered: median of {x.recovery_window} points within {x.recovery_sd:g} s of b at the start.",
            f"spike-open: not recovered after {x.open_points} points or {x.open_share:.0%} of the run.",
        )

    def find(self, evidence: Evidence) -> list[Flag]:
        """One flag for each episode of the loss; `spike-open` for one that did not come back in time."""
        points = trace(evidence.loss)
        patience = max(self.limits.open_points, int(self.limits.open_share * len(points)))
        flags = []
        for start, end in spans(points, evidence.lr, by_cadence=True):
            part = points.part(start, end)
            if len(part) >= self.limits.least_points:
                flags += [self._flag(part, episode, patience) for episode in self.episodes(part.value)]
        return flags

    def episodes(self, y: FloatArray) -> list[Episode]:
        """The episodes of one window of losses y (n,), finite, of one cadence."""
        scored = self.scores(y)
        risen = scored.rise > self.limits.least_rise
        warns = _of_last(risen & (scored.z > self.limits.z_warn), self.limits.warn_of)
        fasts = _of_last(risen & (scored.z > self.limits.z_fast), self.limits.fast_of)
        single = (scored.z > self.limits.z_single) & (scored.rise > self.limits.single_rise)
        fired = np.flatnonzero(warns | fasts | single)
        found: list[Episode] = []
        at = 0
        while at < len(fired):
            after = found[-1].end if found else None
            episode = self._episode(y, scored, warns, int(fired[at]), 0 if after is None else after + 1)
            found.append(episode)
            at = len(fired) if episode.end is None else int(np.searchsorted(fired, episode.end, side="right"))
        return found

    def scores(self, y: FloatArray) -> Scores:
        """b, s and z of each point of one window."""
        x = self.limits
        short = len(y) < x.short_below
        level_window = x.short_level_window if short else x.level_window
        spread_window = x.short_spread_window if short else x.spread_window
        score_after = x.short_score_after if short else x.score_after
        level = previous_median(y, level_window, level_window)
        above = y - level
        size = np.abs(level)
        rise = np.divide(above, size, out=np.zeros_like(y), where=size > 0)
        least = _least_median(np.abs(above), spread_window)
        matters = (rise > x.least_rise) & (above > x.z_warn * MAD_TO_SD * least)
        matters[:score_after] = False
        at = np.flatnonzero(matters)
        spread = np.full(len(y), np.nan)
        spread[at] = MAD_TO_SD * _median_before(np.abs(above), at, spread_window)
        spread[at] = np.maximum(spread[at], x.least_spread * size[at])
        z = np.divide(above, spread, out=np.zeros_like(y), where=matters)
        return Scores(level, spread, z, rise)

    def _episode(self, y: FloatArray, scored: Scores, warns: BoolArray, fired: int, earliest: int) -> Episode:
        # the rule fires a few points into the event; the level to come back to is the one before it
        look = max(earliest, fired - self.limits.warn_of[1] + 1)
        first = look + int(np.argmax(scored.z[look : fired + 1] > self.limits.z_warn))
        level, spread = float(scored.level[first]), float(scored.spread[first])
        bar = level + self.limits.recovery_sd * spread
        end = _first_median_below(y, first, self.limits.recovery_window, bar)
        is_warn = bool(warns[first : (len(y) if end is None else end + 1)].any())
        return Episode(first, end, is_warn, level, spread)

    def _flag(self, part: Trace, episode: Episode, patience: int) -> Flag:
        first, end = episode.start, episode.end
        lasted = (len(part) - 1 if end is None else end) - first
        is_open = end is None and lasted > patience
        peak = float(part.value[first : None if end is None else end + 1].max())
        z = self.limits.z_warn if episode.is_warn else self.limits.z_fast
        return Flag(
            id="spike-open" if is_open else self.id,
            severity="warn" if episode.is_warn or is_open else "info",
            text=f"{peak:.4g} over {episode.level:.4g} from step {part.step[first]:.0f}, "
            + _recovery(part, end, lasted, patience),
            since_step=float(part.step[first]),
            since_time=part.time_at(first),
            value=peak,
            threshold=episode.level + z * episode.spread,
            window=self.limits.spread_window,
            cleared_step=None if end is None else float(part.step[end]),
        )


def _recovery(part: Trace, end: int | None, lasted: int, patience: int) -> str:
    if end is None:
        return f"not recovered after {lasted} points"
    pace = "fast" if lasted <= patience else "slow"
    return f"{pace}-recovering: back at step {part.step[end]:.0f}"


def _of_last(hit: BoolArray, rule: tuple[int, int]) -> BoolArray:
    """(n,) True where the point itself and, with it, at least k of the last m points are hits."""
    k, m = rule
    total = np.cumsum(hit)
    before = np.concatenate((np.zeros(m, total.dtype), total[:-m])) if len(hit) > m else np.zeros_like(total)
    return np.asarray(hit & (total - before >= k), dtype=bool)


def _least_median(size: FloatArray, window: int) -> FloatArray:
    """A value the median of the `window` sizes before each point cannot be below; (n,) for size (n,).

    Of the complete blocks of `block` points in a window one holds a fair share of its lower half, so
    the smallest of their `share`-th values bounds the median. Exact medians are then needed only where
    a point could score, which is rare.
    """
    block = window // 5
    complete = (window - block + 1) // block
    share = -(-(window // 2 + 1 - (window - complete * block)) // complete)
    count = len(size) // block
    if count == 0:
        return np.zeros(len(size))
    blocks = np.nan_to_num(size[: count * block], nan=0.0).reshape(count, block)
    stat = np.partition(blocks, share - 1, axis=1)[:, share - 1]
    padded = np.concatenate((np.zeros(complete + 1), stat))
    least = sliding_window_view(padded, complete + 1).min(axis=1)
    return np.asarray(least[np.minimum(np.arange(len(size)) // block, count)])


def _median_before(size: FloatArray, at: IntArray, window: int) -> FloatArray:
    """Median of the up to `window` sizes before each index in `at`, NaN sizes left out; (len(at),)."""
    padded = np.concatenate((np.full(window, np.nan), size))
    windows = sliding_window_view(padded, window)
    medians = np.empty(len(at))
    for chunk in range(0, len(at), 512):  # keeps the copy of overlapping windows small
        rows = np.sort(windows[at[chunk : chunk + 512]], axis=1)
        counted = window - np.isnan(rows).sum(axis=1)
        medians[chunk : chunk + 512] = rows[np.arange(len(rows)), counted // 2]
    return medians


def _first_median_below(y: FloatArray, start: int, window: int, bar: float) -> int | None:
    """Index of the last point of the first `window` points from `start` on whose median is at most `bar`."""
    at = start
    while len(y) - at >= window:
        stretch = y[at : at + 64 * window]
        below = np.flatnonzero(np.median(sliding_window_view(stretch, window), axis=1) <= bar)
        if len(below):
            return at + int(below[0]) + window - 1
        at += len(stretch) - window + 1
    return None
