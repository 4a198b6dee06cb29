"""Every law fitted to the same rungs: how they compare, and which are pooled for forecasts and verdicts.

AICc and hold-out by size are shown side by side because they disagree. Neither prunes the pool: a law leaves
it only when it misses by ten times the best, since pruning by AICc makes intervals far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.fit import fit_points
from labbook.scaling.form import FloatArray, log_loss
from labbook.scaling.gate import SPARE, regime_gate
from labbook.scaling.identify import SIZES_NEEDED, separates
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE
from labbook.scaling.laws import LAWS, law_by_name
from labbook.scaling.laws.base import Law
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Points, digest, distinct, read_points
from labbook.scaling.remedy import SAME
from labbook.scaling.repeats import PureError, lack_of_fit, pure_error
from labbook.scaling.solve import HUBER, LEAST_SQUARES, START_TOLERANCE
from labbook.scaling.starts import rows
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal, Warned

PLAINLY_WRONG = 10.0
"""A law stays out of the pool when its rms exceeds this many times the best one's, or the seeds' scatter."""
POOL_OF = 2
OBJECTIVE_SHIFT = 0.02
FALLBACK = "compute"


@dataclass(frozen=True, slots=True)
class _Pool:
    admitted: tuple[str, ...]
    left_out: dict[str, str]


def compare(N: ArrayLike, D: ArrayLike, L: ArrayLike, *, repeats: Sequence[Sequence[int]] = ()) -> Comparison:
    """All laws by least squares in logs on rungs of N, D and loss L, each (n,).

    repeats: groups of positions whose runs differ by their seed only.
    Raises ValueError for arrays or groups that cannot be read. Everything else is in the result.
    """
    points = read_points(N, D, L)
    error = pure_error(np.asarray(L, float), repeats)
    fits, refused = _fit_all(points)
    gate = regime_gate(points.N, points.D)
    fallback = _fallback(points)
    if fallback is None:
        pool = _admit(fits, error.sd)
    else:
        reason = "its parameters are not identifiable on this ladder"
        pool = _Pool((fallback.law,), dict.fromkeys(fits, reason))
        fits = {**fits, fallback.law: fallback}
    holdout = _hold_out(points, fits)
    return Comparison(
        fits=fits,
        refused=refused,
        admitted=pool.admitted,
        left_out_of_pool=pool.left_out,
        preferred=_preferred(fits, pool.admitted),
        preferred_by_holdout=min(
            (n for n in pool.admitted if n in holdout), key=lambda n: holdout[n], default=None
        ),
        holdout=holdout,
        seed_sd=error.sd,
        seed_sd_source=error.source,
        gate=gate,
        warnings=_warnings(points, fits, error),
        digest=digest(points.N, points.D, points.L),
    )


def _fit_all(points: Points) -> tuple[dict[str, Fit], dict[str, Refusal]]:
    fits: dict[str, Fit] = {}
    refused: dict[str, Refusal] = {}
    for law in LAWS:
        if not law.pooled:
            continue
        result = fit_points(law, points, LEAST_SQUARES)
        if isinstance(result, Refusal):
            refused[law.name] = result
        else:
            fits[law.name] = result
    return fits, refused


def _fallback(points: Points) -> Fit | None:
    """The law of compute alone, where the design lets no law of N and D be read."""
    if not points.size or separates(points.N, points.D):
        return None
    result = fit_points(law_by_name(FALLBACK), points, LEAST_SQUARES)
    return None if isinstance(result, Refusal) else result


def _admit(fits: dict[str, Fit], seed_sd: float) -> _Pool:
    """Laws with two rungs to spare that do not plainly miss; the next best joins where only one is left."""
    left_out: dict[str, str] = {}
    able: list[Fit] = []
    for name, fit in fits.items():
        if fit.status is FitStatus.NOT_CONVERGED:
            left_out[name] = "no optimum found"
        elif fit.n < fit.k + SPARE:
            left_out[name] = f"{fit.n} rungs for {fit.k} parameters; {fit.k + SPARE} are needed"
        else:
            able.append(fit)
    able.sort(key=lambda fit: fit.rms_log)
    limit = PLAINLY_WRONG * max(able[0].rms_log, seed_sd) if able else 0.0
    inside = sum(fit.rms_log <= limit for fit in able)
    admitted = {fit.law for fit in able[: max(inside, POOL_OF)]}
    for fit in able[max(inside, POOL_OF) :]:
        left_out[fit.law] = (
            f"rms {100 * fit.rms_log:.2g} % against {100 * able[0].rms_log:.2g} % of the best law"
        )
    return _Pool(tuple(name for name in fits if name in admitted), left_out)


def _preferred(fits: dict[str, Fit], admitted: tuple[str, ...]) -> str | None:
    """Admitted law of least AICc; of least rms where n is too small for any AICc."""
    known = {name: score for name in admitted if (score := fits[name].aicc) is not None}
    if known:
        return min(known, key=lambda name: known[name])
    return min(admitted, key=lambda name: fits[name].rms_log, default=None)


def _hold_out(points: Points, fits: dict[str, Fit]) -> dict[str, tuple[float, float]]:
    """rms and worst error of ln L on the rungs of the largest N, fitted without them."""
    largest = points.N.max(initial=0.0) <= points.N * SAME
    if not fits or distinct(points.N[~largest]).size < SIZES_NEEDED:
        return {}
    inside, outside = points.select(~largest), points.select(largest)
    errors = {}
    for name, fit in fits.items():
        if inside.size > fit.k and fit.status is not FitStatus.NOT_CONVERGED:
            missed = _errors(law_by_name(name), fit, inside, outside)
            errors[name] = (float(np.sqrt(np.mean(missed**2))), float(np.abs(missed).max()))
    return errors


def _errors(law: Law, fit: Fit, inside: Points, outside: Points) -> FloatArray:
    centred = law.centre(inside)
    start = rows(1, law.write(fit.params, centred.centre))
    problems = Problems(law.form, centred.n, centred.d, centred.y, centred.weights)
    ended = minimise(problems, start, np.inf, tolerance=START_TOLERANCE)
    x, z = law.axes(outside.N, outside.D)
    forecast = log_loss(law.form, ended.theta[0], x - centred.centre[0], z - centred.centre[1])
    return np.log(outside.L) - forecast


def _warnings(points: Points, fits: dict[str, Fit], error: PureError) -> tuple[Warned, ...]:
    found = [lack_of_fit(fit, error) for fit in fits.values()]
    found.append(_objective_sensitive(points, fits.get("chinchilla")))
    return tuple(warning for warning in found if warning is not None)


def _objective_sensitive(points: Points, fit: Fit | None) -> Warned | None:
    """Whether `a` of the Chinchilla form moves by more than .02 between least squares and Huber."""
    if fit is None or fit.status in (FitStatus.UNIDENTIFIED, FitStatus.NOT_CONVERGED):
        return None
    other = fit_points(law_by_name("chinchilla"), points, HUBER)
    if isinstance(other, Refusal) or other.status in (FitStatus.UNIDENTIFIED, FitStatus.NOT_CONVERGED):
        return None
    a = [each.derived[EXPONENT_OF_COMPUTE] for each in (fit, other)]
    if abs(a[0] - a[1]) <= OBJECTIVE_SHIFT:
        return None
    return Warned("objective-sensitive", f"The answer depends on the objective: a = {a[0]:.3f} or {a[1]:.3f}.")
