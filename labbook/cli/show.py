"""One run: its answers, the provenance of its N, D and C, its series, sources and issues.

RUN is an id, a name, or the path of a log (read first).
"""

import argparse

from labbook.cli.common import emit, local_zone, reading, style
from labbook.selection import one_run, run_at


def configure(parser: argparse.ArgumentParser) -> None:
    """One run."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--json", action="store_true", help="the run as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the card of the run."""
    from labbook.report.card import card
    from labbook.report.json import dumps, show_json

    with reading(args, [args.run]) as (book, paths):
        summary = book.summary()
        view = book.detailed(run_at(summary, paths[0]) if paths else one_run(summary, args.run))
    if args.json:
        emit(dumps(show_json(view)))
    else:
        how, ladder = style(args), summary.ladder(view.ladder)
        emit(card(view, ladder, how.width, how.color, how.ascii, summary.as_of, local_zone()))
    return 0
