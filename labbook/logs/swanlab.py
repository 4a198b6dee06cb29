"""SwanLab's run file `run-<id>.swanlab`: version 1 with JSON records, version 2 with protobuf, in a block log.

The configuration stands beside it in `files/config.yaml`. Host names and paths are never taken over.
"""

from __future__ import annotations

import json
from pathlib import Path

from labbook.logs import wire
from labbook.logs.blocklog import HEADER, Blocks
from labbook.logs.carry import load_part, put_config, save_part
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.numbers import number
from labbook.logs.opening import opened
from labbook.logs.printed import Printed, with_printed
from labbook.logs.rows import Rows, clock
from labbook.logs.scalars import Scalars, put_scalars
from labbook.logs.sidecar import read_config
from labbook.records import NAN, Issue, Reading, RunPart
from labbook.text import clean

MAGIC = b":SWL\xd6\xe1"
_STEP = "SwanLab.step"

_SYSTEM = "__swanlab__"
"""Metrics of the machine begin so."""
_START, _FINISH, _SCALAR, _LOG = 10, 11, 13, 16
_FINISHED = 1
_MOST_WAITING = 60_000
_CONFIG = ("files", "config.yaml")


class SwanLab:
    """A `.swanlab` file of either version, live or finished."""

    name = "swanlab"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if not sample.head.startswith(MAGIC):
            return None
        version = sample.head[6] if len(sample.head) > 6 else 0
        return Sniffed(1.0, (Evidence("byte 0", f":SWL, version {version}"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        config = path.parent.joinpath(*_CONFIG)
        return (config,) if config.is_file() else ()

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        run = _Run(state)
        with opened(path) as file:
            version = file.read(HEADER)[6:]
            blocks = Blocks(file, offset, checked=bool(state.get("checked", True)), limit=limit)
            for place, record in blocks:
                run.take(record, place, is_json=version == b"\x01")
        run.flush()
        issues = run.issues + blocks.issues
        if final and blocks.cut:
            issues.append(Issue("cut-tail", "the last record is cut", f"byte {blocks.offset}"))
        end = blocks.offset if blocks.offset > HEADER else offset
        part = with_printed(run.part, run.output.part(), with_losses=False)
        for config in self.companions(path):
            try:
                put_config(part, read_config(config), config.name)
            except (ValueError, OSError) as error:
                issues.append(Issue("bad-sidecar", clean(f"{config.name}: {error}", 160), str(config)))
        return Reading([part], end, run.state() | {"checked": blocks.checked}, issues, more=blocks.more)


class _Run:
    """What the records of one file come to."""

    def __init__(self, state: dict[str, object]) -> None:
        self.part = load_part(state.get("part"), RunPart(step_origin=1))
        self.rows = Rows(state.get("rows"))
        self.rows.declare(_STEP)  # a metric may be called step
        self.output = Printed(state.get("output"))
        self.issues: list[Issue] = []
        self._codes: dict[str, int] = {}
        self._waiting: list[tuple[int, float, float, float, int]] = []
        """Code of the name, step, time, value and place of each scalar."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {"part": save_part(self.part), "rows": self.rows.state(), "output": self.output.state()}

    def take(self, record: bytes, place: int, *, is_json: bool) -> None:
        """Take one record."""
        try:
            if is_json:
                self._json(record, place)
            else:
                self._message(record, place)
        except (ValueError, RecursionError):  # wire.Damaged is a ValueError
            self.issues.append(Issue("bad-record", "a record that cannot be decoded", f"byte {place}"))

    def _message(self, record: bytes, place: int) -> None:
        for field, value in wire.fields(record):
            if field == _SCALAR:
                self._scalar(dict(wire.fields(wire.blob(value))), place)
            elif field == _LOG:
                self.output.feed(wire.text(dict(wire.fields(wire.blob(value))).get(1, b"")) + "\n")
            elif field == _START:
                self._start(dict(wire.fields(wire.blob(value))))
            elif field == _FINISH:
                found = dict(wire.fields(wire.blob(value)))
                self._finish(wire.signed(found.get(1, 0)) == _FINISHED, wire.text(found.get(2, b"")))

    def _scalar(self, found: dict[int, wire.Field], place: int) -> None:
        value = dict(wire.fields(wire.blob(found.get(5, b""))))
        amount = wire.real(value.get(1, bytes(8)))
        if amount is not None:
            wall = _seconds(found.get(4))
            self._add(wire.text(found.get(1, b"")), wire.signed(found.get(2, 0)), wall, amount, place)

    def _start(self, found: dict[int, wire.Field]) -> None:
        self._about(wire.text(found.get(10, b"")), wire.text(found.get(4, b"")), wire.text(found.get(1, b"")))
        if (seconds := _seconds(found.get(12))) == seconds:
            self.part.started = seconds

    def _json(self, record: bytes, place: int) -> None:
        tree = json.loads(record.decode("utf-8", "replace"))
        data = tree.get("data") if isinstance(tree, dict) else None
        if not isinstance(data, dict):
            raise ValueError("no record")
        kind = tree.get("model_type")
        if kind == "Scalar":
            metric = data.get("metric")
            step = number(data.get("step"))
            value = number(metric.get("data")) if isinstance(metric, dict) else None
            if step is not None and value is not None and isinstance(metric, dict):
                self._add(str(data.get("key") or ""), step, clock(metric.get("create_time")), value, place)
        elif kind == "Log":
            self.output.feed(f"{data.get('message', '')}\n")
        elif kind == "Experiment":
            self._about(_text(data.get("id")), _text(data.get("name")), "")
        elif kind == "Project":
            self._about("", "", _text(data.get("name")))
        elif kind == "Header":
            self.part.started = clock(data.get("create_time"))
        elif kind == "Footer":
            self._finish(data.get("success") is True, "")

    def _about(self, identity: str, name: str, project: str) -> None:
        self.part.identity = clean(identity, 80) or self.part.identity
        self.part.name = clean(name) or self.part.name
        if clean(project):
            put_config(self.part, {"swanlab.project": clean(project)}, "swanlab run")

    def _finish(self, well: bool, error: str) -> None:
        self.part.status = "finished" if well and not error else "failed"
        self.part.status_line = f"finish record: {clean(error, 120)}" if error else "finish record"

    def _add(self, key: str, step: float, wall: float, value: float, place: int) -> None:
        if key and not key.startswith(_SYSTEM):
            code = self._codes.setdefault(key, len(self._codes))
            self._waiting.append((code, float(step), wall, value, place))
            if len(self._waiting) >= _MOST_WAITING:
                self.flush()

    def flush(self) -> None:
        """Put the scalars gathered so far into the run."""
        import numpy as np

        if not self._waiting:
            return
        tag, step, wall, value, place = zip(*self._waiting, strict=True)
        self._waiting = []
        found = Scalars(
            np.array(tag, np.int64),
            np.array(step),
            np.array(wall),
            np.array(value),
            np.array(place, np.int64),
        )
        put_scalars(self.part, self.rows, found, list(self._codes), _STEP, self.issues)


def _seconds(field: wire.Field | None) -> float:
    """Unix seconds of a time stamp; NaN where there is none."""
    if field is None:
        return NAN
    found = {number: wire.signed(value) for number, value in wire.fields(wire.blob(field))}
    return found.get(1, 0) + found.get(2, 0) / 1e9


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
