"""The law of repeated data: what its paper says, and a fit that says whether repeats can be read off at all."""

import math
from itertools import product

import numpy as np
import pytest

from labbook.scaling import effective
from labbook.scaling.laws import described
from labbook.scaling.laws.chinchilla import BESIROGLU, optimal
from labbook.scaling.laws.kaplan import PUBLISHED as KAPLAN
from labbook.scaling.laws.kaplan import kaplan_loss
from labbook.scaling.laws.repeated import LAW, PUBLISHED, effective_params, effective_tokens, usable_params
from labbook.scaling.repeated import EPOCHS, HELD, fit_repeated
from labbook.scaling.values import FitStatus, Refusal, RepeatedFit

SIZES = (2e7, 8e7, 3e8, 1.2e9)
UNIQUE = (2e8, 1e9)
TRUTH = {**PUBLISHED, "R_D": 6.0, "R_N": 4.0}
FEW = 25
"""Draws where a test does not look at the intervals."""


def plant(
    params: dict[str, float] = TRUTH,
    noise: float = 0.0,
    seed: int = 0,
    sizes: tuple[float, ...] = SIZES,
    epochs: tuple[float, ...] = (1.0, 3.0, 8.0, 20.0, 60.0),
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """N, D, U, L of every size on every amount of data, seen so many times."""
    rows = np.array(list(product(sizes, UNIQUE, epochs)))
    N, U, D = rows[:, 0], rows[:, 1], rows[:, 1] * rows[:, 2]
    scatter = np.random.default_rng(seed).standard_normal(N.size)
    return N, D, U, LAW.predict(N, D, U, params) * np.exp(noise * scatter)


def fitted(*args: np.ndarray, **options: object) -> RepeatedFit:
    """The fit, where there is one."""
    found = fit_repeated(*args, **options)  # type: ignore[arg-type]
    assert isinstance(found, RepeatedFit)
    return found


def random_params(seed: int) -> dict[str, float]:
    """Plausible parameters."""
    random = np.random.default_rng(seed)
    return {p.name: float(np.exp(random.uniform(*np.log(p.typical)))) for p in LAW.parameters}


def test_tokens_are_worth_what_the_paper_says() -> None:
    """D'/U at 2, 4, 10 and 44 epochs with R_D* = 15.39."""
    epochs = np.array([2.0, 4.0, 10.0, 44.0])
    worth = LAW.effective_tokens(1e9 * epochs, [1e9], 15.39) / 1e9
    assert worth == pytest.approx([1.968, 3.726, 7.814, 15.449], abs=5e-4)


def test_the_same_tokens_in_several_epochs_cost_what_the_paper_says() -> None:
    """2.81B parameters, 55B tokens in 2 to 44 epochs against one; beside it Kaplan's law with D = U."""
    epochs = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 14.0, 44.0])
    N, D = np.full(epochs.size, 2.81e9), np.full(epochs.size, 5.5e10)
    repeated = LAW.predict(N, D, D / epochs, PUBLISHED)
    kaplan = kaplan_loss(N, D / epochs, KAPLAN)
    assert 100 * (repeated[1:] / repeated[0] - 1) == pytest.approx(
        [0.2, 0.6, 1.0, 1.4, 2.2, 5.1, 14.7], abs=0.051
    )
    assert 100 * (kaplan[1:] / kaplan[0] - 1) == pytest.approx([1.6, 3.0, 4.3, 5.4, 7.4, 12.6, 24.1], abs=0.051)


@pytest.mark.parametrize("seed", range(10))
def test_limits_hold(seed: int) -> None:
    """What the law must become in its limits, at random plausible parameters."""
    params = random_params(seed)
    for limit in LAW.limits:
        one, other = limit.sides(params)
        assert one == pytest.approx(other, rel=1e-7), limit.says


def test_the_law_describes_itself() -> None:
    """It stands among the laws by its name, and its equation names every parameter."""
    assert described("repeated") is LAW
    assert all(name in LAW.equation for name in LAW.names)
    assert LAW.names == tuple(PUBLISHED)
    assert LAW.limits
    assert LAW.subject == "ladder"


