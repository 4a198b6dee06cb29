"""Replays know nothing of the future, and measure the interval on the runs themselves."""

from dataclasses import replace

import numpy as np
import pytest

from labbook.triage.forecast import own_share, replay
from labbook.triage.forecast.interval import measured_share


def _ladder(planted):
    return [planted(f"r{i}", N, noise=0.004) for i, N in enumerate((1e7, 2e7, 4e7, 8e7, 1.6e8))]


def test_a_row_for_every_run_and_fraction(planted):
    """Each with its error and whether the interval held."""
    rows = replay(_ladder(planted), [0.05, 0.3, 0.6])
    assert len(rows) == 15
    assert {r.variant for r in rows if r.mode is None} == {"too-early"}
    found = [r for r in rows if r.mode is not None]
    assert len(found) == 10
    assert all(r.inside == (abs(r.error) <= r.width) for r in found)
    assert np.mean([r.inside for r in found]) >= 0.9


def test_nothing_after_the_moment_is_looked_at(planted):
    """The same forecasts when the rest of the run is another."""
    runs = _ladder(planted)
    t, loss = runs[-1].val
    other = replace(runs[-1], val=(t, np.where(t > 0.4 * runs[-1].horizon, 9.0, loss)))
    one, two = replay(runs, [0.4]), replay([*runs[:-1], other], [0.4])
    assert one[-1] == two[-1]
    assert one[-1].run == "r4"


def test_only_known_runs_are_compared_with(planted):
    """None known: the plan of the learning rate is all there is."""
    rows = replay(_ladder(planted), [0.6], known=lambda run, other: False)
    assert {r.mode for r in rows} == {"B"}
    smaller = replay(_ladder(planted), [0.6], known=lambda run, other: other.N < run.N)
    assert [r.mode for r in smaller] == ["B", "A", "A", "A", "A"]


def test_the_share_of_the_drop_is_the_ninetieth_percentile():
    """Within .1 and .6; None below three runs."""
    assert measured_share([0.1, -0.2, 0.3], [1.0, 1.0, 1.0]) == pytest.approx(0.28)
    assert measured_share([0.01] * 5, [1.0] * 5) == 0.1
    assert measured_share([2.0] * 5, [1.0] * 5) == 0.6
    assert measured_share([0.1, 0.2], [1.0, 1.0]) is None


def test_a_clean_ladder_narrows_its_own_interval(planted):
    """Measured on the replays of mode A; a ladder of two says nothing."""
    rows = replay(_ladder(planted), [0.5])
    assert own_share(rows) == (pytest.approx(0.1, abs=0.05), "5 finished runs")
    assert own_share(rows[:2]) is None
