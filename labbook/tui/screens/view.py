"""What every screen has: the bars, movement, and the state it draws."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.reactive import reactive
from textual.screen import Screen

from labbook.tui import bars
from labbook.tui.keys import Pairs, pairs
from labbook.tui.messages import GoOut
from labbook.tui.shown import Shown
from labbook.tui.spans import line
from labbook.tui.terminal import LEAST_HEIGHT, LEAST_WIDTH
from labbook.tui.widgets.lines import Lines

MOVES: list[BindingType] = [
    Binding("j,down", "move(1)", "down", show=False),
    Binding("k,up", "move(-1)", "up", show=False),
    Binding("ctrl+d,pagedown", "page(1)", "half a page down", show=False),
    Binding("ctrl+u,pageup", "page(-1)", "half a page up", show=False),
    Binding("g,home", "edge(-1)", "to the top", show=False),
    Binding("G,end", "edge(1)", "to the end", show=False),
]
OUT = Binding("escape,h,left", "out", "back", show=False)


_BY_WIDTH = [(0, "-mini"), (LEAST_WIDTH, "-narrow"), (80, "-normal"), (160, "-wide")]
_BY_HEIGHT = [(0, "-flat"), (LEAST_HEIGHT, "-short"), (20, "-middle"), (34, "-tall")]


class View(Screen[None], inherit_bindings=False):
    """A screen that draws `shown` and changes nothing."""

    TITLE_WORD: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = _BY_WIDTH
    VERTICAL_BREAKPOINTS = _BY_HEIGHT
    AUTO_FOCUS = ""

    shown: reactive[Shown] = reactive(Shown(), init=False, repaint=False)

    def __init__(self, *, ascii: bool = False) -> None:  # noqa: A002
        super().__init__()
        self.ascii = ascii

    def compose(self) -> ComposeResult:
        """Headline, the screen's own body, status and keys."""
        yield Lines(id="small")
        yield Lines(id="head")
        with Container(id="body"):
            yield from self.body()
        yield Lines(id="status")
        yield Lines(id="keys")

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def on_mount(self) -> None:
        """Widgets take over the terminal's character set."""
        for lines in self.query(Lines):
            lines.ascii = self.ascii
        self.lines("small").show([line(f"labbook needs {LEAST_WIDTH}x{LEAST_HEIGHT}")])

    def lines(self, name: str) -> Lines:
        """The widget of that id."""
        return self.query_one(f"#{name}", Lines)

    def watch_shown(self) -> None:
        """Draw the new state where the person can see it."""
        if self.is_mounted and self.is_current:
            self.draw()

    def on_screen_resume(self) -> None:
        """Draw what changed while another screen was up."""
        self.draw()

    def on_resize(self) -> None:
        """Lines are cut to the width when they are made."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Bars and body from the state."""
        width = self.size.width
        self.draw_body(self.shown, width)
        self.lines("head").show([bars.headline(self.shown, self.TITLE_WORD, width)])
        self.draw_status()
        shown, last = self.key_pairs()
        self.lines("keys").show([bars.keys(shown, last, width)])

    def key_pairs(self) -> tuple[Pairs, Pairs]:
        """Keys of the line at the foot: those that may give way to the width, and those that stay."""
        return pairs(self)

    def draw_status(self) -> None:
        """The status line, which also tells where the cursor is."""
        self.lines("status").show([bars.status(self.shown, self.position(), self.size.width)])

    def draw_body(self, shown: Shown, width: int) -> None:
        """The screen's own widgets from the state."""

    def position(self) -> str:
        """Where the cursor is, in words."""
        return ""

    def action_out(self) -> None:
        """Back to where the person came from."""
        self.post_message(GoOut())
