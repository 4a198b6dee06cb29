"""The runs of a ladder to the law of size and steps: steps, batches and final losses, and who is behind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labbook.ladder import Ladder
from labbook.recipe import Candidate
from labbook.rung import SAME, Rung, listed, weights
from labbook.scaling.batch import (
    StepsFit,
    StepsReading,
    critical_batch,
    data_penalty,
    fit_steps,
    least_compute,
    steps_counted,
    stopping_bound,
    tokens_for_penalty,
    under_trained_by_steps,
)
from labbook.scaling.codes import warned
from labbook.scaling.form import BoolArray, FloatArray
from labbook.scaling.laws.base import Params
from labbook.scaling.points import digest
from labbook.scaling.predict import predict
from labbook.scaling.values import FitStatus, Refusal, Warned
from labbook.summary import LadderView

PAPER = "Kaplan et al. 2020"
PENALTY = 0.02
"""Share of the loss up to which data counts as unlimited (Kaplan et al. 2020, eq. 4.4)."""


@dataclass(frozen=True, slots=True)
class StepsRung:
    """A finished run as the law of size and steps sees it."""

    run_id: str
    name: str
    N: float
    S: float
    """Optimiser steps."""
    B: float
    """Tokens a step: tokens seen over steps."""
    B_crit: float | None
    """None without a critical batch of the recipe."""
    S_min: float
    C_min: float | None
    """FLOP had the batch been very small; None without a critical batch."""
    loss: float
    """Final loss, after S steps."""
    residual: float
    """ln L - ln L of the law."""
    S_stop: float | None
    """Least S_min before early stopping sets in; None where D is not the size of the data set, or the law not
    one of unlimited data."""
    penalty: float | None
    """L(N, D)/L(N, inf) - 1 by the ladder's own fit of eq. 1.5; None where D is no data set's size."""
    is_used: bool
    """False where it repeats its data and the law is fitted without it."""


@dataclass(frozen=True, slots=True)
class Behind:
    """An unfinished run against the law of its ladder."""

    run_id: str
    name: str
    S: float
    loss: float
    """Now."""
    found: StepsReading | Refusal


@dataclass(frozen=True)
class StepsView:
    """The law of size and steps of one ladder."""

    ladder: LadderView
    found: StepsFit | Refusal
    rungs: tuple[StepsRung, ...] = ()
    unfinished: tuple[Behind, ...] = ()
    unlimited: tuple[float, float] | None = None
    """N of the largest rung and the tokens that keep its penalty of finite data at 2 %."""
    digest: str = ""
    """sha256 of the rows N, S_min, L."""
    warnings: tuple[Warned, ...] = ()


def steps_of(ladder: Ladder, view: LadderView, critical: Mapping[str, float] | None = None) -> StepsView:
    """The law fitted to the rungs of the ladder by steps and final loss, and its unfinished runs held to it.

    It is one of unlimited data: where the rungs that do not repeat theirs determine it, the others are left
    out. critical: B_star and alpha_B measured for this recipe. view: the same ladder with its laws of N and D.
    """
    members = {m.run_id: m for m in ladder.members}
    runs = [members[rung.run_id] for rung in ladder.rungs]
    refused = _unknown(runs)
    if refused is not None:
        return StepsView(view, refused)
    columns = _columns(ladder.rungs, runs)
    once = np.array([not _repeats(rung) for rung in ladder.rungs], bool)
    found, used = _fit(columns, once, critical, weights(ladder.rungs, ladder.choices.weights))
    if isinstance(found, Refusal):
        return StepsView(view, found)
    law = _law_of_data(ladder, view)
    rungs = _rungs(ladder.rungs, columns, used, found, law)
    return StepsView(
        ladder=view,
        found=found,
        rungs=rungs,
        unfinished=_unfinished(ladder, found),
        unlimited=_unlimited(float(columns.N.max()), law),
        digest=digest(*([getattr(r, x) for r in rungs if r.is_used] for x in ("N", "S_min", "loss"))),
        warnings=(*_repeated(ladder.rungs, used), *found.law.warnings, *_of_paper(found)),
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Parameters, steps, tokens a step and final loss of the rungs, each (n,)."""

    N: FloatArray
    S: FloatArray
    B: FloatArray
    L: FloatArray


def _columns(rungs: Sequence[Rung], runs: Sequence[Candidate]) -> _Columns:
    known = [_steps_batch_loss(run) or (math.nan, math.nan, math.nan) for run in runs]
    S, B, L = np.array(known).reshape(-1, 3).T
    return _Columns(np.array([rung.N for rung in rungs]), S, B, L)


def _fit(
    x: _Columns,
    once: BoolArray,
    critical: Mapping[str, float] | None,
    share: Sequence[float] | None,
) -> tuple[StepsFit | Refusal, BoolArray]:
    """The law by the rungs that saw their data `once`, where these determine it, else by all; and by which."""

    def fitted(use: BoolArray) -> StepsFit | Refusal:
        weight = None if share is None else np.asarray(share)[use]
        return fit_steps(x.N[use], x.S[use], x.B[use], x.L[use], critical, weights=weight)

    every = np.ones_like(once)
    whole = fitted(every)
    if once.all() or (isinstance(whole, Refusal) and whole.code == "batch-differs"):
        return whole, every
    alone = fitted(once)
    if isinstance(alone, StepsFit) and alone.law.status is FitStatus.CONVERGED:
        return alone, once
    return whole, every


