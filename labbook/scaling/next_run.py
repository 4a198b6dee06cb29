"""The run that would narrow a wanted quantity most (science.md 4.5).

By each law with M = J'J/s^2 + diag(1/tau^2), a candidate whose Jacobian row is j lowers the variance v'M^-1 v
of a quantity with gradient v by (v'M^-1 j)^2/(s^2 + j'M^-1 j). The prior keeps M regular on ladders that
leave something open, which is where the question matters.

The mean over the pooled laws is what ranks: on planted ladders the best run of the preferred law alone took
off less than half of what it promised. Runs within the sizes and tokens of the ladder come first: those
beyond narrow a little more, and where a form is wrong they move it by several times its spread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import flops, format_size
from labbook.scaling import remedy
from labbook.scaling.form import FloatArray, P, Q, jacobian, log_loss
from labbook.scaling.intervals import STEP, Handle, handle_of
from labbook.scaling.regime import DEAD_BAND, LEAST_GAIN, PROBABLE
from labbook.scaling.values import Comparison, Fit, FitStatus, NextRun, NextRuns, Refusal

PRIOR_SD = {P: 0.15, Q: 0.15}
"""Of exponents; the other coordinates are logarithms."""
PRIOR_SD_OF_LOG = 2.0
LINE = 78
NO_RUN = Refusal("no-candidate", "No run within the compute cap is new to this ladder.", "A larger cap.")

Quantity = Callable[[Handle, FloatArray], FloatArray]
"""Values (rows,) of a wanted quantity at theta (rows, 6)."""


@dataclass(frozen=True, slots=True)
class Settling:
    """The run that could settle an open verdict, or come nearest to it."""

    run: NextRun
    settles: bool
    """Whether the verdict would then reach its probability if the estimate stayed where it is."""
    label: str
    """The verdict it would be; empty where no one label is in sight."""
    sentence: str
    short: str
    """At most 78 columns."""


@dataclass(frozen=True, slots=True)
class _Design:
    """One law's information on the quantity, and what each candidate adds to it."""

    value: float
    variance: float
    drops: FloatArray
    """(candidates,)."""


def next_runs(
    comparison: Comparison,
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    target: tuple[float, float] | None = None,
    cap: float | None = None,
) -> NextRuns | Refusal:
    """What to run next on rungs N, D, L (n,), to know ln rho at the top rung or the loss at `target` better.

    cap: most training FLOP of the run; without it as much as the ladder's largest. Reductions are means over
    the admitted laws of N and D. Raises FitError for a comparison read back from a store.
    """
    fits = _laws(comparison)
    if not fits:
        gate = comparison.gate
        text = gate.text if gate else "no law of N and D could be fitted"
        return Refusal("no-law", text, gate.remedy if gate else "")
    N_, D_ = np.asarray(N, float), np.asarray(D, float)
    runs = remedy.candidates(N_, D_, cap)
    if not runs:
        return NO_RUN
    at = target or top_rung(N_, D_)
    place = f"{format_size(at[0])}, {format_size(at[1])}"
    designs = _designs(comparison, fits, _log_loss_at(at) if target else _log_rho_at(at), runs)
    found = _ranked(designs, runs, N_, D_)
    front = designs[0]
    return NextRuns(
        wanted=f"the loss at {place}" if target else f"ln rho at {place}",
        law=", ".join(fit.law for fit in fits),
        sd=float(np.sqrt(front.variance)),
        best=found[0],
        cheapest=max(found, key=lambda run: (run.is_inside, run.per_flop, -run.C)),
        candidates=found,
    )


def settling_run(
    comparison: Comparison, N: ArrayLike, D: ArrayLike, at: tuple[float, float], *, cap: float | None = None
) -> Settling | None:
    """The cheapest run that could settle what limits a run at (N, D), else the one that comes nearest.

    For verdicts that are inconclusive on a ladder that passes the gate; where it fails, the gate's remedy says
    it. None where there is no law or no candidate. Raises FitError as `next_runs`.
    """
    fits = _laws(comparison)
    N_, D_ = np.asarray(N, float), np.asarray(D, float)
    runs = remedy.candidates(N_, D_, cap) if fits else []
    if not runs:
        return None
    designs = _designs(comparison, fits, _log_rho_at(at), runs)
    after = [_probabilities(designs, i) for i in range(len(runs))]
    ranked = _ranked(designs, runs, N_, D_)
    by_place = {(run.N, run.D): run for run in ranked}
    settled = [i for i, p in enumerate(after) if max(p.values()) >= PROBABLE]
    if settled:
        # candidates come the cheapest first, and of two the one within the ladder is taken
        first = min(settled, key=lambda i: not by_place[runs[i]].is_inside)
        label = max(after[first], key=lambda name: after[first][name])
        return _settling(by_place[runs[first]], True, label)
    return _settling(ranked[0], False, "")


def top_rung(N: FloatArray, D: FloatArray) -> tuple[float, float]:
    """N and D of the rung of most compute, of equals the one of most parameters."""
    best = max(range(N.size), key=lambda i: (N[i] * D[i], N[i]))
    return float(N[best]), float(D[best])


