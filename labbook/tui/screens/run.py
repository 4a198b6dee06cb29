"""Run: its curves, and everything known of it with where every number comes from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message

from labbook.text import clean
from labbook.tui import pages
from labbook.tui.messages import Choose, Export, ShowScreen
from labbook.tui.screens.panes import Panes
from labbook.tui.screens.view import MOVES, OUT
from labbook.tui.shown import Shown
from labbook.tui.spans import line

if TYPE_CHECKING:
    from labbook.records import Curve
    from labbook.summary import RunView


class RunScreen(Panes):
    """The run under the cursor of the board."""

    TITLE_WORD = "Run"
    PAGE_WORD = "facts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l,right", "open", "ladder"),
        Binding("tab", "pane", "plot/facts"),
        Binding("right_square_bracket,n", "step(1)", "next run"),
        Binding("left_square_bracket,N", "step(-1)", "previous run", show=False),
        Binding("x", "log('x')", "log x"),
        Binding("y", "log('y')", "log y"),
        Binding("X", "axis", "x axis"),
        Binding("e", "export", "export"),
        *MOVES,
        OUT,
    ]

    class CurvesRead(Message):
        """The slow part of this screen is there."""

        def __init__(self, token: tuple[object, ...], curves: dict[str, Curve], trouble: str) -> None:
            super().__init__()
            self.token = token
            self.curves = curves
            self.trouble = trouble

    def __init__(self, read: Callable[[str], dict[str, Curve]], *, ascii: bool = False) -> None:  # noqa: A002
        super().__init__(ascii=ascii)
        self._read = read
        self._asked: tuple[object, ...] = ()
        self._got: tuple[object, ...] = ()
        self._curves: dict[str, Curve] = {}
        self._trouble = ""
        self.log_x = False
        self.log_y = True
        self.x: Literal["step", "tokens"] = "step"

    def draw_body(self, shown: Shown, width: int) -> None:
        """The page at once; the curves when they are read."""
        run = shown.run
        if run is None or shown.summary is None:
            self.lines("tabs").show([line("")])
            self.lines("page").show([line("No run is chosen: 1 goes to the board.")])
            self.plot().show("none", lambda w, h: ["No run is chosen: 1 goes to the board."])
            return
        ladder = shown.summary.ladder(run.ladder)
        self.lines("tabs").show([self.tabs(f"{run.name}  {run.state}")])
        page = self.lines("page")
        room = page.size.width or width
        page.show(pages.run_page(run, ladder, shown.now, room, pages.here() or UTC))
        self._ask(run)
        self._draw_plots(run)

    def position(self) -> str:
        """Place of the run among those the board shows."""
        ids = [run.run_id for run in self.shown.runs]
        return f"{ids.index(self.shown.run_id) + 1}/{len(ids)}" if self.shown.run_id in ids else ""

    def _ask(self, run: RunView) -> None:
        token = (run.run_id, run.step, run.last_seen, sum(s.points for s in run.series))
        if token == self._asked:
            return
        self._asked = token
        run_id, read = run.run_id, self._read

        def work() -> None:
            try:
                self.post_message(self.CurvesRead(token, read(run_id), ""))
            except Exception as error:  # noqa: BLE001 - shown in the plot's place; the facts stay
                self.post_message(self.CurvesRead(token, {}, clean(f"{type(error).__name__}: {error}")))

        self.run_worker(work, thread=True, group="curves")

    def on_run_screen_curves_read(self, message: CurvesRead) -> None:
        """Take over the newest curves."""
        message.stop()
        if message.token == self._asked:
            self._got, self._curves, self._trouble = message.token, message.curves, message.trouble
            if self.shown.run is not None:
                self._draw_plots(self.shown.run)

    def _draw_plots(self, run: RunView) -> None:
        if not self._got or self._got[0] != run.run_id:
            self.plot().show(("reading", run.run_id), lambda w, h: ["reading the curves..."])
            return
        curves, x, log_x, log_y = self._curves, self.x, self.log_x, self.log_y
        unit, trouble = run.loss_unit, self._trouble
        flagged = tuple(flag.since_step for flag in run.flags if flag.since_step is not None)
        color, ascii_ = not self.app.no_color, self.ascii

        def loss(width: int, height: int) -> list[str]:
            from labbook.report import plot

            if trouble:
                return [f"The curves could not be read: {trouble}"]
            spec = plot.curve_spec(curves, x=x, log_x=log_x, log_y=log_y, unit=unit, flagged=flagged)
            return plot.draw(spec, width, height, color=color, ascii=ascii_)

        def rate(width: int, height: int) -> list[str]:
            from labbook.report import plot

            spec = plot.rate_spec(curves, x=x, log_x=log_x)
            return plot.draw(spec, width, height, color=color, ascii=ascii_) if spec else [""]

        token = (self._got, x, log_x, log_y, trouble, flagged)
        self.set_class("lr" not in curves, "-no-rate")
        self.plot().show(token, loss)
        self.plot("rate").show((*token, "rate"), rate)

    def step(self, by: int) -> None:
        """The next or previous run of the board."""
        ids = [run.run_id for run in self.shown.runs]
        if ids:
            at = ids.index(self.shown.run_id) if self.shown.run_id in ids else -1
            self.lines("page").jump(0)
            self.post_message(Choose(run_id=ids[(at + by) % len(ids)]))

    def action_open(self) -> None:
        """Into the run's ladder."""
        run = self.shown.run
        if run is not None and run.ladder is not None:
            self.post_message(Choose(ladder_key=run.ladder))
            self.post_message(ShowScreen("ladder"))

    def action_log(self, axis: str) -> None:
        """Logarithmic or linear."""
        self.reveal("plots")
        if axis == "x":
            self.log_x = not self.log_x
        else:
            self.log_y = not self.log_y
        self.draw()

    def action_axis(self) -> None:
        """Over step or over tokens."""
        self.reveal("plots")
        self.x = "tokens" if self.x == "step" else "step"
        self.draw()

    def action_export(self) -> None:
        """This run as Markdown."""
        if self.shown.run is not None:
            self.post_message(Export(self.shown.run.run_id))
