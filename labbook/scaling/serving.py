"""A smaller model trained longer: the cheapest way to one loss when tokens are to be served as well.

Training costs 6 N D and serving T tokens 2 N T FLOP (Kaplan et al. 2020, section 2.1: a forward pass is a
third of a training step). Of all (N, D) with the loss that the training optimum of a budget C reaches, the
cheapest is sought. On a curve of equal loss u + v = S, and with x = u/S,

    q (1 - x) = w p x    w = 6 D / (6 D + 2 T)

whose left side falls and whose right side rises with x. Without serving w = 1: the training optimum.
"""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import A, B, FloatArray, P, Q
from labbook.scaling.intervals import STEP, Handle
from labbook.scaling.laws.base import Centre, Law
from labbook.scaling.optimum import FLOP_PER_PARAM_AND_TOKEN, errors, frontier, optimum_thetas
from labbook.scaling.planned import LEVEL, POOLED, Allocation, Estimate, Serving
from labbook.scaling.pooling import Voice, estimate, estimate_of_log, pool, voice
from labbook.scaling.predict import predict_interval, predict_pool
from labbook.scaling.values import Comparison

FLOP_PER_PARAM_AND_TOKEN_SERVED = 2.0
BISECTIONS = 80
WIDEST = 60.0
"""ln of the odds of x at the end of the search."""
LONGEST = 1e4
"""How many times the training optimum's tokens a pooled run may take."""
FINENESS, PASSES = 100, 3
"""Points between both ends, and how often the search closes in: to a part in 1e5 of the tokens."""


def serving_plan(
    comparison: Comparison, handles: list[Handle], pooled: Allocation, served: float
) -> tuple[Serving, ...]:
    """By each law, then pooled: the median of the laws' sizes, trained until the pool says the same loss.

    pooled: the training optimum. served: tokens. The pooled row is missing where no number of tokens gives
    that size the loss.
    """
    C = pooled.C.value
    found, sizes = [], []
    for handle in handles:
        of_N, of_D = serving_voices(handle, C, served)
        sizes.append(of_N)
        line = frontier(handle, "compute", [C])
        before = sum(serving_cost(float(np.exp(line.N[0])), float(np.exp(line.D[0])), served))
        N, D = (estimate_of_log(*(float(x[0]) for x in pool([each]))) for each in (of_N, of_D))
        ends = predict_interval(
            comparison.fits[handle.law.name], [N.value], [D.value], level=LEVEL, new_run=True
        )
        found.append(_row(handle.law.name, N, D, ends, before, served))
    N = estimate_of_log(*(float(x[0]) for x in pool(sizes)))
    tokens = _tokens_for(comparison, N.value, pooled)
    if tokens is not None:
        before = sum(serving_cost(pooled.N.value, pooled.D.value, served))
        ends = predict_pool(comparison, [N.value], [tokens], LEVEL)
        found.append(_row(POOLED, N, Estimate(tokens), ends, before, served))
    return tuple(found)


def _row(
    law: str,
    N: Estimate,
    D: Estimate,
    loss: tuple[FloatArray, FloatArray, FloatArray],
    before: float,
    served: float,
) -> Serving:
    training, serving = serving_cost(N.value, D.value, served)
    return Serving(
        law=law,
        N=N,
        D=D,
        loss=estimate(*(float(x[0]) for x in loss)),
        training=training,
        serving=serving,
        saving=1.0 - (training + serving) / before,
    )


def _tokens_for(comparison: Comparison, N: float, pooled: Allocation) -> float | None:
    """Tokens after which the pool predicts the loss of the training optimum with N; None where none do."""
    low, high = pooled.D.value, LONGEST * pooled.D.value
    for _ in range(PASSES):
        D = np.geomspace(low, high, FINENESS)
        reached = predict_pool(comparison, np.full_like(D, N), D, LEVEL)[0] <= pooled.loss.value
        if not reached.any():
            return None
        first = max(1, int(reached.argmax()))
        low, high = float(D[first - 1]), float(D[first])
    return high


def serving_cost(N: float, D: float, served: float) -> tuple[float, float]:
    """FLOP of training and of serving."""
    return FLOP_PER_PARAM_AND_TOKEN * N * D, FLOP_PER_PARAM_AND_TOKEN_SERVED * N * served


def serving_optimum(
    law: Law, thetas: FloatArray, centre: Centre, C: float, served: float
) -> tuple[FloatArray, FloatArray]:
    """ln N and ln D of least total FLOP at the loss of the training optimum of C, each (rows,).

    thetas: (rows, 6) about `centre`. nan where there is no training optimum.
    """
    N, D, _ = (found[:, 0] for found in optimum_thetas(law, thetas, centre, [C]))
    a, p, b, q = (thetas[:, at] for at in (A, P, B, Q))
    with np.errstate(all="ignore"):
        n, d = np.log(N) - centre[0], np.log(D) - centre[1]
        log_S = np.logaddexp(a - p * n, b - q * d)
        low, high = np.log(q / p), np.full_like(n, WIDEST)
        for _ in range(BISECTIONS):
            odds = 0.5 * (low + high)
            n, d = _on_curve(odds, log_S, thetas)
            trained = FLOP_PER_PARAM_AND_TOKEN * np.exp(d + centre[1])
            share_trained = trained / (trained + FLOP_PER_PARAM_AND_TOKEN_SERVED * served)
            falls = np.log(q) > np.log(share_trained * p) + odds
            low, high = np.where(falls, odds, low), np.where(falls, high, odds)
        return n + centre[0], d + centre[1]


def _on_curve(odds: FloatArray, log_S: FloatArray, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centred ln N and ln D of the curve of equal loss where u : v has these odds (logarithm)."""
    log_x, log_rest = -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)
    n = (thetas[:, A] - log_S - log_x) / thetas[:, P]
    d = (thetas[:, B] - log_S - log_rest) / thetas[:, Q]
    return n, d


def serving_voices(handle: Handle, C: float, served: float) -> tuple[Voice, Voice]:
    """ln N and ln D of `serving_optimum` by a fitted law, with their errors by the delta method."""
    form = handle.law.form
    moved = np.repeat(handle.theta[None, :], 2 * form.k + 1, axis=0)
    for row, coordinate in enumerate(form.free):
        moved[2 * row + 1, coordinate] += STEP
        moved[2 * row + 2, coordinate] -= STEP
    found = serving_optimum(handle.law, form.complete(moved), handle.centred.centre, C, served)
    voices = []
    for values in found:
        gradient = (values[1::2] - values[2::2]) / (2.0 * STEP)
        voices.append(voice(handle, values[:1], errors(handle, gradient[None, :])))
    return voices[0], voices[1]
