"""Weights & Biases' binary run file `run-<id>.wandb`, read by hand: no account, no library, no network.

Host names, e-mail, paths and the tracker's own `_wandb` settings are never taken over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from labbook.logs import wire
from labbook.logs.blocklog import HEADER, Blocks
from labbook.logs.carry import flatten, load_part, put_config, save_part
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart, Scalar
from labbook.text import clean

MAGIC = b":W&B\xe1\xbe\x00"
_FIGURES = frozenset("-0123456789")
_HISTORY, _CONFIG, _METRIC, _RUN, _EXIT = 2, 5, 12, 17, 18


class Wandb:
    """A `.wandb` file, live or finished."""

    name = "wandb"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if not sample.head.startswith(MAGIC[:4]):
            return None
        return Sniffed(1.0, (Evidence("byte 0", ":W&B"),))

    def read(self, path: Path, offset: int, state: dict[str, object], *, final: bool = False) -> Reading:
        part = load_part(state.get("part"), RunPart(step_origin=1, step_kind="log_call"))
        rows = Rows(state.get("rows"))
        start = max(offset, HEADER)
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        blocks = Blocks(data, start, checked=bool(state.get("checked", True)))
        issues: list[Issue] = []
        for place, record in blocks:
            self._record(record, place, (part, rows, issues))
        end = blocks.offset if data else offset
        issues += blocks.issues
        if final and blocks.offset < start + len(data):
            issues.append(Issue("cut-tail", "the last record is cut", f"byte {blocks.offset}"))
        if rows.axis is not None and rows.axis != "_step":
            part.step_kind = "optimizer"
        kept = {"part": save_part(part), "rows": rows.state(), "checked": blocks.checked}
        return Reading([part], end, kept, issues)

    def _record(self, record: bytes, place: int, into: tuple[RunPart, Rows, list[Issue]]) -> None:
        part, rows, issues = into
        try:
            for field, value in wire.fields(record):
                if field == _HISTORY:
                    rows.add(part, _history(wire.blob(value)), place, issues)
                elif field == _CONFIG:
                    put_config(part, _config(wire.blob(value)), "wandb config")
                elif field == _METRIC:
                    _define(wire.blob(value), rows)
                elif field == _RUN:
                    _run(wire.blob(value), part)
                elif field == _EXIT:
                    _exit(wire.blob(value), part)
        except wire.Damaged:
            issues.append(Issue("bad-record", "a record that cannot be decoded", f"byte {place}"))


def _items(message: bytes, number: int) -> Iterator[tuple[str, object]]:
    """(key, value) of the items in field `number`: history, configuration and summary share the shape."""
    for field, value in wire.fields(message):
        if field != number:
            continue
        key, nested, raw = "", [], ""
        for inner, entry in wire.fields(wire.blob(value)):
            if inner == 1:
                key = wire.text(entry)
            elif inner == 2:
                nested.append(wire.text(entry))
            elif inner == 16:
                raw = wire.text(entry)
        try:
            yield key or ".".join(nested), _value(raw)
        except (ValueError, RecursionError):
            continue


def _value(raw: str) -> object:
    """A JSON value; numbers the quick way. Raises ValueError, RecursionError."""
    if raw[:1] in _FIGURES and "." in raw:
        return float(raw)
    return json.loads(raw)


def _history(message: bytes) -> dict[str, object]:
    row: dict[str, object] = {}
    for key, value in _items(message, 1):
        row |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    if "_step" not in row:
        for field, value in wire.fields(message):
            if field == 2:
                row["_step"] = next((wire.signed(v) for f, v in wire.fields(wire.blob(value)) if f == 1), 0)
    return row


def _config(message: bytes) -> dict[str, Scalar]:
    """Configuration of a record, flat. A value may be wrapped as {"value": ...} or be JSON text itself."""
    tree: dict[str, object] = {}
    for key, value in _items(message, 1):
        tree[key] = _unwrap(value) if isinstance(value, str) and value[:1] == "{" else value
    return flatten(tree)


def _unwrap(text: str) -> object:
    """The object a text holds, the text itself where it holds none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _define(message: bytes, rows: Rows) -> None:
    for field, value in wire.fields(message):
        if field == 4 and (axis := wire.text(value)) and axis != "_step":
            rows.declare(axis)


def _run(message: bytes, part: RunPart) -> None:
    for field, value in wire.fields(message):
        if field == 1:
            part.identity = clean(wire.text(value), 80) or None
        elif field == 4:
            put_config(part, _config(wire.blob(value)), "wandb config")
        elif field == 8:
            part.name = clean(wire.text(value)) or None
        elif field == 17:
            clock = {f: wire.signed(v) for f, v in wire.fields(wire.blob(value))}
            part.started = clock.get(1, 0) + clock.get(2, 0) / 1e9


def _exit(message: bytes, part: RunPart) -> None:
    code = next((wire.signed(value) for field, value in wire.fields(message) if field == 1), 0)
    part.status = "finished" if code == 0 else "failed"
    part.status_line = f"exit record: code {code}"
