"""What one group of rungs does to the answer."""

import numpy as np
import pytest

from labbook.scaling.fit import fit
from labbook.scaling.influence import drop_curve, influential, leave_groups_out
from tests.scaling.ladders import TRUTH, chinchilla, cross, plant


def test_each_group_is_left_out_once() -> None:
    """Every size and every band of tokens per parameter, with the positions left out."""
    N, D, L = chinchilla(20, 0.004)
    found = leave_groups_out(fit("chinchilla", N, D, L))
    names = [each.group for each in found]
    assert names[:5] == ["N = 50M", "N = 120M", "N = 300M", "N = 700M", "N = 1.6B"]
    assert {"D/N 5-20", "D/N 20-100", "D/N >= 100"} <= set(names)
    assert found[0].left_out == (0, 1, 2, 3)
    assert next(each for each in found if each.group == "D/N >= 100").left_out == (3, 7, 11, 15, 19)


def test_leaving_a_group_out_is_a_fit_without_it() -> None:
    """Parameters and prediction equal those of a ladder that never had the group."""
    N, D, L = chinchilla(20, 0.004)
    found = fit("chinchilla", N, D, L, objective="least-squares-log")
    without = leave_groups_out(found, at=(7e9, 7e11))[0]
    rest = fit("chinchilla", N[4:], D[4:], L[4:], objective="least-squares-log")
    assert without.params == pytest.approx(rest.params, rel=1e-3)
    assert without.a == pytest.approx(rest.derived["a"], rel=1e-4)
    p = rest.params
    assert without.prediction == pytest.approx(
        p["E"] + p["A"] * 7e9 ** -p["alpha"] + p["B"] * 7e11 ** -p["beta"], rel=1e-5
    )


def test_runs_of_one_budget_are_a_group() -> None:
    """IsoFLOP points are left out budget by budget."""
    C = np.repeat([1e19, 1e20, 1e21], 4)
    N = np.concatenate([np.sqrt(c / 120) * np.array([0.4, 0.8, 1.6, 3.2]) for c in (1e19, 1e20, 1e21)])
    found = leave_groups_out(fit("chinchilla", *plant("chinchilla", TRUTH, N, C / 6 / N, 0.001)))
    assert [each.group for each in found if each.group.startswith("C")] == [
        "C = 1e19",
        "C = 1e20",
        "C = 1e21",
    ]


def test_a_group_that_decides_the_answer_is_named() -> None:
    """Small runs that read high: without them a moves by more than its interval."""
    N, D = cross((5e7, 1.2e8, 3e8, 7e8, 1.6e9), (5.0, 20.0, 80.0, 320.0))
    rungs = plant("chinchilla", TRUTH, N, D, 0.0005)
    rungs.L[N == 5e7] *= 1.03
    found = fit("chinchilla", *rungs, objective="least-squares-log")
    warnings = influential(found, leave_groups_out(found))
    assert {warning.code for warning in warnings} == {"influential-group"}
    text = next(warning.text for warning in warnings if "N = 50M" in warning.text)
    assert text == f"Without N = 50M, a moves from {found.derived['a']:.3f} to 0.504."
    # without an interval of its own there is nothing to move beyond
    assert influential(fit("compute", *rungs), leave_groups_out(fit("compute", *rungs))) == []


@pytest.mark.parametrize("by", ["loss", "residual"])
def test_the_drop_curve_leaves_the_largest_out_one_by_one(by: str) -> None:
    """From none to eight, the worst first, also with rungs in any order."""
    N, D, L = (values[::-1] for values in chinchilla(20, 0.004))
    found = fit("chinchilla", N, D, L, objective="least-squares-log")
    curve = drop_curve(found, by)
    assert [each.group.split(" ", 1)[0] for each in curve] == [str(count) for count in range(9)]
    score = L if by == "loss" else np.abs(found.residuals)
    assert curve[0].params == pytest.approx(found.params, rel=1e-5)
    assert [set(each.left_out) for each in curve] == [set(np.argsort(-score)[:count]) for count in range(9)]


def test_there_is_no_third_order_of_dropping() -> None:
    """Loss or residual, else the caller is wrong."""
    with pytest.raises(ValueError, match="loss or residual"):
        drop_curve(fit("chinchilla", *chinchilla(20, 0.004)), "size")
