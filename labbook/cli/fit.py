"""Fit the laws to a ladder: parameters with intervals, comparison of the forms, regimes, a log-log plot.

LADDER is a key (see `labbook ladders`), the start of one, or a path that is read first; a path with several
ladders in it prints them all, as a list with --json. All laws are fitted
to the same rungs by least squares in log loss and compared by AICc and by hold-out of the largest size.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from labbook.cli.common import (
    Style,
    emit,
    reading,
    style,
)
from labbook.errors import Exit, FitError, NotFoundError
from labbook.filter import parse_filter
from labbook.selection import find_ladder, find_ladders
from labbook.summary import LadderView

PLOT_WIDTH, PLOT_HEIGHT = 100, 24


def configure(parser: argparse.ArgumentParser) -> None:
    """A ladder and how to read it."""
    parser.add_argument("ladder", nargs="?", metavar="LADDER", help="key, start of a key, or a path to read")
    parser.add_argument("--law", metavar="LAW", help="show this law instead of the preferred one")
    parser.add_argument("--runs", metavar="FILTER", help="only runs that match these words")
    parser.add_argument("--reading", choices=("unique", "seen"), help="D as unique tokens or as tokens seen")
    parser.add_argument("--no-plot", action="store_true", help="no plot")
    parser.add_argument("--json", action="store_true", help="the fit as JSON, full precision")


def run(args: argparse.Namespace) -> int:
    """Print the fit."""
    from labbook.report.json import dumps, fit_json

    law = _known_law(args.law)
    with reading(args, [args.ladder or ""]) as (book, paths):
        only = parse_filter(args.runs) if args.runs else None
        summary = book.summary(reading=args.reading, only=only)
        if only and not only.select(summary.runs):
            raise NotFoundError(f"no run matches {args.runs!r}", "see: labbook runs")
    found = find_ladders(summary, args.ladder) if paths else [find_ladder(summary, args.ladder)]
    views = [_with_law(view, law) for view in found]
    if args.json:
        emit(dumps(fit_json(views[0]) if len(views) == 1 else [fit_json(view) for view in views]))
    else:
        how = style(args)
        emit("\n\n".join(ladder_report(view, how, plot=not args.no_plot) for view in views))
    if all(view.comparison is None or not view.comparison.fits for view in views):
        refusal = views[0].refused
        raise FitError(refusal.text if refusal else "no law could be fitted", refusal.remedy if refusal else "")
    return int(Exit.OK)


def _known_law(name: str | None) -> str | None:
    """The law's name, checked before anything is read.

    Raises NotFoundError listing the known laws.
    """
    if name is None:
        return None
    from labbook.scaling.laws import law_by_name

    return law_by_name(name).name


def _with_law(view: LadderView, law: str | None) -> LadderView:
    """The view with another law in front.

    Raises FitError where that law is refused on this ladder.
    """
    if law is None or view.comparison is None:
        return view
    if law not in view.comparison.fits:
        refusal = view.comparison.refused[law]
        raise FitError(f"{law}: {refusal.text}", refusal.remedy)
    return replace(view, comparison=replace(view.comparison, preferred=law))


def ladder_report(view: LadderView, how: Style, *, plot: bool = True) -> str:
    """Ladder, plot, laws and verdicts as text."""
    from labbook.report.ladder import ladder_text, laws_text

    parts = [ladder_text(view, how.width, how.color, how.ascii)]
    if plot:
        from labbook.report.ladderplot import ladder_plot

        drawn = ladder_plot(view, min(how.width, PLOT_WIDTH), PLOT_HEIGHT, color=how.color, ascii=how.ascii)
        parts.append("\n".join(line.rstrip() for line in drawn))
    parts.append(laws_text(view, how.width, how.color, how.ascii))
    return "\n\n".join(part for part in parts if part)
