"""Throughput and end time of runs whose pace is known."""

import numpy as np
import pytest

from labbook.scaling.values import Refusal
from labbook.summary import Eta
from labbook.triage.speed import Speed, eta, measure_speed, progress_gaps


def _clock(steps, sec, eval_every=None, eval_sec=0.0, first=0.0):
    """Wall time of each step: `sec` a step, evals between, `first` seconds lost at the start."""
    wall = 1e9 + sec * np.asarray(steps, dtype=float)
    if eval_every:
        wall += eval_sec * (np.asarray(steps) // eval_every)
    wall[1:] += first
    return wall


def test_logged_points_give_the_pace(curve):
    """Every tenth step at .5 s; compiling for ten minutes at the start does not count."""
    steps = np.arange(0, 1000, 10)
    speed = measure_speed(curve(steps, steps, wall=_clock(steps, 0.5, first=600)), tokens_per_step=4096)
    assert speed.sec_per_step == pytest.approx(0.5)
    assert speed.tokens_per_s == pytest.approx(8192)
    assert speed.spread == pytest.approx(0, abs=1e-9)
    assert "20 logged points" in speed.source


def test_only_the_last_200_points_count(curve):
    """The first half ran at a quarter of the speed."""
    steps = np.arange(1000)
    wall = np.cumsum(np.where(steps < 500, 2.0, 0.5))
    assert measure_speed(curve(steps, steps, wall=wall)).sec_per_step == pytest.approx(0.5)


def test_evals_are_part_of_the_pace(curve):
    """.5 s a step and 20 s each 100 steps: .7 s over five whole eval intervals."""
    steps = np.arange(0, 1005, 5)
    train = curve(steps, steps, wall=_clock(steps, 0.5, 100, 20))
    evals = np.arange(0, 1001, 100)
    speed = measure_speed(train, curve(evals, evals, "val"))
    assert speed.sec_per_step == pytest.approx(0.7)
    assert (speed.intervals, speed.source[:39]) == (5, "wall times of the last 5 eval intervals")


def test_the_gap_of_a_restart_is_left_out(curve):
    """Eight hours in a queue, told by the segment or by its length alone."""
    steps = np.arange(0, 1000, 10)
    wall = _clock(steps, 0.5) + np.where(steps >= 600, 8 * 3600, 0)
    for segment in (np.zeros(100), np.where(steps >= 600, 1, 0)):
        assert measure_speed(curve(steps, steps, wall=wall, segment=segment)).sec_per_step == pytest.approx(0.5)


def test_a_token_counter_decides_the_rate_of_tokens(curve):
    """A batch ramp: the tokens of a step now are not those of the configuration."""
    steps = np.arange(0, 500, 10)
    train = curve(steps, steps, wall=_clock(steps, 2.0), tokens=steps * 1000.0)
    assert measure_speed(train, tokens_per_step=4096).tokens_per_s == pytest.approx(500)


@pytest.mark.parametrize(("series", "unit"), [("step_ms", 1e-3), ("step_time_s", 1.0)])
def test_step_times_stand_in_for_missing_wall_times(curve, series, unit):
    """In their own unit, without the first and without the ones that hold an eval; the source says so."""
    times = np.full(100, 0.2 / unit)
    times[0], times[10::20] = 50 / unit, 1.5 / unit
    steps = np.arange(0, 1000, 10)
    speed = measure_speed(curve(steps, steps), step_time=curve(steps, times, series), tokens_per_step=1000)
    assert speed.sec_per_step == pytest.approx(0.2)
    assert speed.tokens_per_s == pytest.approx(5000)
    assert "not included" in speed.source


@pytest.mark.parametrize("eval_every", [None, 250])
@pytest.mark.parametrize("has_walls", [False, True])
def test_after_a_change_of_pace_only_the_present_one_counts(curve, has_walls, eval_every):
    """100 ms a step up to step 1000, then 1 s up to 1490: 1 s a step, whatever the window reaches back to."""
    steps = np.arange(0, 1500, 10)
    seconds = np.where(steps <= 1000, 0.1, 1.0)
    wall = 1e9 + np.cumsum(10 * seconds) if has_walls else None
    evals = np.arange(0, 1500, eval_every) if eval_every else []
    val = curve(evals, np.ones(len(evals)), "val") if eval_every else None
    speed = measure_speed(curve(steps, steps, wall=wall), val, step_time=curve(steps, 1e3 * seconds, "step_ms"))
    assert speed.sec_per_step == pytest.approx(1.0)
    found = eta(0.0, 1490, 2000, speed)
    assert found.lo <= 510 <= found.hi


@pytest.mark.parametrize("has_walls", [False, True])
@pytest.mark.parametrize(("slow", "by"), [(6, 10.0), (12, 1.2), (40, 1.2)])
def test_a_pace_that_moves_within_the_window_has_a_wide_interval(curve, has_walls, slow, by):
    """The last few lines are slower: the time at the present pace lies within, which 1 % would not hold."""
    steps = np.arange(0, 3000, 10)
    seconds = np.where(np.arange(300) < 300 - slow, 0.1, 0.1 * by)
    wall = 1e9 + np.cumsum(10 * seconds) if has_walls else None
    speed = measure_speed(curve(steps, steps, wall=wall), step_time=curve(steps, seconds, "step_time_s"))
    assert speed.spread > 0.02
    found = eta(0.0, 3000, 4000, speed)
    assert found.lo < found.finish_at < found.hi


def test_step_times_are_those_of_the_last_eval_intervals(curve):
    """Five intervals of 100 steps where evals are known, a fifth of the points where they are not."""
    steps = np.arange(0, 5000, 10)
    times = curve(steps, np.full(500, 0.2), "step_time_s")
    evals = np.arange(0, 5000, 100)
    assert "last 59 step_time_s" in measure_speed(None, curve(evals, evals, "val"), step_time=times).source
    assert "last 99 step_time_s" in measure_speed(None, None, step_time=times).source


def test_evals_at_every_other_point_are_no_change_of_pace(curve):
    """Gaps of 5 and 15 s in turn: 1 s a step, by all of the recent ones."""
    steps = np.arange(0, 5010, 10)
    wall = 1e9 + np.cumsum(np.where(np.arange(501) % 2, 5.0, 15.0))
    speed = measure_speed(curve(steps, steps, wall=wall))
    assert speed.sec_per_step == pytest.approx(1.0, rel=0.02)
    assert "last 99 logged points" in speed.source


def test_no_times_give_no_speed(curve):
    """Neither wall times nor step times, or a single point."""
    steps = np.arange(10)
    assert measure_speed(curve(steps, steps)) is None
    assert measure_speed(None) is None
    assert measure_speed(curve([0], [3], wall=[1e9])) is None
    assert measure_speed(curve(steps, steps), step_time=curve(steps, steps, "elapsed")) is None


def test_two_points_give_their_gap(curve):
    """The only interval there is."""
    assert measure_speed(curve([0, 10], [5, 4], wall=[1e9, 1e9 + 30])).sec_per_step == pytest.approx(3)


def test_eta_is_the_remaining_steps_at_that_pace():
    """600 steps at 2 s; the interval is the spread of the rates, at least 1 %."""
    steady = eta(1e9, 400, 1000, Speed(2.0, None, 0.001, 5, ""))
    assert (steady.finish_at, steady.sec_per_step) == (1e9 + 1200, 2.0)
    assert steady.hi - steady.finish_at == pytest.approx(1.645 * 0.01 * 1200)
    uneven = eta(1e9, 400, 1000, Speed(2.0, None, 0.1, 5, ""))
    assert uneven.finish_at - uneven.lo == pytest.approx(1.645 * 0.1 * 1200)


@pytest.mark.parametrize(
    ("step", "planned", "speed", "ended", "code"),
    [
        (400, None, Speed(2.0, None, 0, 5, ""), False, "no-horizon"),
        (None, 1000, Speed(2.0, None, 0, 5, ""), False, "no-horizon"),
        (400, 1000, None, False, "no-wall"),
        (1000, 1000, None, False, "done"),
        (400, 1000, Speed(2.0, None, 0, 5, ""), True, "done"),
    ],
)
def test_eta_is_refused_with_its_reason(step, planned, speed, ended, code):
    """Never a number without a horizon and a pace."""
    found = eta(1e9, step, planned, speed, has_ended=ended)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_eta_at_a_fifth_of_uneven_runs(curve):
    """Median error at most 1 %, nine of ten within 6 % (science.md section 8), nine of ten in the interval
    give or take 5 %. Steps of uneven length, an eval of 18 to 22 s every 100 steps, a slow first one."""
    rng = np.random.default_rng(4)
    errors, inside = [], 0
    for _ in range(100):
        seconds = rng.gamma(25, 0.02, 5000)
        seconds[99::100] += rng.uniform(18, 22, 50)
        seconds[0] += 300
        wall, steps = 1e9 + np.cumsum(seconds), np.arange(1, 5001)
        logged, evals = np.arange(9, 1000, 10), np.arange(99, 1000, 100)
        train = curve(steps[logged], logged, wall=wall[logged])
        speed = measure_speed(train, curve(steps[evals], evals, "val", wall=wall[evals]))
        found = eta(wall[999], 1000, 5000, speed)
        assert isinstance(found, Eta)
        errors.append(abs(found.finish_at - wall[-1]) / (wall[-1] - wall[999]))
        inside += found.lo <= wall[-1] <= found.hi
    assert np.median(errors) <= 0.01
    assert np.quantile(errors, 0.9) <= 0.06
    assert inside >= 85


def test_progress_gaps_are_seconds_between_steps(curve):
    """A line that repeats the step is no progress; without wall times there are none."""
    assert progress_gaps(curve([0, 1, 1, 3], [1, 1, 1, 1], wall=[10, 20, 25, 40])).tolist() == [10, 15]
    assert len(progress_gaps(curve([0, 1], [1, 1]))) == 0
