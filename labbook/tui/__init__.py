"""The terminal app. Importing this package imports nothing heavy; `run` imports Textual when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labbook.tui.terminal import can_draw

if TYPE_CHECKING:
    from labbook.tui.walk import Walk

NO_TERMINAL = 2


def run(walk: Walk, scope: str = "") -> int:
    """The app until the person leaves; its exit code. 2 where there is no terminal to draw on.

    scope: the filter the board opens with.
    """
    if not can_draw():
        return NO_TERMINAL
    from labbook.tui.app import LabbookApp

    app = LabbookApp(walk, scope=scope)
    code = app.run(mouse=False)
    app.join()
    return app.return_code or code or 0
