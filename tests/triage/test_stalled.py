"""A run has stalled when its step has not moved for longer than it ever takes."""

import numpy as np
import pytest

from labbook.triage.evidence import Evidence
from labbook.triage.stalled import Stalled

NOW = 1_800_000_000.0


def _find(age, gaps, **more):
    return Stalled().find(Evidence(now=NOW, last_progress=NOW - age, gaps=gaps, **more))


@pytest.mark.parametrize(
    ("gaps", "threshold"),
    [
        ([1.0] * 50, 120),  # never below two minutes
        ([60.0] * 50, 300),  # five usual gaps
        ([10.0] * 50 + [600.0], 1200),  # an eval once took ten minutes
        ([5000.0] + [10.0] * 200, 120),  # longer ago than 200 gaps
        ([], 1800),  # nothing known yet: half an hour
        ([10.0, 10.0], 1800),  # two gaps say little
        (None, 1800),
    ],
)
def test_fires_just_above_its_threshold(gaps, threshold):
    """And names the age and the threshold."""
    assert _find(threshold, gaps) == []
    (flag,) = _find(threshold + 1, gaps)
    assert (flag.id, flag.severity) == ("stalled", "crit")
    assert (flag.value, flag.threshold, flag.since_time) == (threshold + 1, threshold, NOW - threshold - 1)


def test_the_text_names_age_threshold_and_usual_gap():
    """What a person needs to judge it."""
    (flag,) = _find(3 * 3600, [60.0] * 20)
    assert flag.text == "no step for 3h00, threshold 5m (usual gap 1m)"


@pytest.mark.parametrize("status", ["finished", "cancelled", "failed"])
def test_a_run_that_has_ended_never_stalls(status):
    """By its log or by its schedule."""
    assert _find(1e7, [10.0] * 50, status=status) == []
    assert _find(1e7, [10.0] * 50, finished=True) == []


def test_nothing_is_said_without_a_time():
    """No last progress: no verdict."""
    assert Stalled().find(Evidence(now=NOW)) == []


def test_healthy_gaps_with_evals_do_not_stall(rng):
    """At most 1 per 10k gaps, just before each next step; an eval every 100 takes 30 to 60 times as long."""
    gaps = rng.gamma(20, 0.5, 12_000)
    gaps[99::100] += rng.uniform(300, 600, 120)
    fired = sum(bool(_find(gaps[i], gaps[max(0, i - 300) : i])) for i in range(300, 10_300))
    assert fired <= 1


def test_the_flag_says_where_the_run_stopped(curve):
    """Step of the last point."""
    train = curve(np.arange(50), np.full(50, 3.0))
    (flag,) = _find(1e5, [10.0] * 49, train=train)
    assert flag.since_step == 49
