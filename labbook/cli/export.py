"""Write the report with its receipts: runs, method, versions, and the command that redoes it.

WHAT is a ladder, a run or a path (read first); without it, everything. To standard output without -o.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.cli.common import emit, reading, say
from labbook.errors import LabbookError, NotFoundError, UsageError
from labbook.selection import find_ladder, find_runs
from labbook.summary import LadderView, Summary

if TYPE_CHECKING:
    from labbook.workbook import Workbook


def configure(parser: argparse.ArgumentParser) -> None:
    """What, as what, and where to."""
    parser.add_argument("what", nargs="?", metavar="WHAT", help="ladder, run or path; everything without it")
    parser.add_argument("--to", default="md", metavar="FORMAT", help="md (Markdown)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE")


def run(args: argparse.Namespace) -> int:
    """Write the report."""
    from labbook.report import EXPORTS

    exports = {e.name: e for e in EXPORTS}
    if args.to not in exports:
        raise UsageError(f"no export format {args.to!r}", f"known: {', '.join(exports)}")
    with reading(args, [args.what or ""]) as (book, _):
        summary = book.summary()
        if not summary.runs:
            raise NotFoundError("the notebook holds no run", "read some first: labbook ingest PATH")
        ladder, run_id = chosen(summary, args.what)
        summary = whole(book, summary, ladder, run_id)
    text = exports[args.to].write(
        summary, ladder, run_id, plot=markdown_plot, command=args.command_line, made_at=time.time()
    )
    if not args.output:
        emit(text.rstrip("\n"))
        return 0
    write_file(Path(args.output).expanduser(), text)
    say(args, f"wrote {args.output}")
    return 0


def chosen(summary: Summary, what: str | None) -> tuple[str | None, str | None]:
    """(ladder key, run id) the word means; both None for everything.

    Raises NotFoundError where nothing answers.
    """
    if what is None:
        return None, None
    runs = find_runs(summary, what)
    keys = {r.ladder for r in runs}
    if len(runs) == 1:
        return None, runs[0].run_id
    if runs and None not in keys and len(keys) == 1:
        return next(iter(keys)), None
    if runs:
        return None, None
    return find_ladder(summary, what).key, None


def whole(book: Workbook, summary: Summary, ladder: str | None, run_id: str | None) -> Summary:
    """The summary with every part of a report on the ladders that are written."""
    from labbook.resampling import resample

    run = summary.run(run_id) if run_id is not None else None
    wanted = (
        {run.ladder}
        if run is not None
        else {ladder}
        if ladder is not None
        else {x.key for x in summary.ladders}
    )
    views = (resample(book.results, book.completed(x)) if x.key in wanted else x for x in summary.ladders)
    return replace(summary, ladders=tuple(views))


def markdown_plot(view: LadderView) -> list[str]:
    """The ladder's plot as plain text."""
    from labbook.report.ladderplot import ladder_plot

    return ladder_plot(view, 78, 22, color=False, ascii=False)


def write_file(path: Path, text: str) -> None:
    """Replace the file in one step; a device or a pipe is written to as it is, a link is followed.

    Raises LabbookError where it cannot be written.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8") as file:
                file.write(text)
            return
        part = target.with_name(target.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise LabbookError(
            f"cannot write {path}: {error.strerror or error}", "choose another file with -o"
        ) from error
