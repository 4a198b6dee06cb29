"""What limits a run, against truths whose answer is known."""

import numpy as np
import pytest

from labbook.scaling.compare import compare
from labbook.scaling.laws import law_by_name
from labbook.scaling.laws.chinchilla import BESIROGLU
from labbook.scaling.laws.kaplan import PUBLISHED, data_share
from labbook.scaling.regime import regimes
from labbook.scaling.values import Regime
from tests.scaling.ladders import REGIME_GRID, Ladder, cross, plant


def judged(ladder: Ladder, *points: tuple[float, float]) -> list[Regime]:
    """Regimes of runs at those points."""
    at_N, at_D = np.array(points).T
    return regimes(compare(*ladder), *ladder, at_N, at_D)


def ladder(law: str, params: dict[str, float], seed: int = 0, noise: float = 0.0005) -> Ladder:
    """Five sizes at 3, 20 and 130 tokens per parameter."""
    return plant(law, params, *cross(*REGIME_GRID), noise, seed)


def probability(regime: Regime) -> float:
    """Of the label given."""
    gains = regime.pooled
    return {"data-limited": gains.p_data, "model-limited": gains.p_model, "balanced": gains.p_balanced}[
        regime.label
    ]


@pytest.mark.parametrize("seed", range(3))
def test_kaplan_truth_is_judged_as_it_is(seed: int) -> None:
    """Kaplan's constants: model-limited, data-limited and balanced runs, each with P of .95 and more."""
    found = judged(ladder("kaplan", PUBLISHED, seed), (8.5e7, 2.5e9), (8.5e7, 3e8), (1e8, 1e9))
    assert [regime.label for regime in found] == ["model-limited", "data-limited", "balanced"]
    assert min(map(probability, found)) >= 0.95
    assert all("chinchilla" not in regime.by_form for regime in found)
    assert not any(regime.form_dependent for regime in found)


@pytest.mark.parametrize("seed", range(3))
def test_chinchilla_truth_is_judged_as_it_is(seed: int) -> None:
    """Besiroglu's constants: data-limited, balanced and model-limited runs, each with P of .95 and more."""
    found = judged(ladder("chinchilla", BESIROGLU, seed), (1e8, 4e8), (1e8, 2e9), (1e8, 2e10))
    assert [regime.label for regime in found] == ["data-limited", "balanced", "model-limited"]
    assert min(map(probability, found)) >= 0.95


def test_gains_shares_and_elasticities_are_those_of_the_truth() -> None:
    """Doubling gains, the fitted Kaplan form's data share, slopes of ln L and ln rho, at Kaplan's constants."""
    regime = judged(ladder("kaplan", PUBLISHED), (8.5e7, 3e8))[0]
    gains = regime.pooled
    assert gains.g_tokens == pytest.approx(0.14762, rel=0.03)
    assert gains.g_params == pytest.approx(0.03690, rel=0.08)
    assert gains.g_tokens_interval[0] < 0.14762 < gains.g_tokens_interval[1]
    assert gains.g_params_interval[0] < 0.03690 < gains.g_params_interval[1]
    assert gains.margin == pytest.approx(np.log(4.0), abs=0.1)
    share = data_share(np.array([8.5e7]), np.array([3e8]), PUBLISHED)[0]
    assert regime.data_share == pytest.approx(share, abs=0.01)
    assert regime.elasticity_D == pytest.approx(0.103 * share, rel=0.03)
    assert regime.elasticity_N == pytest.approx(0.076 * (1 - share), rel=0.05)


def test_probabilities_add_up_and_the_pool_has_one_vote_a_form() -> None:
    """Three probabilities of one, and the pool's are the mean of the forms'."""
    for regime in judged(ladder("kaplan", PUBLISHED, noise=0.01), (8.5e7, 2.5e9), (1e8, 1e9), (3e8, 2e9)):
        for gains in (regime.pooled, *regime.by_form.values()):
            assert gains.p_data + gains.p_balanced + gains.p_model == pytest.approx(1.0)
            assert 0.0 <= gains.p_balanced <= 1.0
        assert regime.pooled.p_data == pytest.approx(
            np.mean([gains.p_data for gains in regime.by_form.values()])
        )
        for end, pick in ((0, min), (1, max)):
            ends = [gains.g_tokens_interval[end] for gains in regime.by_form.values()]
            assert regime.pooled.g_tokens_interval[end] == pick(ends)


