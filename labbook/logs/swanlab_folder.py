"""SwanLab before 0.6: a database `runs.swanlab` that names the runs, and JSON lines for each metric."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from labbook.logs import sqlite
from labbook.logs.carry import put_config
from labbook.logs.format import Claim, Evidence, Sample, Sniffed
from labbook.logs.jsonl import parse_line
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import Measured, MetricFile, MetricFiles, inside, too_many
from labbook.logs.sidecar import read_config
from labbook.records import Issue, Reading, RunPart, Status
from labbook.text import clean

_DATABASE = "runs.swanlab"
_STATUS: dict[object, Status] = {1: "finished", 0: "running", -1: "failed"}
_SYSTEM = "__swanlab__"
"""Metrics of the machine begin so."""
_CONFIG = ("files", "config.yaml")


class SwanLabFolder:
    """A `swanlog` folder; one part a run of its database."""

    name = "swanlab-folder"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        tables = sqlite.schema(sample)
        if "run_id" not in tables.get("experiment", ()) or "experiment_id" not in tables.get("tag", ()):
            return None
        return Sniffed(0.99, (Evidence("tables", "experiment(run_id), tag(experiment_id)"),))

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        if _DATABASE not in names or inside(folder, _DATABASE) is None:
            return None
        own = {name for name in names if name.startswith(_DATABASE)}
        runs = {name for name in names - own if _is_run(folder / name)}
        return Claim(_DATABASE, frozenset(own | runs), (Evidence(_DATABASE, f"{len(runs)} run folders"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        runs = [path.parent / name for name in sorted(os.listdir(path.parent)) if _is_run(path.parent / name)]
        curves = (piece for run in runs for folder in _folders(run / "logs") for piece in _pieces(folder))
        configs = (each for run in runs if (each := run.joinpath(*_CONFIG)).is_file())
        return (*sqlite.beside(path), *configs, *curves)

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        def work(database: sqlite.Database, state: dict[str, object]) -> Reading:
            return _read(database, state, path.parent, final)

        return sqlite.reading(path, offset, state, work)


def _is_run(folder: Path) -> bool:
    """True for the folder of a run whose curves are JSON lines; newer runs keep theirs in one file."""
    if inside(folder.parent, folder.name, "logs") is None or not (folder / "logs").is_dir():
        return False
    return not any(name.endswith(".swanlab") for name in os.listdir(folder))


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _pieces(folder: Path) -> list[Path]:
    """The files of one curve in order: each is named by the last point it may hold."""
    try:
        with os.scandir(folder) as entries:
            found = [
                Path(e.path) for e in entries if e.name.endswith(".log") and e.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _read(database: sqlite.Database, state: dict[str, object], top: Path, final: bool) -> Reading:
    curves = _curves(database, top)
    before = state.get("curves")
    known = before if isinstance(before, dict) else {}
    files = {run: MetricFiles(known.get(run), found) for run, found in curves.items()}
    issues: list[Issue] = []
    replaces = (
        not known or not known.keys() <= files.keys() or not all(f.is_continued() for f in files.values())
    )
    if replaces:
        files = {run: MetricFiles(None, found) for run, found in curves.items()}
        issues += [issue for found in curves.values() for issue in too_many(found)]
    parts = []
    for run, name, status in database.select("experiment", ("run_id", "name", "status"), "order by rowid"):
        key = clean(str(run), 120)
        if key in files:
            part = RunPart(key=key, identity=key, name=clean(str(name or "")) or None)
            part.status, part.status_line = _STATUS.get(status, "unknown"), f"status {clean(str(status), 20)}"
            _configure(part, top, issues)
            files[key].read(part, _line, issues, final=final)
            parts.append(part)
    if replaces:
        issues += without_loss(parts, "SwanLab folder")
        parts = parts if any(part.series for part in parts) else []
    kept: dict[str, object] = {"curves": {run: found.state() for run, found in files.items()}}
    return Reading(parts, 0, kept, issues + database.issues, replaces=replaces)


def _curves(database: sqlite.Database, top: Path) -> dict[str, list[MetricFile]]:
    """The files by run. Names in the database lead one step down each, and nowhere else."""
    runs: dict[object, str] = {}
    for row, run in database.select("experiment", ("id", "run_id"), "order by rowid"):
        if len(runs) < sqlite.MOST_RUNS:
            runs[row] = clean(str(run), 120)
    found: dict[str, list[MetricFile]] = {run: [] for run in runs.values()}
    for owner, name, folder in database.select("tag", ("experiment_id", "name", "folder"), "order by rowid"):
        metric = str(name)
        run = runs.get(owner)
        if run is None or metric.startswith(_SYSTEM):
            continue
        where = inside(top, run, "logs", str(folder) if folder else quote(metric, safe=""))
        if where is not None:
            found[run] += [MetricFile(metric, piece) for piece in _pieces(where)]
    return found


def _configure(part: RunPart, top: Path, issues: list[Issue]) -> None:
    path = inside(top, part.key, *_CONFIG)
    try:
        if path is not None and path.is_file():
            put_config(part, read_config(path), _CONFIG[1])
    except (ValueError, OSError) as error:
        issues.append(Issue("bad-sidecar", clean(f"{_CONFIG[1]}: {error}", 160)))


def _line(line: str, header: dict[str, object]) -> Measured | None:
    """`{"index": 10, "data": 1.6216, "create_time": "..."}`; NaN is written as text."""
    row = parse_line(line)
    if row is None or "index" not in row or "data" not in row:
        return None
    return Measured(row["index"], row["data"], row.get("create_time"))
