"""Copies of a run: the same losses under two paths are one run, listed once.

A copy that grows on its own is a run of its own from then on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from labbook.logs.identity import COMMON, leaders
from labbook.store import StoredRun

Signature = tuple[tuple[str, int, str, str, str, str], ...]


def signature(run: StoredRun) -> Signature | None:
    """Figures that only a copy shares: count, first, last and least value and last step of every loss.

    None for a run of fewer than 20 losses, too few to call two runs the same.
    """
    lead = leaders(run.latest)
    rows = [
        (x.series, x.points, repr(x.first_value), repr(x.last_value), repr(x.min_value), repr(x.max_step))
        for x in run.latest
        if lead[x.series] == x.source and (x.series == "train" or x.series.startswith("val"))
    ]
    return tuple(sorted(rows)) if sum(row[1] for row in rows) >= COMMON else None


def fold(runs: Iterable[StoredRun]) -> list[tuple[StoredRun, tuple[StoredRun, ...]]]:
    """Each run with its copies; the one read first stands, of several read at once the first by path."""
    kept: dict[object, list[StoredRun]] = {}
    for run in sorted(runs, key=lambda r: (_age(r), r.folder, r.run_id)):
        kept.setdefault(signature(run) or run.run_id, []).append(run)
    return [(first, tuple(copies)) for first, *copies in kept.values()]


def _age(run: StoredRun) -> float:
    return run.created if math.isfinite(run.created) else math.inf
