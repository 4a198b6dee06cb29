"""A ladder to its verdicts: laws compared, the regime of every run, and what other choices would say.

The numbers come from `labbook.scaling`; which runs enter comes from `labbook.ladder`. This module only
brings them together, so that a screen or a report has nothing left to compute.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labbook.ladder import Ladder, build
from labbook.method import method_block
from labbook.recipe import Candidate
from labbook.rung import SAME, Rung
from labbook.scaling.compare import compare
from labbook.scaling.fit import try_fit
from labbook.scaling.influence import influential, leave_groups_out
from labbook.scaling.predict import predict, predict_pool
from labbook.scaling.regime import regimes
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal, Regime, Warned
from labbook.summary import Alternative, LadderView, LeftOut, RungView

ENGINE = "4"
"""Part of every cached result's key: raised whenever the same points may give other numbers."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Horizon:
    """An unfinished run, where its plan ends."""

    run_id: str
    N: float
    D: float
    """By the ladder's reading: unique tokens, or tokens at the planned end."""
    loss_now: float


@dataclass(frozen=True)
class Analysis:
    """A ladder's view and the regime of every run of its recipe that has one."""

    view: LadderView
    regimes: Mapping[str, Regime | Refusal]
    """By run id."""


def inputs_digest(ladder: Ladder, horizons: Sequence[Horizon]) -> str:
    """sha256 of everything the analysis depends on: the key under which a result may be kept."""
    rows = [ladder.key, ladder.d_reading, ladder.n_kind, ladder.loss_unit, ENGINE, *map(str, ladder.recipe)]
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
        rungs=tuple(
            RungView(r.run_id, r.name, r.N, r.D, r.C, r.loss, None, _no_regime(r.N, r.D, unknown))
            for r in ladder.rungs
        ),
        replicates=tuple(tuple(ladder.rungs[i].name for i in cell) for cell in ladder.repeats),
        left_out=ladder.left_out,
        comparison=None,
        refused=refused,
        alternatives=(),
        warnings=ladder.warnings,
        method=(),
    )


