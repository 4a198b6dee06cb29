"""The rolling median is exact, and only looks back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.triage.rolling import previous_median
from labbook.triage.spike import _least_median, _median_before


def _naive(y: np.ndarray, window: int, least: int) -> np.ndarray:
    out = np.full(len(y), np.nan)
    for i in range(least, len(y)):
        before = np.sort(y[max(0, i - window) : i])
        out[i] = before[len(before) // 2]
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-5, 5), max_size=90), st.integers(1, 40), st.floats(0, 1, exclude_min=True), st.data()
)
def test_equals_the_sorted_window_before_each_point(values, window, share, data):
    """Ties, short series and windows still filling up included."""
    least = max(1, round(share * window))
    y = np.asarray(values, dtype=float)
    np.testing.assert_array_equal(previous_median(y, window, least), _naive(y, window, least))


@pytest.mark.parametrize("n", [4095, 4096, 4097, 9001])
@pytest.mark.parametrize("window", [101, 501])
def test_exact_across_the_rows_it_works_in(n, window, rng):
    """Series longer than one row of the wavelet matrix, also where a row ends at the last point."""
    y = rng.normal(size=n).round(2)
    got, at = previous_median(y, window, window), rng.integers(window, n, 300)
    assert [got[i] for i in at] == [np.sort(y[i - window : i])[window // 2] for i in at]


def test_a_later_point_changes_nothing_before_it(rng):
    """Causal: what was said at step s stays said."""
    y = rng.normal(size=800)
    whole, cut = previous_median(y, 101, 101), previous_median(y[:500], 101, 101)
    np.testing.assert_array_equal(whole[:500], cut)


def test_rejects_a_least_count_outside_the_window():
    """A caller's mistake is a ValueError."""
    with pytest.raises(ValueError, match="not within"):
        previous_median(np.zeros(5), 3, 4)


@pytest.mark.parametrize(("window", "level"), [(501, 101), (101, 31)])
@pytest.mark.parametrize("shape", ["noise", "bursts", "drift"])
def test_the_quick_bound_is_never_above_the_exact_median(window, level, shape, rng):
    """No point that could score is skipped because of the bound."""
    n = 6000 if window == 501 else 1150
    size = np.abs(rng.normal(size=n))
    if shape == "bursts":
        size *= np.where(np.arange(n) // 37 % 3 == 0, 10, 0.01)
    if shape == "drift":
        size *= np.linspace(5, 0.1, n)
    size[:level] = np.nan
    at = np.arange(100 if window == 101 else 600, n)
    assert (_least_median(size, window)[at] <= _median_before(size, at, window) + 1e-15).all()
