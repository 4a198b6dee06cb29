"""The law of repeated data in the coordinates it is fitted in, and its solver: rows are starts or draws.

A row theta = (e, a, p, b, q, d, s) means, with n = ln N - mean and c = ln D - mean of the points,

    ln f = ln(exp(e) + exp(a - p n') + exp(b - q c'))    E = exp(e), alpha = p, beta = q
    R_D* = exp(d), R_N* = exp(s)

where n' and c' are of the effective parameters and tokens of `laws.repeated`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from labbook.scaling.form import BoolArray, FloatArray
from labbook.scaling.laws.repeated import NAMES

E, A, P, B, Q, R_D, R_N = range(7)
WIDTH = 7
COORDINATES = {"E": E, "A": A, "B": B, "alpha": P, "beta": Q, "R_D": R_D, "R_N": R_N}
"""What each parameter stands or falls with."""
REPEATS_RANGE = (1e-2, 1e4)
"""Bounds of R_D* and R_N*: below, a repeat is worth nothing; above, as much as fresh data."""
EXPONENT_RANGE = (0.02, 1.5)
CONSTANT_RANGE = (0.01, 0.98)
"""Of the least loss."""
MAX_DAMPING, MIN_DAMPING = 1e8, 1e-9
LOWERED, RAISED = 0.25, 4.0
LARGEST_STEP = 1.0
EXACT = 1e-28
"""Objective per unit of weight that is rounding noise."""
BLOCK = 16_384
"""Rows x points worked on at once: an array stays in cache, and no product is split over threads."""


@dataclass(frozen=True)
class Rungs:
    """Points of the law: logs of size, tokens seen and unique tokens, and the repeats."""

    n: FloatArray
    c: FloatArray
    """ln D - mean."""
    u: FloatArray
    """ln U."""
    repeats: FloatArray
    """D/U - 1."""
    y: FloatArray
    """ln L."""
    weights: FloatArray
    """(points,) or (rows, points)."""
    centre: tuple[float, float]

    def take(self, rows: slice | BoolArray) -> Rungs:
        """The same points with the weights of some rows."""
        return self if self.weights.ndim == 1 else replace(self, weights=self.weights[rows])


def rungs_of(N: FloatArray, D: FloatArray, U: FloatArray, L: FloatArray, weights: FloatArray) -> Rungs:
    """Rungs of N parameters, D tokens seen, U <= D of them unique, and loss L, each (n,)."""
    total = weights.sum()
    centre = float(weights @ np.log(N) / total), float(weights @ np.log(D) / total)
    return Rungs(
        np.log(N) - centre[0], np.log(D) - centre[1], np.log(U), D / U - 1.0, np.log(L), weights, centre
    )


def bounds(rungs: Rungs) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends of theta, each (7,)."""
    least = float(rungs.y.min())
    low, high = np.full(WIDTH, -np.inf), np.full(WIDTH, np.inf)
    low[E], high[E] = least + math.log(CONSTANT_RANGE[0]), least + math.log(CONSTANT_RANGE[1])
    low[[P, Q]], high[[P, Q]] = EXPONENT_RANGE
    low[[R_D, R_N]], high[[R_D, R_N]] = np.log(REPEATS_RANGE)
    return low, high


def write(params: Mapping[str, float], centre: tuple[float, float]) -> FloatArray:
    """theta (7,) of parameters by their paper names."""
    p = params
    return np.array(
        [
            math.log(p["E"]),
            math.log(p["A"]) - p["alpha"] * centre[0],
            p["alpha"],
            math.log(p["B"]) - p["beta"] * centre[1],
            p["beta"],
            math.log(p["R_D"]),
            math.log(p["R_N"]),
        ]
    )


def read(theta: FloatArray, centre: tuple[float, float]) -> dict[str, float]:
    """Parameters by their paper names from theta (7,)."""
    p, q = float(theta[P]), float(theta[Q])
    A_ = math.exp(theta[A] + p * centre[0])
    B_ = math.exp(theta[B] + q * centre[1])
    values = (math.exp(theta[E]), A_, B_, p, q, math.exp(theta[R_D]), math.exp(theta[R_N]))
    return dict(zip(NAMES, values, strict=True))


