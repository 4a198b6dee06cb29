"""What repeating data costs: the law of repeated data fitted to rungs, and whether they determine it.

Either R_D* and R_N* alone are fitted with the rest held, as its paper did, or every parameter is. The two
constants are rarely determined: a bootstrap over runs says so.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling import effective
from labbook.scaling.bootstrap import _counts, _sizes
from labbook.scaling.effective import COORDINATES, R_D, R_N, Rungs, minimise, rungs_of
from labbook.scaling.form import BoolArray, FloatArray
from labbook.scaling.identify import count_word
from labbook.scaling.laws.repeated import NAMES, effective_tokens
from labbook.scaling.points import Centred, generator, read_points
from labbook.scaling.solve import HUBER, LEAST_SQUARES_RAW, NOISELESS, read_objective
from labbook.scaling.starts import project
from labbook.scaling.values import FitStatus, Interval, Refusal, RepeatedFit, Warned

EPOCHS = (2.0, 4.0, 8.0, 16.0, 44.0)
"""At which the worth of tokens seen is told."""
ONCE = 1.01
"""Epochs up to which data counts as seen once."""
HELD = ("E", "A", "B", "alpha", "beta")
SPREAD = 10.0
"""Ratio of an interval's ends from which R_D* or R_N* is not determined."""
DRAWS = 200
STREAM = 208
"""Apart from the streams of other draws."""
TAIL = 0.025
START_TOLERANCE, POLISH_TOLERANCE, DRAW_TOLERANCE = 1e-8, 1e-13, 1e-7
STAGES = (10.0, 3.0)
"""Deltas a Huber fit passes through, in units of its own; the second for a few iterations only."""
STAGE_ITERATIONS, POLISH_ITERATIONS = 12, 800
KEPT = 4
"""Best starts that go on to the narrower deltas."""
START_EXPONENTS = (0.2, 0.4, 0.7)
START_REPEATS = (1.0, 5.0, 25.0, 125.0)
HELD_STARTS = (0.5, 1.5, 5.0, 15.0, 50.0, 150.0, 500.0)
"""Of R_D* and of R_N*, where they are all that is fitted."""
DRAW_ITERATIONS = 150
CONSTANTS = {"R_D": R_D, "R_N": R_N}


@dataclass(frozen=True, slots=True)
class _Design:
    """What moves in a fit."""

    free: tuple[int, ...]
    tied: bool
    """beta follows alpha."""

    @property
    def k(self) -> int:
        return len(self.free)


TIED = _Design((effective.E, effective.A, effective.P, effective.B, R_D, R_N), tied=True)
APART = _Design(tuple(range(effective.WIDTH)), tied=False)
STARS = _Design((R_D, R_N), tied=False)


@dataclass(frozen=True, slots=True)
class _Best:
    design: _Design
    theta: FloatArray
    """(7,)."""
    value: float
    has_converged: bool


@dataclass(frozen=True, slots=True)
class _Draws:
    """Refits to resamples of the runs that have an optimum."""

    params: dict[str, FloatArray]
    failed: int


