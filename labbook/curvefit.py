"""Laws of a learning-rate schedule on the runs of a workbook: their curves, the fit, and who is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labbook.errors import FitError
from labbook.quantities import format_size
from labbook.records import Curve
from labbook.scaling.curve_values import CurveFit, CurveScore, EndLoss
from labbook.scaling.form import FloatArray
from labbook.scaling.learning_rate import per_step
from labbook.scaling.loss_curve import AnyLaw, LossCurve, read_curve
from labbook.scaling.schedule import fit_curves, hold_out, predict_end, score
from labbook.scaling.values import FitStatus, Refusal, Warned
from labbook.summary import RunView

CurvesOf = Callable[[str], Mapping[str, Curve]]
"""Every series of a run by its id."""
PlanOf = Callable[[RunView], FloatArray | Refusal]
"""The learning rate of every step of a run to its planned end, (steps + 1,)."""
SAME_N = 1.01
"""Sizes within this factor are one."""
ONE_EPOCH = 1.01
OVER = frozenset({"done", "failed", "nan", "diverged"})
"""States of runs that will not come to a planned end they have not reached."""
HIGH_R2 = Warned("high-r2", "R^2 says little: any falling curve comes near 1; read the relative errors.")


@dataclass(frozen=True)
class CurveReport:
    """One law fitted to the curves of one model, and how it does on others."""

    fit: CurveFit
    held_out: tuple[CurveScore, ...]
    """Each fitted curve scored by the law fitted to the others."""
    scored: tuple[CurveScore, ...]
    """Curves that were not fitted."""
    left_out: tuple[tuple[str, Refusal], ...]
    """Runs without a usable curve, with the reason."""
    model: str
    """In words: `N 25M`."""
    loss: str
    """Series and unit: `train, nats/token`."""
    warnings: tuple[Warned, ...]
    ends: tuple[tuple[str, EndLoss | Refusal], ...] = ()
    """Of every run on its way to a planned end, fitted or scored: the loss there, or why there is none."""


def fit_runs(
    law: AnyLaw,
    fitted: Sequence[RunView],
    scored: Sequence[RunView],
    curves_of: CurvesOf,
    plan_of: PlanOf,
) -> CurveReport:
    """The law fitted to the curves of some runs, scored on those of others, and carried to planned ends.

    Raises FitError where the runs are of several sizes or losses, or where no fit can be made.
    """
    fit_to, missing = _curves(fitted, curves_of)
    others, not_scored = _curves(scored, curves_of)
    if not fit_to:
        raise _nothing(missing)
    model = _model([run for run, _ in (*fit_to, *others)])
    loss = _loss([run for run, _ in (*fit_to, *others)])
    fit = fit_curves(law, [curve for _, curve in fit_to])
    is_usable = fit.status is not FitStatus.NOT_CONVERGED
    held_out = hold_out(fit) if is_usable else ()
    used = [run for run, _ in (*fit_to, *others)] if is_usable else []
    return CurveReport(
        fit=fit,
        held_out=held_out,
        scored=tuple(score(fit, curve) for _, curve in others) if is_usable else (),
        left_out=(*missing, *not_scored),
        model=model,
        loss=loss,
        warnings=(*fit.warnings, *_repeats([run for run, _ in fit_to]), *((HIGH_R2,) if is_usable else ())),
        ends=_planned_ends(fit, held_out, used, plan_of),
    )


def _planned_ends(
    fit: CurveFit, held_out: Sequence[CurveScore], runs: Sequence[RunView], plan_of: PlanOf
) -> tuple[tuple[str, EndLoss | Refusal], ...]:
    found: list[tuple[str, EndLoss | Refusal]] = []
    for run in runs:
        if run.state not in OVER and run.frac is not None and run.frac < 1.0:
            rates = plan_of(run)
            end = rates if isinstance(rates, Refusal) else predict_end(fit, rates, held_out)
            found.append((run.name, end))
    return tuple(found)


def _repeats(runs: Sequence[RunView]) -> tuple[Warned, ...]:
    """A warning where fitted runs saw their data more than once."""
    names = [run.name for run in runs if run.epochs is not None and run.epochs > ONE_EPOCH]
    if not names:
        return ()
    text = f"Data was repeated in {', '.join(names)}; laws of the schedule know one pass only."
    return (Warned("repeated-data", text),)


def _nothing(missing: Sequence[tuple[str, Refusal]]) -> FitError:
    if not missing:
        return FitError("no run to fit", "see: labbook runs")
    name, why = missing[0]
    more = f" (so do {len(missing) - 1} more)" if len(missing) > 1 else ""
    return FitError(f"no curve to fit: {name} is left out{more}: {why.text}", why.remedy)


def _curves(
    runs: Sequence[RunView], curves_of: CurvesOf
) -> tuple[list[tuple[RunView, LossCurve]], list[tuple[str, Refusal]]]:
    usable, missing = [], []
    for run in sorted(runs, key=lambda r: (r.name, r.run_id)):
        found = loss_curve(run, curves_of(run.run_id))
        if isinstance(found, Refusal):
            missing.append((run.name, found))
        else:
            usable.append((run, found))
    return usable, missing


def loss_curve(run: RunView, curves: Mapping[str, Curve]) -> LossCurve | Refusal:
    """The losses of a run and the learning rate of its steps, or why there is none."""
    lr = curves.get("lr")
    if lr is None or not len(lr):
        return Refusal("no-lr", "No learning rate is logged.", "log it beside the loss, at every logged step")
    series = loss_series(run)
    if series is None or series not in curves:
        return Refusal("no-loss", "No loss is logged.")
    rate = per_step(*finite_points(lr))
    if isinstance(rate, Refusal):
        return rate
    step, loss = finite_points(curves[series])
    keep = loss > 0.0
    if (step != np.floor(step)).any():
        return Refusal("no-step-schedule", "Its steps are no whole numbers.", "log the optimiser step")
    found = read_curve(run.name, step[keep], unit_factor(run, series) * loss[keep], *rate)
    if not found.step.size:
        return Refusal("no-loss", "It has no loss after the warm-up of its learning rate.")
    return found


def loss_series(run: RunView) -> str | None:
    """The series the law is fitted to: training loss, else the leading validation loss."""
    level = run.train or run.val
    return level.series if level is not None else None


def finite_points(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """(step, value) of the points that are numbers, each (n,), the last one of every step."""
    keep = np.isfinite(curve.step) & np.isfinite(curve.value) & (curve.step >= 0.0)
    step, value = curve.step[keep], curve.value[keep]
    last = np.append(np.diff(step) > 0.0, True) if step.size else np.zeros(0, bool)
    return step[last], value[last]


def unit_factor(run: RunView, series: str) -> float:
    """From the log's unit to the one losses are shown in."""
    for info in run.series:
        if info.name == series and info.last_value is not None and info.last_value_raw:
            return info.last_value / info.last_value_raw
    return 1.0


def _model(runs: Sequence[RunView]) -> str:
    """The one size of the runs in words. Raises FitError where they have several."""
    sizes = sorted({run.n.value for run in runs if run.n is not None})
    unknown = sum(run.n is None for run in runs)
    if sizes and sizes[-1] > SAME_N * sizes[0]:
        listed = ", ".join(dict.fromkeys(format_size(size) for size in sizes))
        raise FitError(f"these runs are of several sizes: N {listed}", "one fit is of one model: --runs FILTER")
    if not sizes:
        return "N not known, taken as one model"
    return f"N {format_size(sizes[0])}" + (
        f", {unknown} runs of unknown N taken as the same" if unknown else ""
    )


def _loss(runs: Sequence[RunView]) -> str:
    """The one loss of the runs in words. Raises FitError where they have several."""
    found = sorted({f"{loss_series(run)}, {run.loss_unit}" for run in runs})
    if len(found) > 1:
        text = f"the losses of these runs are not the same: {'; '.join(found)}"
        raise FitError(text, "fit those of one kind: --runs FILTER")
    return found[0]
