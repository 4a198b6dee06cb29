"""Every law on every ladder in one table: `labbook fit PATH --overview`."""

from __future__ import annotations

import argparse

from labbook.cli.choices import chosen
from labbook.cli.common import emit, reading, style
from labbook.errors import Exit, FitError, NotFoundError, UsageError
from labbook.filter import parse_filter
from labbook.selection import find_ladders
from labbook.summary import LadderView, Summary


def configure(parser: argparse.ArgumentParser) -> None:
    """Whether the table is wanted."""
    parser.add_argument("--overview", action="store_true", help="one table: every law on every ladder")


def run(args: argparse.Namespace) -> int:
    """Print it.

    Raises NotFoundError for an unknown law or ladder, FitError where no ladder has a fit.
    """
    from labbook.report.json import dumps
    from labbook.report.overview import overview_json, overview_text
    from labbook.scaling.laws import described

    law: str | None = args.law
    if law is not None and described(law).subject != "ladder":
        raise UsageError(f"{law} is no law of ladders, and in no overview of them")
    with reading(args, [args.ladder or ""]) as (book, paths):
        only = parse_filter(args.runs) if args.runs else None
        summary = book.summary(choices=chosen(args), only=only)
    views = _wanted(summary, args.ladder, bool(paths))
    if args.json:
        emit(dumps(overview_json(views, law)))
    else:
        how = style(args)
        emit(overview_text(views, law, how.width, how.color, how.ascii))
    if all(view.comparison is None or not view.comparison.fits for view in views):
        refusal = next((view.refused for view in views if view.refused is not None), None)
        raise FitError(refusal.text if refusal else "no law could be fitted", refusal.remedy if refusal else "")
    return int(Exit.OK)


def _wanted(summary: Summary, word: str | None, is_path: bool) -> list[LadderView]:
    """Every ladder the word means; all of the notebook without one. Raises NotFoundError."""
    if not summary.runs:
        raise NotFoundError("no run to fit", "read some first: labbook ingest PATH")
    found = list(summary.ladders) if word is None and summary.ladders else find_ladders(summary, word)
    return [view for view in found if view.rungs or view.left_out] if is_path else found
