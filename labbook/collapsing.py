"""The finished runs of a ladder laid on one curve: which loss of each goes in, and which run lies off."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from labbook.curvefit import finite_points, unit_factor
from labbook.errors import FitError
from labbook.records import Curve
from labbook.scaling.collapse import collapse
from labbook.scaling.curve_values import Collapse, RungCollapse
from labbook.scaling.learning_rate import per_step
from labbook.scaling.loss_curve import LossCurve, curve_digest, read_curve
from labbook.scaling.values import Refusal, Warned
from labbook.summary import RunView

FEWEST = 20
"""Points of a loss from which it is a curve."""
BINS = 100
"""Of training losses over the run: single steps scatter by more than runs differ."""
WHOLE = 0.97
"""Of the learning rate's steps: a loss that ends before has no end to be divided by."""
SAME_RATIO = 1.5
"""Runs whose tokens per parameter lie within this factor are of one ratio; a size known by name is rounded."""
ENDED = "done"
Which = Literal["val", "train"]


@dataclass(frozen=True)
class Placed:
    """One run with its size, and where it lies."""

    name: str
    run_id: str
    N: float | None
    ratio: float | None
    """Tokens seen per parameter."""
    points: int
    rung: RungCollapse
    notes: tuple[str, ...]


@dataclass(frozen=True)
class CollapseReport:
    """The runs of one ladder on one curve."""

    ladder: str
    """Its key or recipe; empty where neither is known."""
    loss: str
    """Series and unit."""
    found: Collapse
    runs: tuple[Placed, ...]
    """By size, then name."""
    left_out: tuple[tuple[str, Refusal], ...]
    digest: str
    """sha256 of the points and schedules."""
    warnings: tuple[Warned, ...]


def collapse_runs(runs: Sequence[RunView], curves_of: Callable[[str], Mapping[str, Curve]]) -> CollapseReport:
    """The runs of one ladder that have ended, laid on one curve.

    Validation losses are used where as many runs have them as have training losses, else training losses.
    Raises FitError where the runs are of several recipes or losses, or do not make a curve, with the reason.
    """
    ladder = _one_recipe(runs)
    logged = {run.run_id: curves_of(run.run_id) for run in runs if run.state == ENDED}
    kinds: tuple[Which, ...] = ("val", "train")
    by_kind = {kind: _curves(runs, kind, logged) for kind in kinds}
    which = max(kinds, key=lambda kind: len(by_kind[kind][0]))
    usable, missing = by_kind[which]
    if not usable and missing:
        raise _nothing(missing)
    loss = _one_loss([run for run, _ in usable], which)
    found = collapse([curve for _, curve in usable])
    if isinstance(found, Refusal):
        raise FitError(f"{found.text}{_but(missing)}", f"{found.remedy}: --runs FILTER")
    rungs = {rung.name: rung for rung in found.rungs}
    mixed = _ratios([_ratio(run) for run, _ in usable])
    placed = [_placed(run, curve, rungs[curve.name], is_judged=not mixed) for run, curve in usable]
    digests = sorted(curve_digest(curve) for _, curve in usable)
    return CollapseReport(
        ladder=ladder,
        loss=loss,
        found=found,
        runs=tuple(sorted(placed, key=lambda p: (p.N or 0.0, p.ratio or 0.0, p.name))),
        left_out=tuple(missing),
        digest=hashlib.sha256("".join(digests).encode()).hexdigest(),
        warnings=(*found.warnings, *mixed),
    )


def _one_recipe(runs: Sequence[RunView]) -> str:
    """The ladder of the runs where it was looked up, else their recipe or data set; empty where none is known.

    Raises FitError for runs that contradict each other in a field both state.
    """
    known: dict[str, str] = {}
    for run in sorted(runs, key=lambda r: (r.name, r.run_id)):
        for field, value in run.recipe:
            if known.setdefault(field, value) != value:
                text = f"these runs are of several recipes: {field} {known[field]} and {value}"
                raise FitError(text, "name one ladder, or --runs FILTER")
    ladder = next((run.ladder for run in runs if run.ladder is not None), None)
    return ladder or known.get("recipe") or known.get("dataset") or ""


def _nothing(missing: Sequence[tuple[str, Refusal]]) -> FitError:
    name, why = missing[0]
    more = f" (so do {len(missing) - 1} more)" if len(missing) > 1 else ""
    return FitError(f"no curve to lay on another: {name} is left out{more}: {why.text}", why.remedy)


def _but(missing: Sequence[tuple[str, Refusal]]) -> str:
    if not missing:
        return ""
    return " Left out: " + "; ".join(f"{name} ({why.code})" for name, why in missing[:4]) + "."


