"""A ladder to its verdicts: laws compared, the regime of every run, and what other choices would say.

The numbers come from `labbook.scaling`; which runs enter comes from `labbook.ladder`. This module only
brings them together, so that a screen or a report has nothing left to compute.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labbook.choices import Choices
from labbook.ladder import Ladder
from labbook.method import method_block
from labbook.recipe import Candidate
from labbook.rung import SAME, Rung, largest, weights
from labbook.scaling.compare import compare
from labbook.scaling.fit import try_fit
from labbook.scaling.next_run import settling_run
from labbook.scaling.predict import predict, predict_pool
from labbook.scaling.regime import INCONCLUSIVE, regimes, slopes_of
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal, Regime
from labbook.sensitivity import Rows, Sensitivity, sensitivity
from labbook.summary import LadderView, LeftOut, RungView

ENGINE = "8"
"""Part of every cached result's key: raised whenever the same points may give other numbers."""

ABOUT_FRONT = ("influential-group", "objective-sensitive", "very-undertrained-points")
"""Warnings of the law in front alone."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Horizon:
    """An unfinished run, where its plan ends."""

    run_id: str
    N: float
    D: float
    """By the ladder's reading: unique tokens, or tokens at the planned end."""
    loss_now: float
    drop: float | None = None
    """What is left of it by its own forecast; None without one."""


@dataclass(frozen=True)
class Analysis:
    """A ladder's view and the regime of every run of its recipe that has one."""

    view: LadderView
    regimes: Mapping[str, Regime | Refusal]
    """By run id."""


def inputs_digest(ladder: Ladder, horizons: Sequence[Horizon]) -> str:
    """sha256 of everything the analysis depends on: the key under which a result may be kept."""
    rows = [ladder.key, ladder.d_reading, ladder.n_kind, ladder.loss_unit, ENGINE, str(ladder.choices)]
    rows += map(str, ladder.recipe)
    rows += [
        f"{r.run_id} {r.name} {r.N:.12g} {r.D:.12g} {r.loss:.12g}" for r in (*ladder.rungs, *ladder.variants)
    ]
    rows += [f"{s.run_id} {s.name} {s.code} {s.reason} {s.N} {s.D} {s.loss}" for s in ladder.left_out]
    rows += sorted(
        f"{m.run_id} {m.tokens_seen} {m.unique_tokens} {m.last} {m.minimum} {m.rises_again}"
        for m in ladder.members
    )
    rows += [str(h) for h in horizons] + [str(w) for w in ladder.warnings]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def bare_view(ladder: Ladder, refused: Refusal | None = None) -> LadderView:
    """The ladder before its fits are known, or with the reason why there are none."""
    unknown = refused or Refusal("computing", "the fits of this ladder are being computed")
    return LadderView(
        key=ladder.key,
        name=ladder.name,
        recipe=ladder.recipe,
        reasons=ladder.reasons,
        n_kind=ladder.n_kind,
        d_reading=ladder.d_reading,
        d_reason=ladder.d_reason,
        loss_rule=ladder.loss_rule,
        loss_unit=ladder.loss_unit,
        loss_series=ladder.rungs[0].level.series if ladder.rungs else "",
        rungs=tuple(_rung_view(r, None, _no_regime(r.N, r.D, unknown)) for r in ladder.rungs),
        replicates=tuple(tuple(ladder.rungs[i].name for i in cell) for cell in ladder.repeats),
        left_out=ladder.left_out,
        comparison=None,
        refused=refused,
        alternatives=(),
        warnings=ladder.warnings,
        method=(),
        choices=ladder.choices,
    )


def analyse(ladder: Ladder, horizons: Sequence[Horizon] = ()) -> Analysis:
    """Fit every law to the rungs, judge every rung and every unfinished run, and try the other choices."""
    bare = bare_view(ladder)
    if len(ladder.rungs) < 2:
        few = Refusal("too-few-rungs", f"{len(ladder.rungs)} finished rungs: no fit", _remedy(ladder))
        return Analysis(replace(bare, refused=few), {m.run_id: few for m in ladder.members})
    N, D, L = columns(ladder.rungs)
    shares = weights(ladder.rungs, ladder.choices.weights)
    comparison = compare(N, D, L, repeats=ladder.repeats, weights=shares)
    if not comparison.fits:
        refusal = next(iter(comparison.refused.values()))
        return Analysis(
            replace(bare, comparison=comparison, refused=refusal), {m.run_id: refusal for m in ladder.members}
        )
    judged = _judge(ladder, comparison, horizons)
    best = comparison.fits[comparison.preferred] if comparison.preferred else None
    residuals = _residuals(best, ladder.rungs)
    found = _sensitivity(best, ladder.rungs, ladder.choices)
    view = replace(
        bare,
        rungs=tuple(_rung_view(r, residuals.get(r.run_id), _as_regime(judged, r)) for r in ladder.rungs),
        left_out=tuple(_with_residual(x, best) for x in ladder.left_out) if best else ladder.left_out,
        comparison=comparison,
        refused=None if best else Refusal("no-law", "no law fits these rungs well enough to be preferred"),
        warnings=(*ladder.warnings, *comparison.warnings, *found.warnings),
        method=method_block(ladder, comparison),
        influence=found.influence,
        drops=found.drops,
        robust=found.robust,
    )
    return Analysis(view, judged)