def excess_size(theta: FloatArray, rungs: Rungs) -> FloatArray:
    """ln(N / N_opt(U)) of every row of theta (rows, 7) at every point: above 0, R_N* counts."""
    t = theta[:, :, None]
    p, q = t[:, P], t[:, Q]
    balance = np.log(p / q) + t[:, A] + p * rungs.centre[0] - t[:, B] - q * rungs.centre[1]
    excess: FloatArray = rungs.n + rungs.centre[0] - (balance + q * rungs.u) / p
    return excess


def log_loss(theta: FloatArray, rungs: Rungs) -> FloatArray:
    """ln f of every row of theta (rows, 7) at every point, (rows, points)."""
    return _terms(theta, rungs)[0]


def slopes(theta: FloatArray, rungs: Rungs) -> tuple[FloatArray, FloatArray]:
    """ln f (rows, points) and its derivatives by theta (rows, 7, points)."""
    log_f, shares, worth_d, worth_n = _terms(theta, rungs)
    t = theta[:, :, None]
    p, q = t[:, P], t[:, Q]
    by_n, by_c = -p * shares[1], -q * shares[2]
    n_eff, from_used, n_by_s = worth_n
    c_eff, c_by_d = worth_d
    of_used = by_n * from_used / p
    log_used = rungs.n + rungs.centre[0] - excess_size(theta, rungs)
    J = np.empty((theta.shape[0], WIDTH, rungs.n.size))
    J[:, E] = shares[0]
    J[:, A] = shares[1] + of_used
    J[:, P] = -n_eff * shares[1] + of_used * (1.0 / p + rungs.centre[0] - log_used)
    J[:, B] = shares[2] - of_used
    J[:, Q] = -c_eff * shares[2] + of_used * (rungs.u - 1.0 / q - rungs.centre[1])
    J[:, R_D] = by_c * c_by_d
    J[:, R_N] = by_n * n_by_s
    return log_f, J


_Worth = tuple[FloatArray, FloatArray]


def _terms(
    theta: FloatArray, rungs: Rungs
) -> tuple[FloatArray, list[FloatArray], _Worth, tuple[FloatArray, FloatArray, FloatArray]]:
    """ln f, the shares of E, N' and D' in it, and both effective resources with their derivatives."""
    t = theta[:, :, None]
    size = excess_size(theta, rungs)
    wide = size > 0.0
    beyond = np.expm1(np.where(wide, size, 0.0))
    saved, by_s, left = _worth(beyond, np.exp(t[:, R_N]))
    n_eff = np.where(wide, rungs.n - size + saved, rungs.n)
    from_used = np.where(wide, 1.0 - np.exp(np.where(wide, size, 0.0) - saved) * left, 0.0)
    kept, by_d, _ = _worth(rungs.repeats, np.exp(t[:, R_D]))
    c_eff = rungs.c - np.log1p(rungs.repeats) + kept
    terms = [np.broadcast_to(t[:, E], n_eff.shape), t[:, A] - t[:, P] * n_eff, t[:, B] - t[:, Q] * c_eff]
    top = np.maximum(np.maximum(terms[0], terms[1]), terms[2])
    parts = [np.exp(term - top) for term in terms]
    total = parts[0] + parts[1] + parts[2]
    return np.log(total) + top, [part / total for part in parts], (c_eff, by_d), (n_eff, from_used, by_s)


