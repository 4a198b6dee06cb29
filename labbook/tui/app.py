"""The app: the state, the loader, and which screen is up. Screens draw, widgets know lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.reactive import reactive

from labbook.text import clean, speaks_unicode
from labbook.tui import messages
from labbook.tui.keys import keys_of
from labbook.tui.loader import Loader
from labbook.tui.palette import Commands
from labbook.tui.screens import SCREENS
from labbook.tui.screens.help import HelpScreen
from labbook.tui.screens.ladder import LadderScreen
from labbook.tui.screens.run import RunScreen
from labbook.tui.screens.triage import TriageScreen
from labbook.tui.screens.view import View
from labbook.tui.shown import SORTS, Shown, in_view, visible
from labbook.tui.walk import Walk

NOTICE_S = 8.0
AGE_S = 60.0
JOIN_S = 5.0
"""A pass under way may need this long to leave its transaction."""


class LabbookApp(App[int], inherit_bindings=False):
    """labbook in a terminal."""

    TITLE = "labbook"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(entry.key, f"go('{entry.name}')", entry.title) for entry in SCREENS),
        Binding("r", "read", "read now", show=False),
        Binding("p", "pause", "pause or follow", show=False),
        Binding("question_mark,f1", "help", "help"),
        Binding("ctrl+z", "suspend_process", "suspend", show=False),
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]

    shown: reactive[Shown] = reactive(Shown(), repaint=False)

    def __init__(
        self,
        walk: Walk,
        *,
        clock: Callable[[], float] = time.time,
        poll_s: float = 1.0,
        scope: str = "",
        ascii: bool | None = None,  # noqa: A002
    ) -> None:
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self._walk = walk
        self._clock = clock
        self._loader = Loader(walk, self.post_message, poll_s)
        self._ascii = not speaks_unicode(sys.stderr.encoding) if ascii is None else ascii
        self._history: list[str] = []
        self._at = SCREENS[0].name
        self._preset = scope
        self.set_reactive(LabbookApp.shown, Shown(words=scope, now=clock()))

    def on_mount(self) -> None:
        """First frame at once, then the thread that fills it."""
        views: dict[str, View] = {
            "triage": TriageScreen(ascii=self._ascii),
            "run": RunScreen(self._walk.curves, ascii=self._ascii),
            "ladder": LadderScreen(ascii=self._ascii),
        }
        for name, view in views.items():
            view.data_bind(shown=LabbookApp.shown)
            self.install_screen(view, name)
        self.push_screen(self._at)
        self.set_interval(AGE_S, self._tick)
        self.call_after_refresh(self._loader.start)

    def on_unmount(self) -> None:
        """The thread is asked to end; `run` waits for it."""
        self._loader.stop()

    def join(self) -> bool:
        """Wait for the reading thread; False where it is still busy."""
        return self._loader.join(JOIN_S)

    def _tick(self) -> None:
        self.shown = replace(self.shown, now=self._clock())

    def _reorder(self, shown: Shown) -> Shown:
        """The rows again after board, filter or order changed; the cursor's run stays if it can."""
        runs = visible(shown.summary, shown.words, shown.sort)
        ids = [run.run_id for run in runs]
        chosen = shown.run_id
        if chosen not in ids:
            before = [run.run_id for run in self.shown.runs]
            place = before.index(chosen) if chosen in before else 0
            chosen = ids[min(place, len(ids) - 1)] if ids else chosen
        return replace(shown, runs=runs, run_id=chosen)

    def on_summary_ready(self, message: messages.SummaryReady) -> None:
        """Another board."""
        summary = message.summary
        live = self.shown.live or not summary.stale
        self.shown = self._reorder(
            replace(self.shown, summary=summary, live=live, empty=False, now=self._clock())
        )

    def on_notebook_empty(self) -> None:
        """Nothing known yet; the first reading may change that."""
        self.shown = replace(self.shown, empty=True)

    def on_reading_progress(self, message: messages.ReadingProgress) -> None:
        """How far the pass is."""
        self.shown = replace(self.shown, progress=message.progress)

    def on_reading_done(self, message: messages.ReadingDone) -> None:
        """The board is as good as the logs."""
        self.shown = replace(self.shown, live=True, trouble="")
        self._drop_idle_preset()
        if message.forced and not message.changed:
            self._notice("read again: nothing changed")

    def _drop_idle_preset(self) -> None:
        """A board that opens with nothing on it helps nobody: once the logs are read, show all and say so."""
        preset, self._preset = self._preset, ""
        shown = self.shown
        if preset and shown.words == preset and not shown.runs and shown.summary and shown.summary.runs:
            self.shown = self._reorder(replace(shown, words=""))
            self._notice(f"no run matches {preset}; all are shown")

    def on_reading_failed(self, message: messages.ReadingFailed) -> None:
        """The last good board stays."""
        self.shown = replace(self.shown, trouble=message.text, progress=None)

    def on_choose(self, message: messages.Choose) -> None:
        """Another run or ladder."""
        self.shown = replace(
            self.shown,
            run_id=message.run_id or self.shown.run_id,
            ladder_key=message.ladder_key or (None if message.run_id else self.shown.ladder_key),
        )

    def on_filter_changed(self, message: messages.FilterChanged) -> None:
        """Other words."""
        self.shown = self._reorder(replace(self.shown, words=message.words))

    def on_sort_next(self) -> None:
        """The next order."""
        sort = SORTS[(SORTS.index(self.shown.sort) + 1) % len(SORTS)]
        self.shown = self._reorder(replace(self.shown, sort=sort))

    def on_show_screen(self, message: messages.ShowScreen) -> None:
        """Into a screen; `esc` comes back."""
        self._history.append(self._at)
        self._show(message.name)

    def on_go_out(self) -> None:
        """Back."""
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        else:
            self._show(self._history.pop() if self._history else SCREENS[0].name)

    def on_export(self, message: messages.Export) -> None:
        """Write the report in a worker."""
        target = message.target
        summary = self.shown.summary if target else in_view(self.shown)
        if summary is None:
            return

        def work() -> None:
            try:
                text = f"written: {self._walk.export(summary, target)}"
            except Exception as error:  # noqa: BLE001 - a full disk must not take the board away
                text = f"not written: {type(error).__name__}: {error}"
            self.post_message(messages.Notice(clean(text)))

        self.run_worker(work, thread=True, group="export")

    def on_notice(self, message: messages.Notice) -> None:
        """A line for a while."""
        self._notice(message.text)

    def _notice(self, text: str) -> None:
        self.shown = replace(self.shown, notice=text)

        def clear() -> None:
            if self.shown.notice == text:
                self.shown = replace(self.shown, notice="")

        self.set_timer(NOTICE_S, clear)

    def _show(self, name: str) -> None:
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        if name != self._at:
            self._at = name
            self.switch_screen(name)

    def action_go(self, name: str) -> None:
        """To a screen by its number."""
        self._history.clear()
        self._show(name)

    def action_help(self) -> None:
        """What the keys of this screen do."""
        screen = self.screen
        if isinstance(screen, View) and not isinstance(screen, HelpScreen):
            page = HelpScreen(screen.TITLE_WORD, keys_of(screen), ascii=self._ascii)
            page.data_bind(shown=LabbookApp.shown)
            self.push_screen(page)

    def action_command_palette(self) -> None:
        """Find an action or a run by its words."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="an action, or the name of a run"))

    def action_read(self) -> None:
        """One full pass now."""
        self._loader.read_now()
        self._notice("reading...")

    def action_pause(self) -> None:
        """Stop or go on following."""
        following = not self.shown.following
        self._loader.follow(following)
        self.shown = replace(self.shown, following=following)