def analyse(ladder: Ladder, horizons: Sequence[Horizon] = ()) -> Analysis:
    """Fit every law to the rungs, judge every rung and every unfinished run, and try the other choices."""
    bare = bare_view(ladder)
    if len(ladder.rungs) < 2:
        few = Refusal("too-few-rungs", f"{len(ladder.rungs)} finished rungs: no fit", _remedy(ladder))
        return Analysis(replace(bare, refused=few), {m.run_id: few for m in ladder.members})
    N, D, L = columns(ladder.rungs)
    comparison = compare(N, D, L, repeats=ladder.repeats)
    if not comparison.fits:
        refusal = next(iter(comparison.refused.values()))
        return Analysis(
            replace(bare, comparison=comparison, refused=refusal), {m.run_id: refusal for m in ladder.members}
        )
    judged = _judge(ladder, comparison, horizons)
    best = comparison.fits[comparison.preferred] if comparison.preferred else None
    residuals = _residuals(best, ladder.rungs)
    view = replace(
        bare,
        rungs=tuple(
            RungView(r.run_id, r.name, r.N, r.D, r.C, r.loss, residuals.get(r.run_id), _as_regime(judged, r))
            for r in ladder.rungs
        ),
        left_out=tuple(_with_residual(x, best) for x in ladder.left_out) if best else ladder.left_out,
        comparison=comparison,
        refused=None if best else Refusal("no-law", "no law fits these rungs well enough to be preferred"),
        alternatives=_alternatives(ladder, judged, comparison),
        warnings=(*ladder.warnings, *comparison.warnings, *_influence(best)),
        method=method_block(ladder, comparison),
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
    kept = view.preferred
    if kept is None or kept.handle is not None:
        return kept
    again = try_fit(kept.law, *columns(view.rungs), objective=kept.objective)
    return again if isinstance(again, Fit) else None


def _judge(ladder: Ladder, comparison: Comparison, horizons: Sequence[Horizon]) -> dict[str, Regime | Refusal]:
    N, D, L = columns(ladder.rungs)
    at = [(r.run_id, r.N, r.D) for r in ladder.rungs] + [(h.run_id, h.N, h.D) for h in horizons]
    found = regimes(comparison, N, D, L, np.array([a[1] for a in at]), np.array([a[2] for a in at]))
    by_id = {m.run_id: m for m in ladder.members}
    judged: dict[str, Regime | Refusal] = {
        run_id: replace(regime, repeat_limited=_repeats(by_id[run_id]))
        for (run_id, _, _), regime in zip(at, found, strict=True)
    }
    for horizon in horizons:
        regime = judged[horizon.run_id]
        if isinstance(regime, Regime):
            judged[horizon.run_id] = _under_trained(regime, horizon, comparison)
    for skipped in ladder.left_out:
        judged.setdefault(skipped.run_id, Refusal(skipped.code, skipped.reason))
    return judged


def _repeats(run: Candidate) -> bool:
    """More than 4 epochs, or a validation minimum in the past unless the epochs are known to be few."""
    if run.epochs is not None and run.epochs > 4 * (1 + SAME):
        return True
    return run.rises_again and not (run.epochs is not None and run.epochs <= 1 + SAME)


def _under_trained(regime: Regime, horizon: Horizon, comparison: Comparison) -> Regime:
    """`under-trained` where what is left of the run itself exceeds what either doubling would buy."""
    if not comparison.admitted or regime.pooled is None:
        return regime
    centre, _, _ = predict_pool(comparison, np.array([horizon.N]), np.array([horizon.D]))
    drop = horizon.loss_now - float(centre[0])
    if drop <= max(regime.pooled.g_tokens, regime.pooled.g_params):
        return replace(regime, remaining_drop=drop)
    return replace(regime, label="under-trained", form_dependent=False, remaining_drop=drop)


def _influence(best: Fit | None) -> tuple[Warned, ...]:
    """Groups of rungs whose absence moves the exponent of compute beyond its interval (science.md 4.3)."""
    if best is None or best.status is not FitStatus.CONVERGED:
        return ()
    return tuple(Warned(w.code, f"{best.law}: {w.text}") for w in influential(best, leave_groups_out(best)))


def _residuals(best: Fit | None, rungs: Sequence[Rung]) -> dict[str, float]:
    if best is None:
        return {}
    return {r.run_id: v for r, v in zip(rungs, best.residuals, strict=True)}


def _as_regime(judged: Mapping[str, Regime | Refusal], rung: Rung) -> Regime:
    found = judged[rung.run_id]
    return found if isinstance(found, Regime) else _no_regime(rung.N, rung.D, found)


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
    if "no-params" in codes:
        return "supply N: labbook set RUN n=..., or labbook set --table FILE"
    if "no-tokens" in codes:
        return "supply tokens per step or unique tokens: labbook set RUN tokens_per_step=..."
    return "finish more runs of this recipe"


def _alternatives(
    ladder: Ladder, judged: Mapping[str, Regime | Refusal], comparison: Comparison
) -> tuple[Alternative, ...]:
    """The other D reading, and the learning-rate variants put in: what each would change."""
    found = []
    known = {w.code for w in comparison.warnings}
    other = "seen" if ladder.d_reading == "unique" else "unique"
    rebuilt = build(ladder.key, ladder.members, reading=other)
    if len(rebuilt.rungs) >= len(ladder.rungs) - 2 and rebuilt.rungs:
        title = f"D = {other} tokens, loss {rebuilt.loss_rule}"
        found.append(_alternative(title, rebuilt.rungs, rebuilt, judged, known))
    if ladder.variants:
        with_them = sorted((*ladder.rungs, *ladder.variants), key=lambda r: (r.N, r.D, r.name))
        title = f"the {len(ladder.variants)} learning-rate variants put in"
        found.append(_alternative(title, with_them, ladder, judged, known))
    return tuple(found)


def _alternative(
    title: str,
    rungs: Sequence[Rung],
    ladder: Ladder,
    judged: Mapping[str, Regime | Refusal],
    known: Collection[str],
) -> Alternative:
    N, D, L = columns(rungs)
    repeats = ladder.repeats if len(rungs) == len(ladder.rungs) else ()
    comparison = compare(N, D, L, repeats=repeats)
    if comparison.preferred is None:
        return Alternative(title, len(rungs), None, None, (), "no law can be preferred then")
    then = regimes(comparison, N, D, L, N, D)
    changes = []
    for rung, regime in zip(rungs, then, strict=True):
        now = judged.get(rung.run_id)
        if isinstance(now, Regime) and verdict(now) != verdict(regime):
            changes.append((rung.name, verdict(now), verdict(regime)))
    best = comparison.fits[comparison.preferred]
    return Alternative(title, len(rungs), best.law, best.rms_log, tuple(changes), _doubts(comparison, known))


def _doubts(comparison: Comparison, known: Collection[str]) -> str:
    """What speaks against a choice beyond the warnings that are `known` anyway."""
    codes = dict.fromkeys(w.code for w in comparison.warnings if w.code not in known)
    lost = [name for name, fit in comparison.fits.items() if fit.status is FitStatus.UNIDENTIFIED]
    parts = [f"{', '.join(lost)} not identifiable"] if lost else []
    parts += [f"warnings {', '.join(codes)}"] if codes else []
    return f"Against it: {'; '.join(parts)}" if parts else ""


def verdict(regime: Regime) -> str:
    """The label as a person compares it."""
    return regime.label
