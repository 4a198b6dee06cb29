"""Aim's repository `.aim`: RocksDB with hashed keys, which only Aim's own package reads, where it is installed.

That package writes to what it opens, so it is given a copy, in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labbook.logs import aim_repository, names
from labbook.logs.carry import flatten, put_config
from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Claim, Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import learn
from labbook.logs.numbers import number
from labbook.logs.rows import Rows
from labbook.records import NAN, Issue, Reading, RunPart, Scalar
from labbook.text import clean

EXPORT = (
    "an Aim repository, which only Aim's own package reads: pip install 'labbook[aim]', or write the steps and "
    "values of aim.Repo(...).query_metrics(...) to a CSV file and read that"
)
MOST_BYTES = 2 << 30
"""A larger repository is not copied, and so not read."""
MOST_RUNS = 2000
PATIENCE = 300.0
"""Seconds Aim's package is given."""
_FOLDER = ".aim"
_ANCHOR = "run_metadata.sqlite"
_DATABASE = (_ANCHOR, f"{_ANCHOR}-wal", f"{_ANCHOR}-journal", "VERSION")
_CHUNKS = ("meta", "seqs")
_TRIES = 3
_SUBSETS = ("subset", "split")
"""Keys of a metric's context that say which data it was measured on."""
_TRAIN = frozenset({"train", "training"})
_PERSONAL = frozenset(
    {"host", "hostname", "node", "nodename", "user", "username", "email", "mail", "cwd", "home"}
    | {"master_addr", "ip", "ip_address", "author"}
)
_PRIVATE = re.compile(
    r"(?:\A|[\s'\"=(\[,])(?:/[^\s/]+|~[\w.-]*/|[A-Za-z]:[\\/]|\\\\\w|file:/)|[^\s@]+@[^\s@]+\.\w"
)
"""Absolute paths, and addresses of e-mail."""
_PREFIX = re.compile(r"(?P<split>[A-Za-z]+)[_/](?P<rest>.+)\Z")