def columns(rungs: Sequence[Rung | RungView]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """N, D, L of the rungs as arrays."""
    return (
        np.array([r.N for r in rungs], dtype=np.float64),
        np.array([r.D for r in rungs], dtype=np.float64),
        np.array([r.loss for r in rungs], dtype=np.float64),
    )


def drawable(view: LadderView) -> Fit | None:
    """The preferred fit, able to predict: one out of the notebook is fitted again, which gives the same fit."""
    return able(view, view.preferred)


def able(view: LadderView, kept: Fit | None) -> Fit | None:
    """A fit of the view's rungs with its handle; one out of the notebook has only its values."""
    if kept is None or kept.handle is not None:
        return kept
    shares = weights(view.rungs, view.choices.weights)
    again = try_fit(kept.law, *columns(view.rungs), objective=kept.objective, weights=shares)
    return again if isinstance(again, Fit) else None


def revived(view: LadderView) -> Comparison | None:
    """The comparison with every fit able to predict; None where the ladder has none."""
    if view.comparison is None:
        return None
    made = {name: able(view, fit) for name, fit in view.comparison.fits.items()}
    return replace(view.comparison, fits={name: fit for name, fit in made.items() if fit is not None})


def in_front(view: LadderView, law: str) -> LadderView:
    """The view with another of its fitted laws in front: residuals, influence and second objective are its own.

    What limits each rung is not: that comes from every admitted law.
    """
    comparison, before = view.comparison, view.preferred
    if comparison is None or (before is not None and law == before.law):
        return view
    kept = comparison.fits[law]
    best = able(view, kept) if kept.status is not FitStatus.NOT_CONVERGED else None
    residuals = _residuals(best, view.rungs)
    found = _sensitivity(best, view.rungs, view.choices)
    stays = [
        w
        for w in view.warnings
        if not (before and w.code in ABOUT_FRONT and w.text.startswith(f"{before.law}: "))
    ]
    return replace(
        view,
        comparison=replace(comparison, preferred=law),
        rungs=tuple(
            replace(r, residual=residuals.get(r.run_id), regime=regime)
            for r, regime in zip(view.rungs, _with_slopes(view, best), strict=True)
        ),
        left_out=tuple(_with_residual(x, best) for x in view.left_out) if best else view.left_out,
        warnings=(*stays, *found.warnings),
        influence=found.influence,
        drops=found.drops,
        robust=found.robust,
    )


def _with_slopes(view: LadderView, best: Fit | None) -> list[Regime]:
    """The rungs' regimes with the elasticities of another law; without, where it is none of N and D."""
    if best is None or len(best.handle.law.resources) < 2:
        return [replace(r.regime, elasticity_N=None, elasticity_D=None) for r in view.rungs]
    N, D, _ = columns(view.rungs)
    return [
        r.regime
        if r.regime.elasticity_N is None
        else replace(r.regime, elasticity_N=float(e_N), elasticity_D=float(e_D))
        for r, e_N, e_D in zip(view.rungs, *slopes_of(best, N, D), strict=True)
    ]


def _judge(ladder: Ladder, comparison: Comparison, horizons: Sequence[Horizon]) -> dict[str, Regime | Refusal]:
    N, D, L = columns(ladder.rungs)
    at = [(r.run_id, r.N, r.D) for r in ladder.rungs] + [(h.run_id, h.N, h.D) for h in horizons]
    by_id = {m.run_id: m for m in ladder.members}
    settling: dict[tuple[float, float], str] = {}
    own = [by_id[r.run_id].own_gain if ladder.d_reading == "seen" else None for r in ladder.rungs]
    own += [None] * len(horizons)
    where = np.array([a[1] for a in at]), np.array([a[2] for a in at])
    found = regimes(comparison, N, D, L, *where, own=own)
    for one in found:
        if one.label == INCONCLUSIVE and one.refused is None:
            place = one.N, one.D
            settling[place] = settling.get(place) or _settle(comparison, N, D, place)
    judged: dict[str, Regime | Refusal] = {
        run_id: replace(
            regime,
            repeat_limited=_repeats(by_id[run_id]),
            settle=settling.get((regime.N, regime.D), ""),
        )
        for (run_id, _, _), regime in zip(at, found, strict=True)
    }
    for horizon in horizons:
        regime = judged[horizon.run_id]
        if isinstance(regime, Regime):
            judged[horizon.run_id] = _under_trained(regime, horizon, comparison)
    for skipped in ladder.left_out:
        judged.setdefault(skipped.run_id, Refusal(skipped.code, skipped.reason))
    return judged


def _settle(comparison: Comparison, N: FloatArray, D: FloatArray, place: tuple[float, float]) -> str:
    """The run that could settle an open verdict there; empty where none is affordable."""
    found = settling_run(comparison, N, D, place)
    return found.sentence if found is not None else ""


def _repeats(run: Candidate) -> bool:
    """More than 4 epochs, or a validation minimum in the past unless the epochs are known to be few."""
    if run.epochs is not None and run.epochs > 4 * (1 + SAME):
        return True
    return run.rises_again and not (run.epochs is not None and run.epochs <= 1 + SAME)


def _under_trained(regime: Regime, horizon: Horizon, comparison: Comparison) -> Regime:
    """`under-trained` where what is left of the run itself exceeds what either doubling would buy.

    By the run's own forecast, else by the laws at its planned end.
    """
    if not comparison.admitted or regime.pooled is None:
        return regime
    drop = horizon.drop
    if drop is None:
        centre, _, _ = predict_pool(comparison, np.array([horizon.N]), np.array([horizon.D]))
        drop = horizon.loss_now - float(centre[0])
    if drop <= max(regime.pooled.g_tokens, regime.pooled.g_params):
        return replace(regime, remaining_drop=drop)
    return replace(regime, label="under-trained", form_dependent=False, remaining_drop=drop)


def _sensitivity(best: Fit | None, rungs: Sequence[Rung | RungView], choices: Choices) -> Sensitivity:
    """Of the law in front; the run whose loss is predicted has twice the N and D of the largest rung."""
    top = largest(rungs)
    rows = Rows(*columns(rungs), weights(rungs, choices.weights))
    return sensitivity(best, rows, choices.objective, (2.0 * top.N, 2.0 * top.D))


def _residuals(best: Fit | None, rungs: Sequence[Rung | RungView]) -> dict[str, float]:
    if best is None:
        return {}
    return {r.run_id: v for r, v in zip(rungs, best.residuals, strict=True)}


def _as_regime(judged: Mapping[str, Regime | Refusal], rung: Rung) -> Regime:
    found = judged[rung.run_id]
    return found if isinstance(found, Regime) else _no_regime(rung.N, rung.D, found)


def _rung_view(r: Rung, residual: float | None, regime: Regime) -> RungView:
    return RungView(r.run_id, r.name, r.N, r.D, r.C, r.loss, residual, regime, r.epochs)


def _no_regime(N: float, D: float, why: Refusal) -> Regime:
    return Regime("inconclusive", N, D, None, {}, None, None, None, False, refused=why)


def _with_residual(out: LeftOut, best: Fit) -> LeftOut:
    """The run with its distance from the law; an unfinished run has none, its loss still falls."""
    if out.code == "unfinished" or not (out.N and out.D and out.loss and out.loss > 0):
        return out
    expected = float(predict(best, np.array([out.N]), np.array([out.D]))[0])
    return replace(out, residual=math.log(out.loss / expected)) if math.isfinite(out.loss) else out


def _remedy(ladder: Ladder) -> str:
    codes = {s.code for s in ladder.left_out}
    if "dropped" in codes:
        return "drop fewer of them"
    if codes and codes <= {"broken-run", "no-loss", "given"}:
        first = ladder.left_out[0]
        return f"{first.name}: {first.reason}"
    if "no-params" in codes:
        return "supply N: labbook set RUN n=..., or labbook set --table FILE"
    if "no-tokens" in codes:
        return "supply tokens per step or unique tokens: labbook set RUN tokens_per_step=..."
    return "finish more runs of this recipe"
