"""Mode A2: finished runs of other recipes on the same data, each mapped onto the run (science.md 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labbook.triage.forecast.bins import Seen
from labbook.triage.forecast.mode_a import Centre, affine
from labbook.triage.forecast.reference import Kind, Progress, Reference
from labbook.triage.forecast.schedule import same_shape

LEAST_RUNS = 3
SAME_LENGTH = 1.25
RIDGE_SD = 0.05


def usable(run: Progress, refs: Sequence[Reference], kind: Kind) -> list[Reference]:
    """Finished runs of the loss key and about the planned length, by name; those whose learning rate is known
    to take another shape are left out."""
    found = [
        ref
        for ref in refs
        if ref.loss_key == run.loss_key
        and ref.curve(kind) is not None
        and _same_length(run, ref)
        and same_shape(run.lr, ref.lr) is not False
    ]
    return sorted(found, key=lambda ref: ref.name)


def _same_length(run: Progress, ref: Reference) -> bool:
    """In tokens where both are known, else in the unit of t."""
    if run.tokens is not None and ref.tokens is not None:
        own, other = run.tokens, ref.tokens
    else:
        own, other = run.horizon or 0.0, ref.horizon
    return own <= SAME_LENGTH * other and other <= SAME_LENGTH * own


def median_map(run: Progress, seen: Seen, refs: Sequence[Reference], kind: Kind) -> Centre | None:
    """Median of the loss at the end over the maps of three or more finished runs; None below three."""
    ends: list[tuple[str, float]] = []
    for ref in usable(run, refs, kind):
        track = ref.curve(kind)
        mapped = affine(seen, track, run.horizon or seen.now, RIDGE_SD) if track is not None else None
        if mapped is not None and track is not None:
            ends.append((ref.name, mapped.at(track.final)))
    if len(ends) < LEAST_RUNS:
        return None
    words = f"median over {len(ends)} finished runs"
    return float(np.median([end for _, end in ends])), words, tuple(name for name, _ in ends)
