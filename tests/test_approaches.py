"""The ways to the compute-optimal allocation joined: which of them a ladder gets, and with what warnings."""

import numpy as np

from labbook.approaches import Curves, approaches_of
from labbook.scaling.compare import compare
from labbook.scaling.laws import chinchilla
from tests.scaling.ladders import TRUTH, cross, plant
from tests.scaling.test_envelope import SIZES, planted

BUDGETS = (1e18, 6e18, 4e19)


def isoflop_ladder(noise=0.001):
    """N, C, D, L of seven sizes at each of three budgets."""
    N = np.concatenate([chinchilla.optimal(C, TRUTH)[0] * np.geomspace(0.25, 4.0, 7) for C in BUDGETS])
    C = np.repeat(np.array(BUDGETS), 7)
    found = plant("chinchilla", TRUTH, N, C / (6.0 * N), noise)
    return N, C, found.D, found.L


def test_all_that_apply_stand_side_by_side() -> None:
    """Curves, budgets and laws: one line each, agreeing on planted truth within what they usually differ by."""
    N, C, D, L = isoflop_ladder()
    found = approaches_of(N, C, D, L, compare(N, D, L), Curves(SIZES, planted(), decays=False))
    assert [x.name for x in found[:3]] == ["envelope", "isoflop", "isoflop-akima"]
    laws = [x.law for x in found if x.name == "parametric"]
    assert laws == ["kaplan", "kaplan-floor", "chinchilla", "general"]
    exponents = [x.a for x in found if x.a is not None]
    assert len(exponents) >= 4 and np.ptp(exponents) < 0.1


def test_a_law_that_is_not_pooled_says_why() -> None:
    """Kaplan's form plainly misses a Chinchilla grid: no a of it beside the others."""
    N, D = cross((5e7, 1.2e8, 3e8, 7e8, 1.6e9), (5.0, 20.0, 80.0, 320.0))
    L = plant("chinchilla", TRUTH, N, D, 0.0005).L
    comparison = compare(N, D, L)
    found = {x.law: x for x in approaches_of(N, 6 * N * D, D, L, comparison)}
    assert "kaplan" not in comparison.admitted
    assert found["kaplan"].a is None and found["kaplan"].refused.code == "not-pooled"
    assert "against" in found["kaplan"].refused.text
    assert found["chinchilla"].a is not None


def test_a_ladder_without_budgets_gets_one_refusal() -> None:
    """Neither estimator has a budget: approach 2 is refused once, and names no budget of chance."""
    N, D = cross((5e7, 1.2e8, 3e8, 7e8, 1.6e9), (5.0, 20.0, 80.0, 320.0))
    L = plant("chinchilla", TRUTH, N, D, 0.0005).L
    found = [x for x in approaches_of(N, 6 * N * D, D, L, compare(N, D, L)) if x.name.startswith("isoflop")]
    assert [(x.name, x.refused.code, x.points) for x in found] == [("isoflop", "isoflop-few", ())]


def test_compute_counted_otherwise_is_said() -> None:
    """C 45 % above 6ND at the small end: `flop-convention-mixed` at what goes by C, unless data repeats."""
    N, C, D, L = isoflop_ladder()
    counted = D * np.where(np.median(D) < D, 1.0, 1 / 1.45)
    comparison = compare(N, counted, L)

    def codes(repeated: bool) -> set[tuple[str, str]]:
        found = approaches_of(N, C, counted, L, comparison, repeated=repeated)
        return {(x.name, w.code) for x in found for w in x.warnings if w.code.startswith("flop")}

    mixed = "flop-convention-mixed"
    assert codes(False) == {("isoflop", mixed), ("isoflop-akima", mixed)}
    assert codes(True) == set()


def test_curves_of_a_falling_rate_are_refused_beside_the_others() -> None:
    """Approach 1 says why it is missing."""
    N, C, D, L = isoflop_ladder()
    found = approaches_of(N, C, D, L, compare(N, D, L), Curves(SIZES, planted(), decays=True))
    assert found[0].refused.code == "unannealed-points"
    assert found[1].a is not None