def fit_repeated(
    N: ArrayLike,
    D: ArrayLike,
    U: ArrayLike,
    L: ArrayLike,
    *,
    hold: Mapping[str, float] | None = None,
    objective: str = HUBER,
    weights: ArrayLike | None = None,
    names: Sequence[str] = (),
    draws: int = DRAWS,
) -> RepeatedFit | Refusal:
    """The law of repeated data fitted to rungs of N parameters, D tokens seen, U of them unique, and loss L.

    N, D, U, L: (n,). hold: E, A, B, alpha and beta, where only R_D* and R_N* are wanted; else all are fitted,
    alpha and beta as one or apart, whichever has the lower AICc of the least-squares fits.
    U: nan where unknown, which is refused; above D it counts as D. names: of the rungs, for that refusal.
    objective, weights: as of `scaling.fit`, in logs. draws: resamples of the runs, by size, that give the
    intervals; those of D'/U stand under `worth at 4` and so on.
    Raises ValueError for arrays, names or values that cannot be read.
    """
    points = read_points(N, D, L, weights)
    name, delta = read_objective(objective, points.size)
    if name == LEAST_SQUARES_RAW:
        raise ValueError(f"the law of repeated data is fitted in logs, not by {name}")
    if draws < 1:
        raise ValueError(f"draws must be positive, not {draws}")
    unique = np.asarray(U, float)
    if unique.shape != (points.N.size,) or (unique <= 0.0).any():
        raise ValueError(f"U must be {points.N.size} positive numbers, or nan where unknown")
    held = _read_held(hold)
    unknown = [str(names[int(i)]) if names else f"rung {i + 1}" for i in np.flatnonzero(~np.isfinite(unique))]
    if unknown:
        return _unknown(unknown)
    share = points.unsort(points.weights) * points.weight_scale
    seen = np.asarray(D, float)
    columns = np.array([np.asarray(N, float), seen, np.minimum(unique, seen), np.asarray(L, float), share])
    columns = columns[:, np.lexsort(columns[::-1])]
    rungs = rungs_of(columns[0], columns[1], columns[2], columns[3], columns[4])
    refused = _refuse(points.size, _repeated(rungs), (STARS if held else TIED).k)
    if refused is not None:
        return refused
    forms = [_solve(rungs, STARS, _held_starts(rungs, held), delta)] if held else _fit(rungs, delta)
    seed = _seed(columns)
    counts = _counts(_sizes(columns[0]), draws, generator(seed, STREAM))
    drawn = [_redraw(replace(rungs, weights=rungs.weights * counts), form, delta) for form in forms]
    return _describe(rungs, held, forms[0], drawn, name, seed)


def _read_held(hold: Mapping[str, float] | None) -> dict[str, float]:
    if hold is None:
        return {}
    if set(hold) != set(HELD) or not all(0.0 < value < math.inf for value in hold.values()):
        raise ValueError(f"what is held must be {', '.join(HELD)}, positive and finite")
    return dict(hold)


def _unknown(names: Sequence[str]) -> Refusal:
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    text = f"Unique tokens are not known for {shown}."
    return Refusal("no-unique-tokens", text, "supply them: labbook set RUN unique_tokens=...")


def _repeated(rungs: Rungs) -> int:
    return int(np.count_nonzero((rungs.repeats > ONCE - 1.0) & (rungs.weights > 0.0)))


def _refuse(n: int, repeated: int, k: int) -> Refusal | None:
    if not repeated:
        text = "No run repeats its data: the cost of repeats cannot be seen."
        return Refusal("no-repeated-rungs", text, "One run of 4 or more epochs would begin to show it.")
    if n <= k:
        text = f"{count_word(n).capitalize()} points for {count_word(k)} parameters: no fit."
        more = f"{count_word(k + 1 - n)} more run" + ("" if n == k else "s")
        return Refusal("too-few-rungs", text, more)
    return None


def _fit(rungs: Rungs, delta: float) -> list[_Best]:
    """The forms the intervals span, the preferred one first: that of lower AICc in least squares.

    alpha = beta is one of the laws with both apart, so where it is preferred the other counts as well.
    """
    same = _starts(rungs, [(x, x) for x in START_EXPONENTS])
    tied = _solve(rungs, TIED, same, math.inf)
    if math.isinf(_aicc(rungs, tied.value, APART.k)):
        return [_solve(rungs, TIED, np.vstack([tied.theta, same]), delta)]
    every = np.vstack([tied.theta, _starts(rungs, list(product(START_EXPONENTS, START_EXPONENTS)))])
    apart = _solve(rungs, APART, every, math.inf)
    prefers_tied = _aicc(rungs, tied.value, TIED.k) <= _aicc(rungs, apart.value, APART.k)
    if math.isfinite(delta):
        tied = _solve(rungs, TIED, np.vstack([tied.theta, same]), delta)
        apart = _solve(rungs, APART, np.vstack([apart.theta, tied.theta, every]), delta)
    return [tied, apart] if prefers_tied else [apart]


def _aicc(rungs: Rungs, value: float, k: int) -> float:
    """n ln(RSS/n) + 2k' + 2k'(k'+1)/(n-k'-1), k' = k + 1; infinite where n is too small for it."""
    n, estimated = int(np.count_nonzero(rungs.weights)), k + 1
    if n - estimated - 1 <= 0:
        return math.inf
    rss = 2.0 * max(value / float(rungs.weights.sum()), NOISELESS) * n
    return n * math.log(rss / n) + 2 * estimated + 2 * estimated * (estimated + 1) / (n - estimated - 1)


