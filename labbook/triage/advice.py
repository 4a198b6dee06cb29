"""What to do about a run, in one line of a fixed table. labbook advises; it never kills a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from labbook.scaling.values import Refusal
from labbook.summary import Eta, Flag, State
from labbook.triage.state import open_flags
from labbook.triage.thresholds import thresholds


def advice(
    state: State,
    flags: Iterable[Flag] = (),
    missing: Sequence[str] = (),
    *,
    step: float | None = None,
    planned_steps: float | None = None,
    now: float | None = None,
    eta: Eta | Refusal | None = None,
    has_ended: bool = False,
) -> str:
    """One line: what is broken first, then what a person could supply, then when to look again.

    step, planned_steps: in updates. now: Unix seconds; times are printed in local time.
    """
    raised = {flag.id: flag for flag in open_flags(flags)}
    if state in ("nan", "diverged", "spike-open"):
        return _broken(state, raised.get(state), None if has_ended else step)
    if state in ("stalled", "failed"):
        return "check node or storage"
    if missing and state != "cancelled":
        return "supply " + ", ".join(missing)
    if state == "ok":
        return _look_again(step, planned_steps, now, eta)
    return "nothing"


def _broken(state: State, flag: Flag | None, step: float | None) -> str:
    """step: where a live run is; None for one that is over, which nobody can stop any more."""
    since = None if flag is None else flag.since_step
    if step is not None and flag is not None and _stays_open(flag, step):
        return f"stop: {state} stays open" + ("" if since is None else f" since step {since:.0f}")
    if state == "nan" and step is not None and since is not None:
        return f"look at the data at step {since:.0f}"
    return "lower the learning rate or restart" + ("" if since is None else f" before step {since:.0f}")


def _stays_open(flag: Flag, step: float) -> bool:
    """True for a nan that is no single batch, and for a divergence that has lasted."""
    limits = thresholds().advice
    if flag.id == "nan":
        return flag.value is None or flag.value >= limits.nan_values
    since = flag.since_step
    return flag.id == "diverged" and since is not None and step - since > limits.stays_open_share * step


def _look_again(
    step: float | None, planned_steps: float | None, now: float | None, eta: Eta | Refusal | None
) -> str:
    """The next quarter of the plan, with the time it will be reached where the pace is known."""
    if step is None or planned_steps is None:
        return "nothing"
    marks = [share * planned_steps for share in thresholds().advice.look_again if share * planned_steps > step]
    if not marks:
        return "nothing"
    text = f"look again at step {marks[0]:.0f}"
    if now is None or not isinstance(eta, Eta):
        return text
    at = now + (marks[0] - step) * eta.sec_per_step
    same_day = time.localtime(at)[:3] == time.localtime(now)[:3]
    return f"{text} ({time.strftime('%H:%M' if same_day else '%a %d %b %H:%M', time.localtime(at))})"
