"""LevelDB block logs, the framing of `.wandb` and `.swanlab` files: 32 KiB blocks, checked records."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from labbook.records import Issue

BLOCK = 32768
HEADER = 7
LARGEST = 64 << 20
"""Bytes of the longest record that is read."""
_CHUNK = 1 << 20
_RECORD = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_SEEDS = tuple(zlib.crc32(bytes([kind])) for kind in range(256))
"""Checksum of a record's type, by which that of its payload goes on."""


class Blocks:
    """Whole records of a block log from a byte on; afterwards `offset` says where to go on.

    `offset` only ever stands after a whole record, or after a block that was given up. The checksum is
    `zlib.crc32` of type and payload; where the first two records of the file disagree the checksum is of
    another kind, and none is checked.
    """

    def __init__(self, file: BinaryIO, start: int, *, checked: bool = True, limit: int | None = None) -> None:
        self.file = file
        self.offset = max(start, HEADER)
        self.checked = checked
        self.more = False
        """True where the limit was reached before the end of the file."""
        self.cut = False
        """True where the file ends inside a record."""
        self.issues: list[Issue] = []
        self._limit = None if limit is None else self.offset + limit
        self._data = b""
        self._base = self.offset
        """Byte of the file that `_data` begins at."""
        self._ended = False

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(byte of the record, its payload, joined)."""
        self.file.seek(self.offset)
        at = first = self.offset
        parts: list[bytes] = []
        while True:
            self._fill(at)
            for first, payload in [] if parts else self._whole(at):
                at = self.offset = first + HEADER + len(payload)
                yield first, payload
                if self._limit is not None and at >= self._limit:
                    self.more = self._is_there(at)
                    return
            if (piece := self._piece(at)) is None:
                break
            kind, payload, after = piece
            if kind in (_FULL, _FIRST):
                parts, first = [payload], at
            elif kind in (_MIDDLE, _LAST) and parts and at - first < LARGEST:
                parts.append(payload)
            elif kind == _LAST and parts:
                self.issues.append(Issue("long-record", "a record of many MiB is left out", f"byte {first}"))
                parts, self.offset = [], after
            elif kind != _MIDDLE:
                parts = []
            at = after
            if kind in (_FULL, _LAST) and parts:
                self.offset = at
                yield first, payload if kind == _FULL else b"".join(parts)
                parts = []
            if self._limit is not None and self.offset >= self._limit:
                self.more = self._is_there(at)
                return
        self.cut = bool(parts or self._data[at - self._base :].strip(b"\x00"))

    def _whole(self, at: int) -> list[tuple[int, bytes]]:
        """The undamaged records in one piece that follow one another from `at` on, as far as they are read."""
        data, here, end = self._data, at - self._base, len(self._data)
        unpack, crc_of, seed, is_checked = _RECORD.unpack_from, zlib.crc32, _SEEDS[_FULL], self.checked
        found: list[tuple[int, bytes]] = []
        left = BLOCK - at % BLOCK
        while left >= HEADER and here + HEADER <= end:
            crc, size, kind = unpack(data, here)
            stop = here + HEADER + size
            payload = data[here + HEADER : stop]
            if (
                kind != _FULL
                or stop > end
                or HEADER + size > left
                or (is_checked and crc_of(payload, seed) != crc)
            ):
                break
            found.append((self._base + here, payload))
            here = stop
            left = left - HEADER - size or BLOCK
        return found

    def _fill(self, at: int) -> None:
        """Have a whole block of bytes from `at` on, unless the file ends."""
        while at - self._base + HEADER + BLOCK > len(self._data) and not self._ended:
            self._refill(at)

    def _refill(self, at: int) -> None:
        block = self.file.read(_CHUNK)
        self._data = self._data[at - self._base :] + block
        self._base, self._ended = at, not block

    def _is_there(self, at: int) -> bool:
        """True where the file goes on at a byte."""
        if at - self._base >= len(self._data) and not self._ended:
            self._refill(at)
        return at - self._base < len(self._data)

    def _piece(self, at: int) -> tuple[int, bytes, int] | None:
        """(type, payload, byte after) of the record at `at`; type 0 where there is padding or damage."""
        self._fill(at)
        data, here = self._data, at - self._base
        left = BLOCK - at % BLOCK
        if left < HEADER:
            return (0, b"", at + left) if here + left <= len(data) else None
        if here + HEADER > len(data):
            return None
        crc, size, kind = _RECORD.unpack_from(data, here)
        if kind == 0 and size == 0:
            return (0, b"", at + left) if here + left <= len(data) else None
        if HEADER + size > left:
            return self._damaged(at)  # no record crosses a block
        if here + HEADER + size > len(data):
            return None
        payload = data[here + HEADER : here + HEADER + size]
        if self.checked and zlib.crc32(payload, _SEEDS[kind]) != crc:
            return self._disagree(at, kind, payload)
        return kind, payload, at + HEADER + size

    def _disagree(self, at: int, kind: int, payload: bytes) -> tuple[int, bytes, int] | None:
        """What to make of a wrong checksum: of the first record, the second one decides."""
        after = at + HEADER + len(payload)
        if at != HEADER:
            return self._damaged(at)
        here = after - self._base
        if here + HEADER > len(self._data):
            return None
        crc, size, next_kind = _RECORD.unpack_from(self._data, here)
        follows = self._data[here + HEADER : here + HEADER + size]
        if len(follows) < size:
            return None
        if zlib.crc32(follows, _SEEDS[next_kind]) == crc:
            self.issues.append(Issue("bad-crc", "the first record is damaged", f"byte {at}"))
            self.offset = after
            return 0, b"", after
        self.checked = False
        text = "the file's checksums are of another kind; not checked"
        self.issues.append(Issue("bad-crc", text, f"byte {HEADER}"))
        return kind, payload, after

    def _damaged(self, at: int) -> tuple[int, bytes, int] | None:
        """Go on at the next block, as soon as there is one."""
        after = at + BLOCK - at % BLOCK
        if after > self._base + len(self._data):
            return None
        self.issues.append(
            Issue("bad-crc", "a damaged record; reading goes on at the next block", f"byte {at}")
        )
        self.offset = after
        return 0, b"", after
