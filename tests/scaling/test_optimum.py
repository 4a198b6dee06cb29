"""Where the least loss of a budget lies: the optimum of every law, its errors, and papers' allocations."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from labbook.scaling.allocate import of_law
from labbook.scaling.fit import fit
from labbook.scaling.form import P, elasticities, log_loss
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.laws import FAMILY, Law, law_by_name
from labbook.scaling.laws.chinchilla import optimal
from labbook.scaling.optimum import (
    Given,
    errors,
    frontier,
    optimum,
    optimum_thetas,
)
from labbook.scaling.published import published_allocations
from tests.scaling.ladders import TRUTH, Ladder, chinchilla, grid, plant, random_params

TWO_SIDED = tuple(law for law in FAMILY if law.form.has_d and (law.pooled or law.form.tied))
BUDGETS = np.array([1e18, 1e20, 1e22])
GIVEN: tuple[Given, ...] = ("compute", "tokens", "params")


def fitted(law: Law) -> Handle:
    """That law fitted to a noisy ladder of its own truth."""
    return _fitted(law.name)


@cache
def _fitted(name: str) -> Handle:
    return handle_of(fit(name, *planted(law_by_name(name)), objective="least-squares-log"))


def planted(law: Law) -> Ladder:
    """20 rungs with the scatter of seeds."""
    return plant(law.name, random_params(law, 3), *grid(), noise=0.002, seed=3)


def loss_along(handle: Handle, C: float, log_N: np.ndarray) -> np.ndarray:
    """ln L of models of these sizes that spend the budget."""
    N = np.exp(log_N)
    return log_loss(handle.law.form, handle.theta, *handle.coordinates(N, C / 6.0 / N))


def test_chinchilla_has_its_closed_form() -> None:
    """Hoffmann et al. 2022, eq. 4, with the fitted parameters."""
    found = fit("chinchilla", *chinchilla(20, 0.001), objective="least-squares-log")
    N, D, log_L = optimum(handle_of(found), BUDGETS)
    for i, C in enumerate(BUDGETS):
        assert (N[i], D[i]) == pytest.approx(optimal(C, found.params), rel=1e-9)
    p = found.params
    assert np.exp(log_L) == pytest.approx(p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"])


@pytest.mark.parametrize("law", TWO_SIDED, ids=lambda law: law.name)
def test_no_other_division_is_better(law) -> None:
    """Among 4001 sizes from e^-4 to e^4 times the optimum none has less loss, and both elasticities agree."""
    handle = fitted(law)
    N, D, log_L = optimum(handle, BUDGETS)
    for i, C in enumerate(BUDGETS):
        around = loss_along(handle, C, np.log(N[i]) + np.linspace(-4.0, 4.0, 4001))
        assert around.min() >= log_L[i] - 1e-12
        assert around.argmin() == 2000
    by_N, by_D = elasticities(law.form, handle.theta, *handle.coordinates(N, D))
    assert by_N == pytest.approx(by_D, rel=1e-9)
    assert pytest.approx(BUDGETS, rel=1e-12) == 6.0 * N * D


@pytest.mark.parametrize("law", TWO_SIDED, ids=lambda law: law.name)
@pytest.mark.parametrize("given", GIVEN)
def test_gradients_are_those_of_the_line(law, given: Given) -> None:
    """Central differences over every free coordinate, for ln N, ln D and ln L."""
    handle = fitted(law)
    amount = {"compute": 1e21, "tokens": 3e10, "params": 8e8}[given]
    line = frontier(handle, given, [amount])
    step = 1e-6
    for column, coordinate in enumerate(law.form.free):
        ends = []
        for sign in (1.0, -1.0):
            theta = handle.theta.copy()
            theta[coordinate] += sign * step
            ends.append(frontier(replace(handle, theta=law.form.complete(theta)), given, [amount]))
        for name in ("N", "D", "L"):
            slope = (getattr(ends[0], name)[0] - getattr(ends[1], name)[0]) / (2 * step)
            assert getattr(line, f"{name}_gradient")[0, column] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("law", TWO_SIDED, ids=lambda law: law.name)
def test_the_line_is_one(law) -> None:
    """The optimum of a budget is the optimum of its tokens, and of its parameters."""
    handle = fitted(law)
    by_compute = frontier(handle, "compute", BUDGETS)
    for given, amounts in (("tokens", np.exp(by_compute.D)), ("params", np.exp(by_compute.N))):
        again = frontier(handle, given, amounts)
        assert pytest.approx(np.log(BUDGETS), abs=1e-9) == again.C
        assert pytest.approx(by_compute.L, abs=1e-9) == again.L


def test_no_optimum_is_not_a_number() -> None:
    """A law of compute alone, and one whose loss does not fall with N."""
    rungs = chinchilla(20, 0.001)
    alone = handle_of(fit("compute", *rungs))
    assert np.isnan(optimum(alone, BUDGETS)).all()
    assert np.isnan(errors(alone, frontier(alone, "compute", BUDGETS).N_gradient)).all()
    flat = handle_of(fit("chinchilla", *rungs))
    flat.theta[P] = -0.1
    assert np.isnan(optimum(flat, BUDGETS)).all()


@pytest.mark.parametrize("C", [0.0, -1e20, math.nan, math.inf])
def test_a_budget_is_a_positive_number(C: float) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="positive and finite"):
        optimum(handle_of(fit("chinchilla", *chinchilla(12, 0.001))), [C])


def test_draws_are_fits_of_their_own() -> None:
    """Row by row what `optimum` says of each theta."""
    handle = fitted(TWO_SIDED[0])
    thetas = handle.theta + 0.01 * np.arange(3)[:, None]
    found = optimum_thetas(handle.law, handle.law.form.complete(thetas), handle.centred.centre, BUDGETS)
    for row, theta in enumerate(thetas):
        alone = optimum(replace(handle, theta=theta), BUDGETS)
        for together, single in zip(found, alone, strict=True):
            assert together[row] == pytest.approx(single, rel=1e-12)


@pytest.mark.parametrize("law", TWO_SIDED, ids=lambda law: law.name)
def test_units_of_size_do_not_matter(law) -> None:
    """N counted in thousands moves the optimum to the same models."""
    N, D, L = planted(law)
    plain = fitted(law)
    scaled = handle_of(fit(law, N / 1e3, D, L, objective="least-squares-log"))
    assert optimum(scaled, BUDGETS / 1e3)[0] * 1e3 == pytest.approx(optimum(plain, BUDGETS)[0], rel=1e-4)
    ends = [of_law(plain, "compute", 1e21).N.interval, of_law(scaled, "compute", 1e18).N.interval]
    reach = [np.log(high / low) for low, high in ends]
    assert reach[0] == pytest.approx(reach[1], rel=1e-3)


def test_intervals_cover_the_planted_optimum() -> None:
    """Delta-t at nominal .90 over 60 ladders of 12 rungs: of N_opt at ten times the largest budget."""
    C = 2e22
    truth = optimal(C, TRUTH)[0]
    hits = 0
    for seed in range(60):
        handle = handle_of(fit("chinchilla", *chinchilla(12, 0.002, seed), objective="least-squares-log"))
        low, high = of_law(handle, "compute", C).N.interval
        hits += low <= truth <= high
    assert 51 <= hits <= 59


def test_papers_allocate_as_printed() -> None:
    """D/N of science.md 2.2, and Kaplan's 1.3e9 parameters for a PF-day."""
    for C, hoffmann, besiroglu in ((1e21, 50.1, 21.6), (5.76e23, 92.6, 18.4), (1e25, 122, 17.1)):
        found = {each.paper: each.D / each.N for each in published_allocations(C)}
        assert found["Hoffmann et al. 2022"] == pytest.approx(hoffmann, rel=5e-3)
        assert found["Besiroglu et al. 2024"] == pytest.approx(besiroglu, rel=5e-3)
    day, ten = (published_allocations(C)[0] for C in (8.64e19, 8.64e20))
    assert pytest.approx(1.3e9) == day.N
    assert pytest.approx(10**0.73) == ten.N / day.N
    assert pytest.approx(8.64e20) == 6.0 * ten.N * ten.D
