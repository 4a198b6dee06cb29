"""A budget put to a ladder: planted optima within their intervals, refusals, serving, what lies beside."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.compare import compare
from labbook.scaling.form import log_loss
from labbook.scaling.intervals import handle_of
from labbook.scaling.laws import law_by_name
from labbook.scaling.laws.chinchilla import optimal
from labbook.scaling.optimum import frontier, optimum
from labbook.scaling.plan import Question, default_budget, plan
from labbook.scaling.planned import OneResource, Plan
from labbook.scaling.predict import predict, predict_pool
from labbook.scaling.serving import serving_optimum
from labbook.scaling.values import Comparison, FitStatus
from tests.scaling.ladders import SIZES, TRUTH, Ladder, chinchilla, cross, plant

FLOOR = {"E": 1.5, "N_c": 1e9, "D_c": 5e10, "alpha_N": 0.3, "alpha_D": 0.25}
C = 1e22
QUESTION = Question("compute", C, at=(3e9, 5e11), served=1e12)


@cache
def ladder() -> tuple[Comparison, Ladder]:
    """20 rungs of a law with a floor, at which the forms differ."""
    rungs = plant("kaplan-floor", FLOOR, *cross(SIZES, (5.0, 20.0, 80.0, 320.0)), noise=0.003, seed=3)
    return compare(*rungs), rungs


@cache
def planned() -> Plan:
    """The answer the tests look at."""
    comparison, rungs = ladder()
    found = plan(comparison, *rungs, QUESTION)
    assert isinstance(found, Plan)
    return found


def test_every_law_stands_at_its_own_optimum() -> None:
    """The pool's interval runs from the least to the greatest end, and its loss is that of the pool there."""
    comparison, found = ladder()[0], planned()
    assert [row.law for row in found.laws] == list(comparison.admitted)
    for row in found.laws:
        N, D, log_L = optimum(handle_of(comparison.fits[row.law]), [C])
        assert (row.N.value, row.D.value) == pytest.approx((N[0], D[0]))
        assert row.loss.value == pytest.approx(np.exp(log_L[0]))
        assert row.ratio.value == pytest.approx(D[0] / N[0])
    ends = [row.N.interval for row in found.laws if row.N.interval]
    assert found.pooled.N.interval == (min(low for low, _ in ends), max(high for _, high in ends))
    at = found.pooled.N.value, found.pooled.D.value
    assert 6.0 * at[0] * at[1] == pytest.approx(C)
    loss = predict_pool(comparison, [at[0]], [at[1]])
    assert (found.pooled.loss.value, found.pooled.loss.interval) == (loss[0][0], (loss[1][0], loss[2][0]))


def test_what_is_given_has_no_interval() -> None:
    """Whichever of C, N and D it is; the two others have one."""
    comparison, rungs = ladder()
    for given, amount in (("compute", C), ("tokens", 3e11), ("params", 4e9)):
        found = plan(comparison, *rungs, Question(given, amount))
        assert isinstance(found, Plan)
        for row in (*found.laws, found.pooled):
            figures = {"compute": row.C, "tokens": row.D, "params": row.N}
            assert figures[given].value == amount
            assert [name for name, x in figures.items() if x.interval is None] == [given]
            assert row.C.value == pytest.approx(6.0 * row.N.value * row.D.value)


def test_the_next_doubling_is_a_difference_of_losses() -> None:
    """Of each law; the doubled compute goes to the law's own optimum and never gains less than either alone."""
    comparison, found = ladder()[0], planned()
    for at in (found.here, found.at):
        assert at is not None
        gains = {gain.of: gain for gain in at.gains}
        for name in comparison.admitted:
            fit = comparison.fits[name]
            here = predict(fit, [at.N], [at.D])[0]
            assert gains["tokens"].by_law[name].value == pytest.approx(
                here - predict(fit, [at.N], [2 * at.D])[0]
            )
            assert gains["params"].by_law[name].value == pytest.approx(
                here - predict(fit, [2 * at.N], [at.D])[0]
            )
            best = np.exp(frontier(handle_of(fit), "compute", [2 * at.C]).L[0])
            assert gains["compute"].by_law[name].value == pytest.approx(here - best)
            either = max(gains[of].by_law[name].value for of in ("tokens", "params"))
            assert gains["compute"].by_law[name].value >= either - 1e-12
        for gain in gains.values():
            assert gain.pooled.interval is not None
            assert gain.pooled.interval[0] < gain.pooled.value < gain.pooled.interval[1]


def test_other_divisions_give_loss_away() -> None:
    """More the farther from the optimum, on both sides; papers' stand at the same C."""
    found = planned()
    quarter, half, double, fourfold = found.beside
    for near, far in ((half, quarter), (double, fourfold)):
        assert 0.0 < near.excess.value < far.excess.value
        assert all(0.0 <= near.by_law[law] < far.by_law[law] for law in near.by_law)
        assert far.excess.interval is not None
        assert far.excess.interval[0] < far.excess.value < far.excess.interval[1]
    assert {each.name for each in found.published} == {
        "Kaplan et al. 2020", "Hoffmann et al. 2022", "Besiroglu et al. 2024",
    }  # fmt: skip
    for each in (*found.beside, *found.published):
        assert pytest.approx(C) == 6.0 * each.N * each.D
    assert found.here.excess.value < half.excess.value