class Aim:
    """The folder `.aim`, known by the database of its runs' names."""

    name = "aim"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.path.name != _ANCHOR or sample.path.parent.name != _FOLDER:
            return None
        return Sniffed(0.99, (Evidence("path", f"{_FOLDER}/{_ANCHOR}"),))

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        if folder.name != _FOLDER or _ANCHOR not in names:
            return None
        return Claim(_ANCHOR, names, (Evidence("path", f"{_FOLDER}/{_ANCHOR}"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        """The folders of the runs and their logs that still grow, and Aim's package once it is there."""
        folders = [folder for part in _CHUNKS for folder in _runs(path.parent / part / "chunks")]
        logs = [log for folder in folders for log in sorted(folder.glob("*.log"))]
        package = _package()
        return (*folders, *logs, *([package] if package is not None else []))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        from tempfile import TemporaryDirectory

        size, after = path.stat().st_size, kept(columns_in(state))
        if _package() is None:
            return Reading([], size, after, [] if offset else [Issue("needs-aim", EXPORT)])
        try:
            with TemporaryDirectory(prefix="labbook-aim-") as home:
                is_full = _copy(path.parent, Path(home, _FOLDER))
                found = _Found()
                for said in _said(Path(home)):
                    found.take(said)
                found.end()
        except (_Unread, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            return Reading([], offset, state, [Issue("unreadable", clean(f"an Aim repository: {why}", 300))])
        if is_full:
            found.issues.append(Issue("too-many", f"more runs than the {MOST_RUNS} that are read"))
        if found.parts or not found.issues:
            found.issues += without_loss(found.parts, "Aim repository")
        parts = found.parts if any(part.series for part in found.parts) else []
        return Reading(parts, size, after, found.issues, replaces=True)


class _Unread(Exception):
    """Why the repository was not read this time."""


def _package() -> Path | None:
    """The file of Aim's package, None where it is not installed. Nothing is imported."""
    try:
        spec = find_spec("aim")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _runs(folder: Path) -> list[Path]:
    """The folders of runs in `folder`, links left out; one more than are read, at most."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [Path(each) for each in found[: MOST_RUNS + 1]]


def _copy(source: Path, target: Path) -> bool:
    """Copy what Aim needs of a repository; its index is left out, because it lags behind the runs.

    True where there were more runs than are read. Raises OSError and _Unread.
    """
    left, is_full = MOST_BYTES, False
    target.mkdir()
    for name in _DATABASE:
        if (source / name).is_file():
            left -= _copy_file(source / name, target / name, left)
    for part in _CHUNKS:
        folders = _runs(source / part / "chunks")
        is_full = is_full or len(folders) > MOST_RUNS
        for folder in folders[:MOST_RUNS]:
            left -= _copy_chunk(folder, target / part / "chunks" / folder.name, left)
    return is_full


def _copy_chunk(source: Path, target: Path, left: int) -> int:
    """Copy the files of one run, again where some came or went meanwhile. Result: bytes. Raises as `_copy`."""
    taken = 0
    for _ in range(_TRIES):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        before, taken = _files(source), 0
        for name in before:
            taken += _copy_file(source / name, target / name, left - taken)
        if _files(source) == before:
            break
    return taken


def _files(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_file(follow_symlinks=False) and e.name != "LOCK")


def _copy_file(source: Path, target: Path, left: int) -> int:
    """Copy one file. Result: its bytes; 0 where it is gone. Raises OSError and _Unread."""
    try:
        size = source.stat().st_size
        if size > left:
            raise _Unread(f"it is larger than the {MOST_BYTES >> 30} GiB that are copied to be read")
        shutil.copyfile(source, target)
    except FileNotFoundError:
        return 0
    return size


def _said(home: Path) -> Iterator[dict[str, Any]]:
    """What Aim's package says of the repository below `home`, line by line. Raises _Unread."""
    import subprocess

    out = home / "said.jsonl"
    command = [sys.executable, "-P", aim_repository.__file__, str(home), str(out)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("__AIM_")}
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=home,
            timeout=PATIENCE,
            check=False,
        )
        with out.open(encoding="utf-8") as file:
            for line in file:
                said = json.loads(line)
                if "error" in said:
                    raise _Unread(f"Aim's package says {said['error']}")
                if "done" in said:
                    return
                yield said
    except subprocess.TimeoutExpired:
        raise _Unread(f"Aim's package was not done after {PATIENCE:.0f} s") from None
    except (OSError, ValueError) as error:
        raise _Unread(f"Aim's package wrote nothing that can be read: {type(error).__name__}") from error
    raise _Unread(f"Aim's package stopped with code {ended.returncode}")


@dataclass(slots=True)
class _Metric:
    """A metric of a run in one context: columns of equal length."""

    name: str
    context: dict[str, str]
    columns: dict[str, list[float]]
    """step, value, epoch and wall."""


@dataclass(slots=True)
class _Found:
    """The runs of a repository while their lines come."""

    parts: list[RunPart] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    metrics: list[_Metric] = field(default_factory=list)
    """Of the last run."""

    def take(self, said: Mapping[str, Any]) -> None:
        """Take one line."""
        if "metric" in said:
            columns = {name: said[name] for name in ("step", "value", "epoch", "wall")}
            context = {clean(str(key), 60): clean(str(value), 60) for key, value in said["context"].items()}
            self.metrics.append(_Metric(clean(said["metric"], 120), context, columns))
            return
        self.end()
        if "bad" in said:
            text = clean(f"run {said['bad']} cannot be read: {said['why']}", 300)
            self.issues.append(Issue("bad-record", text, clean(said["bad"], 80)))
        else:
            self.parts.append(_part(said))

    def end(self) -> None:
        """Put the metrics of the last run on its part: their names are known now."""
        if self.metrics:
            _put(self.parts[-1], self.metrics, self.issues)
        self.metrics = []


def _part(said: Mapping[str, Any]) -> RunPart:
    key = clean(said["run"], 80)
    part = RunPart(key=key, identity=key, name=clean(str(said.get("name") or "")) or None, step_origin=1)
    part.started = number(said.get("started")) or NAN
    put_config(part, _config(said["config"]), "Aim parameters")
    if (ended := number(said.get("ended"))) is not None:
        part.status, part.status_line = "finished", f"end_time {ended:.0f}"
    return part


def _config(tree: object) -> dict[str, Scalar]:
    """The parameters, those under `hparams` by their own names; hosts, people and paths are left out."""
    if not isinstance(tree, dict):
        return {}
    rest = {key: value for key, value in tree.items() if key != "hparams"}
    flat = flatten(rest) | flatten(tree.get("hparams"))
    return {key: value for key, value in flat.items() if not _is_private(key, value)}


def _is_private(key: str, value: Scalar) -> bool:
    last = names.plain(key.rpartition(".")[2])
    return last in _PERSONAL or (isinstance(value, str) and _PRIVATE.search(value) is not None)


def _put(part: RunPart, metrics: Sequence[_Metric], issues: list[Issue]) -> None:
    """Add the points of all the metrics of one run."""
    import numpy as np

    keyed = _keys(metrics)
    rows = Rows()
    learn(rows, [key for key, metric in keyed if _is_value(key)])
    beside = {
        role: next((metric for key, metric in keyed if is_role(key)), None)
        for role, is_role in (("tokens", _is_tokens), ("epoch", names.is_epoch))
    }
    for key, metric in keyed:
        if not _is_value(key):
            continue
        step, value = (np.asarray(metric.columns[name], float) for name in ("step", "value"))
        epoch, wall = (np.asarray(metric.columns[name], float) for name in ("epoch", "wall"))
        columns: dict[str, Any] = {"step": step, key: value, "timestamp": (wall, ~np.isnan(wall))}
        columns["epoch"] = (epoch, ~np.isnan(epoch))
        for role, other in beside.items():
            if other is not None and other is not metric and (role != "epoch" or np.isnan(epoch).all()):
                columns[role] = _at_steps(other, step)
        rows.add_columns(part, list(columns), list(columns.values()), np.arange(len(step)), issues)


def _at_steps(metric: _Metric, step: Any) -> tuple[Any, Any]:
    """(values, mask) of a metric at the given steps; the mask is False where it has none there."""
    import numpy as np

    known = dict(zip(metric.columns["step"], metric.columns["value"], strict=True))
    values = np.array([known.get(each, NAN) for each in step.tolist()], float)
    return values, ~np.isnan(values)


def _is_tokens(key: str) -> bool:
    return names.tokens_rank(key) is not None


def _is_value(key: str) -> bool:
    """True for a metric; a step counter, a clock or the epoch logged as one is none."""
    return names.axis_rank(key) is None and not names.is_wall(key) and not names.is_epoch(key)


def _keys(metrics: Sequence[_Metric]) -> list[tuple[str, _Metric]]:
    """Each metric under a name that also says its subset: `loss` of `{"subset": "val"}` is `val/loss`.

    Where several contexts come to one name, that with the fewest entries bears it, the others say theirs.
    """
    found: dict[str, _Metric] = {}
    for metric in sorted(metrics, key=lambda each: (len(each.context), sorted(each.context.items()))):
        key = _key(metric)
        if key in found:
            key = f"{key} {' '.join(f'{name}={value}' for name, value in sorted(metric.context.items()))}"
        found[clean(key, 120)] = metric
    return list(found.items())


def _key(metric: _Metric) -> str:
    subset = next((metric.context[name] for name in _SUBSETS if metric.context.get(name)), "")
    split, _, which = names.plain(subset).partition("_")
    if not subset or _split(split) is None or (which and split in _TRAIN):
        return f"{subset}/{metric.name}" if subset else metric.name
    stated = _PREFIX.match(metric.name)
    name = stated["rest"] if stated and _split(stated["split"].lower()) == _split(split) else metric.name
    if split in _TRAIN and _is_common(name):
        return name
    return "/".join(part for part in (_split(split), which, name) if part)


def _split(word: str) -> str | None:
    """train, val or test by the word for it."""
    if word in _TRAIN or word == "test":
        return "test" if word == "test" else "train"
    return "val" if word in names.HELD_OUT else None


def _is_common(name: str) -> bool:
    """True for what has no subset: a counter, the learning rate, the norm of the gradient."""
    series = names.series_of(name)
    return _is_tokens(name) or not _is_value(name) or (series is not None and series[0] in {"lr", "grad_norm"})
