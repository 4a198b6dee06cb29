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
    existing_paths,
    open_workbook,
    read_paths,
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

    paths = existing_paths(args.filter)
    with open_workbook(args, paths) as book:
        if not args.json:
            return print_board(args, book, paths, args.filter)
        if paths:
            read_paths(args, book, paths)
        summary = book.summary()
        runs = chosen_runs(summary, args.filter)
        emit(dumps(triage_json(replace(summary, runs=runs))))
        return int(worst(runs))


def print_board(
    args: argparse.Namespace, book: Workbook, paths: Sequence[Path], words: Sequence[str] = ()
) -> int:
    """Read the paths, print the board of what stands under them, and return its exit code."""
    from labbook.report.board import board

    if paths:
        report = read_paths(args, book, paths)
        if report.nothing_read:
            from labbook.errors import ReadError

            shown = ", ".join(map(str, paths))
            raise ReadError(f"no log could be read under {shown}", report.why_nothing())
    summary = book.summary()
    runs = chosen_runs(summary, words) if words else under(summary, list(paths)) if paths else summary.runs
    how = style(args)
    emit(board(replace(summary, runs=runs), how.width, how.color, ascii=how.ascii))
    return int(worst(runs))
