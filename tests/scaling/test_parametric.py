"""Approach 3: the exponent, factor and interval of every law of N and D, against the loss itself."""

from dataclasses import replace

import numpy as np
import pytest

from labbook.scaling.fit import fit
from labbook.scaling.laws import law_by_name
from labbook.scaling.parametric import parametric
from labbook.scaling.values import Fit, FitStatus
from tests.scaling.ladders import TRUTH, chinchilla, cross, plant

LAWS = ("kaplan", "kaplan-floor", "chinchilla", "general", "overtraining")


def fitted() -> dict[str, Fit]:
    """Every law on one ladder."""
    return {law: fit(law, *chinchilla(20, 0.001), objective="least-squares-log") for law in (*LAWS, "compute")}


def test_the_line_is_where_the_loss_of_each_law_is_least() -> None:
    """At three budgets the law's own loss rises on both sides of ln k + a ln C."""
    fits = fitted()
    found = parametric(fits)
    assert [x.law for x in found] == list(LAWS)
    for approach in found:
        law, params = law_by_name(approach.law), fits[approach.law].params
        for C in (1e18, 1e20, 1e23):
            best = np.exp(approach.ln_k + approach.a * np.log(C))
            N = best * np.array([0.99, 1.0, 1.01])
            loss = law.predict(N, C / (6.0 * N), params)
            assert loss[1] < loss[0] and loss[1] < loss[2], approach.law


def test_a_and_its_interval_are_those_of_the_fit() -> None:
    """beta/(alpha + beta) with the delta interval; a law of one exponent has a = 1/2 and no interval."""
    fits = fitted()
    found = {x.law: x for x in parametric(fits)}
    p = fits["chinchilla"].params
    assert found["chinchilla"].a == pytest.approx(p["beta"] / (p["alpha"] + p["beta"]), rel=1e-9)
    assert found["chinchilla"].a_interval == fits["chinchilla"].intervals["a"]
    assert found["overtraining"].a == pytest.approx(0.5, abs=1e-12)
    assert found["overtraining"].a_interval is None


def test_what_the_rungs_do_not_determine_is_refused() -> None:
    """D = 20 N: no a, with what would give one."""
    N, D = cross((1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9), (20.0,))
    one = fit("chinchilla", *plant("chinchilla", TRUTH, N, D))
    assert one.status is FitStatus.UNIDENTIFIED
    (found,) = parametric({"chinchilla": one})
    assert found.a is None and found.refused is not None
    assert found.refused.code == "unidentified" and "D/N" in found.refused.remedy


def test_a_fit_without_an_optimum_is_refused() -> None:
    """`not-converged` is never shown as a result."""
    one = replace(fitted()["chinchilla"], status=FitStatus.NOT_CONVERGED)
    assert parametric({"chinchilla": one})[0].refused.code == "not-converged"
