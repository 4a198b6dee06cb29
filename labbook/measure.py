"""What the curves of one run say, apart from the clock: levels, speed, flags, whether it has ended.

A `Measured` depends only on the run's points and on what is known of its plan, so it is kept until either
changes. What also depends on the time (stalled, state, advice) is decided in `views`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labbook.logs.resolve import Resolved
from labbook.logs.streams import Stream, joined_curve, leading_of
from labbook.logs.units import main_val
from labbook.records import Curve, Status
from labbook.scaling.own_gain import own_gain
from labbook.scaling.values import OwnGain
from labbook.store import Notebook, StoredRun
from labbook.store.curves import CurveKey
from labbook.summary import Count, Flag, Level
from labbook.triage import DETECTORS
from labbook.triage.evidence import Evidence
from labbook.triage.finished import is_finished
from labbook.triage.level import current_level, final_level
from labbook.triage.rate import fall_within, is_constant, last_rate, warm_up
from labbook.triage.speed import Speed, measure_speed, progress_gaps
from labbook.triage.windows import trace

ENGINE = "7"
"""Part of every cached result's key: raised whenever the same points may give another answer."""

STEP_TIMES = ("step_ms", "step_time_s")
CLOCK = "train_runtime"
"""Seconds since the start, logged as a metric (Hugging Face): a clock where no point has a wall time."""
_GAPS_KEPT = 200
_CURVE_BINS = 300


@dataclass(frozen=True, slots=True)
class Measured:
    """One run's curves, reduced. Losses as logged, in the run's own unit."""

    digest: str
    """Of what this was measured from."""
    train: Level | None
    """Training loss now."""
    val: Level | None
    """Validation loss now."""
    last: Level | None
    """Loss at the end by the single-epoch rule: last validation, else the mean of the last training losses."""
    minimum: Level | None
    """Lowest validation loss; None without validation."""
    flags: tuple[Flag, ...]
    """Of every detector but `stalled`."""
    gaps: tuple[float, ...]
    """Seconds between the latest steps, oldest first."""
    sec_per_step: float | None
    tokens_per_s: float | None
    speed_spread: float
    speed_source: str
    peak_lr: float | None
    """Largest logged learning rate."""
    last_lr: float | None
    """The learning rate at the end; None where its log stops before the run does."""
    warmup: float | None
    """Steps until the logged learning rate is at its peak; None where its rise is not in the log."""
    own_gain: OwnGain | None
    """What twice the steps would lower `last` by, at a constant learning rate; None at any other."""
    lr_fall: float | None
    """Share of its peak the learning rate falls by within the points `last` is the mean of."""
    finished: bool
    finished_reason: str
    last_step_time: float | None
    """Wall time of the last point that has one, carried on to the last step by the pace."""
    rises_again: bool
    """True where the validation loss left its minimum for good (science.md 5.4)."""

    @property
    def speed(self) -> Speed | None:
        """The pace as `triage.speed` speaks of it."""
        if self.sec_per_step is None:
            return None
        return Speed(self.sec_per_step, self.tokens_per_s, self.speed_spread, 0, self.speed_source)


