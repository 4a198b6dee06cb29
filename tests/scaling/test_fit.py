"""What a fit promises whoever calls it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.errors import FitError, NotFoundError
from labbook.scaling.fit import fit, try_fit
from labbook.scaling.laws.kaplan import PUBLISHED
from labbook.scaling.values import Fit, FitStatus, Refusal
from tests.scaling.ladders import REGIME_GRID, TRUTH, chinchilla, cross, plant

LAWS = ("kaplan", "kaplan-floor", "chinchilla", "general")


def test_objective_follows_the_number_of_rungs() -> None:
    """Huber from 12 rungs, least squares below; an explicit one is kept."""
    assert fit("chinchilla", *chinchilla(12, 0.001)).objective == "huber:0.001"
    assert fit("chinchilla", *chinchilla(6, 0.001)).objective == "least-squares-log"
    assert fit("chinchilla", *chinchilla(6, 0.001), objective="huber:0.01").objective == "huber:0.01"


@pytest.mark.parametrize("objective", ["huber", "huber:0", "huber:-1", "huber:inf", "huber:x", "squares", ""])
def test_unknown_objectives_are_the_callers_mistake(objective: str) -> None:
    """The message names those there are."""
    with pytest.raises(ValueError, match="auto, least-squares-log, least-squares-raw or huber:<delta>"):
        fit("chinchilla", *chinchilla(12, 0.001), objective=objective)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda N, D, L: (N[:-1], D, L), "one length"),
        (lambda N, D, L: (N.reshape(2, -1), D, L), "one-dimensional"),
        (lambda N, D, L: (0 * N, D, L), "N must be positive"),
        (lambda N, D, L: (N, np.where(D > 1e9, D, np.nan), L), "D must be finite"),
        (lambda N, D, L: (N, D, L - 2.5), "L must be positive"),
    ],
)
def test_arrays_that_cannot_be_fitted_are_the_callers_mistake(change, message: str) -> None:
    """Shapes, signs and missing values are named in one line."""
    with pytest.raises(ValueError, match=message) as caught:
        fit("chinchilla", *change(*chinchilla(12, 0.001)))
    assert "\n" not in str(caught.value)


def test_weights_must_mean_something() -> None:
    """No negative weight, and not all of them zero."""
    ladder = chinchilla(6, 0.001)
    for weights in (np.zeros(6), np.array([1, 1, 1, 1, 1, -1.0])):
        with pytest.raises(ValueError, match="weights"):
            fit("chinchilla", *ladder, weights=weights)


def test_unknown_law_is_not_found() -> None:
    """By its own error, with the known names."""
    with pytest.raises(NotFoundError):
        fit("hoffman", *chinchilla(12, 0.001))


def test_too_few_rungs_are_refused_with_what_would_do() -> None:
    """Five points for five parameters: the sentence, and the law that could be fitted instead."""
    N, D, L = (values[:5] for values in chinchilla(6, 0.001))
    refusal = try_fit("chinchilla", N, D, L)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too-few-rungs"
    assert refusal.text == "Five points for five parameters: no fit."
    assert refusal.remedy == "one more size, or kaplan with four"
    with pytest.raises(FitError) as caught:
        fit("chinchilla", N, D, L)
    assert caught.value.hint == refusal.remedy


@pytest.mark.parametrize("law", LAWS)
def test_no_rungs_at_all_are_refused_too(law: str) -> None:
    """An empty ladder is a refusal, not an error."""
    assert isinstance(try_fit(law, [], [], []), Refusal)


def test_one_rung_to_spare_is_fitted_and_said() -> None:
    """n = k + 1 comes back with t(1) intervals and a warning."""
    found = fit("chinchilla", *chinchilla(6, 0.001))
    assert "few-points" in [warning.code for warning in found.warnings]
    assert found.intervals["alpha"][0] < found.params["alpha"] < found.intervals["alpha"][1]


def test_a_floor_of_zero_is_at_its_bound() -> None:
    """Noiseless data with E = 0: the bound is named and E has no interval."""
    N, D = cross(*REGIME_GRID)
    found = fit("chinchilla", *plant("chinchilla", {**TRUTH, "E": 0.0}, N, D))
    assert found.status is FitStatus.AT_BOUND
    assert found.bound == ("E",)
    assert "at-bound:E" in [warning.code for warning in found.warnings]
    assert "E" not in found.intervals
    assert found.params["E"] < 1e-3
    assert found.params["alpha"] == pytest.approx(TRUTH["alpha"], rel=1e-4)


def test_chinchilla_on_data_of_kaplan_is_at_its_bound() -> None:
    """A form that must level off, fitted to one that does not, drives its floor to nothing."""
    found = fit("chinchilla", *plant("kaplan", PUBLISHED, *cross(*REGIME_GRID)), objective="least-squares-log")
    assert found.bound == ("E",)
    assert "E" not in found.intervals


@pytest.mark.parametrize("objective", ["least-squares-log", "huber:0.001"])
@pytest.mark.parametrize("law", LAWS)
def test_the_order_of_rungs_does_not_matter(law: str, objective: str) -> None:
    """Shuffled rungs give the same parameters and intervals, and residuals in the caller's order."""
    N, D, L = chinchilla(12, 0.004)
    order = np.random.default_rng(3).permutation(12)
    one = fit(law, N, D, L, objective=objective)
    other = fit(law, N[order], D[order], L[order], objective=objective)
    assert other.params == pytest.approx(one.params, rel=1e-12)
    assert other.intervals == one.intervals
    assert other.residuals == pytest.approx(np.array(one.residuals)[order], abs=1e-12)


