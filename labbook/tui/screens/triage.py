"""Triage: one row per run, most severe first, and the answers about the run under the cursor."""

from __future__ import annotations

from datetime import UTC
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from labbook.tui import board, pages
from labbook.tui.keys import Pairs
from labbook.tui.messages import Choose, Export, FilterChanged, ShowScreen, SortNext
from labbook.tui.screens.view import MOVES, View
from labbook.tui.shown import Shown
from labbook.tui.widgets.lines import Lines


class TriageScreen(View):
    """The home screen."""

    TITLE_WORD = "Triage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l,right", "open", "run"),
        Binding("slash", "filter", "filter"),
        Binding("o", "sort", "sort"),
        Binding("tab", "detail", "detail"),
        Binding("e", "export", "export"),
        *MOVES,
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
        Binding("escape", "out", "clear the filter", show=False),
    ]

    _detailed: str | None = None
    """Run the detail was last drawn for."""

    def body(self) -> ComposeResult:
        """Board, detail, and the line the filter is typed on."""
        yield Lines(cursor=True, id="board")
        yield Lines(id="detail")
        yield Input(placeholder="words; -word leaves out; esc clears", compact=True, id="filter")

    def draw_body(self, shown: Shown, width: int) -> None:
        """Rows by key, then the detail."""
        board_lines = self.lines("board")
        board_lines.lit = bool(shown.runs)
        if not shown.runs:
            board_lines.show(pages.sentences(self._nothing(shown), width))
            self.lines("detail").show([])
            return
        runs = shown.runs
        board_lines.fill(
            [run.run_id for run in runs],
            lambda index, w: board.row(runs[index], shown, w),
            lambda w: board.heading(w, shown.sort),
            cursor_key=shown.run_id,
        )
        self._draw_detail(shown)

    def _draw_detail(self, shown: Shown) -> None:
        widget = self.lines("detail")
        if self._detailed != shown.run_id:
            self._detailed, widget.top = shown.run_id, 0
        widget.show(pages.detail(shown, widget.size.width or self.size.width, pages.here() or UTC))

    def _nothing(self, shown: Shown) -> tuple[str, ...]:
        if shown.words and shown.summary is not None and shown.summary.runs:
            return (f"No run matches: {shown.words}", "", "esc clears the filter.")
        if shown.live:
            return pages.EMPTY
        known = shown.empty or shown.summary is not None
        return ("reading the logs...",) if known else ("reading the notebook...",)

    def position(self) -> str:
        """Row of all rows shown, and how many the filter hides."""
        shown = self.shown
        if not shown.runs or shown.summary is None:
            return ""
        hidden = len(shown.summary.runs) - len(shown.runs)
        return f"{self.lines('board').cursor + 1}/{len(shown.runs)}" + (f", {hidden} hidden" if hidden else "")

    def on_lines_moved(self, message: Lines.Moved) -> None:
        """The run under the cursor is the one looked at."""
        message.stop()
        self.post_message(Choose(run_id=message.key))

    def action_move(self, by: int) -> None:
        """Cursor down or up."""
        self.lines("board").move(by)

    def action_page(self, by: int) -> None:
        """Half a page down or up: the detail where it fills the screen, else the cursor."""
        widget = self.lines("detail" if self.has_class("-detail") else "board")
        widget.move(by * max(1, widget.page // 2))

    def action_edge(self, to: int) -> None:
        """Cursor to the first or the last row."""
        self.lines("board").jump(len(self.shown.runs) if to > 0 else 0)

    def action_match(self, by: int) -> None:
        """Cursor to the next or previous match, around the end."""
        if self.shown.runs:
            widget = self.lines("board")
            widget.jump((widget.cursor + by) % len(self.shown.runs))

    def action_open(self) -> None:
        """Into the run under the cursor."""
        if self.shown.run is not None:
            self.post_message(ShowScreen("run"))

    def action_sort(self) -> None:
        """By the next column."""
        self.post_message(SortNext())

    def action_detail(self) -> None:
        """The detail over the whole screen, and back."""
        self.toggle_class("-detail")
        self.call_after_refresh(self.draw)

    def action_export(self) -> None:
        """The whole board as Markdown."""
        self.post_message(Export(""))

    def action_filter(self) -> None:
        """Open the line to type a filter on."""
        line = self.query_one("#filter", Input)
        line.value = self.shown.words
        self.add_class("-filter")
        line.focus()
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        if self.has_class("-filter"):
            self.post_message(FilterChanged(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the board."""
        event.stop()
        self._close_filter()

    def _close_filter(self) -> None:
        self.remove_class("-filter")
        self.set_focus(None)
        self.draw()

    def key_pairs(self) -> tuple[Pairs, Pairs]:
        """While a filter is typed letters are letters, so other keys count."""
        if self.has_class("-filter"):
            return [("up down", "move")], [("enter", "keep"), ("esc", "clear"), ("ctrl+c", "quit")]
        return super().key_pairs()

    def action_out(self) -> None:
        """Clear the filter, else close the detail."""
        if self.has_class("-filter") or self.shown.words:
            self._close_filter()
            self.post_message(FilterChanged(""))
        elif self.has_class("-detail"):
            self.action_detail()
