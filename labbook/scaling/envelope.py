"""Approach 1 to the compute-optimal allocation: the lower envelope of whole training curves.

Hoffmann et al. 2022, section 3.1: at each of many C the run of least loss gives a size; ln N on ln C gives a.
The many points are a staircase of a few runs, so the standard error of that regression says nothing: it falls
with the number of C one chose. The interval comes from leaving runs out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import flops
from labbook.scaling.form import BoolArray, FloatArray, IntArray
from labbook.scaling.points import check_resources
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Approach, Budget, Refusal, Warned

NAME = "envelope"
GRID = 1500
LEAST_SIZES = 3
"""Sizes that must have the least loss somewhere."""
LEVEL = 0.95

Curve = tuple[ArrayLike, ArrayLike]
"""Tokens seen and loss of one run, each (points,)."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Which run has the least loss at which compute."""

    ln_C: FloatArray
    """(m,), of the C that count."""
    run: IntArray
    """(m,) position of the winner."""
    log_loss: FloatArray
    """(m,)."""


def envelope(curves: Sequence[Curve], N: ArrayLike, *, decays: bool = False) -> Approach:
    """Approach 1 from whole curves, smoothed where the loss is noisy.

    curves: one a run. N: (runs,) parameters.
    decays: the learning rate falls along a curve, so that its inner points read high: refused.
    A C counts where the run of least loss is neither the smallest nor the largest of those that reach it.
    Raises ValueError where a curve and N do not fit together or an entry is not finite and positive.
    """
    sizes, _ = check_resources(N, 1.0)
    if sizes.size != len(curves):
        raise ValueError(f"one curve a run: {len(curves)} curves for {sizes.size} sizes")
    read = [_read(size, *curve) for size, curve in zip(sizes, curves, strict=True)]
    order = sorted(range(sizes.size), key=lambda i: (sizes[i], read[i][0].size, float(read[i][1].sum())))
    ln_N = np.log(sizes[order])
    if decays:
        text = "The learning rate falls along these curves, so their inner points read high (2-4 % at half way)"
        remedy = "runs finished at each budget, or runs of constant learning rate"
        return _refused(Refusal("unannealed-points", text, remedy))
    if not order:
        return _refused(_few(0))
    grid, losses = _table([read[i] for i in order])
    steps = _lowest(grid, ln_N, losses)
    winners = np.unique(ln_N[steps.run]).size
    if winners < LEAST_SIZES:
        return _refused(_few(winners))
    a, ln_k = _line(ln_N, steps)
    interval = _jackknife(grid, ln_N, losses, a)
    few = Warned("few-points", "Too few sizes to leave one out: no interval.")
    warnings = (few,) if interval is None else ()
    return Approach(NAME, a, interval, ln_k, _stairs(ln_N, steps), warnings=warnings)


def _refused(why: Refusal) -> Approach:
    return Approach(NAME, None, None, None, refused=why)


def _few(winners: int) -> Refusal:
    text = f"{winners} sizes have the least loss between a smaller and a larger one; {LEAST_SIZES} make a line"
    return Refusal("too-few-rungs", text, "curves of more sizes that reach the same compute")


def _read(size: float, tokens: ArrayLike, loss: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """ln C and ln L of one curve, by C."""
    D, L = (np.asarray(x, dtype=np.float64) for x in (tokens, loss))
    if D.ndim != 1 or D.shape != L.shape or not D.size:
        raise ValueError("tokens and loss of a curve must be one-dimensional, of one length, and not empty")
    for name, values in (("tokens", D), ("loss", L)):
        if not ((values > 0.0) & np.isfinite(values)).all():
            raise ValueError(f"{name} of a curve must be positive and finite")
    order = np.lexsort((L, D))
    return np.log(flops(size, 1.0) * D[order]), np.log(L[order])


def _table(curves: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """ln C of the grid, (m,), and ln L of every run there, (runs, m), infinite where a curve does not reach."""
    low, high = min(x[0] for x, _ in curves), max(x[-1] for x, _ in curves)
    grid = np.linspace(low, high, GRID)
    return grid, np.stack([np.interp(grid, x, y, left=math.inf, right=math.inf) for x, y in curves])


def _lowest(grid: FloatArray, ln_N: FloatArray, losses: FloatArray) -> Steps:
    run = losses.argmin(axis=0)
    reached = np.isfinite(losses)
    smallest = np.where(reached, ln_N[:, None], math.inf).min(axis=0)
    largest = np.where(reached, ln_N[:, None], -math.inf).max(axis=0)
    inside: BoolArray = (ln_N[run] > smallest) & (ln_N[run] < largest)
    at = np.flatnonzero(inside)
    return Steps(grid[at], run[at], losses[run[at], at])


def _line(ln_N: FloatArray, steps: Steps) -> tuple[float, float]:
    """a and ln k by ordinary least squares of ln N on ln C."""
    x, y = steps.ln_C - steps.ln_C.mean(), ln_N[steps.run]
    a = float(x @ y / (x @ x))
    return a, float(y.mean() - a * steps.ln_C.mean())


def _jackknife(grid: FloatArray, ln_N: FloatArray, losses: FloatArray, a: float) -> tuple[float, float] | None:
    """95 % interval of a by leaving each run out; None where too few runs remain for one of the lines."""
    others = []
    for left_out in range(ln_N.size):
        rest = np.arange(ln_N.size) != left_out
        steps = _lowest(grid, ln_N[rest], losses[rest])
        if np.unique(ln_N[rest][steps.run]).size < LEAST_SIZES - 1:
            return None
        others.append(_line(ln_N[rest], steps)[0])
    n = len(others)
    se = math.sqrt((n - 1) / n * float(np.sum((np.array(others) - np.mean(others)) ** 2)))
    half = t_quantile(LEVEL, n - 1) * se
    return a - half, a + half


def _stairs(ln_N: FloatArray, steps: Steps) -> tuple[Budget, ...]:
    """One budget a size: the middle of the stretch of C where it has the least loss."""
    found = []
    for size in np.unique(ln_N[steps.run]):
        at = np.flatnonzero(ln_N[steps.run] == size)
        middle = at[at.size // 2]
        C, loss = math.exp(steps.ln_C[middle]), math.exp(steps.log_loss[middle])
        found.append(Budget(C, int(np.unique(steps.run[at]).size), math.exp(size), None, loss, NAME))
    return tuple(found)
