"""Laws side by side, and which of them are pooled."""

import numpy as np
import pytest

from labbook.scaling.compare import compare
from labbook.scaling.laws import law_by_name
from labbook.scaling.laws.chinchilla import BESIROGLU
from labbook.scaling.laws.kaplan import PUBLISHED
from labbook.scaling.repeats import pure_error
from labbook.scaling.values import FitStatus
from tests.scaling.ladders import REGIME_GRID, TRUTH, chinchilla, cross, plant


def regime_ladder(law: str, params: dict[str, float], noise: float = 0.0005, seed: int = 0):
    """The 15 rungs of the regime checks."""
    return plant(law, params, *cross(*REGIME_GRID), noise, seed)


def test_a_law_that_plainly_misses_is_not_admitted_and_is_named() -> None:
    """Data of Kaplan's form: Chinchilla misses by over ten times and is left out with its rms."""
    pool = compare(*regime_ladder("kaplan", PUBLISHED))
    assert pool.admitted == ("kaplan", "kaplan-floor", "general")
    assert "rms 1.1 %" in pool.left_out_of_pool["chinchilla"]
    assert pool.preferred == "kaplan"


def test_noiseless_data_prefers_the_form_it_came_from() -> None:
    """Forms that contain it fit as well with more parameters."""
    for law, params in (("kaplan", PUBLISHED), ("chinchilla", BESIROGLU)):
        assert compare(*regime_ladder(law, params, noise=0.0)).preferred == law


def test_one_admitted_law_takes_the_next_best_along() -> None:
    """Never a pool of one where a second law has rungs to spare."""
    N, D, L = regime_ladder("chinchilla", BESIROGLU)
    pool = compare(N[:7], D[:7], L[:7])
    assert len(pool.admitted) == 2


def test_laws_without_rungs_to_spare_are_not_pooled() -> None:
    """n >= k + 2 each: with seven rungs the general form is fitted at most, not admitted."""
    N, D, L = regime_ladder("kaplan", PUBLISHED)
    pool = compare(N[:7], D[:7], L[:7])
    assert "general" not in pool.admitted
    assert "8 are needed" in pool.left_out_of_pool["general"]


def test_holdout_is_a_fit_without_the_largest_size() -> None:
    """The error on the largest N of a fit that never saw it."""
    N, D, L = regime_ladder("kaplan", PUBLISHED)
    pool = compare(N, D, L)
    rms, worst = pool.holdout["kaplan"]
    smaller = compare(N[N < 7e8], D[N < 7e8], L[N < 7e8]).fits["kaplan"]
    p = smaller.params
    top = N == 7e8
    forecast = p["alpha_D"] * np.log((p["N_c"] / N[top]) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D[top])
    assert rms == pytest.approx(np.sqrt(np.mean((np.log(L[top]) - forecast) ** 2)), rel=1e-4)
    assert worst == pytest.approx(np.abs(np.log(L[top]) - forecast).max(), rel=1e-4)
    assert pool.holdout["chinchilla"][0] > 3 * rms


def test_three_sizes_leave_no_holdout() -> None:
    """Two sizes identify nothing, so there is no forecast of the third."""
    N, D = cross((1e7, 1e8, 1e9), (3.0, 20.0, 130.0))
    pool = compare(*plant("kaplan", PUBLISHED, N, D, 0.0005))
    assert pool.holdout == {}
    assert pool.preferred_by_holdout is None
    assert pool.preferred is not None


def test_seed_scatter_comes_from_repeats_when_four_runs_stand_in_them() -> None:
    """Pooled within groups; the usual value before that."""
    N, D, L = regime_ladder("kaplan", PUBLISHED)
    N, D, L = (np.append(values, values[:2]) for values in (N, D, L))
    L[-2:] *= np.exp([0.004, -0.002])
    few = compare(N, D, L, repeats=[[0, 15]])
    assert (few.seed_sd, few.seed_sd_source) == (0.0005, "default, fewer than 4 runs in repeats")
    pool = compare(N, D, L, repeats=[[0, 15], [1, 16]])
    assert pool.seed_sd == pytest.approx(np.sqrt((0.004**2 / 2 + 0.002**2 / 2) / 2))
    assert pool.seed_sd_source == "4 runs in 2 repeats"


def test_groups_of_one_say_nothing_and_wrong_groups_are_a_mistake() -> None:
    """Positions out of range, or in two groups, are refused."""
    L = np.array([3.0, 3.1, 3.2])
    assert pure_error(L, [[0], [1], []]).source == "default"
    for groups in ([[0, 3]], [[0, 1], [1, 2]], [[-1, 0]]):
        with pytest.raises(ValueError, match="repeats"):
            pure_error(L, groups)


def test_repeats_reject_a_form_that_misses_by_more_than_the_seeds() -> None:
    """Both halves are said: rejected, and how accurate; the form the data came from is not rejected."""
    N, D = cross(*REGIME_GRID)
    N, D = np.repeat(N, 2), np.repeat(D, 2)
    ladder = plant("chinchilla", BESIROGLU, N, D, 0.0005, seed=2)
    pool = compare(*ladder, repeats=[[2 * i, 2 * i + 1] for i in range(15)])
    texts = [warning.text for warning in pool.warnings if warning.code == "lack-of-fit"]
    assert [text.partition(":")[0] for text in texts] == ["kaplan", "kaplan-floor"]
    assert "rejected by the repeats (F " in texts[0]
    assert "yet accurate to 2.9 %" in texts[0]


