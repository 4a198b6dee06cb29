"""Divergence: a rise that persists, in long logs and in sparse ones."""

import numpy as np
import pytest

from labbook.triage.diverged import Diverged
from labbook.triage.evidence import Evidence


def _find(curve, y, step=None, **more):
    step = np.arange(len(y)) if step is None else step
    return Diverged().find(Evidence(train=curve(step, y), **more))


@pytest.mark.parametrize("sd", [0.05, 0.12, 0.2])
def test_healthy_logs_do_not_diverge(curve, healthy, sd):
    """15 runs of 20k points for each noise."""
    rng = np.random.default_rng(round(1000 * sd))
    assert [f for _ in range(15) for f in _find(curve, healthy(rng, 20_000, sd))] == []


@pytest.mark.parametrize("n", [30, 100, 299, 300, 1000])
def test_short_noisy_logs_do_not_diverge(curve, healthy, rng, n):
    """At most 1 % of healthy runs, where the least of many noisy values lies 3 % low."""
    fired = sum(bool(_find(curve, healthy(rng, n, 0.12, every=20_000 // n))) for _ in range(200))
    assert fired <= 2


@pytest.mark.parametrize("rise", [0.5, 1, 2])
def test_a_rise_over_500_points_is_found_within_400(curve, healthy, rng, rise):
    """9 of 10 runs at noise .12, looked at 400 points after it began."""
    hits = 0
    for _ in range(20):
        at = int(rng.integers(8000, 19_000))
        y = healthy(rng, at + 400, 0.12)
        y[at:] += rise * np.arange(400) / 500
        hits += any(f.id == "diverged" and abs(f.since_step - at) <= 300 for f in _find(curve, y))
    assert hits >= 18


def test_a_rise_that_goes_back_clears(curve, healthy, rng):
    """The flag stays, with the step at which the loss was back."""
    y = healthy(rng, 20_000, 0.1)
    y[10_000:11_000] += 2
    (flag,) = _find(curve, y)
    assert flag.severity == "crit"
    assert flag.since_step == 10_000
    assert 11_000 <= flag.cleared_step <= 11_200


def test_a_sparse_log_needs_three_records(curve):
    """Every 200th iteration: three medians of three above 1.03 times the least."""
    falling = [9.4, 6.9, 6.3, 6.0, 5.9, 5.85, 5.8, 5.78]
    assert _find(curve, [*falling, 9.0, 9.1, 9.2]) == []
    (flag,) = _find(curve, [*falling, 9.0, 9.1, 9.2, 9.2])
    assert flag.cleared_step is None
    assert "9.2 (least 5.8)" in flag.text


def test_a_learning_rate_restart_is_named_and_no_divergence(curve, rng):
    """The loss rises with the rate; judged anew from the top of the climb."""
    t = np.arange(8000)
    rate = np.where(t < 4000, 1 - t / 4100, np.where(t < 4200, (t - 4000) / 200, 1 - (t - 4200) / 4000))
    lr = curve(t, 1e-3 * rate, "lr")
    y = 3 + 0.8 * rate + rng.normal(0, 0.02, 8000)
    (flag,) = _find(curve, y, lr=lr)
    assert (flag.id, flag.severity) == ("lr-restart", "info")
    assert flag.since_step == pytest.approx(4000, abs=2)
    assert [f.id for f in _find(curve, y)] == ["diverged"]


def test_a_divergence_after_a_restart_is_found(curve, rng):
    """The new cycle has a least value of its own."""
    t = np.arange(8000)
    lr = curve(t, np.where(t < 4000, 1e-4, 1e-3), "lr")
    y = 3 + rng.normal(0, 0.02, 8000) + np.where(t < 6000, 0, 1.0)
    assert [f.id for f in _find(curve, y, lr=lr)] == ["lr-restart", "diverged"]


def test_a_change_of_cadence_is_no_divergence(curve, rng):
    """Every step up to 100, then every 100."""
    step = np.concatenate((np.arange(100.0), 100 * np.arange(1.0, 300)))
    y = 2.9 + 7 * (step + 50) ** -0.35 + np.where(step < 100, 0.2, 0.02) * rng.normal(size=len(step))
    assert _find(curve, y, step) == []


def test_a_slow_rise_of_validation_beyond_four_epochs_is_memorisation(curve):
    """44 epochs: the validation minimum lies far back; with one epoch the same curve diverges."""
    t = np.arange(1, 101.0)
    val = curve(t, 3 + 4 / t + np.clip(t - 25, 0, None) * 0.01, "val")
    assert Diverged().find(Evidence(val=val, epochs=44)) == []
    assert [f.id for f in Diverged().find(Evidence(val=val, epochs=1))] == ["diverged"]


def test_an_abrupt_rise_beyond_four_epochs_is_a_divergence(curve):
    """Memorisation does not jump from one eval to the next."""
    t = np.arange(1, 101.0)
    val = curve(t, 3 + 4 / t + np.where(t > 60, 1.0, 0), "val", epoch=t / 5)
    assert [f.id for f in Diverged().find(Evidence(val=val))] == ["diverged"]


def test_two_runs_in_one_file_do_not_diverge(from_file_order, healthy, rng):
    """The second, shorter run stands at high losses; the tail of the first is shadow, not what follows."""
    first, second = healthy(rng, 5000, 0.1), 2 + healthy(rng, 1500, 0.1)
    curve = from_file_order([*range(5000), *range(1500)], np.concatenate((first, second)))
    assert Diverged().find(Evidence(train=curve)) == []


def test_an_overlap_on_resume_does_not_diverge(from_file_order, healthy, rng):
    """Replayed steps count once."""
    y = healthy(rng, 4000, 0.1)
    curve = from_file_order([*range(3000), *range(2500, 4000)], np.concatenate((y[:3000], y[2500:])))
    assert Diverged().find(Evidence(train=curve)) == []
