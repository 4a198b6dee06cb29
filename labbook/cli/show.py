"""One run: its answers, the provenance of its N, D and C, its series, sources and issues.

RUN is an id, a name, or the path of a log (read first).
"""

import argparse
from pathlib import Path

from labbook.cli.common import emit, local_zone, reading, style
from labbook.errors import NotFoundError
from labbook.selection import one_run, under
from labbook.summary import RunView, Summary


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
        view = book.detailed(_at_path(summary, paths[0]) if paths else one_run(summary, args.run))
    if args.json:
        emit(dumps(show_json(view)))
    else:
        how, ladder = style(args), summary.ladder(view.ladder)
        emit(card(view, ladder, how.width, how.color, how.ascii, summary.as_of, local_zone()))
    return 0


def _at_path(summary: Summary, path: Path) -> RunView:
    """The only run at the path. Raises NotFoundError."""
    found = under(summary, [path])
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"no run under {path}", f"see: labbook sniff {path}")
    names = ", ".join(f"{r.name} ({r.run_id})" for r in found[:6])
    raise NotFoundError(f"{len(found)} runs under {path}: {names}", "name one of them by its id")
