"""How fast a run goes, and when it will be done (science.md section 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbook.records import Curve
from labbook.scaling.values import Refusal
from labbook.summary import Eta
from labbook.triage.thresholds import thresholds
from labbook.triage.windows import stands

FloatArray = NDArray[np.float64]

MAD_TO_SD = 1.4826
_STEP_UNITS = {"step_ms": 1e-3, "step_time_s": 1.0}
"""Seconds in one unit of a series of step times."""


@dataclass(frozen=True)
class Speed:
    """The pace of a run over its latest intervals."""

    sec_per_step: float
    tokens_per_s: float | None
    """None where the tokens of a step are not known."""
    spread: float
    """Relative: 1.4826 MAD of the interval rates / median / sqrt(intervals), or half of what the
    later of them differ from the earlier."""
    intervals: int
    source: str
    """What it was measured from, in words."""


@dataclass(frozen=True)
class _Gaps:
    """Steps and seconds between neighbouring points; columns of equal length."""

    step: FloatArray
    """Step at the end of each gap."""
    steps: FloatArray
    seconds: FloatArray
    tokens: FloatArray
    """NaN where the log has no counter."""

    def __len__(self) -> int:
        return len(self.step)

    def chosen(self, which: NDArray[np.bool_] | slice) -> _Gaps:
        return _Gaps(self.step[which], self.steps[which], self.seconds[which], self.tokens[which])


def measure_speed(
    train: Curve | None,
    val: Curve | None = None,
    tokens_per_step: float | None = None,
    step_time: Curve | None = None,
) -> Speed | None:
    """The pace over the last 5 eval intervals, or the last fifth of the logged points (20 to 200) where there
    are fewer evals; where the pace has changed since, over what came after.

    Evals and checkpoints are included, the first interval and gaps of restarts are not. Where the log
    has no wall times, `step_time` (series `step_ms` or `step_time_s`) gives it, without evals. None
    where neither says. step in the unit the log counts in.
    """
    curve = train if train is not None and len(train) > 1 else val
    gaps = _gaps(curve) if curve is not None else None
    if gaps is not None and len(gaps):
        return _from_walls(gaps, val, tokens_per_step)
    return _from_step_times(step_time, val, tokens_per_step)


def progress_gaps(curve: Curve) -> FloatArray:
    """Seconds between points at which the step moved on, in order; empty without wall times."""
    kept = stands(curve) & np.isfinite(curve.wall)
    seconds = np.diff(curve.wall[kept])
    return seconds[(np.diff(curve.step[kept]) > 0) & (seconds >= 0)]


def eta(
    now: float,
    step: float | None,
    planned_steps: float | None,
    speed: Speed | None,
    *,
    has_ended: bool = False,
) -> Eta | Refusal:
    """When the planned steps will be done: now + remaining steps x sec/step, +- 1.645 x the larger of
    1 % and the spread of the latest intervals, of the time that remains (nominal 90 %).

    now: Unix seconds. step: updates done. Refused with `done`, `no-horizon` or `no-wall`.
    """
    x = thresholds().speed
    if has_ended:
        return Refusal("done", "the run is over")
    if planned_steps is None or not planned_steps > 0 or step is None:
        return Refusal("no-horizon", "planned steps unknown", "set planned_steps")
    if step >= planned_steps:
        return Refusal("done", "all planned steps are done")
    if speed is None:
        return Refusal("no-wall", "the log has neither times nor step times")
    left = (planned_steps - step) * speed.sec_per_step
    half = x.z * max(x.least_spread, speed.spread) * left
    return Eta(now + left, now + max(0.0, left - half), now + left + half, speed.sec_per_step)


def _gaps(curve: Curve) -> _Gaps:
    """Gaps between neighbouring points with wall times; those of restarts and the first are left out."""
    kept = stands(curve) & np.isfinite(curve.wall) & np.isfinite(curve.step)
    step, wall, segment = curve.step[kept], curve.wall[kept], curve.segment[kept]
    every = _Gaps(step[1:], np.diff(step), np.diff(wall), np.diff(curve.tokens[kept]))
    usable = (every.steps > 0) & (every.seconds > 0) & (np.diff(segment) == 0)
    if usable.sum() > 1:
        usable[int(np.argmax(usable))] = False
    return every.chosen(usable)


def _from_walls(gaps: _Gaps, val: Curve | None, tokens_per_step: float | None) -> Speed:
    total, gaps = len(gaps), gaps.chosen(slice(_change(gaps.seconds / gaps.steps), None))
    evals = _eval_steps(val, gaps.step)
    if len(evals):
        latest = gaps.chosen((gaps.step > evals[0]) & (gaps.step <= evals[-1]))
        groups = np.searchsorted(evals, latest.step, side="left") - 1
        source = f"wall times of the last {len(evals) - 1} eval intervals"
    else:
        latest = gaps.chosen(slice(-_recent(total), None))
        groups = _equal_groups(len(latest))
        source = f"wall times of the last {len(latest)} logged points"
    kept = ~_pauses(latest.seconds)
    latest, groups = latest.chosen(kept), groups[kept]
    sec_per_step = float(latest.seconds.sum() / latest.steps.sum())
    names = np.unique(groups)
    rates = [latest.seconds[groups == g].sum() / latest.steps[groups == g].sum() for g in names]
    return Speed(
        sec_per_step=sec_per_step,
        tokens_per_s=_tokens_rate(latest, sec_per_step, tokens_per_step),
        spread=_spread(np.array(rates), sec_per_step),
        intervals=len(names),
        source=source + ", evals and checkpoints included",
    )


def _recent(total: int) -> int:
    """How many of so many logged points are recent."""
    x = thresholds().speed
    return int(np.clip(x.points_share * total, x.points_least, x.points_most))


def _equal_groups(count: int) -> NDArray[np.intp]:
    """(count,) number of the group of each point, in order."""
    return np.arange(count) * thresholds().speed.groups // max(1, count)


def _change(pace: FloatArray) -> int:
    """Index from which the pace is the present one; pace (n,) in seconds a step, in order.

    Blocks of points are compared with the last one, by mean and by median: an eval now and then moves the
    one, an eval at every other point the other.
    """
    x = thresholds().speed
    count = len(pace) // x.points_least
    if count < 2:
        return 0
    start = len(pace) - count * x.points_least
    blocks = pace[start:].reshape(count, x.points_least)
    mean, median = blocks.mean(axis=1), np.median(blocks, axis=1)
    slower = np.minimum(mean / mean[-1], median / median[-1]) > x.change
    faster = np.maximum(mean / mean[-1], median / median[-1]) < 1 / x.change
    off = np.flatnonzero(slower | faster)
    return start + (int(off[-1]) + 1) * x.points_least if len(off) else 0


def _eval_steps(val: Curve | None, step: FloatArray) -> FloatArray:
    """Steps of the last 6 evals where each interval between them holds one of the logged steps; else empty."""
    need = thresholds().speed.evals + 1
    if val is None or len(val) < need:
        return np.empty(0)
    evals = val.step[stands(val)][-need:]
    if len(evals) < need or not np.isfinite(evals).all():
        return np.empty(0)
    held = np.histogram(step, bins=np.nextafter(evals, np.inf))[0] if (np.diff(evals) > 0).all() else [0]
    return evals if np.min(held) > 0 else np.empty(0)


def _pauses(seconds: FloatArray) -> NDArray[np.bool_]:
    """True for gaps so long that the run would have been called stalled by all its other gaps."""
    x, limits = thresholds().stalled, thresholds().speed
    paused = np.zeros(len(seconds), bool)
    for at in np.argsort(seconds)[::-1]:
        others = seconds[~paused & (np.arange(len(seconds)) != at)]
        if len(others) < limits.least_gaps:
            break
        bar = max(x.least, x.median_factor * float(np.median(others)), x.largest_factor * float(others.max()))
        if seconds[at] <= bar:
            break
        paused[at] = True
    return paused


def _tokens_rate(gaps: _Gaps, sec_per_step: float, tokens_per_step: float | None) -> float | None:
    """Tokens per second, by the log's own counter where it has one, so that a batch ramp is right."""
    if np.isfinite(gaps.tokens).all() and (gaps.tokens > 0).all():
        return float(gaps.tokens.sum() / gaps.seconds.sum())
    return None if tokens_per_step is None else tokens_per_step / sec_per_step


