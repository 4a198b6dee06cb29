"""Fit the laws to a ladder: parameters with intervals, comparison of the forms, regimes, a log-log plot.

LADDER is a key (see `labbook ladders`), the start of one, or a path that is read first; a path with several
ladders in it prints them all, as a list with --json. All laws are fitted
to the same rungs by least squares in log loss and compared by AICc and by hold-out of the largest size.
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labbook.choices import DROP_RUN, Choices
from labbook.cli import choices, explain, fit_against, fit_alone, fit_curve, fit_metric, fit_overview
from labbook.cli.common import (
    Style,
    emit,
    reading,
    style,
)
from labbook.errors import Exit, FitError, NotFoundError, UsageError
from labbook.filter import parse_filter
from labbook.selection import find_ladder, find_ladders
from labbook.summary import LadderView

if TYPE_CHECKING:
    from labbook.results import Results

PLOT_WIDTH, PLOT_HEIGHT = 100, 24
METRIC = ("metric",)
MODES: dict[str, tuple[str, ...]] = {
    "against": ("against",),
    "flops": ("against",),
    "score": ("curve",),
    **dict.fromkeys(("x", "y", "lo", "hi", "items", "by", "at", "reach", "least_squares"), METRIC),
    "influence": ("ladder",),
    "bootstrap": ("ladder",),
    "drop": ("ladder", "overview", "against"),
    "reading": ("ladder", "overview", "against", "curve"),
    "runs": ("ladder", "overview", "against", "curve"),
}
"""Which kinds of fit an option is for."""
WORDS = {
    "ladder": "labbook fit LADDER",
    "overview": "--overview",
    "against": "--against LADDER",
    "curve": "--law tissue, multi-power or collapse",
    "metric": "laws of a metric, --law logistic and others",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """A ladder and how to read it."""
    parser.add_argument("ladder", nargs="?", metavar="LADDER", help="key, start of a key, or a path to read")
    parser.add_argument("--law", metavar="LAW", help="show this law instead of the preferred one")
    parser.add_argument("--runs", metavar="FILTER", help="only runs that match these words")
    choices.configure(parser)
    parser.add_argument("--influence", action="store_true", help="what the law owes to each group of rungs")
    parser.add_argument("--bootstrap", action="store_true", help="bootstrap intervals too, from 12 rungs on")
    parser.add_argument("--no-plot", action="store_true", help="no plot")
    parser.add_argument("--json", action="store_true", help="the fit as JSON, full precision")
    for part in (explain, fit_overview, fit_against, fit_alone, fit_curve, fit_metric):
        part.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Print the fit."""
    if args.explain is not None:
        return explain.run(args)
    fit_alone.check(args)
    subject = _subject(args.law)
    _refuse_foreign(args, "overview" if args.overview else "against" if args.against is not None else subject)
    if args.overview:
        return fit_overview.run(args)
    if args.against is not None:
        return fit_against.run(args)
    if subject == "curve":
        return fit_curve.run(args)
    if subject == "metric":
        return fit_metric.run(args)
    return _fit_ladders(args)


def _refuse_foreign(args: argparse.Namespace, mode: str) -> None:
    """Raises UsageError for an option that says nothing of this kind of fit: none is silently ignored."""
    for option, modes in MODES.items():
        value = getattr(args, option)
        if value not in (None, False, []) and mode not in modes:
            flag = "--" + option.replace("_", "-")
            raise UsageError(
                f"{flag} says nothing here", f"it is for: {', '.join(WORDS[one] for one in modes)}"
            )


def _subject(name: str | None) -> str:
    """What the law asked for is fitted to, checked before anything is read.

    Raises NotFoundError listing the known laws.
    """
    if name is None:
        return "ladder"
    from labbook.scaling.laws import described

    return described(name).subject


def _fit_ladders(args: argparse.Namespace) -> int:
    from labbook.report.json import dumps, fit_json

    law: str | None = args.law
    wanted = choices.chosen(args)
    with reading(args, [args.ladder or ""]) as (book, paths):
        only = parse_filter(args.runs) if args.runs else None
        summary = book.summary(choices=wanted, only=only)
        if only and not only.select(summary.runs):
            raise NotFoundError(f"no run matches {args.runs!r}", "see: labbook runs")
        found = find_ladders(summary, args.ladder) if paths else [find_ladder(summary, args.ladder)]
        _check_named(wanted, found)
        if law in fit_alone.ALONE:
            return fit_alone.show(args, book, found)
        views = [_with_law(book.completed(view), law) for view in found]
        views = [_resampled(book.results, view, args.bootstrap) for view in views]
    if args.json:
        emit(dumps(fit_json(views[0]) if len(views) == 1 else [fit_json(view) for view in views]))
    else:
        how = style(args)
        texts = [ladder_report(x, how, plot=not args.no_plot, whole=args.influence) for x in views]
        emit("\n\n".join(texts))
    if all(view.comparison is None or not view.comparison.fits for view in views):
        refusal = views[0].refused
        raise FitError(refusal.text if refusal else "no law could be fitted", refusal.remedy if refusal else "")
    return int(Exit.OK)


def _check_named(wanted: Choices, views: Sequence[LadderView]) -> None:
    """Raises NotFoundError for a run to be dropped that is in none of the ladders."""
    for rule in wanted.drop:
        names = [r.name for view in views for r in view.rungs]
        names += [x.name for view in views for x in view.left_out]
        dropped = any(x.reason == str(rule) for view in views for x in view.left_out)
        if rule.name == DROP_RUN and not dropped and not fnmatch.filter(names, rule.argument):
            near = difflib.get_close_matches(rule.argument, names, n=3)
            hint = f"did you mean {', '.join(near)}" if near else "names and ids as `labbook runs` lists them"
            raise NotFoundError(f"{rule}: no such run in the ladder", hint)


def _resampled(results: Results, view: LadderView, every: bool) -> LadderView:
    """The view with bootstrap intervals on its second fit, or on every law."""
    from labbook.resampling import resample, settle

    return resample(results, view) if every else settle(results, view)


def _with_law(view: LadderView, law: str | None) -> LadderView:
    """The view with another law in front.

    Raises FitError where that law is refused on this ladder, or is none for it.
    """
    if law is None or view.comparison is None:
        return view
    from labbook.analysis import in_front

    if law not in view.comparison.fits:
        refusal = view.comparison.refused.get(law)
        if refusal is None:
            fitted = ", ".join(view.comparison.fits)
            raise FitError(f"{law} is not fitted to a ladder like {view.name}", f"fitted: {fitted}")
        raise FitError(f"{law}: {refusal.text}", refusal.remedy)
    return in_front(view, law)


def ladder_report(view: LadderView, how: Style, *, plot: bool = True, whole: bool = False) -> str:
    """Ladder, plot, laws and verdicts as text; `whole` as of `laws_text`."""
    from labbook.report.ladder import ladder_text, laws_text

    parts = [ladder_text(view, how.width, how.color, how.ascii)]
    if plot:
        from labbook.report.ladderplot import ladder_plot

        drawn = ladder_plot(view, min(how.width, PLOT_WIDTH), PLOT_HEIGHT, color=how.color, ascii=how.ascii)
        parts.append("\n".join(line.rstrip() for line in drawn))
    parts.append(laws_text(view, how.width, how.color, how.ascii, whole))
    return "\n\n".join(part for part in parts if part)
