# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""A law of the learning-rate schedule as text and JSON: parameters, error curve by curve, method block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from labbook import __version__
from labbook.report.alone import brackets
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, count, percent, plural, significant
from labbook.report.method import json_key
from labbook.report.objects import refused_law, warned_object
from labbook.report.paint import paint
from labbook.report.section import Section, section_lines
from labbook.report.table import Column, table
from labbook.report.words import refusal_words
from labbook.scaling.curve_values import CurveFit, CurveScore, EndLoss
from labbook.scaling.values import FitStatus, Refusal

if TYPE_CHECKING:
    from labbook.curvefit import CurveReport

_PARAMS = (
    Column("parameter"),
    Column("value", right=True),
    Column("95 % interval", least=12),
)
_CURVES = (
    Column("curve", least=17, middle=True),
    Column("use"),
    Column("points", right=True, priority=4),
    Column("MAE", right=True),
    Column("RMSE", right=True, priority=2),
    Column("R^2", right=True, priority=3),
    Column("mean %", right=True, priority=1),
    Column("worst %", right=True),
    Column("at step", right=True, priority=3),
    Column("end %", right=True, priority=1),
)
_ENDS = (
    Column("run", least=12, middle=True),
    Column("planned end", right=True),
    Column("loss", right=True),
    Column("interval", least=12),
)
FITTED, HELD_OUT, SCORED = "fitted", "left out", "scored"