def measured_digest(run: StoredRun, resolved: Resolved) -> str:
    """Key of a `Measured`: the run's latest figures and what is known of its plan."""
    rows = sorted(
        f"{x.series}|{x.source}|{x.points}|{x.last_step!r}|{x.last_value!r}|{x.max_step!r}" for x in run.latest
    )
    status = [f"{s.source}|{s.part}|{s.status}" for s in run.said]
    plan: list[object] = [resolved.planned_steps, resolved.updates, resolved.tokens_per_step, resolved.epochs]
    plan += [run.given, resolved.judged_by]
    text = "\n".join([ENGINE, *rows, *sorted(status), *map(str, plan)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def wanted_series(run: StoredRun, resolved: Resolved) -> dict[str, list[CurveKey]]:
    """The curves a measurement needs, as keys of `Notebook.curves` by the role they play, piece by piece."""
    lead = leading_of(run)
    roles = {"train": "train", "lr": "lr", "grad_norm": "grad_norm"}
    val = main_val(lead, resolved.judged_by)
    if val is not None:
        roles["val"] = val
    roles |= resolved.perplexity
    roles["clock"] = CLOCK
    roles["step_time"] = next((name for name in STEP_TIMES if name in lead), STEP_TIMES[0])
    keys = {
        role: [(run.run_id, name, path) for path in lead[name].paths]
        for role, name in roles.items()
        if name in lead
    }
    for role in ("train", "val"):
        timed = _timed_paths(run, roles.get(role), lead)
        if timed:
            keys[f"timed_{role}"] = [(run.run_id, roles[role], path) for path in timed]
    return keys


def _timed_paths(run: StoredRun, series: str | None, lead: Mapping[str, Stream]) -> tuple[str, ...]:
    """Files of the series that have wall times, where the leading ones have none."""
    timed = [x for x in run.latest if x.series == series and math.isfinite(x.last_wall)]
    if not timed or any(x.source in lead[x.series].paths for x in timed):
        return ()
    return (max(timed, key=lambda x: (x.points, x.source)).source,)


def measure_all(notebook: Notebook, runs: Mapping[str, tuple[StoredRun, Resolved]]) -> dict[str, Measured]:
    """Measure runs, their curves read in one query."""
    wanted = {run_id: wanted_series(run, known) for run_id, (run, known) in runs.items()}
    curves = notebook.curves(key for keys in wanted.values() for pieces in keys.values() for key in pieces)
    return {
        run_id: measure(
            *runs[run_id],
            {role: joined_curve([curves[key] for key in pieces]) for role, pieces in keys.items()},
        )
        for run_id, keys in wanted.items()
    }


def measure(run: StoredRun, resolved: Resolved, curves: Mapping[str, Curve]) -> Measured:
    """Reduce the curves of one run: `train`, `val`, `lr`, `grad_norm`, `step_time` by role."""
    curves = {role: _ln(x) if role in resolved.perplexity else x for role, x in curves.items()}
    train, val, lr = curves.get("train"), curves.get("val"), curves.get("lr")
    status = run_status(run)
    finished, reason = is_finished(status, resolved.updates, _value(resolved.planned_steps))
    per_step = _value(resolved.tokens_per_step)
    timed = curves.get("timed_train", train), curves.get("timed_val", val)
    speed = _speed(timed, curves, per_step)
    evidence = Evidence(
        train=train,
        val=val,
        grad_norm=curves.get("grad_norm"),
        lr=lr,
        planned_steps=_value(resolved.planned_steps),
        finished=finished,
        status=status,
        epochs=resolved.epochs,
    )
    running = not finished and status in ("running", "unknown")
    final = final_level(val, train, "last", lr)
    return Measured(
        digest=measured_digest(run, resolved),
        train=current_level(train, running, "train"),
        val=current_level(val, running, "val"),
        last=final,
        minimum=final_level(val, None, "min_val") if val is not None else None,
        flags=tuple(f for d in DETECTORS if d.id != "stalled" for f in d.find(evidence)),
        gaps=_gaps(*timed),
        sec_per_step=speed.sec_per_step if speed else None,
        tokens_per_s=speed.tokens_per_s if speed else None,
        speed_spread=speed.spread if speed else 0.0,
        speed_source=speed.source if speed else "",
        peak_lr=_peak(lr),
        last_lr=last_rate(lr, [c for c in (train, val) if c is not None]),
        warmup=warm_up(lr),
        own_gain=_own_gain(final, train, val, lr),
        lr_fall=fall_within(final, train, lr),
        finished=finished,
        finished_reason=reason,
        last_step_time=_last_step_time((train, val), timed, speed),
        rises_again=_rises_again(val),
    )


def _own_gain(final: Level | None, train: Curve | None, val: Curve | None, lr: Curve | None) -> OwnGain | None:
    """By the curve the final loss is read from."""
    curves = [c for c in (train, val) if c is not None]
    if final is None or not is_constant(lr, curves):
        return None
    curve = val if val is not None and final.series == val.series else train
    points = trace(curve)
    return own_gain(points.step, points.value)


def _ln(curve: Curve) -> Curve:
    """The loss a perplexity stands for; NaN where it is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return replace(curve, value=np.log(curve.value))


def _speed(
    timed: tuple[Curve | None, Curve | None], curves: Mapping[str, Curve], per_step: float | None
) -> Speed | None:
    """From wall times, else from a logged clock, else from logged step times."""
    clock = curves.get("clock")
    has_walls = any(c is not None and bool(np.isfinite(c.wall).any()) for c in timed)
    if clock is not None and not has_walls:
        return measure_speed(replace(clock, wall=clock.value), None, per_step)
    return measure_speed(*timed, per_step, curves.get("step_time"))


def run_status(run: StoredRun) -> Status:
    """What the log says of the end; the most telling source counts."""
    said = {s.status for s in run.said}
    order: tuple[Status, ...] = ("failed", "cancelled", "finished", "running")
    return next((status for status in order if status in said), "unknown")


def _gaps(train: Curve | None, val: Curve | None) -> tuple[float, ...]:
    curve = train if train is not None and len(train) else val
    if curve is None:
        return ()
    return tuple(progress_gaps(curve)[-_GAPS_KEPT:].tolist())


def _peak(lr: Curve | None) -> float | None:
    if lr is None:
        return None
    values = lr.value[np.isfinite(lr.value)]
    return float(values.max()) if len(values) else None


def _last_step_time(
    curves: Sequence[Curve | None], timed: Sequence[Curve | None], speed: Speed | None
) -> float | None:
    """When the last step was made by the log's own clock; steps past its last time go at the run's pace."""
    best: tuple[float, float] | None = None
    for curve in timed:
        if curve is None:
            continue
        known = np.isfinite(curve.wall) & np.isfinite(curve.step)
        if known.any():
            last = float(curve.step[known][-1]), float(curve.wall[known][-1])
            best = last if best is None else max(best, last)
    if best is None:
        return None
    ends = [float(c.step[-1]) for c in curves if c is not None and len(c)]
    beyond = max(0.0, max(ends, default=best[0]) - best[0])
    return best[1] + (beyond * speed.sec_per_step if speed else 0.0)


def _rises_again(val: Curve | None) -> bool:
    """Minimum before 95 % of the steps seen, and the last 3 evals' median above 1.003 x the minimum."""
    if val is None:
        return False
    kept = np.isfinite(val.value) & np.isfinite(val.step)
    step, value = val.step[kept], val.value[kept]
    if len(value) < 5:
        return False
    at = int(np.argmin(value))
    return bool(step[at] < 0.95 * step[-1] and np.median(value[-3:]) > 1.003 * value[at])


def in_unit(level: Level | None, factor: float) -> Level | None:
    """The level in another unit of loss."""
    if level is None or factor == 1.0:
        return level
    return replace(level, value=level.value * factor, se=None if level.se is None else level.se * factor)


def over_tokens(
    curve: Curve, per_step: float | None, factor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """(tokens seen, loss x factor) of a curve, averaged into at most 300 equal steps of ln tokens.

    By the log's own counts of tokens, else by its steps; None where there is neither.
    """
    points = trace(curve)
    tokens = np.full(len(points), np.nan)
    if np.isfinite(curve.tokens).any():
        known = np.isfinite(curve.tokens) & np.isfinite(curve.step)
        tokens = np.interp(points.step, curve.step[known], curve.tokens[known])
    elif per_step is not None:
        tokens = points.step * per_step
    good = np.isfinite(tokens) & (tokens > 0) & (points.value > 0)
    if int(good.sum()) < 2:
        return None
    at, loss = np.log(tokens[good]), points.value[good] * factor
    bins = np.searchsorted(np.linspace(at[0], at[-1], _CURVE_BINS + 1)[1:-1], at, side="right")
    count = np.bincount(bins, minlength=_CURVE_BINS)
    filled = count > 0
    middle, level = (np.bincount(bins, x, _CURVE_BINS)[filled] / count[filled] for x in (at, loss))
    return np.exp(middle), level


def scaled(gain: OwnGain | None, factor: float) -> OwnGain | None:
    """The gain in another unit of loss."""
    if gain is None or factor == 1.0:
        return gain
    low, high = gain.interval
    return replace(gain, g=gain.g * factor, interval=(low * factor, high * factor))


def _value(count: Count | None) -> float | None:
    return None if count is None else count.value
