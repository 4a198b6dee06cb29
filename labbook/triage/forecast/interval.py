"""How wide a forecast is (science.md 6.4): its error grows with the drop still to come, not with the loss.

The misfit of the model is the error, not the scatter of its points, so the width is a share of the drop as
measured on many runs, and may be measured again on the user's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from labbook.triage.forecast.values import Mode

SHARE = {"A": 0.20, "A2": 0.30, "B": 0.35, "C": 0.45}
SHARE_BEFORE_FALL = 0.70
FALL_WITHIN = 0.10
SHARE_EARLY_DECAY = 0.5
FLOOR = {"A": 0.0010, "A2": 0.0015, "B": 0.0015, "C": 0.0010}
FLOOR_TRAIN = 0.0015
NOISE, GAP = 2.0, 1.5
LEAST_RUNS = 3
SHARES = (0.1, 0.6)
QUANTILE = 0.9


@dataclass(frozen=True, slots=True)
class Width:
    """What the half-width is made of."""

    c: float
    k: float
    c_from: str = "table"

    def half(self, drop: float, level: float, noise: float, gap: float) -> tuple[float, float]:
        """(half-width, half-width without the share of the drop), all in the loss unit."""
        floor = math.sqrt((self.k * level) ** 2 + (NOISE * noise) ** 2 + (GAP * gap) ** 2)
        return math.hypot(self.c * drop, floor), floor


def width(mode: Mode, *, train: bool, sparse: bool, falls_soon: bool, q: float | None) -> Width:
    """The measured table. train: the loss is a training loss. sparse: few evaluations. falls_soon: the learning
    rate falls by more than half within the next tenth of the run."""
    c = SHARE[mode]
    if mode == "A" and falls_soon:
        c = SHARE_BEFORE_FALL
    if mode == "B" and (q is None or q < 0.5):
        c = SHARE_EARLY_DECAY
    k = FLOOR_TRAIN if mode == "A" and train else FLOOR[mode]
    return Width(c, 2.0 * k if sparse else k)


def measured_share(errors: Sequence[float], drops: Sequence[float]) -> float | None:
    """c from finished runs forecast from one another at one fraction: the 90 % point of |error| / |drop|,
    within .1 and .6; None below three runs."""
    shares = sorted(abs(e / d) for e, d in zip(errors, drops, strict=True) if d != 0.0)
    if len(shares) < LEAST_RUNS:
        return None
    at = QUANTILE * (len(shares) - 1)
    low = int(at)
    high = min(low + 1, len(shares) - 1)
    share = shares[low] + (at - low) * (shares[high] - shares[low])
    return min(max(share, SHARES[0]), SHARES[1])
