"""Own quantiles against SciPy's."""

import pytest
from scipy import stats

from labbook.scaling.tquantile import f_tail, incomplete_beta, t_quantile, t_tail


@pytest.mark.parametrize("dof", [1, 2, 3, 5, 8, 15, 25, 60, 1000, 2.5])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99, 0.9999])
def test_t_quantile_agrees_with_scipy(dof: float, level: float) -> None:
    """Two-sided quantiles to 1e-10."""
    assert t_quantile(level, dof) == pytest.approx(stats.t.ppf(0.5 + level / 2, dof), rel=1e-10)


@pytest.mark.parametrize("dofs", [(1, 1), (3, 5), (20, 5), (25, 5), (2, 40)])
@pytest.mark.parametrize("F", [0.2, 1.0, 4.0, 30.0, 1000.0])
def test_f_tail_agrees_with_scipy(dofs: tuple[int, int], F: float) -> None:
    """Upper tails, also where they are tiny."""
    assert f_tail(F, *dofs) == pytest.approx(stats.f.sf(F, *dofs), rel=1e-9, abs=1e-14)


def test_edges_are_exact() -> None:
    """Nothing lies beyond the ends of a distribution, and a t of 0 halves it."""
    assert (incomplete_beta(2, 3, 0.0), incomplete_beta(2, 3, 1.0)) == (0.0, 1.0)
    assert t_tail(0.0, 4) == 0.5
    assert f_tail(0.0, 3, 4) == 1.0


@pytest.mark.parametrize(("level", "dof"), [(0.0, 5), (1.0, 5), (0.9, 0)])
def test_quantiles_out_of_range_are_the_callers_mistake(level: float, dof: float) -> None:
    """No quantile of an impossible level or without degrees of freedom."""
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(level, dof)
