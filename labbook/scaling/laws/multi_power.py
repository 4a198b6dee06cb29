"""The loss under any learning-rate schedule: each fall of the rate pays off by a power law of what follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, product
from typing import NamedTuple

import numpy as np

from labbook.scaling.form import FloatArray, IntArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params
from labbook.scaling.laws.curve import CurveCheck, CurveLaw, linear_starts

NEAR = 8
"""A block of changes stands for its steps from this many of its lengths away on."""
FIRST_BLOCK, GROWTH = 16, 4
"""Steps of the shortest block, and how many times longer the next one is."""
POWER = 0.4
"""The rates of a block are averaged to this power, near the gamma beta that LD has them in."""
SMALLEST = 1e-300
"""Stands for a rate of 0, where a power of it has a limit but no value."""

EXAMPLE_LR = (1.0, 1.0, 0.5, 0.5, 0.25)
EXAMPLE = {"L0": 2.0, "A": 1.0, "alpha": 1.0, "B": 0.1, "C": 2.0, "beta": 0.6, "gamma": 0.65}


def _published(*values: float) -> Params:
    return dict(zip(("L0", "A", "alpha", "B", "C", "beta", "gamma"), values, strict=True))


PUBLISHED = {
    "25M": _published(
        3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257
    ),
    "100M": _published(2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
    "400M": _published(
        2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457
    ),
}  # fmt: skip
"""By model size, for the curves of that paper: peak learning rate 3e-4 after 2160 steps of warm-up."""


def loss_drop(lr: FloatArray, at: IntArray, p: Params) -> FloatArray:
    """What the changes of the rate have brought at the steps `at` (n,) under the schedule lr (steps,).

    LD(t) = B sum_{k=1..t} (eta_{k-1} - eta_k) G(eta_k^-gamma S_k(t)),   G(x) = 1 - (1 + C x)^-beta,
    S_k(t) = eta_k + ... + eta_t: every change of the rate, the rises of the warm-up included.

    Returns (n,). Costs the number of changes times n.
    """
    total = np.cumsum(lr)
    k = np.flatnonzero(np.diff(lr)) + 1
    fall = lr[k - 1] - lr[k]
    before = total[k] - lr[k]
    steepness = np.maximum(lr[k], SMALLEST) ** -p["gamma"]
    reached = np.searchsorted(k, at, side="right")
    drop = np.empty(at.size)
    for i, (t, n) in enumerate(zip(at, reached, strict=True)):
        x = steepness[:n] * np.maximum(total[t] - before[:n], 0.0)
        drop[i] = fall[:n] @ (1.0 - (1.0 + p["C"] * x) ** -p["beta"])
    return p["B"] * drop


def multi_power_loss(lr: FloatArray, at: IntArray, p: Params) -> FloatArray:
    """Predicted loss at the steps `at` (n,) under the schedule lr (steps,).

    L(t) = L0 + A S(t)^-alpha - LD(t), S the sum of the rates from the first step on     Luo et al. 2025, eq. 1

    Returns (n,) in the unit of L0; infinite while the sum of the rates is 0.
    """
    with np.errstate(divide="ignore"):
        return p["L0"] + p["A"] * np.cumsum(lr)[at] ** -p["alpha"] - loss_drop(lr, at, p)


class Terms(NamedTuple):
    """The terms of LD at n points, flat: each change or block of changes up to each point."""

    S: FloatArray
    """(n,) summed rates at the points."""
    point: IntArray
    """(m,) point of each term."""
    fall: FloatArray
    """(m,)"""
    log_rate: FloatArray
    """(m,) ln eta_k."""
    log_span: FloatArray
    """(m,) ln S_k(t)."""


def see(lr: FloatArray, at: IntArray, grid: Params) -> Terms:
    """The terms of LD at the steps `at` (n,).

    Changes of late stand singly; those further back in blocks of 16, 64, 256 ... steps, each at its centre and
    at least 8 of its lengths away. The terms of a point grow with the logarithm of the steps only; under the
    schedules of the paper the loss moves by less than 1e-5 nats, which is for the solver. `formula` has no part
    of it. Nothing of the law is in `grid`.
    """
    total = np.cumsum(lr)
    k = np.flatnonzero(np.diff(lr)) + 1
    fall = lr[k - 1] - lr[k]
    pieces = [
        piece
        for rises in (False, True)
        for piece in _levels(k[(fall < 0.0) == rises], lr, total, at)
    ]  # fmt: skip
    point, falls, rate, before = (np.concatenate(column) for column in zip(*pieces, strict=True))
    with np.errstate(divide="ignore"):
        log_span = np.log(np.maximum(total[at[point]] - before, 0.0))
    return Terms(total[at], point, falls, np.log(np.maximum(rate, SMALLEST)), log_span)


def _levels(
    k: IntArray, lr: FloatArray, total: FloatArray, at: IntArray
) -> Iterator[tuple[IntArray, FloatArray, FloatArray, FloatArray]]:
    """(point, fall, rate, sum before) of the terms of the changes at the steps k, length by length."""
    block, end = 1, at + 1
    for longer in (FIRST_BLOCK * GROWTH**level for level in count()):
        begin = np.maximum((at + 1) // longer - NEAR, 0) * longer
        yield _between(k, lr, total, block, begin, end)
        if not begin.any():
            return
        block, end = longer, begin


def _between(
    k: IntArray, lr: FloatArray, total: FloatArray, block: int, begin: IntArray, end: IntArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """The blocks of so many steps from `begin` to before `end` (n,), multiples of it, of each point."""
    first = np.flatnonzero(np.diff(k // block, prepend=-1))
    fall = lr[k - 1] - lr[k]
    falls = np.add.reduceat(fall, first) if k.size else fall
    means = (lr[k] ** POWER, total[k] - lr[k])
    centre = [np.add.reduceat(fall * of, first) / falls if k.size else of for of in means]
    starts = k[first] // block * block
    left, right = np.searchsorted(starts, begin), np.searchsorted(starts, end)
    counts = right - left
    point = np.repeat(np.arange(begin.size), counts)
    place = np.arange(point.size) - np.repeat(np.cumsum(counts) - counts - left, counts)
    return point, falls[place], centre[0][place] ** (1.0 / POWER), centre[1][place]


def join(curves: Sequence[Terms]) -> Terms:
    """Several curves as one."""
    sizes = np.cumsum([0, *(c.S.size for c in curves[:-1])])
    moved = [c._replace(point=c.point + size) for c, size in zip(curves, sizes, strict=True)]
    return Terms(*(np.concatenate(column) for column in zip(*moved, strict=True)))


def evaluate(seen: Terms, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loss (n,) and its derivatives (n, 7) by ln L0, ln A, alpha, ln B, ln C, beta, gamma."""
    L0, A, B = np.exp(theta[0]), np.exp(theta[1]), np.exp(theta[3])
    alpha, log_C, beta, gamma = theta[2], theta[4], theta[5], theta[6]
    Cx = np.exp(log_C + seen.log_span - gamma * seen.log_rate)
    log_u = np.log1p(Cx)
    left = seen.fall * np.exp(-beta * log_u)
    slope = beta * left * (Cx / (1.0 + Cx))

    def summed(terms: FloatArray) -> FloatArray:
        return np.asarray(B * np.bincount(seen.point, terms, minlength=seen.S.size))

    drop = summed(seen.fall - left)
    log_S = np.log(seen.S)
    power = A * np.exp(-alpha * log_S)
    derivatives = [np.full_like(power, L0), power, -power * log_S, -drop, -summed(slope)]
    derivatives += [-summed(left * log_u), summed(slope * seen.log_rate)]
    return L0 + power - drop, np.stack(derivatives, axis=-1)


