"""What Kaplan et al. draw from their laws: the printed values, and a run judged at equal steps."""

import numpy as np
import pytest

from labbook.scaling.batch import (
    CRITICAL_BATCH,
    OBSERVED_EXPONENTS,
    StepsFit,
    StepsReading,
    allocation_exponents,
    batch_cost,
    critical_batch,
    data_penalty,
    fit_steps,
    least_compute,
    least_steps,
    stopping_bound,
    stopping_step,
    tokens_for_penalty,
    under_trained_by_steps,
)
from labbook.scaling.laws import law_by_name
from labbook.scaling.laws.kaplan import PUBLISHED, kaplan_loss
from labbook.scaling.laws.kaplan_steps import PUBLISHED as STEPS
from labbook.scaling.values import Refusal

RUNS = np.array([(N, S) for N in (1e7, 3e7, 1e8, 3e8) for S in (1e4, 3e4, 1e5)])
BATCH = 5e5


def test_critical_batch_at_three_losses() -> None:
    """Equation 1.4 with the published constants."""
    assert critical_batch([3.0, 2.5, 2.0], CRITICAL_BATCH) == pytest.approx(
        [1.069e6, 2.547e6, 7.371e6], rel=5e-4
    )


def test_least_steps_and_least_compute_of_a_batch() -> None:
    """Equations 5.4 and 5.5 for 1e5 steps, 1e20 FLOP and a batch of 5e5 tokens at loss 3."""
    critical = critical_batch([3.0], CRITICAL_BATCH)
    assert least_steps([1e5], [5e5], critical) == pytest.approx([3.1865e4], rel=5e-5)
    assert least_compute([1e20], [5e5], critical) == pytest.approx([6.8135e19], rel=5e-5)


def test_steps_and_tokens_are_traded_by_the_batch() -> None:
    """(S/S_min - 1)(E/E_min - 1) = 1 at any batch; at the critical one both cost twice the least."""
    batch = np.geomspace(1e3, 1e9, 7)
    steps, tokens = batch_cost(batch, [2e6])
    assert (steps - 1) * (tokens - 1) == pytest.approx(1.0, rel=1e-9)
    assert np.ravel(batch_cost([2e6], [2e6])) == pytest.approx([2.0, 2.0])
    assert steps * batch == pytest.approx(tokens * 2e6, rel=1e-12)  # E = B S, B_crit = E_min/S_min


def test_penalty_of_finite_data() -> None:
    """Equation 4.3, and that it is the law's loss against its loss with unlimited tokens."""
    assert data_penalty([1e8], [1e9], PUBLISHED)[0] == pytest.approx(0.07039, abs=5e-6)
    N, D = np.array([3e7, 4e9]), np.array([2e9, 5e10])
    ratio = kaplan_loss(N, D, PUBLISHED) / kaplan_loss(N, np.full(2, 1e60), PUBLISHED)
    assert data_penalty(N, D, PUBLISHED) == pytest.approx(ratio - 1, rel=1e-9)


def test_tokens_for_a_penalty_of_two_percent() -> None:
    """Equation 4.4 without its rounding: 5519 N^.7379, 2.41e10 tokens for 1e9 parameters."""
    one, billion = tokens_for_penalty([1.0, 1e9], 0.02, PUBLISHED)
    assert one == pytest.approx(5519, abs=0.5)
    assert np.log(billion / one) / np.log(1e9) == pytest.approx(0.7379, abs=5e-5)
    assert billion == pytest.approx(2.41e10, rel=2e-3)
    assert data_penalty([1e9], [billion], PUBLISHED)[0] == pytest.approx(0.02, rel=1e-9)


def test_allocation_exponents_beside_the_observed_ones() -> None:
    """alpha_C .0524 from the three exponents; N, B and S take up all of C, and so do the observed ones."""
    found = allocation_exponents(STEPS["alpha_N"], CRITICAL_BATCH["alpha_B"], STEPS["alpha_S"])
    assert found["loss"] == pytest.approx(0.0524, abs=1e-4)
    assert found["N"] + found["B"] + found["S"] == pytest.approx(1.0, rel=1e-12)
    assert found["D"] == pytest.approx(found["B"] + found["S"], rel=1e-12)
    assert sum(OBSERVED_EXPONENTS[x] for x in "NBS") == pytest.approx(1.0)
    assert all(abs(found[x] - OBSERVED_EXPONENTS[x]) < 0.06 for x in "NBSD")


def test_no_early_stop_before_the_steps_the_excess_asks_for() -> None:
    """Equation 5.7: the law of size and steps has exactly the excess left at that step."""
    step = stopping_step([0.2], STEPS)
    law = law_by_name("kaplan-steps")
    left = law.predict([1e8], step, STEPS) - law.predict([1e8], [1e60], STEPS)
    assert left == pytest.approx([0.2], rel=1e-9)


def losses(noise: float = 0.002) -> np.ndarray:
    """Of RUNS, by the published law of size and steps, with noise."""
    law = law_by_name("kaplan-steps").predict(RUNS[:, 0], RUNS[:, 1], STEPS)
    return law * np.exp(noise * np.random.default_rng(3).standard_normal(RUNS.shape[0]))


def fitted(**changes: np.ndarray) -> StepsFit:
    """The law fitted to RUNS of one batch."""
    columns = {"N": RUNS[:, 0], "S": RUNS[:, 1], "B": np.full(RUNS.shape[0], BATCH), "L": losses(), **changes}
    found = fit_steps(**columns)
    assert isinstance(found, StepsFit)
    return found


