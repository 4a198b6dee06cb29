"""Restarts are told from the segments that stand."""

import numpy as np

from labbook.triage.evidence import Evidence
from labbook.triage.resumed import Resumed


def _find(curve):
    return Resumed().find(Evidence(train=curve))


def test_a_run_in_one_piece_says_nothing(curve):
    """One segment, from its first point."""
    assert _find(curve(np.arange(50), np.zeros(50))) == []


def test_an_overlap_is_one_resume_at_its_first_step(from_file_order):
    """Steps 80 to 99 were written twice."""
    (flag,) = _find(from_file_order([*range(100), *range(80, 150)], np.zeros(170)))
    assert (flag.id, flag.severity, flag.since_step) == ("resumed", "info", 80)
    assert "second run in the same file" in flag.text


def test_each_restart_has_its_flag(from_file_order):
    """Three segments, two restarts."""
    steps = [*range(100), *range(90, 200), *range(150, 260)]
    assert [f.since_step for f in _find(from_file_order(steps, np.zeros(len(steps))))] == [90, 150]


def test_older_points_after_the_current_step_are_named(from_file_order):
    """A rollback to 50 that has reached 69: thirty old points are set aside."""
    steps = [*range(100), *range(50, 70)]
    (flag,) = _find(from_file_order(steps, np.zeros(len(steps))))
    assert "30 older points after it set aside" in flag.text


def test_a_restart_from_the_first_step_is_named(from_file_order):
    """Nothing of the first attempt stands."""
    (flag,) = _find(from_file_order([*range(40), *range(100)], np.zeros(140)))
    assert flag.text.startswith("started again at step 0")


def test_two_processes_writing_one_file_are_a_warning(from_file_order):
    """Two runs a few steps apart, line by line."""
    steps = [
        s for i in range(0, 400, 20) for s in (*range(i, i + 20), *range(max(0, i - 30), max(0, i - 30) + 9))
    ]
    (flag,) = _find(from_file_order(steps, np.zeros(len(steps))))
    assert flag.severity == "warn"
    assert flag.text.startswith("two runs in one file")
