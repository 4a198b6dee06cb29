"""One word for a run, from its flags and what its log says of its end."""

from __future__ import annotations

from collections.abc import Iterable

from labbook.records import Status
from labbook.summary import Flag, State

_FINAL: tuple[State, ...] = ("nan", "diverged")
"""What a run that is over may still be called: its result is not usable."""
_LIVE: tuple[State, ...] = ("nan", "stalled", "diverged", "spike-open")
_ENDS: dict[Status, State] = {"failed": "failed", "cancelled": "cancelled", "finished": "done"}


def open_flags(flags: Iterable[Flag]) -> list[Flag]:
    """Flags that have not cleared."""
    return [flag for flag in flags if flag.cleared_step is None]


def verdict(flags: Iterable[Flag], finished: bool, status: Status, *, has_points: bool = True) -> State:
    """The state of a run by precedence: nan > stalled > diverged > spike-open > ok (science.md section 7).

    A run that is over is done, failed or cancelled unless a nan or a divergence was still open at its
    end. A run without a single point is unknown.
    """
    raised = {flag.id for flag in open_flags(flags)}
    over = finished or status in _ENDS
    for state in _FINAL if over else _LIVE:
        if state in raised:
            return state
    if finished:
        return "done"
    if status in _ENDS:
        return _ENDS[status]
    return "ok" if has_points else "unknown"
