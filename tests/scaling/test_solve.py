"""Starts that are given up early: what that may and may not change."""

import math
from operator import attrgetter

import numpy as np
import pytest

from labbook.scaling.form import FloatArray
from labbook.scaling.laws import FAMILY, Law, law_by_name
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Centred, read_points
from labbook.scaling.solve import solve
from tests.scaling.ladders import chinchilla, grid, plant, random_params

of_both = [law for law in FAMILY if law.resources == ("N", "D")]
every_law = pytest.mark.parametrize("law", of_both, ids=attrgetter("name"))
TRUTHS = ("kaplan", "chinchilla", "general")
DELTA = 1e-3


def centred(law: Law, truth: str, seed: int, broken: int) -> Centred:
    """Twenty rungs of a law, `broken` of them with a loss up to 30 % too high, in another law's coordinates."""
    N, D, L = plant(truth, random_params(law_by_name(truth), seed), *grid(), 0.004, seed)
    random = np.random.default_rng(seed)
    L[random.integers(0, L.size, broken)] *= 1.0 + 0.3 * random.random(broken)
    return law.centre(read_points(N, D, L))


def problems_of(law: Law, points: Centred) -> Problems:
    """The points as every start sees them."""
    return Problems(law.form, points.n, points.d, points.y, points.weights)


@every_law
def test_no_start_given_up_ends_lower(law: Law) -> None:
    """Least squares, also of another law's losses: every start walked to its end finds nothing lower."""
    for seed, truth in enumerate(TRUTHS):
        points = centred(law, truth, seed, broken=seed % 2)
        every = minimise(problems_of(law, points), law.starts(points), math.inf, tolerance=1e-8)
        assert solve(law, points, math.inf).value <= every.value.min() * (1 + 1e-6)


@every_law
def test_huber_misses_no_optimum_that_narrowing_each_start_finds(law: Law) -> None:
    """Rows are merged and given up on the way; each start taken alone through the same deltas ends no lower."""
    for seed, truth in enumerate(TRUTHS):
        points = centred(law, truth, seed, broken=2)
        problems = problems_of(law, points)
        theta = law.starts(points)
        for factor in (10.0, 3.0, 1.0):
            ended = minimise(problems, theta, factor * DELTA, tolerance=1e-8)
            theta = ended.theta
        assert solve(law, points, DELTA).value <= ended.value.min() * (1 + 1e-6)


def test_rows_given_up_have_no_value() -> None:
    """The rows that ended are told to the caller, who stops the rest; those that ended stay what they are."""
    law = law_by_name("chinchilla")
    points = law.centre(read_points(*chinchilla(20, 0.004)))
    problems, starts = problems_of(law, points), law.starts(points)
    told: list[FloatArray] = []

    def enough(values: FloatArray) -> bool:
        told.append(values)
        return values.size >= 4

    every = minimise(problems, starts, math.inf, tolerance=1e-8)
    some = minimise(problems, starts, math.inf, tolerance=1e-8, enough=enough)
    ended = np.isfinite(some.value)
    assert 4 <= ended.sum() < len(starts)
    assert (some.has_converged == ended).all()
    assert some.value[ended] == pytest.approx(every.value[ended], rel=1e-12)
    assert sorted(told[-1]) == sorted(some.value[ended])


def test_most_starts_are_counted_at_the_best_of_a_clean_ladder() -> None:
    """At least seven of eight, since no more are waited for."""
    law = law_by_name("chinchilla")
    points = law.centre(read_points(*chinchilla(20, 0.001)))
    for delta in (math.inf, DELTA):
        found = solve(law, points, delta)
        assert found.starts == 16
        assert 14 <= found.starts_at_best <= 16
        assert found.distinct_optima == 1
