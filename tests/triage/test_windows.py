"""Series are cut where neighbours are no longer comparable, and nowhere else."""

import numpy as np
import pytest

from labbook.triage.windows import cadence_starts, lr_restarts, spans, stands, trace


def test_an_even_cadence_is_one_window():
    """Every tenth step, also with a few lines missing."""
    step = np.delete(np.arange(0, 20000, 10.0), [50, 51, 700, 1200])
    assert cadence_starts(step) == [0]


@pytest.mark.parametrize(("before", "every"), [(100, 100), (100, 10), (300, 5)])
def test_a_change_of_logging_interval_starts_a_window_there(before, every):
    """Logging every step at first, then every so many: the first point after the new gap starts it."""
    step = np.concatenate((np.arange(before + 1.0), before + every * np.arange(1.0, 400)))
    assert cadence_starts(step) == [0, before + 1]


def test_uneven_spacing_is_no_change_of_cadence(rng):
    """Gaps that vary tenfold from line to line, as where the step counts samples."""
    step = np.cumsum(rng.choice([1, 2, 3, 4, 7, 10, 12], 5000)).astype(float)
    assert cadence_starts(step) == [0]


def test_the_tail_of_an_older_segment_does_not_stand(from_file_order):
    """After a rollback to step 50 the old steps 61 to 100 are shadow until the new segment passes them."""
    steps = [*range(101), *range(50, 61)]
    curve = from_file_order(steps, np.zeros(len(steps)))
    assert curve.step[stands(curve)].max() == 60
    assert len(trace(curve)) == 61


def test_values_that_are_no_numbers_are_left_out(curve):
    """nan, inf and a missing step."""
    points = trace(curve([0, 1, 2, np.nan, 4], [3, np.nan, np.inf, 2, 1]))
    assert points.step.tolist() == [0, 4]


def test_warm_up_is_no_restart(curve):
    """Linear warm-up printed with two digits, plateau, cosine."""
    t = np.arange(1000)
    rate = np.where(t < 200, 3e-4 * t / 200, 1.5e-4 * (1 + np.cos(np.pi * np.clip((t - 400) / 600, 0, 1))))
    rounded = np.array([float(f"{x:.1e}") for x in rate])
    assert lr_restarts(curve(t, rounded, "lr")) == []


@pytest.mark.parametrize("climb", [1, 50])
def test_a_later_climb_is_a_restart(curve, climb):
    """A second cycle, at once or with a warm-up of its own."""
    first, ramp = np.linspace(3e-4, 3e-5, 500), np.linspace(3e-5, 3e-4, climb + 1)[1:]
    rate = np.concatenate((first, ramp, first[1:]))
    assert lr_restarts(curve(np.arange(len(rate)), rate, "lr")) == [(499.0, 499.0 + climb)]


def test_a_doubled_constant_rate_is_a_restart(curve):
    """After a long constant rate the warm-up is over."""
    rate = np.concatenate((np.linspace(1e-5, 1e-4, 50), np.full(200, 1e-4), np.full(200, 2e-4)))
    assert lr_restarts(curve(np.arange(450), rate, "lr")) == [(249.0, 250.0)]


def test_spans_leave_out_the_climb_and_start_anew_at_each_cut(curve, rng):
    """A change of cadence after 200 points, a climb of the learning rate over 20 points."""
    step = np.concatenate((np.arange(200.0), 200 + 50 * np.arange(1.0, 401)))
    rate = np.concatenate((np.linspace(1, 0.1, 300), np.linspace(0.1, 1, 21)[1:], np.linspace(1, 0.1, 281)[1:]))
    points, lr = trace(curve(step, rng.normal(size=600))), curve(step, rate, "lr")
    assert spans(points, lr, by_cadence=True) == [(0, 200), (200, 300), (320, 600)]
    assert spans(points, lr, by_cadence=False) == [(0, 300), (320, 600)]
