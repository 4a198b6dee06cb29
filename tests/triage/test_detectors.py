"""What every detector must do, over the registry."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.triage import DETECTORS, Evidence, find_flags

stateless = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""The fixture `curve` is a plain function."""
every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=attrgetter("id"))


def test_ids_are_unique():
    """A flag is known by its id."""
    assert len({d.id for d in DETECTORS}) == len(DETECTORS)


@every_detector
def test_explains_itself_in_lines_that_fit(detector):
    """Name, rule and every line within 78 columns."""
    text = detector.explain()
    assert text.startswith(f"{detector.id} ({detector.severity})")
    assert " ".join(text.split()).count(" ".join(detector.rule.split())) == 1
    assert max(map(len, text.splitlines())) <= 78


@every_detector
@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_short_series_raise_nothing(detector, curve, n):
    """Empty, one, two and thirty falling points in every series."""
    y = 5 - 0.05 * np.arange(n)
    steps = np.arange(n)
    names = ("train", "val", "grad_norm", "lr", "nan_iterations")
    values = (y, y, y, y * 1e-4, np.zeros(n))
    evidence = Evidence(**{k: curve(steps, v, k) for k, v in zip(names, values, strict=True)}, now=1.0)
    assert detector.find(evidence) == []


@every_detector
def test_no_series_at_all_raises_nothing(detector):
    """A run whose log has no metrics yet."""
    assert detector.find(Evidence(now=1.0)) == []


def test_a_run_of_nothing_but_nan_is_nan_and_nothing_else(curve):
    """One flag from the first step, open."""
    (flag,) = find_flags(Evidence(train=curve(np.arange(2000), np.full(2000, np.nan)), now=1.0))
    assert (flag.id, flag.since_step, flag.value, flag.cleared_step) == ("nan", 0, 2000, None)


def _eventful(rng):
    y = 2.9 + 7 * (np.arange(3000) + 50) ** -0.35 + rng.normal(0, 0.1, 3000)
    y[1500:1510] += 1
    y[2200:] += 1.2
    return y


@stateless
@given(factor=st.floats(1e-3, 1e3))
def test_the_unit_of_the_loss_does_not_matter(curve, factor):
    """The same spikes and divergences at the same steps in nats, bits or anything proportional."""
    y = _eventful(np.random.default_rng(7))

    def told(values):
        flags = find_flags(Evidence(train=curve(np.arange(len(y)), values), now=1.0))
        return [(f.id, f.severity, f.since_step, f.cleared_step) for f in flags]

    assert told(y * factor) == told(y)
    assert {"spike", "spike-open", "diverged"} <= {entry[0] for entry in told(y)}


@stateless
@given(factor=st.floats(1e-3, 1e3))
def test_the_unit_of_the_loss_does_not_matter_in_sparse_logs(curve, factor):
    """The rule for few points compares ratios."""
    y = np.concatenate((5 + 4 / np.arange(1, 61), np.full(20, 6.5)))
    flags = [find_flags(Evidence(train=curve(np.arange(80), v))) for v in (y, y * factor)]
    assert [[f.since_step for f in found] for found in flags] == [[61.0], [61.0]]


def test_nothing_depends_on_what_was_asked_before(curve, rng):
    """Pure: the same evidence gives equal flags, and is left as it was."""
    y = _eventful(rng)
    train = curve(np.arange(len(y)), y)
    first = find_flags(Evidence(train=train, now=1.0))
    assert find_flags(Evidence(train=train, now=1.0)) == first
    np.testing.assert_array_equal(train.value, y)