def _curves(
    runs: Sequence[RunView], which: Which, logged: Mapping[str, Mapping[str, Curve]]
) -> tuple[list[tuple[RunView, LossCurve]], list[tuple[str, Refusal]]]:
    """Runs with their curve by its name, which is the run's, with its id where several have it."""
    named = Counter(run.name for run in runs)
    usable, missing = [], []
    for run in sorted(runs, key=lambda r: (r.name, r.run_id)):
        found = whole_curve(run, which, logged.get(run.run_id, {}))
        if isinstance(found, Refusal):
            missing.append((run.name, found))
        else:
            name = run.name if named[run.name] == 1 else f"{run.name} ({run.run_id})"
            usable.append((run, replace(found, name=name)))
    return usable, missing


def whole_curve(run: RunView, which: Which, curves: Mapping[str, Curve]) -> LossCurve | Refusal:
    """The losses of a run to its end with the learning rate of its steps, or why there is none.

    which: val or train; training losses are averaged over hundredths of the run.
    """
    if run.state != ENDED:
        text = f"It is not known to have ended as planned ({run.state})."
        return Refusal("unfinished", text, "wait for its end, or labbook set RUN planned_steps=...")
    level = run.val if which == "val" else run.train
    if level is None or level.series not in curves:
        return Refusal("no-loss", f"No {'validation' if which == 'val' else 'training'} loss is logged.")
    lr = curves.get("lr")
    if lr is None or not len(lr):
        return Refusal("no-lr", "No learning rate is logged.", "log it beside the loss, at every logged step")
    rate = per_step(*finite_points(lr))
    if isinstance(rate, Refusal):
        return rate
    step, loss = finite_points(curves[level.series])
    keep = (loss > 0.0) & (step == np.floor(step))
    if int(keep.sum()) < FEWEST:
        text = f"{int(keep.sum())} points of {level.series} are no curve."
        return Refusal("few-points", text, f"{FEWEST} or more points of one loss")
    found = read_curve(run.name, step[keep], unit_factor(run, level.series) * loss[keep], *rate)
    end = found.lr.size - 1
    if found.step.size < FEWEST or not found.step[-1] >= WHOLE * end:
        text = f"{level.series} does not go from the warm-up to the end of the learning rate, step {end}."
        return Refusal("unfinished", text, "log the loss to the last step")
    return found if which == "val" else binned(found)


def binned(curve: LossCurve) -> LossCurve:
    """The curve as means over hundredths of its schedule; as it is where it has no more points."""
    if curve.step.size <= BINS:
        return curve
    place = np.minimum(curve.step * BINS // curve.lr.size, BINS - 1)
    first = np.flatnonzero(np.diff(place, prepend=-1))
    sizes = np.diff(np.append(first, curve.step.size))
    step = np.add.reduceat(curve.step, first) // sizes
    loss = np.add.reduceat(curve.loss, first) / sizes
    note = f"training loss as means over {1 / BINS:.0%} of the steps"
    return replace(curve, step=step, loss=loss, notes=(*curve.notes, note))


def _one_loss(runs: Sequence[RunView], which: Which) -> str:
    """The one loss of the runs in words. Raises FitError where they have several."""
    levels = [(run, run.val if which == "val" else run.train) for run in runs]
    found = sorted({f"{level.series}, {run.loss_unit}" for run, level in levels if level is not None})
    if len(found) > 1:
        text = f"the losses of these runs are not the same: {'; '.join(found)}"
        raise FitError(text, "compare those of one kind: --runs FILTER")
    return found[0] if found else which


def _placed(run: RunView, curve: LossCurve, rung: RungCollapse, *, is_judged: bool) -> Placed:
    N = run.n.value if run.n is not None else None
    shown = rung if is_judged else replace(rung, threshold=None, is_off=None)
    return Placed(curve.name, run.run_id, N, _ratio(run), curve.step.size, shown, curve.notes)


def _ratio(run: RunView) -> float | None:
    if run.n is None or run.tokens_seen is None or not run.n.value:
        return None
    return run.tokens_seen.value / run.n.value


def _ratios(found: Sequence[float | None]) -> tuple[Warned, ...]:
    """A warning where the runs are not of one number of tokens per parameter."""
    ratios = [ratio for ratio in found if ratio is not None]
    if not ratios or max(ratios) <= SAME_RATIO * min(ratios):
        return ()
    text = (
        f"{min(ratios):.3g} to {max(ratios):.3g} tokens per parameter: curves fall on one at one ratio, so no "
        "run is judged; --runs FILTER picks those of one."
    )
    return (Warned("ratio-mixed", text),)
