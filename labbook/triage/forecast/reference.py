"""What a forecast looks at: the run itself and the finished runs it may be compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from labbook.triage.forecast.bins import REFERENCE_BINS, REFERENCE_FROM, FloatArray, Seen, binned
from labbook.triage.forecast.schedule import Schedule

MOST_N_RATIO = 16.0
SAME_HORIZON = 1.25
SAME_N = 1.01
Kind = Literal["val", "train"]
Rule = Literal["ratio", "tokens", "either"]
"""By what two planned lengths are compared: D/N, D, or the nearer of the two."""


@dataclass(frozen=True)
class Progress:
    """One unfinished run at one moment."""

    name: str
    loss_key: str
    """What loss it is; only runs of the same key are compared."""
    horizon: float | None
    """Planned end in the unit of t."""
    train: Seen | None = None
    val: Seen | None = None
    lr: Schedule | None = None
    """As planned where the plan is known, else as far as it was logged."""
    N: float | None = None
    tokens: float | None = None
    """Planned tokens."""
    steps: float | None = None
    """Planned optimiser steps; None where t counts nothing that can be turned into steps."""
    epochs: float | None = None
    """Planned."""
    is_loss: bool = True
    unstable: str = ""
    """What is open: a NaN, a divergence, a spike, a resume that does not fit."""
    changed: str = ""
    """What was changed inside the run: batch, data mix, learning-rate plan."""


@dataclass(frozen=True)
class Track:
    """One loss curve of a finished run over the share of its run."""

    x: FloatArray
    """(n,) ascending to 1."""
    y: FloatArray

    def at(self, x: FloatArray) -> FloatArray:
        """Loss at x, straight lines in ln x; NaN before the first."""
        found = np.interp(np.log(x), np.log(self.x), self.y)
        return np.where(x >= self.x[0], found, np.nan)

    @property
    def final(self) -> float:
        """Loss at the end."""
        return float(self.y[-1])


@dataclass(frozen=True)
class Reference:
    """One finished run."""

    name: str
    loss_key: str
    horizon: float
    train: Track | None = None
    val: Track | None = None
    lr: Schedule | None = None
    N: float | None = None
    tokens: float | None = None
    epochs: float | None = None
    same_ladder: bool = True
    """Of the run's own recipe; others only serve mode A2."""

    def curve(self, kind: Kind) -> Track | None:
        """Its validation or its training loss."""
        return self.val if kind == "val" else self.train

    @property
    def final(self) -> float:
        """Loss at the end; NaN without a curve."""
        found = self.val or self.train
        return math.nan if found is None else found.final


def track(t: ArrayLike, y: ArrayLike, horizon: float, final: float) -> Track | None:
    """A finished run's curve in at most 300 bins, its last value replaced by its loss; None without a point
    above 0.

    final: the loss of the run by its named estimator (science.md 1.4).
    """
    at, loss = np.asarray(t, float), np.asarray(y, float)
    kept = np.isfinite(at) & np.isfinite(loss) & (at > 0.0) & (loss > 0.0)
    at, loss = at[kept], loss[kept]
    if not at.size or not final > 0.0:
        return None
    times, means = binned(at, loss, REFERENCE_FROM * horizon, REFERENCE_BINS)
    before = times < horizon * (1.0 - 1e-9)
    before[-1:] = False
    return Track(np.append(times[before] / horizon, 1.0), np.append(means[before], final))


def horizon_distance(run: Progress, ref: Reference, rule: Rule = "either") -> float:
    """How far apart the planned lengths are: |ln| of the ratio of D/N or of D, or that of the epochs beyond the
    first where it is more; infinite where unknown."""
    if run.tokens is None or ref.tokens is None:
        return math.inf
    tokens = math.log(run.tokens / ref.tokens)
    ratio = math.inf if run.N is None or ref.N is None else tokens - math.log(run.N / ref.N)
    length = {"tokens": abs(tokens), "ratio": abs(ratio), "either": min(abs(tokens), abs(ratio))}[rule]
    return max(length, abs(math.log(max(run.epochs or 1.0, 1.0) / max(ref.epochs or 1.0, 1.0))))


def one_per_size(run: Progress, refs: Sequence[Reference], rule: Rule = "either") -> list[Reference]:
    """Of each N the finished run whose length fits best, largest N first; the order of refs does not matter."""

    def fits(ref: Reference) -> tuple[float, float, str, float]:
        length = abs(math.log((run.horizon or ref.horizon) / ref.horizon))
        return (horizon_distance(run, ref, rule), length, ref.name, ref.final)

    best: list[Reference] = []
    for ref in sorted(refs, key=lambda r: (-(r.N or 0.0), *fits(r))):
        same = best and (best[-1].N or 0.0) <= SAME_N * (ref.N or 0.0)
        if not same:
            best.append(ref)
        elif fits(ref) < fits(best[-1]):
            best[-1] = ref
    return best
