"""Every reason for no number, each with what would settle it (science.md 6.5)."""

from dataclasses import replace

import numpy as np
import pytest

from labbook.triage.forecast import NoForecast, as_progress, as_reference, forecast, schedule, see


def _cases(planted, rates):
    """(code, run, finished runs)"""
    run, wsd = planted("run"), planted("run", rate=rates["wsd"])
    progress, ref = as_progress(run, 0.5), as_reference(planted("ref", 8e7))
    partial = schedule(*run.lr, run.horizon, until=0.5 * run.horizon)
    return {
        "non-loss-metric": (replace(progress, is_loss=False), [ref]),
        "unstable": (replace(progress, unstable="spike at step 400"), [ref]),
        "plan-changed": (replace(progress, changed="batch size"), [ref]),
        "no-horizon": (replace(progress, horizon=None), [ref]),
        "too-early": (as_progress(run, 0.08), [ref]),
        "multi-epoch": (replace(progress, epochs=10.0), [ref]),
        "no-schedule": (replace(progress, lr=partial), []),
        "no-reference": (replace(progress, lr=partial), [replace(ref, N=1e6)]),
        "schedule-mismatch": (as_progress(wsd, 0.6), [ref]),
        "decay-unseen": (as_progress(wsd, 0.6), []),
    }


@pytest.mark.parametrize(
    "code",
    [
        "non-loss-metric",
        "unstable",
        "plan-changed",
        "no-horizon",
        "too-early",
        "multi-epoch",
        "no-schedule",
        "no-reference",
        "schedule-mismatch",
        "decay-unseen",
    ],
)
def test_each_reason(planted, rates, code):
    """The code, a sentence and a remedy, and no number for the end."""
    found = forecast(*_cases(planted, rates)[code])
    assert isinstance(found, NoForecast)
    assert found.code == code
    assert found.text
    assert found.remedy


@pytest.mark.parametrize("frac", [0.3, 0.6, 0.79])
def test_before_a_decay_nobody_has_seen_only_a_bound(planted, rates, frac):
    """A run at a constant rate that will fall over its last fifth, no finished run: it ends below the bound."""
    run = planted("run", rate=rates["wsd"])
    found = forecast(as_progress(run, frac))
    assert found.code == "decay-unseen"
    assert run.final < found.at_most < as_progress(run, frac).val.level
    assert "final <= " in found.text


def test_no_bound_in_the_first_quarter(planted, rates):
    """Too little is seen for a power law to be a bound."""
    assert forecast(as_progress(planted("run", rate=rates["wsd"]), 0.2)).at_most is None


def test_repeated_data_needs_a_finished_run_of_as_many_epochs(planted):
    """Ten planned epochs: no mode but A, and that from a run of about as many."""
    run = replace(as_progress(planted("run"), 0.5), epochs=10.0)
    ref = as_reference(planted("ref", 8e7))
    assert forecast(run, [replace(ref, epochs=2.0)]).code == "multi-epoch"
    assert forecast(run, [replace(ref, epochs=9.0)]).mode == "A"


def test_a_validation_loss_that_rises_counts_as_repeated_data(planted):
    """Though no epochs are known; noise alone does not."""
    t = np.linspace(100.0, 10_000.0, 100)
    rising = 2.0 + 5.0 * t**-0.5 + 0.4 * np.maximum(t / 10_000.0 - 0.3, 0.0)
    progress = as_progress(planted("run"), 0.5)
    assert forecast(replace(progress, val=see(t, rising, until=5000.0))).code == "multi-epoch"
    noisy = 2.0 + 5.0 * t**-0.5 + np.random.default_rng(3).normal(0.0, 0.01, 100)
    assert forecast(replace(progress, val=see(t, noisy, until=5000.0))).mode == "B"


def test_other_losses_and_unknown_sizes_are_no_references(planted):
    """A finished run of another loss, and one whose size cannot be compared."""
    lr = schedule([0.0, 5000.0], [1.0, 1.0], 10_000.0)
    run = replace(as_progress(planted("run"), 0.5), lr=lr)
    ref = as_reference(planted("ref", 8e7))
    assert forecast(run, [replace(ref, loss_key="other")]).code == "no-schedule"
    assert "parameters" in forecast(replace(run, N=None), [ref]).text


@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_log_holds_there_is_an_answer(planted, seed):
    """Few points, repeats of one step, jumps, constant and wild losses: a finite forecast or a reason."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 80))
    t = np.sort(rng.choice([rng.uniform(1.0, 1e4, n), rng.integers(1, 5, n) * 2e3], axis=0))
    loss = rng.choice(
        [np.full(n, 2.0), rng.exponential(3.0, n), np.where(rng.random(n) < 0.1, 1e8, 2.0)], axis=0
    )
    wild = planted("wild", 5e7, val=(t, loss), final=float(loss[-1]))
    sane = planted("sane", 8e7)
    for run, ref in ((wild, sane), (sane, wild), (wild, wild)):
        for frac in (0.2, 0.5, 0.9):
            progress = as_progress(run, frac)
            for refs in ([as_reference(ref)], [], [as_reference(ref)] * 4):
                found = forecast(progress, refs)
                if not isinstance(found, NoForecast):
                    assert np.isfinite([found.final, found.lo, found.hi]).all()
                    assert found.lo <= found.final <= found.hi


def test_a_metric_below_zero_is_no_loss(planted):
    """Its ratios, which every mode goes by, mean nothing."""
    run = planted("run")
    t, loss = run.val
    assert forecast(as_progress(replace(run, val=(t, loss - 2.5)), 0.5)).code == "non-loss-metric"
