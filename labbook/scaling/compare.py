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
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE, Handle, handle_of
from labbook.scaling.laws import FAMILY, Law, law_by_name
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Points, digest, distinct, read_points
from labbook.scaling.remedy import SAME
from labbook.scaling.repeats import RUNS_NEEDED, PureError, lack_of_fit, pure_error
from labbook.scaling.solve import HUBER, LEAST_SQUARES, START_TOLERANCE
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal, Warned

PLAINLY_WRONG = 10.0
"""A law stays out of the pool when its rms exceeds this many times the best one's, or the seeds' scatter."""
POOL_OF = 2
OBJECTIVE_SHIFT = 0.02


@dataclass(frozen=True, slots=True)
class _Pool:
    admitted: tuple[str, ...]
    left_out: dict[str, str]


def compare(
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    repeats: Sequence[Sequence[int]] = (),
    weights: ArrayLike | None = None,
) -> Comparison:
    """All laws by least squares in logs on rungs of N, D and loss L, each (n,).

    repeats: groups of positions whose runs differ by their seed only. weights: (n,), of each rung's share in
    the objective; the test against the repeats is made only where all count alike.
    Raises ValueError for arrays or groups that cannot be read. Everything else is in the result.
    """
    points = read_points(N, D, L, weights)
    error = pure_error(np.asarray(L, float), repeats)
    fits, refused = _fit_all(points)
    pool = _admit(points, fits, error.sd)
    preferred = _preferred(fits, pool.admitted)
    holdout = _hold_out(points, fits)
    return Comparison(
        fits=fits,
        refused=refused,
        admitted=pool.admitted,
        left_out_of_pool=pool.left_out,
        preferred=preferred,
        preferred_by_holdout=min(
            (n for n in pool.admitted if n in holdout), key=lambda n: holdout[n], default=None
        ),
        holdout=holdout,
        seed_sd=error.sd,
        seed_sd_source=_source_of(error),
        gate=regime_gate(points.N, points.D),
        warnings=_warnings(points, fits, preferred, error),
        digest=digest(points.N, points.D, points.L),
    )


def _fit_all(points: Points) -> tuple[dict[str, Fit], dict[str, Refusal]]:
    results = {law.name: fit_points(law, points, LEAST_SQUARES) for law in laws_for(points.N, points.D)}
    fits = {name: result for name, result in results.items() if isinstance(result, Fit)}
    return fits, {name: result for name, result in results.items() if isinstance(result, Refusal)}


def laws_for(N: FloatArray, D: FloatArray) -> tuple[Law, ...]:
    """Laws that are fitted to rungs of N and D, (n,) each: those of both, and those of the one resource they
    can be read along; of a design that tells N from D that is C, and only for its line in a plot.
    """
    both = tuple(law for law in FAMILY if law.resources == ("N", "D"))
    axis = one_axis(N, D)
    return both + (axis[:1] if separates(N, D) else axis)


def one_axis(N: FloatArray, D: FloatArray) -> tuple[Law, ...]:
    """The laws of the one resource that varies where the other stands still, else those of compute."""
    sizes, lengths = distinct(N).size, distinct(D).size
    resource = "D" if sizes == 1 < lengths else "N" if lengths == 1 < sizes else "C"
    return tuple(law for law in FAMILY if law.resources == (resource,))


def _admit(points: Points, fits: dict[str, Fit], seed_sd: float) -> _Pool:
    """Laws with two rungs to spare that do not plainly miss; the next best joins where only one is left.

    Where the design lets no law of N and D be read, the laws of one resource stand alone.
    """
    by_design = not separates(points.N, points.D)
    left_out = {name: reason for name, fit in fits.items() if (reason := _unfit(fit, by_design))}
    able = sorted((fit for name, fit in fits.items() if name not in left_out), key=lambda fit: fit.rms_log)
    if not able:
        return _Pool((), left_out)
    best = able[0].rms_log
    inside = sum(fit.rms_log <= PLAINLY_WRONG * max(best, seed_sd) for fit in able)
    members = inside if by_design else max(inside, POOL_OF)
    admitted = {fit.law for fit in able[:members]}
    for fit in able[members:]:
        left_out[fit.law] = f"rms {100 * fit.rms_log:.2g} % against {100 * best:.2g} % of the best law"
    return _Pool(tuple(name for name in fits if name in admitted), left_out)


def _unfit(fit: Fit, by_design: bool) -> str:
    """Why a fit has no voice whatever its residuals; empty where it has one."""
    law = law_by_name(fit.law)
    if by_design and len(law.resources) > 1:
        return "not identifiable on this ladder"
    if not by_design and not law.pooled:
        return "one exponent for N and D" if law.form.tied else "says nothing of N against D"
    if fit.status is FitStatus.NOT_CONVERGED:
        return "no optimum found"
    if fit.n < fit.k + SPARE:
        return f"{fit.n} rungs for {fit.k} parameters; {fit.k + SPARE} are needed"
    return ""


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
            missed = _errors(handle_of(fit), inside, outside)
            errors[name] = (float(np.sqrt(np.mean(missed**2))), float(np.abs(missed).max()))
    return errors


def _errors(full: Handle, inside: Points, outside: Points) -> FloatArray:
    law = full.law
    centred = law.centre(inside)
    problems = Problems(law.form, centred.n, centred.d, centred.y, centred.weights)
    start = full.recentred(centred.centre)[None, :]
    ended = minimise(problems, start, np.inf, tolerance=START_TOLERANCE)
    x, z = law.axes(outside.N, outside.D)
    forecast = log_loss(law.form, ended.theta[0], x - centred.centre[0], z - centred.centre[1])
    return np.log(outside.L) - forecast


def _source_of(error: PureError) -> str:
    """Where the scatter of the seeds comes from."""
    return error.source if error.is_known else f"{error.source}, fewer than {RUNS_NEEDED} runs in repeats"


def _warnings(
    points: Points, fits: dict[str, Fit], preferred: str | None, error: PureError
) -> tuple[Warned, ...]:
    """What the laws have to say of this ladder, each sentence after the names of its laws.

    A law that is never pooled beside others is silent unless it stands in front: its parameters have the
    names of theirs, and what is true of one `E` would be read as true of the other.
    """
    heard = [fit for fit in fits.values() if law_by_name(fit.law).pooled or fit.law == preferred]
    found = [lack_of_fit(fit, error) for fit in heard if not np.ptp(points.weights)]
    found.append(_objective_sensitive(points, fits.get("chinchilla")))
    return (*(warning for warning in found if warning is not None), *_by_laws(heard))


def _by_laws(fits: Sequence[Fit]) -> list[Warned]:
    """Warnings of the fits, one each with all the laws it is true of: `kaplan, general: Three sizes ...`."""
    laws: dict[Warned, list[str]] = {}
    for fit in fits:
        for warning in fit.warnings:
            laws.setdefault(warning, []).append(fit.law)
    return [Warned(warning.code, f"{', '.join(names)}: {warning.text}") for warning, names in laws.items()]


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
    text = f"{fit.law}: The answer depends on the objective: a = {a[0]:.3f} or {a[1]:.3f}."
    return Warned("objective-sensitive", text)
