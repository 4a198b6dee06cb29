"""Small logs of every format, in its real syntax, and writers of the binary ones."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from labbook.logs.events_frames import masked_crc
from tests.logs.binary_writers import tiny_swanlab
from tests.logs.folder_writers import WRITERS

SAMPLES = Path(__file__).parent / "samples"


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _frame(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    return head + struct.pack("<I", masked_crc(head)) + payload + struct.pack("<I", masked_crc(payload))


def _event(wall: float, step: int, body: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", wall) + (_int(2, step) if step else b"") + body


def write_events(rows: Iterable[tuple[int, str, float | str]], *, tensors: bool = False) -> bytes:
    """An event file of (step, tag, scalar or text), as simple values or as TF2's tensors."""
    out = _frame(_event(1.7e9, 0, _bytes(3, "brain.Event:2")))
    for step, tag, value in rows:
        if isinstance(value, str):
            scalar = _bytes(8, _int(1, 7) + _bytes(8, value))
        elif tensors:
            scalar = _bytes(8, _int(1, 1) + _bytes(4, struct.pack("<f", value)))
        else:
            scalar = _varint(2 << 3 | 5) + struct.pack("<f", value)
        out += _frame(_event(1.7e9 + step, step, _bytes(5, _bytes(1, _bytes(1, tag) + scalar))))
    return out


def _items(number: int, values: dict[str, object]) -> bytes:
    return b"".join(_bytes(number, _bytes(1, key) + _bytes(16, json.dumps(v))) for key, v in values.items())


def write_wandb(
    rows: Iterable[dict[str, object]],
    *,
    config: dict[str, object] | None = None,
    axis: str | None = None,
    exit_code: int | None = None,
    name: str = "tiny",
) -> bytes:
    """A `.wandb` file of history rows."""
    records = [_bytes(17, _bytes(1, "abc123") + _bytes(4, _items(1, config or {})) + _bytes(8, name))]
    if axis is not None:
        records.append(_bytes(12, _bytes(2, "train/*") + _bytes(4, axis)))
    records += [_bytes(2, _items(1, row)) for row in rows]
    if exit_code is not None:
        records.append(_bytes(18, _int(1, exit_code) if exit_code else _int(2, 9)))
    return b":W&B\xe1\xbe\x00" + _blocks(records)


def _blocks(records: Iterable[bytes]) -> bytes:
    """LevelDB's framing from byte 7 of the file on."""
    out = bytearray()
    for record in records:
        rest, first = record, True
        while first or rest:
            left = 32768 - (7 + len(out)) % 32768
            if left < 7:
                out += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if not rest else 2) if first else (4 if not rest else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            first = False
    return bytes(out)


def _tiny_events() -> bytes:
    rows: list[tuple[int, str, float | str]] = [(0, "config/text_summary", '{"n_layer": 2, "n_embd": 8}')]
    for step, loss in ((5, 4.0), (10, 3.25), (15, 2.75), (20, float("nan"))):
        rows += [(step, "train/loss", loss), (step, "lr", 0.5 / step)]
    return write_events([*rows, (20, "val/loss", 2.875)])


def _tiny_wandb() -> bytes:
    rows: list[dict[str, object]] = [
        {"_step": i, "_timestamp": 1.7e9 + i, "train/loss": loss, "lr": 0.125, "tokens": 256 * (i + 1)}
        for i, loss in enumerate((4.125, 3.5, float("nan"), 2.75))
    ]
    rows.append({"_step": 4, "_timestamp": 1.7e9 + 4, "val/loss": 2.875})
    return write_wandb(rows, config={"n_layer": 2, "model": {"n_embd": 8}, "_wandb": {"cli": "0"}}, exit_code=0)


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], Path]:
    """Makes the small log of a format in a folder of its own and returns its path."""
    built = {
        "tensorboard": ("events.out.tfevents.1700000000.node", _tiny_events),
        "wandb": ("run-abc123.wandb", _tiny_wandb),
        "swanlab": ("run-abc12345.swanlab", tiny_swanlab),
    }

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if name in WRITERS:
            return WRITERS[name](folder)
        if name in built:
            path = folder / built[name][0]
            path.write_bytes(built[name][1]())
            return path
        source = next(path for path in sorted((SAMPLES / name).iterdir()))
        path = folder / source.name
        path.write_bytes(source.read_bytes())
        return path

    return make


@pytest.fixture
def events() -> Callable[..., bytes]:
    """Writes event files: see `write_events`."""
    return write_events


@pytest.fixture
def wandb() -> Callable[..., bytes]:
    """Writes `.wandb` files: see `write_wandb`."""
    return write_wandb
