"""The board of the triage screen: which columns fit, and what stands in them.

Widths depend on the terminal only, never on the runs, so a refresh moves no column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labbook.quantities import format_duration, format_size
from labbook.report.figures import DASH, count, done_share, known, loss_figure, signed_percent
from labbook.report.paint import style_of
from labbook.report.words import count_word, flag_words, shown_tokens
from labbook.scaling.values import Refusal, Regime
from labbook.summary import RunView
from labbook.tui.shown import Shown
from labbook.tui.spans import Line, column

MARKS = {
    "ok": "▶", "done": "✓", "cancelled": "-", "unknown": "?", "spike-open": "!",
    "stalled": "✗", "nan": "✗", "diverged": "✗", "failed": "✗",
}  # fmt: skip
"""A sign before each state's word."""

LEAST_NAME, MOST_NAME = 18, 44
LEAST_FLAGS = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the board."""

    title: str
    width: int
    cell: Callable[[RunView, Shown], str]
    rank: int
    """Columns of a low rank are kept longest."""
    right: bool = True


def _state(run: RunView, shown: Shown) -> str:
    return f"{MARKS.get(run.state, '?')} {run.state}"


def _done(run: RunView, shown: Shown) -> str:
    return done_share(run.frac) if known(run.frac) else format_size(run.step)


def _eta(run: RunView, shown: Shown) -> str:
    return DASH if isinstance(run.eta, Refusal) else format_duration(run.eta.finish_at - shown.now)


def _tokens(run: RunView, shown: Shown) -> str:
    ladder = shown.summary.ladder(run.ladder) if shown.summary else None
    return count_word(shown_tokens(run, ladder))


def regime_cell(run: RunView) -> str:
    """The regime's label; `*` where it depends on the form, `r` where data is repeated."""
    if not isinstance(run.regime, Regime):
        return DASH
    form = "*" if run.regime.form_dependent else " "
    return f"{run.regime.label}{form}{'r' if run.regime.repeat_limited else ''}".rstrip()


_COLUMNS = (
    Column("state", 12, _state, 0, right=False),
    Column("run", LEAST_NAME, lambda run, shown: run.name, 0, right=False),
    Column("done", 5, _done, 1),
    Column("step", 8, lambda run, shown: count(run.step), 9),
    Column("loss", 7, lambda run, shown: loss_figure(run.loss.value if run.loss else None), 1),
    Column("tok/s", 6, lambda run, shown: format_size(run.tokens_per_s), 6),
    Column("ETA", 6, _eta, 3),
    Column("N", 6, lambda run, shown: count_word(run.n), 7),
    Column("D", 6, _tokens, 7),
    Column("resid%", 7, lambda run, shown: signed_percent(run.residual), 8),
    Column("regime", 15, lambda run, shown: regime_cell(run), 2, right=False),
    Column("flags", LEAST_FLAGS, lambda run, shown: flag_words(run.flags, run.state), 4, right=False),
)


def layout(width: int) -> list[tuple[Column, int]]:
    """The columns that fit in `width` cells with their widths; name and flags take what is left."""
    kept = list(_COLUMNS)
    while sum(c.width + 1 for c in kept) - 1 > width and len(kept) > 2:
        kept.remove(max(kept, key=lambda c: (c.rank, c.right)))
    room = width - (sum(c.width + 1 for c in kept) - 1)
    name = min(max(0, room * 2 // 3), MOST_NAME - LEAST_NAME)
    if not any(c.title == "flags" for c in kept):
        name = room
    extra = {"run": name, "flags": max(0, room - name)}
    return [(c, c.width + extra.get(c.title, 0)) for c in kept]


def heading(width: int, sort: str) -> Line:
    """Titles of the columns; the one sorted by in bold, all underlined by position."""
    cells = layout(width)
    spans = [
        column(c.title, w, right=c.right, style="bold" if c.title.rstrip("%") in (sort, sort[:5]) else "dim")
        for c, w in cells
    ]
    return _spaced(spans)


def row(run: RunView, shown: Shown, width: int) -> Line:
    """One run as a line of exactly the layout's width."""
    spans = []
    for c, w in layout(width):
        text = c.cell(run, shown)
        word = run.state if c.title == "state" else text.rstrip("*r ") if c.title == "regime" else text
        tint = (style_of(word) or "") if c.title in ("state", "regime", "flags") else ""
        spans.append(column(text, w, right=c.right, style=tint))
    return _spaced(spans)


def _spaced(spans: list[tuple[str, str]]) -> Line:
    gapped: list[tuple[str, str]] = []
    for span in spans:
        gapped += [(" ", ""), span] if gapped else [span]
    return tuple(gapped)
