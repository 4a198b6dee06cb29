"""The app's state: one frozen value that every screen draws and none changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from labbook.filter import parse_filter
from labbook.scaling.values import Refusal
from labbook.summary import LadderView, Progress, RunView, Summary

SORTS = ("severity", "name", "loss", "done", "ETA", "N", "D", "residual")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known and what the person asked for, at one moment."""

    summary: Summary | None = None
    """None until the notebook was read."""
    runs: tuple[RunView, ...] = ()
    """Runs that pass the filter, in the order asked for."""
    words: str = ""
    """The filter."""
    sort: str = SORTS[0]
    run_id: str | None = None
    """The run under the cursor."""
    ladder_key: str | None = None
    following: bool = True
    live: bool = False
    """True once the logs were read; the board before that is the last known one."""
    empty: bool = False
    """True where the notebook holds nothing yet."""
    trouble: str = ""
    """Why the last reading failed; empty when it did not."""
    progress: Progress | None = None
    notice: str = ""
    now: float = 0.0

    @property
    def run(self) -> RunView | None:
        """The run under the cursor."""
        return self.summary.run(self.run_id) if self.summary and self.run_id else None

    @property
    def ladder(self) -> LadderView | None:
        """The ladder asked for, else that of the run under the cursor, else the first."""
        if self.summary is None or not self.summary.ladders:
            return None
        of_run = self.run.ladder if self.run is not None else None
        found = self.summary.ladder(self.ladder_key) or self.summary.ladder(of_run)
        return found or self.summary.ladders[0]


def visible(summary: Summary | None, words: str, sort: str) -> tuple[RunView, ...]:
    """The runs that pass the filter, in order; runs without the value sorted by come last."""
    if summary is None:
        return ()
    runs = parse_filter(words).select(summary.runs)
    by = _ORDERS.get(sort)
    return runs if by is None else tuple(sorted(runs, key=by))


def in_view(shown: Shown) -> Summary | None:
    """The summary cut down to the runs that pass the filter, and their ladders."""
    if shown.summary is None:
        return None
    runs = visible(shown.summary, shown.words, shown.sort)
    keys = {run.ladder for run in runs}
    return replace(shown.summary, runs=runs, ladders=tuple(x for x in shown.summary.ladders if x.key in keys))


def _last(value: float | None) -> tuple[bool, float]:
    missing = value is None or not math.isfinite(value)
    return missing, 0.0 if value is None or missing else value


_ORDERS: dict[str, Callable[[RunView], tuple[object, ...]]] = {
    "name": lambda r: (r.name.lower(),),
    "loss": lambda r: _last(r.loss.value if r.loss else None),
    "done": lambda r: _last(r.frac),
    "ETA": lambda r: _last(None if isinstance(r.eta, Refusal) else r.eta.finish_at),
    "N": lambda r: _last(r.n.value if r.n else None),
    "D": lambda r: _last(r.tokens_seen.value if r.tokens_seen else None),
    "residual": lambda r: _last(-abs(r.residual) if r.residual is not None else None),
}
