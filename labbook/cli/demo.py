"""The real sample ladder that ships with labbook, in a throw-away notebook.

34 runs of byte-level language models by four trainers. With a terminal it opens the app; --plain (or no
terminal) prints the board, the ladder, the laws, a log-log plot and the verdicts. Nothing is left behind.
"""

import argparse

from labbook.cli.common import emit, open_notebook, open_workbook, read_paths, style
from labbook.cli.fit import ladder_report
from labbook.resources import resource_dir


def configure(parser: argparse.ArgumentParser) -> None:
    """Only --plain."""
    parser.add_argument("--plain", action="store_true", help="print everything as text, then exit")


def run(args: argparse.Namespace) -> int:
    """Show the sample ladder."""
    from labbook.tui.terminal import can_draw

    root = resource_dir("sample_runs")
    if not args.plain and can_draw():
        from labbook.cli.session import Session
        from labbook.tui import run as run_app

        with open_notebook(args, memory=True, silent=True) as notebook:
            return run_app(Session(notebook, [root]))
    with open_workbook(args, [root], memory=True) as book:
        from labbook.report.board import board

        read_paths(args, book, [root])
        summary = book.summary()
        how = style(args)
        emit(board(summary, how.width, how.color, ascii=how.ascii))
        for view in summary.ladders:
            emit("")
            emit(ladder_report(book.completed(view), how))
    return 0
