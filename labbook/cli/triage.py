"""The board: what is alive, broken, slow or done, most severe first.

A path is read first. Exit code: 0 nothing to do, 1 a warning, 2 something critical; for scripts and cron.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.cli.common import (
    chosen_runs,
    emit,
    reading,
    style,
    worst,
)
from labbook.selection import under

if TYPE_CHECKING:
    from labbook.workbook import Workbook


def configure(parser: argparse.ArgumentParser) -> None:
    """A filter or paths."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="words, a ladder, a glob, or a path to read"
    )
    parser.add_argument("--json", action="store_true", help="the board as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the board."""
    from labbook.report.json import dumps, triage_json

    with reading(args, args.filter) as (book, paths):
        if not args.json:
            return print_board(args, book, paths, args.filter)
        summary = book.summary()
        runs = chosen_runs(summary, args.filter)
        emit(dumps(triage_json(replace(summary, runs=runs))))
        return int(worst(runs))


def print_board(
    args: argparse.Namespace, book: Workbook, paths: Sequence[Path], words: Sequence[str] = ()
) -> int:
    """Print the board of the runs meant, else of those under the paths; returns its exit code."""
    from labbook.report.board import board

    summary = book.summary()
    runs = chosen_runs(summary, words) if words else under(summary, list(paths)) if paths else summary.runs
    how = style(args)
    emit(board(replace(summary, runs=runs), how.width, how.color, ascii=how.ascii))
    return int(worst(runs))