def _repeats(rung: Rung) -> bool:
    return rung.epochs is not None and rung.epochs > 1.0 + SAME


def _steps_batch_loss(run: Candidate) -> tuple[float, float, float] | None:
    """Steps, tokens a step and the last loss; None where one of them is not known."""
    steps, level = run.training.steps, run.last
    if not steps or not run.tokens_seen or level is None or not 0.0 < level.value < math.inf:
        return None
    return steps, run.tokens_seen / steps, level.value


def _unknown(runs: Sequence[Candidate]) -> Refusal | None:
    """Why the rungs cannot be laid out by steps."""
    names = [run.name for run in runs if not run.training.steps]
    if names:
        text = f"Optimiser steps are not known for {listed(names)}."
        return Refusal("no-steps", text, "read their logs with steps, or leave them out: --drop drop-run:NAME")
    names = [run.name for run in runs if not run.tokens_seen]
    if names:
        text = f"Tokens seen, and so the batch, are not known for {listed(names)}."
        return Refusal("no-tokens", text, "supply them: labbook set RUN tokens_per_step=...")
    names = [run.name for run in runs if _steps_batch_loss(run) is None]
    if names:
        return Refusal("no-loss", f"The final loss is not known for {listed(names)}.", "leave them out")
    return None


def _rungs(
    rungs: Sequence[Rung], x: _Columns, used: BoolArray, found: StepsFit, law: Params | None
) -> tuple[StepsRung, ...]:
    D, S_min = np.array([r.D for r in rungs]), steps_counted(x.S, x.B, x.L, found.critical)
    residuals = np.log(x.L / predict(found.law, x.N, S_min))
    nothing: list[float | None] = [None] * len(rungs)
    B_crit, C_min, stop, penalty = nothing, nothing, nothing, nothing
    if found.critical is not None:
        critical = critical_batch(x.L, found.critical)
        B_crit, C_min = critical.tolist(), least_compute([r.C for r in rungs], x.B, critical).tolist()
    if law is not None:
        penalty = data_penalty(x.N, D, law).tolist()
        repeating = any(_repeats(rung) for rung, counts in zip(rungs, used, strict=True) if counts)
        if found.law.status is FitStatus.CONVERGED and not repeating:
            stop = stopping_bound(x.N, D, law, found.law.params).tolist()
    return tuple(
        StepsRung(
            run_id=rung.run_id,
            name=rung.name,
            N=rung.N,
            S=float(x.S[i]),
            B=float(x.B[i]),
            B_crit=B_crit[i],
            S_min=float(S_min[i]),
            C_min=C_min[i],
            loss=float(x.L[i]),
            residual=float(residuals[i]),
            S_stop=stop[i],
            penalty=penalty[i],
            is_used=bool(used[i]),
        )
        for i, rung in enumerate(rungs)
    )


def _law_of_data(ladder: Ladder, view: LadderView) -> Params | None:
    """The ladder's own law of eq. 1.5, where D is the size of the data set as it is there."""
    fit = view.comparison.fits.get("kaplan") if view.comparison is not None else None
    if fit is None or ladder.d_reading != "unique" or fit.status is not FitStatus.CONVERGED:
        return None
    return fit.params


def _unlimited(N: float, law: Params | None) -> tuple[float, float] | None:
    return None if law is None else (N, float(tokens_for_penalty([N], PENALTY, law)[0]))


def _unfinished(ladder: Ladder, found: StepsFit) -> tuple[Behind, ...]:
    """Runs on their way that have steps, a batch and a loss, past their warm-up."""
    waiting = {x.run_id for x in ladder.left_out if x.code == "unfinished"}
    behind = []
    for run in ladder.members:
        known = _steps_batch_loss(run)
        if run.run_id not in waiting or known is None:
            continue
        S, B, L = known
        reading: StepsReading | Refusal
        warmup = run.training.warmup or 0.0
        if warmup >= S:
            text = f"Still in its warm-up of {warmup:g} steps, which the law does not describe."
            reading = Refusal("too-early", text, "wait")
        else:
            reading = under_trained_by_steps(found, (run.n[ladder.n_kind].value, S, B, L))
        behind.append(Behind(run.run_id, run.name, S, L, reading))
    return tuple(sorted(behind, key=lambda x: (x.name, x.run_id)))


def _repeated(rungs: Sequence[Rung], used: BoolArray) -> tuple[Warned, ...]:
    """The law is one of unlimited data, and the rungs that were not are left out or spoil it."""
    epochs = [rung.epochs or 1.0 for rung in rungs if _repeats(rung)]
    if not epochs:
        return ()
    ends = f"{len(epochs)} of {len(rungs)} rungs repeat theirs, up to {max(epochs):.3g} epochs"
    if used.all():
        then = "the others do not determine it, and what data costs these is put down to size and steps."
    else:
        then = "they are left out, and their residuals hold what data costs them."
    return (Warned("repeated-data", f"The law of size and steps is one of unlimited data. {ends}: {then}"),)


def _of_paper(found: StepsFit) -> tuple[Warned, ...]:
    """Observed exponents of the paper stand beside the ladder's own."""
    return (warned("published-constants", paper=PAPER),) if found.exponents else ()
