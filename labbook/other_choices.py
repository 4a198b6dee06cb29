"""What another choice would say of a ladder: the other reading of D, a learning-rate sweep put in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from labbook.analysis import columns
from labbook.ladder import Ladder, build
from labbook.rung import weights
from labbook.scaling.compare import compare
from labbook.scaling.regime import regimes
from labbook.scaling.values import Comparison, FitStatus, Regime
from labbook.summary import Alternative, LadderView


def alternatives(ladder: Ladder, view: LadderView) -> tuple[Alternative, ...]:
    """The other D reading, and the learning-rate variants put in: what each would change of the verdicts."""
    if view.comparison is None:
        return ()
    found = []
    judged = {r.run_id: r.regime for r in view.rungs}
    known = {w.code for w in view.comparison.warnings}
    other = "seen" if ladder.d_reading == "unique" else "unique"
    rebuilt = build(ladder.key, ladder.members, replace(ladder.choices, reading=other))
    fewest = 2 if other == "seen" else max(1, len(ladder.rungs) - 2)
    if len(rebuilt.rungs) >= fewest:
        title = f"D = {other} tokens, loss {rebuilt.loss_rule}"
        found.append(_alternative(title, rebuilt, judged, known))
    if ladder.variants:
        with_them = sorted((*ladder.rungs, *ladder.variants), key=lambda r: (r.N, r.D, r.name))
        title = f"the {len(ladder.variants)} learning-rate variants put in"
        other_ladder = replace(ladder, rungs=tuple(with_them), repeats=())
        found.append(_alternative(title, other_ladder, judged, known))
    return tuple(found)


def _alternative(
    title: str,
    ladder: Ladder,
    judged: Mapping[str, Regime],
    known: Collection[str],
) -> Alternative:
    rungs = ladder.rungs
    N, D, L = columns(rungs)
    shares = weights(rungs, ladder.choices.weights)
    comparison = compare(N, D, L, repeats=ladder.repeats, weights=shares)
    if comparison.preferred is None:
        return Alternative(title, len(rungs), None, None, (), "no law can be preferred then")
    then = regimes(comparison, N, D, L, N, D)
    changes = []
    for rung, regime in zip(rungs, then, strict=True):
        now = judged.get(rung.run_id)
        if now is not None and now.label != regime.label:
            changes.append((rung.name, now.label, regime.label))
    best = comparison.fits[comparison.preferred]
    return Alternative(title, len(rungs), best.law, best.rms_log, tuple(changes), _doubts(comparison, known))


def _doubts(comparison: Comparison, known: Collection[str]) -> str:
    """What speaks against a choice beyond the warnings that are `known` anyway."""
    codes = dict.fromkeys(w.code for w in comparison.warnings if w.code not in known)
    lost = [name for name, fit in comparison.fits.items() if fit.status is FitStatus.UNIDENTIFIED]
    parts = [f"{', '.join(lost)} not identifiable"] if lost else []
    parts += [f"warnings {', '.join(codes)}"] if codes else []
    return f"Against it: {'; '.join(parts)}" if parts else ""
