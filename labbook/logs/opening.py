"""Opening a log: a plain file as it is, an archive unpacked as it is read.

What is compressed is known by its first bytes, never by its name. A cut or damaged archive ends where it can
no longer be unpacked.
"""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Packing = Literal["gzip", "zstd"]
_MAGIC: dict[bytes, Packing] = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
MOST_UNPACKED = 4 << 30
"""Bytes taken out of one archive: a small archive may hold more than any disk."""
CUT_SHORT = "the archive is cut or damaged here"
_CHUNK = 1 << 16


def packing(path: Path) -> Packing | None:
    """How the file is compressed, None where it is not. Raises OSError."""
    with path.open("rb") as file:
        return _packing(file.read(4))


def _packing(head: bytes) -> Packing | None:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def opened(path: Path) -> BinaryIO:
    """The bytes of a log, unpacked where it is an archive (then an `Unpacked`). Raises OSError."""
    file = path.open("rb")
    try:
        kind = _packing(file.read(4))
        file.seek(0)
        if kind is None:
            return file
        return cast("BinaryIO", Unpacked(file, kind))
    except BaseException:
        file.close()
        raise


class Unpacked(io.RawIOBase):
    """An archive as the stream of bytes in it. Reading forward is cheap, seeking back starts anew.

    `cut` says, once the end was reached, why the archive ended before its own end; empty where it did not.
    """

    def __init__(self, file: BinaryIO, kind: Packing) -> None:
        super().__init__()
        self._file = file
        self._member: _Member = _MEMBERS[kind]()
        self._new = _MEMBERS[kind]
        self._packed = b""
        """Read from the file and not yet unpacked."""
        self._at = 0
        self.cut = ""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        block = self.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(block)] = block
        return len(block)

    def read(self, size: int = -1, /) -> bytes:
        room = MOST_UNPACKED - self._at
        wanted = room if size is None or size < 0 else min(size, room)
        pieces: list[bytes] = []
        while wanted > 0 and (block := self._block(min(wanted, 1 << 20))):
            pieces.append(block)
            wanted -= len(block)
            self._at += len(block)
        if not self.cut and self._at >= MOST_UNPACKED:
            self.cut = f"read up to {MOST_UNPACKED >> 30} GiB of it, no further"
        return b"".join(pieces)

    def _block(self, size: int) -> bytes:
        """At most `size` bytes more; empty at the end."""
        while not self.cut:
            if self._member.ended:
                self._packed = self._member.rest
                if not self._refill():
                    return b""
                self._member = self._new()  # members may be appended to an archive
            elif self._member.hungry and not self._refill():
                self.cut = CUT_SHORT
                break
            try:
                block = self._member.unpack(self._packed, size)
            except Exception as error:  # each codec has an error of its own
                if isinstance(error, OSError):
                    raise
                self.cut = CUT_SHORT
                break
            self._packed = b""
            if block:
                return block
        return b""

    def _refill(self) -> bool:
        """Read on in the file where nothing is left; False at its end. What follows the last member counts
        only where it is another one."""
        self._packed = self._packed or self._file.read(_CHUNK)
        return bool(self._packed)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence != 0:
            raise io.UnsupportedOperation("an archive is read from its beginning")
        if offset < self._at:
            self._file.seek(0)
            self._member, self._packed, self._at, self.cut = self._new(), b"", 0, ""
        while self._at < offset and self.read(min(1 << 20, offset - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._file.close()
        super().close()


class _Member(Protocol):
    """One compressed piece of an archive while it is unpacked."""

    @property
    def ended(self) -> bool:
        """True once its own end was met."""

    @property
    def hungry(self) -> bool:
        """True where nothing more comes without more packed bytes."""

    @property
    def rest(self) -> bytes:
        """Packed bytes after its end."""

    def unpack(self, packed: bytes, size: int) -> bytes:
        """At most `size` unpacked bytes; packed ones that are left are kept."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._full = False

    @property
    def ended(self) -> bool:
        return self._inner.eof

    @property
    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail and not self._full

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data

    def unpack(self, packed: bytes, size: int) -> bytes:
        block = self._inner.decompress(self._inner.unconsumed_tail + packed, size)
        self._full = len(block) == size  # more may be waiting inside
        return block


class _Zstd:
    def __init__(self) -> None:
        name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        self._inner = import_module(name).ZstdDecompressor()

    @property
    def ended(self) -> bool:
        return bool(self._inner.eof)

    @property
    def hungry(self) -> bool:
        return bool(self._inner.needs_input)

    @property
    def rest(self) -> bytes:
        return bytes(self._inner.unused_data)

    def unpack(self, packed: bytes, size: int) -> bytes:
        return bytes(self._inner.decompress(packed, size))


_MEMBERS: dict[Packing, Callable[[], _Member]] = {"gzip": _Gzip, "zstd": _Zstd}