def test_noise_makes_it_inconclusive_not_wrong() -> None:
    """Under noise of 3 % a run between two regimes gets no label."""
    regime = judged(ladder("kaplan", PUBLISHED, noise=0.03), (1e8, 7e8))[0]
    assert regime.label == "inconclusive"
    assert regime.refused is None
    assert regime.pooled is not None


def test_forms_that_disagree_are_said_to() -> None:
    """Between two forms that fit alike and answer differently, the verdict is marked."""
    N, D = cross((1e8, 2e8, 4e8, 8e8), (10.0, 40.0, 160.0))
    params = {"alpha_N": 0.21, "alpha_D": 0.165, "N_c": 1.45e9, "D_c": 9.8e10, "E": 1.76}
    rungs = plant("kaplan-floor", params, N, D, 0.0005)
    found = judged(rungs, (1e8, 2e9), (2e8, 8e9), (4e8, 4e9), (8e8, 8e9))
    marked = [regime for regime in found if regime.form_dependent]
    assert marked
    for regime in marked:
        labels = {gains.label for gains in regime.by_form.values()} - {"inconclusive"}
        assert labels - {regime.label}
    for regime in found:
        if not regime.form_dependent:
            assert {gains.label for gains in regime.by_form.values()} <= {regime.label, "inconclusive"}


def test_constant_tokens_per_parameter_is_inconclusive_with_the_run_that_settles_it() -> None:
    """No label, no number, the reason and the remedy; and that run does open the gate."""
    N = np.repeat(REGIME_GRID[0], 2)
    rungs = plant("chinchilla", BESIROGLU, N, 20 * N, 0.0005)
    regime = judged(rungs, (1e8, 2e9))[0]
    assert regime.label == "inconclusive"
    assert regime.pooled is None
    assert regime.data_share is None
    assert regime.refused.code == "n-d-confounded"
    assert "One run at" in regime.refused.remedy


def test_a_regime_needs_three_sizes() -> None:
    """Two sizes with many lengths are refused."""
    N, D = cross((1e8, 1e9), (3.0, 10.0, 30.0, 100.0, 300.0))
    regime = judged(plant("kaplan", PUBLISHED, N, D, 0.0005), (1e8, 2e9))[0]
    assert regime.refused.code == "unidentified"
    assert regime.refused.text == "two model sizes: N side not identifiable"


def test_the_comparison_must_be_of_these_rungs() -> None:
    """Rungs that changed since are the caller's mistake."""
    N, D, L = ladder("kaplan", PUBLISHED)
    with pytest.raises(ValueError, match="other rungs"):
        regimes(compare(N, D, L), N, D, L * 1.01, [1e8], [1e9])


def test_regimes_do_not_depend_on_the_order_of_rungs() -> None:
    """Draws follow the digest: shuffled rungs give the same verdicts to the last digit."""
    N, D, L = ladder("kaplan", PUBLISHED, noise=0.01)
    order = np.random.default_rng(1).permutation(N.size)
    one = judged(Ladder(N, D, L), (8.5e7, 3e8), (1e8, 1e9))
    assert judged(Ladder(N[order], D[order], L[order]), (8.5e7, 3e8), (1e8, 1e9)) == one


def test_other_points_asked_for_do_not_change_a_verdict() -> None:
    """A run is judged alike alone and among others."""
    rungs = ladder("kaplan", PUBLISHED, noise=0.01)
    alone = judged(rungs, (1e8, 1e9))[0]
    among = judged(rungs, (8.5e7, 3e8), (1e8, 1e9), (3e9, 1e12))[1]
    assert among.label == alone.label
    assert among.pooled.p_balanced == alone.pooled.p_balanced
    assert among.pooled.g_tokens == pytest.approx(alone.pooled.g_tokens, rel=1e-12)


def test_doubling_beyond_all_gain_is_no_division_by_zero() -> None:
    """Far beyond the constant neither doubling helps: rho counts as 1."""
    regime = judged(ladder("chinchilla", BESIROGLU), (1e30, 1e30))[0]
    assert np.isfinite(regime.pooled.margin)
    assert regime.pooled.g_tokens == pytest.approx(0.0, abs=1e-5)
    assert law_by_name("chinchilla").predict([1e30], [1e30], BESIROGLU)[0] == pytest.approx(
        BESIROGLU["E"], rel=1e-4
    )
