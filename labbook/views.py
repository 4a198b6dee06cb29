"""One run, ready to be shown or lined up: what the notebook holds and what was measured, at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.analysis import Horizon
from labbook.ladder import N_KINDS
from labbook.logs.names import is_loss as is_loss_series
from labbook.logs.resolve import Resolved, resolve
from labbook.logs.streams import Stream, leading_of
from labbook.logs.units import main_val
from labbook.measure import Measured, in_unit, run_status, scaled
from labbook.off_ladder import off_ladder
from labbook.quantities import in_nats
from labbook.recipe import Candidate
from labbook.records import Curve, Issue
from labbook.scaling.values import Refusal, Regime
from labbook.store import StoredRun
from labbook.summary import (
    Count,
    Eta,
    Flag,
    LadderView,
    LeftOut,
    Level,
    RungView,
    RunView,
    SeriesInfo,
    SourceInfo,
    State,
)
from labbook.text import PATH_LIMIT, clean
from labbook.training import flops_by_convention, training
from labbook.triage.advice import advice
from labbook.triage.evidence import Evidence
from labbook.triage.speed import eta
from labbook.triage.stalled import Stalled
from labbook.triage.state import verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SILENT_S = 86400.0
"""A run without a known plan that was silent for longer has ended or was stopped: nobody can tell which."""


@dataclass(frozen=True)
class Known:
    """One run with everything about it that does not depend on other runs."""

    run: StoredRun
    resolved: Resolved
    measured: Measured
    unit: str
    """The unit losses are shown in."""
    factor: float
    """From the log's unit to it."""
    train_unit: str = "nats/token"
    """Of the training loss, which may differ: nanochat validates in bits per byte, trains in nats per token."""
    train_factor: float = 1.0
    copies: tuple[StoredRun, ...] = ()
    """The same run under other paths."""

    @cached_property
    def series(self) -> tuple[SeriesInfo, ...]:
        """Its series in counts."""
        return series_infos(self)

    @property
    def has_loss(self) -> bool:
        """False for a run of accuracies or rewards alone: it belongs to no ladder."""
        named = any(is_loss_series(x.series) for x in self.run.latest)
        said = {"loss", "leave_out"} & set(self.run.given) or self.resolved.leave_out is not None
        return named or bool(self.resolved.perplexity or said)

    @property
    def train(self) -> Level | None:
        """Training loss now, None where it cannot be brought to the unit of the others."""
        return in_unit(self.measured.train, self.train_factor) if self.train_unit == self.unit else None

    @property
    def val(self) -> Level | None:
        """Validation loss now."""
        return in_unit(self.measured.val, self.factor)


def known(run: StoredRun, resolved: Resolved, measured: Measured, copies: tuple[StoredRun, ...] = ()) -> Known:
    """All of it brought together, with the unit losses are reduced to."""
    unit, factor = in_nats(resolved.unit, resolved.bytes_per_token)
    train_unit, train_factor = in_nats(resolved.train_unit, resolved.bytes_per_token)
    return Known(run, resolved, measured, unit, factor, train_unit, train_factor, copies)


def resolve_run(run: StoredRun) -> Resolved:
    """N, tokens, unit and recipe of a stored run."""
    return resolve(run.said, run.latest, run.given)


def candidate(k: Known) -> Candidate:
    """The run as a ladder sees it."""
    m, r = k.measured, k.resolved
    return Candidate(
        run_id=k.run.run_id,
        name=k.run.name,
        folder=str(Path(k.run.folder).parent),
        recipe={**r.recipe, "unit": k.unit},
        n={kind: count for kind in N_KINDS if (count := r.n(kind)) is not None},
        tokens_seen=_value(r.tokens_seen),
        unique_tokens=_value(r.unique_tokens),
        finished=m.finished,
        unfinished_reason=m.finished_reason,
        broken=_broken(k),
        last=in_unit(m.last, k.factor),
        minimum=in_unit(m.minimum, k.factor),
        peak_lr=peak_lr(k),
        batch=r.batch,
        assumed=frozenset({"unit"} if r.unit_source == "assumed" else ()),
        rises_again=m.rises_again,
        set_aside=r.leave_out,
        training=training(k.run, r, m),
        own_gain=scaled(m.own_gain, k.factor),
    )


def peak_lr(k: Known) -> float | None:
    """From the configuration, else the largest logged learning rate."""
    return k.resolved.peak_lr if k.resolved.peak_lr is not None else k.measured.peak_lr


