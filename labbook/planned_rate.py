"""The learning rate a run will have to its planned end, from its configuration and what it has logged.

A configuration names the shape and often its end; where it does not, the rates logged so far tell the end of
a shape that is named. A plan the log contradicts is dropped: then the rate is known as far as it was logged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labbook.logs.config import Config
from labbook.logs.names import plain
from labbook.logs.schedule import Planned, planned_schedule
from labbook.triage.forecast import Schedule

FloatArray = NDArray[np.float64]

COSINE = frozenset({"cosine", "cosine_decay", "cosine_annealing", "cosine_with_min_lr"})
LINEAR = frozenset({"linear", "linear_decay"})
CONSTANT = frozenset({"constant", "constant_with_warmup"})
GRID = 801
SAME = 0.03
"""Of the peak: how far logged rates may lie from the plan."""
RISEN = 0.99
FALLEN = 0.9
"""Of the way from peak to end: below it the logged rates tell where the fall ends."""


def learning_rate(config: Config, steps: float | None, logged: Schedule | None, word: str) -> Schedule | None:
    """The plan to its end, else the rate as far as it was logged, else its bare name; None where none is known.

    steps: planned updates. logged: over the share of the plan. word: how the configuration names the shape.
    """
    planned = _planned(config, steps, logged, plain(word)) if steps is not None and word else None
    if planned is not None or logged is not None:
        return planned if planned is not None else logged
    return Schedule(np.zeros(1), np.ones(1), plain(word)) if word else None


def _planned(config: Config, steps: float, logged: Schedule | None, word: str) -> Schedule | None:
    """None where the name is of no known shape, its end is not known, or the log says otherwise."""
    plan = planned_schedule(config, steps)
    start = plan.warmup / steps if plan.warmup is not None else _seen_rise(logged)
    x = np.linspace(0.0, 1.0, GRID)
    if word in CONSTANT or config.flag("decays") is False:
        found: Schedule | None = Schedule(x, _rise(x, start), "constant")
    elif word in COSINE | LINEAR:
        found = _falling(word in COSINE, x, start, plan, steps, config.value("peak_lr"), logged)
    else:
        found = None
    return found if found is not None and (logged is None or _agrees(found, logged)) else None


def _falling(
    is_cosine: bool,
    x: FloatArray,
    start: float,
    plan: Planned,
    steps: float,
    peak: float | None,
    logged: Schedule | None,
) -> Schedule | None:
    """From the peak at `start` to the end of the decay; None where no end is known."""
    stop = plan.decay / steps if plan.decay is not None else 1.0
    if not stop > start:
        return None
    end = plan.end_lr / peak if plan.end_lr is not None and peak else None
    if end is None and logged is not None:
        end = _end_of(logged, _shape(is_cosine, logged.x, start, stop), start)
    if end is None or not 0.0 <= end <= 1.0:
        return None
    e = _rise(x, start) * (end + (1.0 - end) * _shape(is_cosine, x, start, stop))
    name = "cosine" if is_cosine else "linear"
    return Schedule(x, e, f"{name} from {start:.2f} to {end:.2f} at {stop:.2f}")


def _shape(is_cosine: bool, x: FloatArray, start: float, stop: float) -> FloatArray:
    """1 at the start of the fall, 0 at its end."""
    done = np.clip((x - start) / (stop - start), 0.0, 1.0)
    return np.asarray((1.0 + np.cos(np.pi * done)) / 2.0 if is_cosine else 1.0 - done, np.float64)


def _seen_rise(logged: Schedule | None) -> float:
    """Share of the plan at which a warm-up seen in the log is over; 0 where it begins at its peak."""
    return logged.warm_up if logged is not None and logged.e[0] < RISEN else 0.0


def _rise(x: FloatArray, start: float) -> FloatArray:
    return np.clip(x / start, 0.0, 1.0) if start > 0.0 else np.ones_like(x)


def _end_of(logged: Schedule, shape: FloatArray, start: float) -> float | None:
    """Share of the peak a named fall ends at, from the rates seen of it; None before a tenth of it is done."""
    fallen = (logged.x > start) & (shape < FALLEN)
    if not fallen.any():
        return None
    gone = 1.0 - shape[fallen]
    end = float(((logged.e[fallen] - shape[fallen]) * gone).sum() / (gone * gone).sum())
    return max(end, 0.0) if end > -SAME else None


def _agrees(plan: Schedule, logged: Schedule) -> bool:
    """Whether the rates logged after the warm-ups lie on the plan."""
    late = logged.x > max(plan.warm_up, logged.warm_up)
    return not late.any() or float(np.abs(plan.at(logged.x[late]) - logged.e[late]).max()) <= SAME
