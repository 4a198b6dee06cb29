"""What twice the tokens would buy, read from the run's own curve at a constant learning rate."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from labbook.scaling.compare import compare
from labbook.scaling.own_gain import own_gain
from labbook.scaling.regime import regimes
from labbook.scaling.values import OwnGain
from tests.scaling.ladders import REGIME_GRID, TRUTH, cross, plant

REFERENCE = os.environ.get("LABBOOK_REFERENCE")


def test_a_power_law_gives_its_own_gain() -> None:
    """Without noise the gain of E + B t^-b comes out whole, with noise inside the interval."""
    t = np.arange(100.0, 20_001.0, 100.0)
    loss = 2.0 + 30.0 * t**-0.5
    true = 30.0 * (20_000**-0.5 - 40_000**-0.5)
    found = own_gain(t, loss)
    assert found is not None
    assert found.g == pytest.approx(true, rel=1e-3)
    noisy = own_gain(t, loss + 0.003 * np.random.default_rng(0).standard_normal(t.size))
    assert noisy is not None
    assert noisy.interval[0] < true < noisy.interval[1]


@pytest.mark.parametrize("points", [0, 1, 10])
def test_a_short_curve_says_nothing(points: int) -> None:
    """A few points are no curve."""
    t = np.linspace(1.0, 10.0, points)
    assert own_gain(t, 3.0 + t**-0.5) is None


def test_a_curve_that_does_not_fall_has_no_gain() -> None:
    """A rising loss is not read on."""
    t = np.arange(1.0, 200.0)
    assert own_gain(t, 2.0 + 0.01 * t) is None


@pytest.mark.skipif(REFERENCE is None, reason="LABBOOK_REFERENCE is not set")
@pytest.mark.parametrize("size", ["25M", "100M", "400M"])
def test_the_longer_run_confirms_it(size: str) -> None:
    """Constant rate to 72,000 steps: cut anywhere up to the half, the interval holds what came."""
    with (Path(REFERENCE or "") / "multi_power_law" / size / "constant_72000.csv").open() as file:
        rows = [(float(r["step"]), float(r["loss"])) for r in csv.DictReader(file)]
    step, loss = np.array(rows).T
    missed = []
    for cut in (9_000, 12_000, 18_000, 24_000, 30_000, 36_000):
        found = own_gain(step[step <= cut], loss[step <= cut])
        assert found is not None
        here, there = (loss[np.abs(step / t - 1.0) < 0.015].mean() for t in (cut, 2 * cut))
        assert found.interval[0] <= here - there <= found.interval[1]
        missed.append(abs(found.g - (here - there)))
    assert np.median(missed) < 0.005
    assert max(missed) < 0.015


def test_a_verdict_takes_the_runs_own_gain() -> None:
    """The curve's gain of tokens stands against the laws' gain of parameters, and says where it is from."""
    N, D = cross(*REGIME_GRID)
    rungs = plant("chinchilla", TRUTH, N, D, 0.0005)
    pool = compare(*rungs)
    at = ([1e8], [2e9])
    (by_laws,) = regimes(pool, *rungs, *at)
    assert by_laws.label == "balanced"
    assert by_laws.pooled is not None
    assert by_laws.pooled.tokens_from == "pool"
    much = OwnGain(
        4.0 * by_laws.pooled.g_params, (3.8 * by_laws.pooled.g_params, 4.2 * by_laws.pooled.g_params), 99
    )
    (by_curve,) = regimes(pool, *rungs, *at, own=[much])
    assert by_curve.pooled is not None
    assert (by_curve.label, by_curve.pooled.tokens_from) == ("data-limited", "curve")
    assert by_curve.pooled.g_tokens == much.g
    assert by_curve.pooled.g_params == by_laws.pooled.g_params
    assert by_curve.form_dependent
    assert regimes(pool, *rungs, *at, own=[None]) == [by_laws]
