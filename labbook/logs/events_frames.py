"""The framing of event files: a length with its checksum, the event, a checksum of the event.

Checksums of events (CRC32C) are not in the standard library and cost more than the read; those of the
lengths are checked, because after a wrong length no frame is found again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from labbook.records import Issue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 2 << 20
LARGEST = 64 << 20
"""Longer events hold no scalar; they are passed over."""
_PROBE, _LONGEST_PROBE = 128, 1 << 16
"""Frames walked one by one before the lengths are looked at for a repeating pattern."""
_REACH = 1 << 15
"""Bytes over which a pattern is first looked for; four times as many after each stretch it held for."""
_ALIKE, _PERIOD = 48, 512
"""Lengths that must repeat, and the longest pattern."""
_LENGTH = struct.Struct("<Q")
_HEADER = struct.Struct("<QI")


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def masked_crc(data: bytes) -> int:
    """The masked CRC32C that frames carry of their length."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _table()[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Block:
    """Whole frames in a row."""

    data: bytes
    start: int
    """Byte of the file that `data` begins at."""
    at: NDArray[np.int64]
    """Index of each frame in `data`, (n,)."""
    sizes: NDArray[np.int64]
    """Bytes of each event, without its frame."""


class Frames:
    """Blocks of whole frames of a file from a byte on; afterwards `offset` says where to go on.

    A frame that is not whole yet is left for the next reading. A length whose checksum is wrong ends the file:
    `stopped`. Where the first length of the file is wrong already its writer keeps no checksums: not `checked`.
    """

    def __init__(
        self,
        file: BinaryIO,
        offset: int,
        *,
        limit: int | None = None,
        checked: bool = True,
        stopped: bool = False,
    ) -> None:
        self.file = file
        self.offset = offset
        self.limit = limit
        self.checked = checked
        self.stopped = stopped
        self.more = False
        """True where the limit was reached before the end of the file."""
        self.cut = False
        """True where the file ends inside a frame."""
        self.issues: list[Issue] = []
        self._checksums: dict[int, int] = {}
        """By length met."""

    def __iter__(self) -> Iterator[Block]:
        self.file.seek(self.offset)
        rest, wanted = b"", CHUNK
        left = self.limit
        while not self.stopped:
            piece = self.file.read(wanted if left is None else min(wanted, max(left, 4096, wanted - CHUNK)))
            rest += piece
            block = self._walk(rest, left)
            used = int(block.at[-1] + block.sizes[-1]) + 16 if len(block.at) else 0
            self.offset += used
            if used:
                yield block
            rest = rest[used:]
            left = None if left is None else left - used
            if left is not None and left <= 0:
                self.more = bool(rest or self.file.read(1)) and not self.stopped
                return
            if not piece:
                self.cut = bool(rest)
                return
            length = 16 + int(_LENGTH.unpack_from(rest)[0]) if len(rest) >= 12 and not self.stopped else 0
            wanted = CHUNK + max(0, length - len(rest))
            if length > LARGEST:
                rest, wanted = b"", CHUNK
                if not self._passed_over():
                    return

    def _walk(self, data: bytes, left: int | None) -> Block:
        """The frames that are whole in `data`, as many as fit into what is left of the limit."""
        import numpy as np

        end, room = len(data), len(data) if left is None else left
        places, lengths = [], []
        at, pause = 0, _PROBE
        while True:
            found, sizes, after = self._step(data, at, min(room, end), pause)
            if not found:
                break
            at = after
            places.append(np.array(found, np.int64))
            lengths.append(np.array(sizes, np.int64))
            leapt = False
            reach = _REACH if len(found) == pause else 0
            while reach and (leap := _leap(data, at, sizes, room, reach)) is not None:
                places.append(leap[0])
                lengths.append(leap[1])
                at = int(leap[0][-1] + leap[1][-1]) + 16
                leapt = True
                reach = 4 * reach if leap[2] else 0
            pause = _PROBE if leapt else min(2 * pause, _LONGEST_PROBE)
        none = np.empty(0, np.int64)
        return Block(data, self.offset, np.concatenate([none, *places]), np.concatenate([none, *lengths]))

    def _step(self, data: bytes, at: int, room: int, most: int) -> tuple[list[int], list[int], int]:
        """(places, lengths, byte after) of at most so many frames, one by one."""
        end = len(data)
        found: list[int] = []
        sizes: list[int] = []
        header, checksums = _HEADER.unpack_from, self._checksums
        while at + 12 <= end and at < room and len(found) < most and not self.stopped:
            size, crc = header(data, at)
            if checksums.get(size) != crc and not self._agrees(size, crc, at):
                self._stop(at)
                break
            after = at + 16 + size
            if after > end:
                break
            found.append(at)
            sizes.append(size)
            at = after
        return found, sizes, at

    def _agrees(self, size: int, crc: int, at: int) -> bool:
        """False where this cannot be a length. Remembers the checksums of those that can."""
        if self.checked and masked_crc(_LENGTH.pack(size)) != crc:
            if self.offset + at > 0:
                return False
            self.checked = False
        if not self.checked:
            return size <= LARGEST
        if len(self._checksums) < 4096:
            self._checksums[size] = crc
        return True

    def _stop(self, at: int) -> None:
        self.stopped = True
        text = "the file is damaged here; nothing after it is read"
        self.issues.append(Issue("bad-frame", text, f"byte {self.offset + at}"))

    def _passed_over(self) -> bool:
        """Go on behind a very long frame, where it is whole."""
        self.file.seek(self.offset)
        (size,) = _LENGTH.unpack(self.file.read(8))
        after = self.offset + 16 + int(size)
        if after > 1 << 62:
            return False
        self.file.seek(after - 1)
        if not self.file.read(1):
            self.cut = True
            return False
        self.issues.append(Issue("long-record", f"an event of {size} bytes is left out", f"byte {self.offset}"))
        self.offset = after
        return True


def _leap(
    data: bytes, at: int, sizes: list[int], room: int, reach: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool] | None:
    """(places, lengths, True where all do) of the frames within `reach` bytes that go on with the pattern of
    the lengths before; None where none do.

    A trainer writes the same tags again and again: where the next headers stand can be foretold. Each of them
    is compared with the one before in the pattern.
    """
    import numpy as np

    tail, last = sizes[-_ALIKE:], sizes[-1]
    periods = range(1, min(_PERIOD, len(sizes) - _ALIKE) + 1)
    period = next((p for p in periods if sizes[-1 - p] == last and sizes[-_ALIKE - p : -p] == tail), 0)
    if not period:
        return None
    cycle = np.array(sizes[-period:], np.int64)
    offsets = np.concatenate([[0], np.cumsum(cycle + 16)])
    times = min(len(data) - at, max(reach, (_ALIKE + period) * int(offsets[-1]) // period)) // int(offsets[-1])
    if times * period < _ALIKE:
        return None
    places = (at + offsets[:-1] + np.arange(times)[:, None] * offsets[-1]).ravel()
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), 12)
    before = windows[at - offsets[-1] + offsets[:-1]].view(np.uint32)
    heads = windows[places].view(np.uint32).reshape(times, period, 3)
    agree = places < room
    for column in range(3):
        agree &= (heads[:, :, column] == before[:, column]).ravel()
    length = len(agree) if agree.all() else int(np.argmin(agree))
    return (places[:length], np.tile(cycle, times)[:length], length == len(agree)) if length else None
