"""The learning rate of every step, from the values a log has."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.values import Refusal

MOST_STEPS = 1_000_000
"""A step counter beyond it counts samples or tokens."""
UNKNOWN_START = 0.25
"""Share of a schedule that may lie before the first logged rate."""


def per_step(step: FloatArray, lr: FloatArray) -> tuple[FloatArray, tuple[str, ...]] | Refusal:
    """(learning rate of the steps 0 to the last one (steps,), how it was read) from logged values, each (n,).

    step: whole numbers, strictly increasing. Between logged steps the rate is a straight line, but where it
    stays constant on both sides it jumps at the later one. Before the first it rises from 0.
    """
    if not step.size:
        return Refusal("no-lr", "No learning rate is logged.", "log it beside the loss")
    last = int(step[-1])
    if last > MOST_STEPS:
        text = f"Its steps go to {last:.3g}: they do not count optimiser steps."
        return Refusal("no-step-schedule", text, "give the learning rate by optimiser step")
    if not (np.isfinite(lr).all() and (lr >= 0.0).all() and lr.max() > 0.0):
        return Refusal("no-lr", "Its learning rate is not a number, negative or 0 throughout.")
    first = int(step[0])
    if first > UNKNOWN_START * last:
        text = f"Its learning rate is logged from step {first} of {last} on; what it was before is not known."
        return Refusal("schedule-unknown", text, "read the log of its start too")
    every = np.interp(np.arange(last + 1), step, lr)
    jumps = _jumps(step, lr)
    for i in jumps:
        every[int(step[i]) + 1 : int(step[i + 1])] = lr[i]
    if first > 1:
        every[:first] = np.linspace(0.0, lr[0], first + 1)[:-1]
    return every, _words(step, first, len(jumps))


def _jumps(step: FloatArray, lr: FloatArray) -> list[int]:
    """Positions before a change between two constant stretches."""
    same = np.diff(lr) == 0.0
    wide = np.diff(step) > 1.0
    return [i for i in range(1, lr.size - 2) if wide[i] and same[i - 1] and same[i + 1] and not same[i]]


def _words(step: FloatArray, first: int, jumps: int) -> tuple[str, ...]:
    notes = []
    widest = float(np.diff(step).max()) if step.size > 1 else 1.0
    if widest > 1.0:
        notes.append(f"learning rate by straight lines between logged steps, at most {widest:.0f} apart")
    if jumps:
        notes.append("a jump between constant rates taken at the later logged step")
    if first > 1:
        notes.append(f"warm-up not logged: learning rate taken as rising from 0 to step {first}")
    return tuple(notes)


def end_of_rise(lr: FloatArray) -> int:
    """The step at which the rate, before it first falls, first reaches its peak: the end of the warm-up."""
    fall = np.flatnonzero(np.diff(lr) < 0.0)
    return int(lr[: int(fall[0]) + 1 if fall.size else lr.size].argmax())
