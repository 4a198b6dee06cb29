"""Table of the runs in the notebook.

FILTER is words: each must occur in a run's name, id, path, ladder, format, state, flags or regime; -word
must not. A path is read first.
"""

import argparse

from labbook.cli.common import (
    chosen_runs,
    emit,
    reading,
    style,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """A filter or paths."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="words, a ladder, a glob, or a path to read"
    )
    parser.add_argument("--json", action="store_true", help="the runs as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from dataclasses import replace

    from labbook.report.board import runs_table
    from labbook.report.json import dumps, runs_json

    with reading(args, args.filter) as (book, _):
        summary = book.summary()
    summary, how = replace(summary, runs=chosen_runs(summary, args.filter)), style(args)
    emit(dumps(runs_json(summary)) if args.json else runs_table(summary, how.width, how.color, ascii=how.ascii))
    return 0
