"""Spikes: persistent jumps are found, heavy-tailed noise is not."""

import numpy as np
import pytest

from labbook.triage.evidence import Evidence
from labbook.triage.spike import Spike


def _find(curve, y, **more):
    return Spike().find(Evidence(train=curve(np.arange(len(y)), y), **more))


@pytest.mark.parametrize("sd", [0.05, 0.12, 0.2])
def test_healthy_logs_raise_no_warning(curve, healthy, sd):
    """12 runs of 20k points for each noise: no warn, and at most 10 fast episodes per 100k points."""
    rng = np.random.default_rng(round(1000 * sd))
    flags = [flag for _ in range(12) for flag in _find(curve, healthy(rng, 20_000, sd))]
    assert [flag for flag in flags if flag.severity != "info"] == []
    assert len(flags) / 2.4 <= 10


@pytest.mark.parametrize(("height", "length", "rate"), [(1, 10, 0.95), (1, 3, 0.85), (0.5, 30, 0.7)])
def test_injected_jumps_are_found_at_noise_012(curve, healthy, rng, height, length, rate):
    """Share of 40 runs whose jump raises a warn at its own place (science.md section 7)."""
    hits = 0
    for _ in range(40):
        y, at = healthy(rng, 4000, 0.12), int(rng.integers(1000, 3800))
        y[at : at + length] += height
        flags = _find(curve, y)
        hits += any(f.severity == "warn" and abs(f.since_step - at) <= length for f in flags)
    assert hits / 40 >= rate


def test_a_jump_that_comes_back_at_once_is_fast_recovering(curve, healthy, rng):
    """The flag ends where the median of 20 points is back."""
    y = healthy(rng, 5000, 0.1)
    y[3000:3010] += 2
    (flag,) = [f for f in _find(curve, y) if f.severity == "warn"]
    assert flag.id == "spike"
    assert "fast-recovering" in flag.text
    assert 3000 <= flag.since_step <= 3002
    assert 3010 <= flag.cleared_step <= 3045


def test_a_jump_that_needs_long_is_slow_recovering(curve, healthy, rng):
    """Back, but after more than 100 points."""
    y = healthy(rng, 5000, 0.1)
    y[3000:3400] += np.linspace(2, 0.2, 400)
    flags = [f for f in _find(curve, y) if f.severity == "warn"]
    assert "slow-recovering" in flags[0].text


def test_a_jump_that_stays_is_open_after_a_hundred_points(curve, healthy, rng):
    """`spike` at first, `spike-open` from 100 points on."""
    y = healthy(rng, 5000, 0.1)
    y[3000:] += 1.5
    assert [f.id for f in _find(curve, y[:3090]) if f.severity == "warn"] == ["spike"]
    (flag,) = [f for f in _find(curve, y) if f.severity == "warn"]
    assert (flag.id, flag.cleared_step) == ("spike-open", None)
    assert "not recovered" in flag.text


def test_one_enormous_point_is_told_at_once(curve, healthy, rng):
    """The fast path needs no second point, and says info."""
    y = healthy(rng, 2000, 0.05)
    y[-1] += 4
    (flag,) = [f for f in _find(curve, y) if f.since_step == 1999]
    assert flag.severity == "info"


def test_losses_printed_with_two_digits_do_not_fire(curve, rng):
    """Half of the differences to the level are 0 there; the jump of a last digit is no spike."""
    y = np.round(3 + rng.normal(0, 0.002, 3000), 2)
    assert _find(curve, y) == []


def test_too_few_points_are_not_scored(curve, rng):
    """129 points: no rule; 130: a rule of its own windows."""
    y = 3 + rng.normal(0, 0.05, 130)
    y[-4:] += 3
    assert _find(curve, y[:129]) == []
    assert [f.severity for f in _find(curve, y)] == ["warn"]


def test_a_change_of_cadence_is_no_spike(curve, healthy, rng):
    """Per-step losses at first, means of 100 steps after: the quieter part has its own noise."""
    step = np.concatenate((np.arange(700.0), 700 + 100 * np.arange(1.0, 900)))
    y = 2.9 + 7 * (step + 50) ** -0.35 + np.where(step < 700, 0.3, 0.03) * rng.normal(size=len(step))
    y[:700] -= 0.6  # the other reduction reads lower
    assert Spike().find(Evidence(train=curve(step, y))) == []


def test_a_learning_rate_restart_is_no_spike(curve, rng):
    """The loss jumps with the learning rate and stays there for long."""
    t = np.arange(6000)
    lr = curve(t, 1e-4 + 9e-4 * np.where(t < 3000, 3000 - t, 6000 - t) / 3000, "lr")
    y = 3 + 0.3 * lr.value * 1e3 + rng.normal(0, 0.03, 6000)
    assert Spike().find(Evidence(train=curve(t, y), lr=lr)) == []
    assert Spike().find(Evidence(train=curve(t, y))) != []
