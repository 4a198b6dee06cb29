"""The best parameters of a law for given points: many starts, one objective, an honest count of the optima."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labbook.scaling.form import FloatArray, IntArray
from labbook.scaling.laws.base import Law
from labbook.scaling.newton import Enough, Minima, minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Centred

LEAST_SQUARES = "least-squares-log"
LEAST_SQUARES_RAW = "least-squares-raw"
HUBER = "huber:0.001"
HUBER_FROM = 12
"""Number of points from which the default objective is Huber's."""
START_TOLERANCE = 1e-8
POLISH_TOLERANCE = 1e-13
NEAR_BEST = 1e-6
OTHER_OPTIMUM = 1e-2
ENOUGH = 0.875
"""Share of the starts that must have ended at one optimum for the rest, which walk longest, to be given up."""
STAGES = (10.0, 3.0)
"""Deltas a Huber fit passes through after a few iterations of least squares, in units of its own; the second
for a few iterations only."""
STAGE_ITERATIONS = 12
AFTER_STAGE = 1e-3
"""Damping to begin with once a start has been improved by a wider delta."""
NOISELESS = 1e-20
"""Objective per point below which optima are told apart by rounding only."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The best of all starts."""

    theta: FloatArray
    """(6,)."""
    value: float
    starts: int
    starts_at_best: int
    """A start that met another on the way counts with it; one given up once enough agreed is not counted."""
    distinct_optima: int
    has_converged: bool


def read_objective(text: str, n: int) -> tuple[str, float]:
    """Canonical name and delta of an objective for n points; `auto` follows n.

    Raises ValueError where the name is not known.
    """
    if text == "auto":
        text = HUBER if n >= HUBER_FROM else LEAST_SQUARES
    if text in (LEAST_SQUARES, LEAST_SQUARES_RAW):
        return text, math.inf
    kind, _, number = text.partition(":")
    try:
        delta = float(number)
    except ValueError:
        delta = math.nan
    if kind != "huber" or not 0.0 < delta < math.inf:
        known = f"auto, {LEAST_SQUARES}, {LEAST_SQUARES_RAW} or huber:<delta>"
        raise ValueError(f"no objective {text!r}: {known}")
    return f"huber:{delta:g}", delta


def solve(law: Law, points: Centred, delta: float) -> Solution:
    """The best parameters over the law's starts."""
    problems = Problems(law.form, points.n, points.d, points.y, points.weights)
    slack = NOISELESS * points.n.size
    theta = law.starts(points)
    count = theta.shape[0]

    def enough(values: FloatArray) -> bool:
        near = values <= values.min(initial=np.inf) * (1.0 + NEAR_BEST) + slack
        return bool(np.count_nonzero(near) >= ENOUGH * count)

    members = np.ones(count, dtype=np.int64)
    damping = 1e-2
    if math.isfinite(delta):
        theta, members = _approach(problems, theta, delta, enough, slack)
        damping = AFTER_STAGE
    ended = minimise(problems, theta, delta, tolerance=START_TOLERANCE, damping=damping, enough=enough)
    best = int(np.nanargmin(np.where(np.isfinite(ended.value), ended.value, np.inf)))
    polished = minimise(problems, ended.theta[best : best + 1], delta, tolerance=POLISH_TOLERANCE, damping=1e-6)
    value = float(polished.value[0])
    near = ended.value <= value * (1.0 + NEAR_BEST) + slack
    return Solution(
        theta=polished.theta[0],
        value=value,
        starts=count,
        starts_at_best=int(members[near].sum()),
        distinct_optima=_optima(ended.value[ended.has_converged], value, slack),
        has_converged=bool(ended.has_converged[best] or polished.has_converged[0]),
    )


def _approach(
    problems: Problems, theta: FloatArray, delta: float, enough: Enough, slack: float
) -> tuple[FloatArray, IntArray]:
    """Where the starts of a Huber fit are before its own delta, and how many starts each row stands for.

    Far from the optimum a Huber loss is all slope and no curvature, so the first steps are least squares; that
    optimum itself may be far off where a run is broken, so they do not go all the way to it.
    """
    near = minimise(problems, theta, math.inf, tolerance=START_TOLERANCE, iterations=STAGE_ITERATIONS)
    wide = minimise(
        problems,
        near.theta,
        STAGES[0] * delta,
        tolerance=START_TOLERANCE,
        damping=AFTER_STAGE,
        enough=enough,
    )
    merged, members = _merge(wide, slack)
    narrow = minimise(
        problems,
        merged,
        STAGES[1] * delta,
        tolerance=START_TOLERANCE,
        damping=AFTER_STAGE,
        iterations=STAGE_ITERATIONS,
    )
    return narrow.theta, members


def _merge(ended: Minima, slack: float) -> tuple[FloatArray, IntArray]:
    """One row for all starts that ended at one value, and how many they are: equal starts have equal ends.

    Starts without a value are left out, unless none has one.
    """
    order = np.argsort(ended.value, kind="stable")
    finite = order[np.isfinite(ended.value[order])]
    rows: list[int] = []
    members: list[int] = []
    for row in finite if finite.size else order:
        if rows and ended.value[row] <= ended.value[rows[-1]] * (1.0 + NEAR_BEST) + slack:
            members[-1] += 1
        else:
            rows.append(int(row))
            members.append(1)
    return ended.theta[rows], np.array(members, dtype=np.int64)


def _optima(values: FloatArray, best: float, slack: float) -> int:
    """Levels at which starts ended, among those within 1 % of the best."""
    count, last = 1, best
    for value in np.sort(values[values <= best * (1.0 + OTHER_OPTIMUM) + slack]):
        if value > last * (1.0 + NEAR_BEST) + slack:
            count, last = count + 1, float(value)
    return count
