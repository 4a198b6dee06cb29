"""Two recipes at equal compute: planted differences are found, covered, and not claimed where unseen."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.laws import law_by_name
from labbook.scaling.laws.chinchilla import optimal
from labbook.scaling.values import Fit, Refusal
from labbook.scaling.versus import versus
from labbook.scaling.versus_values import Versus
from tests.scaling.ladders import DESIGNS, TRUTH, cross

CHINCHILLA = law_by_name("chinchilla")
OTHER = {**TRUTH, "E": 1.80, "A": 500.0}
"""Worse than TRUTH at small budgets, better at large ones."""
BUDGETS = np.geomspace(6e17, 6e21, 4)


def least(C: float, params: dict[str, float]) -> float:
    N, D = optimal(C, params)
    return float(CHINCHILLA.predict([N], [D], params)[0])


def rungs(
    params: dict[str, float], n: int, noise: float, seed: int, shared: float = 0.0, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ladder of that truth; `shared` of its noise variance is the same for every truth of the seed."""
    N, D = cross(*DESIGNS[n])
    common = np.random.default_rng(seed).standard_normal(N.size)
    own = np.random.default_rng([seed, int(1e6 * params["E"])]).standard_normal(N.size)
    scatter = math.sqrt(shared) * common + math.sqrt(1.0 - shared) * own
    return N * scale, D * scale, CHINCHILLA.predict(N * scale, D * scale, params) * np.exp(noise * scatter)


def one_form(points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Fit]:
    return {"chinchilla": fit("chinchilla", *points, objective="least-squares-log")}


def admitted(points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Fit]:
    comparison = compare(*points)
    return {name: comparison.fits[name] for name in comparison.admitted}


def compared(*arguments: object) -> Versus:
    found = versus(*arguments)
    assert isinstance(found, Versus), found
    return found


def test_a_planted_difference_is_found_at_each_budget() -> None:
    """Nearly without noise: least losses, their ratio and the crossing of the recipes come back."""
    found = compared(one_form(rungs(TRUTH, 20, 1e-6, 0)), one_form(rungs(OTHER, 20, 1e-6, 0)), BUDGETS)
    assert found.pairs == 20
    for C, at in zip(BUDGETS, found.budgets, strict=True):
        truth = math.log(least(C, TRUTH) / least(C, OTHER))
        assert at.C == C
        assert at.gap.gap == pytest.approx(truth, abs=2e-5)
        assert at.a.loss == pytest.approx(least(C, TRUTH), rel=2e-5)
        assert at.a.N / optimal(C, TRUTH)[0] == pytest.approx(1.0, rel=2e-3)
        assert pytest.approx(C) == 6.0 * at.b.N * at.b.D
    assert [at.verdict for at in found.budgets] == ["A better", "A better", "B better", "B better"]


def test_equal_sizes_are_compared_where_both_ladders_have_them() -> None:
    """Between both optima; the same difference as the formulas give there, None outside the ladders."""
    found = compared(one_form(rungs(TRUTH, 20, 1e-6, 0)), one_form(rungs(OTHER, 20, 1e-6, 0)), BUDGETS)
    inside = [at.equal for at in found.budgets if at.equal is not None]
    assert inside and len(inside) < len(found.budgets)
    for at in inside:
        a, b = (float(CHINCHILLA.predict([at.N], [at.D], params)[0]) for params in (TRUTH, OTHER))
        assert at.gap.gap == pytest.approx(math.log(a / b), abs=2e-5)


def test_shared_noise_narrows_a_paired_interval() -> None:
    """Rungs that err alike: the correlation is found, and the interval is less than half as wide."""
    widths = {}
    for shared in (0.0, 0.95):
        found = [
            compared(
                one_form(rungs(TRUTH, 20, 0.004, seed, shared)),
                one_form(rungs(OTHER, 20, 0.004, seed, shared)),
                [1e19],
            )
            for seed in range(3)
        ]
        widths[shared] = np.mean(
            [at.budgets[0].gap.interval[1] - at.budgets[0].gap.interval[0] for at in found]
        )
        correlation = np.mean([at.correlation["chinchilla"] for at in found])
        assert correlation == pytest.approx(shared, abs=0.25)
    assert widths[0.95] < 0.5 * widths[0.0]


