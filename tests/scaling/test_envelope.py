"""Approach 1 on planted curves: the exponent, why its interval comes from leaving runs out, what is refused."""

import numpy as np
import pytest

from labbook.scaling.envelope import envelope
from labbook.scaling.form import FloatArray
from labbook.scaling.laws import chinchilla
from tests.scaling.ladders import TRUTH

A = TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
SIZES = np.geomspace(3e7, 3e9, 16)


def planted(
    sizes: FloatArray = SIZES, noise: float = 0.0, seed: int = 0, most: float = 100.0
) -> list[tuple[FloatArray, FloatArray]]:
    """Constant-LR curves from half a token per parameter to `most`; each run has an offset of its own."""
    random = np.random.default_rng(seed)
    found = []
    for N in sizes:
        D = np.geomspace(0.5 * N, most * N, 120)
        loss = chinchilla.chinchilla_loss(np.full_like(D, N), D, TRUTH)
        found.append((D, loss * np.exp(noise * random.standard_normal())))
    return found


def test_the_envelope_finds_the_planted_exponent() -> None:
    """16 sizes without noise: a within .005, the size at 1e20 within 5 %, a stair for each size inside."""
    found = envelope(planted(), SIZES)
    assert found.refused is None and found.a == pytest.approx(A, abs=0.005)
    best, _ = chinchilla.optimal(1e20, TRUTH)
    assert np.exp(found.ln_k + found.a * np.log(1e20)) == pytest.approx(best, rel=0.05)
    assert len(found.points) == 14
    assert all(SIZES[0] < b.N < SIZES[-1] for b in found.points)


def by_least_squares(curves: list[tuple[FloatArray, FloatArray]]) -> tuple[float, float]:
    """a and its standard error as if the 1500 points of the staircase were independent."""
    ln_C = [np.log(6.0 * N * D) for N, (D, _) in zip(SIZES, curves, strict=True)]
    grid = np.linspace(min(x[0] for x in ln_C), max(x[-1] for x in ln_C), 1500)
    rows = [np.interp(grid, x, np.log(L), np.inf, np.inf) for x, (_, L) in zip(ln_C, curves, strict=True)]
    best = np.argmin(rows, axis=0)
    reached = np.isfinite(rows)
    last = SIZES.size - 1 - reached[::-1].argmax(axis=0)
    counts = (best > reached.argmax(axis=0)) & (best < last)
    x, y = grid[counts] - grid[counts].mean(), np.log(SIZES[best[counts]])
    a = x @ y / (x @ x)
    residuals = y - y.mean() - a * x
    return float(a), float(np.sqrt(residuals @ residuals / (x.size - 2) / (x @ x)))


def test_the_interval_is_that_of_the_runs_and_not_of_the_grid() -> None:
    """40 ladders, .05 % between runs: the jackknife holds the truth, least squares on the stairs does not."""
    held = by_grid = 0
    for seed in range(40):
        curves = planted(noise=0.0005, seed=seed)
        found = envelope(curves, SIZES)
        assert found.a is not None and found.a_interval is not None
        held += found.a_interval[0] <= A <= found.a_interval[1]
        a, se = by_least_squares(curves)
        assert found.a == pytest.approx(a, abs=1e-9)
        by_grid += abs(a - A) <= 1.96 * se
    assert held >= 38
    assert by_grid <= 24


def test_runs_that_stop_early_do_not_bend_the_line() -> None:
    """Above the compute where a smaller run ends the next one wins by default: those C do not count."""
    tokens = np.geomspace(3e7, 3e9, 200)
    short = [(tokens, chinchilla.chinchilla_loss(np.full_like(tokens, N), tokens, TRUTH)) for N in SIZES]
    found = envelope(short, SIZES)
    assert found.a == pytest.approx(A, abs=0.03)
    assert max(b.N for b in found.points) < 3e8


def test_curves_of_a_falling_learning_rate_are_refused() -> None:
    """`unannealed-points`: their inner points read high."""
    found = envelope(planted(), SIZES, decays=True)
    assert found.a is None and found.refused is not None
    assert found.refused.code == "unannealed-points"
    assert "constant learning rate" in found.refused.remedy


def test_too_few_sizes_are_refused() -> None:
    """Four sizes leave two between a smaller and a larger one."""
    found = envelope(planted(SIZES[::5], most=2000.0), SIZES[::5])
    assert found.refused is not None and found.refused.code == "too-few-rungs"
    assert found.refused.text.startswith("2 sizes")
    assert envelope([], []).refused is not None


def test_the_order_of_runs_and_points_changes_no_digit() -> None:
    """Rows shuffled: the same bytes."""
    curves = planted(noise=0.002)
    random = np.random.default_rng(1)
    order = random.permutation(SIZES.size)
    shuffled = []
    for i in order:
        points = random.permutation(curves[i][0].size)
        shuffled.append((curves[i][0][points], curves[i][1][points]))
    assert envelope(shuffled, SIZES[order]) == envelope(curves, SIZES)


@pytest.mark.parametrize(
    "curve",
    [
        ([], []),
        ([1e9, 2e9], [3.0]),
        ([1e9, -2e9], [3.0, 2.9]),
        ([1e9, 2e9], [3.0, float("nan")]),
    ],
)
def test_curves_that_are_none_raise(curve: tuple[list[float], list[float]]) -> None:
    """Empty, of two lengths, negative, not a number."""
    with pytest.raises(ValueError, match="curve"):
        envelope([curve], [1e8])


def test_one_curve_a_size() -> None:
    """A size without a curve is an error of the caller."""
    with pytest.raises(ValueError, match="one curve a run"):
        envelope(planted(SIZES[:3]), SIZES[:4])
