"""Looking up a run's configuration by the many names one quantity has."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from labbook.logs.config_names import KEYS
from labbook.logs.names import plain
from labbook.logs.numbers import human, number
from labbook.records import Said, Scalar

_PLAIN = {quantity: tuple(plain(name) for name in listed) for quantity, listed in KEYS.items()}
_KNOWN = frozenset(name for listed in _PLAIN.values() for name in listed)
_OTHER_MODELS = re.compile(
    r"(vision|audio|teacher|draft|ref|reference|critic|reward|generation|quantization|eval|evaluation|validation)"
    r"(_(model|config|tower|encoder))?\Z|task_specific_params\Z"
)
"""Levels of a configuration that speak of something else than the model and data of the training."""
LEAST_N = 1000.0
"""A bare `N` below it counts something else."""
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration value and where it stands."""

    key: str
    value: Scalar
    source: str
    """File or record the configuration comes from."""

    @property
    def where(self) -> str:
        """`config non_embedding_params (config.json)`."""
        return f"config {self.key} ({self.source})" if self.source else f"config {self.key}"


class Config:
    """All configuration of one run, from every source that speaks of it."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._by_name: dict[str, list[Entry]] = {}
        self._by_tail: dict[str, list[Entry]] = {}
        """By the last parts of a path: `model.n_layer` under `n_layer`."""
        self._found: dict[str, list[Entry]] = {}
        for one in said:
            for key, value in one.config.items():
                place = _place(key) if value is not None and (key != "N" or _is_n(value)) else None
                if place is not None:
                    name, is_whole = place
                    known = self._by_name if is_whole else self._by_tail
                    known.setdefault(name, []).append(Entry(key, value, one.config_source))

    def all(self, quantity: str) -> list[Entry]:
        """Every value of a quantity, the preferred name first, whole names before the ends of longer ones."""
        found = self._found.get(quantity)
        if found is None:
            names = _PLAIN[quantity]
            found = [entry for name in names for entry in self._by_name.get(name, ())]
            found = found or [entry for name in names for entry in self._by_tail.get(name, ())]
            self._found[quantity] = found
        return found

    def has(self, quantity: str) -> bool:
        """True where any value of the quantity is there."""
        return bool(self.all(quantity))

    def number(self, quantity: str) -> tuple[float, int | None, Entry] | None:
        """(value, digits, entry) of the first positive number of a quantity."""
        return next(iter(self.numbers(quantity)), None)

    def numbers(self, quantity: str) -> list[tuple[float, int | None, Entry]]:
        """Every positive finite number of a quantity; digits where text rounds it."""
        found = []
        for entry in self.all(quantity):
            read = sized(entry.value)
            if read is not None and read[0] > 0 and math.isfinite(read[0]):
                found.append((read[0], read[1], entry))
        return found

    def value(self, quantity: str) -> float | None:
        """The first positive number of a quantity alone."""
        found = self.number(quantity)
        return found[0] if found else None

    def contradicts(self, quantity: str) -> bool:
        """True where the same name stands in several places with different numbers."""
        found = self.numbers(quantity)
        name = plain(found[0][2].key.replace("/", ".").rpartition(".")[2]) if found else ""
        same = [v for v, _, e in found if plain(e.key.replace("/", ".").rpartition(".")[2]) == name]
        return len(set(same)) > 1

    def text(self, quantity: str) -> str | None:
        """The first text of a quantity."""
        return next((str(e.value) for e in self.all(quantity) if not isinstance(e.value, bool)), None)

    def flag(self, quantity: str) -> bool | None:
        """The first truth value of a quantity, as such or as the word for it."""
        values = (e.value if isinstance(e.value, bool) else _truth(e.value) for e in self.all(quantity))
        return next((value for value in values if value is not None), None)


@lru_cache(maxsize=1 << 14)
def _place(key: str) -> tuple[str, bool] | None:
    """(name of the table, True where it is the whole key) a key is looked up by, None for all others."""
    if key.startswith("given."):
        return None
    whole = plain(key) if key != "N" else plain("n_params")
    if whole in _KNOWN:
        return whole, True
    parts = key.replace("/", ".").split(".")
    if any(_OTHER_MODELS.match(plain(part)) for part in parts[:-1]):
        return None
    tails = (plain(".".join(parts[start:])) for start in range(1, len(parts)))
    return next(((tail, False) for tail in tails if tail in _KNOWN), None)


def _is_n(value: Scalar) -> bool:
    """True where a bare `N` is large enough to be a number of parameters."""
    read = sized(value)
    return read is not None and read[0] >= LEAST_N


def _truth(value: Scalar) -> bool | None:
    return _TRUTH.get(value.strip().lower()) if isinstance(value, str) else None


def sized(value: Scalar) -> tuple[float, int | None] | None:
    """(value, digits) of a number or a size such as `124M`."""
    plain_number = number(value)
    if plain_number is not None:
        return plain_number, None
    if isinstance(value, str) and value[:1].isdigit():
        return human(value) if value.strip()[-1:].lower() in {"k", "m", "b", "t"} else None
    return None
