"""What a report of one ladder says beyond its verdicts: allocation, repeated data, next run, other choices.

Too slow for a board that is drawn anew at every change, so it is worked out when a fit or a report is asked
for, and kept under the ladder's digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labbook.analysis import columns, revived
from labbook.approaches import Curves, approaches_of
from labbook.ladder import Ladder
from labbook.other_choices import alternatives
from labbook.repeats import repeated_of
from labbook.results import Results
from labbook.scaling.next_run import next_runs
from labbook.scaling.values import Approach, NextRuns, Refusal, RepeatedFit
from labbook.summary import Alternative, LadderView

KIND = "completion"
CONSTANT = 0.99
"""Of its peak: a learning rate that ends no lower never decayed."""

FloatArray = NDArray[np.float64]
CurveOf = Callable[[str, str], tuple[FloatArray, FloatArray] | None]
"""Tokens seen and loss of a run's series, in the ladder's unit; None where either is not known."""


@dataclass(frozen=True)
class Completion:
    """The parts, as they are kept."""

    approaches: tuple[Approach, ...]
    repeated: RepeatedFit | Refusal | None
    next_runs: NextRuns | None
    alternatives: tuple[Alternative, ...]


def complete(results: Results, ladder: Ladder, digest: str, view: LadderView, curve_of: CurveOf) -> LadderView:
    """The view with its further parts, from what is kept under `digest` where they were worked out before.

    A view of other rungs than the ladder's, drawn before a change, stays as it is.
    """
    if [(r.run_id, r.N, r.D, r.loss) for r in view.rungs] != [
        (r.run_id, r.N, r.D, r.loss) for r in ladder.rungs
    ]:
        return view
    found = results.get(KIND, digest, Completion)
    if found is None:
        found = results.put(KIND, digest, _work_out(ladder, view, curve_of))
    return replace(
        view,
        approaches=found.approaches,
        repeated=found.repeated,
        next_runs=found.next_runs,
        alternatives=found.alternatives,
    )


def _work_out(ladder: Ladder, view: LadderView, curve_of: CurveOf) -> Completion:
    repeated = repeated_of(ladder)
    comparison = revived(view)
    if comparison is None or not comparison.fits:
        return Completion((), repeated, None, ())
    N, D, L = columns(view.rungs)
    C = 6.0 * N * D if ladder.d_reading == "unique" else np.array([r.C for r in view.rungs])
    next_ = next_runs(comparison, N, D, L)
    ways = approaches_of(
        N, C, D, L, comparison, _curves(ladder, curve_of), repeated=ladder.d_reading == "unique"
    )
    following = next_ if isinstance(next_, NextRuns) else None
    return Completion(ways, repeated, following, alternatives(ladder, view))


def _curves(ladder: Ladder, curve_of: CurveOf) -> Curves | None:
    """Whole curves of the rungs where no learning rate decayed: then every point of them is a finished run."""
    if ladder.d_reading != "seen" or not ladder.rungs:
        return None
    trained = {m.run_id: m.training for m in ladder.members}
    for rung in ladder.rungs:
        rate = trained[rung.run_id]
        if rate.last_lr is None or rate.top_lr is None or rate.last_lr < CONSTANT * rate.top_lr:
            return None
    found = [(rung.N, curve_of(rung.run_id, rung.level.series)) for rung in ladder.rungs]
    known = [(N, curve) for N, curve in found if curve is not None]
    if len(known) < len(found):
        return None
    return Curves([N for N, _ in known], [curve for _, curve in known], decays=False)
