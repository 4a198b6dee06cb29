"""A person's own SQLite database: tables of run, step, key and value, or with a column for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from labbook.logs import names, sqlite
from labbook.logs.carry import put_config, scalar
from labbook.logs.column_map import apply_columns, columns_in
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import typed
from labbook.logs.mlflow import Mlflow
from labbook.logs.names import plain
from labbook.logs.opening import packing
from labbook.logs.swanlab_folder import SwanLabFolder
from labbook.logs.trackio import Trackio
from labbook.records import Issue, Reading
from labbook.text import clean

_RUNS = ("run_id", "run_uuid", "run", "run_name", "experiment_id", "experiment", "exp", "exp_name", "trial")
_KEYS = ("key", "metric", "metric_name", "tag", "name")
_VALUES = ("value", "val", "metric_value")
_CONFIGS = frozenset({"config", "configs", "params", "hparams", "hyperparameters", "runs", "experiments"})
_NAMES = ("name", "run_name")
_TRACKERS = (Mlflow(), Trackio(), SwanLabFolder())
"""Formats that know their databases better."""


@dataclass(frozen=True, slots=True)
class _Table:
    """What the columns of a table are."""

    name: str
    columns: tuple[str, ...]
    """As in the database."""
    meant: tuple[str, ...]
    """As in the names table: a person's column map applied."""
    run: int | None
    key: int | None
    """With `value`: a long table."""
    value: int | None


class OwnSqlite:
    """Any database with a table that has a step and a loss."""

    name = "sqlite"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if _is_packed(sample):
            return Sniffed(0.5, (Evidence("byte 0", sqlite.PACKED),))
        found = _tables(sqlite.schema(sample), sample.columns)
        if not found or any(tracker.sniff(sample) is not None for tracker in _TRACKERS):
            return None
        table = found[0]
        text = f"{table.name}({', '.join(table.columns)})"
        return Sniffed(0.6, (Evidence("table", clean(text, 160)),))

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


def _is_packed(sample: Sample) -> bool:
    """True for a database inside an archive, which SQLite cannot open."""
    if not sample.head.startswith(sqlite.MAGIC):
        return False
    try:
        return packing(sample.path) is not None
    except OSError:
        return False


def _tables(tables: sqlite.Tables, columns: Mapping[str, str]) -> list[_Table]:
    """The tables that hold curves; what a tracker keeps for itself beside them is none."""
    found = []
    for name, present in tables.items():
        table = _table(name, present, tuple(apply_columns(columns, present)))
        if table is not None:
            found.append(table)
    return found


def _table(name: str, columns: tuple[str, ...], meant: tuple[str, ...]) -> _Table | None:
    flat = [plain(column) for column in meant]
    if not any(
        names.axis_rank(m) is not None or names.is_epoch(m) or names.tokens_rank(m) is not None for m in meant
    ):
        return None
    key, value = _first(_KEYS, flat), _first(_VALUES, flat)
    run = _first(_RUNS, flat)
    if key is not None and value is not None:
        return _Table(name, columns, meant, run, key, value)
    if any(_is_loss(name, column) for column in meant):
        return _Table(name, columns, meant, run, None, None)
    return None


def _first(wanted: Sequence[str], flat: Sequence[str]) -> int | None:
    return next((flat.index(name) for name in wanted if name in flat), None)


def _is_loss(table: str, column: str) -> bool:
    meaning = names.series_of(_metric(table, column)) or names.series_of_tail(column)
    return meaning is not None and names.is_loss(meaning[0])


def _metric(table: str, column: str) -> str:
    """`loss` of a table `val` is `val/loss`; of a table of any other name it is the loss."""
    both = f"{table}/{column}"
    return both if names.series_of(both) is not None else column


def _read(database: sqlite.Database, state: dict[str, object]) -> Reading:
    tables = _tables(database.tables(), columns_in(state))
    before = state.get("tables")
    known = before if isinstance(before, dict) else {}
    after = {table.name: database.continued(table.name, _of(known, table.name)) for table in tables}
    if not known.keys() <= after.keys() or any(not after[name] for name in known):
        known, after = {}, dict.fromkeys(after, 0)
    runs = sqlite.Runs(state if known else {})
    issues: list[Issue] = []
    kept: dict[str, object] = {}
    more = False
    for table in tables:
        last = after[table.name]
        for run, row, last in _rows(database, table, last):  # noqa: B020  where the reading stands
            runs.add(run, row, last)
        more = more or database.goes_on(table.name, last)
        if last:
            kept[table.name] = {"last": last, "mark": database.mark(table.name, last)}
    _configure(database, runs)
    parts = runs.parts
    issues += runs.issues + database.issues
    if not known:
        issues += without_loss(parts, "SQLite database")
        parts = parts if any(part.series for part in parts) else []
    for part in parts:
        part.name = part.name or part.key or None
    return Reading(parts, 0, runs.state() | {"tables": kept}, issues, replaces=not known, more=more)