def test_usable_parameters_are_the_compute_optimum_of_the_unique_tokens() -> None:
    """N_opt(U) is the N whose compute-optimal D is U, and G (G U)^(beta/alpha) as the paper writes it."""
    N, D = optimal(3e21, BESIROGLU)
    assert usable_params([D], BESIROGLU)[0] == pytest.approx(N, rel=1e-12)
    alpha, beta = BESIROGLU["alpha"], BESIROGLU["beta"]
    G = (alpha * BESIROGLU["A"] / (beta * BESIROGLU["B"])) ** (1 / (alpha + beta))
    assert usable_params([D], BESIROGLU)[0] == pytest.approx(G * (G * D) ** (beta / alpha), rel=1e-12)


def test_only_parameters_beyond_the_usable_ones_lose_worth() -> None:
    """N' = N up to N_opt(U), less than N beyond, and never less than N_opt(U)."""
    usable = float(usable_params([1e9], TRUTH)[0])
    N = usable * np.array([0.1, 0.999, 1.5, 30.0])
    worth = effective_params(N, [1e9], TRUTH)
    assert worth[:2] == pytest.approx(N[:2], rel=1e-12)
    assert (worth[2:] < N[2:]).all()
    assert (worth[2:] > usable).all()


def test_unseen_data_is_not_repeated() -> None:
    """A run that stops before the end of its data has seen each token once, however much there is."""
    once = LAW.predict([1e8], [1e9], [1e9], TRUTH)
    assert LAW.predict([1e8], [1e9], [7e9], TRUTH) == pytest.approx(once, rel=1e-12)
    assert effective_tokens([1e9], [7e9], 6.0)[0] == pytest.approx(1e9)


@pytest.mark.parametrize("seed", range(4))
def test_slopes_are_slopes_of_the_formula(seed: int) -> None:
    """ln f in the solver's coordinates is the paper's formula, its derivatives central differences."""
    N, D, U, L = plant()
    rungs = effective.rungs_of(N, D, U, L, np.ones(N.size))
    params = random_params(seed)
    theta = effective.write(params, rungs.centre)[None, :]
    log_f, J = effective.slopes(theta, rungs)
    assert np.exp(log_f[0]) == pytest.approx(LAW.predict(N, D, U, params), rel=1e-12)
    assert effective.read(theta[0], rungs.centre) == pytest.approx(params, rel=1e-12)
    for coordinate in range(effective.WIDTH):
        step = np.zeros(effective.WIDTH)
        step[coordinate] = 1e-6
        ends = [effective.log_loss(theta + sign * step, rungs)[0] for sign in (1, -1)]
        assert J[0, coordinate] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("objective", ["huber:0.001", "least-squares-log"])
@pytest.mark.parametrize("beta", [PUBLISHED["beta"], 0.3])
def test_planted_truth_is_recovered(objective: str, beta: float) -> None:
    """Noiseless rungs give every parameter back, with one exponent and with two."""
    truth = {**TRUTH, "beta": beta}
    found = fitted(*plant(truth), objective=objective, draws=FEW)
    assert found.params == pytest.approx(truth, rel=1e-6)
    assert (found.params["alpha"] == found.params["beta"]) == (beta == PUBLISHED["beta"])
    assert found.status is FitStatus.CONVERGED
    assert [epochs for epochs, _ in found.worth] == list(EPOCHS)
    assert dict(found.worth)[4.0] == pytest.approx(1 + 6 * (1 - math.exp(-0.5)), rel=1e-6)


def test_held_parameters_stay() -> None:
    """With E, A, B, alpha and beta held, R_D* and R_N* alone are found."""
    held = {name: TRUTH[name] for name in HELD}
    found = fitted(*plant(), hold=held, draws=FEW)
    assert found.held == HELD
    assert {name: found.params[name] for name in HELD} == held
    assert found.params == pytest.approx(TRUTH, rel=1e-6)
    assert found.intervals.keys() == {"R_D", "R_N", *(f"worth at {x:g}" for x in EPOCHS)}


def test_intervals_hold_the_truth() -> None:
    """Of 6 noisy ladders of 40 runs, at least 5 intervals of R_D* and of what 8 epochs are worth hold it."""
    hits = []
    for seed in range(6):
        ends = fitted(*plant(noise=0.004, seed=seed), objective="least-squares-log", draws=60).intervals
        worth = 1 + 6 * (1 - math.exp(-7 / 6))
        hits.append(
            ends["R_D"][0] <= 6.0 <= ends["R_D"][1] and ends["worth at 8"][0] <= worth <= ends["worth at 8"][1]
        )
    assert sum(hits) >= 5