def test_rungs_at_other_places_count_as_independent() -> None:
    """No pair within 10 %: none is claimed."""
    a, b = one_form(rungs(TRUTH, 12, 0.001, 0)), one_form(rungs(OTHER, 12, 0.001, 0, scale=1.25))
    found = compared(a, b)
    assert found.pairs == 0
    assert found.correlation == {}
    assert compared(a, one_form(rungs(OTHER, 12, 0.001, 0, scale=1.02))).pairs == 12


def test_swapping_the_recipes_swaps_the_verdicts() -> None:
    """A against B is B against A mirrored, to the last digit of the ends."""
    a, b = admitted(rungs(TRUTH, 12, 0.002, 1, 0.5)), admitted(rungs(OTHER, 12, 0.002, 1, 0.5))
    one, other = compared(a, b, BUDGETS), compared(b, a, BUDGETS)
    swap = {"A better": "B better", "B better": "A better"}
    for at, mirrored in zip(one.budgets, other.budgets, strict=True):
        assert mirrored.verdict == swap.get(at.verdict, at.verdict)
        assert mirrored.gap.gap == pytest.approx(-at.gap.gap, abs=1e-12)
        assert mirrored.gap.interval == pytest.approx((-at.gap.interval[1], -at.gap.interval[0]), abs=1e-12)


def test_the_pool_is_as_wide_as_its_forms() -> None:
    """From the least lower to the greatest upper end of the forms, at every budget."""
    found = compared(admitted(rungs(TRUTH, 20, 0.002, 2)), admitted(rungs(OTHER, 20, 0.002, 2)))
    assert len(found.forms) > 1
    for at in found.budgets:
        ends = np.array([gap.interval for gap in at.by_form.values()])
        assert at.gap.interval == pytest.approx((ends[:, 0].min(), ends[:, 1].max()))
        assert at.gap.interval[0] <= at.gap.gap <= at.gap.interval[1]


def test_the_grid_spans_what_both_cover() -> None:
    """Without budgets: both ends of the common range of C and a geometric grid between."""
    a, b = one_form(rungs(TRUTH, 12, 0.001, 0)), one_form(rungs(OTHER, 12, 0.001, 0, scale=2.0))
    found = compared(a, b)
    N, D = cross(*DESIGNS[12])
    C = [at.C for at in found.budgets]
    assert found.is_overlap
    assert (C[0], C[-1]) == pytest.approx((24.0 * (N * D).min(), 6.0 * (N * D).max()))
    assert np.diff(np.log(C)) == pytest.approx(np.full(len(C) - 1, np.log(C[1] / C[0])))
    assert not compared(a, one_form(rungs(OTHER, 12, 0.001, 0, scale=500.0))).is_overlap


def test_far_budgets_are_named_and_not_judged() -> None:
    """Ten times beyond one ladder a warning; beyond both no verdict."""
    a, b = one_form(rungs(TRUTH, 12, 1e-5, 0)), one_form(rungs(OTHER, 12, 1e-5, 0, scale=10.0))
    top = 6.0 * np.prod([part.max() for part in cross(*DESIGNS[12])])
    found = compared(a, b, [20.0 * top, 2000.0 * top])
    codes = [
        [warned.code for warned in at.warnings if warned.code == "far-extrapolation"] for at in found.budgets
    ]
    assert [len(each) for each in codes] == [1, 2]
    assert [at.verdict == "beyond both ladders" for at in found.budgets] == [False, True]


def test_overlapping_exponents_are_said_to_overlap() -> None:
    """Both recipes have the same exponents: the intervals overlap, and one warning says so."""
    found = compared(one_form(rungs(TRUTH, 12, 0.002, 0)), one_form(rungs(OTHER, 12, 0.002, 0)))
    assert {each.name for each in found.exponents} == {"alpha", "beta", "a"}
    assert all(each.overlaps for each in found.exponents)
    assert [warned.code for warned in found.warnings] == ["overlapping-exponents"]


