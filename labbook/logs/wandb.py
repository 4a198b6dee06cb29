"""Weights & Biases' binary run file `run-<id>.wandb`, read by hand: no account, no library, no network.

Host names, e-mail, paths and the tracker's own `_wandb` settings are never taken over.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from labbook.logs import wire
from labbook.logs.blocklog import HEADER, Blocks
from labbook.logs.carry import flatten, load_part, put_config, save_part
from labbook.logs.config_names import KEYS
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.names import is_loss, plain
from labbook.logs.opening import opened
from labbook.logs.printed import Printed, with_printed
from labbook.logs.rows import Rows
from labbook.logs.wandb_history import COUNTER, Axes, History, items, value_of
from labbook.records import Issue, Reading, RunPart, Scalar
from labbook.text import clean

MAGIC = b":W&B\xe1\xbe\x00"
_HISTORY, _SUMMARY, _CONFIG, _METRIC, _OUTPUT, _RUN, _EXIT = 2, 3, 5, 12, 13, 17, 18
_IS_ROW = re.compile(rb"(?:\x08[\x80-\xff]*[\x00-\x7f])?\x12")
_IS_SUMMARY = re.compile(rb"(?:\x08[\x80-\xff]*[\x00-\x7f])?\x1a")
"""Records that begin with a number and a history, or a summary."""
_ABOUT = {3: "wandb.project", 6: "wandb.group"}
"""Fields of the run record that are kept as configuration."""
_SIZES = frozenset(
    plain(name) for kind in ("n_total", "n_non_embedding", "n_active", "tokens_per_step") for name in KEYS[kind]
)
"""Keys of the summary that say something of the run as a whole."""


class Wandb:
    """A `.wandb` file, live or finished."""

    name = "wandb"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if not sample.head.startswith(MAGIC[:4]):
            return None
        return Sniffed(1.0, (Evidence("byte 0", ":W&B"),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        reading = self._read(path, offset, state, final, limit)
        if reading.state.get("printed") and _has_loss(reading.state):
            # losses were taken from the terminal, and now the history has its own
            reading = self._read(path, 0, {"history_only": True}, final, limit)
            reading.replaces = True
        return reading

    def _read(
        self, path: Path, offset: int, state: dict[str, object], final: bool, limit: int | None
    ) -> Reading:
        run = _Run(state)
        with opened(path) as file:
            blocks = Blocks(file, offset, checked=bool(state.get("checked", True)), limit=limit)
            for place, record in blocks:
                run.take(record, place)
        run.history.flush()
        issues = run.issues + blocks.issues
        if final and blocks.cut:
            issues.append(Issue("cut-tail", "the last record is cut", f"byte {blocks.offset}"))
        kept = run.state() | {"checked": blocks.checked}
        end = blocks.offset if blocks.offset > HEADER else offset
        return Reading([run.joined()], end, kept, issues, more=blocks.more)


def _has_loss(state: dict[str, object]) -> bool:
    """True where the history itself has a loss."""
    rows = state.get("rows")
    return isinstance(rows, dict) and any(is_loss(series) for series in rows.get("claims", ()))


class _Run:
    """What the records of one file come to."""

    def __init__(self, state: dict[str, object]) -> None:
        self.part = load_part(state.get("part"), RunPart(step_origin=1, step_kind="log_call"))
        self.rows = Rows(state.get("rows"))
        axes = state.get("axes")
        self.axes = Axes(**axes) if isinstance(axes, dict) else Axes()
        self.issues: list[Issue] = []
        self.history = History(self.part, self.rows, self.issues, self.axes)
        self.output = Printed(state.get("output"))
        self.history_only = bool(state.get("history_only"))
        self.was_printed = bool(state.get("printed"))

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "part": save_part(self.part),
            "rows": self.rows.state(),
            "axes": asdict(self.axes),
            "output": self.output.state(),
            "history_only": self.history_only,
            "printed": self.was_printed or self._printed_losses(),
        }

    def _lacks_loss(self) -> bool:
        return not self.history_only and not any(is_loss(series) for series in self.rows.claims)

    def _printed_losses(self) -> bool:
        printed = self.output.part()
        return printed is not None and self._lacks_loss() and any(is_loss(name) for name in printed.series)

    def joined(self) -> RunPart:
        """The run, with what its terminal said."""
        if self.rows.axis is not None and self.rows.axis != COUNTER:
            self.part.step_kind = "optimizer"
        return with_printed(self.part, self.output.part(), with_losses=self._lacks_loss())

    def take(self, record: bytes, place: int) -> None:
        """Take one record."""
        if _IS_ROW.match(record):
            self.history.add(record, place)
            return
        if _IS_SUMMARY.match(record) and b"_step" in record:
            return  # it repeats a row
        try:
            for number, kind, start, stop in wire.spans(record, 0, len(record)):
                if kind != 2:
                    continue
                if number == _HISTORY:
                    self.history.add(record, place)
                elif number == _OUTPUT:
                    self._print(record[start:stop])
                elif number == _CONFIG:
                    put_config(self.part, _config(record[start:stop]), "wandb config")
                elif number == _SUMMARY:
                    put_config(self.part, _sizes(record[start:stop]), "wandb summary")
                elif number == _METRIC:
                    self._define(record[start:stop])
                elif number == _RUN:
                    _run(record[start:stop], self.part)
                elif number == _EXIT:
                    _exit(record[start:stop], self.part)
        except wire.Damaged:
            self.issues.append(Issue("bad-record", "a record that cannot be decoded", f"byte {place}"))

    def _print(self, message: bytes) -> None:
        found = dict(wire.fields(message))
        self.output.feed(wire.text(found.get(3, b"")), str(found.get(1, 0)))

    def _define(self, message: bytes) -> None:
        found = {number: wire.text(value) for number, value in wire.fields(message)}
        metric, axis = found.get(1) or found.get(2), found.get(4)
        if metric and axis:
            self.history.define(metric, axis)


def _tree(message: bytes) -> dict[str, object]:
    """The items of a configuration or a summary. A value may be JSON text itself."""
    tree: dict[str, object] = {}
    for key, raw in items(message, 1):
        try:
            value = value_of(raw)
            tree[key] = value_of(value.encode()) if isinstance(value, str) and value[:1] == "{" else value
        except (ValueError, RecursionError):
            tree[key] = raw.decode("utf-8", "replace").strip('"')
    return tree


def _config(message: bytes) -> dict[str, Scalar]:
    return flatten(_tree(message))


def _sizes(message: bytes) -> dict[str, Scalar]:
    """What a summary says of the model's size."""
    return {key: value for key, value in flatten(_tree(message)).items() if plain(key) in _SIZES}


def _run(message: bytes, part: RunPart) -> None:
    for number, value in wire.fields(message):
        if number == 1:
            part.identity = clean(wire.text(value), 80) or None
        elif number == 4:
            put_config(part, _config(wire.blob(value)), "wandb config")
        elif number == 8:
            part.name = clean(wire.text(value)) or None
        elif number in _ABOUT and (text := clean(wire.text(value))):
            put_config(part, {_ABOUT[number]: text}, "wandb run")
        elif number == 17:
            clock = {f: wire.signed(v) for f, v in wire.fields(wire.blob(value))}
            part.started = clock.get(1, 0) + clock.get(2, 0) / 1e9
        elif number == 18 and value:
            put_config(part, {"wandb.resumed": True}, "wandb run")


def _exit(message: bytes, part: RunPart) -> None:
    code = next((wire.signed(value) for number, value in wire.fields(message) if number == 1), 0)
    part.status = "finished" if code == 0 else "failed"
    part.status_line = f"exit record: code {code}"
