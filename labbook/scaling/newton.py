"""Damped Newton for many small problems at once; a row is a problem, rows that are done drop out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from labbook.scaling.form import BoolArray, FloatArray
from labbook.scaling.objective import Evaluation, Problems, evaluate

MAX_DAMPING = 1e8
MIN_DAMPING = 1e-12
LOWERED, RAISED, RAISED_AGAIN = 0.3, 4.0, 2.5
"""Factors of the damping: after a step that helps, after one that does not, and for each further one in a row.
The valleys between a constant and its neighbours are curved; failing steps there come in runs."""
LARGEST_STEP = 1.0
EXACT = 1e-28
"""Objective per unit of weight that is rounding noise: noiseless data has no relative decrease to wait for."""
FLAT = 1e-6
"""Curvature of the flattest direction that counts, in units of the damping's measure: a condition of 1,000."""
BLOCK = 16_384
"""Rows x points worked on at once: an array stays in cache, and products stay below the size from which a
BLAS splits them over threads, so the thread count cannot change a digit."""

Enough: TypeAlias = Callable[[FloatArray], bool]
"""Whether the values at which rows have ended settle the matter, so that the others may be given up."""


@dataclass(slots=True)
class Minima:
    """Where each row ended."""

    theta: FloatArray
    """(rows, 6)."""
    value: FloatArray
    """(rows,) objective."""
    has_converged: BoolArray
    """False where the iterations ran out."""


def minimise(
    problems: Problems,
    theta: FloatArray,
    delta: float,
    *,
    tolerance: float,
    damping: float = 1e-2,
    iterations: int = 200,
    enough: Enough | None = None,
) -> Minima:
    """Lower the objective from each row of theta (rows, 6); theta itself is left alone.

    A row is done when its next step promises less than `tolerance`, relative, when two successive steps change
    it by less than that, or when no step lowers it any more. Rows given up have an infinite value.
    """
    rows = theta.shape[0]
    block = max(1, BLOCK // max(1, problems.n.size))
    done = Minima(theta.copy(), np.full(rows, np.inf), np.zeros(rows, dtype=bool))
    with np.errstate(all="ignore"):  # a trial step may overflow; its value is then not finite and it is refused
        for low in range(0, rows, block):
            part = slice(low, min(rows, low + block))
            if _minimise_block(problems.take(part), done, part, delta, tolerance, damping, iterations, enough):
                break
    return done


def _minimise_block(
    problems: Problems,
    done: Minima,
    part: slice,
    delta: float,
    tolerance: float,
    damping: float,
    iterations: int,
    enough: Enough | None,
) -> bool:
    """Write where the rows of this part end into `done`; True where that is enough."""
    theta = done.theta[part].copy()
    rows = np.arange(part.start, part.stop)
    here = evaluate(problems, theta, delta)
    lam = np.full(rows.size, damping)
    raised = np.full(rows.size, RAISED)
    calm = np.zeros(rows.size, dtype=np.int64)
    exact = EXACT * np.broadcast_to(problems.weights, (rows.size, problems.n.size)).sum(axis=1)
    free = list(problems.form.free)
    step = _step(here, lam)
    for _ in range(iterations):
        trial = theta.copy()
        trial[:, free] += step
        problems.form.complete(trial)
        there = evaluate(problems, trial, delta)
        change = here.value - there.value
        falls = change > 0.0
        calm = np.where(np.abs(change) <= tolerance * here.value, calm + 1, 0)
        if falls.all():
            theta, here = trial, there
        else:
            theta[falls] = trial[falls]
            here.put(falls, there)
        lam = np.where(falls, np.maximum(LOWERED * lam, MIN_DAMPING), raised * lam)
        raised = np.where(falls, RAISED, RAISED_AGAIN * raised)
        step = _step(here, lam)
        over = (calm >= 2) | (lam > MAX_DAMPING) | (here.value <= exact)
        over |= _is_there(here, step, lam, tolerance)
        if over.any():
            done.theta[rows[over]], done.value[rows[over]] = theta[over], here.value[over]
            done.has_converged[rows[over]] = np.isfinite(here.value[over])
            if enough is not None and enough(done.value[done.has_converged]):
                return True
            stay = ~over
            if not stay.any():
                return False
            problems, here, theta, rows = problems.take(stay), here.take(stay), theta[stay], rows[stay]
            lam, raised, calm, exact, step = lam[stay], raised[stay], calm[stay], exact[stay], step[stay]
    done.theta[rows], done.value[rows] = theta, here.value
    return False


def _is_there(here: Evaluation, step: FloatArray, lam: FloatArray, tolerance: float) -> BoolArray:
    """Whether so little is left to gain: what the step promises, and what its damping may hide."""
    promised = -(step * here.gradient).sum(axis=1)
    result: BoolArray = (promised >= 0.0) & (promised * (1.0 + lam / FLAT) <= tolerance * here.value)
    return result


def _step(here: Evaluation, lam: FloatArray) -> FloatArray:
    damped = here.hessian.copy()
    np.einsum("bii->bi", damped)[:] += lam[:, None] * here.curvature
    step = _solve(damped, here.gradient)
    longest = np.abs(step).max(axis=1, keepdims=True)
    if not np.isfinite(longest).all():
        broken = ~np.isfinite(longest[:, 0])
        step[broken] = -here.gradient[broken] / here.curvature[broken]
        longest = np.abs(step).max(axis=1, keepdims=True)
    result: FloatArray = step * np.minimum(1.0, LARGEST_STEP / np.maximum(longest, 1e-300))
    return result


def _solve(matrices: FloatArray, gradient: FloatArray) -> FloatArray:
    step = np.full(gradient.shape, np.nan)
    try:
        step[:] = -np.linalg.solve(matrices, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:  # one exactly singular row fails the whole stack
        for row, matrix in enumerate(matrices):
            if np.linalg.matrix_rank(matrix) == matrix.shape[0]:
                step[row] = -np.linalg.solve(matrix, gradient[row])
    return step
