"""Copies of a run: the same losses under two paths are one run, listed once.

A copy that grows on its own is a run of its own from then on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from labbook.logs.identity import COMMON
from labbook.logs.streams import leading_of
from labbook.store import StoredRun

Signature = tuple[tuple[str, int, tuple[str, ...]], ...]


def signature(run: StoredRun) -> Signature | None:
    """Figures that only a copy shares: count, first, last and least value and last step of every loss, in the
    digits that single precision keeps.

    None for a run of fewer than 20 losses, too few to call two runs the same.
    """
    rows = [
        (x.series, x.points, tuple(f"{v:.6g}" for v in (x.first_value, x.last_value, x.min_value, x.max_step)))
        for x in (stream.latest for stream in leading_of(run).values())
        if x.series == "train" or x.series.startswith("val")
    ]
    return tuple(sorted(rows)) if sum(row[1] for row in rows) >= COMMON else None


def fold(runs: Iterable[StoredRun]) -> list[tuple[StoredRun, tuple[StoredRun, ...]]]:
    """Each run with its copies. The one that says most of itself stands, of equals the one read first, of
    those read at once the first by path."""
    kept: dict[object, list[StoredRun]] = {}
    for run in sorted(runs, key=lambda r: (-_telling(r), _age(r), r.folder, r.run_id)):
        kept.setdefault(signature(run) or run.run_id, []).append(run)
    return [(first, tuple(copies)) for first, *copies in kept.values()]


def _telling(run: StoredRun) -> int:
    """How much is known of the run besides its losses: words typed, a counter, figures, configuration."""
    typed = 100 * bool(run.given)
    counted = 10 * any(x.max_tokens > 0 for x in run.latest)
    figures = {figure.key for said in run.said for figure in said.figures}
    return typed + counted + 5 * len(figures) + any(said.config for said in run.said)


def _age(run: StoredRun) -> float:
    return run.created if math.isfinite(run.created) else math.inf
