"""The loss under any learning-rate schedule from two areas: the rates summed, and their decay with memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from labbook.scaling.form import FloatArray, IntArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params
from labbook.scaling.laws.curve import CurveCheck, CurveLaw, linear_starts

MEMORIES = (0.99, 0.995, 0.998, 0.999, 0.9995)
"""Values of lambda that are tried."""
EXAMPLE_LR = (1.0, 1.0, 0.5, 0.5, 0.25)
EXAMPLE = {"L0": 2.0, "A": 1.0, "alpha": 1.0, "C": 0.1, "lambda": 0.9}


class Areas(NamedTuple):
    """Both areas at each point, (n,)."""

    S1: FloatArray
    S2: FloatArray


def areas(lr: FloatArray, decay: float) -> Areas:
    """S1 and S2 at every step of a schedule lr (steps,), with lambda = decay.

    S1 = sum_{i<=s} eta_i, S2 = sum_{i<=s} m_i, m_i = lambda m_{i-1} + (eta_{i-1} - eta_i), m_0 = 0. The rise
    before the rate first falls is the warm-up, and no part of m.
    """
    fall = np.concatenate([[0.0], lr[:-1] - lr[1:]])
    down = np.flatnonzero(fall > 0.0)
    fall[: down[0] if down.size else fall.size] = 0.0
    m = np.array(list(accumulate(fall.tolist(), lambda before, drop: decay * before + drop)))
    return Areas(np.cumsum(lr), np.cumsum(m))


def tissue_loss(lr: FloatArray, at: IntArray, p: Params) -> FloatArray:
    """Predicted loss at the steps `at` (n,) under the schedule lr (steps,).

    L(s) = L0 + A S1^-alpha - C S2                         Tissue, Wang and Wang 2024, eq. 1

    Returns (n,) in the unit of L0; infinite while the sum of the rates is 0.
    """
    both = areas(lr, p["lambda"])
    with np.errstate(divide="ignore"):
        return p["L0"] + p["A"] * both.S1[at] ** -p["alpha"] - p["C"] * both.S2[at]


def see(lr: FloatArray, at: IntArray, grid: Params) -> Areas:
    """Both areas at the steps."""
    both = areas(lr, grid["lambda"])
    return Areas(both.S1[at], both.S2[at])


def join(curves: Sequence[Areas]) -> Areas:
    """Several curves as one."""
    return Areas(np.concatenate([c.S1 for c in curves]), np.concatenate([c.S2 for c in curves]))


def evaluate(seen: Areas, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loss (n,) and its derivatives (n, 4) by ln L0, ln A, alpha, ln C."""
    L0, A, alpha, C = np.exp(theta[0]), np.exp(theta[1]), theta[2], np.exp(theta[3])
    log_S1 = np.log(seen.S1)
    power = A * np.exp(-alpha * log_S1)
    drop = C * seen.S2
    return L0 + power - drop, np.stack([np.full_like(power, L0), power, -power * log_S1, -drop], axis=-1)


def starts(seen: Areas, losses: FloatArray) -> FloatArray:
    """Four starts: alpha, the other three by linear least squares."""
    found = []
    for alpha in (0.2, 0.4, 0.6, 0.9):
        L0, A, C = linear_starts(losses, [np.ones_like(losses), seen.S1**-alpha, -seen.S2])
        found.append([np.log(L0), np.log(A), alpha, np.log(C)])
    return np.array(found)


def _without_decay(p: Params) -> tuple[float, float]:
    lr, at = np.full(50, 0.1), np.array([49])
    return float(tissue_loss(lr, at, p)[0]), p["L0"] + p["A"] * 5.0 ** -p["alpha"]


def _without_memory(p: Params) -> tuple[float, float]:
    lr, at = np.array([1.0, 1.0, 0.7, 0.4]), np.array([3])
    loss = float(tissue_loss(lr, at, {**p, "lambda": 0.0})[0])
    return loss, p["L0"] + p["A"] * 3.1 ** -p["alpha"] - p["C"] * 0.6


LAW = CurveLaw(
    name="tissue",
    title="Rates summed and their decay with memory",
    equation="L(s) = L0 + A S1(s)^-alpha - C S2(s; lambda)",
    source="Tissue et al. 2024 (arXiv:2408.11029)",
    parameters=(
        Parameter("L0", True, NO_COORDINATE, (1.5, 3.5)),
        Parameter("A", True, NO_COORDINATE, (0.2, 2.0)),
        Parameter("alpha", False, NO_COORDINATE, (0.2, 0.8)),
        Parameter("C", True, NO_COORDINATE, (0.1, 3.0)),
        Parameter("lambda", False, NO_COORDINATE, (0.99, 0.9995)),
    ),
    formula=tissue_loss,
    see=see,
    join=join,
    evaluate=evaluate,
    starts=starts,
    bounds={"alpha": (0.01, 3.0)},
    grid=tuple({"lambda": value} for value in MEMORIES),
    limits=(
        Limit("under a constant rate it is a power law of the summed rates", _without_decay),
        Limit("without memory S2 sums what the rate has fallen", _without_memory),
    ),
    checks=(CurveCheck(EXAMPLE_LR, EXAMPLE, (3.0, 2.5, 2.35, 2.238333, 2.147192), 6),),
)
