"""Ladder: loss against N, D or C with the preferred law, and the tables behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from labbook.report.cells import wrap
from labbook.report.figures import plural
from labbook.summary import LadderView
from labbook.tui import pages
from labbook.tui.messages import Choose, Export, ShowScreen
from labbook.tui.screens.panes import Panes
from labbook.tui.screens.view import MOVES, OUT
from labbook.tui.shown import Shown
from labbook.tui.spans import Line, line

AXES: tuple[Literal["N", "D", "C"], ...] = ("N", "D", "C")
NO_LADDER = (
    "There is no ladder yet.",
    "",
    "A ladder is a set of runs of one recipe (data, tokenizer, architecture, schedule) that differ in N and D. "
    "labbook makes one as soon as two such runs are read.",
)


class LadderScreen(Panes):
    """One ladder at a time."""

    TITLE_WORD = "Ladder"
    PAGE_CURSOR = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l,right", "open", "run"),
        Binding("tab", "pane", "plot/tables"),
        Binding("right_square_bracket", "step(1)", "next ladder"),
        Binding("left_square_bracket", "step(-1)", "previous ladder", show=False),
        Binding("X", "axis", "x axis"),
        Binding("x", "log('x')", "log x"),
        Binding("y", "log('y')", "log y"),
        Binding("e", "export", "export"),
        *MOVES,
        OUT,
    ]

    def __init__(self, *, ascii: bool = False) -> None:  # noqa: A002
        super().__init__(ascii=ascii)
        self.axis = 0
        self.log_x = True
        self.log_y = True
        self._paged: tuple[LadderView, int] | None = None
        self._lines: tuple[list[Line], list[str]] = ([], [])

    def draw_body(self, shown: Shown, width: int) -> None:
        """Plot and tables of the ladder asked for."""
        view = shown.ladder
        page = self.lines("page")
        room = page.size.width or width
        if view is None:
            self.lines("tabs").show([line("")])
            page.show(pages.sentences(NO_LADDER, room))
            self.plot().show(("none", room), lambda w, h: [x for t in NO_LADDER for x in wrap(t, w) or [""]])
            return
        self.lines("tabs").show([self.tabs(self._title(view))])
        page.lit = self.on_page
        if self._paged is None or self._paged[0] is not view or self._paged[1] != room:
            self._paged = (view, room)
            self._lines = pages.ladder_page(view, room)
        page.show(*self._lines)
        self._draw_plot(view)

    def _title(self, view: LadderView) -> str:
        law = view.preferred.law if view.preferred else "no law"
        if view.comparison is None and view.refused is None:
            law = "fits are being computed"
        return f"{view.name}: {plural(len(view.rungs), 'rung')}, {law}"

    def position(self) -> str:
        """Place of the ladder among all."""
        view, summary = self.shown.ladder, self.shown.summary
        if view is None or summary is None:
            return ""
        return f"ladder {summary.ladders.index(view) + 1}/{len(summary.ladders)}"

    def _draw_plot(self, view: LadderView) -> None:
        x, log_x, log_y = AXES[self.axis], self.log_x, self.log_y
        color, ascii_ = not self.app.no_color, self.ascii

        def draw(width: int, height: int) -> list[str]:
            from labbook.report import plot

            law, band = plot.preferred_law(view)
            spec = plot.ladder_spec(view, x, law, band, log_x=log_x, log_y=log_y)
            return plot.draw(replace(spec, title=""), width, height, color=color, ascii=ascii_)

        digest = view.comparison.digest if view.comparison else ""
        law = view.comparison.preferred if view.comparison else None
        rungs = tuple((r.N, r.D, r.loss) for r in view.rungs)
        others = tuple((r.N, r.D, r.loss) for r in view.left_out)
        self.plot().show((view.key, x, log_x, log_y, digest, law, rungs, others), draw)

    def step(self, by: int) -> None:
        """The next or previous ladder."""
        view, summary = self.shown.ladder, self.shown.summary
        if view is not None and summary is not None:
            at = summary.ladders.index(view)
            self.lines("page").jump(0)
            self.post_message(Choose(ladder_key=summary.ladders[(at + by) % len(summary.ladders)].key))

    def action_open(self) -> None:
        """Into the run of the table row under the cursor."""
        run_id = self.lines("page").key if self.on_page else None
        if run_id:
            self.post_message(Choose(run_id=run_id))
            self.post_message(ShowScreen("run"))

    def action_axis(self) -> None:
        """Against N, D, C in turn."""
        self.reveal("plots")
        self.axis = (self.axis + 1) % len(AXES)
        self.draw()

    def action_log(self, axis: str) -> None:
        """Logarithmic or linear."""
        self.reveal("plots")
        if axis == "x":
            self.log_x = not self.log_x
        else:
            self.log_y = not self.log_y
        self.draw()

    def action_export(self) -> None:
        """This ladder as Markdown."""
        if self.shown.ladder is not None:
            self.post_message(Export(self.shown.ladder.key))