def horizon(k: Known, ladder: LadderView) -> Horizon | None:
    """Where the plan of an unfinished run ends, by the ladder's reading of N and D."""
    count = k.resolved.n(ladder.n_kind)
    now = k.val if ladder.loss_series != "train" else k.train
    reading = k.resolved.unique_tokens if ladder.d_reading == "unique" else k.resolved.planned_tokens
    if k.measured.finished or count is None or reading is None or now is None or _broken(k):
        return None
    return Horizon(k.run.run_id, count.value, reading.value, now.value)


def view(k: Known, now: float) -> RunView:
    """The run by itself; its ladder is added by `in_ladder`."""
    m, r, run = k.measured, k.resolved, k.run
    live = _live(k, now)
    return RunView(
        run_id=run.run_id,
        name=run.name,
        path=clean(run.folder, PATH_LIMIT),
        formats=tuple(dict.fromkeys(s.format for s in run.sources)),
        state=live.state,
        status=run_status(run),
        last_seen=live.seen,
        step=r.updates,
        planned_steps=_value(r.planned_steps),
        frac=_share(r),
        n=r.leading_n,
        n_all=r.counts,
        tokens_seen=r.tokens_seen,
        unique_tokens=r.unique_tokens,
        epochs=r.epochs,
        tokens_per_step=r.tokens_per_step,
        tokens_per_s=m.tokens_per_s,
        sec_per_step=m.sec_per_step,
        eta=live.eta,
        loss=_shown_loss(k),
        train=k.train,
        val=k.val,
        loss_unit=k.unit,
        loss_rule="last" if m.last is not None else "",
        ladder=None,
        role="none",
        role_reason="",
        residual=None,
        regime=Refusal(
            "no-ladder", "no other run of its recipe", "two or more runs of one recipe make a ladder"
        ),
        flags=live.flags,
        missing=r.missing,
        advice=live.advice,
        recipe=tuple(r.recipe.items()),
        seed=r.seed,
        peak_lr=peak_lr(k),
        series=k.series,
        sources=tuple(
            SourceInfo(clean(s.path, PATH_LIMIT), s.format, s.confidence, s.fingerprint.size, s.offset)
            for each in (run, *k.copies)
            for s in each.sources
        ),
        issues=tuple((i.code, i.place, i.text, i.count) for i in (*run.issues, *r.issues, *_copies(k))),
        minimum=in_unit(m.minimum, k.factor),
        speed_source=m.speed_source,
        flops=flops_by_convention(run, r),
        unit_source=r.unit_source,
    )


def _copies(k: Known) -> tuple[Issue, ...]:
    return tuple(
        Issue("copy", f"the same losses also lie in {clean(c.folder, 200)}; counted once") for c in k.copies
    )


@dataclass(frozen=True, slots=True)
class _Live:
    """What depends on the time a run is looked at."""

    state: State
    seen: float | None
    flags: tuple[Flag, ...]
    eta: Eta | Refusal
    advice: str


def _live(k: Known, now: float) -> _Live:
    m, r = k.measured, k.resolved
    status, seen, planned = run_status(k.run), last_seen(k), _value(r.planned_steps)
    over = m.finished or status in ("finished", "cancelled", "failed")
    ended = _ended(k)
    silent = planned is None and not over and seen is not None and now - seen > SILENT_S
    flags = ended + m.flags if silent else ended + m.flags + _stalled(k, now, seen)
    state = verdict(flags, m.finished, status, has_points=bool(k.run.latest) and not silent)
    finish: Eta | Refusal
    if state == "stalled":
        finish = Refusal("stalled", "unknown while it makes no progress")
    elif silent:
        finish = Refusal("silent", "silent for over a day, ended or stopped", "set planned_steps")
    else:
        finish = eta(seen if seen is not None else now, r.updates, planned, m.speed, has_ended=over)
    told = advice(
        state,
        flags,
        needed(r.missing),
        step=r.updates,
        planned_steps=planned,
        now=seen,
        eta=finish,
        has_ended=over,
    )
    return _Live(state, seen, flags, finish, told)


def _ended(k: Known) -> tuple[Flag, ...]:
    """What the log says of an end that was not planned, in its own words."""
    status = run_status(k.run)
    if status not in ("failed", "cancelled") or k.measured.finished:
        return ()
    line = next(
        (s.status_line for s in k.run.said if s.status == status and s.status_line), f"the log says {status}"
    )
    return (Flag(status, "crit" if status == "failed" else "info", line),)


def _share(r: Resolved) -> float | None:
    """Of the plan that is done."""
    planned = _value(r.planned_steps)
    return min(1.0, r.updates / planned) if r.updates is not None and planned else None


def needed(missing: tuple[str, ...]) -> tuple[str, ...]:
    """What has to be supplied: the data set's size is needed only where data repeats, so it never nags."""
    return tuple(name for name in missing if name != "unique tokens")


