"""The run that would settle what a ladder leaves open, in one sentence."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from labbook.quantities import flops, format_size
from labbook.scaling.form import FloatArray
from labbook.scaling.points import distinct

TOKENS_PER_PARAM = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
SAME = 1.1
"""Two runs within 10 % in N and in D are one."""
SEPARATED = 0.9
"""|corr(ln N, ln D)| below which N and D count as separate."""
OUTSIDE_STEP = 3.0
"""Ratio of a step up or down where the ladder has one size only."""


def correlation(N: FloatArray, D: FloatArray) -> float:
    """corr(ln N, ln D); nan where one of them does not vary."""
    n, d = np.log(N) - np.log(N).mean(), np.log(D) - np.log(D).mean()
    size = math.sqrt(float(n @ n) * float(d @ d))
    if size < 1e-12:
        return math.nan
    return max(-1.0, min(1.0, float(n @ d) / size))


def candidates(N: FloatArray, D: FloatArray, cap: float | None = None) -> list[tuple[float, float]]:
    """Runs of the ladder's sizes and one step beside them that do not exist yet, the cheapest first.

    None costs more than `cap` FLOP; without one, than the ladder's most expensive run. None is shorter than
    the ladder's shortest.
    """
    sizes = distinct(N)
    step = float(np.median(sizes[1:] / sizes[:-1])) if sizes.size > 1 else OUTSIDE_STEP
    most = max(map(flops, N, D)) if cap is None else cap
    runs = [
        (float(size), float(size * ratio))
        for size, ratio in product([sizes[0] / step, *sizes, sizes[-1] * step], TOKENS_PER_PARAM)
    ]
    least = float(D.min())
    new = [r for r in runs if flops(*r) <= 1.001 * most and r[1] >= 0.999 * least and not _exists(r, N, D)]
    return sorted(new, key=lambda run: (flops(*run), run))


def _exists(run: tuple[float, float], N: FloatArray, D: FloatArray) -> bool:
    near = math.log(SAME)
    return bool(((np.abs(np.log(N / run[0])) < near) & (np.abs(np.log(D / run[1])) < near)).any())


def separating_run(N: FloatArray, D: FloatArray) -> tuple[float, float] | None:
    """The cheapest run that parts N from D, else the one that comes nearest to it."""
    runs = [(abs(correlation(np.append(N, run[0]), np.append(D, run[1]))), run) for run in candidates(N, D)]
    known = [(corr, run) for corr, run in runs if not math.isnan(corr)]
    if not known:
        return None
    return next((run for corr, run in known if corr < SEPARATED), min(known)[1])


def new_size(N: FloatArray, D: FloatArray) -> tuple[float, float]:
    """A run of a size the ladder lacks: one step below its smallest, for as many tokens as that one's usual."""
    sizes = distinct(N)
    step = float(np.median(sizes[1:] / sizes[:-1])) if sizes.size > 1 else OUTSIDE_STEP
    return float(sizes[0] / step), float(np.median(D[sizes[0] * SAME >= N]))


def separation(N: FloatArray, D: FloatArray, what: str = "N and D") -> str:
    """The sentence that names the run which would separate `what`; empty where no affordable run helps."""
    run = separating_run(N, D)
    if run is None:
        return ""
    enough = abs(correlation(np.append(N, run[0]), np.append(D, run[1]))) < SEPARATED
    return sentence(run, f"separate {what}" if enough else f"begin to separate {what}")


def sentence(run: tuple[float, float], effect: str) -> str:
    """`One run at 124M for 7.5B tokens would separate them.`"""
    return f"One run at {format_size(run[0])} for {format_size(run[1])} tokens would {effect}."
