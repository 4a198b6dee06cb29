"""Estimators of the loss find the level that was planted."""

import math

import numpy as np
import pytest

from labbook.triage.level import (
    ESTIMATORS,
    current_level,
    final_level,
    last,
    line_last_15pct,
    mean_last_5pct,
    min_val,
    sd_level,
)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_no_value_gives_no_level(curve, name):
    """Empty and all nan: None, never 0."""
    assert ESTIMATORS[name](curve([], [])) is None
    assert ESTIMATORS[name](curve([1, 2, 3], [np.nan] * 3)) is None


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_level_names_its_estimator_and_series(curve, name):
    """And is exact on a constant curve."""
    found = ESTIMATORS[name](curve(np.arange(1000), np.full(1000, 2.5), "val:c4"))
    assert (found.estimator, found.series) == (name, "val:c4")
    assert found.value == pytest.approx(2.5, abs=1e-12)
    assert found.se == pytest.approx(0, abs=1e-9)


def test_last_skips_what_is_not_finite(curve):
    """The last reading that is a number, with its step."""
    found = last(curve([10, 20, 30], [3, 2.5, np.nan], "val"))
    assert (found.value, found.step, found.n, found.se) == (2.5, 20, 1, None)


def test_min_val_is_the_least_reading(curve):
    """With the step it was reached."""
    found = min_val(curve([10, 20, 30, 40], [3, 2.2, 2.2, 2.6], "val"))
    assert (found.value, found.step) == (2.2, 20)


def test_mean_of_the_last_5_percent(curve):
    """20k points: the last thousand."""
    y = np.concatenate((np.full(19_000, 9.0), np.tile([1.0, 3.0], 500)))
    found = mean_last_5pct(curve(np.arange(20_000), y))
    assert (found.value, found.n) == (2.0, 1000)
    assert found.se == pytest.approx(1 / math.sqrt(1000), rel=1e-2)


@pytest.mark.parametrize(("n", "used"), [(1000, 100), (400, 80), (30, 6), (8, 5), (2, 2)])
def test_mean_of_a_short_run_stays_in_its_last_fifth(curve, n, used):
    """At least 100 points, but not the steep part; five at the very least."""
    assert mean_last_5pct(curve(np.arange(n), np.ones(n))).n == used


def test_mean_stays_within_the_last_stretch_of_the_learning_rate(curve):
    """A rate that was changed 40 points ago: only those count; printed with two digits or not."""
    t = np.arange(2000)
    rate = np.where(t < 1960, 1e-3, 1e-4)
    assert mean_last_5pct(curve(t, np.ones(2000)), curve(t, rate, "lr")).n == 40
    cosine = np.array([float(f"{1e-3 * (1 + math.cos(math.pi * x / 2000)) / 2:.1e}") for x in t])
    assert mean_last_5pct(curve(t, np.ones(2000)), curve(t[:1900], cosine[:1900], "lr")).n == 100


def test_the_line_reads_a_falling_loss_at_its_last_step(curve, rng):
    """A loss linear in ln t: the value now within 3 se, where a mean reads high."""
    t = np.arange(1, 4001)
    truth = 5 - 0.3 * np.log(t)
    found = line_last_15pct(curve(t, truth + rng.normal(0, 0.05, 4000)))
    assert abs(found.value - truth[-1]) < 3 * found.se
    assert 0.002 < found.se < 0.008
    assert (found.step, found.n) == (4000, 601)


def test_se_of_the_line_covers(curve, rng):
    """90 % of 300 lines lie within 1.645 se of the truth, give or take 5 %."""
    t = np.arange(200, 241)
    truth = 5 - 0.3 * np.log(t)
    inside = 0
    for _ in range(300):
        found = line_last_15pct(curve(t, truth + rng.normal(0, 0.05, 41)))
        inside += abs(found.value - truth[-1]) < 1.69 * found.se  # t quantile of 34 degrees of freedom
    assert inside / 300 == pytest.approx(0.9, abs=0.05)


def test_too_few_points_for_a_line(curve):
    """Then a running job shows its last eval, or the mean of its training losses."""
    sparse = curve([100, 200, 300, 400], [4, 3.5, 3.2, 3.1], "val")
    assert line_last_15pct(sparse) is None
    assert current_level(sparse, True, "val").estimator == "last"
    assert current_level(sparse, True, "train").estimator == "mean_last_5pct"


def test_level_now_by_kind_and_state(curve):
    """A line while it runs; afterwards the last eval or the mean of the training losses."""
    dense = curve(np.arange(1, 500), np.full(499, 3.0))
    assert current_level(dense, True, "train").estimator == "line_last_15pct"
    assert current_level(dense, False, "train").estimator == "mean_last_5pct"
    assert current_level(dense, False, "val").estimator == "last"
    assert current_level(None, True, "val") is None


def test_final_level_prefers_validation(curve):
    """By the rule of the ladder; training loss, by its mean, only where there is no validation loss."""
    val = curve([1, 2, 3], [3, 2, 2.5], "val")
    train = curve(np.arange(200), np.full(200, 1.5))
    assert final_level(val, train, "min_val").value == 2
    assert final_level(val, train, "last").value == 2.5
    assert final_level(val, train, "line_last_15pct").estimator == "last"
    assert final_level(None, train, "min_val").estimator == "mean_last_5pct"
    assert final_level(curve([1], [np.nan], "val"), train, "last").series == "train"
    assert final_level(None, None, "last") is None


@pytest.mark.parametrize("axis", ["epoch", "tokens"])
def test_a_curve_without_steps_has_its_levels_over_epochs_or_tokens(curve, axis):
    """The same values as over steps; only the step is not known."""
    t = np.arange(1, 31)
    y = 5 - 0.5 * np.log(t)
    none = np.full(30, np.nan)
    for estimate in ESTIMATORS.values():
        expected, found = estimate(curve(t, y)), estimate(curve(none, y, **{axis: t}))
        assert (found.value, found.se, found.n) == (expected.value, expected.se, expected.n)
        assert found.step is None
    assert current_level(curve(none, y, **{axis: t}), True, "train").value == pytest.approx(y[-1])
    assert sd_level(curve(none, y, **{axis: t})) == sd_level(curve(t, y))


def test_epochs_that_were_gone_through_again_count_once(curve):
    """A restart at epoch 3 without a step anywhere: what was written after 3 before it is shadow."""
    epoch = [1, 2, 3, 4, 5, 3, 4]
    found = min_val(curve(np.full(7, np.nan), [5, 4, 3, 1, 1, 2.9, 2.8], "val", epoch=epoch))
    assert (found.value, found.step) == (2.8, None)


def test_a_line_needs_more_than_one_epoch(curve):
    """A hundred losses of the same epoch have no slope; the mean stands in."""
    many = curve(np.full(100, np.nan), np.full(100, 3.0), epoch=np.ones(100))
    assert line_last_15pct(many) is None
    assert current_level(many, True, "train").value == 3.0


def test_sd_level_finds_the_noise_of_a_reading(curve, rng):
    """Planted .03 around a falling line, over the last 40 points; None where there are too few."""
    found = [
        sd_level(curve(np.arange(300), 4 - 0.01 * np.arange(300) + rng.normal(0, 0.03, 300))) for _ in range(50)
    ]
    assert np.mean(found) == pytest.approx(0.03, rel=0.1)
    assert sd_level(curve(np.arange(4), [4, 3, 2, 1])) is None
