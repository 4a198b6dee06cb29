"""Rows of styled text with a cursor: the board, every table and every page of the app.

Rows are asked for only where they are on the screen, and only those that look different are sent again,
so the cost of a refresh does not grow with the number of runs. The cursor follows its row's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from labbook.tui.spans import Line, strip

Draw = Callable[[int, int], Line]
"""(index of a row, width) to its text."""


class Lines(Widget, can_focus=False):
    """A heading and rows; with `cursor` one row is chosen, without the page scrolls."""

    ascii: reactive[bool] = reactive(False, repaint=False)

    class Moved(Message):
        """The cursor stands on another row because the person moved it."""

        def __init__(self, sender: Lines, key: str) -> None:
            super().__init__()
            self.sender = sender
            self.key = key

    def __init__(self, *, cursor: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._has_cursor = cursor
        self._keys: Sequence[str] = ()
        self._draw: Draw = lambda index, width: ()
        self._heading: Callable[[int], Line] | None = None
        self._strips: list[Strip] = []
        self.cursor = 0
        self.top = 0
        self.lit = True
        """The row under the cursor is marked."""

    def fill(
        self,
        keys: Sequence[str],
        draw: Draw,
        heading: Callable[[int], Line] | None = None,
        cursor_key: str | None = None,
    ) -> None:
        """Other rows. The cursor stays on its key, or goes to `cursor_key`, and keeps its place on screen."""
        wanted = cursor_key or self.key
        before = self.cursor
        if wanted and wanted in keys and not (before < len(keys) and keys[before] == wanted):
            self.cursor = list(keys).index(wanted)
            self.top += self.cursor - before
        self._keys, self._draw, self._heading = keys, draw, heading
        self.cursor = max(0, min(self.cursor, len(keys) - 1))
        self._settle()

    def show(self, lines: Sequence[Line], keys: Sequence[str] | None = None) -> None:
        """Fixed lines instead of rows drawn on demand."""
        self.fill(keys if keys is not None else [""] * len(lines), lambda index, width: lines[index])

    @property
    def key(self) -> str | None:
        """Key of the row under the cursor; None without rows."""
        return self._keys[self.cursor] if self._has_cursor and self.cursor < len(self._keys) else None

    @property
    def page(self) -> int:
        """Rows on the screen at once."""
        return max(1, self.size.height - (self._heading is not None))

    def move(self, by: int) -> None:
        """Cursor, or page without one, `by` rows down."""
        if self._has_cursor:
            self.jump(self.cursor + by)
        else:
            self.top += by
            self._settle()

    def jump(self, to: int) -> None:
        """Cursor, or first line of a page, to a row; beyond the end is the end."""
        if not self._has_cursor:
            self.top = to
            self._settle()
            return
        before = self.cursor
        self.cursor = max(0, min(to, len(self._keys) - 1))
        self._settle()
        if self.cursor != before and self.key is not None:
            self.post_message(self.Moved(self, self.key))

    def on_resize(self) -> None:
        """Another size shows other rows."""
        self._settle()

    def watch_ascii(self) -> None:
        """Other characters for everything."""
        self._settle()

    def _settle(self) -> None:
        """Keep the cursor in view, then send what looks different."""
        if self._has_cursor:
            self.top = min(max(self.top, self.cursor - self.page + 1), self.cursor)
        self.top = max(0, min(self.top, len(self._keys) - self.page))
        width, height = self.size
        if not width or not height:
            return
        strips = self._drawn(width, height)
        if len(self._strips) != len(strips):
            self._strips = strips
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(self._strips, strips, strict=True)) if old != new]
        self._strips = strips
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _drawn(self, width: int, height: int) -> list[Strip]:
        lines: list[Strip] = []
        if self._heading is not None:
            lines.append(strip(self._heading(width), width, ascii=self.ascii))
        for index in range(self.top, min(len(self._keys), self.top + height - len(lines))):
            bar = self._has_cursor and self.lit and index == self.cursor
            lines.append(strip(self._draw(index, width), width, ascii=self.ascii, bar=bar))
        return lines + [Strip.blank(width)] * (height - len(lines))

    def render_line(self, y: int) -> Strip:
        """The row at `y` as last drawn."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
