"""Read the logs under the paths, follow them, and open the app.

Without a terminal the triage board is printed once. Without a path the notebook is shown as it is.
"""

import argparse
import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from labbook.cli import COMMANDS
from labbook.cli.common import open_notebook, reading, required_paths
from labbook.cli.triage import print_board
from labbook.errors import NotFoundError


def configure(parser: argparse.ArgumentParser) -> None:
    """Paths, nothing else: everything is found without being told."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a log, or a folder with logs anywhere below")
    parser.add_argument("--plain", action="store_true", help="print the board once instead of the app")


def run(args: argparse.Namespace) -> int:
    """Open the app over the paths, or print the board."""
    from labbook.tui.terminal import can_draw

    roots = _roots(args.paths)
    if args.plain or not can_draw():
        with reading(args, args.paths) as (book, paths):
            return print_board(args, book, paths)
    from labbook.cli.session import Session
    from labbook.logs.column_map import parse_columns
    from labbook.tui import run as run_app

    with open_notebook(args, silent=True) as notebook:
        columns = parse_columns(args.columns) if args.columns else None
        return run_app(Session(notebook, roots, columns=columns), scope=scope_of(roots))


def _roots(words: Sequence[str]) -> list[Path]:
    """The paths; a lone word that is neither path nor command is met with the nearest command.

    Raises NotFoundError.
    """
    try:
        return required_paths(words)
    except NotFoundError as error:
        near = difflib.get_close_matches(words[0], [c.name for c in COMMANDS], n=1)
        if len(words) == 1 and near:
            raise NotFoundError(error.message, f"did you mean labbook {near[0]}") from error
        raise


def scope_of(roots: Sequence[Path]) -> str:
    """The filter the board opens with: the folder that holds every root, nothing without roots."""
    return os.path.commonpath([root.resolve() for root in roots]) if roots else ""