def test_the_frontier_goes_in_half_decades_to_the_budget() -> None:
    """From the least compute of the ladder; the last row is the pooled answer."""
    _, (N, D, _) = ladder()
    found = planned()
    budgets = [row.C.value for row in found.frontier]
    assert 6.0 * (N * D).min() <= budgets[0] <= 10**0.5 * 6.0 * (N * D).min()
    assert np.diff(np.log10(budgets)) == pytest.approx(0.5)
    assert found.frontier[-1] == found.pooled
    assert np.diff([row.N.value for row in found.frontier]).min() > 0.0
    assert np.diff([row.loss.value for row in found.frontier]).max() < 0.0


@pytest.mark.parametrize("name", ["kaplan", "kaplan-floor", "chinchilla", "general"])
def test_serving_takes_the_cheapest_model_of_that_loss(name: str) -> None:
    """Cheaper than its neighbours of equal loss; with next to nothing to serve it is the training optimum."""
    handle = handle_of(ladder()[0].fits[name])
    theta, centre = handle.theta[None, :], handle.centred.centre
    N, D, log_L = (x[0] for x in optimum(handle, [C]))

    def loss(n: float, d: float) -> float:
        place = np.array([n - centre[0]]), np.array([d - centre[1]])
        return float(log_loss(handle.law.form, handle.theta, *place)[0])

    for served in (1e11, 1e13):
        n, d = (float(x[0]) for x in serving_optimum(handle.law, theta, centre, C, served))
        assert loss(n, d) == pytest.approx(log_L, abs=1e-9)
        cost = 6.0 * np.exp(n + d) + 2.0 * np.exp(n) * served
        for size in (n - 0.01, n + 0.01):
            low, high = d - 1.0, d + 1.0
            for _ in range(60):
                tokens = 0.5 * (low + high)
                low, high = (tokens, high) if loss(size, tokens) > log_L else (low, tokens)
            assert 6.0 * np.exp(size + tokens) + 2.0 * np.exp(size) * served > cost
    alone = serving_optimum(handle.law, theta, centre, C, 1.0)
    assert [float(np.exp(x[0])) for x in alone] == pytest.approx([N, D], rel=1e-4)


def test_more_to_serve_means_a_smaller_model_trained_longer() -> None:
    """By every law and pooled, at the same predicted loss, for less in total."""
    comparison, rungs = ladder()
    little = {row.law: row for row in planned().serving}
    more = plan(comparison, *rungs, replace(QUESTION, served=1e14))
    assert isinstance(more, Plan)
    assert [row.law for row in more.serving] == [*comparison.admitted, "pooled"]
    for row in more.serving:
        assert row.N.value < little[row.law].N.value < planned().pooled.N.interval[1]  # type: ignore[index]
        assert row.D.value > little[row.law].D.value
        assert 0.0 < little[row.law].saving < row.saving < 1.0
        assert row.N.interval is not None
        assert row.N.interval[0] < row.N.value < row.N.interval[1]
        assert row.loss.value == pytest.approx(little[row.law].loss.value, rel=1e-5)


@pytest.mark.parametrize(
    ("D_of", "code", "law", "other"),
    [
        (lambda N: 20.0 * N, "n-d-confounded", "compute", Question("tokens", 1e11)),
        (lambda N: np.full_like(N, 1e10), "unidentified", "width", Question("tokens", 1e11)),
    ],
)
def test_a_ladder_that_cannot_tell_N_from_D_divides_nothing(D_of, code: str, law: str, other: Question) -> None:
    """D = 20 N, and one D: the reason, the run that would help, and the loss by the one resource there is."""
    N = np.geomspace(2e7, 2e9, 8)
    rungs = plant("chinchilla", TRUTH, N, D_of(N), noise=0.001)
    comparison = compare(*rungs)
    found = plan(comparison, *rungs, Question("compute", 1e21))
    assert isinstance(found, OneResource)
    assert (found.refused.code, found.law) == (code, law)
    assert "One run at" in found.refused.remedy
    assert found.loss is not None
    at = (1e21 / 6.0, 1.0) if found.N is None else (found.N, found.D)
    assert at[0] * at[1] == pytest.approx(1e21 / 6.0)
    assert found.loss.value == pytest.approx(predict(comparison.fits[law], [at[0]], [at[1]])[0])
    assert found.loss.interval is not None
    silent = plan(comparison, *rungs, other)
    assert isinstance(silent, OneResource)
    assert silent.loss is None


