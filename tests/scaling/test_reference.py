"""Laws on published ladders other than the one of `test_olmo`: needs LABBOOK_REFERENCE."""

from pathlib import Path

import pytest

from labbook.scaling.compare import compare
from labbook.scaling.values import Comparison
from tests.scaling.ladders import overtraining

SETS = ("c4_original", "rpj", "rw_original")


@pytest.fixture(scope="module")
def pools(reference: Path) -> dict[str, Comparison]:
    """Every law on the models of three training sets, 34 or 35 each, by total parameters."""
    return {name: compare(each.N, each.D, each.L) for name, each in overtraining(reference).items()}


def test_models_far_past_the_optimum_are_fitted_as_known(pools: dict[str, Comparison]) -> None:
    """rms in log loss per training set, English C4: Chinchilla's form, and the one that contains it."""
    assert [pools[name].fits["chinchilla"].n for name in SETS] == [34, 35, 35]
    known = {"chinchilla": (0.0270, 0.0262, 0.0227), "general": (0.0178, 0.0198, 0.0146)}
    for law, rms in known.items():
        assert [pools[name].fits[law].rms_log for name in SETS] == pytest.approx(rms, rel=0.03)


def test_the_richer_form_wins_inside_the_range_and_next_to_it(pools: dict[str, Comparison]) -> None:
    """AICc prefers it on every set, and so does the one size held out; no single law is pooled."""
    for name in SETS:
        assert pools[name].preferred == pools[name].preferred_by_holdout == "general"
        assert len(pools[name].admitted) == 4


def test_one_exponent_for_both_resources_is_chinchilla_with_one_parameter_fewer(
    pools: dict[str, Comparison],
) -> None:
    """Gadre's law has alpha = beta: its rms is above Chinchilla's, here by less than 3 %."""
    for name in SETS:
        tied, free = (pools[name].fits[law] for law in ("overtraining", "chinchilla"))
        assert tied.k == free.k - 1
        assert 1.0 <= tied.rms_log / free.rms_log < 1.03
