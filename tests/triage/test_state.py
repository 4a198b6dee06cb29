"""One word for a run, and its place on the board."""

import pytest

from labbook.summary import Flag
from labbook.triage.severity import Rank, severity
from labbook.triage.state import verdict


def _flags(*ids, cleared=None):
    severities = {"spike": "warn", "spike-open": "warn", "resumed": "info"}
    return [Flag(i, severities.get(i, "crit"), "", cleared_step=cleared) for i in ids]


def test_precedence_of_a_live_run():
    """nan > stalled > diverged > spike-open > ok, in whatever order the flags come."""
    order = ["nan", "stalled", "diverged", "spike-open"]
    for i, state in enumerate(order):
        assert verdict(_flags(*reversed(order[i:])), False, "running") == state
    assert verdict(_flags("spike", "resumed"), False, "running") == "ok"


@pytest.mark.parametrize("state", ["nan", "diverged", "spike-open"])
def test_a_flag_that_has_cleared_does_not_count(state):
    """It stays in the list, and the run is ok."""
    assert verdict(_flags(state, cleared=10.0), False, "running") == "ok"


@pytest.mark.parametrize(
    ("finished", "status", "state"),
    [
        (True, "unknown", "done"),
        (True, "failed", "done"),
        (False, "cancelled", "cancelled"),
        (False, "failed", "failed"),
        (False, "finished", "done"),
        (False, "running", "ok"),
        (False, "unknown", "ok"),
    ],
)
def test_how_a_run_ended(finished, status, state):
    """A schedule that was completed counts more than how the process exited."""
    assert verdict([], finished, status) == state


@pytest.mark.parametrize("status", ["finished", "cancelled", "failed"])
def test_a_run_that_ended_broken_says_so(status):
    """A nan or a divergence open at the end; an open spike or a stall is no matter any more."""
    assert verdict(_flags("nan", "diverged"), True, status) == "nan"
    assert verdict(_flags("diverged"), False, status) == "diverged"
    assert verdict(_flags("spike-open", "stalled"), True, status) == "done"


def test_a_run_without_points_is_unknown():
    """Neither ok nor broken."""
    assert verdict([], False, "unknown", has_points=False) == "unknown"


def test_the_board_is_sorted_by_what_needs_a_person():
    """crit, warn, attention, running, done; each by state, open flags and what is missing."""
    assert [severity(s) for s in ("nan", "stalled", "diverged")] == [Rank.CRIT] * 3
    assert severity("spike-open") == severity("failed") == severity("ok", _flags("spike")) == Rank.WARN
    assert severity("unknown") == severity("ok", missing=["N"]) == severity("done", missing=["N"])
    assert severity("unknown") == Rank.ATTENTION
    assert severity("ok") == severity("ok", _flags("spike", cleared=5.0)) == Rank.RUNNING
    assert severity("done") == severity("cancelled", missing=["N"]) == Rank.DONE
    assert severity("done", _flags("spike-open")) == Rank.DONE
    assert sorted(Rank) == [Rank.CRIT, Rank.WARN, Rank.ATTENTION, Rank.RUNNING, Rank.DONE]
