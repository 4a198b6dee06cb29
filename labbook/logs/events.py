"""TensorBoard event files, read by hand: frames of protobuf, scalars as simple values or tensors.

Payload checksums (CRC32C) are not in the standard library and cost more than the read: only length
checksums are used, to tell a live tail from a damaged file.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from labbook.logs import names, wire
from labbook.logs.carry import flatten, load_part, put_config, save_part
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.rows import Rows
from labbook.records import NAN, Issue, Reading, RunPart
from labbook.text import clean

_HEADER = struct.Struct("<QI")
_MARK = b"brain.Event:"
_STEP = "Event.step"
LARGEST = 1 << 30
"""No frame is longer; a longer one with a wrong checksum is damage."""


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


def frames(data: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """(byte of the frame, payload, byte after it) of whole frames; `start` is the byte `data` begins at.

    Raises wire.Damaged at a length that is absurd and fails its checksum.
    """
    at = 0
    while at + 12 <= len(data):
        size, crc = _HEADER.unpack_from(data, at)
        if at + 16 + size > len(data):
            if masked_crc(data[at : at + 8]) != crc:
                raise wire.Damaged(f"byte {start + at}")
            return
        yield start + at, data[at + 12 : at + 12 + size], start + at + 16 + size
        at += 16 + size


class Events:
    """`*tfevents*` files of any writer."""

    name = "tensorboard"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        head = sample.head
        if head[24:36] == _MARK or head[23:35] == _MARK:
            return Sniffed(0.99, (Evidence("byte 23", _MARK.decode()),))
        if "tfevents" not in sample.path.name or len(head) < 13 or head[12] != 9:
            return None
        if masked_crc(head[:8]) != _HEADER.unpack_from(head)[1]:
            return None
        return Sniffed(0.9, (Evidence("byte 0", "a frame with a valid length checksum"),))

    def read(self, path: Path, offset: int, state: dict[str, object], *, final: bool = False) -> Reading:
        part = load_part(state.get("part"), RunPart(step_origin=1))
        rows = Rows(state.get("rows"))
        rows.declare(_STEP)  # a tag may be called global_step
        issues: list[Issue] = []
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
        end = offset + len(data)
        prefix = _held_out_folder(path)
        stopped = bool(state.get("stopped"))
        try:
            for place, payload, after in () if stopped else frames(data, offset):
                self._event(payload, place, prefix, (part, rows, issues))
                offset = after
        except wire.Damaged as damage:
            stopped = True
            issues.append(Issue("bad-frame", "the file is damaged here; nothing after it is read", str(damage)))
        if final and not stopped and offset < end:
            issues.append(Issue("cut-tail", "the last event is cut", f"byte {offset}"))
        kept: dict[str, object] = {"part": save_part(part), "rows": rows.state()}
        return Reading([part], offset, kept | ({"stopped": True} if stopped else {}), issues)

    def _event(self, payload: bytes, place: int, prefix: str, into: tuple[RunPart, Rows, list[Issue]]) -> None:
        part, rows, issues = into
        wall, step, summary = NAN, 0, b""
        try:
            for field, value in wire.fields(payload):
                if field == 1:
                    wall = wire.real(value) or NAN
                elif field == 2:
                    step = wire.signed(value)
                elif field == 5:
                    summary = wire.blob(value)
            found = list(_summary(summary))
        except wire.Damaged:
            issues.append(Issue("bad-record", "an event that cannot be decoded", f"byte {place}"))
            return
        if math.isnan(part.started):
            part.started = wall
        for tag, scalar in found:
            if isinstance(scalar, str):
                put_config(part, _text_config(tag, scalar), f"text summary {clean(tag, 60)}")
            elif not tag.endswith(" vs samples"):
                row = {_STEP: step, "_timestamp": wall, _series_name(tag, prefix): scalar}
                rows.add(part, row, place, issues)


def _summary(message: bytes) -> Iterator[tuple[str, float | str]]:
    """(tag, scalar or text) of every value of a summary."""
    for field, value in wire.fields(message):
        if field != 1:
            continue
        tag, scalar, tensor = "", None, None
        for inner, entry in wire.fields(wire.blob(value)):
            if inner == 1:
                tag = wire.text(entry)
            elif inner == 2:
                scalar = wire.real(entry)
            elif inner == 8:
                tensor = wire.blob(entry)
        found = scalar if scalar is not None else _tensor(tensor) if tensor is not None else None
        if tag and found is not None:
            yield tag, found


def _tensor(message: bytes) -> float | str | None:
    """The one number or text a tensor holds; None for anything larger."""
    kind, content, numbers, string = 0, b"", b"", b""
    for field, value in wire.fields(message):
        if field == 1:
            kind = wire.signed(value)
        elif field == 4:
            content = wire.blob(value)
        elif field in (5, 6):
            numbers += wire.blob(value)
        elif field == 8 and not string:
            string = wire.blob(value)
    if kind == 7:
        return string.decode("utf-8", "replace") if string else None
    width = {1: 4, 2: 8}.get(kind)
    if width is None:
        return None
    whole = content or numbers
    if not whole:
        return 0.0  # the default is not written
    return wire.real(whole) if len(whole) == width else None


def _held_out_folder(path: Path) -> str:
    """`validation` where the file lies in a folder of that name: TF2 writes one tag into two folders."""
    folder = path.parent.name.lower()
    return folder if folder in names.HELD_OUT else ""


def _series_name(tag: str, folder: str) -> str:
    flat = tag.removeprefix("epoch_") if tag.startswith("epoch_") else tag
    if folder and names.series_of(flat) == names.series_of("loss"):
        return f"{folder}/loss"
    return flat if flat != tag and names.series_of(flat) else tag


def _text_config(tag: str, text: str) -> dict[str, str | int | float | bool | None]:
    """Configuration in a text summary: a JSON object, or one argument of Megatron's."""
    body = text.strip().strip("`").removeprefix("json").strip()
    if body.startswith("{"):
        try:
            return flatten(json.loads(body))
        except (ValueError, RecursionError):
            return {}
    key = tag.removesuffix("/text_summary")
    return {clean(key, 120): _argument(body)} if re.fullmatch(r"\w+", key) and len(body) < 200 else {}


def _argument(body: str) -> str | int | float | bool | None:
    try:
        found = json.loads(body)
    except ValueError:
        return clean(body)
    return found if isinstance(found, int | float | bool | None) else clean(body)
