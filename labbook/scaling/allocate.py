"""The allocation of least loss by one law with its intervals, and by all of them pooled."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.intervals import Handle
from labbook.scaling.optimum import FLOP_PER_PARAM_AND_TOKEN, Given, errors, frontier
from labbook.scaling.planned import LEVEL, POOLED, Allocation, Estimate
from labbook.scaling.pooling import Voice, estimate, estimate_of_log, pool, voice
from labbook.scaling.predict import predict_pool
from labbook.scaling.values import Comparison

STEPS_PER_DECADE = 2
MOST_STEPS = 24


def of_law(handle: Handle, given: Given, amount: float) -> Allocation:
    """One law's answer, its intervals by the delta method."""
    line = frontier(handle, given, [amount])

    def of(values: FloatArray, error: FloatArray) -> Estimate:
        return log_estimate([voice(handle, values, error)])

    return _without_given(
        Allocation(
            law=handle.law.name,
            C=of(line.C, errors(handle, line.N_gradient + line.D_gradient)),
            N=of(line.N, errors(handle, line.N_gradient)),
            D=of(line.D, errors(handle, line.D_gradient)),
            ratio=of(line.D - line.N, errors(handle, line.D_gradient - line.N_gradient)),
            loss=of(line.L, np.sqrt(errors(handle, line.L_gradient) ** 2 + handle.noise**2)),
        ),
        given,
        amount,
    )


def of_all(
    comparison: Comparison, handles: list[Handle], given: Given, amounts: FloatArray
) -> list[Allocation]:
    """All laws' answer to each amount: one of N and D is pooled, the rest follows from it.

    The loss is that of a run at the pooled N and D.
    """
    voices = []
    for handle in handles:
        line = frontier(handle, given, amounts)
        free, gradient = (line.D, line.D_gradient) if given == "params" else (line.N, line.N_gradient)
        voices.append(voice(handle, free, errors(handle, gradient)))
    moved = np.stack(pool(voices))
    fixed = np.broadcast_to(np.log(amounts), moved.shape)
    six = math.log(FLOP_PER_PARAM_AND_TOKEN)
    if given == "compute":
        C, N, D = fixed, moved, fixed - six - moved
    elif given == "tokens":
        C, N, D = six + moved + fixed, moved, fixed
    else:
        C, N, D = six + fixed + moved, fixed, moved
    losses = np.stack(predict_pool(comparison, np.exp(N[0]), np.exp(D[0]), LEVEL))
    found = []
    for i, amount in enumerate(amounts):
        C_, N_, D_, ratio = (_ordered(x[:, i]) for x in (C, N, D, D - N))
        loss = estimate(*map(float, losses[:, i]))
        found.append(_without_given(Allocation(POOLED, C_, N_, D_, ratio, loss), given, float(amount)))
    return found


def steps(comparison: Comparison, handles: list[Handle], least: float, most: float) -> tuple[Allocation, ...]:
    """The pooled frontier at half decades between two budgets in FLOP, the last one at the end."""
    ends = np.log10([least, most]) * STEPS_PER_DECADE
    grid = np.arange(np.ceil(ends[0] - 1e-9), np.ceil(ends[1] - 1e-9))
    budgets = np.append(10.0 ** (grid[-MOST_STEPS:] / STEPS_PER_DECADE), most)
    return tuple(of_all(comparison, handles, "compute", budgets))


def log_estimate(voices: list[Voice]) -> Estimate:
    """The pooled figure of a quantity whose logarithm the laws give."""
    return estimate_of_log(*(float(x[0]) for x in pool(voices)))


def _ordered(values: FloatArray) -> Estimate:
    """Of the logarithm's centre and both ends, in either order."""
    return estimate_of_log(float(values[0]), float(values[1:].min()), float(values[1:].max()))


def _without_given(found: Allocation, given: Given, amount: float) -> Allocation:
    """What was given is known, whatever the laws say."""
    known = Estimate(amount)
    if given == "compute":
        return replace(found, C=known)
    return replace(found, D=known) if given == "tokens" else replace(found, N=known)