def _held_starts(rungs: Rungs, held: Mapping[str, float]) -> FloatArray:
    pairs = product(HELD_STARTS, HELD_STARTS)
    return np.array([effective.write({**held, "R_D": d, "R_N": s}, rungs.centre) for d, s in pairs])


def _starts(rungs: Rungs, exponents: Sequence[tuple[float, float]]) -> FloatArray:
    """Starts by variable projection at each pair of exponents and R_D*, with all parameters of use."""
    seen, found = np.exp(rungs.c + rungs.centre[1]), []
    for constant, s in zip(START_REPEATS, START_REPEATS[::-1], strict=True):
        c = np.log(effective_tokens(seen, seen / (1.0 + rungs.repeats), constant)) - rungs.centre[1]
        points = Centred(rungs.n, c, rungs.y, rungs.weights, rungs.centre)
        for (p, q), (a, b, e) in zip(exponents, project(points, exponents), strict=True):
            found.append([e, a, p, b, q, math.log(constant), math.log(s)])
    return np.clip(np.array(found), *effective.bounds(rungs))


def _solve(rungs: Rungs, design: _Design, starts: FloatArray, delta: float) -> _Best:
    """The best of all starts, each through wider objectives first.

    Of R_D* and R_N* alone Huber's objective has many shallow optima: there they also start as they are.
    """

    def lower(theta: FloatArray, delta: float, tolerance: float, iterations: int = 300) -> effective.Minima:
        return minimise(
            rungs,
            theta,
            design.free,
            delta,
            tied=design.tied,
            tolerance=tolerance,
            iterations=iterations,
        )

    theta = starts
    if math.isfinite(delta):
        wide = lower(starts, STAGES[0] * delta, START_TOLERANCE)
        best = wide.theta[np.argsort(wide.value, kind="stable")[:KEPT]]
        theta = lower(best, STAGES[1] * delta, START_TOLERANCE, STAGE_ITERATIONS).theta
        theta = np.vstack([theta, starts]) if design is STARS else theta
    ended = lower(theta, delta, START_TOLERANCE)
    row = int(np.argmin(np.where(np.isfinite(ended.value), ended.value, np.inf)))
    last = lower(ended.theta[row : row + 1], delta, POLISH_TOLERANCE, POLISH_ITERATIONS)
    return _Best(design, last.theta[0], float(last.value[0]), bool(last.has_converged[0]))


def _redraw(rungs: Rungs, form: _Best, delta: float) -> _Draws:
    """Refits, from the full fit, to every row of weights (draws, points)."""
    ended = minimise(
        rungs,
        np.repeat(form.theta[None, :], rungs.weights.shape[0], axis=0),
        form.design.free,
        delta,
        tied=form.design.tied,
        tolerance=DRAW_TOLERANCE,
        iterations=DRAW_ITERATIONS,
    )
    theta = ended.theta
    for name, open_ in _open(theta, rungs).items():
        theta[open_, CONSTANTS[name]] = math.log(effective.REPEATS_RANGE[1])
    params = [effective.read(row, rungs.centre) for row in theta[ended.has_converged]]
    columns = {name: np.array([p[name] for p in params]) for name in NAMES}
    return _Draws(columns, int(np.count_nonzero(~ended.has_converged)))


def _open(theta: FloatArray, rungs: Rungs) -> dict[str, BoolArray]:
    """Rows of theta (rows, 7) in which no rung with weight says anything of R_D*, or of R_N*."""
    counted = np.broadcast_to(rungs.weights > 0.0, (theta.shape[0], rungs.n.size))
    seen_again: BoolArray = counted & (rungs.repeats > ONCE - 1.0)
    too_large: BoolArray = counted & (effective.excess_size(theta, rungs) > 0.0)
    return {"R_D": np.logical_not(seen_again.any(axis=1)), "R_N": np.logical_not(too_large.any(axis=1))}


