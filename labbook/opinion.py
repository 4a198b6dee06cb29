"""What the laws of a ladder say of the end of one of its unfinished runs, beside its own forecast."""

from __future__ import annotations

import math
from dataclasses import dataclass

from labbook.analysis import revived
from labbook.scaling.predict import predict_pool
from labbook.scaling.values import Interval, Refusal
from labbook.summary import LadderView, RunView


@dataclass(frozen=True)
class Opinion:
    """The loss at the planned end by all admitted laws."""

    loss: float
    interval: Interval
    """90 %, of a new run."""
    off: float
    """ln of the forecast / the laws' loss."""
    joint: float
    """Half the width of both intervals together, in ln L."""

    @property
    def is_off(self) -> bool:
        """Whether forecast and laws differ by more than their intervals together explain (science.md 6.6)."""
        return abs(self.off) > self.joint


def opinion(view: LadderView | None, run: RunView) -> Opinion | None:
    """None where there is no forecast or no law, or where the ladder reads another loss than the last."""
    found = run.forecast
    if view is None or isinstance(found, Refusal) or run.n is None:
        return None
    planned = _planned_tokens(run)
    unique = run.unique_tokens.value if run.unique_tokens is not None else None
    D = unique if view.d_reading == "unique" else planned
    repeats = view.d_reading == "unique" and not (planned and unique and planned <= 1.01 * unique)
    comparison = revived(view)
    if D is None or repeats or comparison is None or not comparison.admitted:
        return None
    loss, low, high = (float(x[0]) for x in predict_pool(comparison, [run.n.value], [D]))
    if not (low > 0.0 and math.isfinite(high) and found.lo > 0.0):
        return None
    joint = math.hypot(math.log(high / low) / 2.0, math.log(found.hi / found.lo) / 2.0)
    return Opinion(loss, (low, high), math.log(found.final / loss), joint)


def _planned_tokens(run: RunView) -> float | None:
    if run.planned_steps is None or run.tokens_per_step is None:
        return None
    return run.planned_steps * run.tokens_per_step.value
