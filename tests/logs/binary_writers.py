"""Writers of SwanLab's run files, in both versions, for the tests."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable

Scalar = tuple[int, str, float]
"""(step, key, value)."""
_AT = 1_700_000_000


def varint(value: int) -> bytes:
    """A protobuf varint; negative numbers take ten bytes."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    """A protobuf field: a varint, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def blocks(records: Iterable[bytes], block: int = 32768) -> bytes:
    """LevelDB's framing from byte 7 of the file on."""
    out = bytearray()
    for record in records:
        rest, first = record, True
        while first or rest:
            left = block - (7 + len(out)) % block
            if left < 7:
                out += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if not rest else 2) if first else (4 if not rest else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            first = False
    return bytes(out)


def _time(step: int) -> bytes:
    return field(1, _AT + step) + field(2, 500_000_000)


def write_swanlab(
    scalars: Iterable[Scalar],
    *,
    version: int = 2,
    log: Iterable[str] = (),
    finish: int | None = None,
    name: str = "tiny",
) -> bytes:
    """A `.swanlab` file of scalars. finish: 1 well, 2 not; None leaves the record out."""
    make = _messages if version == 2 else _lines
    records = make(list(scalars), list(log), finish, name)
    return b":SWL\xd6\xe1" + bytes([version]) + blocks(records)


def _messages(scalars: list[Scalar], log: list[str], finish: int | None, name: str) -> list[bytes]:
    start = field(1, "ladder") + field(4, name) + field(10, "abc12345") + field(12, _time(0))
    bodies = [field(10, start)]
    bodies += [field(16, field(1, line) + field(3, _time(0)) + field(4, 1)) for line in log]
    for step, key, value in scalars:
        amount = b"\x09" + struct.pack("<d", value) if value else b""
        scalar = field(1, key) + (field(2, step) if step else b"") + field(3, 1)
        bodies.append(field(13, scalar + field(4, _time(step)) + field(5, amount)))
    if finish is not None:
        bodies.append(field(11, field(1, finish) + (field(2, "boom") if finish != 1 else b"")))
    return [field(1, number) + field(2, _time(0)) + body for number, body in enumerate(bodies, 1)]


def _lines(scalars: list[Scalar], log: list[str], finish: int | None, name: str) -> list[bytes]:
    when = "2023-11-14T22:13:20.500000+00:00"
    rows: list[tuple[str, dict[str, object]]] = [
        ("Header", {"backup_type": "DEFAULT", "create_time": when}),
        ("Project", {"name": "ladder", "workspace": None, "public": None}),
        ("Experiment", {"id": "abc12345", "name": name, "colors": ["#aa0000", "#00aa00"], "tags": None}),
    ]
    rows += [("Log", {"create_time": when, "message": line, "epoch": 1, "level": "INFO"}) for line in log]
    for step, key, value in scalars:
        metric = {"index": step, "data": value, "create_time": when}
        rows.append(("Scalar", {"metric": metric, "key": key, "step": step, "epoch": 1}))
    if finish is not None:
        rows.append(("Footer", {"success": finish == 1, "create_time": when}))
    return [(json.dumps({"model_type": kind, "data": data}) + "\n").encode() for kind, data in rows]


def tiny_swanlab() -> bytes:
    """The small sample of the format."""
    losses = ((0, 4.125), (1, 3.5), (2, float("nan")), (3, 2.75))
    scalars = [
        (step, key, value) for step, loss in losses for key, value in (("train/loss", loss), ("lr", 0.125))
    ]
    held_out = [(step, "val/loss", value) for step, value in ((1, 3.75), (2, 3.25), (3, 0.0))]
    return write_swanlab([*scalars, *held_out], log=["started"], finish=1)