def test_few_repeats_do_not_determine_the_constant() -> None:
    """Two epochs at most, and noise: R_D* spans more than a factor of ten, and both ends are said."""
    found = fitted(*plant(noise=0.01, epochs=(1.0, 1.5, 2.0)), objective="least-squares-log", draws=60)
    assert found.status is FitStatus.UNIDENTIFIED
    said = [w.text for w in found.warnings if w.code == "repeat-constants-unidentified"]
    assert any(text.startswith("R_D* is not determined by these runs: ") and " to " in text for text in said)
    assert any(w.code == "outside-hull" and "2 epochs" in w.text for w in found.warnings)


def test_without_oversized_models_nothing_is_said_of_them() -> None:
    """Where no size exceeds what its data can use, R_N* is not determined, whatever the draws say."""
    found = fitted(*plant(noise=0.002, sizes=(2e5, 6e5, 2e6, 6e6)), draws=FEW)
    said = [w.text for w in found.warnings if w.code == "repeat-constants-unidentified"]
    assert (
        "R_N* is not determined by these runs: none has more parameters than its unique tokens can use." in said
    )
    assert found.intervals["R_D"][0] < 6.0 < found.intervals["R_D"][1]


def test_the_order_of_the_rungs_changes_no_digit() -> None:
    """The same rungs in another order, and with U above D cut to D, give the same fit."""
    N, D, U, L = plant(noise=0.003)
    order = np.random.default_rng(5).permutation(N.size)
    one = fitted(N, D, U, L, draws=4)
    assert fitted(N[order], D[order], U[order], L[order], draws=4) == one
    assert fitted(N, D, np.where(U == D, 2 * U, U), L, draws=4) == one


def test_a_weight_of_two_is_a_run_twice() -> None:
    """Weights count as runs do; a run of weight 0 is not there."""
    columns = plant(noise=0.003)
    weights = np.ones(columns[0].size)
    weights[:3], weights[-1] = 2.0, 0.0
    twice = [np.append(column[:-1], column[:3]) for column in columns]
    one = fitted(*columns, weights=weights, objective="least-squares-log", draws=FEW)
    two = fitted(*twice, objective="least-squares-log", draws=FEW)
    assert one.n == columns[0].size - 1
    assert one.params == pytest.approx(two.params, rel=1e-5)
    assert one.objective_value == pytest.approx(two.objective_value, rel=1e-9)


def test_what_cannot_be_fitted_is_refused_with_its_reason() -> None:
    """Runs of one epoch, too few runs, runs without unique tokens: each is told apart, with what would help."""
    N, D, U, L = plant()
    once = fit_repeated(N, D, D, L)
    few = fit_repeated(N[:6], D[:6], U[:6], L[:6])
    U[3] = math.nan
    unknown = fit_repeated(N, D, U, L, names=[f"run-{i}" for i in range(N.size)])
    found = [once, few, unknown]
    assert [r.code for r in found if isinstance(r, Refusal)] == [
        "no-repeated-rungs",
        "too-few-rungs",
        "no-unique-tokens",
    ]
    assert all(r.remedy for r in found if isinstance(r, Refusal))
    assert isinstance(few, Refusal)
    assert few.text == "Six points for six parameters: no fit."
    assert isinstance(unknown, Refusal)
    assert "run-3" in unknown.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hold": {"E": 1.8}}, "what is held must be E, A, B, alpha, beta"),
        ({"hold": {**{name: TRUTH[name] for name in HELD}, "E": -1.0}}, "positive and finite"),
        ({"objective": "least-squares-raw"}, "fitted in logs"),
        ({"objective": "cauchy"}, "no objective"),
        ({"draws": 0}, "draws must be positive"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: dict[str, object], said: str) -> None:
    """Values that cannot be read are the caller's mistake."""
    with pytest.raises(ValueError, match=said):
        fit_repeated(*plant(), **options)  # type: ignore[arg-type]


def test_unique_tokens_are_positive_and_one_a_rung() -> None:
    """U of 0, or of another length, is the caller's mistake."""
    N, D, U, L = plant()
    with pytest.raises(ValueError, match="U must be 40 positive numbers"):
        fit_repeated(N, D, U[:-1], L)
    with pytest.raises(ValueError, match="U must be 40 positive numbers"):
        fit_repeated(N, D, 0 * U, L)
