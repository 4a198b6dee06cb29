"""A plot that is drawn by a worker and sends only the lines that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from rich.text import Text
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from labbook.text import clean

Draw = Callable[[int, int], list[str]]
"""(width, height) to lines with terminal colours. Called from a worker."""


class PlotView(Widget, can_focus=False):
    """Shows what `show` was given, at its own size."""

    class Drawn(Message):
        """A worker finished a drawing."""

        def __init__(self, turn: int, lines: list[str]) -> None:
            super().__init__()
            self.turn = turn
            self.lines = lines

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._draw: Draw | None = None
        self._token: Hashable = None
        self._drawn_for: Hashable = None
        self._turn = 0
        self._done = 0
        self._strips: list[Strip] = []

    def show(self, token: Hashable, draw: Draw) -> None:
        """Another plot. The same token at the same size is not drawn again."""
        self._token, self._draw = token, draw
        self._start()

    @property
    def is_drawn(self) -> bool:
        """True where what stands here is what was asked for, at this size."""
        return self._done == self._turn and self._drawn_for == (self._token, *self.size)

    def on_resize(self) -> None:
        """Draw again at the new size."""
        self._start()

    def _start(self) -> None:
        width, height = self.size
        if self._draw is None or not width or not height or self._drawn_for == (self._token, width, height):
            return
        self._drawn_for = (self._token, width, height)
        self._turn += 1
        turn, draw = self._turn, self._draw

        def work() -> None:
            self.post_message(self.Drawn(turn, draw(width, height)))

        self.run_worker(work, thread=True, group="plot", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A drawing that failed says so in its own place."""
        event.stop()
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            text = clean(f"This plot could not be drawn: {type(error).__name__}: {error}")
            self.post_message(self.Drawn(self._turn, [text]))

    def on_plot_view_drawn(self, message: Drawn) -> None:
        """Take over the newest drawing; an overtaken one is dropped."""
        message.stop()
        if message.turn != self._turn:
            return
        self._done = message.turn
        width, height = self.size
        console = self.app.console
        strips = [
            Strip(Text.from_ansi(text).render(console, end="")).adjust_cell_length(width)
            for text in message.lines[:height]
        ]
        strips += [Strip.blank(width)] * (height - len(strips))
        if len(strips) != len(self._strips):
            self._strips = strips
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(self._strips, strips, strict=True)) if old != new]
        self._strips = strips
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """The line at `y` as last drawn."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
