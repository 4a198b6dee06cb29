"""A curve in bins keeps its level, its shape and its noise."""

import numpy as np
import pytest

from labbook.triage.forecast import see, track


def test_nothing_finite_is_nothing():
    """None, never a curve of zeros."""
    assert see([], []) is None
    assert see([1, 2], [np.nan, np.inf]) is None
    assert track([1.0], [np.nan], 10.0, 2.0) is None


def test_a_long_curve_becomes_few_bins_that_lie_on_it():
    """100k points of a line in ln t: at most 120 bins, from 2 % of the way done on."""
    t = np.arange(1.0, 100_001.0)
    seen = see(t, 5.0 - 0.3 * np.log(t))
    assert 80 <= seen.t.size <= 120
    assert seen.t[0] >= 0.02 * seen.now
    np.testing.assert_allclose(seen.y, 5.0 - 0.3 * np.log(seen.t), atol=2e-4)
    assert seen.level == pytest.approx(5.0 - 0.3 * np.log(1e5), abs=1e-9)


def test_nothing_after_now_is_looked_at():
    """The same curve cut, and the same curve with a wild future."""
    t = np.arange(1.0, 1001.0)
    y = 3.0 + t**-0.5
    wild = np.where(t > 400, 99.0, y)
    one, other = see(t[:400], y[:400]), see(t, wild, until=400.0)
    assert one.level == other.level
    assert (one.y == other.y).all()


def test_points_are_counted_after_the_warm_up():
    """All of them are binned."""
    t = np.arange(1.0, 101.0)
    seen = see(t, np.full(100, 2.0), after=60.0)
    assert seen.points == 40
    assert seen.level == pytest.approx(2.0, abs=1e-12)


def test_noise_of_a_bin_is_found():
    """Planted .02 on 60 points, each its own bin."""
    rng = np.random.default_rng(7)
    t = np.geomspace(100.0, 4000.0, 60)
    found = [see(t, 3.0 + rng.normal(0.0, 0.02, 60)).noise for _ in range(60)]
    assert np.median(found) == pytest.approx(0.02, rel=0.15)
    assert see(t[:4], np.ones(4)).noise is None


def test_few_points_still_have_a_level():
    """A line through the last five where the last 15 % hold fewer; a single point is its own level."""
    t = np.array([100.0, 200.0, 300.0, 400.0, 500.0])
    assert see(t, 4.0 - np.log(t)).level == pytest.approx(4.0 - np.log(500.0))
    assert see([50.0], [2.5]).level == 2.5


def test_a_finished_run_ends_at_its_loss_by_name():
    """The last value of the curve gives way to the estimator's."""
    t = np.arange(1.0, 1001.0)
    found = track(t, 3.0 + t**-0.5, 1000.0, 2.9)
    assert found.final == 2.9
    assert found.x[-1] == 1.0
    assert found.x.size <= 301
    assert float(found.at(np.array([0.5]))[0]) == pytest.approx(3.0 + 500**-0.5, rel=1e-3)
    assert np.isnan(found.at(np.array([1e-5]))[0])
