"""What every log format offers: a name, a guess from a sample, and a reader that can go on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from labbook.logs.lines import decode_sample, encoding_of, looks_binary, pieces, unlabel
from labbook.logs.opening import Unpacked, opened
from labbook.records import Reading

SAMPLE = 1 << 16
"""Bytes taken from the head, the middle and the tail of a file."""
LONG_HEAD = 1 << 20
"""Bytes taken from the head where the first line is longer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line or field that speaks for a format."""

    place: str
    """`line 65`, `byte 23` or a key."""
    text: str


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A format's claim on a file."""

    confidence: float
    """0 to 1; the highest claim wins, ties go to the more specific format."""
    evidence: tuple[Evidence, ...]


class Sample:
    """Head, middle and tail of a file, read once and shared by every format's `sniff`."""

    def __init__(self, path: Path, size: int, head: bytes, middle: bytes = b"", tail: bytes = b"") -> None:
        self.path = path
        self.size = size
        self.head = head
        self.middle = middle
        self.tail = tail

    @property
    def whole(self) -> bool:
        """True where the head is the entire file."""
        return len(self.head) >= self.size

    @cached_property
    def encoding(self) -> str:
        """`utf-8`, or what the byte order mark says."""
        return encoding_of(self.head)

    @cached_property
    def binary(self) -> bool:
        """True where this is no text."""
        return looks_binary(self.head, self.encoding) and looks_binary(self.tail or self.head, self.encoding)

    @cached_property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """(place, line) of every complete line of the sample; places after the head are byte offsets."""
        return tuple(self._lines())

    @cached_property
    def bare_lines(self) -> tuple[tuple[str, str], ...]:
        """`lines` without escapes and labels of ranks."""
        return tuple((place, unlabel(line)[1]) for place, line in self.lines)

    @cached_property
    def head_lines(self) -> tuple[str, ...]:
        """Complete lines of the head; the last one too where the file ends there without a newline."""
        text = decode_sample(self.head, self.encoding)
        rows = text.split("\n")
        return tuple(row.removesuffix("\r") for row in (rows if self.whole else rows[:-1]))

    def _lines(self) -> Iterator[tuple[str, str]]:
        if self.binary:
            return
        for number, row in enumerate(self.head_lines, 1):
            for piece in pieces(row):
                yield f"line {number}", piece
        for start, block in self._later():
            for row in decode_sample(block, self.encoding).split("\n")[1:]:
                for piece in pieces(row):
                    yield f"after byte {start}", piece

    def _later(self) -> list[tuple[int, bytes]]:
        later = [((self.size - len(self.middle)) // 2, self.middle), (self.size - len(self.tail), self.tail)]
        return [(start, block) for start, block in later if block]


def take_sample(path: Path, amount: int = SAMPLE) -> Sample:
    """Read head, middle and tail of `path`. Raises OSError."""
    with opened(path) as file:
        if isinstance(file, Unpacked):  # its end cannot be looked at without unpacking all of it
            head = file.read(3 * amount)
            return Sample(path, len(head) + bool(file.read(1)), head)
        size = file.seek(0, 2)
        if size <= 3 * amount:
            return Sample(path, size, _block(file, 0, size))
        head = _block(file, 0, amount)
        if b"\n" not in head:
            head = _block(file, 0, LONG_HEAD)  # one row may hold hundreds of metrics
        middle = _block(file, max(len(head), (size - amount) // 2 & ~1), amount)
        return Sample(path, size, head, middle, _block(file, max(len(head), size - amount & ~1), amount))


def _block(file: BinaryIO, start: int, amount: int) -> bytes:
    file.seek(start)
    return file.read(amount)


class Format(Protocol):
    """One kind of log."""

    @property
    def name(self) -> str:
        """Stable short name, as `runs --json` prints it."""

    @property
    def whole(self) -> bool:
        """True where a changed file is read again from its beginning; its points replace the earlier ones."""

    def sniff(self, sample: Sample) -> Sniffed | None:
        """How sure this is such a log, or None. Never raises on content."""

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        """What the file says from `offset` on. `state` is what the last reading returned, or empty.

        final: nothing more will be written; a last line without a newline counts where it is whole.
        limit: bytes after which the reader stops at the end of a record and says there is `more`; formats
        that are read whole, and those that read many small files, ignore it. Bytes come from
        `opening.opened`, so that an archive reads like the file in it; offsets count unpacked bytes.
        Raises OSError only.
        """


@runtime_checkable
class HasCompanions(Protocol):
    """A format whose source is more than one file: a database with its log, a folder of metrics.

    The path of the source is its anchor (the database, the file that names the run); it is read again when the
    anchor or a companion changes. Such formats are `whole`: with an empty state they return everything and
    `replaces`, with a state they may return only the news.
    """

    def companions(self, path: Path) -> tuple[Path, ...]:
        """The other files that are read with the anchor `path`, as they are now. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A folder that is one source."""

    anchor: str
    """Name of the file in the folder, or path below it, that stands for the source."""
    inside: frozenset[str]
    """Names of entries of the folder that belong to the source and are not looked at on their own."""
    evidence: tuple[Evidence, ...]


@runtime_checkable
class ClaimsFolders(Protocol):
    """A format that is a folder of small files."""

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        """What of the folder is such a source, by the names in it; None where nothing is. Raises OSError."""
