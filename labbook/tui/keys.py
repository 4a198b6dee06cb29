"""Keys as people read them, from the bindings that are active: for the key line, the help and the palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.screen import Screen

NAMES = {
    "question_mark": "?", "slash": "/", "left_square_bracket": "[", "right_square_bracket": "]",
    "escape": "esc", "pagedown": "page down", "pageup": "page up", "f1": "F1",
}  # fmt: skip
Pairs = list[tuple[str, str]]
"""(key, word)."""
ALWAYS = ("help", "quit")
"""Words of the keys that stay on the line however narrow it is."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that keys do."""

    keys: tuple[str, ...]
    word: str
    action: str
    on_line: bool
    """Stands in the line at the foot of the screen."""
    everywhere: bool
    """Works on every screen."""


def keys_of(screen: Screen[Any]) -> list[Key]:
    """What every active key of the screen does, the screen's own first, keys of one action together."""
    found: dict[tuple[str, str], Key] = {}
    for active in screen.active_bindings.values():
        binding, everywhere = active.binding, active.node is screen.app
        if not binding.description or not active.enabled:
            continue
        name = NAMES.get(binding.key, binding.key)
        at = (binding.action, binding.description)
        before = found.get(at)
        keys = (*before.keys, name) if before else (name,)
        on_line = binding.show or (before is not None and before.on_line)
        found[at] = Key(keys, binding.description, binding.action, on_line, everywhere)
    return sorted(found.values(), key=lambda key: key.everywhere)


def pairs(screen: Screen[Any]) -> tuple[Pairs, Pairs]:
    """(key, word) for the key line: those that may give way, and those that stay."""
    listed = [(key.keys[0], key.word) for key in keys_of(screen) if key.on_line]
    return [p for p in listed if p[1] not in ALWAYS], [p for p in listed if p[1] in ALWAYS]
