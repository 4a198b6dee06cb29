"""The lines around every screen: what is known and how old it is, what is going on, which keys there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

from labbook.quantities import format_duration, format_size
from labbook.report.cells import cell_width, crop
from labbook.report.figures import plural
from labbook.report.paint import style_of
from labbook.tui.shown import SORTS, Shown
from labbook.tui.spans import Line, Span, line, safe


def headline(shown: Shown, title: str, width: int) -> Line:
    """Notebook, runs by state, and how old what is shown is."""
    age = _age(shown)
    left: list[Span] = [("labbook", "bold"), (f" {title}", "")]
    if shown.summary is not None:
        left += [(f"  {_place(shown)}", "dim"), *_counts(shown)] if width >= 100 else _counts(shown)
    return _ends(left, (age, "yellow" if shown.trouble else "dim"), width)


def _place(shown: Shown) -> str:
    summary = shown.summary
    notebook = PurePath(summary.notebook).name if summary else ""
    return safe(crop(notebook, 16))


def _counts(shown: Shown) -> list[Span]:
    runs = shown.summary.runs if shown.summary else ()
    states = Counter(r.state for r in runs)
    spans: list[Span] = [(f"  {plural(len(runs), 'run')}:" if runs else "  no runs", "")]
    for state, n in states.items():
        spans += [(f" {n} ", ""), (state, style_of(state) or "")]
    return spans


def _age(shown: Shown) -> str:
    """Whole minutes, so that an idle screen sends at most one line a minute."""
    if shown.summary is None:
        return "" if shown.empty else "reading the notebook..."
    seconds = max(0.0, shown.now - shown.summary.as_of)
    old = "<1m" if seconds < 60 else format_duration(seconds)
    if shown.trouble:
        return f"reading failed, {old} old"
    if not shown.live:
        return f"last known, {old} old"
    return f"paused, {old} old" if not shown.following else f"live, {old} old"


def status(shown: Shown, position: str, width: int) -> Line:
    """What is going on: a failure, a notice, the reading, the filter; at the right where the cursor is."""
    return _ends([_doing(shown)], (position, "dim"), width)


def _doing(shown: Shown) -> Span:
    if shown.notice:
        return (shown.notice, "cyan")
    if shown.trouble:
        return (f"! {shown.trouble}", "yellow")
    if shown.progress is not None:
        p = shown.progress
        return (f"reading {p.done} of {p.total} logs, {format_size(float(p.bytes_done))}B {p.current}", "dim")
    parts = [f"filter: {shown.words}"] if shown.words else []
    parts += [f"by {shown.sort}"] if shown.sort != SORTS[0] else []
    return (safe("  ".join(parts)), "bold")


def _ends(left: list[Span], right: Span, width: int) -> Line:
    """Left part cropped so that the right part stands whole at the right edge."""
    room = width - cell_width(right[0]) - (1 if right[0] else 0)
    spans: list[Span] = []
    for text, style in left:
        shown = crop(text, room)
        spans.append((shown, style))
        room -= cell_width(shown)
        if shown != text:
            break
    return (*spans, (" " * max(0, room + (1 if right[0] else 0)), ""), right)


def keys(pairs: Iterable[tuple[str, str]], last: Iterable[tuple[str, str]], width: int) -> Line:
    """As many (key, word) as fit, and always the `last` ones."""
    end = list(last)
    room = width - sum(len(k) + len(w) + 3 for k, w in end)
    spans: list[Span] = []
    for key, word in pairs:
        room -= len(key) + len(word) + 3
        if room < 0:
            break
        spans += [(key, "bold"), (f" {word}  ", "")]
    for key, word in end:
        spans += [(key, "bold"), (f" {word}  ", "")]
    return tuple(spans) if spans else line("")
