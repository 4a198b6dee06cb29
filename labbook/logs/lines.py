"""Bytes to lines: encodings, what counts as an end, bars that redraw themselves, labels of ranks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from labbook.logs.numbers import CUT
from labbook.logs.opening import opened
from labbook.records import Issue
from labbook.text import strip_escapes

CHUNK = 1 << 20
LONGEST = 1 << 16
"""Lines are matched in their first 64 KiB, so that no regular expression stalls."""
ENDLESS = 1 << 20
"""A tail longer than this without any end is taken as a line."""
LONGEST_ROW = 16 << 20
"""Characters of a row that is parsed, not matched: it may carry texts, a histogram or hundreds of metrics."""
SMALL = 1 << 14
"""Bytes of a block that is worth taking at once."""
_PARTS = 8
"""A block that was not taken at once is tried again in so many parts."""

Bulk = Callable[[bytes, int], int]
"""Takes a block of whole lines, in UTF-8 with LF only, and the number of lines before it; returns the number of
its lines, 0 where it will not and they have to come one by one."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_REDRAWN = re.compile("[\r\x08]+")
_LABEL = re.compile(r"(?:(\d{1,5}): |\[rank(\d+)\]:? ?|\[default(\d+)\]:? ?|\(\w+ pid=\d+[^)]*\) ?)")
_LABEL_STARTS = frozenset("0123456789[(")
_HOLE = re.compile(rb"\x00{16,}")
_CONTROLS = bytes([*range(1, 8), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])


def encoding_of(head: bytes) -> str:
    """`utf-8`, or the encoding the byte order mark names."""
    return next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")


def looks_binary(block: bytes, encoding: str) -> bool:
    """True where a block of bytes is no text: NUL bytes outside the holes of a truncation, control bytes."""
    if encoding != "utf-8":
        return False
    solid = _HOLE.sub(b"", block) if b"\x00" in block else block
    if b"\x00" in solid:
        return True
    return len(solid) - len(solid.translate(None, _CONTROLS)) > max(8, len(solid) // 100)


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
        limit: int | None = None,
        bulk: Bulk | None = None,
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
        self.limit = limit
        """Bytes after which the lines stop, at the end of one."""
        self.more = False
        """True where they stopped there and the file goes on."""
        self.bulk = bulk
        """What is offered each block before its lines come; what it takes does not come."""
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
        with opened(self.path) as file:
            if not self.encoding:
                head = file.read(4)
                if len(head) < 3 and not self.final:
                    return  # a byte order mark may still be incomplete
                self.encoding = encoding_of(head)
            file.seek(self.offset)
            yield from self._blocks(file)

    def _blocks(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        rest, end = b"", None if self.limit is None else self.offset + max(1, self.limit)
        while block := file.read(CHUNK):
            rest += block
            del block
            cut = self._last_end(rest)
            if cut:
                stop = cut if end is None or self.offset + cut < end else self._first_end(rest, end, cut)
                yield from self._split(rest[:stop])
                rest = rest[stop:]
            elif len(rest) > (ENDLESS if self.inside else max(ENDLESS, self.longest)):
                even = len(rest) & ~1  # half a character of UTF-16 stays for the next block
                yield from self._row(rest[:even], CUT, endless=True)
                rest = rest[even:]
            if end is not None and self.offset >= end:
                self.more = bool(rest or file.read(1))
                if self.more:
                    return
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

    def _first_end(self, block: bytes, end: int, cut: int) -> int:
        """Index just after the first line end of `block[:cut]` that is not before the offset `end`."""
        least = max(0, end - self.offset - 1)
        if self.encoding != "utf-8":
            return next(at for at in _ends(block[:cut], "\n".encode(self.encoding)) if at > least)
        found = block.find(b"\n", least, cut) + 1
        return found or (block.find(b"\r", least, cut) + 1 if self.bars else cut)

    def _split(self, block: bytes) -> Iterator[tuple[int, str]]:
        if self.encoding != "utf-8":
            start = 0
            for end in _ends(block, "\n".encode(self.encoding)):
                yield from self._row(block[start:end], "")
                start = end
        elif self._is_plain(block):
            yield from self._take(block)
        else:
            for row in block.splitlines(keepends=True) if self.bars or b"\r" not in block else _lf_rows(block):
                yield from self._row(row, "")

    def _is_plain(self, block: bytes) -> bool:
        """True for lines that end in LF or CRLF, without NUL bytes or redrawn bars."""
        if self.inside or b"\x00" in block or not block.endswith(b"\n"):
            return False
        return b"\r" not in block or (not self.bars and block.count(b"\r") == block.count(b"\r\n"))

    def _take(self, block: bytes) -> Iterator[tuple[int, str]]:
        """Offer the block to `bulk`, then its parts; what is not taken comes line by line."""
        text = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        text = text.removeprefix(b"\xef\xbb\xbf") if self.number == 0 else text
        if self.bulk is None or len(block) < SMALL or len(block) > self.longest:
            yield from self._plain(text)
        elif taken := self.bulk(text, self.number):
            self.number += taken
        else:
            yield from self._parts(text)
        self.offset += len(block)

    def _parts(self, text: bytes) -> Iterator[tuple[int, str]]:
        bulk, size, start = self.bulk, max(SMALL, len(text) // _PARTS), 0
        while start < len(text):
            end = (text.find(b"\n", start + size) + 1) or len(text)
            part, start = text[start:end], end
            if len(part) == len(text) or len(part) < SMALL or bulk is None:
                yield from self._plain(part)
            elif taken := bulk(part, self.number):
                self.number += taken
            else:
                yield from self._parts(part)

    def _plain(self, block: bytes) -> Iterator[tuple[int, str]]:
        """The common case, quickly: lines that end in LF."""
        for row in block.decode("utf-8", "replace").split("\n")[:-1]:
            self.number += 1
            if len(row) > self.longest:
                self.long.append((self.number, len(row.encode("utf-8", "replace"))))
                if not self.heads:
                    continue
                row = row[: self.longest] + CUT
            yield self.number, row

    def _row(self, row: bytes, mark: str, *, endless: bool = False) -> Iterator[tuple[int, str]]:
        self.offset += len(row)
        ended = row.endswith("\n".encode(self.encoding))
        is_long = endless
        if not self.inside and (self.heads or not endless):
            raw = (row[: 4 * self.longest] if endless else row).decode(self.encoding, "replace")
            text = raw.replace("\x00", "").removesuffix("\n").removesuffix("\r")
            text = text.removeprefix("\ufeff") if self.number == 0 else text
            is_long = endless or len(text) > self.longest
            if self.heads or not is_long:
                yield self.number + 1, text[: self.longest] + (CUT if is_long else mark)
        if endless or (self.inside and not ended):
            self.inside += len(row)
        elif self.inside or is_long:
            self.long.append((self.number + 1, self.inside + len(row)))
            self.inside = 0
        self.number += ended


def _ends(block: bytes, end: bytes) -> list[int]:
    """Indices just after every line end of a two-byte encoding."""
    return [at + 2 for at in range(0, len(block) - 1, 2) if block[at : at + 2] == end]


def _lf_rows(block: bytes) -> Iterator[bytes]:
    rows = block.split(b"\n")
    for row in rows[:-1]:
        yield row + b"\n"
    if rows[-1]:
        yield rows[-1]
