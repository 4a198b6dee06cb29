"""A screen of two panes, a plot and a page of text: side by side in time, one above the other when tall."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from labbook.tui.screens.view import View
from labbook.tui.spans import Line
from labbook.tui.widgets.lines import Lines
from labbook.tui.widgets.plotview import PlotView


class Panes(View):
    """Where the plot is chosen, up and down go to the next or previous thing plotted; else they scroll."""

    PAGE_WORD = "tables"
    PAGE_CURSOR = False

    def body(self) -> ComposeResult:
        """A line that names the panes, the plots, the page."""
        yield Lines(id="tabs")
        with Vertical(id="plots"):
            yield PlotView(id="plot")
            yield PlotView(id="rate")
        yield Lines(cursor=self.PAGE_CURSOR, id="page")

    @property
    def on_page(self) -> bool:
        """True where the page is chosen."""
        return self.has_class("-page")

    def plot(self, name: str = "plot") -> PlotView:
        """The plot of that id."""
        return self.query_one(f"#{name}", PlotView)

    def tabs(self, title: str) -> Line:
        """`[plot] tables  title`: brackets as well as style say which pane is chosen."""
        names = [
            (f"[{word}]", "bold") if chosen else (f" {word} ", "dim")
            for word, chosen in (("plot", not self.on_page), (self.PAGE_WORD, self.on_page))
        ]
        return (*names, (f"  {title}", "bold"))

    def step(self, by: int) -> None:
        """Look at the next or previous thing."""

    def action_step(self, by: int) -> None:
        """The next or previous thing."""
        self.step(by)

    def action_pane(self) -> None:
        """From plot to page and back."""
        self.toggle_class("-page")
        self.call_after_refresh(self.draw)

    def action_move(self, by: int) -> None:
        """Scroll the page, or choose another thing to plot."""
        if self.on_page:
            self.lines("page").move(by)
        else:
            self.step(by)

    def reveal(self, name: str) -> None:
        """A key that acts on a pane out of sight brings it into sight."""
        if not self.query_one(f"#{name}").display:
            self.action_pane()

    def action_page(self, by: int) -> None:
        """Scroll half a page."""
        self.reveal("page")
        page = self.lines("page")
        page.move(by * max(1, page.page // 2))

    def action_edge(self, to: int) -> None:
        """To the top or the end of the page."""
        self.reveal("page")
        self.lines("page").jump(10**9 if to > 0 else 0)