def _spread(rates: FloatArray, pace: float) -> float:
    """Relative sd of the pace: by the scatter of the rates of its intervals (k,), oldest first, or by half of
    what the later ones differ from the earlier, where that is more: a pace that moves does not scatter."""
    middle = float(np.median(rates))
    scatter = MAD_TO_SD * float(np.median(np.abs(rates - middle))) / middle / math.sqrt(len(rates))
    if len(rates) < 2:
        return scatter
    cut = len(rates) - len(rates) // 2
    return max(scatter, abs(float(rates[cut:].mean() - rates[:cut].mean())) / 2 / pace)


def _from_step_times(step_time: Curve | None, val: Curve | None, tokens_per_step: float | None) -> Speed | None:
    """The median of the latest logged step times: one that holds an eval must not stand for the steps
    that were not logged."""
    if step_time is None or step_time.series not in _STEP_UNITS:
        return None
    usable = stands(step_time) & np.isfinite(step_time.value) & (step_time.value > 0)
    steps = step_time.step[usable][1:]
    times = step_time.value[usable][1:] * _STEP_UNITS[step_time.series]
    if not len(times):
        return None
    total, start = len(times), _change(times)
    evals = _eval_steps(val, steps[start:])
    since = int(np.searchsorted(steps, evals[0], side="right")) if len(evals) else total - _recent(total)
    times = times[max(start, since) :]
    middle = float(np.median(times))
    groups = _equal_groups(len(times))
    rates = np.array([np.median(times[groups == g]) for g in np.unique(groups)])
    return Speed(
        sec_per_step=middle,
        tokens_per_s=None if tokens_per_step is None else tokens_per_step / middle,
        spread=_spread(rates, middle),
        intervals=len(rates),
        source=f"median of the last {len(times)} {step_time.series}; evals and checkpoints not included",
    )
