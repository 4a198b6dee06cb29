"""One Markdown report with its receipts: verdicts, rungs, laws, what is left out, and how to redo it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from labbook.errors import NotFoundError
from labbook.report.board import progress
from labbook.report.card import answers, count_rows, issue_lines, more_series, series_rows, source_rows
from labbook.report.escape import fence, md, md_line, md_table
from labbook.report.figures import percent, plural, when
from labbook.report.ladder import RESIDUAL, left_out_row, readings, rung_row
from labbook.report.laws import (
    alternative_lines,
    law_row,
    names_of,
    param_rows,
    pool_lines,
    refused_lines,
    same_verdict,
    slopes,
    slopes_note,
    warning_lines,
)
from labbook.report.method import method_rows
from labbook.report.parts import part_markdown
from labbook.report.ranking import law_order, sentences
from labbook.report.verdict import regime_line
from labbook.report.words import (
    count_word,
    flag_words,
    level_words,
    refusal_words,
    regime_word,
    shown_tokens,
    unit_words,
)
from labbook.scaling.values import Comparison, Regime
from labbook.summary import LadderView, RunView, Summary
from labbook.text import PATH_LIMIT, clean

Plot = Callable[[LadderView], list[str]]

_LINE = 400
"""Cells of one line: a report in Markdown is wrapped by whoever shows it."""


def export(
    summary: Summary,
    ladder_key: str | None,
    run_id: str | None,
    plot: Plot | None,
    command: str,
    made_at: float,
) -> str:
    """The report of one ladder, of one run with its ladder, or of the whole notebook, as Markdown.

    plot: lines of a ladder's plot without colour. command: what was typed. made_at: Unix seconds.
    Raises NotFoundError where the ladder or run is not in the summary.
    """
    run = _run(summary, run_id)
    views = _views(summary, ladder_key, run)
    runs = _runs(summary, views, run, whole=ladder_key is None and run_id is None)
    lines = _title(summary, views, run, made_at)
    lines += _run_section(run, summary) if run is not None else []
    for view in views:
        lines += _ladder_section(view, plot, summary, made_at)
    lines += _triage_section(summary, runs)
    lines += ["", "## Redo", "", *fence([clean(command, PATH_LIMIT)], "sh")]
    return "\n".join(lines) + "\n"


def _run(summary: Summary, run_id: str | None) -> RunView | None:
    if run_id is None:
        return None
    found = summary.run(run_id)
    if found is None:
        raise NotFoundError(f"no run {run_id!r}", "see: labbook runs")
    return found


def _views(summary: Summary, key: str | None, run: RunView | None) -> Sequence[LadderView]:
    if key is None:
        key = run.ladder if run is not None else None
        if key is None:
            return summary.ladders if run is None else ()
    found = summary.ladder(key)
    if found is None and run is None:
        raise NotFoundError(f"no ladder {key!r}", "see: labbook ladders")
    return (found,) if found is not None else ()


def _runs(summary: Summary, views: Sequence[LadderView], run: RunView | None, whole: bool) -> Sequence[RunView]:
    if whole:
        return summary.runs
    keys = {view.key for view in views}
    return [r for r in summary.runs if r.ladder in keys or r is run]


def _title(summary: Summary, views: Sequence[LadderView], run: RunView | None, made_at: float) -> list[str]:
    if run is not None:
        subject = f"run {run.name}"
    elif len(views) == 1:
        subject = f"ladder {views[0].name}"
    else:
        subject = f"{plural(len(summary.runs), 'run')}, {plural(len(views), 'ladder')}"
    made = f"Made {when(made_at)} by labbook {summary.version}; the logs as of {when(summary.as_of)}."
    return [f"# labbook report: {md(subject)}", "", md(made)]


def _section(title: str, body: Sequence[str], level: int = 2) -> list[str]:
    return ["", f"{'#' * level} {title}", "", *body] if body else []


def _list(texts: Sequence[str]) -> list[str]:
    return [f"- {md_line(text)}" for text in texts]


def _ladder_section(view: LadderView, plot: Plot | None, summary: Summary, made_at: float) -> list[str]:
    lines = _section(f"Verdicts on ladder {md(view.name)}", _list(verdicts(view)))
    lines += _section(f"Ladder {md(view.name)}", _why(view))
    lines += _section("Rungs", _rungs(view), 3)
    lines += _section("Replicates", _list([", ".join(group) for group in view.replicates]), 3)
    lines += _section("Left out", _left_out(view), 3)
    if view.comparison is not None:
        lines += _laws(view.comparison, view)
    if plot is not None and view.rungs:
        lines += _section("Plot", fence(plot(view)), 3)
    lines += part_markdown(view, 3)
    lines += _section("What limits each rung", _limits(view), 3)
    lines += _section("Warnings", _list(warning_lines(view)), 3)
    lines += _section("Other choices", _list([x.removeprefix("- ") for x in alternative_lines(view)]), 3)
    extra = (("date", when(made_at)), ("labbook", summary.version))
    return lines + _section("Method", md_table(("key", "value"), method_rows(view, extra)), 3)


def verdicts(view: LadderView) -> list[str]:
    """The ladder in a few sentences: size, law, regimes, what was left out."""
    texts = [f"{view.name}: {plural(len(view.rungs), 'rung')}, {plural(len(view.left_out), 'run')} left out."]
    if view.refused is not None:
        texts.append(refusal_words(view.refused))
    if view.comparison is None:
        return texts
    fit = view.preferred
    if fit is not None:
        worst = percent(fit.max_resid_log)
        texts.append(f"Preferred law: {fit.law}, rms {percent(fit.rms_log)} % of L, worst {worst} %.")
    texts += [f"{text}." for text in sentences(view.comparison)]
    if view.comparison.gate is not None:
        return [*texts, f"No regime can be given: {refusal_words(view.comparison.gate)}"]
    counts = Counter(regime_word(r.regime) for r in view.rungs)
    if counts:
        texts.append("Of the rungs " + ", ".join(f"{n} {label}" for label, n in counts.most_common()) + ".")
    return texts


def _why(view: LadderView) -> list[str]:
    recipe = "; ".join(f"{key} {value}" for key, value in view.recipe)
    return _list(
        [f"key: {view.key}", *view.reasons, *readings(view), *([f"recipe: {recipe}"] if recipe else [])]
    )


def _rungs(view: LadderView) -> list[str]:
    titles = (
        "run",
        "N",
        "D",
        "C, FLOP",
        f"loss, {view.loss_unit}",
        RESIDUAL,
        "regime",
        "P",
        "2x D",
        "2x N",
    )
    rows = [rung_row(r) for r in sorted(view.rungs, key=lambda r: (r.N, r.D, r.name))]
    return md_table(titles, rows, "-rrrrr-rrr") if rows else []


def _left_out(view: LadderView) -> list[str]:
    titles = ("run", "N", "D", f"loss, {view.loss_unit}", RESIDUAL, "code", "reason")
    rows = [[*left_out_row(x), x.reason] for x in view.left_out]
    return md_table(titles, rows, "-rrrr") if rows else []


def _laws(comparison: Comparison, view: LadderView) -> list[str]:
    titles = (
        "law",
        "k",
        "rms %",
        "worst %",
        "AICc",
        "above the least",
        "held out: rms %",
        "worst %",
        "status",
        "pooled",
    )
    order = law_order(comparison)
    rows = [law_row(comparison, law) for law in order]
    params = [[law, *row[1:4]] for law in order for row in param_rows(comparison.fits[law])]
    lines = _section("Laws", md_table(titles, rows, "-rrrrrrr") if rows else [], 3)
    heading = ("law", "parameter", "value", "95 % interval")
    lines += ["", *md_table(heading, params, "--r")] if params else []
    lines += _section("No fit of", _list(refused_lines(comparison)), 3)
    return lines + _section("Not pooled", _list(pool_lines(comparison)), 3)


def _limits(view: LadderView) -> list[str]:
    groups = same_verdict(view.rungs)
    texts = [f"{names_of(g)}: {_limit(g[0].regime, view.loss_unit)}{slopes(g[0].regime)}" for g in groups]
    note = slopes_note(view)
    return _list([note, *texts] if note else texts)


def _limit(regime: Regime, unit: str) -> str:
    line = regime_line(regime, None, unit, _LINE)
    return f"{line}. {regime.settle}" if regime.settle else line


def _triage_section(summary: Summary, runs: Sequence[RunView]) -> list[str]:
    titles = ("state", "run", "done", "loss", "N", "D", "regime", "flags", "advice")
    rows = [
        [
            r.state,
            r.name,
            progress(r),
            level_words(r.loss, unit_words(r)),
            count_word(r.n),
            count_word(shown_tokens(r, summary.ladder(r.ladder))),
            regime_word(r.regime),
            flag_words(r.flags, r.state),
            r.advice,
        ]
        for r in runs
    ]
    return _section("Triage", md_table(titles, rows, "--r-rr") if rows else [])


def _run_section(run: RunView, summary: Summary) -> list[str]:
    ladder = summary.ladder(run.ladder)
    said = answers(run, ladder, _LINE, summary.as_of)
    lines = _section("Answers", md_table(("question", "answer"), said))
    counts = md_table(("quantity", "value", "how", "digits", "source"), count_rows(run, ladder), "-r-r")
    lines += _section("Where N, D and C come from", [*counts, "", "`*` marks what the ladder uses."])
    lines += _section("Recipe", _list([f"{key}: {value}" for key, value in run.recipe]))
    titles = ("series", "points", "steps", "first", "last", "first value", "last value", "unit", "not finite")
    series = md_table(titles, series_rows(run), "-rrrrrr-r") if run.series else []
    lines += _section("Series", [*series, *(["", md(more)] if (more := more_series(run)) else [])])
    sources = md_table(("source", "format", "sure", "bytes", "read to"), source_rows(run), "--rrr")
    lines += _section("Sources", sources if run.sources else [])
    return lines + _section("Issues", _list(issue_lines(run)))
