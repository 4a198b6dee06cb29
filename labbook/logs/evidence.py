"""All that is known of one run before anything is concluded: what was given, printed and configured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from labbook.logs.config import Config
from labbook.logs.numbers import number
from labbook.logs.person import GIVEN
from labbook.quantities import parse_size
from labbook.records import Issue, Latest, Said, Scalar
from labbook.summary import Count

_IN_BILLIONS = re.compile(r"in billions: *(\d+)\.(\d{1,4})(?!\d)")


class Evidence:
    """One run's sources, asked one quantity at a time. `issues` collects what does not fit together."""

    def __init__(self, said: Sequence[Said], latest: Sequence[Latest], given: Mapping[str, str]) -> None:
        self.said = said
        self.latest = latest
        self.config = Config(said)
        self.given: dict[str, tuple[str, str]] = {
            key.removeprefix(GIVEN): (str(value), "labbook.toml")
            for one in said
            for key, value in one.config.items()
            if key.startswith(GIVEN)
        }
        """(text, who gave it) by key; a person's word now wins over labbook.toml."""
        self.given |= {key: (value, "given") for key, value in given.items()}
        self.issues: list[Issue] = []
        self._by_source = {one.source: one for one in said}

    def source_of(self, row: Latest) -> Said | None:
        """What the source of a series says."""
        return self._by_source.get(row.source)

    def given_count(self, key: str, kind: str) -> Count | None:
        """The number a person gave under `key`, None where there is none or it is no number."""
        found = self.given.get(key)
        if found is None:
            return None
        try:
            value = parse_size(found[0])
        except ValueError:
            return None
        return Count(kind, value, "given", found[1] if found[1] == "given" else f"{key} ({found[1]})")

    def given_number(self, key: str) -> float | None:
        """The number alone."""
        count = self.given_count(key, key)
        return count.value if count is not None else None

    def word(self, key: str) -> str | None:
        """The word a person gave under `key`."""
        found = self.given.get(key)
        return found[0] if found is not None else None

    def text(self, key: str) -> str | None:
        """A word given or configured under `key`."""
        found = self.given.get(key)
        return found[0] if found is not None else self.config.text(key)

    def figure(self, key: str) -> float | None:
        """The first printed figure of that key."""
        return next((figure.value for one in self.said for figure in one.figures if figure.key == key), None)

    def printed(self, key: str) -> list[Count]:
        """Every printed figure of that key."""
        return [
            Count(key, figure.value, "printed", figure.source, figure.digits or _of_billions(figure.source))
            for one in self.said
            for figure in one.figures
            if figure.key == key
        ]

    def configured(self, quantity: str) -> list[Count]:
        """Every configured number of a quantity; a size written as 1.32e9 is rounded."""
        return [
            Count(quantity, value, "config", entry.where, digits or _rounded(entry.value))
            for value, digits, entry in self.config.numbers(quantity)
        ]

    def single(self, kind: str) -> Count | None:
        """The number given, else printed, else configured."""
        given = self.given_count(kind, kind)
        if given is not None:
            return given
        return next(iter(self.printed(kind) or self.configured(kind)), None)


def _of_billions(source: str) -> int | None:
    """Significant digits of a count the log prints as `in billions: 46.70`, None for any other."""
    found = _IN_BILLIONS.search(source)
    return len((found[1] + found[2]).lstrip("0")) or None if found else None


def _rounded(value: Scalar) -> int | None:
    """Significant digits of a count that stands as a float with zeros at its end, None for a whole number."""
    text = repr(value) if isinstance(value, float) else value if isinstance(value, str) else ""
    if not text or number(text) is None or abs(number(text) or 0.0) < 1e6:
        return None
    digits = f"{number(text):.0f}"
    zeros = len(digits) - len(digits.rstrip("0"))
    is_float = "." in text or "e" in text.lower()
    return max(2, len(digits) - zeros) if is_float and zeros >= 4 else None
