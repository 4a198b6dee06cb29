"""Damped Newton for many small problems at once; a row is a problem, rows that are done drop out."""

from __future__ import annotations

from dataclasses import dataclass

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
BLOCK = 16_384
"""Rows x points worked on at once: an array stays in cache, and products stay below the size from which a
BLAS splits them over threads, so the thread count cannot change a digit."""


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
) -> Minima:
    """Lower the objective from each row of theta (rows, 6); theta itself is left alone.

    A row is done when two successive steps change it by less than `tolerance`, relative, or when no step
    lowers it any more.
    """
    rows = theta.shape[0]
    block = max(1, BLOCK // max(1, problems.n.size))
    done = Minima(theta.copy(), np.empty(rows), np.zeros(rows, dtype=bool))
    with np.errstate(all="ignore"):  # a trial step may overflow; its value is then not finite and it is refused
        for low in range(0, rows, block):
            part = slice(low, min(rows, low + block))
            _minimise_block(problems.take(part), done, part, delta, tolerance, damping, iterations)
    return done


def _minimise_block(
    problems: Problems,
    done: Minima,
    part: slice,
    delta: float,
    tolerance: float,
    damping: float,
    iterations: int,
) -> None:
    theta = done.theta[part].copy()
    rows = np.arange(part.start, part.stop)
    here = evaluate(problems, theta, delta)
    lam = np.full(rows.size, damping)
    raised = np.full(rows.size, RAISED)
    calm = np.zeros(rows.size, dtype=np.int64)
    exact = EXACT * np.broadcast_to(problems.weights, (rows.size, problems.n.size)).sum(axis=1)
    free = list(problems.form.free)
    for _ in range(iterations):
        trial = theta.copy()
        trial[:, free] += _step(here, lam)
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
        over = (calm >= 2) | (lam > MAX_DAMPING) | (here.value <= exact)
        if over.any():
            done.theta[rows[over]], done.value[rows[over]] = theta[over], here.value[over]
            done.has_converged[rows[over]] = np.isfinite(here.value[over])
            stay = ~over
            if not stay.any():
                return
            problems, here, theta, rows = problems.take(stay), here.take(stay), theta[stay], rows[stay]
            lam, raised, calm, exact = lam[stay], raised[stay], calm[stay], exact[stay]
    done.theta[rows], done.value[rows] = theta, here.value


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
