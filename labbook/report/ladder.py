# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Ladders as text: why these runs are one, its rungs with their verdicts, and every run left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from labbook.quantities import format_size
from labbook.report.board import NO_RUNS
from labbook.report.cells import crop, finish, wrap
from labbook.report.figures import DASH, chance, change, loss_figure, percent, plural, power, signed_percent
from labbook.report.laws import laws_text
from labbook.report.paint import paint
from labbook.report.table import Column, table
from labbook.report.verdict import probability
from labbook.report.words import KIND_WORDS, refusal_words, regime_word
from labbook.summary import LadderView, LeftOut, RungView, Summary

__all__ = ["ladder_text", "ladders_table", "laws_text"]

RESIDUAL = "resid % of the law"
"""How far a loss lies off the law's at the same N and D."""

_LADDERS = (
    Column("ladder", least=8),
    Column("name", least=10, priority=2),
    Column("rungs", right=True),
    Column("left out", right=True),
    Column("N", priority=3),
    Column("D", priority=3),
    Column("reading", priority=4),
    Column("law", priority=1),
    Column("rms %", right=True, priority=1),
)
_RUNGS = (
    Column("run", least=16, middle=True),
    Column("N", right=True),
    Column("D", right=True),
    Column("C", right=True, priority=3),
    Column("loss", right=True),
    Column("resid %", right=True),
    Column("regime", least=14, tinted=True),
    Column("P", right=True, priority=1),
    Column("2x D", right=True, priority=2),
    Column("2x N", right=True, priority=2),
)
_LEFT_OUT = (
    Column("run", least=16, middle=True),
    Column("N", right=True, priority=2),
    Column("D", right=True, priority=2),
    Column("loss", right=True, priority=1),
    Column(RESIDUAL, right=True),
    Column("code", least=8, tinted=True),
)


def ladders_table(summary: Summary, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """Every ladder with its size and law, the reasons for each, and the runs that are in none."""
    lines = wrap(plural(len(summary.ladders), "ladder"), width)
    if summary.ladders:
        lines += ["", *table(_LADDERS, [_ladder_row(x) for x in summary.ladders], width, color=color)]
    if not summary.runs:
        lines += wrap(NO_RUNS, width)
    for view in summary.ladders:
        lines += ["", paint(crop(view.name, width), "bold", color), *_reasons(view, width)]
    lines += _loners(summary, width, color)
    return finish(lines, ascii)


def _ladder_row(view: LadderView) -> list[str]:
    fit = view.preferred
    return [
        view.key,
        view.name if view.name != view.key else "",
        str(len(view.rungs)),
        str(len(view.left_out)),
        span(r.N for r in view.rungs),
        span(r.D for r in view.rungs),
        view.d_reading,
        fit.law if fit is not None else DASH,
        percent(fit.rms_log) if fit is not None else DASH,
    ]


def _loners(summary: Summary, width: int, color: bool) -> list[str]:
    alone = [r for r in summary.runs if r.ladder is None]
    if not alone:
        return []
    lines = ["", paint(f"In no ladder: {plural(len(alone), 'run')}", "bold", color)]
    for run in alone:
        lines += wrap(f"{run.name}: {run.role_reason or 'no reason known'}", width, "  ", "    ")
    return lines


def span(values: Iterable[float]) -> str:
    """`6.14K to 885K`, from least to greatest."""
    found = sorted(values)
    if not found:
        return DASH
    low, high = format_size(found[0]), format_size(found[-1])
    return low if low == high else f"{low} to {high}"


def _reasons(view: LadderView, width: int) -> list[str]:
    lines = [x for reason in view.reasons for x in wrap(reason, width, "- ", "  ")]
    lines += [x for text in readings(view) for x in wrap(text, width, "- ", "  ")]
    return lines


def readings(view: LadderView) -> list[str]:
    """How N, D and the loss of this ladder are read."""
    reading = "unique tokens" if view.d_reading == "unique" else "tokens seen"
    return [
        _n_words(view.n_kind),
        f"D: {reading} (reading {view.d_reading}): {view.d_reason}",
        f"loss: {view.loss_series} in {view.loss_unit}, rule {view.loss_rule}",
    ]


def _n_words(n_kind: str) -> str:
    """`N: non-embedding parameters`."""
    if n_kind == "n_other":
        return "N: parameters of an unknown kind"
    return f"N: {KIND_WORDS.get(n_kind, n_kind).removeprefix('N, ')} parameters"


def ladder_text(view: LadderView, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """The ladder: reasons, rungs with residual, regime and gains, replicates, and what is left out."""
    key = f" ({view.key})" if view.key != view.name else ""
    title = f"{view.name}{key}: {plural(len(view.rungs), 'rung')}, {len(view.left_out)} left out"
    lines = [*wrap(title, width), "", paint("Why these runs are one ladder", "bold", color)]
    lines += _reasons(view, width)
    recipe = "; ".join(f"{key} {value}" for key, value in view.recipe)
    lines += wrap(f"recipe: {recipe}", width, "- ", "  ") if recipe else []
    lines += _rungs(view, width, color) + _replicates(view, width, color) + _left_out(view, width, color)
    return finish(lines, ascii)


def _rungs(view: LadderView, width: int, color: bool) -> list[str]:
    if not view.rungs:
        why = refusal_words(view.refused) if view.refused is not None else "no finished run"
        return ["", *wrap(f"No rung: {why}", width)]
    rows = [rung_row(r) for r in sorted(view.rungs, key=lambda r: (r.N, r.D, r.name))]
    law = f"; {RESIDUAL} {view.preferred.law}" if view.preferred is not None else ""
    note = f"loss and gains in {view.loss_unit}{law}"
    counts = Counter(r.regime.label for r in view.rungs)
    verdicts = ", ".join(f"{n} {label}" for label, n in counts.most_common())
    lines = ["", paint("Rungs", "bold", color), *wrap(note, width), *table(_RUNGS, rows, width, color=color)]
    return [*lines, *wrap(verdicts, width)]


def rung_row(rung: RungView) -> list[str]:
    """(run, N, D, C, loss, residual %, regime, P, 2x D, 2x N) as text."""
    pooled = rung.regime.pooled
    p = probability(rung.regime)
    return [
        rung.name,
        format_size(rung.N),
        format_size(rung.D),
        power(rung.C, 1),
        loss_figure(rung.loss),
        signed_percent(rung.residual),
        regime_word(rung.regime),
        chance(p) if p is not None else "",
        change(pooled.g_tokens) if pooled is not None else "",
        change(pooled.g_params) if pooled is not None else "",
    ]


def _replicates(view: LadderView, width: int, color: bool) -> list[str]:
    if not view.replicates:
        return []
    lines = ["", paint("Replicates (same N, D and learning rate)", "bold", color)]
    return lines + [x for group in view.replicates for x in wrap(", ".join(group), width, "- ", "  ")]


def _left_out(view: LadderView, width: int, color: bool) -> list[str]:
    if not view.left_out:
        return []
    lines = ["", paint("Left out", "bold", color)]
    lines += table(_LEFT_OUT, [left_out_row(x) for x in view.left_out], width, color=color)
    return lines + [x for out in view.left_out for x in wrap(f"{out.name}: {out.reason}", width, "- ", "  ")]


def left_out_row(out: LeftOut) -> list[str]:
    """(run, N, D, loss, residual %, code) as text."""
    return [
        out.name,
        format_size(out.N),
        format_size(out.D),
        loss_figure(out.loss),
        signed_percent(out.residual),
        out.code,
    ]
