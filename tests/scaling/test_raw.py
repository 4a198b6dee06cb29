"""Least squares in the loss itself, and the interval of a constant near its bounds."""

import numpy as np
import pytest

from labbook.scaling.fit import fit
from labbook.scaling.form import log_loss
from labbook.scaling.profile import profile_constant
from tests.scaling.ladders import TRUTH, chinchilla, cross, plant

RAW, LOGS = "least-squares-raw", "least-squares-log"


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "general"])
def test_no_step_lowers_the_sum_of_squared_misses(law: str) -> None:
    """The value it reports is that sum, and it is a minimum in every coordinate."""
    N, D, L = chinchilla(20, 0.01)
    found = fit(law, N, D, L, objective=RAW)
    form, theta, centred = found.handle.law.form, found.handle.theta, found.handle.centred

    def missed(at: np.ndarray) -> float:
        return 0.5 * float(np.sum((np.exp(log_loss(form, at, centred.n, centred.d)) - np.exp(centred.y)) ** 2))

    assert found.objective_value == pytest.approx(missed(theta), rel=1e-9)
    for free in form.free:
        step = np.zeros(6)
        step[free] = 1e-4
        assert missed(theta) < min(missed(theta + step), missed(theta - step))
    assert found.rms_log > fit(law, N, D, L, objective=LOGS).rms_log


def test_without_noise_every_objective_has_the_truth() -> None:
    """Parameters to nine digits."""
    found = fit("chinchilla", *chinchilla(20, 0.0), objective=RAW)
    assert found.params == pytest.approx(TRUTH, rel=1e-8)


def test_weights_of_the_caller_stand_beside_those_of_the_objective() -> None:
    """A rung of weight 2 is a rung that is there twice, and one of weight 0 is not there."""
    N, D, L = chinchilla(12, 0.01)
    shares = np.ones(12)
    shares[3], shares[7] = 2.0, 0.0
    rows = np.array([*(i for i in range(12) if i != 7), 3])
    weighted = fit("chinchilla", N, D, L, objective=RAW, weights=shares)
    repeated = fit("chinchilla", N[rows], D[rows], L[rows], objective=RAW)
    assert weighted.params == pytest.approx(repeated.params, rel=1e-6)
    assert weighted.objective_value == pytest.approx(repeated.objective_value, rel=1e-9)


def test_a_constant_that_may_be_none_has_the_interval_of_the_profile() -> None:
    """The lower end is 0, where a delta interval on the log scale stays above it whatever the rungs say."""
    N, D = cross((5e7, 1.2e8, 3e8, 7e8), (5.0, 40.0, 320.0))
    truth = {"E": 0.4, "A": 30.0, "B": 60.0, "alpha": 0.13, "beta": 0.15}
    found = fit("chinchilla", *plant("chinchilla", truth, N, D, 0.002, seed=1), objective=LOGS)
    assert found.interval_method == "delta-t; E by profile likelihood"
    assert found.intervals["E"] == profile_constant(found)
    assert found.intervals["E"][0] == 0.0
    assert found.params["E"] < found.intervals["E"][1] < 1.2
    clear = fit("chinchilla", *chinchilla(12, 0.001), objective=LOGS)
    assert clear.interval_method == "delta-t"
