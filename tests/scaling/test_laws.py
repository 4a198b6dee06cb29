"""Every law says what its paper says."""

from operator import attrgetter

import numpy as np
import pytest

from labbook.errors import NotFoundError
from labbook.scaling.form import elasticities, log_loss
from labbook.scaling.laws import FAMILY, Law, law_by_name
from labbook.scaling.laws.chinchilla import BESIROGLU, HOFFMANN, optimal
from labbook.scaling.laws.kaplan import PUBLISHED, data_share
from labbook.scaling.points import read_points
from labbook.scaling.starts import rows
from tests.scaling.ladders import grid, random_params

every_law = pytest.mark.parametrize("law", FAMILY, ids=attrgetter("name"))


@every_law
def test_published_values_come_out_to_the_printed_digits(law: Law) -> None:
    """Each value printed in a paper, or worked out from its formula, is reproduced."""
    got = [
        round(float(law.predict([check.N], [check.D], check.params)[0]), check.digits) for check in law.checks
    ]
    assert got == [check.loss for check in law.checks]


@every_law
def test_limits_and_identities_hold(law: Law) -> None:
    """What a law must become in its limits, at random valid parameters."""
    assert law.limits
    for seed in range(10):
        params = random_params(law, seed)
        for limit in law.limits:
            one, other = limit.sides(params)
            assert one == pytest.approx(other, rel=1e-7), (limit.says, params)


@every_law
def test_form_and_formula_are_one_function(law: Law) -> None:
    """The solver's coordinates predict what the paper's formula predicts, and give its parameters back."""
    N, D = grid()
    for seed in range(10):
        params = random_params(law, seed)
        L = law.predict(N, D, params)
        centred = law.centre(read_points(N, D, L))
        theta = rows(1, law.write(params, centred.centre))
        assert np.allclose(log_loss(law.form, theta[0], centred.n, centred.d), centred.y, rtol=0, atol=1e-12)
        assert law.to_params(theta, centred.centre)[0] == pytest.approx(
            [params[name] for name in law.names], rel=1e-10
        )


@every_law
def test_names_and_counts_agree(law: Law) -> None:
    """As many free coordinates as parameters, and a title, a source and an equation that names each of them."""
    assert law.k == law.form.k == len(set(law.names))
    assert law.title
    assert law.source
    assert all(name in law.equation for name in law.names)


@every_law
def test_elasticities_are_slopes_of_the_formula(law: Law) -> None:
    """-d ln L / d ln N and -d ln L / d ln D by central differences."""
    if len(law.resources) == 1:
        pytest.skip("a law of one resource has no elasticity in N and D of its own")
    params = random_params(law, 3)
    N, D = grid()
    centred = law.centre(read_points(N, D, law.predict(N, D, params)))
    theta = rows(1, law.write(params, centred.centre))[0]
    by_N, by_D = elasticities(law.form, theta, centred.n, centred.d)
    up, down = np.exp(1e-5), np.exp(-1e-5)

    def slope(high: np.ndarray, low: np.ndarray) -> np.ndarray:
        return -np.log(high / low) / 2e-5

    assert by_N == pytest.approx(
        slope(law.predict(N * up, D, params), law.predict(N * down, D, params)), abs=1e-8
    )
    assert by_D == pytest.approx(
        slope(law.predict(N, D * up, params), law.predict(N, D * down, params)), abs=1e-8
    )


@pytest.mark.parametrize(
    ("N", "D", "share", "g_D", "g_N", "rho"),
    [
        (8.5e7, 2.5e9, 0.2492, 0.03922, 0.10414, 0.377),
        (8.5e7, 3e8, 0.7345, 0.14762, 0.03690, 4.00),
        (1e8, 1e9, 0.4834, 0.08306, 0.06974, 1.19),
        (1.5e9, 2.2e10, 0.2388, 0.03009, 0.08499, 0.354),
        (1e9, 2e8, 0.9624, 0.21247, 0.00508, 41.8),
    ],
)
def test_kaplan_constants_give_the_known_shares_and_gains(
    N: float, D: float, share: float, g_D: float, g_N: float, rho: float
) -> None:
    """Data share and both doubling gains of Kaplan's published constants."""
    here, tokens, params = law_by_name("kaplan").predict([N, N, 2 * N], [D, 2 * D, D], PUBLISHED)
    assert data_share(np.array([N]), np.array([D]), PUBLISHED)[0] == pytest.approx(share, abs=5e-5)
    assert here - tokens == pytest.approx(g_D, abs=5e-6)
    assert here - params == pytest.approx(g_N, abs=5e-6)
    assert (here - tokens) / (here - params) == pytest.approx(rho, rel=2e-3)


def test_rounded_constants_move_the_optimum() -> None:
    """The compute optimum of the printed constants, and how far printing fewer digits moves it."""
    assert [D / N for N, D in (optimal(C, HOFFMANN) for C in (1e21, 5.76e23, 1e25))] == pytest.approx(
        [50.1, 92.6, 122], rel=5e-3
    )
    assert [D / N for N, D in (optimal(C, BESIROGLU) for C in (1e21, 5.76e23, 1e25))] == pytest.approx(
        [21.6, 18.4, 17.1], rel=5e-3
    )
    unrounded = {**HOFFMANN, "alpha": 0.33917, "beta": 0.28491}
    N, D = optimal(5.76e23, unrounded)
    ratio = D / N
    assert ratio == pytest.approx(59, rel=0.02)


def test_gains_of_besiroglu_balance_where_they_should() -> None:
    """rho at N 1e9 and D 2e9, 2e10, 2e11."""
    law = law_by_name("chinchilla")
    rho = []
    for D in (2e9, 2e10, 2e11):
        here, tokens, params = law.predict([1e9, 1e9, 2e9], [D, 2 * D, D], BESIROGLU)
        rho.append((here - tokens) / (here - params))
    assert rho == pytest.approx([2.417, 1.041, 0.448], abs=6e-4)


def test_unknown_law_names_the_known_ones() -> None:
    """Asking for a law that is not there lists those that are."""
    with pytest.raises(NotFoundError) as caught:
        law_by_name("kaplun")
    assert "kaplun" in caught.value.message
    assert all(law.name in caught.value.hint for law in FAMILY)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_predictions_refuse_what_is_no_size(bad: float) -> None:
    """N and D are positive and finite, or the caller is wrong."""
    with pytest.raises(ValueError, match="N must be positive and finite"):
        law_by_name("kaplan").predict([bad], [1e9], PUBLISHED)
