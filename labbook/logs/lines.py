"""Bytes to lines: encodings, what counts as an end, bars that redraw themselves, labels of ranks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from labbook.logs.numbers import CUT
from labbook.records import Issue
from labbook.text import strip_escapes

CHUNK = 1 << 20
LONGEST = 1 << 16
"""Lines are matched in their first 64 KiB, so that no regular expression stalls."""
ENDLESS = 1 << 20
"""A tail longer than this without any end is taken as a line."""
LONGEST_ROW = 16 << 20
"""Characters of a row that is parsed, not matched: it may carry texts, a histogram or hundreds of metrics."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_REDRAWN = re.compile("[\r\x08]+")
_LABEL = re.compile(r"(?:(\d{1,5}): |\[rank(\d+)\]:? ?|\[default(\d+)\]:? ?|\(\w+ pid=\d+[^)]*\) ?)")
_UNCLEAN = re.compile(rb"[\r\x00]|[^\n]\Z")
"""What keeps a block from the quick way."""
_LABEL_STARTS = frozenset("0123456789[(")
_HOLE = re.compile(rb"\x00{16,}")
_CONTROL = re.compile(rb"[\x01-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def encoding_of(head: bytes) -> str:
    """`utf-8`, or the encoding the byte order mark names."""
    return next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")


def looks_binary(block: bytes, encoding: str) -> bool:
    """True where a block of bytes is no text: NUL bytes outside the holes of a truncation, control bytes."""
    if encoding != "utf-8":
        return False
    solid = _HOLE.sub(b"", block)
    return b"\x00" in solid or len(_CONTROL.findall(solid)) > max(8, len(solid) // 100)


def decode_sample(block: bytes, encoding: str) -> str:
    """Text of a block that may begin and end inside a character."""
    return block.decode(encoding, "replace").lstrip("\ufeff").replace("\x00", "")


def pieces(line: str) -> list[str]:
    """The states of one line: a bar redraws itself with carriage returns and backspaces."""
    if "\r" not in line and "\x08" not in line:
        return [line] if line else []
    return [piece for piece in _REDRAWN.split(line) if piece]


def unlabel(line: str) -> tuple[int | None, str]:
    """(rank, line) without escapes and without the label that srun, torchrun or ray put before it."""
    line = strip_escapes(line)
    rank: int | None = None
    if line[:1] not in _LABEL_STARTS:
        return rank, line
    while match := _LABEL.match(line):
        found = next((int(group) for group in match.groups() if group is not None), None)
        rank = found if found is not None else rank
        line = line[match.end() :]
    return rank, line


class Lines:
    """Complete lines of a file from an offset on; afterwards `offset` and `number` say where it stopped.

    Yields (line number from 1, text without its end). What was written after the last end is left for the
    next reading, unless `final`: then it comes with `numbers.CUT` after it. LF ends a line; with `bars` a
    carriage return does too, so that a progress bar that never ends its line is seen while it is drawn.
    Raises OSError.
    """

    def __init__(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        bars: bool = False,
        longest: int = LONGEST,
        heads: bool = True,
    ) -> None:
        self.path = path
        self.offset = offset
        self.number = int(str(state.get("line", 0)))
        """Line ends passed so far."""
        self.encoding = str(state.get("encoding", ""))
        inside = state.get("inside")
        self.inside = int(inside) if isinstance(inside, int) else 0
        """Bytes passed of an endless line, whose rest is skipped up to its end; 0 outside."""
        self.final = final
        self.bars = bars
        self.longest = longest
        self.heads = heads
        """False: of a line longer than `longest` not even the head comes."""
        self.long: list[tuple[int, int]] = []
        """(line number, bytes) of the lines longer than `longest`, once they have ended."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        kept: dict[str, object] = {"line": self.number, "encoding": self.encoding}
        return kept | ({"inside": self.inside} if self.inside else {})

    def unread(self) -> list[Issue]:
        """An issue for each line that was too long, where no head of it came."""
        text = "a line of {} bytes, too long to be parsed; its record is left out"
        return [Issue("long-line", text.format(size), f"line {number}") for number, size in self.long]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        with self.path.open("rb") as file:
            if not self.encoding:
                head = file.read(4)
                if len(head) < 3 and not self.final:
                    return  # a byte order mark may still be incomplete
                self.encoding = encoding_of(head)
            file.seek(self.offset)
            yield from self._blocks(file)

    def _blocks(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        rest = b""
        while block := file.read(CHUNK):
            rest += block
            cut = self._last_end(rest)
            if cut:
                yield from self._split(rest[:cut])
                rest = rest[cut:]
            elif len(rest) > max(ENDLESS, self.longest):
                yield from self._endless(rest)
                rest = b""
        if rest and self.final:
            yield from self._row(rest, CUT)
        if self.inside and self.final:
            self.long.append((self.number + 1, self.inside))

    def _last_end(self, block: bytes) -> int:
        """Index just after the last line end in `block`, 0 where there is none."""
        if self.encoding != "utf-8":
            return next(reversed([0, *_ends(block, "\n".encode(self.encoding))]))
        cut = block.rfind(b"\n") + 1
        return max(cut, block.rfind(b"\r") + 1) if self.bars else cut

    def _split(self, block: bytes) -> Iterator[tuple[int, str]]:
        if self.encoding == "utf-8" and not self.inside and _UNCLEAN.search(block) is None:
            yield from self._plain(block)
            return
        if self.encoding != "utf-8":
            start = 0
            for end in _ends(block, "\n".encode(self.encoding)):
                yield from self._row(block[start:end], "")
                start = end
            return
        for row in block.splitlines(keepends=True) if self.bars or b"\r" not in block else _lf_rows(block):
            yield from self._row(row, "")

    def _plain(self, block: bytes) -> Iterator[tuple[int, str]]:
        """The common case, quickly: lines that end in LF, without NUL bytes or redrawn bars."""
        text = block.decode("utf-8", "replace")
        for row in (text.removeprefix("\ufeff") if self.number == 0 else text).split("\n")[:-1]:
            self.number += 1
            if len(row) > self.longest:
                self.long.append((self.number, len(row.encode("utf-8", "replace"))))
                if not self.heads:
                    continue
                row = row[: self.longest] + CUT
            yield self.number, row
        self.offset += len(block)

    def _row(self, row: bytes, mark: str, *, endless: bool = False) -> Iterator[tuple[int, str]]:
        self.offset += len(row)
        raw = row.decode(self.encoding, "replace")
        ended = raw.endswith("\n")
        text = raw.replace("\x00", "").removesuffix("\n").removesuffix("\r")
        if self.number == 0:
            text = text.removeprefix("\ufeff")
        is_long = endless or len(text) > self.longest
        if is_long:
            text, mark = text[: self.longest], CUT
        if not self.inside and (self.heads or not is_long):
            yield self.number + 1, text + mark
        if endless or (self.inside and not ended):
            self.inside += len(row)
        elif self.inside or is_long:
            self.long.append((self.number + 1, self.inside + len(row)))
            self.inside = 0
        self.number += ended

    def _endless(self, block: bytes) -> Iterator[tuple[int, str]]:
        yield from self._row(block[: len(block) & ~1], CUT, endless=True)


def _ends(block: bytes, end: bytes) -> list[int]:
    """Indices just after every line end of a two-byte encoding."""
    return [at + 2 for at in range(0, len(block) - 1, 2) if block[at : at + 2] == end]


def _lf_rows(block: bytes) -> Iterator[bytes]:
    rows = block.split(b"\n")
    for row in rows[:-1]:
        yield row + b"\n"
    if rows[-1]:
        yield rows[-1]
