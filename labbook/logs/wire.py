"""The protobuf wire format, walked without any schema: event files and `.wandb` are made of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Field = int | bytes
"""A varint, or the bytes of anything else; fixed-width numbers stay bytes."""


class Damaged(ValueError):
    """A message that ends inside a field or holds a type that does not exist."""


def fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """(field number, value) in file order. Raises Damaged; what came before stands."""
    at, end = 0, len(message)
    while at < end:
        key = message[at]
        at += 1
        if key >= 0x80:
            key, at = varint(message, at - 1, end)
        kind = key & 7
        if kind == 0:
            value, at = varint(message, at, end)
            yield key >> 3, value
            continue
        if kind == 2:
            size = message[at] if at < end else 0x80
            at += 1
            if size >= 0x80:
                size, at = varint(message, at - 1, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise Damaged(f"wire type {kind}")
        if at + size > end:
            raise Damaged("a field beyond the end of its message")
        yield key >> 3, message[at : at + size]
        at += size


def spans(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, start, stop) of the values between two bytes. Raises Damaged."""
    while at < end:
        key, at = varint(data, at, end)
        kind = key & 7
        if kind == 0:
            start, (_, at) = at, varint(data, at, end)
            yield key >> 3, 0, start, at
            continue
        if kind == 2:
            size, at = varint(data, at, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise Damaged(f"wire type {kind}")
        if at + size > end:
            raise Damaged("a field beyond the end of its message")
        yield key >> 3, kind, at, at + size
        at += size


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, byte after it) of the varint at a byte. Raises Damaged."""
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise Damaged("a number beyond the end of its message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def signed(value: Field) -> int:
    """An int64 as written: varints of 2^63 and more are negative."""
    number = value if isinstance(value, int) else 0
    return number - (1 << 64) if number >= 1 << 63 else number


def text(value: Field) -> str:
    """A string field; empty for any other type."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def blob(value: Field) -> bytes:
    """A bytes or message field; empty for any other type."""
    return value if isinstance(value, bytes) else b""


def real(value: Field) -> float | None:
    """A float or double field, None for any other type."""
    if isinstance(value, bytes) and len(value) in (4, 8):
        return float(struct.unpack("<d" if len(value) == 8 else "<f", value)[0])
    return None
