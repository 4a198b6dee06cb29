"""Whatever a ladder holds, it comes back as values: no error, no stray warning, no number made up."""

import math
import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.scaling.compare import compare
from labbook.scaling.predict import predict_interval, predict_pool
from labbook.scaling.regime import regimes
from labbook.scaling.values import FitStatus

sizes = st.sampled_from([1e3, 1e6, 2e7, 1e8, 1e9, 1e12])
lengths = st.sampled_from([1e4, 1e8, 1e9, 2e10, 1e12])
losses = st.one_of(st.just(3.0), st.floats(1e-6, 1e6), st.floats(2.0, 4.0))


@settings(max_examples=8, deadline=None)
@given(rungs=st.lists(st.tuples(sizes, lengths, losses), min_size=0, max_size=12))
def test_any_positive_numbers_are_a_ladder(rungs: list[tuple[float, float, float]]) -> None:
    """Repeated, constant, rising or absurd losses: fits have a status, and verdicts a label."""
    N, D, L = np.array(rungs, float).reshape(-1, 3).T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pool = compare(N, D, L)
        (regime,) = regimes(pool, N, D, L, [1e8], [1e9])
        if pool.admitted:
            predict_pool(pool, [1e8], [1e9])
        for found in pool.fits.values():
            centre, low, high = predict_interval(found, [1e8], [1e9])
            assert math.isnan(low[0]) or low[0] <= centre[0] <= high[0]
    assert (regime.refused is None) == (regime.pooled is not None)
    for found in pool.fits.values():
        assert all(math.isfinite(end) for ends in found.intervals.values() for end in ends)
        assert not found.intervals or found.status in (FitStatus.CONVERGED, FitStatus.AT_BOUND)
        assert not set(found.bound) & set(found.intervals)
