"""What Kaplan et al. 2020 draw from their laws: the price of a batch, least steps, when to stop, how much data.

The constants here are of that paper, for values to compare with. A run is judged only against a law refitted
to its own ladder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import format_size
from labbook.scaling.fit import try_fit
from labbook.scaling.form import FloatArray, P, Q
from labbook.scaling.intervals import LAW_LEVEL, STEP, handle_of
from labbook.scaling.laws.base import Params
from labbook.scaling.points import check_resources, distinct
from labbook.scaling.predict import predict_interval
from labbook.scaling.solve import LEAST_SQUARES
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Fit, FitStatus, Interval, Refusal, Warned

CRITICAL_BATCH = {"B_star": 2e8, "alpha_B": 0.21}
"""Kaplan et al. 2020, eq. 1.4: tokens, of a loss in nats per token."""
OBSERVED_EXPONENTS = {"N": 0.73, "B": 0.24, "S": 0.03, "D": 0.27}
"""Growth of size, batch, steps and tokens with C_min that Kaplan et al. 2020 observed, section 1.2."""
SAME_BATCH = 1.1
"""Ratio up to which batches count as one."""
LEVEL = 0.90
FAR = 10.0
"""Ratio to the nearest finished run from which a forecast is too far (science.md 4.6)."""
STEPS_LAW = "kaplan-steps"
NEEDED = {"model size": "sizes", "number of steps": "lengths"}
"""What the law needs more than one of, and how several are called."""
_IN_STEPS = (
    ("D side", "S_min side"),
    ("token count", "step count"),
    ("of D ", "of S_min "),
    ("of D:", "of S_min:"),
)


@dataclass(frozen=True)
class StepsFit:
    """The law of size and steps fitted to the rungs of a ladder."""

    law: Fit
    critical: dict[str, float] | None
    """B_star and alpha_B as measured for the recipe; without them all batches agree and S stands for S_min."""
    batch: tuple[float, float]
    """Least and greatest, in tokens a step."""
    exponents: dict[str, float]
    """Of N, B, S and D in C_min along the optimum; empty without a critical batch, or where it is open."""
    intervals: dict[str, Interval]
    """95 % of the exponents, of alpha_N and alpha_S alone: alpha_B counts as exact."""


@dataclass(frozen=True, slots=True)
class StepsReading:
    """A run against the law of size and steps of its ladder, at equal steps."""

    S_min: float
    """Steps of the run, or its least steps where the critical batch is known."""
    expected: float
    """L(N, S_min), in the loss unit."""
    interval: Interval
    """90 % of a new run of the ladder."""
    is_under_trained: bool
    """True where the run's loss lies above the interval."""


def critical_batch(L: ArrayLike, p: Params) -> FloatArray:
    """Tokens of a batch at which time and compute are traded evenly, at loss L (n,) nats per token.

    B_crit(L) = B*/L^(1/alpha_B)      Kaplan et al. 2020, eq. 1.4
    """
    tokens: FloatArray = p["B_star"] / np.asarray(L, float) ** (1.0 / p["alpha_B"])
    return tokens


