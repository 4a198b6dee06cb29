"""The quick way for lines of one shape: one pattern finds their numbers, and many become points at once.

What the pattern does not match whole, and whatever a rule has to look at, goes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from labbook.logs import names
from labbook.logs.numbers import number
from labbook.logs.shapes import NUMBER, Shape

MOST = 1 << 13
"""Lines kept before they become points."""
LONGEST_NUMBER = 64
"""Characters of a number; what is longer is none (`numbers.number`)."""
WORTH = 16
"""Lines in a row from which on columns are quicker than rows."""


@dataclass(slots=True)
class Record:
    """What one line says, its numbers as printed."""

    metrics: dict[str, str]
    counter: str | None = None
    total: str | None = None
    named: bool = False
    is_bar: bool = False
    epoch: str | None = None
    epochs: str | None = None
    held_out: bool = False


def record_of(shape: Shape, numbers: Sequence[str] | Mapping[int, str]) -> Record:
    """The record of a line by its shape and its numbers, by their place."""

    def at(index: int | None) -> str | None:
        return None if index is None else numbers[index]

    return Record(
        {name: numbers[place] for name, place in shape.metrics},
        counter=at(shape.counter),
        total=at(shape.total),
        named=shape.named,
        is_bar=shape.is_bar,
        epoch=at(shape.epoch),
        epochs=at(shape.epochs),
        held_out=shape.held_out,
    )


class Lane:
    """The lines of one shape that hold a named step and a loss."""

    def __init__(self, texts: tuple[str, ...], shape: Shape) -> None:
        self.shape = shape
        self.names = tuple(name for name, _ in shape.metrics)
        at = [shape.counter, shape.total, shape.epoch, shape.epochs, *(place for _, place in shape.metrics)]
        self.wanted = tuple(place for place in at if place is not None)
        kept = sorted(set(self.wanted))
        self.order = tuple(kept.index(place) for place in self.wanted)
        """Which group holds each of `wanted`."""
        self.match = _pattern(texts, tuple(kept)).fullmatch

    def record(self, groups: Sequence[str]) -> Record:
        """The record of one line by the groups of its match."""
        return record_of(self.shape, dict(zip(self.wanted, (groups[at] for at in self.order), strict=True)))

    def places(self) -> tuple[int, int | None, int | None]:
        """Groups of the counter, its total and the epoch."""
        after = 1 + (self.shape.total is not None)
        total = self.order[1] if self.shape.total is not None else None
        return self.order[0], total, self.order[after] if self.shape.epoch is not None else None

    def metrics(self) -> tuple[int, ...]:
        """Groups of the metrics, in the order of `names`."""
        return self.order[len(self.order) - len(self.names) :]


def has_lane(texts: tuple[str, ...], shape: Shape) -> bool:
    """True for lines that may go the quick way: no bars, no objects, no validation, a counter with a name."""
    is_drawn = any("%||" in text or "━" in text for text in texts)
    is_plain = not (is_drawn or shape.is_bar or shape.held_out) and shape.named and shape.has_loss
    return is_plain and not texts[-1].rstrip().endswith("}") and sum(map(len, texts)) < 1000


@lru_cache(maxsize=256)
def _pattern(texts: tuple[str, ...], kept: tuple[int, ...]) -> re.Pattern[str]:
    out = re.escape(texts[0])
    for at, text in enumerate(texts[1:]):
        # atomic: a number is never given back in part, as in the split that found the shape
        found = f"(?>{NUMBER})"
        out += (f"({found})" if at in kept else found) + re.escape(text)
    return re.compile(out)


def floats(texts: Sequence[str]) -> list[float]:
    """Printed numbers as floats, as `numbers.number` reads them."""
    try:
        return list(map(float, texts))
    except ValueError:
        return [value if (value := number(text)) is not None else float("nan") for text in texts]


def is_held_out(name: str) -> bool:
    """True for a loss of validation or test."""
    found = names.series_of(name) or names.series_of_tail(name)
    return found is not None and found[0] != "train" and names.is_loss(found[0])