def test_one_size_forecasts_by_its_tokens() -> None:
    """N is known, so a budget of tokens or of compute names a run; one of parameters does not."""
    rungs = plant("chinchilla", TRUTH, np.full(8, 1e8), np.geomspace(1e9, 1e11, 8), noise=0.001)
    comparison = compare(*rungs)
    by_tokens = plan(comparison, *rungs, Question("tokens", 3e11))
    by_compute = plan(comparison, *rungs, Question("compute", 6.0 * 1e8 * 3e11))
    assert isinstance(by_tokens, OneResource)
    assert (by_tokens.law, by_tokens.N, by_tokens.D) == ("tokens", 1e8, 3e11)
    assert isinstance(by_compute, OneResource)
    assert by_compute.loss == by_tokens.loss
    assert plan(comparison, *rungs, Question("params", 1e9)).law is None  # type: ignore[union-attr]


@pytest.mark.parametrize("n", [5, 6])
def test_a_few_rungs_divide_nothing(n: int) -> None:
    """At six one law has two rungs to spare: its own intervals never hold the loss of another truth."""
    rungs = plant("chinchilla", TRUTH, *(x[:n] for x in cross(SIZES, (5.0, 40.0))), noise=0.001)
    found = plan(compare(*rungs), *rungs, Question("compute", 1e21))
    assert isinstance(found, OneResource)
    assert "No allocation" in found.refused.text


def test_a_law_that_leaves_a_side_open_has_no_vote() -> None:
    """Neither on the allocation nor on a loss; it is named with its reason."""
    comparison, rungs = ladder()
    lost = replace(comparison.fits["general"], status=FitStatus.UNIDENTIFIED)
    bound = replace(comparison.fits["chinchilla"], status=FitStatus.AT_BOUND, bound=("B",))
    fits = {**comparison.fits, "general": lost, "chinchilla": bound}
    found = plan(replace(comparison, fits=fits), *rungs, QUESTION)
    assert isinstance(found, Plan)
    assert [row.law for row in found.laws] == ["kaplan", "kaplan-floor"]
    assert set(found.left_out) == {"general", "chinchilla"}
    assert set(found.here.by_law) == {"kaplan", "kaplan-floor"}
    constant = replace(bound, bound=("E",))
    kept = plan(replace(comparison, fits={**comparison.fits, "chinchilla": constant}), *rungs, QUESTION)
    assert isinstance(kept, Plan)
    assert "chinchilla" in [row.law for row in kept.laws]


def test_warnings_name_what_is_far() -> None:
    """Ten times the largest run and less say nothing of the distance; a hundred times does."""
    comparison, rungs = ladder()
    largest = default_budget(rungs.N, rungs.D)
    for budget, far in ((0.9 * largest, False), (10.0 * largest, True)):
        found = plan(comparison, *rungs, Question("compute", budget))
        assert isinstance(found, Plan)
        assert ("far-extrapolation" in {w.code for w in found.warnings}) is far
    assert largest == pytest.approx(60.0 * SIZES[-1] ** 2 * 320.0)
    assert "form-dependent" in {w.code for w in planned().warnings}


def test_order_changes_no_digit() -> None:
    """Rungs in another order give the same plan."""
    _, (N, D, L) = ladder()
    turned = (N[::-1], D[::-1], L[::-1])
    assert plan(compare(*turned), *turned, QUESTION) == planned()


def test_what_cannot_be_planned_is_an_error() -> None:
    """Other rungs, a comparison out of a store, a point that is none."""
    comparison, (N, D, L) = ladder()
    with pytest.raises(ValueError, match="other rungs"):
        plan(comparison, N, D, L * 1.01, QUESTION)
    stored = {name: replace(fit, handle=None) for name, fit in comparison.fits.items()}
    with pytest.raises(FitError):
        plan(replace(comparison, fits=stored), N, D, L, QUESTION)
    with pytest.raises(ValueError, match="positive"):
        plan(comparison, N, D, L, replace(QUESTION, at=(-1.0, 1e9)))


@pytest.mark.slow
@pytest.mark.parametrize(("law", "params"), [("chinchilla", TRUTH), ("kaplan-floor", FLOOR)])
def test_pooled_intervals_cover_the_planted_truth(law: str, params: dict[str, float]) -> None:
    """N_opt and the loss of a run at ten times the largest budget, 60 ladders of 12 rungs; some 20 s each."""
    N, D = chinchilla(12, 0.0).N, chinchilla(12, 0.0).D
    budget, noise = default_budget(N, D), 0.002
    truth = law_by_name(law)
    sizes = np.geomspace(1e8, 1e11, 20_001)
    least = sizes[truth.predict(sizes, budget / 6.0 / sizes, params).argmin()]
    if law == "chinchilla":
        assert least == pytest.approx(optimal(budget, params)[0], rel=1e-3)
    hits = np.zeros(2)
    for seed in range(60):
        rungs = plant(law, params, N, D, noise, seed)
        pooled = plan(compare(*rungs), *rungs, Question("compute", budget)).pooled  # type: ignore[union-attr]
        scatter = noise * np.random.default_rng(900 + seed).standard_normal()
        run = truth.predict([pooled.N.value], [pooled.D.value], params)[0] * np.exp(scatter)
        for i, (value, figure) in enumerate(((least, pooled.N), (run, pooled.loss))):
            assert figure.interval is not None
            hits[i] += figure.interval[0] <= value <= figure.interval[1]
    assert (hits >= 0.85 * 60).all()
