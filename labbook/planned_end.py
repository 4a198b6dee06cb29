"""The learning rate of an unfinished run to its planned end, step by step, for laws of the schedule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labbook.curvefit import finite_points
from labbook.logs.config import Config
from labbook.planned_rate import FloatArray, learning_rate
from labbook.records import Curve, Said
from labbook.scaling.learning_rate import MOST_STEPS, per_step
from labbook.scaling.values import Refusal
from labbook.summary import RunView
from labbook.triage.forecast import schedule

SAME_COUNT = 0.01
"""The logged step counts updates where both agree to this share."""


def rates_to_end(run: RunView, said: Sequence[Said], lr: Curve | None) -> FloatArray | Refusal:
    """Learning rate of the steps 0 to the planned one (steps + 1,): as logged so far, then as planned.

    said: what the sources of the run say, with its configuration. lr: as logged.
    """
    if run.planned_steps is None:
        return Refusal("no-horizon", "Its planned steps are not known.", "labbook set RUN planned_steps=...")
    if lr is None or not len(lr):
        return Refusal("no-lr", "No learning rate is logged.", "log it beside the loss")
    step, rate = finite_points(lr)
    logged = per_step(step, rate)
    if isinstance(logged, Refusal):
        return logged
    so_far, _ = logged
    last, total = so_far.size - 1, round(run.planned_steps)
    if total > MOST_STEPS or (run.step is not None and abs(run.step - last) > max(1.5, SAME_COUNT * run.step)):
        return Refusal("no-step-schedule", "Its logged steps do not count the updates of its plan.")
    plan = learning_rate(
        Config(said), run.planned_steps, schedule(step, rate, total), dict(run.recipe).get("schedule", "")
    )
    if plan is None or not plan.is_whole:
        text = "How its learning rate goes on is not known."
        return Refusal("no-schedule", text, "name the schedule and its end in the configuration")
    later = plan.at(np.arange(last + 1, total + 1) / total) * float(so_far.max())
    return np.concatenate([so_far, later])