def in_ladder(
    run: RunView, ladder: LadderView, place: RungView | LeftOut, regime: Regime | Refusal | None
) -> RunView:
    """The run with what its ladder says of it, at its place there."""
    count = next((c for c in run.n_all if c.kind == ladder.n_kind), run.n)
    pending = Refusal("computing", "the fits of this ladder are being computed")
    out = place if isinstance(place, LeftOut) else None
    by_minimum = ladder.loss_rule == "min_val" and run.minimum is not None and run.state == "done"
    return replace(
        run,
        n=count,
        ladder=ladder.key,
        role="rung" if out is None else "left-out",
        role_reason="" if out is None else f"{out.code}: {out.reason}",
        residual=place.residual,
        regime=regime or ladder.refused or pending,
        loss=run.minimum if by_minimum else run.loss,
        loss_rule="min_val" if by_minimum else run.loss_rule,
        flags=run.flags + off_ladder(out.residual if out else None, ladder),
    )


def last_seen(k: Known) -> float | None:
    """When the step counter last moved: the log's own clock, else when its file was seen to grow."""
    stored = k.run.last_progress
    ahead = max((x for x in k.run.latest if math.isfinite(x.max_step)), key=lambda x: x.max_step, default=None)
    by_clock = k.measured.last_step_time
    if by_clock is None:
        return stored if math.isfinite(stored) else None
    has_clock = ahead is not None and math.isfinite(ahead.last_wall)
    grown = ahead is not None and any(s.path == ahead.source and s.generation > 1 for s in k.run.sources)
    if grown and not has_clock and math.isfinite(stored):
        return max(stored, by_clock)
    return by_clock


def _stalled(k: Known, now: float, seen: float | None) -> tuple[Flag, ...]:
    evidence = Evidence(
        now=now,
        last_progress=seen,
        finished=k.measured.finished,
        status=run_status(k.run),
        gaps=k.measured.gaps,
    )
    return tuple(Stalled().find(evidence))


def _broken(k: Known) -> str | None:
    """Why the end of the run is no result."""
    for flag in k.measured.flags:
        if flag.id in ("nan", "diverged") and flag.cleared_step is None:
            return f"{flag.id}: {flag.text}"
    judged = ("train", main_val({x.series: x for x in k.run.latest}, k.resolved.judged_by))
    if any(x.min_value < 0 for x in k.run.latest if x.series in judged):
        return "its loss falls below zero, where no law of a loss holds"
    status = run_status(k.run)
    return f"the log says it {status}" if status == "failed" and not k.measured.finished else None


def _shown_loss(k: Known) -> Level | None:
    """What the board shows: a finished run's result, else the level now; validation before training."""
    m = k.measured
    if m.finished:
        return in_unit(m.last, k.factor)
    return k.val or k.train


def series_infos(k: Known, curves: Mapping[str, Curve] | None = None) -> tuple[SeriesInfo, ...]:
    """The series of a run, each from the files that lead it."""
    streams = sorted(leading_of(k.run).values(), key=lambda one: _order(one.series))
    return tuple(_series_info(one, k, curves.get(one.series) if curves else None) for one in streams)


def _series_info(stream: Stream, k: Known, curve: Curve | None) -> SeriesInfo:
    x = stream.latest
    is_train = x.series in ("train", "train_eval")
    is_loss = is_train or is_loss_series(x.series)
    unit, scale = (k.train_unit, k.train_factor) if is_train else (k.unit, k.factor if is_loss else 1.0)
    return SeriesInfo(
        name=x.series,
        points=x.points,
        distinct_steps=len(curve) if curve is not None else None,
        first_step=_finite(x.first_step),
        last_step=_finite(x.last_step),
        first_value=_scaled(x.first_value, scale),
        last_value=_scaled(x.last_value, scale),
        last_value_raw=_finite(x.last_value),
        unit=unit if is_loss else None,
        non_finite=x.non_finite,
        source=clean(x.source, PATH_LIMIT),
        epochs=_ends(curve.epoch) if curve is not None else None,
        tokens=_ends(curve.tokens) if curve is not None else None,
    )


def _ends(column: NDArray[np.float64]) -> tuple[float, float] | None:
    """The first and the last number of a column, None where it has none."""
    known = column[column == column]
    return (float(known[0]), float(known[-1])) if len(known) else None


def _order(series: str) -> tuple[int, str]:
    known_first = ("train", "val", "train_eval", "lr", "grad_norm")
    return (known_first.index(series) if series in known_first else len(known_first), series)


def _scaled(value: float, factor: float) -> float | None:
    return value * factor if math.isfinite(value) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _value(count: Count | None) -> float | None:
    return None if count is None else count.value
