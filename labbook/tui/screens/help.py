"""Help: what every key of the screen below does, from the bindings themselves."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from labbook.report.words import STATE_WORDS
from labbook.tui.board import MARKS
from labbook.tui.keys import Key
from labbook.tui.screens.view import MOVES, View
from labbook.tui.shown import Shown
from labbook.tui.spans import Line, line
from labbook.tui.widgets.lines import Lines

KEYS = 18
"""Cells for the keys before what they do."""
LEFT = 36
"""Cells of the left column where two stand side by side."""
_WORDS = (
    "regime: * form-dependent, r repeated data",
    "plot: open markers are left out of the fit",
)


class HelpScreen(View):
    """One page about one screen."""

    TITLE_WORD = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,h,left", "out", "back"), *MOVES]

    def __init__(self, about: str, keys: list[Key], *, ascii: bool = False) -> None:  # noqa: A002
        super().__init__(ascii=ascii)
        self._about = about
        self._keys = keys

    def body(self) -> ComposeResult:
        """One page."""
        yield Lines(id="page")

    def draw_body(self, shown: Shown, width: int) -> None:
        """Keys of the screen, keys of every screen, signs."""
        own = [_row(key) for key in self._keys if not key.everywhere]
        every = [_row(key) for key in self._keys if key.everywhere]
        right = [*every, (), line("Signs and words", "bold"), *_signs()]
        if width >= 2 * LEFT:
            lines = _beside(
                [line(f"On {self._about}", "bold"), *own], [line("On every screen", "bold"), *right]
            )
        else:
            lines = [line(f"On {self._about}", "bold"), *own, (), line("On every screen", "bold"), *right]
        self.lines("page").show(lines)

    def action_move(self, by: int) -> None:
        """Scroll."""
        self.lines("page").move(by)

    def action_page(self, by: int) -> None:
        """Scroll half a page."""
        page = self.lines("page")
        page.move(by * max(1, page.page // 2))

    def action_edge(self, to: int) -> None:
        """To the top or the end."""
        self.lines("page").jump(10**9 if to > 0 else 0)


def _row(key: Key) -> Line:
    return ((f"{' '.join(key.keys):<{KEYS}}", "bold"), (key.word, ""))


def _signs() -> list[Line]:
    """What the signs and words of the board mean, where the word does not say it itself."""
    states = [line(f"{MARKS[s]} {s}: {words}") for s, words in STATE_WORDS.items() if s != words]
    return [*states, *(line(word) for word in _WORDS)]


def _beside(left: list[Line], right: list[Line]) -> list[Line]:
    """Two blocks side by side."""
    lines: list[Line] = []
    for a, b in zip_longest(left, right, fillvalue=()):
        gap = LEFT - sum(len(text) for text, _ in a)
        lines.append((*a, (" " * gap, ""), *b))
    return lines
