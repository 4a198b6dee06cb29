"""A ladder that cannot carry a parameter is told so, with the run that would."""

import math

import numpy as np
import pytest

from labbook.quantities import parse_size
from labbook.scaling.fit import fit
from labbook.scaling.remedy import correlation, separating_run
from labbook.scaling.values import Fit, FitStatus
from tests.scaling.ladders import TRUTH, cross, plant


def codes(found: Fit) -> dict[str, str]:
    """Warning texts by code."""
    return {warning.code: warning.text for warning in found.warnings}


def one_ratio() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """D = 20 N at eight sizes."""
    N = np.geomspace(2e7, 2e9, 8)
    return tuple(plant("chinchilla", TRUTH, N, 20 * N, 0.001))


def test_constant_tokens_per_parameter_cannot_separate_the_exponents() -> None:
    """D = 20 N: no parameter is stood behind, the sentence says why, and the run that would settle it does."""
    N, D, L = one_ratio()
    found = fit("chinchilla", N, D, L)
    assert found.status is FitStatus.UNIDENTIFIED
    assert found.intervals == {}
    text = codes(found)["n-d-confounded"]
    assert text.startswith("This ladder cannot separate alpha and beta: N and D move together (corr 1.000).")
    assert "One run at" in text
    run = separating_run(N, D)
    assert abs(correlation(np.append(N, run[0]), np.append(D, run[1]))) < 0.9


def test_constant_tokens_per_parameter_is_fitted_by_compute() -> None:
    """L(C) = E + k C^-c is what such a ladder knows."""
    found = fit("compute", *one_ratio())
    assert found.status is FitStatus.CONVERGED
    assert found.params["c"] == pytest.approx(0.18, abs=0.02)
    assert set(found.intervals) == {"E", "k", "c"}


def test_one_size_leaves_the_n_side_open() -> None:
    """Eight runs of one model say nothing about N."""
    N, D = np.full(8, 1e8), np.geomspace(1e9, 1e11, 8)
    for law in ("kaplan", "kaplan-floor", "chinchilla", "general"):
        found = fit(law, *plant("chinchilla", TRUTH, N, D, 0.001))
        assert found.status is FitStatus.UNIDENTIFIED
        assert codes(found)["unidentified"] == "N side not identifiable: one model size."
        assert found.intervals == {}


def test_one_token_count_leaves_the_d_side_open() -> None:
    """Eight models of one length say nothing about D."""
    N, D = np.geomspace(1e7, 1e9, 8), np.full(8, 1e10)
    found = fit("chinchilla", *plant("chinchilla", TRUTH, N, D, 0.001))
    assert found.status is FitStatus.UNIDENTIFIED
    assert codes(found)["unidentified"] == "D side not identifiable: one token count."
    assert math.isnan(found.corr)


def test_two_sizes_are_refused_and_three_are_warned_of() -> None:
    """Fewer than three sizes carry no exponent of N; three carry it alone."""
    ratios = (5.0, 20.0, 80.0, 320.0)
    two = fit("chinchilla", *plant("chinchilla", TRUTH, *cross((1e8, 1e9), ratios), 0.001))
    three = fit("chinchilla", *plant("chinchilla", TRUTH, *cross((1e8, 4e8, 2e9), ratios), 0.001))
    assert codes(two)["unidentified"] == "N side not identifiable: two model sizes."
    assert codes(three)["few-points"] == "Three model sizes: the exponent of N rests on them alone."
    assert "alpha" in three.intervals


def test_sizes_within_a_tenth_are_one() -> None:
    """Three sizes 4 % apart are no three sizes."""
    N, D = cross((1e8, 1.04e8, 1.08e8), (5.0, 20.0, 80.0))
    assert "one model size" in codes(fit("chinchilla", *plant("chinchilla", TRUTH, N, D)))["unidentified"]


def test_a_short_range_does_not_quote_the_constant() -> None:
    """Less than a decade of N: E keeps its value, without an interval."""
    N, D = cross((1e8, 2e8, 4e8, 8e8), (5.0, 20.0, 80.0, 320.0))
    found = fit("chinchilla", *plant("chinchilla", TRUTH, N, D, 0.0005))
    assert "short-range" in codes(found)
    assert "E" not in found.intervals
    assert "alpha" in found.intervals


def test_n_and_d_that_move_together_are_warned_of_before_they_are_refused() -> None:
    """Between .9 and .98 the parameters stand, with a warning."""
    N = np.repeat(np.geomspace(2e7, 2e9, 6), 2)
    D = N * np.tile([10.0, 45.0], 6)
    assert 0.9 < correlation(N, D) < 0.98
    found = fit("chinchilla", *plant("chinchilla", TRUTH, N, D, 0.0005))
    assert "hard to separate" in codes(found)["n-d-confounded"]
    assert found.status is FitStatus.CONVERGED


def test_a_term_nobody_can_see_is_at_its_bound() -> None:
    """Tokens so many that their term is below 1 % everywhere: neither B nor beta is shown."""
    N, D = cross((1e7, 3e7, 1e8, 3e8), (3e7, 1e8, 4e8))
    found = fit("chinchilla", *plant("chinchilla", TRUTH, N, D, 0.0003), objective="least-squares-log")
    assert not {"B", "beta", "a"} & set(found.intervals)
    assert found.status in (FitStatus.AT_BOUND, FitStatus.UNIDENTIFIED)


def test_the_remedy_is_a_run_that_does_not_exist_and_costs_no_more() -> None:
    """The run named is new, and cheaper than the ladder's most expensive one."""
    N, D, L = one_ratio()
    text = codes(fit("chinchilla", N, D, L))["n-d-confounded"]
    words = text.split("One run at ")[1].split(" tokens")[0].split(" for ")
    n, d = (parse_size(word) for word in words)
    assert n * d <= 1.01 * (N * D).max()
    assert not ((np.abs(N / n - 1) < 0.1) & (np.abs(D / d - 1) < 0.1)).any()