def batch_cost(B: ArrayLike, B_crit: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """S/S_min and E/E_min of a batch of B tokens: what it costs in steps, and in tokens processed.

    (S/S_min - 1)(E/E_min - 1) = 1, B_crit = E_min/S_min      Kaplan et al. 2020, eq. 5.1 and 5.2
    """
    batch, critical = check_resources(B, B_crit)
    return 1.0 + critical / batch, 1.0 + batch / critical


def least_steps(S: ArrayLike, B: ArrayLike, B_crit: ArrayLike) -> FloatArray:
    """S_min = S/(1 + B_crit(L)/B): steps of a run of S steps had its batch been very large. Eq. 5.4."""
    steps: FloatArray = np.asarray(S, float) / batch_cost(B, B_crit)[0]
    return steps


def least_compute(C: ArrayLike, B: ArrayLike, B_crit: ArrayLike) -> FloatArray:
    """C_min = C/(1 + B/B_crit(L)): compute of a run of C FLOP had its batch been very small. Eq. 5.5."""
    flop: FloatArray = np.asarray(C, float) / batch_cost(B, B_crit)[1]
    return flop


def stopping_step(excess: ArrayLike, p: Params) -> FloatArray:
    """Steps before which early stopping does not set in, a lower bound.

    S_stop >~ S_c / [L(N, D) - L(N, inf)]^(1/alpha_S)      Kaplan et al. 2020, eq. 5.7

    excess: (n,) L(N, D) - L(N, inf) in nats. p: S_c and alpha_S of the law of size and steps.
    """
    steps: FloatArray = p["S_c"] / np.asarray(excess, float) ** (1.0 / p["alpha_S"])
    return steps


def data_penalty(N: ArrayLike, D: ArrayLike, p: Params) -> FloatArray:
    """L(N, D)/L(N, inf) - 1 by the law of eq. 1.5: what finite data costs, (n,).

    [1 + (N/N_c)^(alpha_N/alpha_D) D_c/D]^alpha_D - 1      Kaplan et al. 2020, eq. 4.3
    """
    N_, D_ = check_resources(N, D)
    bracket = (N_ / p["N_c"]) ** (p["alpha_N"] / p["alpha_D"]) * p["D_c"] / D_
    return np.expm1(p["alpha_D"] * np.log1p(bracket))


def tokens_for_penalty(N: ArrayLike, penalty: float, p: Params) -> FloatArray:
    """Tokens that keep `data_penalty` at `penalty` for N parameters, (n,): eq. 4.4 of Kaplan et al. 2020.

    D = D_c (N/N_c)^(alpha_N/alpha_D) / [(1 + penalty)^(1/alpha_D) - 1]
    """
    N_, _ = check_resources(N, 1.0)
    room = math.expm1(math.log1p(penalty) / p["alpha_D"])
    tokens: FloatArray = p["D_c"] * (N_ / p["N_c"]) ** (p["alpha_N"] / p["alpha_D"]) / room
    return tokens


def stopping_bound(N: ArrayLike, D: ArrayLike, law: Params, steps: Params) -> FloatArray:
    """`stopping_step` of runs of N parameters on D unique tokens, (n,), with the excess of the law of eq. 1.5.

    law: N_c, alpha_N, D_c and alpha_D of eq. 1.5, steps: S_c and alpha_S, both refitted to these runs.
    """
    unlimited = (law["N_c"] / np.asarray(N, float)) ** law["alpha_N"]
    return stopping_step(unlimited * data_penalty(N, D, law), steps)


def allocation_exponents(alpha_N: float, alpha_B: float, alpha_S: float) -> dict[str, float]:
    """Exponents of size, batch, steps and tokens in C_min along the optimum, and alpha_C of the loss as `loss`.

    N ~ C^(alpha_C/alpha_N), B ~ C^(alpha_C/alpha_B), S ~ C^(alpha_C/alpha_S), D = B S, with
    alpha_C = 1/(1/alpha_S + 1/alpha_B + 1/alpha_N)      Kaplan et al. 2020, eq. 1.7 and 1.8
    """
    alpha_C = 1.0 / (1.0 / alpha_S + 1.0 / alpha_B + 1.0 / alpha_N)
    batch, steps = alpha_C / alpha_B, alpha_C / alpha_S
    return {"loss": alpha_C, "N": alpha_C / alpha_N, "B": batch, "S": steps, "D": batch + steps}


def fit_steps(
    N: ArrayLike,
    S: ArrayLike,
    B: ArrayLike,
    L: ArrayLike,
    critical: Mapping[str, float] | None = None,
    *,
    weights: ArrayLike | None = None,
) -> StepsFit | Refusal:
    """The law of size and steps (Kaplan et al. 2020, eq. 1.6) by least squares in ln L.

    N parameters, S steps, B tokens a step and loss L of finished runs, each (n,).
    critical: B_star and alpha_B measured for this recipe; steps then count as S_min of eq. 5.4. Without it all
    batches must agree, and steps stand as they are: the published constants are of other runs.
    weights: as of `scaling.fit`. Raises ValueError for arrays that cannot be read.
    """
    batches = np.asarray(B, float)
    if critical is None and batches.size and (refused := _differ(batches)) is not None:
        return refused
    steps = steps_counted(S, B, L, critical)
    fit = try_fit(STEPS_LAW, N, steps, L, objective=LEAST_SQUARES, weights=weights)
    if isinstance(fit, Refusal):
        return Refusal(fit.code, fit.text, "finish more runs, at several sizes and lengths")
    for values, what in ((np.asarray(N, float), "model size"), (steps, "number of steps")):
        if distinct(values).size == 1:
            text = f"One {what}: the law of size and steps needs several {NEEDED[what]}."
            return Refusal("unidentified", text, f"finish runs of other {NEEDED[what]}")
    if fit.status is FitStatus.NOT_CONVERGED:
        return Refusal("not-converged", "No optimum of the law of size and steps.", "add runs of other sizes")
    fit = replace(fit, warnings=tuple(_in_steps(warned, fit.corr) for warned in fit.warnings))
    exponents, intervals = _allocation(fit, None if critical is None else critical["alpha_B"])
    return StepsFit(
        law=fit,
        critical=None if critical is None else dict(critical),
        batch=(float(batches.min()), float(batches.max())),
        exponents=exponents,
        intervals=intervals,
    )


def steps_counted(S: ArrayLike, B: ArrayLike, L: ArrayLike, critical: Mapping[str, float] | None) -> FloatArray:
    """S_min of runs of S steps of B tokens that ended at loss L, (n,); S itself without a critical batch."""
    return np.asarray(S, float) if critical is None else least_steps(S, B, critical_batch(L, critical))


def _differ(batches: FloatArray) -> Refusal | None:
    low, high = float(batches.min()), float(batches.max())
    if high <= SAME_BATCH * low:
        return None
    ends = f"{format_size(low)} to {format_size(high)} tokens"
    text = f"Batches differ, {ends}, and equal steps do not mean equal training then."
    return Refusal(
        "batch-differs", text, "measure the critical batch of this recipe: --critical-batch B*,alpha_B"
    )


def _in_steps(warned: Warned, corr: float) -> Warned:
    """A warning of the fit, said of steps where it speaks of tokens."""
    if warned.code == "n-d-confounded":
        text = f"N and S_min move together (corr {corr:.2f}): alpha_N and alpha_S are hard to tell apart."
        return Warned(warned.code, f"{text} Runs of one size at several lengths would tell them apart.")
    text = warned.text
    for tokens, steps in _IN_STEPS:
        text = text.replace(tokens, steps)
    return Warned(warned.code, text)


def _allocation(fit: Fit, alpha_B: float | None) -> tuple[dict[str, float], dict[str, Interval]]:
    """Exponents of N, B, S and D in C_min with 95 % intervals by the delta method; none of an open fit."""
    handle = handle_of(fit)
    if alpha_B is None or fit.status is not FitStatus.CONVERGED or handle.covariance is None:
        return {}, {}
    free = list(handle.law.form.free)
    rows = [free.index(P), free.index(Q)]
    covariance = handle.covariance[np.ix_(rows, rows)]
    at = np.array([fit.params["alpha_N"], fit.params["alpha_S"]])

    def exponents(alphas: FloatArray) -> dict[str, float]:
        return allocation_exponents(float(alphas[0]), alpha_B, float(alphas[1]))

    steps = STEP * np.eye(2)
    sides = [(exponents(at + step), exponents(at - step)) for step in steps]
    reach = t_quantile(LAW_LEVEL, handle.dof)
    intervals = {}
    for name, value in exponents(at).items():
        gradient = np.array([(up[name] - down[name]) / (2.0 * STEP) for up, down in sides])
        half = reach * math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))
        intervals[name] = (value - half, value + half)
    return exponents(at), intervals


