"""The shape of a learning rate, how much of its decay is done, and whether two runs share it."""

import numpy as np
import pytest

from labbook.triage.forecast import constant, schedule
from labbook.triage.forecast.schedule import decay_done, halves_soon, same_shape

T = np.linspace(0.0, 10_000.0, 401)


def _planned(rate, horizon=10_000.0, **more):
    return schedule(T / 10_000.0 * horizon, rate(T, 10_000.0), horizon, **more)


def test_share_of_the_decay_that_is_done(rates):
    """0 in the warm-up, half at the middle of a cosine, 1 for a constant rate."""
    cosine = _planned(rates["cosine"])
    assert decay_done(cosine, 0.001) == 0.0
    assert decay_done(cosine, 0.5) == pytest.approx(0.5, abs=0.01)
    assert decay_done(cosine, 1.0) == 1.0
    assert decay_done(_planned(rates["wsd"]), 0.79) == 0.0
    assert decay_done(_planned(rates["wsd"]), 0.9) == pytest.approx(0.5, abs=0.01)
    assert decay_done(constant(0.01), 0.4) == 1.0


def test_nothing_is_said_of_a_plan_that_is_not_known_to_its_end(rates):
    """Logged up to 60 %: neither constant nor decaying."""
    seen = schedule(T, rates["wsd"](T, 10_000.0), 10_000.0, until=6000.0)
    assert not seen.is_whole
    assert not seen.is_constant
    assert decay_done(seen, 0.6) is None
    assert decay_done(None, 0.6) is None
    assert schedule(T, np.zeros(401), 10_000.0) is None


def test_same_shape_whatever_the_peak_and_the_length(rates):
    """Another peak and four times the steps are the same shape; another schedule is not."""
    one = _planned(rates["cosine"])
    peak = schedule(4.0 * T, 3e-4 * rates["cosine"](T, 10_000.0), 40_000.0)
    assert same_shape(one, peak) is True
    for name in ("wsd", "constant"):
        assert same_shape(one, _planned(rates[name])) is False
    assert same_shape(one, None) is None


def test_a_step_logged_a_little_later_is_the_same_step():
    """Half the rate from the middle on, logged every 2 % of the run at other moments."""

    def dropped(at):
        return schedule(at, np.where(at < 0.5, 1.0, 0.5), 1.0)

    assert same_shape(dropped(np.linspace(0, 1, 51)), dropped(np.linspace(0.01, 1, 51))) is True
    assert (
        same_shape(dropped(np.linspace(0, 1, 51)), schedule([0, 0.39, 0.41, 1], [1, 1, 0.5, 0.5], 1.0)) is False
    )


def test_the_declared_schedule_decides_where_both_declare_it(rates):
    """A log too coarse to compare, but the configurations say the same."""
    one = _planned(rates["cosine"], declared="cosine 50 0.1")
    other = schedule([0.0, 1.0], [1.0, 1.0], 1.0, declared="cosine 50 0.1")
    assert same_shape(one, other) is True
    assert same_shape(one, schedule([0.0, 1.0], [1.0, 1.0], 1.0, declared="constant")) is False


def test_a_fall_by_half_within_the_next_tenth(rates):
    """Of a linear decay over the last fifth only near its end."""
    plan = _planned(rates["wsd"])
    assert not halves_soon(plan, 0.6, 0.1)
    assert halves_soon(plan, 0.85, 0.1)
    assert not halves_soon(None, 0.85, 0.1)
