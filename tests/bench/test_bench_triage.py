"""How long triage takes. Goals of science.md section 7: 100k points cold at most 150 ms, better 60."""

import numpy as np
import pytest

from labbook.records import Curve
from labbook.triage import Evidence, find_flags


def _evidence(n: int) -> Evidence:
    rng = np.random.default_rng(1)
    step, none = np.arange(float(n)), np.full(n, np.nan)
    loss = 2.9 + 7 * (step + 50) ** -0.35 + rng.normal(0, 0.1, n)
    segment = np.zeros(n, np.int32)
    train = Curve("train", step, loss, none, none, 1e9 + step, segment)
    lr = Curve("lr", step, 1e-3 * (1 - step / n), none, none, none, segment)
    return Evidence(train=train, lr=lr, now=2e9, last_progress=2e9, gaps=np.ones(200))


@pytest.mark.parametrize("n", [1_000, 100_000])
def test_every_detector_over_one_run(benchmark, n):
    """All rules, nothing remembered from before."""
    assert benchmark(find_flags, _evidence(n)) == []
