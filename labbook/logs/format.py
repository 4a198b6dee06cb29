"""What every log format offers: a name, a guess from a sample, and a reader that can go on where it stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from labbook.logs.lines import decode_sample, encoding_of, looks_binary, pieces, unlabel
from labbook.logs.opening import Unpacked, opened
from labbook.records import Reading
from labbook.text import strip_escapes

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
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


_ROWS = 40
"""Lines by which rows of data are known."""
_DIGIT = re.compile(r"\d")
_NUMERIC = re.compile(r"[-+\d.eE,;\t \"naifNAIF]*\Z")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class Sample:
    """Head, middle and tail of a file, read once and shared by every format's `sniff`."""

    def __init__(self, path: Path, size: int, head: bytes, middle: bytes = b"", tail: bytes = b"") -> None:
        self.path = path
        self.size = size
        self.head = head
        self.middle = middle
        self.tail = tail
        self.columns: Mapping[str, str] = {}
        """What a person says the columns of a table mean, by canonical key."""

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
    def text(self) -> str:
        """All of the sample without escapes, for a quick look; empty where it is binary."""
        if self.binary:
            return ""
        blocks = (self.head, *(block for _, block in self._later()))
        return strip_escapes("\n".join(decode_sample(block, self.encoding) for block in blocks))

    @cached_property
    def columns_in_first_line(self) -> int:
        """Cells of the first line by its commonest separator, as far as the head goes; 0 where it is binary."""
        if self.binary:
            return 0
        line, _, _ = decode_sample(self.head, self.encoding).partition("\n")
        return 1 + max(map(line.count, ",\t;")) if line.lstrip()[:1] not in ("{", "[") else 1

    @cached_property
    def is_rows(self) -> bool:
        """True where the head is JSON lines or a table: rows of data, which no trainer prints between words."""
        lines = [line for line in self.head_lines[:_ROWS] if line.strip()]
        if self.binary or len(lines) < 3:
            return False
        if lines[0].lstrip().startswith("{"):
            return all(map(_is_object, lines[: _ROWS // 4]))
        separator = max(",\t;", key=lines[0].count)
        cells = lines[0].count(separator)
        return (
            cells > 0
            and _DIGIT.search(lines[0].partition(separator)[0]) is None
            and all(line.count(separator) == cells for line in lines[1:])
            and all(_NUMERIC.match(line) for line in lines[1:])
        )

    @cached_property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """(place, line) of every complete line of the sample; places after the head are byte offsets."""
        return tuple(self._lines())

    @cached_property
    def bare_lines(self) -> tuple[tuple[str, str], ...]:
        """`lines` without escapes and labels of ranks."""
        return tuple((place, unlabel(line)[1]) for place, line in self.lines)

    @cached_property
    def shapes(self) -> tuple[tuple[int, tuple[tuple[str, str], ...]], ...]:
        """`bare_lines` that differ in their digits alone, as (how many, the first two of them)."""
        flat = "\n".join(bare for _, bare in self.bare_lines).encode("utf-8", "replace").translate(_DIGITS)
        found: dict[bytes, list[int]] = {}
        for index, shape in enumerate(flat.split(b"\n")[: len(self.bare_lines)]):
            found.setdefault(shape, []).append(index)
        return tuple(
            (len(rows), tuple(self.bare_lines[index] for index in rows[:2])) for rows in found.values()
        )

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
