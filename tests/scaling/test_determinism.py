"""The same rungs give the same bytes, in any process; and the default path does not import SciPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import labbook

WALK = """
import sys
import numpy as np
from labbook.scaling.bootstrap import bootstrap
from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.predict import predict_pool
from labbook.scaling.regime import regimes

random = np.random.default_rng(0)
N = np.repeat(np.geomspace(5e7, 2e9, 6), 5)
D = N * np.tile([5.0, 15.0, 50.0, 150.0, 400.0], 6)
L = (1.8 + 482 * N**-0.348 + 2085 * D**-0.366) * np.exp(0.004 * random.standard_normal(30))
pool = compare(N, D, L, repeats=[[0, 1]])
assert "scipy" not in sys.modules, "SciPy was imported"
for law in pool.fits.values():
    print(law)
print(fit("chinchilla", N, D, L), pool.preferred, pool.holdout, pool.warnings, pool.digest)
print(regimes(pool, N, D, L, N[:5], D[:5]))
print([values.tolist() for values in predict_pool(pool, N, 10 * D)])
found = fit("chinchilla", N, D, L)
print(bootstrap(found, N, D, L, draws=200).values.tolist())
"""


def walk(**environment: str) -> str:
    """What the whole walk prints in a fresh interpreter."""
    folder = str(Path(labbook.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", WALK],
        env={**os.environ, "PYTHONPATH": folder, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def printed() -> str:
    """The walk under one hash seed and one BLAS thread."""
    return walk(PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")


def test_no_process_changes_a_digit(printed: str) -> None:
    """Another hash seed gives the same bytes."""
    assert len(printed) > 20_000
    assert walk(PYTHONHASHSEED="77", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1") == printed


def test_no_number_of_threads_changes_a_digit(printed: str) -> None:
    """Two BLAS threads give the same bytes."""
    assert walk(PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2") == printed
