"""What twice the tokens would buy a run, read from its own curve (science.md 5.3).

Only at a constant learning rate, where a longer run is the same curve read further on. A power law on the
last 80 % of the curve, read at twice its tokens, is several times nearer than any law of a ladder: on the
public constant-rate curves of Luo et al. 2025 (25M, 100M, 400M cut at an eighth to a half of their length) it
misses by .001 to .014 nats from 9,000 steps on, 5 % of the gain in the middle and 13 % at the worst, and reads
low rather than high.
"""

from __future__ import annotations

import numpy as np

from labbook.scaling.fit import fit_points
from labbook.scaling.form import FloatArray
from labbook.scaling.laws import law_by_name
from labbook.scaling.points import read_points
from labbook.scaling.predict import predict
from labbook.scaling.solve import LEAST_SQUARES
from labbook.scaling.values import Fit, FitStatus, OwnGain

LATER = 0.8
"""Share of the points, the latest, that the power law is fitted to."""
BINS = 60
"""Equal steps of ln t the points are averaged over; each counts by its number of points."""
FEWEST = 20
"""Bins below which a curve says nothing."""
SPREAD = 0.2
"""Half the 90 % interval, as a share of the gain: above every error of the check in this module's words from
9,000 steps on."""


def own_gain(tokens: FloatArray, loss: FloatArray) -> OwnGain | None:
    """The gain L(D) - L(2D) at the end of a curve, with its 90 % interval; None where the curve is too short.

    tokens, loss: (n,), any unit of progress, ascending; the learning rate was constant to the end.
    """
    known = np.isfinite(tokens) & np.isfinite(loss) & (tokens > 0.0) & (loss > 0.0)
    x, y = tokens[known], loss[known]
    x, y = x[int((1.0 - LATER) * x.size) :], y[int((1.0 - LATER) * y.size) :]
    if x.size < FEWEST or not x[-1] > 1.5 * x[0]:
        return None
    centre, level, count = _binned(x, y)
    if centre.size < FEWEST:
        return None
    points = read_points(np.ones_like(centre), centre, level, count)
    found = fit_points(law_by_name("tokens"), points, LEAST_SQUARES)
    if not isinstance(found, Fit) or found.status is FitStatus.NOT_CONVERGED:
        return None
    end = np.array([x[-1], 2.0 * x[-1]])
    here, there = predict(found, np.ones(2), end)
    gain = float(here - there)
    return OwnGain(gain, (gain * (1.0 - SPREAD), gain * (1.0 + SPREAD)), int(x.size)) if gain > 0.0 else None


def _binned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean ln x as x, mean y and number of points of each bin that has any."""
    at = np.log(x)
    edges = np.linspace(at[0], at[-1], BINS + 1)[1:-1]
    index = np.searchsorted(edges, at, side="right")
    count = np.bincount(index, minlength=BINS).astype(np.float64)
    filled = count > 0.0
    centre = np.bincount(index, at, BINS)[filled] / count[filled]
    return np.exp(centre), np.bincount(index, y, BINS)[filled] / count[filled], count[filled]
