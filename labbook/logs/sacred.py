"""Sacred's `metrics.json`: three parallel lists for each metric, with `run.json` beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from labbook.logs import names
from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import learn
from labbook.logs.opening import opened
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart, Status
from labbook.text import clean

_LARGEST = 64 << 20
_HEAD = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?P<name>(?:[^"\\]|\\.)*)"\s*:\s*\{\s*"(?P<first>steps|values|timestamps)"\s*:\s*\['
)
_STATUS: dict[object, Status] = {
    "RUNNING": "running",
    "QUEUED": "running",
    "COMPLETED": "finished",
    "FAILED": "failed",
    "DIED": "failed",
    "INTERRUPTED": "cancelled",
    "TIMEOUT": "cancelled",
}


class Sacred:
    """The metrics of one run of Sacred's file storage."""

    name = "sacred"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        match = _HEAD.match(sample.head)
        if match is None or (sample.whole and not _is_sacred(_tree(sample.head))):
            return None
        name = clean(match["name"].decode("utf-8", "replace"), 80)
        return Sniffed(0.97, (Evidence("line 1", f"{name}: {match['first'].decode()}"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        run = path.with_name("run.json")
        return (run,) if run.is_file() else ()

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        with opened(path) as file:
            data = file.read(_LARGEST + 1)
        columns = kept(columns_in(state))
        if len(data) > _LARGEST:
            text = f"larger than {_LARGEST >> 20} MiB: not read"
            return Reading([], offset, state, [Issue("too-large", text)])
        tree = _tree(data)
        if tree is None:
            text = "not whole JSON; read again when it is complete"
            return Reading([], offset, state, [Issue("cut-tail", text, f"byte {len(data)}")])
        if not _is_sacred(tree):
            return Reading([], len(data), columns, [Issue("not-a-log", "no steps and values")], replaces=True)
        issues: list[Issue] = []
        part = RunPart()
        _run(part, path.with_name("run.json"))
        _metrics(part, tree, issues)
        issues += without_loss([part], "Sacred file")
        return Reading([part], len(data), columns, issues, replaces=True)


def _tree(data: bytes) -> Mapping[str, object] | None:
    """The object a JSON text holds, None where it is not whole or none."""
    try:
        found = json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_sacred(tree: Mapping[str, object] | None) -> bool:
    return bool(tree) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("steps"), list)
        and isinstance(entry.get("values"), list)
        for entry in (tree or {}).values()
    )


def _metrics(part: RunPart, tree: Mapping[str, object], issues: list[Issue]) -> None:
    """Add every metric. Each counts its restarts alone: nothing orders them among each other."""
    every = Rows()
    learn(every, (name for name in tree if _is_metric(name)))
    for name, entry in tree.items():
        if not isinstance(entry, dict) or not _is_metric(name):
            continue
        rows = Rows(every.state())
        steps, values = entry["steps"], entry["values"]
        clocks = entry.get("timestamps")
        walls = clocks if isinstance(clocks, list) else []
        if len(steps) != len(values):
            text = f"{name}: {len(steps)} steps and {len(values)} values"
            issues.append(Issue("bad-record", clean(text)))
        for index, (step, value) in enumerate(zip(steps, values, strict=False)):
            wall = walls[index] if index < len(walls) else None
            row = {"step": step, name: _plain(value), "timestamp": wall}
            if not rows.add(part, row, index, issues):
                issues.append(Issue("no-step", clean(f"{name}: a value without a step"), f"values[{index}]"))


def _is_metric(name: str) -> bool:
    return names.axis_rank(name) is None and not names.is_wall(name) and not names.is_epoch(name)


def _plain(value: object) -> object:
    """A number as it is; one of NumPy's is written as an object around it."""
    return value.get("value") if isinstance(value, dict) else value


def _run(part: RunPart, path: Path) -> None:
    """Name, start and state of the run, where `run.json` says them."""
    try:
        if path.is_symlink() or not path.is_file():
            return
        with path.open("rb") as file:
            said = _tree(file.read(_LARGEST)) or {}
    except OSError:
        return
    experiment = said.get("experiment")
    if isinstance(experiment, dict) and isinstance(experiment.get("name"), str):
        part.name = clean(f"{experiment['name']} {path.parent.name}") or None
    status = said.get("status")
    if isinstance(status, str):
        part.status = _STATUS.get(status, "unknown")
        part.status_line = f"status {clean(status, 40)} (run.json)"
