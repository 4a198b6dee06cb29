"""Laws of loss curves: `labbook fit RUN --law tissue`, `labbook fit LADDER --law collapse`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labbook.cli.common import emit, reading, style
from labbook.errors import Exit, FitError, NotFoundError, UsageError
from labbook.filter import parse_filter
from labbook.selection import find_runs, under
from labbook.summary import RunView, Summary

if TYPE_CHECKING:
    from pathlib import Path

    from labbook.scaling.form import FloatArray
    from labbook.scaling.values import Refusal
    from labbook.workbook import Workbook

COLLAPSE = "collapse"
PLOT_WIDTH, PLOT_HEIGHT = 78, 18


def configure(parser: argparse.ArgumentParser) -> None:
    """Which curves are scored only."""
    group = parser.add_argument_group(
        "loss curves under a learning-rate schedule",
        "with --law tissue or multi-power; LADDER is then a path, a run or a ladder, all runs of one model "
        "with a logged learning rate, fitted together. With --law collapse the runs of a ladder that have "
        "ended, each with a logged learning rate, are laid on one curve, and those that lie off it are named",
    )
    group.add_argument(
        "--score",
        metavar="FILTER",
        help="runs the law is only scored on; --score and --runs take several filters with commas between",
    )


def run(args: argparse.Namespace) -> int:
    """Print the fit and its error on every curve, or the runs of a ladder against one curve.

    Raises NotFoundError where no run answers, FitError where there is no fit.
    """
    return _collapse(args) if args.law == COLLAPSE else _fit(args)


def _collapse(args: argparse.Namespace) -> int:
    from labbook.collapsing import collapse_runs
    from labbook.report.collapse import collapse_json, collapse_text
    from labbook.report.json import dumps
    from labbook.scaling.laws import described

    if args.score:
        raise UsageError(f"--score says nothing of {COLLAPSE}, which judges every run", "leave it away")
    law = described(COLLAPSE)
    with reading(args, [args.ladder or ""]) as (book, paths):
        runs, _ = _chosen(args, _named_by(book, args.ladder, paths))
        report = collapse_runs(runs, book.curves)
    if args.json:
        emit(dumps(collapse_json(law, report)))
    else:
        how = style(args)
        size = (0, 0) if args.no_plot else (min(how.width, PLOT_WIDTH), PLOT_HEIGHT)
        emit(collapse_text(law, report, how.width, how.color, how.ascii, size))
    return int(Exit.OK)


def _fit(args: argparse.Namespace) -> int:
    from labbook.curvefit import fit_runs
    from labbook.planned_end import rates_to_end
    from labbook.report.curves import curves_json, curves_text
    from labbook.report.json import dumps
    from labbook.scaling.laws import described
    from labbook.scaling.laws.curve import CurveLaw
    from labbook.scaling.values import FitStatus

    law = described(args.law)
    assert isinstance(law, CurveLaw)
    with reading(args, [args.ladder or ""]) as (book, paths):
        fitted, scored = _chosen(args, _named_by(book, args.ladder, paths))

        def plan_of(run: RunView) -> FloatArray | Refusal:
            (stored,) = book.notebook.runs([run.run_id])
            return rates_to_end(run, stored.said, book.curves(run.run_id).get("lr"))

        report = fit_runs(law, fitted, scored, book.curves, plan_of)
    if args.json:
        emit(dumps(curves_json(report)))
    else:
        how = style(args)
        emit(curves_text(report, how.width, how.color, how.ascii))
    if report.fit.status is FitStatus.NOT_CONVERGED:
        raise FitError(f"{args.law} found no optimum on these curves", "add a curve of another schedule")
    return int(Exit.OK)


def _named_by(book: Workbook, word: str | None, paths: list[Path]) -> tuple[RunView, ...]:
    """As `_named`; ladders are lined up, which takes their fits, only where the word is no run or path."""
    try:
        return _named(book.summary(fits=False), word, paths)
    except NotFoundError:
        return _named(book.summary(), word, paths)


def _named(summary: Summary, word: str | None, paths: list[Path]) -> tuple[RunView, ...]:
    """The runs the word means; all of the notebook without one. Raises NotFoundError."""
    if word is None:
        found = summary.runs
    else:
        found = under(summary, paths) if paths else find_runs(summary, word)
    if not found:
        raise NotFoundError(f"no run {word!r}" if word else "no run to fit", "see: labbook runs")
    return found


def _chosen(
    args: argparse.Namespace, runs: tuple[RunView, ...]
) -> tuple[tuple[RunView, ...], tuple[RunView, ...]]:
    """Runs that are fitted and runs that are only scored. Raises NotFoundError where a filter finds none."""
    scored = _matching(args.score, runs) if args.score else ()
    if args.runs:
        fitted = _matching(args.runs, runs)
        return fitted, tuple(run for run in scored if run not in fitted)
    return tuple(run for run in runs if run not in scored), scored


def _matching(words: str, runs: tuple[RunView, ...]) -> tuple[RunView, ...]:
    """Runs that any of the filters between commas finds. Raises NotFoundError for one that finds none."""
    found: set[str] = set()
    for part in words.split(","):
        matched = parse_filter(part).select(runs)
        if not matched:
            raise NotFoundError(f"no run matches {part.strip()!r}", "see: labbook runs")
        found |= {run.run_id for run in matched}
    return tuple(run for run in runs if run.run_id in found)