def test_an_answer_that_hangs_on_the_objective_is_said() -> None:
    """a under Huber and under least squares differ by more than .02."""
    N, D, L = chinchilla(20, 0.001)
    L = L.copy()
    L[[3, 8]] *= 1.2
    warning = next(w for w in compare(N, D, L).warnings if w.code == "objective-sensitive")
    assert warning.text.startswith("chinchilla: The answer depends on the objective: a = ")
    assert "objective-sensitive" not in [w.code for w in compare(*chinchilla(20, 0.001)).warnings]


def test_constant_tokens_per_parameter_leaves_compute_alone() -> None:
    """No law of N and D is admitted; L(C) is, and the gate says what would change that."""
    N = np.geomspace(2e7, 2e9, 8)
    pool = compare(*plant("chinchilla", TRUTH, N, 20 * N, 0.001))
    assert pool.admitted == ("compute",)
    assert pool.preferred == "compute"
    assert pool.gate.code == "n-d-confounded"
    assert pool.gate.text == "one D per N (corr 1.00)"
    assert "would separate N and D" in pool.gate.remedy
    both = [fit.status for name, fit in pool.fits.items() if law_by_name(name).resources == ("N", "D")]
    assert len(both) == 5
    assert set(both) == {FitStatus.UNIDENTIFIED}


def test_warnings_name_their_laws_and_the_law_of_compute_is_silent_behind_another() -> None:
    """E of L(C) runs to 0 where the preferred law has a floor of 1: that is not said of this ladder."""
    N, D = cross((5e6, 8e6, 1.7e7, 2.2e7), (6e8, 6.5e8, 9e9, 4e10))
    truth = {"E": 1.0, "A": 700.0, "B": 430.0, "alpha": 0.34, "beta": 0.3}
    pool = compare(*plant("chinchilla", truth, N, D, 0.001))
    assert "at-bound:E" in [warning.code for warning in pool.fits["compute"].warnings]
    assert pool.preferred != "compute"
    assert "compute" not in {law for warning in pool.warnings for law in named(warning.text)}
    assert pool.warnings
    assert {law for warning in pool.warnings for law in named(warning.text)} <= set(pool.fits)


def test_a_design_of_one_axis_is_read_along_it() -> None:
    """One N: laws of tokens; one D: laws of size; losses that show no floor prefer the plain power law."""
    N, D = np.full(8, 1e8), np.geomspace(1e8, 1e11, 8)
    one_size = compare(*plant("chinchilla", TRUTH, N, D, 1e-4))
    assert (one_size.admitted, one_size.preferred) == (("tokens",), "tokens")
    one_length = compare(*plant("chinchilla", TRUTH, D / 100, np.full(8, 1e10), 1e-4))
    assert (one_length.admitted, one_length.preferred) == (("width",), "width")
    bare = compare(N, D, 30 * D**-0.1 * np.exp(1e-3 * np.array([1, -1, 0, 1, -1, 1, 0, -1])))
    assert bare.preferred == "kaplan-d"
    assert bare.fits["kaplan-d"].params["alpha_D"] == pytest.approx(0.1, abs=2e-3)


def test_the_law_of_compute_speaks_where_it_is_preferred() -> None:
    """One D per N: its own doubts are the ladder's, under its name, beside why no other law stands."""
    N = np.geomspace(2e7, 5e7, 8)
    pool = compare(*plant("chinchilla", TRUTH, N, 20 * N, 1e-5))
    assert pool.preferred == "compute"
    short = [named(w.text) for w in pool.warnings if w.code == "short-range"]
    assert any("compute" in laws for laws in short)
    assert "kaplan" in named(next(w.text for w in pool.warnings if w.code == "n-d-confounded"))
    assert len({w.text.partition(": ")[2] for w in pool.warnings}) == len(pool.warnings), "each said once"


def named(text: str) -> list[str]:
    """The laws a warning begins with."""
    return text.partition(":")[0].split(", ")


@pytest.mark.parametrize("n", range(8))
def test_few_rungs_give_what_they_can(n: int) -> None:
    """From none to seven rungs nothing fails, and below seven the gate asks for more."""
    order = [0, 7, 14, 2, 9, 4, 12]
    N, D, L = (values[order[:n]] for values in regime_ladder("kaplan", PUBLISHED))
    pool = compare(N, D, L)
    assert (pool.gate is None) == (n == 7)
    assert set(pool.fits) | set(pool.refused) >= {"kaplan", "kaplan-floor", "chinchilla", "general"}
    assert ("kaplan" in pool.fits) == (n > 4)
    if pool.gate is not None:
        assert pool.gate.text
    if n in (5, 6):
        assert pool.gate.code == "too-few-rungs"
        assert "more run" in pool.gate.remedy


def test_the_digest_follows_the_rungs_not_their_order() -> None:
    """Shuffled rungs have one digest, a changed loss another."""
    N, D, L = chinchilla(12, 0.004)
    order = np.random.default_rng(0).permutation(12)
    one = compare(N, D, L)
    assert compare(N[order], D[order], L[order]).digest == one.digest
    assert compare(N, D, L * (1 + 1e-9)).digest != one.digest
    assert len(one.digest) == 64
