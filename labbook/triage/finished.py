"""Whether the schedule of a run has ended.

A point inside a decaying schedule is no rung: it reads percents above the finished run and bends
exponents (science.md 1.4).
"""

from __future__ import annotations

import math

from labbook.quantities import format_size
from labbook.records import Curve, Status
from labbook.triage.thresholds import thresholds
from labbook.triage.windows import trace


def is_finished(
    status: Status,
    step: float | None,
    planned_steps: float | None,
    lr: Curve | None = None,
    *,
    lr_end: float | None = None,
) -> tuple[bool, str]:
    """(True where the schedule has ended, the reason in words).

    step: updates done, the origin of the trainer's counting taken into account. lr: logged learning
    rate over logged steps. lr_end: its planned end value where the configuration gives one; without it
    the step alone decides.
    """
    if not _known(planned_steps):
        return (True, "the log says it ended") if status == "finished" else (False, "planned steps unknown")
    assert planned_steps is not None
    share = step / planned_steps if step is not None and math.isfinite(step) else 0.0
    done = f"{_percent(share)} of {_steps(planned_steps)} steps"
    if share >= thresholds().finished.share:
        left = _lr_above_end(lr, lr_end, planned_steps)
        return (False, f"{done}, but the learning rate is {left}") if left else (True, done)
    if status == "finished":
        return True, f"the log says it ended, at {done}"
    return False, done if status in ("running", "unknown") else f"{status} at {done}"


def _known(planned_steps: float | None) -> bool:
    return planned_steps is not None and math.isfinite(planned_steps) and planned_steps > 0


def _steps(count: float) -> str:
    return f"{count:.0f}" if count < 1e7 else format_size(count)


def _percent(share: float) -> str:
    """Rounded down, so that 100 % means all of them."""
    return f"{math.floor(100 * share + 1e-9)} %"


def _lr_above_end(lr: Curve | None, lr_end: float | None, planned_steps: float) -> str:
    """`3e-4, planned end 3e-5` where the last logged rate is clearly above its planned end, else empty."""
    limits = thresholds().finished
    points = trace(lr)
    if lr_end is None or not len(points) or points.step[-1] < limits.lr_seen_from * planned_steps:
        return ""
    now, peak = float(points.value[-1]), float(points.value.max())
    if now - lr_end <= limits.lr_slack * (peak - lr_end) or peak <= lr_end:
        return ""
    return f"{now:.2g}, planned end {lr_end:.2g}"
