"""How far a forecast lies from the runs."""

import numpy as np
import pytest

from labbook.scaling.reach import reach
from tests.scaling.ladders import cross

N, D = cross((1e8, 3e8, 1e9), (5.0, 20.0, 80.0))


def test_factors_are_against_the_largest_run() -> None:
    """N, D and C of the target over the largest of each."""
    found = reach(N, D, [2e9], [1.6e11])[0]
    assert (found.factor_N, found.factor_D, found.factor_C) == pytest.approx((2.0, 2.0, 4.0))
    assert [warning.code for warning in found.warnings] == ["outside-hull"]


def test_ten_times_the_compute_is_far() -> None:
    """Beyond it the warning says how far."""
    found = reach(N, D, [4e9], [8e11])[0]
    assert found.warnings[0].code == "far-extrapolation"
    assert found.warnings[0].text == "40 times beyond the largest run."


@pytest.mark.parametrize("at", [(3e8, 6e9), (1e8, 5e8), (1e9, 8e10), (2e8, 4e9)])
def test_inside_the_hull_nothing_is_said(at: tuple[float, float]) -> None:
    """Between rungs, and on them."""
    assert reach(N, D, [at[0]], [at[1]])[0].warnings == ()


@pytest.mark.parametrize("at", [(1e8, 8e10), (1e9, 5e8), (5e7, 1e9)])
def test_a_corner_no_run_came_near_is_outside(at: tuple[float, float]) -> None:
    """N and D each in range, together not."""
    assert [warning.code for warning in reach(N, D, [at[0]], [at[1]])[0].warnings] == ["outside-hull"]


def test_a_line_of_rungs_has_an_inside_too() -> None:
    """D = 20 N, and a single rung."""
    line = np.array([1e8, 3e8, 1e9])
    on, off, beyond = reach(line, 20 * line, [5e8, 5e8, 2e9], [1e10, 3e10, 4e10])
    assert (on.is_inside, off.is_inside, beyond.is_inside) == (True, False, False)
    assert [each.is_inside for each in reach([1e8], [1e9], [1e8, 2e8], [1e9, 1e9])] == [True, False]


def test_no_rungs_no_reach() -> None:
    """The caller has to have runs."""
    with pytest.raises(ValueError, match="no rungs"):
        reach([], [], [1e8], [1e9])