def curves_text(report: CurveReport, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """Parameters, errors on every curve, runs left out, warnings and the method block."""
    fit = report.fit
    title = f"{fit.law} on {plural(len(fit.scores), 'curve')} ({report.model}, loss {report.loss})"
    lines = [paint(x, "bold", color) for x in wrap(title, width)] + wrap(fit.equation, width, rest="  ")
    lines += wrap(f"{fit.source}; {_ended(fit)}", width, rest="  ")
    if fit.status is not FitStatus.NOT_CONVERGED:
        lines += ["", *table(_PARAMS, param_rows(fit), width, color=color)]
        lines += ["", paint("Error of the law on each curve", "bold", color)]
        lines += [*table(_CURVES, curve_rows(report), width, color=color), *wrap(_legend(report), width)]
    lines += section_lines(ends_section(report), width, color)
    lines += _part("Left out", left_out_lines(report), width, color)
    lines += _part("Warnings", [f"{w.code}: {w.text}" for w in report.warnings], width, color)
    lines += _part("Method", [f"{key}: {value}" for key, value in method_rows(report)], width, color)
    return finish(lines, ascii)


def _ended(fit: CurveFit) -> str:
    bound = f" ({', '.join(fit.bound)})" if fit.bound else ""
    return f"{fit.status.value}{bound}, rms {percent(fit.rms_log)} %, worst {percent(fit.max_resid_log)} %"


def _part(title: str, texts: Iterable[str], width: int, color: bool) -> list[str]:
    lines = [x for text in texts for x in wrap(text, width, rest="  ")]
    return ["", paint(title, "bold", color), *lines] if lines else []


def param_rows(fit: CurveFit) -> list[list[str]]:
    """(parameter, value, interval) as text."""
    return [[name, significant(value), _interval(fit, name)] for name, value in fit.params.items()]


def _interval(fit: CurveFit, name: str) -> str:
    if name in fit.grid:
        return f"best of {', '.join(significant(value) for value in fit.grid[name])}"
    if name not in fit.intervals:
        return DASH
    low, high = fit.intervals[name]
    return f"{significant(low, 4)} to {significant(high, 4)}"


def curve_rows(report: CurveReport) -> list[list[str]]:
    """One row per curve and use: fitted, left out of the fit in turn, scored only."""
    uses = ((FITTED, report.fit.scores), (HELD_OUT, report.held_out), (SCORED, report.scored))
    return [curve_row(one, use) for use, scores in uses for one in scores]


def curve_row(one: CurveScore, use: str) -> list[str]:
    """(curve, use, points, MAE, RMSE, R^2, mean, worst, its step, end) as text."""
    return [
        one.name,
        use,
        str(one.n),
        _loss(one.mae),
        _loss(one.rmse),
        DASH if one.r2 is None else f"{one.r2:.4f}",
        percent(one.mean_relative),
        percent(one.worst_relative),
        count(one.worst_step),
        f"{100 * one.end_relative:+.2f}",
    ]


def _loss(error: float) -> str:
    return f"{error:.5f}"


def _legend(report: CurveReport) -> str:
    text = "MAE and RMSE in the loss unit; % of the measured loss; end %: predicted less measured, last point"
    return text + ("; left out: by the law fitted to the other curves" if report.held_out else "")


def ends_section(report: CurveReport) -> Section:
    """The loss of unfinished runs at their planned ends, what the intervals cover, and why some have none."""
    found = [(name, end) for name, end in report.ends if not isinstance(end, Refusal)]
    rows = [[name, count(end.step), significant(end.loss, 5), brackets(end.interval, 5)] for name, end in found]
    texts = list(dict.fromkeys(f"{'Interval: ' if end.interval else ''}{end.covers}." for _, end in found))
    texts += [f"{name}: {w.text} ({w.code})" for name, end in found for w in end.warnings]
    texts += [f"{name} ({x.code}): {refusal_words(x)}" for name, x in report.ends if isinstance(x, Refusal)]
    return Section("Loss at the planned end", _ENDS, rows, texts)


def left_out_lines(report: CurveReport) -> list[str]:
    """`run (no-lr): No learning rate is logged; log it beside the loss.`"""
    return [f"{name} ({why.code}): {refusal_words(why)}" for name, why in report.left_out]


def method_rows(report: CurveReport) -> list[tuple[str, str]]:
    """(key, value) of all that is needed to redo the fit."""
    fit = report.fit
    rows = [
        ("labbook", __version__),
        ("law", f"{fit.law}: {fit.equation}"),
        ("source", fit.source),
        ("model", report.model),
        ("loss", report.loss),
        ("curves fitted", ", ".join(f"{one.name} ({plural(one.n, 'point')})" for one in fit.scores)),
        ("curves scored", ", ".join(one.name for one in report.scored) or "none"),
        ("runs left out", "; ".join(f"{name} ({why.code})" for name, why in report.left_out) or "none"),
        ("curves read", _notes((*fit.scores, *report.scored))),
        ("data digest", f"sha256 {fit.digest}"),
        ("objective", f"{fit.objective} in log loss, sum {significant(fit.objective_value)}"),
        ("starts", f"{fit.starts_at_best} of {fit.starts} at the best, distinct optima {fit.distinct_optima}"),
        ("status", f"{fit.status.value}, tolerance {significant(fit.tolerance)}"),
        ("intervals", fit.interval_method),
        ("points", f"{fit.n}, as {fit.n_effective:.0f} with neighbours correlated {fit.correlation:.2f}"),
        ("rms", f"{percent(fit.rms_log, 3)} %, worst {percent(fit.max_resid_log, 3)} %"),
        ("condition number", significant(fit.condition, 3)),
        ("warnings", ", ".join(dict.fromkeys(w.code for w in report.warnings)) or "none"),
    ]
    return [*rows, *((f"{name} tried", ", ".join(map(significant, tried))) for name, tried in fit.grid.items())]


def _notes(scores: Sequence[CurveScore]) -> str:
    """What was done to the curves, each thing once with the curves it was done to."""
    found: dict[str, list[str]] = {}
    for one in scores:
        for note in one.notes:
            found.setdefault(note, []).append(one.name)
    every = len(scores)
    said = [f"{note} ({'all' if len(who) == every else ', '.join(who)})" for note, who in found.items()]
    return "; ".join(said) or "as logged"


def curves_json(report: CurveReport) -> dict[str, Any]:
    """`labbook fit RUN --law tissue --json`."""
    fit = report.fit
    usable = fit.status is not FitStatus.NOT_CONVERGED
    return {
        "schema": "labbook.curvefit/1",
        "law": fit.law,
        "equation": fit.equation,
        "source": fit.source,
        "status": fit.status.value,
        "bound": list(fit.bound),
        "model": report.model,
        "loss": report.loss,
        "n": fit.n,
        "k": fit.k,
        "params": dict(fit.params) if usable else {},
        "intervals": {name: list(ends) for name, ends in fit.intervals.items()},
        "interval_method": fit.interval_method,
        "grid": {name: list(tried) for name, tried in fit.grid.items()},
        "rms_log": fit.rms_log if usable else None,
        "max_resid_log": fit.max_resid_log if usable else None,
        "objective": fit.objective,
        "objective_value": fit.objective_value,
        "starts": fit.starts,
        "starts_at_best": fit.starts_at_best,
        "distinct_optima": fit.distinct_optima,
        "condition": fit.condition,
        "n_effective": fit.n_effective,
        "correlation": fit.correlation,
        "digest": fit.digest,
        "fitted": [score_object(one) for one in fit.scores] if usable else [],
        "held_out": [score_object(one) for one in report.held_out],
        "scored": [score_object(one) for one in report.scored],
        "ends": [{"run": name, **end_object(end)} for name, end in report.ends],
        "left_out": [{"run": name, **refused_law(why)} for name, why in report.left_out],
        "warnings": [warned_object(w) for w in report.warnings],
        "method": {json_key(key): value for key, value in method_rows(report)},
    }


def score_object(one: CurveScore) -> dict[str, Any]:
    """How far the law lies from one curve."""
    return {
        "run": one.name,
        "n": one.n,
        "mae": one.mae,
        "rmse": one.rmse,
        "r2": one.r2,
        "mean_relative": one.mean_relative,
        "rms_relative": one.rms_relative,
        "worst_relative": one.worst_relative,
        "worst_step": one.worst_step,
        "end_relative": one.end_relative,
        "notes": list(one.notes),
    }


def end_object(end: EndLoss | Refusal) -> dict[str, Any]:
    """The loss at a planned end, or why there is none."""
    if isinstance(end, Refusal):
        return refused_law(end)
    return {
        "step": end.step,
        "loss": end.loss,
        "interval": None if end.interval is None else list(end.interval),
        "covers": end.covers,
        "warnings": [warned_object(w) for w in end.warnings],
    }