def test_the_planted_law_comes_back_at_steps_of_two_batches() -> None:
    """With the critical batch known S of any batch counts as S_min; exponents follow, with intervals."""
    N, S_min = RUNS.T
    L = losses(0.0)
    B = np.where(np.arange(RUNS.shape[0]) % 2, 2 * BATCH, BATCH)
    S = S_min * batch_cost(B, critical_batch(L, CRITICAL_BATCH))[0]
    found = fit_steps(N, S, B, L, CRITICAL_BATCH)
    assert isinstance(found, StepsFit)
    assert found.law.params == pytest.approx(STEPS, rel=1e-6)
    assert found.exponents == pytest.approx(allocation_exponents(0.077, 0.21, 0.76), rel=1e-6)
    refused = fit_steps(N, S, B, L)
    assert isinstance(refused, Refusal)
    assert refused.code == "batch-differs"
    loss = float(law_by_name("kaplan-steps").predict([5e7], [5e4], STEPS)[0])
    steps = 5e4 * float(batch_cost([BATCH], critical_batch([loss], CRITICAL_BATCH))[0][0])
    noisy = fit_steps(N, S, B, losses(), CRITICAL_BATCH)
    assert isinstance(noisy, StepsFit)
    reading = under_trained_by_steps(noisy, (5e7, steps, BATCH, loss))
    assert isinstance(reading, StepsReading)
    assert reading.S_min == pytest.approx(5e4)
    assert reading.expected == pytest.approx(loss, rel=0.005)
    assert not reading.is_under_trained


def test_exponents_hold_the_truth_in_their_intervals_and_follow_the_noise() -> None:
    """The delta interval of N's exponent is near the spread of refits to other noise."""
    N, S = RUNS.T
    law, B = losses(0.0), np.full(RUNS.shape[0], 1e12)
    rng = np.random.default_rng(1)
    fits = []
    for _ in range(30):
        L = law * np.exp(0.002 * rng.standard_normal(law.size))
        found = fit_steps(N, S, B, L, CRITICAL_BATCH)
        assert isinstance(found, StepsFit)
        fits.append(found)
    truth = allocation_exponents(0.077, 0.21, 0.76)["N"]
    inside = [ends[0] < truth < ends[1] for ends in (found.intervals["N"] for found in fits)]
    assert sum(inside) >= 25
    half = np.median([0.5 * np.ptp(found.intervals["N"]) for found in fits])
    spread = np.std([found.exponents["N"] for found in fits])
    assert half == pytest.approx(2.306 * spread, rel=0.5)  # t of 8 degrees of freedom


@pytest.mark.parametrize(("excess", "said"), [(0.0, False), (0.05, True)])
def test_a_run_is_under_trained_where_its_ladder_does_better_at_equal_steps(excess: float, said: bool) -> None:
    """5 % above the refitted law at the same size and steps is under-trained, on the law is not."""
    expected = law_by_name("kaplan-steps").predict([5e7], [5e4], STEPS)[0]
    found = under_trained_by_steps(fitted(), (5e7, 5e4, BATCH, expected * (1 + excess)))
    assert isinstance(found, StepsReading)
    assert found.is_under_trained is said
    assert found.S_min == 5e4
    assert found.interval[0] < expected < found.interval[1]


@pytest.mark.parametrize(
    ("run", "code"),
    [((5e7, 5e4, 2 * BATCH, 3.0), "batch-differs"), ((5e7, 500.0, BATCH, 9.0), "far-extrapolation")],
)
def test_a_run_too_unlike_its_ladder_is_not_judged(run: tuple[float, float, float, float], code: str) -> None:
    """Another batch, or a tenth of the fewest steps: no verdict."""
    refused = under_trained_by_steps(fitted(), run)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_two_sizes_do_not_judge_anybody() -> None:
    """The law passes through them; its warnings speak of steps, not of tokens."""
    two = RUNS[:, 0] < 5e7
    found = fitted(N=RUNS[two, 0], S=RUNS[two, 1], B=np.full(6, BATCH), L=losses()[two])
    assert "token" not in " ".join(warned.text for warned in found.law.warnings)
    refused = under_trained_by_steps(found, (2e7, 5e4, BATCH, 9.0))
    assert isinstance(refused, Refusal)
    assert refused.code == "unidentified"


@pytest.mark.parametrize(
    ("N", "S", "code", "says"),
    [
        (np.full(3, 1e7), np.geomspace(1e4, 1e5, 3), "too-few-rungs", "Three points for four parameters"),
        (np.full(8, 1e7), np.geomspace(1e4, 1e5, 8), "unidentified", "One model size"),
        (np.geomspace(1e7, 1e9, 8), np.full(8, 1e4), "unidentified", "One number of steps"),
    ],
)
def test_a_ladder_of_one_size_or_length_has_no_law(N: np.ndarray, S: np.ndarray, code: str, says: str) -> None:
    """Too few runs, one size, one length: the reason, and no fit."""
    refused = fit_steps(N, S, np.full(N.size, BATCH), law_by_name("kaplan-steps").predict(N, S, STEPS))
    assert isinstance(refused, Refusal)
    assert (refused.code, says in refused.text) == (code, True)


def test_the_least_stopping_step_has_the_excess_of_the_law_of_data() -> None:
    """At S_stop the law of size and steps has left what finite data costs by equation 1.5."""
    N, D = np.array([3e7, 4e8]), np.array([2e8, 5e9])
    step = stopping_bound(N, D, PUBLISHED, STEPS)
    law = law_by_name("kaplan-steps")
    left = law.predict(N, step, STEPS) - law.predict(N, np.full(2, 1e60), STEPS)
    cost = kaplan_loss(N, D, PUBLISHED) - kaplan_loss(N, np.full(2, 1e60), PUBLISHED)
    assert left == pytest.approx(cost, rel=1e-6)