def starts(seen: Terms, losses: FloatArray) -> FloatArray:
    """Eight starts: alpha, gamma and how many steps at the peak a fall takes; the scales L0, A, B linear."""
    peak = float(seen.log_rate.max()) if seen.log_rate.size else 0.0
    found = []
    for alpha, gamma, steps in product((0.3, 0.6), (0.3, 0.7), (5.0, 50.0)):
        log_C = -np.log(steps) - (1.0 - gamma) * peak
        theta = np.array([-np.inf, -np.inf, alpha, 0.0, log_C, 0.5, gamma])
        drop = -evaluate(seen, theta)[0]
        L0, A, B = linear_starts(losses, [np.ones_like(losses), seen.S**-alpha, -drop])
        found.append([np.log(L0), np.log(A), alpha, np.log(B), log_C, 0.5, gamma])
    return np.array(found)


def _without_decay(p: Params) -> tuple[float, float]:
    lr, at = np.full(50, 0.1), np.array([49])
    return float(multi_power_loss(lr, at, p)[0]), p["L0"] + p["A"] * 5.0 ** -p["alpha"]


def _at_once(p: Params) -> tuple[float, float]:
    lr, at = np.array([1.0, 1.0, 0.7, 0.4]), np.array([3])
    return float(loss_drop(lr, at, {**p, "C": 1e300, "beta": 1.0})[0]), p["B"] * 0.6


LAW = CurveLaw(
    name="multi-power",
    title="Each change of the rate by a power law of what follows",
    equation="L(t) = L0 + A S(t)^-alpha - B sum_k (eta_{k-1} - eta_k) [1 - (1 + C eta_k^-gamma S_k(t))^-beta]",
    source="Luo et al. 2025 (arXiv:2503.12811)",
    parameters=(
        Parameter("L0", True, NO_COORDINATE, (1.5, 3.5)),
        Parameter("A", True, NO_COORDINATE, (0.2, 2.0)),
        Parameter("alpha", False, NO_COORDINATE, (0.2, 0.8)),
        Parameter("B", True, NO_COORDINATE, (100.0, 1000.0)),
        Parameter("C", True, NO_COORDINATE, (0.5, 5.0)),
        Parameter("beta", False, NO_COORDINATE, (0.3, 0.9)),
        Parameter("gamma", False, NO_COORDINATE, (0.3, 0.9)),
    ),
    formula=multi_power_loss,
    see=see,
    join=join,
    evaluate=evaluate,
    starts=starts,
    bounds={"alpha": (0.01, 3.0), "beta": (0.01, 5.0), "gamma": (0.0, 2.0)},
    limits=(
        Limit("under a constant rate it is a power law of the summed rates", _without_decay),
        Limit("where a fall pays off at once it brings B times the fall", _at_once),
    ),
    checks=(CurveCheck(EXAMPLE_LR, EXAMPLE, (3.0, 2.5, 2.378385, 2.304657, 2.267353), 6),),
    published=PUBLISHED,
)
