"""The runs of a ladder to the law of repeated data: tokens seen, unique tokens and final losses."""

from __future__ import annotations

import math

from labbook.ladder import Ladder
from labbook.recipe import Candidate
from labbook.rung import SAME
from labbook.scaling.repeated import fit_repeated
from labbook.scaling.values import Refusal, RepeatedFit

STILL_COUNTS = ("epochs-high", "other-epochs")
"""Codes of runs that are no rungs of the other laws for their epochs, which is just what this law is about."""


def repeated_of(ladder: Ladder) -> RepeatedFit | Refusal | None:
    """The law of repeated data fitted to the ladder's finished runs, by tokens seen and final loss.

    None where no run is known to repeat its data. A run left out of the ladder is left out here, with the
    exception of one whose epochs keep it out of the other laws.
    """
    out = {x.run_id for x in ladder.left_out if x.code not in STILL_COUNTS}
    runs = [m for m in ladder.members if m.run_id not in out and _final_loss(m) and m.tokens_seen]
    if not any(m.epochs is not None and m.epochs > 1 + SAME for m in runs):
        return None
    return fit_repeated(
        N=[m.n[ladder.n_kind].value for m in runs],
        D=[m.tokens_seen or math.nan for m in runs],
        U=[m.unique_tokens or math.nan for m in runs],
        L=[_final_loss(m) or math.nan for m in runs],
        names=[m.name for m in runs],
    )


def _final_loss(run: Candidate) -> float | None:
    """Of a finished run: its last loss, not its lowest; the law says what the last token brought."""
    if run.last is None or not 0.0 < run.last.value < math.inf:
        return None
    return run.last.value