def _worth(repeats: FloatArray, constant: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """ln(1 + R* (1 - exp(-R/R*))), its derivative by ln R*, and exp(-R/R*), at R repeats."""
    x = repeats / constant
    left = np.exp(-x)
    gone = -np.expm1(-x)
    worth = 1.0 + constant * gone
    return np.log(worth), constant * (gone - x * left) / worth, left


@dataclass(slots=True)
class Minima:
    """Where each row ended."""

    theta: FloatArray
    """(rows, 7)."""
    value: FloatArray
    has_converged: BoolArray


@dataclass(slots=True)
class _State:
    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray


def minimise(
    rungs: Rungs,
    theta: FloatArray,
    free: tuple[int, ...],
    delta: float,
    *,
    tied: bool,
    tolerance: float,
    iterations: int = 300,
) -> Minima:
    """Lower the Huber objective (least squares for an infinite delta) from each row of theta (rows, 7).

    Damped Gauss-Newton with the weights min(1, delta/|r|), within `bounds`; free: the coordinates that move;
    tied: beta follows alpha. A row is done when two successive steps change it by less than `tolerance`.
    """
    done = Minima(theta.copy(), np.empty(theta.shape[0]), np.zeros(theta.shape[0], dtype=bool))
    block = max(1, BLOCK // max(1, rungs.n.size))
    with np.errstate(all="ignore"):  # a trial step may overflow; its value is then not finite and it is refused
        for low in range(0, theta.shape[0], block):
            part = slice(low, min(theta.shape[0], low + block))
            _minimise_block(rungs.take(part), done, part, free, delta, tied, tolerance, iterations)
    return done


def _minimise_block(
    rungs: Rungs,
    done: Minima,
    part: slice,
    free: tuple[int, ...],
    delta: float,
    tied: bool,
    tolerance: float,
    iterations: int,
) -> None:
    theta, rows = done.theta[part].copy(), np.arange(part.start, part.stop)
    low, high = bounds(rungs)
    here = _evaluate(rungs, theta, free, delta, tied)
    lam, calm = np.full(rows.size, 1e-2), np.zeros(rows.size, dtype=np.int64)
    exact = EXACT * np.broadcast_to(rungs.weights, (rows.size, rungs.n.size)).sum(axis=1)
    moves = list(free)
    for _ in range(iterations):
        trial = theta.copy()
        trial[:, moves] += _step(here, lam, theta[:, moves], low[moves], high[moves])
        trial[:, moves] = np.clip(trial[:, moves], low[moves], high[moves])
        if tied:
            trial[:, Q] = trial[:, P]
        there = _evaluate(rungs, trial, free, delta, tied)
        change = here.value - there.value
        falls = change > 0.0
        calm = np.where(np.abs(change) <= tolerance * here.value, calm + 1, 0)
        theta[falls] = trial[falls]
        for name in ("value", "gradient", "hessian"):
            getattr(here, name)[falls] = getattr(there, name)[falls]
        lam = np.where(falls, np.maximum(LOWERED * lam, MIN_DAMPING), RAISED * lam)
        over = (calm >= 2) | (lam > MAX_DAMPING) | (here.value <= exact)
        if over.any():
            done.theta[rows[over]], done.value[rows[over]] = theta[over], here.value[over]
            done.has_converged[rows[over]] = np.isfinite(here.value[over])
            stay = ~over
            if not stay.any():
                return
            here = _State(here.value[stay], here.gradient[stay], here.hessian[stay])
            rungs, theta, rows = rungs.take(stay), theta[stay], rows[stay]
            lam, calm, exact = lam[stay], calm[stay], exact[stay]
    done.theta[rows], done.value[rows] = theta, here.value


def _evaluate(rungs: Rungs, theta: FloatArray, free: tuple[int, ...], delta: float, tied: bool) -> _State:
    log_f, J = slopes(theta, rungs)
    if tied:
        J[:, P] += J[:, Q]
    J = J[:, list(free)]
    r = log_f - rungs.y
    size = np.abs(r)
    w = rungs.weights * np.minimum(1.0, delta / np.maximum(size, 1e-300))
    if math.isinf(delta):
        w = np.broadcast_to(rungs.weights, r.shape)
        value = 0.5 * (w * r**2).sum(axis=1)
    else:
        inside = np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))
        value = (rungs.weights * inside).sum(axis=1)
    weighted = J * w[:, None, :]
    return _State(value, np.einsum("bkn,bn->bk", weighted, r), weighted @ J.transpose(0, 2, 1))


def _step(here: _State, lam: FloatArray, at: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Damped step; a coordinate at its bound with the objective falling beyond it stays there."""
    gradient, damped = here.gradient.copy(), here.hessian.copy()
    stuck = ((at <= low) & (gradient > 0.0)) | ((at >= high) & (gradient < 0.0))
    gradient[stuck] = 0.0
    damped[stuck[:, :, None] | stuck[:, None, :]] = 0.0
    diagonal = np.einsum("bii->bi", damped)
    diagonal += lam[:, None] * np.maximum(diagonal, 1e-14)
    diagonal[stuck] = 1.0
    diagonal += 1e-14
    step = np.full(gradient.shape, np.nan)
    try:
        step[:] = -np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:  # one exactly singular row fails the whole stack
        step[:] = -gradient / np.maximum(diagonal, 1e-14)
    broken = ~np.isfinite(step).all(axis=1)
    step[broken] = -gradient[broken] / np.maximum(diagonal[broken], 1e-14)
    longest = np.abs(step).max(axis=1, keepdims=True)
    shorter: FloatArray = step * np.minimum(1.0, LARGEST_STEP / np.maximum(longest, 1e-300))
    return np.nan_to_num(shorter, nan=0.0, posinf=0.0, neginf=0.0)
