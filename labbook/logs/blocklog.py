"""LevelDB block logs, the framing of `.wandb` and `.swanlab` files: 32 KiB blocks, checked records."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from labbook.records import Issue

BLOCK = 32768
HEADER = 7
_RECORD = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class Blocks:
    """Whole records of a block log from a byte on; afterwards `offset` says where to go on.

    `offset` only ever stands after a whole record, or after a block that was given up. The checksum is
    `zlib.crc32` of type and payload; where the first record of the file disagrees the checksum is of another
    kind, and none is checked.
    """

    def __init__(self, data: bytes, start: int, *, checked: bool = True) -> None:
        self.data = data
        """Bytes of the file from `start` on."""
        self.start = start
        self.offset = max(start, 0)
        self.checked = checked
        self.issues: list[Issue] = []

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(byte of the record, its payload, joined)."""
        at, first = self.start, self.start
        parts: list[bytes] = []
        while (piece := self._piece(at)) is not None:
            kind, payload, after = piece
            if kind in (_FULL, _FIRST):
                parts, first = [payload], at
            elif kind in (_MIDDLE, _LAST) and parts:
                parts.append(payload)
            else:
                parts = []
            at = after
            if kind in (_FULL, _LAST) and parts:
                self.offset = at
                yield first, b"".join(parts)
                parts = []

    def _piece(self, at: int) -> tuple[int, bytes, int] | None:
        """(type, payload, byte after) of the record at `at`; type 0 where there is padding or damage."""
        left = BLOCK - at % BLOCK
        here = at - self.start
        if left < HEADER:
            return (0, b"", at + left) if here + left <= len(self.data) else None
        if here + HEADER > len(self.data):
            return None
        crc, size, kind = _RECORD.unpack_from(self.data, here)
        if kind == 0 and size == 0:
            return (0, b"", at + left) if here + left <= len(self.data) else None
        if HEADER + size > left:
            return self._damaged(at)  # no record crosses a block
        if here + HEADER + size > len(self.data):
            return None
        payload = self.data[here + HEADER : here + HEADER + size]
        if self.checked and zlib.crc32(payload, zlib.crc32(bytes([kind]))) != crc:
            return self._disagree(at, kind, payload)
        return kind, payload, at + HEADER + size

    def _disagree(self, at: int, kind: int, payload: bytes) -> tuple[int, bytes, int] | None:
        if at == HEADER:
            self.checked = False
            self.issues.append(
                Issue("bad-crc", "the file's checksums are of another kind; not checked", "byte 7")
            )
            return kind, payload, at + HEADER + len(payload)
        return self._damaged(at)

    def _damaged(self, at: int) -> tuple[int, bytes, int] | None:
        """Go on at the next block, as soon as there is one."""
        after = at + BLOCK - at % BLOCK
        if after > self.start + len(self.data):
            return None
        self.issues.append(
            Issue("bad-crc", "a damaged record; reading goes on at the next block", f"byte {at}")
        )
        self.offset = after
        return 0, b"", after
