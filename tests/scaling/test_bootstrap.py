"""Resamples of a ladder."""

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.bootstrap import bootstrap
from labbook.scaling.fit import fit
from labbook.scaling.laws.kaplan import PUBLISHED
from labbook.scaling.values import Fit
from tests.scaling.ladders import TRUTH, chinchilla, cross, plant


@pytest.mark.parametrize("objective", ["least-squares-log", "huber:0.001"])
def test_a_large_ladder_is_covered_and_agrees_with_the_delta_method(objective: str) -> None:
    """120 rungs: the percentile interval holds the truth and is about as wide as delta-t."""
    random = np.random.default_rng(2)
    N = np.repeat(np.geomspace(5e7, 5e9, 12), 10)
    ladder = plant("chinchilla", TRUTH, N, N * np.exp(random.uniform(1, 5.5, 120)), 0.004)
    found = fit("chinchilla", *ladder, objective=objective)
    draws = bootstrap(found, *ladder, draws=1000)
    assert draws.failed == 0
    assert draws.strata == 12
    assert draws.values.shape == (1000, 6)
    for name, (low, high) in draws.intervals().items():
        delta = found.intervals[name]
        assert (high - low) / (delta[1] - delta[0]) == pytest.approx(1.0, abs=0.35), name
    low, high = draws.intervals(level=0.999)["alpha"]
    assert low < TRUTH["alpha"] < high


def test_every_draw_is_an_optimum_of_its_own_resample() -> None:
    """A draw's parameters are those of a fit to the rungs it drew."""
    N, D, L = chinchilla(20, 0.004)
    found = fit("chinchilla", N, D, L, objective="least-squares-log")
    draws = bootstrap(found, N, D, L, draws=50, strata=[0] * 20)
    spread = draws.values[:, draws.names.index("alpha")]
    assert spread.std() > 0
    assert np.median(spread) == pytest.approx(found.params["alpha"], abs=3 * spread.std() / np.sqrt(50) + 0.01)


def test_strata_keep_every_size_present() -> None:
    """Drawn within sizes, no size is ever lost, so no draw fails where unstratified draws do."""
    N, D, L = chinchilla(12, 0.004)
    found = fit("chinchilla", N, D, L)
    assert (
        bootstrap(found, N, D, L, draws=300).failed
        <= bootstrap(found, N, D, L, draws=300, strata=[0] * 12).failed
    )
    assert bootstrap(found, N, D, L, draws=20).strata == 4


def test_small_strata_join_their_neighbour() -> None:
    """Sizes with two rungs are drawn together with the next size, and no size is split."""
    N, D, L = chinchilla(6, 0.004)
    assert bootstrap(fit("kaplan", N, D, L), N, D, L, draws=20).strata == 1
    four = plant("kaplan", PUBLISHED, *cross((1e7, 4e7, 2e8, 1e9), (10.0, 100.0)), 0.001)
    assert bootstrap(fit("kaplan", *four), *four, draws=20).strata == 2


def test_draws_depend_on_the_rungs_alone() -> None:
    """The same rungs in another order give the same draws."""
    N, D, L = chinchilla(12, 0.004)
    order = np.random.default_rng(0).permutation(12)
    one = bootstrap(fit("chinchilla", N, D, L), N, D, L, draws=40)
    shuffled = N[order], D[order], L[order]
    other = bootstrap(fit("chinchilla", *shuffled), *shuffled, draws=40)
    assert (one.values == other.values).all()


def test_callers_mistakes_are_named() -> None:
    """Other rungs, no draws, labels of another length, a fit without its handle."""
    N, D, L = chinchilla(12, 0.004)
    found = fit("chinchilla", N, D, L)
    with pytest.raises(ValueError, match="not the rungs"):
        bootstrap(found, N, D, 1.01 * L)
    with pytest.raises(ValueError, match="draws must be positive"):
        bootstrap(found, N, D, L, draws=0)
    with pytest.raises(ValueError, match="one label a rung"):
        bootstrap(found, N, D, L, strata=["a"])
    bare = Fit(**{**{name: getattr(found, name) for name in found.__dataclass_fields__}, "handle": None})
    with pytest.raises(FitError, match="values only"):
        bootstrap(bare, N, D, L)