def _describe(
    rungs: Rungs,
    held: Mapping[str, float],
    best: _Best,
    drawn: Sequence[_Draws],
    objective: str,
    seed: str,
) -> RepeatedFit:
    residuals = effective.log_loss(best.theta[None, :], rungs)[0] - rungs.y
    params = {**effective.read(best.theta, rungs.centre), **held}
    worth = tuple((epochs, _worth(epochs, params["R_D"])) for epochs in EPOCHS)
    intervals = _intervals(drawn, held)
    bound = _at_bound(rungs, best)
    warnings = _undetermined(best.theta, rungs, intervals)
    status = FitStatus.UNIDENTIFIED if warnings else FitStatus.AT_BOUND if bound else FitStatus.CONVERGED
    n = int(np.count_nonzero(rungs.weights))
    return RepeatedFit(
        n=n,
        n_repeated=_repeated(rungs),
        params=params,
        held=tuple(name for name in NAMES if name in held),
        intervals={name: ends for name, ends in intervals.items() if name not in bound},
        rms_log=math.sqrt(float(rungs.weights @ residuals**2) / float(rungs.weights.sum())),
        objective=objective,
        objective_value=best.value,
        status=status if best.has_converged else FitStatus.NOT_CONVERGED,
        worth=worth,
        draws=sum(form.failed + form.params["R_D"].size for form in drawn),
        failed=sum(form.failed for form in drawn),
        seed=seed,
        warnings=(*warnings, *_notes(rungs, best, n, bound)),
    )


def _notes(rungs: Rungs, best: _Best, n: int, bound: Sequence[str]) -> list[Warned]:
    found = []
    if bound:
        found.append(Warned("at-bound", f"{', '.join(bound)} ended at a bound of what is plausible."))
    if n == best.design.k + 1:
        few = f"{count_word(n).capitalize()} points for {count_word(best.design.k)} parameters."
        found.append(Warned("few-points", few))
    most = 1.0 + float(rungs.repeats[rungs.weights > 0.0].max())
    if most < EPOCHS[-1]:
        beyond = f"The runs go up to {most:.3g} epochs; what more are worth is extrapolated."
        found.append(Warned("outside-hull", beyond))
    return found


def _worth(epochs: float, constant: float) -> float:
    return float(effective_tokens([epochs], [1.0], constant)[0])


def _intervals(drawn: Sequence[_Draws], held: Mapping[str, float]) -> dict[str, Interval]:
    """95 % percentile intervals of what was fitted, and of D'/U, which grows with R_D*.

    Of several forms, from the least lower to the greatest upper end.
    """
    if not all(form.params["R_D"].size for form in drawn):
        return {}
    ends = {}
    for name in NAMES:
        if name not in held:
            values = [form.params[name] for form in drawn]
            low = min(float(np.quantile(x, TAIL, method="lower")) for x in values)
            ends[name] = low, max(float(np.quantile(x, 1.0 - TAIL, method="higher")) for x in values)
    low, high = ends["R_D"]
    return ends | {f"worth at {x:g}": (_worth(x, low), _worth(x, high)) for x in EPOCHS}


def _at_bound(rungs: Rungs, best: _Best) -> tuple[str, ...]:
    low, high = effective.bounds(rungs)
    hit = (best.theta <= low + 1e-9) | (best.theta >= high - 1e-9)
    return tuple(name for name in NAMES if hit[COORDINATES[name]] and COORDINATES[name] in best.design.free)


def _undetermined(theta: FloatArray, rungs: Rungs, intervals: Mapping[str, Interval]) -> tuple[Warned, ...]:
    """Which of R_D* and R_N* these runs leave open, and between what ends."""
    found = []
    open_ = _open(theta[None, :], rungs)
    for name in CONSTANTS:
        low, high = intervals.get(name, effective.REPEATS_RANGE)
        if open_[name][0]:
            why = "none has more parameters than its unique tokens can use."
        elif high >= SPREAD * low:
            why = f"{low:.3g} to {high:.3g}."
        else:
            continue
        text = f"{name}* is not determined by these runs: {why}"
        found.append(Warned("repeat-constants-unidentified", text))
    return tuple(found)


def _seed(columns: FloatArray) -> str:
    """sha256 of the sorted rows N, D, U, L and weight to 12 digits."""
    lines = sorted(" ".join(f"{value:.12g}" for value in row) for row in columns.T)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
