"""One line of advice, of a fixed table."""

import time

import pytest

from labbook.summary import Eta, Flag
from labbook.triage.advice import advice


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _flag(name, value=100.0):
    return [Flag(name, "crit", "", since_step=500.0, value=value)]


@pytest.mark.parametrize(
    ("state", "flags", "more", "line"),
    [
        ("nan", _flag("nan"), {"step": 510}, "stop: nan stays open since step 500"),
        ("nan", _flag("nan", 1.0), {"step": 510}, "look at the data at step 500"),
        (
            "nan",
            _flag("nan"),
            {"step": 510, "has_ended": True},
            "lower the learning rate or restart before step 500",
        ),
        ("diverged", _flag("diverged"), {"step": 510}, "lower the learning rate or restart before step 500"),
        ("diverged", _flag("diverged"), {"step": 600}, "stop: diverged stays open since step 500"),
        (
            "spike-open",
            _flag("spike-open"),
            {"step": 900},
            "lower the learning rate or restart before step 500",
        ),
        ("stalled", _flag("stalled"), {}, "check node or storage"),
        ("failed", [], {}, "check node or storage"),
        ("ok", [], {"missing": ["N", "planned steps"]}, "supply N, planned steps"),
        ("done", [], {"missing": ["N"]}, "supply N"),
        ("cancelled", [], {"missing": ["N"]}, "nothing"),
        ("done", [], {}, "nothing"),
        ("ok", [], {}, "nothing"),
        ("unknown", [], {}, "nothing"),
    ],
)
def test_line(state, flags, more, line):
    """What is broken first, then what is missing."""
    missing = more.pop("missing", ())
    assert advice(state, flags, missing, **more) == line


def test_look_again_names_the_next_quarter_and_its_time():
    """Today by the clock, later with the day."""
    now = 1_800_000_000.0  # Fri 15 Jan 2027 08:00 UTC
    pace = Eta(now + 1200, now, now, 2.0)
    assert advice("ok", step=400, planned_steps=1000, now=now, eta=pace) == "look again at step 500 (08:03)"
    slow = Eta(now, now, now, 7200.0)
    line = advice("ok", step=740, planned_steps=1000, now=now, eta=slow)
    assert line == "look again at step 750 (Sat 16 Jan 04:00)"
    assert advice("ok", step=400, planned_steps=1000) == "look again at step 500"


def test_a_spike_that_recovered_needs_nothing():
    """Nor does one that is over by now."""
    spike = [Flag("spike", "warn", "", since_step=5, cleared_step=30)]
    assert advice("ok", spike) == "nothing"
