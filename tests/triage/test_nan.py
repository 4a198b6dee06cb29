"""A loss that is not a number is named; a value that is absent is not."""

import numpy as np
import pytest

from labbook.triage.evidence import Evidence
from labbook.triage.nan import Nan


def _find(**series):
    return Nan().find(Evidence(**series))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["train", "val"])
def test_a_value_that_is_not_finite_fires(curve, bad, name):
    """At the step it stands, as crit, and open while fewer than 50 finite points follow."""
    value = np.full(60, 3.0)
    value[40] = bad
    (flag,) = _find(**{name: curve(np.arange(60), value, name)})
    assert (flag.id, flag.severity, flag.since_step, flag.cleared_step) == ("nan", "crit", 40, None)


def test_a_step_without_a_loss_is_no_nan(curve):
    """An empty cell is not a point at all, so a series with holes is healthy."""
    assert _find(train=curve(np.delete(np.arange(100), [20, 21, 22, 23]), np.full(96, 3.0))) == []


def test_it_clears_with_the_fiftieth_finite_point(curve):
    """49 finite points after the last nan are not enough, 50 are."""
    value = np.full(200, 3.0)
    value[[100, 103]] = np.nan
    assert _find(train=curve(np.arange(153), value[:153]))[0].cleared_step is None
    (flag,) = _find(train=curve(np.arange(200), value))
    assert (flag.since_step, flag.cleared_step, flag.value) == (100, 153, 2)


def test_episodes_far_apart_are_two_flags(curve):
    """Each has its own start; the first has cleared."""
    value = np.full(300, 3.0)
    value[[50, 280]] = np.nan
    first, second = _find(train=curve(np.arange(300), value))
    assert (first.cleared_step, second.since_step, second.cleared_step) == (100, 280, None)


def test_a_nan_validation_clears_through_training_points_once_a_finite_one_follows(curve):
    """Evals are too rare to wait for 50 of them."""
    train, steps = curve(np.arange(1000), np.full(1000, 3.0)), [0, 250, 500, 750]
    (flag,) = _find(train=train, val=curve(steps, [5, np.nan, 4, 3.5], "val"))
    assert flag.cleared_step == 500
    (flag,) = _find(train=train, val=curve(steps, [5, 4, 4, np.nan], "val"))
    assert flag.cleared_step is None


def test_a_counter_of_nan_iterations_fires_without_a_nan_loss(curve):
    """Megatron prints finite means beside `nan iterations: 81`."""
    loss = curve(np.arange(5) * 200, [9, 7, 6, 11, 15])
    counter = curve(np.arange(5) * 200, [0, 0, 0, 81, 0], "nan_iterations")
    (flag,) = _find(train=loss, nan_iterations=counter)
    assert (flag.since_step, flag.value, flag.cleared_step) == (600, 81, None)


def test_nan_of_a_shadowed_segment_is_over(from_file_order):
    """A run restarted from before its nan has none."""
    steps = [*range(100), *range(80, 95)]
    values = [3.0] * 96 + [np.nan] * 4 + [3.0] * 15
    assert _find(train=from_file_order(steps, values)) == []


def test_a_log_without_steps_is_still_watched(curve):
    """Its points are counted instead."""
    (flag,) = _find(train=curve([np.nan] * 5, [3, 3, np.nan, 3, 3]))
    assert (flag.since_step, flag.cleared_step) == (2, None)
