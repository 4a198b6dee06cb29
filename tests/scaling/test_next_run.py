"""The next run: what it takes off a variance, which is best, and what would settle an open verdict."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from labbook.quantities import flops
from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.form import P, Q, jacobian
from labbook.scaling.intervals import handle_of
from labbook.scaling.next_run import next_runs, settling_run, top_rung
from labbook.scaling.predict import predict
from labbook.scaling.values import Comparison, Fit, NextRuns, Refusal
from tests.scaling.ladders import SIZES, TRUTH, Ladder, cross, plant


@cache
def ladder(noise: float = 0.001) -> tuple[Comparison, Ladder]:
    """12 rungs of Chinchilla's form."""
    rungs = plant("chinchilla", TRUTH, *cross(SIZES[:4], (10.0, 40.0, 160.0)), noise=noise, seed=2)
    return compare(*rungs), rungs


def found(**asked: object) -> NextRuns:
    """The answer on that ladder."""
    comparison, rungs = ladder()
    runs = next_runs(comparison, *rungs, **asked)  # type: ignore[arg-type]
    assert isinstance(runs, NextRuns)
    return runs


def share_taken_off(fit: Fit, seed_sd: float, target: tuple[float, float], run: tuple[float, float]) -> float:
    """Of the variance of ln L at the target, by inverting the information with and without the run."""
    handle = handle_of(fit)
    form, noise = handle.law.form, max(handle.noise, seed_sd)

    def rows(N: np.ndarray, D: np.ndarray) -> np.ndarray:
        return jacobian(form, handle.theta, *handle.coordinates(N, D))

    J = jacobian(form, handle.theta, handle.centred.n, handle.centred.d)
    prior = np.diag([0.15**-2.0 if at in (P, Q) else 2.0**-2.0 for at in form.free])
    v, j = rows(*np.array([target]).T)[0], rows(*np.array([run]).T)[0]
    before = np.linalg.inv(J.T @ J / noise**2 + prior)
    after = np.linalg.inv((J.T @ J + np.outer(j, j)) / noise**2 + prior)
    return 1.0 - float(v @ after @ v) / float(v @ before @ v)


def test_a_reduction_is_that_of_the_longer_ladder() -> None:
    """The rank-one formula against information inverted anew, mean over the pooled laws."""
    target = (3e9, 6e10)
    comparison = ladder()[0]
    runs = found(target=target)
    assert runs.wanted == "the loss at 3B, 60B"
    for run in (runs.best, runs.cheapest, runs.candidates[-1]):
        shares = [
            share_taken_off(comparison.fits[law], comparison.seed_sd, target, (run.N, run.D))
            for law in comparison.admitted
        ]
        assert run.reduction == pytest.approx(np.mean(shares), rel=1e-6, abs=1e-9)


def test_the_best_and_the_cheapest_are_what_they_say() -> None:
    """Within the ladder first, then by reduction; every candidate is new and within the cap."""
    _, (N, D, _) = ladder()
    runs = found()
    ranks = [(run.is_inside, run.reduction) for run in runs.candidates]
    assert ranks == sorted(ranks, reverse=True)
    assert {inside for inside, _ in ranks} == {True, False}
    assert all(0.0 <= share <= 1.0 for _, share in ranks)
    assert runs.best == runs.candidates[0]
    assert runs.cheapest.per_flop == max(run.per_flop for run in runs.candidates if run.is_inside)
    assert runs.wanted == "ln rho at 700M, 112B"
    cap = max(map(flops, N, D))
    for run in runs.candidates:
        assert pytest.approx(6.0 * run.N * run.D) == run.C
        assert 1.001 * cap >= run.C
        assert run.per_flop == pytest.approx(run.reduction / run.C)
        assert not ((abs(np.log(N / run.N)) < 0.09) & (abs(np.log(D / run.D)) < 0.09)).any()
        assert run.is_inside == (N.min() <= run.N <= N.max() and D.min() <= run.D <= D.max())


def test_a_cap_holds_on_both_sides() -> None:
    """A smaller one leaves the cheap runs, a larger one admits dearer ones; nothing at all is said so."""
    comparison, rungs = ladder()
    largest = max(run.C for run in found().candidates)
    assert max(run.C for run in found(cap=largest / 30.0).candidates) <= largest / 29.0
    assert max(run.C for run in found(cap=largest * 30.0).candidates) > 2.0 * largest
    none = next_runs(comparison, *rungs, cap=1.0)
    assert isinstance(none, Refusal)
    assert none.code == "no-candidate"


def test_the_top_rung_is_the_one_of_most_compute() -> None:
    """Of equals the one of most parameters."""
    assert top_rung(np.array([1e8, 4e8, 2e8]), np.array([8e9, 2e9, 3e9])) == (4e8, 2e9)


def test_a_ladder_without_laws_of_N_and_D_names_the_run_of_its_gate() -> None:
    """D = 20 N: a refusal with the remedy, and no settling run."""
    N = np.geomspace(2e7, 2e9, 8)
    rungs = plant("chinchilla", TRUTH, N, 20.0 * N, noise=0.001)
    comparison = compare(*rungs)
    refused = next_runs(comparison, *rungs)
    assert isinstance(refused, Refusal)
    assert "One run at" in refused.remedy
    assert settling_run(comparison, rungs.N, rungs.D, (2e8, 4e9)) is None


def test_order_changes_no_digit() -> None:
    """Rungs in another order give the same runs."""
    _, (N, D, L) = ladder()
    turned = (N[::-1], D[::-1], L[::-1])
    assert next_runs(compare(*turned), *turned) == found()


def test_an_open_verdict_is_settled_or_said_to_stay_open() -> None:
    """A noisy ladder: where one run is enough it is the cheapest such, and both sentences are short enough."""
    comparison, (N, D, _) = ladder(noise=0.003)
    seen = set()
    for at in zip(N, D, strict=True):
        settling = settling_run(comparison, N, D, (float(at[0]), float(at[1])))
        assert settling is not None
        seen.add(settling.settles)
        assert len(settling.short) <= 78
        assert ("could settle it" in settling.sentence) is settling.settles
        assert bool(settling.label) is settling.settles
    assert seen == {True, False}


@pytest.mark.slow
def test_a_run_narrows_what_it_promises() -> None:
    """Spread of the loss forecast at a target over 150 refitted ladders, without and with the run; some 5 s."""
    target = (3e9, 6e10)
    comparison, (N, D, _) = ladder()
    run = max(found(target=target).candidates, key=lambda each: each.reduction)
    law = comparison.fits["chinchilla"]
    promised = share_taken_off(law, comparison.seed_sd, target, (run.N, run.D))
    longer = np.append(N, run.N), np.append(D, run.D)
    before, after = [], []
    for seed in range(150):
        rungs = plant("chinchilla", TRUTH, *longer, noise=0.001, seed=1000 + seed)
        before.append(forecast(Ladder(*(x[:-1] for x in rungs)), target))
        after.append(forecast(rungs, target))
    assert promised > 0.25
    assert 1.0 - np.var(after) / np.var(before) == pytest.approx(promised, abs=0.15)


def forecast(rungs: Ladder, target: tuple[float, float]) -> float:
    """ln L there by Chinchilla's form."""
    fitted = fit("chinchilla", *rungs, objective="least-squares-log")
    return float(np.log(predict(fitted, [target[0]], [target[1]])[0]))
