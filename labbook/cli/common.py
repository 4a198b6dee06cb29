"""What the commands share: opening the notebook, reading paths that stand where a run may stand, output."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.errors import Exit, Interrupted, NotFoundError, ReadError, UsageError
from labbook.filter import parse_filter
from labbook.selection import find_ladder, find_runs
from labbook.summary import IngestReport, Progress, RunView, Summary
from labbook.text import PATH_LIMIT, clean, speaks_unicode

if TYPE_CHECKING:
    from labbook.store import Notebook
    from labbook.workbook import Workbook

MAX_TEXT_WIDTH = 160


def open_notebook(args: argparse.Namespace, *, memory: bool = False, silent: bool = False) -> Notebook:
    """The notebook of this command line; one that cannot be written is worked on in memory.

    silent: nothing is written to stderr while waiting for another process, because an app draws there.
    Raises NotebookError where it cannot be opened.
    """
    from labbook.store import Notebook

    where = ":memory:" if memory else args.notebook
    if silent or args.quiet:
        notebook = Notebook.open(where, fallback_memory=True, on_wait=lambda line: None)
    else:
        notebook = Notebook.open(where, fallback_memory=True)
    if notebook.note:
        say(args, notebook.note)
    return notebook


def open_workbook(args: argparse.Namespace, roots: Sequence[Path] = (), *, memory: bool = False) -> Workbook:
    """The walk over the notebook of this command line. Raises NotebookError."""
    from labbook.workbook import Workbook

    return Workbook(open_notebook(args, memory=memory), roots=roots)


@contextmanager
def reading(args: argparse.Namespace, words: Sequence[str]) -> Iterator[tuple[Workbook, list[Path]]]:
    """The workbook, with what the words name on disk read into it; and those paths.

    Raises ReadError where they name something and no log is in it, NotebookError.
    """
    paths = [Path(w).expanduser() for w in words if w and Path(w).expanduser().exists()]
    with open_workbook(args, paths) as book:
        if paths and (report := read_paths(args, book, paths)).nothing_read:
            shown = ", ".join(map(str, paths))
            raise ReadError(f"no log could be read under {shown}", report.why_nothing())
        yield book, paths


def say(args: argparse.Namespace, line: str) -> None:
    """One line of words on stderr, unless --quiet."""
    if not args.quiet:
        sys.stderr.write(f"labbook: {clean(line, PATH_LIMIT)}\n")


def required_paths(words: Sequence[str]) -> list[Path]:
    """Every word as a path.

    Raises NotFoundError for one that does not exist.
    """
    paths = [Path(w).expanduser() for w in words]
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise NotFoundError(
                f"no such file or folder: {path}", "a run is named by id or name, see: labbook runs"
            )
    return paths


def read_paths(
    args: argparse.Namespace, book: Workbook, paths: Sequence[Path], *, dry: bool = False
) -> IngestReport:
    """Read the paths into the notebook (not at all in a dry run), with a progress line on a terminal.

    Raises UsageError for a --columns that is no map, Interrupted on ctrl+c, once what was being read is
    stored; a second ctrl+c does not wait.
    """
    from labbook.logs.column_map import parse_columns

    columns = parse_columns(args.columns) if args.columns else {}
    bar = ProgressLine(not args.quiet and sys.stderr.isatty())
    with stopping() as stop:
        try:
            report = book.ingest(paths, bar.show, stop.is_set, dry=dry, columns=columns)
        finally:
            bar.clear()
    absent = [text for _, code, _, text, _ in report.issues if code == "no-column"]
    if absent and all(path.is_file() for path in paths):
        raise UsageError(f"--columns: {absent[0]}", "names as the table's header has them")
    if stop.is_set() and report.interrupted:
        raise Interrupted(f"interrupted; {bar.reached()}kept", "the same command goes on from there")
    return report


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that the first ctrl+c sets; the second one interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def first(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class ProgressLine:
    """One line on stderr with how far a long read is; nothing for a short one or without a terminal."""

    WIDTH = 20
    """Signs of the bar."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.started = time.monotonic()
        self.drawn = 0.0
        self.first: Progress | None = None
        self.last: Progress | None = None

    def show(self, p: Progress) -> None:
        """Draw the line again, at most ten times a second."""
        now = time.monotonic()
        self.first, self.last = self.first or p, p
        if not self.wanted or now - self.started < 0.5 or now - self.drawn < 0.1:
            return
        self.drawn = now
        sys.stderr.write(f"\r\x1b[K{self.text(p, now - self.started)}")
        sys.stderr.flush()

    def text(self, p: Progress, seconds: float) -> str:
        """`reading [#####...............]  27%  12/50 files  31.2 MB/s  0:42 left`."""
        begun = self.first.bytes_done if self.first is not None else 0
        rate = (p.bytes_done - begun) / max(seconds, 1e-9)
        share = p.bytes_done / p.bytes_total if p.bytes_total else 0.0
        bar = "#" * int(share * self.WIDTH)
        left = f"{timedelta(seconds=round((p.bytes_total - p.bytes_done) / rate))} left" if rate else ""
        files = f"{p.done}/{p.total} files"
        return f"reading [{bar:.<{self.WIDTH}}] {share:4.0%}  {files}  {rate / 1e6:.1f} MB/s  {left}".rstrip()

    def reached(self) -> str:
        """How far it came: `12 of 50 files (31 %) are read and `."""
        if self.last is None:
            return "what was read is "
        share = self.last.bytes_done / self.last.bytes_total if self.last.bytes_total else 0.0
        return f"{self.last.done} of {self.last.total} files ({share:.0%} of the bytes) are read and "

    def clear(self) -> None:
        """Take the line away."""
        if self.drawn:
            sys.stderr.write("\r\x1b[K")