def _of(known: Mapping[str, object], table: str) -> Mapping[str, object]:
    found = known.get(table)
    return found if isinstance(found, dict) else {}


def _rows(database: sqlite.Database, table: _Table, after: int) -> Iterator[tuple[str, dict[str, object], int]]:
    """(run, values of one step, last row) of a table from a row on."""
    rest = "where rowid > ? order by rowid limit ?"
    cells = database.select(table.name, ("rowid", *table.columns), rest, (after, sqlite.MOST_ROWS))
    return _wide(cells, table) if table.key is None or table.value is None else _long(cells, table)


def _wide(cells: Iterator[sqlite.Row], table: _Table) -> Iterator[tuple[str, dict[str, object], int]]:
    """One row a step. An empty cell is missing."""
    skipped = {"id", plain(table.meant[table.run])} if table.run is not None else {"id"}
    named = ((at, name) for at, name in enumerate(table.meant, 1) if plain(name) not in skipped)
    wanted = [(at, _metric(table.name, name)) for at, name in named]
    for row in cells:
        values = {name: row[at] for at, name in wanted if row[at] is not None}
        yield _run(row, table), values, _rowid(row)


def _long(cells: Iterator[sqlite.Row], table: _Table) -> Iterator[tuple[str, dict[str, object], int]]:
    """One row a value; rows of a run that share step, tokens, epoch and clock come together.

    After `MOST_ROWS` rows the last step is left for the next reading: it may go on.
    """
    key, value = (table.key or 0) + 1, (table.value or 0) + 1
    axes = [(at, name) for at, name in enumerate(table.meant, 1) if at not in (key, value) and _is_axis(name)]
    before: tuple[object, ...] | None = None
    values: dict[str, object] = {}
    run, last, size, taken, given = "", 0, 0, 0, 0
    for row in cells:
        now = (None if table.run is None else row[table.run + 1], *(row[at] for at, _ in axes))
        name = str(row[key])
        if size and (now != before or name in values):
            yield run, values, last
            size, given = 0, given + 1
        if not size:
            before, run = now, _run(row, table)
            values = {axis: row[at] for at, axis in axes}
        last, size, taken = _rowid(row), size + 1, taken + 1
        if not _is_axis(name):
            values[name] = row[value]
    if size and (taken < sqlite.MOST_ROWS or not given):
        yield run, values, last


def _run(row: sqlite.Row, table: _Table) -> str:
    return "" if table.run is None or row[table.run + 1] is None else clean(str(row[table.run + 1]), 120)


def _rowid(row: sqlite.Row) -> int:
    return row[0] if isinstance(row[0], int) else 0


@lru_cache(maxsize=4096)
def _is_axis(name: str) -> bool:
    found = names.axis_rank(name) is not None or names.is_epoch(name) or names.is_wall(name)
    return found or names.tokens_rank(name) is not None


def _configure(database: sqlite.Database, runs: sqlite.Runs) -> None:
    """Configuration from a table that has no step: one row a run, or run, key and value."""
    by_key = {part.key: part for part in runs.parts}
    for table, columns in database.tables().items():
        flat = [plain(column) for column in columns]
        run = _first((*_RUNS, "id", "name"), flat)
        if (
            plain(table) not in _CONFIGS
            or run is None
            or any(names.axis_rank(column) is not None for column in columns)
        ):
            continue
        key, value = _first(_KEYS, flat), _first(_VALUES, flat)
        for cells in database.select(table, columns, "limit ?", (sqlite.MOST_ROWS,)):
            part = by_key.get(clean(str(cells[run]), 120))
            if part is None:
                continue
            if key is not None and value is not None and key != run:
                put_config(part, {clean(str(cells[key]), 120): _typed(cells[value])}, clean(table, 80))
                continue
            said = {
                clean(name, 120): _typed(cell)
                for name, cell in zip(columns, cells, strict=True)
                if cell is not None
            }
            named = next((said[name] for name in columns if plain(name) in _NAMES and name in said), None)
            part.name = clean(str(named)) if named is not None else part.name
            put_config(
                part, {name: cell for name, cell in said.items() if name != columns[run]}, clean(table, 80)
            )


def _typed(cell: object) -> str | int | float | bool | None:
    return typed(cell) if isinstance(cell, str) else scalar(cell)