def under_trained_by_steps(found: StepsFit, run: tuple[float, float, float, float]) -> StepsReading | Refusal:
    """Whether a run's loss lies above what its ladder reaches at its size and steps.

    found: the law refitted to the finished runs. run: N parameters, S steps, B tokens a step and loss now.
    """
    N, S, B, L = run
    if found.critical is None and (refused := _differ(np.array([*found.batch, B]))) is not None:
        return refused
    at = steps_counted([S], [B], [L], found.critical)
    if (refused := _too_far(found.law, N, float(at[0]))) is not None:
        return refused
    centre, low, high = predict_interval(found.law, [N], at, level=LEVEL, new_run=True)
    if found.law.status is FitStatus.UNIDENTIFIED or not np.isfinite(high[0]):
        text = "The finished runs do not determine the law of size and steps."
        return Refusal("unidentified", text, "finish runs of other sizes and lengths")
    ends = float(low[0]), float(high[0])
    return StepsReading(float(at[0]), float(centre[0]), ends, bool(ends[1] < L))


def _too_far(fit: Fit, N: float, S_min: float) -> Refusal | None:
    """Where the law says nothing of a run; at a bound it says nothing beyond its own runs."""
    points = handle_of(fit).points
    ends = ((points.N, N), (points.D, S_min))
    factor = max(max(float(values.min()) / at, at / float(values.max())) for values, at in ends)
    remedy = "finish a run nearer to it in size and steps"
    if factor > FAR:
        return Refusal("far-extrapolation", f"{factor:.3g} times beyond the finished runs.", remedy)
    if factor > 1.0 and fit.status is FitStatus.AT_BOUND:
        text = f"No finished run near its size and steps, and {', '.join(fit.bound)} is at a bound."
        return Refusal("outside-hull", text, remedy)
    return None