def test_ladders_of_one_ratio_are_compared_by_compute() -> None:
    """D = 20 N on both sides: only C is known, so there is a least loss and no allocation."""
    sizes = np.geomspace(2e7, 2e9, 8)
    a, b = (
        admitted((sizes, 20.0 * sizes, CHINCHILLA.predict(sizes, 20.0 * sizes, params) * np.exp(noise)))
        for params, noise in zip(
            (TRUTH, OTHER), 1e-4 * np.random.default_rng(0).standard_normal((2, 8)), strict=True
        )
    )
    found = compared(a, b)
    assert "compute" in found.forms
    assert all(at.a.N is None and at.equal is None for at in found.budgets)
    assert found.budgets[0].verdict == "A better"


def test_without_a_common_law_there_is_no_comparison() -> None:
    """Refused, with what each ladder admits."""
    a = one_form(rungs(TRUTH, 12, 0.001, 0))
    found = versus(a, {"kaplan": fit("kaplan", *rungs(OTHER, 12, 0.001, 0))})
    assert isinstance(found, Refusal)
    assert found.code == "no-common-law"
    assert "A admits chinchilla; B admits kaplan" in found.text
    assert found.remedy


def test_what_is_wrong_is_the_caller_s_error() -> None:
    """A budget that is none, a fit read back from a store."""
    a = one_form(rungs(TRUTH, 12, 0.001, 0))
    with pytest.raises(ValueError, match="positive"):
        versus(a, a, [0.0])
    bare = {name: replace(each, handle=None) for name, each in a.items()}
    with pytest.raises(FitError, match="values only"):
        versus(bare, a)


def coverage(n: int, shared: float, seeds: int, scale: float = 1.0, pool: bool = False) -> float:
    """Share of 90 % intervals of the least losses' ratio that hold the planted one."""
    truth = [math.log(least(C, TRUTH) / least(C, OTHER)) for C in BUDGETS]
    of = admitted if pool else one_form
    hits = []
    for seed in range(seeds):
        a, b = of(rungs(TRUTH, n, 0.004, seed, shared)), of(rungs(OTHER, n, 0.004, seed, shared, scale))
        for at, gap in zip(compared(a, b, BUDGETS).budgets, truth, strict=True):
            hits.append(at.gap.interval[0] <= gap <= at.gap.interval[1])
    return float(np.mean(hits))


@pytest.mark.slow  # 60 seconds
@pytest.mark.parametrize(
    ("n", "shared", "scale"), [(6, 0, 1), (6, 0.8, 1), (12, 0, 1), (12, 0.8, 1), (20, 0.8, 1), (12, 0, 1.5)]
)
def test_the_paired_interval_covers_planted_truth(n: int, shared: float, scale: float) -> None:
    """Nominal 90 %, with seeds shared or not, paired rungs or none."""
    assert coverage(n, shared, 100, scale) >= 0.85


@pytest.mark.slow  # 40 seconds
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_the_pooled_interval_covers_planted_truth(shared: float) -> None:
    """With the uncertainty of the form in it, it covers more."""
    assert coverage(12, shared, 30, pool=True) >= 0.85


@pytest.mark.slow  # 5 seconds
def test_two_training_sets_on_one_evaluation(reference: Path) -> None:
    """Models trained on C4 and on RefinedWeb, evaluated on C4: C4 wins from 3e18 on."""
    with (reference / "overtraining" / "models.csv").open() as file:
        rows = list(csv.DictReader(file))

    def ladder(name: str) -> dict[str, Fit]:
        chosen = [row for row in rows if row["dataset"] == name]
        N, D, L = (
            np.array([float(row[key]) for row in chosen])
            for key in ("params_no_embed", "tokens", "loss_c4_val")
        )
        return admitted((N, D, L))

    found = compared(ladder("c4_original"), ladder("rw_original"), [3e18, 1e20])
    assert found.pairs >= 30
    assert min(found.correlation.values()) > 0.7
    assert [at.verdict for at in found.budgets] == ["A better", "A better"]
