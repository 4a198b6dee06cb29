"""What came nearest in a text that no format claims, and a template for the lines that look alike in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.numbers import CUT
from labbook.logs.shapes import meaning, name_before, split
from labbook.text import clean

_LINES = 20000
"""Lines looked through."""
_WIDTH = 2000
_SHAPES = 2000
_KEPT = 40
"""Lines kept of a shape."""
_TEXTS = 100
"""Texts and numbers of a line that a template could be made of."""
_ALIKE = 3
"""Lines that share a shape and are worth a template."""
_NO_LOSS = re.compile(r"(?:acc|time|speed|rate|mem|sec|ms|tok|lr|eta|norm|size|percent|epoch)", re.IGNORECASE)
"""Parts of names of figures that are hardly ever the loss."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The best of a text that cannot be read."""

    line: str | None = None
    """The line that came closest, and what it lacks."""
    template: str | None = None
    """What `labbook sniff --pattern` may be given to read the lines that look alike."""


def nearest(path: Path) -> Nearest:
    """The nearest miss among the lines of a text. Raises OSError."""
    alike: dict[tuple[str, ...], list[tuple[int, list[str]]]] = {}
    best: tuple[int, str] = (0, "")
    for place, line in Lines(path, 0, {}, final=True, bars=True):
        if place > _LINES:
            break
        for piece in pieces(line.removesuffix(CUT)):
            bare = unlabel(piece)[1][:_WIDTH]
            parts = split(bare)
            if not 3 <= len(parts) <= _TEXTS:
                continue
            texts = tuple(parts[::2])
            if texts in alike or len(alike) < _SHAPES:
                rows = alike.setdefault(texts, [])
                rows += [(place, parts[1::2])] if len(rows) < _KEPT else []
            rank, lack = _lack(texts)
            if rank > best[0]:
                best = (rank, f'key/value: line {place} "{clean(bare, 100)}" {lack}')
    return Nearest(best[1] or None, _template(alike))


def _lack(texts: tuple[str, ...]) -> tuple[int, str]:
    """(how near, what it has and lacks) of a line by the texts around its numbers."""
    keys = [key for text in texts[:-1] if (key := name_before(text))]
    counter = next((clean(key, 40) for key in keys if _kind(key) in ("axis", "epoch")), None)
    loss = next((clean(key, 40) for key in keys if _kind(key) == "loss"), None)
    if counter is not None and loss is not None:
        return 4, f"has a counter ({counter}) and {loss}; three with a rising counter are a log"
    if counter is not None and len(keys) > 1:
        return 3, f"has a counter ({counter}); no key is a known loss"
    if loss is not None:
        return 2, f"has a loss ({loss}); no key is a known counter"
    return (1, f"has a counter ({counter}) and nothing beside it") if counter is not None else (0, "")


def _template(alike: dict[tuple[str, ...], list[tuple[int, list[str]]]]) -> str | None:
    """A template of the shape most lines share, where one of its numbers counts and another may be the loss."""
    for texts, rows in sorted(alike.items(), key=lambda item: -len(item[1])):
        if len(rows) < _ALIKE or len(texts) < 3:
            continue
        columns = list(zip(*(numbers for _, numbers in rows), strict=True))
        counter = _counter(texts, columns)
        loss = _loss(texts, columns, counter) if counter is not None else None
        if counter is not None and loss is not None:
            return _written(texts, counter, loss)
    return None


def _counter(texts: tuple[str, ...], columns: list[tuple[str, ...]]) -> int | None:
    """The number that rises from line to line as a counter does, one with a name before one without."""
    rising = [
        at
        for at, column in enumerate(columns)
        if all(text.isdigit() for text in column) and all(int(b) > int(a) for a, b in pairwise(column))
    ]
    return min(rising, key=lambda at: (_role(texts[at]) != "axis", not name_before(texts[at])), default=None)


def _loss(texts: tuple[str, ...], columns: list[tuple[str, ...]], counter: int) -> int | None:
    """The first fraction after the counter that has a name no other quantity has, else any before it."""
    found = [
        at
        for at, column in enumerate(columns)
        if at != counter and any("." in text for text in column) and _may_be_loss(texts[at], texts[at + 1])
    ]
    varying = [at for at in found if len(set(columns[at])) > 1]
    return min(varying, key=lambda at: (at < counter, at), default=None)


def _may_be_loss(before: str, after: str) -> bool:
    key = name_before(before)
    return bool(key) and _role(before) in ("", "loss") and not _NO_LOSS.search(key) and not after[:1].isalnum()


def _role(before: str) -> str:
    return _kind(name_before(before))


def _kind(name: str) -> str:
    found = meaning(name, {})
    return found[0] if found is not None else ""


def _written(texts: tuple[str, ...], counter: int, loss: int) -> str:
    """The template from the name of the first of both to the last."""
    first, last = sorted((counter, loss))
    words = {counter: "{step}", loss: "{loss}"}
    out = texts[first][texts[first].rfind(name_before(texts[first])) :] if name_before(texts[first]) else ""
    for at in range(first, last + 1):
        out += words.get(at, "{_}") + (texts[at + 1] if at < last else "")
    return " ".join(out.split())