def _laws(comparison: Comparison) -> list[Fit]:
    """Admitted fits of N and D, the preferred one first."""
    fits = [comparison.fits[name] for name in comparison.admitted]
    usable = [
        fit for fit in fits if fit.status is not FitStatus.NOT_CONVERGED and handle_of(fit).law.form.has_d
    ]
    return sorted(usable, key=lambda fit: fit.law != comparison.preferred)


def _designs(
    comparison: Comparison, fits: list[Fit], wanted: Quantity, runs: list[tuple[float, float]]
) -> list[_Design]:
    return [_design(handle_of(fit), wanted, runs, comparison.seed_sd) for fit in fits]


def _design(handle: Handle, wanted: Quantity, runs: list[tuple[float, float]], seed_sd: float) -> _Design:
    form, theta = handle.law.form, handle.theta
    noise = max(handle.noise, seed_sd)
    J = np.sqrt(handle.points.weights)[:, None] * jacobian(form, theta, handle.centred.n, handle.centred.d)
    prior = np.array([PRIOR_SD.get(coordinate, PRIOR_SD_OF_LOG) for coordinate in form.free])
    M = J.T @ J / noise**2 + np.diag(prior**-2.0)
    moved = np.repeat(theta[None, :], 2 * form.k + 1, axis=0)
    for row, coordinate in enumerate(form.free):
        moved[2 * row + 1, coordinate] += STEP
        moved[2 * row + 2, coordinate] -= STEP
    values = wanted(handle, form.complete(moved))
    v = (values[1::2] - values[2::2]) / (2.0 * STEP)
    size, tokens = np.array(runs).T
    rows = jacobian(form, theta, *handle.coordinates(size, tokens))
    towards = np.linalg.solve(M, np.column_stack([v, rows.T]))
    along = rows @ towards[:, 0]
    spread = np.einsum("ij,ji->i", rows, towards[:, 1:])
    return _Design(float(values[0]), float(v @ towards[:, 0]), along**2 / (noise**2 + spread))


def _log_rho_at(at: tuple[float, float]) -> Quantity:
    """ln(g_D/g_N), the ratio of what 2x tokens and 2x parameters would gain."""
    N, D = np.array([at[0]]), np.array([at[1]])

    def value(handle: Handle, theta: FloatArray) -> FloatArray:
        here, tokens, params = (
            np.exp(log_loss(handle.law.form, theta, *handle.coordinates(a * N, b * D))[:, 0])
            for a, b in ((1.0, 1.0), (1.0, 2.0), (2.0, 1.0))
        )
        g_tokens, g_params = (np.maximum(here - there, LEAST_GAIN) for there in (tokens, params))
        result: FloatArray = np.log(g_tokens / g_params)
        return result

    return value


def _log_loss_at(at: tuple[float, float]) -> Quantity:
    N, D = np.array([at[0]]), np.array([at[1]])

    def value(handle: Handle, theta: FloatArray) -> FloatArray:
        result: FloatArray = log_loss(handle.law.form, theta, *handle.coordinates(N, D))[:, 0]
        return result

    return value


def _ranked(
    designs: list[_Design], runs: list[tuple[float, float]], N: FloatArray, D: FloatArray
) -> tuple[NextRun, ...]:
    """The candidates with the mean share of variance they take off: those within the ladder, then the best,
    then the cheaper first.
    """
    shares = np.mean([design.drops / max(design.variance, 1e-300) for design in designs], axis=0)
    found = [
        NextRun(
            N=run[0],
            D=run[1],
            C=flops(*run),
            reduction=float(min(1.0, share)),
            per_flop=float(min(1.0, share)) / flops(*run),
            is_inside=bool(N.min() <= run[0] <= N.max() and D.min() <= run[1] <= D.max()),
        )
        for run, share in zip(runs, shares, strict=True)
    ]
    return tuple(sorted(found, key=lambda run: (not run.is_inside, -run.reduction, run.C, run.N)))


def _probabilities(designs: list[_Design], run: int) -> dict[str, float]:
    """P of each label once that run is in, every law's estimate unmoved; one vote a law."""
    edge = float(np.log(DEAD_BAND))
    data, model = [], []
    for design in designs:
        sd = float(np.sqrt(max(design.variance - design.drops[run], 1e-12)))
        belief = NormalDist(design.value, sd)
        data.append(1.0 - belief.cdf(edge))
        model.append(belief.cdf(-edge))
    p_data, p_model = float(np.mean(data)), float(np.mean(model))
    return {"data-limited": p_data, "model-limited": p_model, "balanced": 1.0 - p_data - p_model}


def _settling(run: NextRun, settles: bool, label: str) -> Settling:
    size, tokens = format_size(run.N), format_size(run.D)
    if settles:
        sentence = f"One run at {size} for {tokens} tokens could settle it ({label} if the estimate holds)."
        short = f"{size} for {tokens} tokens could settle it"
    else:
        sentence = (
            f"No single run is sure to settle it; one at {size} for {tokens} tokens narrows it most "
            f"({run.reduction:.0%} of the variance)."
        )
        short = f"{size} for {tokens} tokens would narrow it most"
    return Settling(run, settles, label, sentence, short[:LINE])
