"""How the runs line up in scaling ladders: the recipe, the rungs, and why each other run is left out."""

import argparse

from labbook.cli.common import emit, reading, style
from labbook.selection import find_ladder, find_ladders


def configure(parser: argparse.ArgumentParser) -> None:
    """All ladders, or one in full."""
    parser.add_argument("ladder", nargs="?", metavar="LADDER", help="key, start of a key, or a path to read")
    parser.add_argument("--json", action="store_true", help="the ladders as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table of ladders, or one ladder."""
    from labbook.report.json import dumps, ladders_json
    from labbook.report.ladder import ladder_text, ladders_table

    with reading(args, [args.ladder or ""]) as (book, paths):
        summary = book.summary()
    how = style(args)
    if args.json:
        emit(dumps(ladders_json(summary)))
    elif args.ladder:
        found = find_ladders(summary, args.ladder) if paths else [find_ladder(summary, args.ladder)]
        emit("\n\n".join(ladder_text(view, how.width, how.color, how.ascii) for view in found))
    else:
        emit(ladders_table(summary, how.width, how.color, how.ascii))
    return 0
