"""Mode A where validation is rare: the training loss gives the shape, the few evaluations the level.

Between three and nine evaluations do not show how a run's validation loss follows that of a finished one; its
training loss, logged far more often, does (science.md 6.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labbook.triage.forecast.mode_a import affine, nearest
from labbook.triage.forecast.reference import Progress, Reference

LEAST_EVALS, MOST_EVALS, LEAST_POINTS = 3, 9, 30
LEVEL_EVALS = 3
"""The last ones, which the level is read from."""
SCATTER_FROM = 0.5
"""Share of the way done from which evaluations tell their scatter."""


def applies(run: Progress) -> bool:
    """Whether there are few evaluations and enough training losses."""
    if run.val is None or run.train is None:
        return False
    return LEAST_EVALS <= run.val.points <= MOST_EVALS and run.train.points >= LEAST_POINTS


def sparse(run: Progress, refs: Sequence[Reference]) -> tuple[float, float, str] | None:
    """(validation loss at the end, scatter of the evaluations about the mapped reference, its name); None where
    no reference has both curves."""
    both = [r for r in refs if r.val is not None and r.train is not None]
    ref = nearest(run, both)
    if ref is None or ref.val is None or ref.train is None or run.horizon is None:
        return None
    if run.val is None or run.train is None:
        return None
    mapped = affine(run.train, ref.train, run.horizon)
    if mapped is None:
        return None
    x = run.val.t / run.horizon
    r = ref.val.at(x)
    kept = np.isfinite(r)
    offset = run.val.y[kept] - mapped.slope * r[kept]
    if offset.size < LEVEL_EVALS:
        return None
    late = min(int(np.searchsorted(x[kept], SCATTER_FROM * x[-1])), offset.size - LEVEL_EVALS)
    final = float(offset[-LEVEL_EVALS:].mean()) + mapped.slope * ref.val.final
    return final, float(offset[late:].std(ddof=1)), ref.name
