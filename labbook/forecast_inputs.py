"""The runs of a notebook as a forecast takes them: curves on one axis, planned end, learning rate, size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labbook.ladder import N_KINDS
from labbook.logs.config import Config
from labbook.logs.names import is_loss
from labbook.logs.streams import joined_curve, leading_of
from labbook.logs.units import main_val
from labbook.measure import wanted_series
from labbook.planned_rate import learning_rate
from labbook.records import Curve
from labbook.store import Notebook
from labbook.summary import Count, Flag
from labbook.triage.forecast import Finished, Progress, Schedule, constant, schedule, see
from labbook.triage.rate import is_constant
from labbook.triage.windows import Axis, axis_of, trace_over

if TYPE_CHECKING:
    from labbook.views import Known

WHOLE = 0.97
"""Of its plan: a run that stopped before is no reference."""
CURVE = 3
"""Points of a series from which it is a curve and not a row of a table."""
OPEN = frozenset({"nan", "diverged", "spike", "spike-open", "resume-mismatch"})
"""Flags that forbid a forecast while they are open."""

FloatArray = NDArray[np.float64]
Columns = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Logged:
    """The curves of one run on one axis: (t, value), losses in the unit of its ladder."""

    axis: Axis
    train: Columns | None
    val: Columns | None
    lr: Columns | None
    is_constant: bool
    """Whether the learning rate stood still so far."""

    @property
    def now(self) -> float:
        """The last t with a loss."""
        return max((float(c[0][-1]) for c in (self.train, self.val) if c is not None), default=math.nan)


def finished_runs(notebook: Notebook, runs: Sequence[Known], kind: str) -> list[Finished]:
    """Runs with their curves, as a replay takes them, by name; those without a curve are left out."""
    curves = logged(notebook, runs)
    found = [as_finished(k, curves[k.run.run_id], kind) for k in runs]
    return sorted((run for run in found if run is not None), key=lambda run: (run.name, run.final))


def logged(notebook: Notebook, runs: Sequence[Known]) -> dict[str, Logged]:
    """The curves of runs by id, in one query."""
    wanted = {k.run.run_id: wanted_series(k.run, k.resolved) for k in runs}
    keys = {
        (run_id, role): pieces
        for run_id, roles in wanted.items()
        for role, pieces in roles.items()
        if role in ("train", "val", "lr")
    }
    curves = notebook.curves(key for pieces in keys.values() for key in pieces)
    joined = {place: joined_curve([curves[key] for key in pieces]) for place, pieces in keys.items()}
    return {k.run.run_id: _logged(k, {r: c for (i, r), c in joined.items() if i == k.run.run_id}) for k in runs}


def _logged(k: Known, curves: Mapping[str, Curve]) -> Logged:
    train, val, lr = (curves.get(role) for role in ("train", "val", "lr"))
    losses = [c for c in (val, train) if c is not None and len(c)]
    axis = axis_of(losses[0]) if losses else "step"
    return Logged(
        axis,
        _columns(train, axis, k.train_factor, is_ln="train" in k.resolved.perplexity),
        _columns(val, axis, k.factor, is_ln="val" in k.resolved.perplexity),
        _columns(lr, axis, 1.0),
        is_constant=is_constant(lr, losses),
    )


def _columns(curve: Curve | None, axis: Axis, factor: float, *, is_ln: bool = False) -> Columns | None:
    """(t, value) of the points that stand; None without one."""
    points = trace_over(curve, axis)
    if not len(points):
        return None
    if not is_ln:
        return points.step, factor * points.value
    above = points.value > 0.0
    return points.step[above], factor * np.log(points.value[above])


def as_progress(k: Known, curves: Logged, kind: str) -> Progress:
    """An unfinished run as the engine takes it."""
    horizon = _horizon(k, curves)
    rate = _rate(k, curves, horizon)
    after = rate.warm_up * horizon if rate is not None and horizon is not None else 0.0
    key, is_a_loss = _loss_key(k)
    planned = value_of(k.resolved.planned_tokens)
    return Progress(
        k.run.name,
        key,
        horizon,
        see(*curves.train, after=after) if curves.train is not None else None,
        see(*curves.val, after=after) if curves.val is not None else None,
        rate,
        N=_n(k, kind),
        tokens=planned,
        steps=value_of(k.resolved.planned_steps),
        epochs=_epochs(k, planned),
        is_loss=is_a_loss,
        unstable=_open_flag(k.measured.flags),
    )


def as_finished(k: Known, curves: Logged, kind: str) -> Finished | None:
    """A finished run as the engine takes it; None without a curve or a plan that was gone through."""
    horizon, last = _horizon(k, curves), k.measured.last
    if horizon is None:
        horizon = curves.now
    main = curves.val if curves.val is not None else curves.train
    if last is None or main is None or main[0].size < CURVE:
        return None
    if not last.value > 0.0 or not curves.now >= WHOLE * horizon:
        return None
    rate = _rate(k, curves, horizon)
    tokens = value_of(k.resolved.tokens_seen)
    now = k.measured.train
    return Finished(
        k.run.name,
        _loss_key(k)[0],
        horizon,
        last.value * k.factor,
        train=curves.train,
        val=curves.val,
        lr=(rate.x * horizon, rate.e) if rate is not None else None,
        declared=rate.declared if rate is not None else "",
        N=_n(k, kind),
        tokens=tokens,
        steps=value_of(k.resolved.planned_steps) or k.resolved.updates,
        epochs=_epochs(k, tokens),
        final_train=now.value * k.train_factor if now is not None else None,
    )


def _horizon(k: Known, curves: Logged) -> float | None:
    """Planned end in the unit the curve runs over."""
    planned, made = value_of(k.resolved.planned_steps), k.resolved.updates
    if curves.axis == "tokens":
        return value_of(k.resolved.planned_tokens)
    if curves.axis != "step" or planned is None or made is None or not made > 0.0:
        return None
    counted = abs(made - curves.now) <= max(1.5, 0.01 * made)
    return planned if counted else planned * curves.now / made


def _rate(k: Known, curves: Logged, horizon: float | None) -> Schedule | None:
    if horizon is None:
        return constant() if curves.is_constant else None
    seen = schedule(*curves.lr, horizon) if curves.lr is not None else None
    word = k.resolved.recipe.get("schedule", "")
    return learning_rate(Config(k.run.said), value_of(k.resolved.planned_steps), seen, word)


def _loss_key(k: Known) -> tuple[str, bool]:
    """(series and unit of the loss that is forecast, whether it is a loss)."""
    lead = leading_of(k.run)
    series = main_val(lead, k.resolved.judged_by)
    role, name = ("val", series) if series is not None else ("train", "train")
    is_a_loss = role in k.resolved.perplexity or is_loss(name) or "loss" in k.run.given
    return f"{name}, {k.unit}", is_a_loss


def _n(k: Known, kind: str) -> float | None:
    if kind in N_KINDS:
        return value_of(k.resolved.n(kind))
    return value_of(k.resolved.leading_n)


def _epochs(k: Known, tokens: float | None) -> float | None:
    unique = value_of(k.resolved.unique_tokens)
    return tokens / unique if tokens is not None and unique else None


def _open_flag(flags: Iterable[Flag]) -> str:
    """What is open and forbids a forecast, in words; empty where nothing is."""
    for flag in flags:
        mixed = flag.id == "resumed" and flag.severity == "warn"
        if mixed or (flag.id in OPEN and flag.cleared_step is None):
            return f"{flag.id} ({flag.text})"
    return ""


def value_of(count: Count | None) -> float | None:
    """The figure of a count."""
    return None if count is None or not math.isfinite(count.value) else count.value
