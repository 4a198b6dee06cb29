"""How long fits take. Goals, on one core and one BLAS thread, stand in each docstring.

Run with `pytest tests/bench/test_bench_scaling.py --benchmark-enable`.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from labbook.rung import Rung, cells
from labbook.scaling.bootstrap import bootstrap
from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.regime import regimes
from labbook.scaling.values import FitStatus
from labbook.summary import Level

FORMS = ("kaplan", "kaplan-floor", "chinchilla", "general")
Rungs = tuple[np.ndarray, np.ndarray, np.ndarray]


def ladder(sizes: int, ratios: int, noise: float = 0.004) -> Rungs:
    """A noisy Chinchilla truth on sizes x tokens-per-parameter."""
    N = np.repeat(np.geomspace(5e7, 5e9, sizes), ratios)
    D = N * np.tile(np.geomspace(5, 320, ratios), sizes)
    scatter = np.random.default_rng(0).standard_normal(N.size)
    return N, D, (1.817 + 482 * N**-0.348 + 2085 * D**-0.366) * np.exp(noise * scatter)


@pytest.fixture(autouse=True)
def _warm() -> None:
    """The first call of a process pays for loading LAPACK."""
    fit("kaplan", *ladder(3, 3))


def test_fit_of_25_rungs(benchmark: BenchmarkFixture) -> None:
    """Default objective, 16 starts, intervals. Goal: 15 ms."""
    found = benchmark(fit, "chinchilla", *ladder(5, 5))
    assert found.status is FitStatus.CONVERGED


def test_fit_of_240_points(benchmark: BenchmarkFixture) -> None:
    """Default objective, 16 starts. Goal: 15 ms."""
    found = benchmark(fit, "chinchilla", *ladder(24, 10))
    assert found.status is FitStatus.CONVERGED


def test_4000_refits_of_240_points(benchmark: BenchmarkFixture) -> None:
    """Huber bootstrap by weight rows. Goal: 1 s."""
    rungs = ladder(24, 10)
    found = fit("chinchilla", *rungs)
    draws = benchmark.pedantic(bootstrap, (found, *rungs, 4000), rounds=3)
    assert draws.failed == 0


def test_all_laws_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """Four least-squares fits with intervals. Goal: 60 ms each at most."""
    rungs = ladder(6, 5)
    found = benchmark(lambda: [fit(law, *rungs, objective="least-squares-log") for law in FORMS])
    assert all(each.interval_method == "delta-t" for each in found)


def test_least_squares_fit_of_20_rungs(benchmark: BenchmarkFixture) -> None:
    """Sixteen starts, intervals, warnings. Goal: 10 ms."""
    found = benchmark(fit, "chinchilla", *ladder(5, 4), objective="least-squares-log")
    assert found.status is FitStatus.CONVERGED


def test_verdicts_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """What a screen waits for: all laws with intervals, and every rung judged. Goal: 300 ms."""
    rungs = ladder(6, 5)
    assert len(benchmark(lambda: regimes(compare(*rungs), *rungs, *rungs[:2]))) == 30


def test_comparison_of_5000_rungs(benchmark: BenchmarkFixture) -> None:
    """All laws of a table far larger than any ladder. Goal: 5 s."""
    pool = benchmark.pedantic(compare, ladder(50, 100), rounds=2)
    assert "chinchilla" in pool.admitted


def test_comparison_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """All laws, hold-out, gate and warnings."""
    assert benchmark(compare, *ladder(6, 5)).gate is None


def test_regimes_of_30_rungs(benchmark: BenchmarkFixture) -> None:
    """Every rung judged by all admitted forms, 60 draws each. Goal: 0.1 s, at most 0.3 s."""
    rungs = ladder(6, 5)
    pool = compare(*rungs)
    assert len(benchmark(regimes, pool, *rungs, rungs[0], rungs[1])) == 30


def test_regimes_of_5000_rungs(benchmark: BenchmarkFixture) -> None:
    """Every run of a table far larger than any ladder judged. Goal: 1 s."""
    rungs = ladder(50, 100)
    pool = compare(*rungs)
    found = benchmark.pedantic(regimes, (pool, *rungs, *rungs[:2]), rounds=2)
    assert len(found) == 5000


def test_cells_of_5000_rungs(benchmark: BenchmarkFixture) -> None:
    """Which of them repeat one another. Goal: 0.1 s."""
    level = Level(3.0, None, "val", "last", None, 1)
    rungs = [
        Rung(str(i), str(i), N, D, 6 * N * D, L, level)
        for i, (N, D, L) in enumerate(zip(*(column.tolist() for column in ladder(50, 100)), strict=True))
    ]
    assert len(benchmark(cells, rungs)) == 5000