def test_residuals_are_observed_less_fitted() -> None:
    """ln L observed - ln L fitted, in the order given; rms and largest follow from them."""
    N, D, L = chinchilla(12, 0.004)
    found = fit("chinchilla", N[::-1], D[::-1], L[::-1], objective="least-squares-log")
    p = found.params
    expected = np.log(L) - np.log(p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"])
    assert found.residuals == pytest.approx(expected[::-1], abs=1e-10)
    assert found.rms_log == pytest.approx(np.sqrt(np.mean(expected**2)))
    assert found.max_resid_log == pytest.approx(np.abs(expected).max())


@settings(max_examples=12, deadline=None)
@given(factor=st.floats(1e-6, 1e6), law=st.sampled_from(LAWS))
def test_counting_n_in_another_unit_changes_its_scale_only(factor: float, law: str) -> None:
    """N times a constant multiplies N_c by it and leaves exponents, D_c and the constant alone."""
    N, D, L = chinchilla(20, 0.004)
    one = fit(law, N, D, L, objective="least-squares-log").params
    other = fit(law, N * factor, D, L, objective="least-squares-log").params
    scales = {"N_c": factor, "A": factor ** one.get("alpha", 0.0)}
    for name, value in one.items():
        assert other[name] == pytest.approx(value * scales.get(name, 1.0), rel=1e-5), name


def test_losses_in_bits_change_the_constants_only() -> None:
    """Another unit of loss multiplies E, A and B, and leaves the exponents and their intervals alone."""
    N, D, L = chinchilla(20, 0.004)
    nats = fit("chinchilla", N, D, L, objective="least-squares-log")
    bits = fit("chinchilla", N, D, L / np.log(2), objective="least-squares-log")
    for name in ("E", "A", "B"):
        assert bits.params[name] == pytest.approx(nats.params[name] / np.log(2), rel=1e-6)
    assert bits.intervals["alpha"] == pytest.approx(nats.intervals["alpha"], rel=1e-6)


def test_weights_count_by_their_ratios() -> None:
    """A common factor changes nothing but the objective's value, which it multiplies."""
    ladder = chinchilla(20, 0.004)
    one = fit("chinchilla", *ladder, objective="least-squares-log")
    other = fit("chinchilla", *ladder, objective="least-squares-log", weights=np.full(20, 7.0))
    assert other.params == pytest.approx(one.params, rel=1e-12)
    assert other.intervals.keys() == one.intervals.keys()
    assert other.objective_value == pytest.approx(7.0 * one.objective_value)


def test_a_weight_of_two_is_a_rung_twice_and_of_zero_none() -> None:
    """Weights agree with repeating and leaving out rungs, whose residuals are still given."""
    N, D, L = chinchilla(20, 0.004)
    weights = np.ones(20)
    weights[3], weights[11] = 2.0, 0.0
    rows = np.repeat(np.arange(20), weights.astype(int))
    weighted = fit("chinchilla", N, D, L, objective="least-squares-log", weights=weights)
    repeated = fit("chinchilla", N[rows], D[rows], L[rows], objective="least-squares-log")
    assert weighted.params == pytest.approx(repeated.params, rel=1e-7)
    assert weighted.n == 19
    assert len(weighted.residuals) == 20


def test_aicc_is_the_formula() -> None:
    """n ln(RSS/n) + 2k' + 2k'(k'+1)/(n-k'-1) with k' = k + 1, and none where n is too small."""
    found = fit("kaplan", *chinchilla(12, 0.004), objective="least-squares-log")
    assert found.aicc == pytest.approx(12 * np.log(found.rms_log**2) + 10 + 60 / 6)
    assert fit("chinchilla", *chinchilla(6, 0.004)).aicc is None


def test_fits_compare_by_value() -> None:
    """Two fits of the same rungs are equal."""
    one, other = (fit("general", *chinchilla(20, 0.004)) for _ in range(2))
    assert isinstance(one, Fit)
    assert one == other
