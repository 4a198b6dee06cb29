"""One run: its answers, the provenance of its N, D and C, its series, sources and issues.

RUN is an id, a name, or the path of a log (read first).
"""

import argparse

from labbook.cli.common import emit, existing_paths, open_workbook, read_paths, text_width
from labbook.errors import NotFoundError
from labbook.selection import one_run, under


def configure(parser: argparse.ArgumentParser) -> None:
    """One run."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--json", action="store_true", help="the run as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the card of the run."""
    from labbook.report.card import card
    from labbook.report.json import dumps, show_json

    paths = existing_paths([args.run])
    with open_workbook(args, paths) as book:
        if paths:
            read_paths(args, book, paths)
        summary = book.summary()
    at_path = under(summary, paths) if paths else ()
    if paths and len(at_path) != 1:
        names = ", ".join(r.name for r in at_path[:6])
        found = f"{len(at_path)} runs under {paths[0]}: {names}" if at_path else f"no run under {paths[0]}"
        raise NotFoundError(found, "name one of them" if at_path else f"see: labbook sniff {paths[0]}")
    view = at_path[0] if at_path else one_run(summary, args.run)
    if args.json:
        emit(dumps(show_json(view)))
    else:
        emit(card(view, summary.ladder(view.ladder), width=text_width(args)))
    return 0
