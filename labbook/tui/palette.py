"""The command palette: every key's action, and every run by its name."""

from __future__ import annotations

from functools import partial

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from labbook.tui.keys import keys_of
from labbook.tui.messages import Choose, ShowScreen
from labbook.tui.screens.view import View
from labbook.tui.spans import safe

MOST_RUNS = 50


class Commands(Provider):
    """What the keys do, by words."""

    async def discover(self) -> Hits:
        """All actions, before anything is typed."""
        for key in keys_of(self.screen):
            yield DiscoveryHit(
                Text(f"{key.word}  ({' '.join(key.keys)})"), partial(self._act, key.action), text=key.word
            )

    async def search(self, query: str) -> Hits:
        """Actions and runs that match what was typed."""
        matcher = self.matcher(query)
        for key in keys_of(self.screen):
            score = matcher.match(key.word)
            if score > 0:
                text = Text(f"{key.word}  ({' '.join(key.keys)})")
                yield Hit(score, text, partial(self._act, key.action), text=key.word)
        for run_id, name in self._runs():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, Text(f"run {name}"), partial(self._open, run_id), text=name)

    def _runs(self) -> list[tuple[str, str]]:
        screen = self.screen
        summary = screen.shown.summary if isinstance(screen, View) else None
        return [(run.run_id, safe(run.name)) for run in summary.runs] if summary else []

    async def _act(self, action: str) -> None:
        await self.screen.run_action(action)

    def _open(self, run_id: str) -> None:
        self.screen.post_message(Choose(run_id=run_id))
        self.screen.post_message(ShowScreen("run"))
