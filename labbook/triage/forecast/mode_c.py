"""Mode C: a power law of the run's own curve where the learning rate stays constant (science.md 6.1)."""

from __future__ import annotations

import numpy as np

from labbook.triage.forecast.bins import FloatArray, Seen
from labbook.triage.forecast.robust import huber_fits, likelihoods

ALPHAS = np.geomspace(0.05, 2.0, 23)
FIT_FROM = 0.3
"""Share of the way done: near its start a curve is no power law, and draws the exponent up."""
LEAST_NOISE = 3e-4
LEAST_BINS = 6


def power_law(seen: Seen, ends: FloatArray, start: float = 0.0) -> FloatArray | None:
    """Loss at each t of `ends` by a + b t^-alpha, exponents averaged by likelihood; None below six bins.

    ends: (m,) in the unit of seen.t. start: end of the warm-up; earlier bins are left out.
    """
    kept = seen.t >= max(FIT_FROM * seen.now, start)
    t, y = seen.t[kept] / seen.now, seen.y[kept]
    if t.size < LEAST_BINS:
        return None
    sd = max(LEAST_NOISE * seen.level, seen.noise or 0.0)
    power = t[None, :] ** -ALPHAS[:, None]
    c, chi2 = huber_fits(np.stack([np.ones_like(power), power], axis=2), y, sd)
    weight = likelihoods(chi2, t.size, (c[:, 0] < 0.0) | (c[:, 1] < 0.0))
    then = (ends / seen.now)[None, :] ** -ALPHAS[:, None]
    return np.asarray(weight @ (c[:, :1] + c[:, 1:] * then), float)
