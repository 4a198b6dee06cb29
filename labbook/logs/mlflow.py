"""MLflow's SQLite database: every run of a tracking store that is not deleted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from labbook.logs import names, sqlite
from labbook.logs.carry import put_config
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import learn, typed
from labbook.logs.numbers import number
from labbook.records import NAN, Reading, RunPart, Status
from labbook.text import clean

_TABLES = frozenset({"experiments", "runs", "metrics", "params"})
STATUS: dict[str, Status] = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "cancelled",
}
_INFINITE = 1.7976931348623157e308
"""What the database holds for an infinite value."""
_MOST = (1_000_000,)
"""Rows of a table that describes the runs."""
_COLUMNS = ("rowid", "run_uuid", "key", "value", "timestamp", "step", "is_nan")


class Mlflow:
    """An MLflow database, SQLite's way."""

    name = "mlflow"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        tables = sqlite.schema(sample)
        if not tables.keys() >= _TABLES or "run_uuid" not in tables["metrics"]:
            return None
        return Sniffed(0.99, (Evidence("tables", "experiments, runs, metrics, params"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        return sqlite.beside(path)

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        return sqlite.reading(path, offset, state, _read)


def _read(database: sqlite.Database, state: dict[str, object]) -> Reading:
    active, deleted = _runs(database)
    after = _after(database, state, active, deleted)
    runs = sqlite.Runs(state if after else {})
    _describe(database, runs, active)
    last = after
    for run, row, first, last in _records(database, after):  # noqa: B007  where the reading stands
        if run in active:
            runs.add(run, row, first)
    issues = runs.issues + database.issues
    parts = runs.parts
    if not after:
        issues += without_loss(parts, "MLflow database")
        parts = parts if any(part.series for part in parts) else []
    kept = runs.state() | {
        "last": last,
        "mark": database.mark("metrics", last),
        "deleted": sorted(deleted),
    }
    return Reading(parts, 0, kept, issues, replaces=not after, more=database.goes_on("metrics", last))


def _runs(database: sqlite.Database) -> tuple[dict[str, sqlite.Row], set[str]]:
    """(name, status, start) of the runs that count, and the ids of those that were deleted."""
    active: dict[str, sqlite.Row] = {}
    deleted: set[str] = set()
    wanted = ("run_uuid", "lifecycle_stage", "name", "status", "start_time")
    for run, stage, *said in database.select("runs", wanted, "order by rowid"):
        if stage == "deleted":
            deleted.add(clean(str(run), 80))
        else:
            active[clean(str(run), 80)] = tuple(said)
    return active, deleted


def _after(
    database: sqlite.Database, state: dict[str, object], active: dict[str, sqlite.Row], deleted: set[str]
) -> int:
    """The row behind which the reading goes on; 0 where all is read again, as after a run was deleted."""
    before = state.get("runs")
    known = before.keys() if isinstance(before, dict) else frozenset[str]()
    if state.get("deleted") != sorted(deleted) or not known <= active.keys():
        return 0
    return database.continued("metrics", state)


def _describe(database: sqlite.Database, runs: sqlite.Runs, active: dict[str, sqlite.Row]) -> None:
    """What the store says of its runs besides their points."""
    named = database.select("tags", ("run_uuid", "value"), "where key = 'mlflow.runName' limit ?", _MOST)
    called = {clean(str(run), 80): name for run, name in named}
    for run, (name, status, start) in active.items():
        if (found := runs.of(run)) is not None:
            part = found[0]
            part.identity = run
            part.name = clean(str(called.get(run) or name or "")) or None
            part.started = seconds(start)
            tell(part, status)
    for owner, key, value in database.select("params", ("run_uuid", "key", "value"), "limit ?", _MOST):
        if str(owner) in active and key is not None and (found := runs.of(str(owner))) is not None:
            put_config(found[0], {clean(str(key), 120): typed(str(value))}, "MLflow params")
    by_run: dict[str, list[str]] = {}
    for owner, key in database.select("latest_metrics", ("run_uuid", "key"), "limit ?", _MOST):
        by_run.setdefault(str(owner), []).append(str(key))
    for run, keys in by_run.items():
        if run in active and (found := runs.of(run)) is not None:
            learn(found[1], keys)


def tell(part: RunPart, status: object) -> None:
    """Note the status MLflow gives a run."""
    part.status = STATUS.get(str(status), "unknown")
    part.status_line = f"status {clean(str(status), 40)}" if status is not None else ""


def seconds(milliseconds: object) -> float:
    """Unix seconds of MLflow's clock, NaN where it has none."""
    value = number(milliseconds)
    return value / 1e3 if value is not None and value > 0 and math.isfinite(value) else NAN


def _records(database: sqlite.Database, after: int) -> Iterator[tuple[str, dict[str, object], int, int]]:
    """(run, values of one step, first row, last row): what was logged together comes together.

    After `MOST_ROWS` rows the last step is left for the next reading: it may go on.
    """
    run, row, first, last, size, taken, given = "", dict[str, object](), 0, after, 0, 0, 0
    rest = "where rowid > ? order by rowid limit ?"
    for rowid, owner, key, value, wall, step, is_nan in database.select(
        "metrics", _COLUMNS, rest, (after, sqlite.MOST_ROWS)
    ):
        name = str(key)
        if size and (owner != run or row["step"] != step or name in row):
            yield run, row, first, last
            size, given = 0, given + 1
        if not size:
            run, row, first = str(owner), {"step": step, "timestamp": wall}, _rowid(rowid)
        last, size, taken = _rowid(rowid), size + 1, taken + 1
        if names.axis_rank(name) is None and not names.is_wall(name):
            row[name] = _value(value, is_nan)
    if size and (taken < sqlite.MOST_ROWS or not given):
        yield run, row, first, last


def _rowid(value: object) -> int:
    return value if isinstance(value, int) else 0


def _value(value: object, is_nan: object) -> float | None:
    """A metric's value: NaN is a flag beside a 0, infinity the largest number there is."""
    if is_nan:
        return math.nan
    found = number(value)
    if found is None or abs(found) < _INFINITE:
        return found
    return math.copysign(math.inf, found)