@dataclass(frozen=True, slots=True)
class Style:
    """How text goes out: columns, colour, signs."""

    width: int
    color: bool
    ascii: bool


def style(args: argparse.Namespace) -> Style:
    """What this command line, terminal and locale ask for."""
    return Style(_width(args), _has_color(args), _is_ascii())


def local_zone() -> tzinfo:
    """The zone a person here reads clocks in."""
    return datetime.now().astimezone().tzinfo or UTC


def _width(args: argparse.Namespace) -> int:
    """--width, else the terminal's, else 78."""
    if args.width:
        return max(40, int(args.width))
    if not sys.stdout.isatty():
        return 78
    return max(40, min(MAX_TEXT_WIDTH, shutil.get_terminal_size((80, 24)).columns - 2))


def _has_color(args: argparse.Namespace) -> bool:
    """Colour on a terminal that has it and nobody forbade it."""
    dumb = os.environ.get("TERM", "") in ("", "dumb")
    return sys.stdout.isatty() and not (args.no_color or os.environ.get("NO_COLOR") or dumb)


def _is_ascii() -> bool:
    """True where the locale cannot show the signs we draw with, whatever Python makes of it."""
    return not speaks_unicode(sys.stdout.encoding)


def emit(text: str) -> None:
    """Text to stdout, with what the locale cannot print replaced."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")


def chosen_runs(summary: Summary, words: Sequence[str]) -> tuple[RunView, ...]:
    """Runs the words mean: a run, a ladder, a path, a glob, else a filter.

    Raises NotFoundError where nothing answers.
    """
    if not words:
        return summary.runs
    runs: dict[str, RunView] = {}
    for word in words:
        for run in find_runs(summary, word):
            runs[run.run_id] = run
    if runs:
        return tuple(run for run in summary.runs if run.run_id in runs)
    filtered = parse_filter(" ".join(words)).select(summary.runs)
    if not filtered:
        raise NotFoundError(f"no run matches {' '.join(words)!r}", "see: labbook runs")
    return filtered


def worst(runs: Sequence[RunView]) -> Exit:
    """Exit code of a board: 2 for anything critical, 1 for a warning or an empty board, else 0."""
    if not runs:
        return Exit.ATTENTION
    severities = {flag.severity for run in runs for flag in run.flags if flag.cleared_step is None}
    if "crit" in severities or any(run.state in ("nan", "diverged", "stalled", "failed") for run in runs):
        return Exit.FAILED
    return Exit.ATTENTION if "warn" in severities else Exit.OK


__all__ = ["find_ladder"]
