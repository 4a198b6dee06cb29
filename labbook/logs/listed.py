"""A format in the list of formats: known by its name at once, imported when it is first needed.

Fifty formats and their line patterns take a third of a second to import; a start that meets only logs it
knows imports the readers of those, and a look at one file only the kind of readers that can fit it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Literal

from labbook.logs.format import Claim, ClaimsFolders, Format, HasCompanions, Sample, Sniffed
from labbook.records import Reading

Kind = Literal["binary", "text", "any"]
_MAGIC = (b":", b"SQLite", b"PAR1", b"PK", b"\x93NUMPY")
"""Beginnings of binary files that may be too short to look binary."""


class Listed:
    """A format by its name. It answers as the format itself, which the first answer loads."""

    def __init__(
        self,
        name: str,
        load: Callable[[], Format],
        kind: Kind = "text",
        marks: tuple[str, ...] = (),
        *,
        is_last: bool = False,
        is_table: bool = False,
        takes_rows: bool = True,
    ) -> None:
        self.name = name
        self.kind: Kind = kind
        self.marks = frozenset(marks)
        """Names of which a folder must hold one to be such a source."""
        self.is_last = is_last
        """True for what is asked only where no other format claims a file."""
        self.is_table = is_table
        """True for a table of line patterns."""
        self.takes_rows = takes_rows
        """False for lines of words, which rows of data are not."""
        self._load = load

    def __repr__(self) -> str:
        return f"Listed({self.name!r})"

    @cached_property
    def format(self) -> Format:
        """The format itself."""
        return self._load()

    @property
    def whole(self) -> bool:
        return self.format.whole

    def sniff(self, sample: Sample) -> Sniffed | None:
        is_binary = sample.binary or sample.head.startswith(_MAGIC)
        if (self.kind == "binary" and not is_binary) or (self.kind == "text" and sample.binary):
            return None
        if not self.takes_rows and sample.is_rows:
            return None
        return self.format.sniff(sample)

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        return self.format.read(path, offset, state, final=final, limit=limit)

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        if not self.marks & names or not isinstance(self.format, ClaimsFolders):
            return None
        return self.format.claim(folder, names)

    def companions(self, path: Path) -> tuple[Path, ...]:
        return self.format.companions(path) if isinstance(self.format, HasCompanions) else ()


def reader(name: str, where: str, kind: Kind = "text", marks: tuple[str, ...] = (), **more: bool) -> Listed:
    """The format that `where`, `module:Class` below `labbook.logs`, makes."""
    module, _, made = where.partition(":")

    def load() -> Format:
        found: Format = getattr(import_module(f"labbook.logs.{module}"), made)()
        return found

    return Listed(name, load, kind, marks, **more)


def text(name: str, *, objects: bool = False) -> Listed:
    """The text format of `schemas/formats/<name>.toml`. objects: its lines may be JSON objects and no more."""

    def load() -> Format:
        from labbook.logs.patterns import shipped
        from labbook.logs.textlog import TextFormat

        return TextFormat(shipped(name))

    return Listed(name, load, is_table=True, takes_rows=objects)
