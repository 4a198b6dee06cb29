"""The order of the board: what needs a person first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from labbook.summary import Flag, State
from labbook.triage.state import open_flags


class Rank(IntEnum):
    """Groups of the board, most severe first."""

    CRIT = 0
    WARN = 1
    ATTENTION = 2
    """Nothing is wrong, but a value is missing or nothing is known."""
    RUNNING = 3
    DONE = 4


_OVER: tuple[State, ...] = ("done", "cancelled")


def severity(state: State, flags: Iterable[Flag] = (), missing: Sequence[str] = ()) -> Rank:
    """Sort key of a run, an int; smaller comes first.

    `missing` is what a person could supply; it does not lift a run that was cancelled.
    """
    if state in ("nan", "stalled", "diverged"):
        return Rank.CRIT
    raised = {flag.severity for flag in open_flags(flags)} if state not in _OVER else set()
    if state in ("failed", "spike-open") or raised & {"crit", "warn"}:
        return Rank.WARN
    if state == "unknown" or (missing and state != "cancelled"):
        return Rank.ATTENTION
    return Rank.DONE if state in _OVER else Rank.RUNNING
