"""When a run counts as finished, and why."""

import numpy as np
import pytest

from labbook.triage.finished import is_finished


@pytest.mark.parametrize(
    ("status", "step", "planned", "finished", "reason"),
    [
        ("unknown", 1562, 1562, True, "100 % of 1562 steps"),
        ("unknown", 1547, 1562, True, "99 % of 1562 steps"),
        ("unknown", 1546, 1562, False, "98 % of 1562 steps"),
        ("running", 656, 1562, False, "42 % of 1562 steps"),
        ("failed", 1562, 1562, True, "100 % of 1562 steps"),
        ("failed", 656, 1562, False, "failed at 41 % of 1562 steps"),
        ("cancelled", 656, 1562, False, "cancelled at 41 % of 1562 steps"),
        ("finished", 656, 1562, True, "the log says it ended, at 41 % of 1562 steps"),
        ("finished", 656, None, True, "the log says it ended"),
        ("running", 656, None, False, "planned steps unknown"),
        ("unknown", 656, float("nan"), False, "planned steps unknown"),
        ("unknown", 656, 0, False, "planned steps unknown"),
        ("unknown", None, 1562, False, "0 % of 1562 steps"),
        ("unknown", 2.4e8, 4.95e8, False, "48 % of 495M steps"),
    ],
)
def test_reason(status, step, planned, finished, reason):
    """The schedule decides first, then what the log says of its end."""
    step = 656.1 if step == 656 and status == "running" and planned == 1562 else step
    assert is_finished(status, step, planned) == (finished, reason)


def _lr(curve, steps, end, kind="cosine"):
    t = np.arange(0, steps, 7)
    share = t / 1000
    fall = (1 + np.cos(np.pi * share)) / 2 if kind == "cosine" else 1 - share
    return curve(t, end + (1e-3 - end) * fall, "lr")


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_a_rate_near_its_planned_end_does_not_refuse(curve, kind):
    """At 99 % a linear decay still lies a hundredth of its range above the end."""
    assert is_finished("unknown", 990, 1000, _lr(curve, 990, 1e-4, kind), lr_end=1e-4)[0]


def test_a_rate_far_above_its_planned_end_refuses(curve):
    """The plan was prolonged: all steps of the old plan are done, the decay is not."""
    lr = curve(np.arange(1000), 1e-3 * (1 - np.arange(1000) / 2000), "lr")
    finished, reason = is_finished("unknown", 1000, 1000, lr, lr_end=1e-5)
    assert not finished
    assert reason == "100 % of 1000 steps, but the learning rate is 0.0005, planned end 1e-05"


def test_a_rate_whose_end_is_not_known_does_not_refuse(curve):
    """A constant or high rate at the end of the plan is a schedule like any other."""
    lr = curve(np.arange(1000), np.full(1000, 1e-3), "lr")
    assert is_finished("unknown", 1000, 1000, lr)[0]


def test_a_rate_last_logged_long_before_the_end_is_not_judged(curve):
    """Logged every tenth of the run, it says nothing of the last step."""
    lr = curve(np.arange(0, 1000, 100), 1e-3 * (1 - np.arange(0, 1000, 100) / 1000), "lr")
    assert is_finished("unknown", 1000, 1000, lr, lr_end=0.0)[0]
