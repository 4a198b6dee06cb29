"""Read the logs under the paths, follow them, and open the app.

Without a terminal the triage board is printed once. Without a path the notebook is shown as it is.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from labbook.cli.common import open_workbook, required_paths
from labbook.cli.triage import print_board


def configure(parser: argparse.ArgumentParser) -> None:
    """Paths, nothing else: everything is found without being told."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a log, or a folder with logs anywhere below")
    parser.add_argument("--plain", action="store_true", help="print the board once instead of the app")


def run(args: argparse.Namespace) -> int:
    """Open the app over the paths, or print the board."""
    from labbook.tui.terminal import can_draw

    roots: list[Path] = required_paths(args.paths)
    book = open_workbook(args, roots)
    with book:
        if args.plain or not can_draw():
            return print_board(args, book, roots)
        from labbook.cli.session import Session
        from labbook.tui import run as run_app

        return run_app(Session(book), scope=scope_of(roots))


def scope_of(roots: Sequence[Path]) -> str:
    """The filter the board opens with: the folder that holds every root, nothing without roots."""
    return os.path.commonpath([root.resolve() for root in roots]) if roots else ""
