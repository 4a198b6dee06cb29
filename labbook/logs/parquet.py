"""Parquet tables, read through DuckDB in memory: a curve, points of several runs, or one row a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.errors import LabbookError, ReadError
from labbook.logs import names
from labbook.logs.carry import put_config
from labbook.logs.column_map import apply_columns, column_issues, columns_in, kept
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.ladder_rows import MOST_RUNS, Ladder, config_of, reach_plan, run_sizes
from labbook.logs.long_table import Runs, Shape, shape_of, short
from labbook.logs.opening import packing
from labbook.logs.rows import Rows
from labbook.logs.run_columns import columns_of, form_of, words_of
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.duck import Connection

_MAGIC = b"PAR1"
_LOSS = re.compile(rb"loss", re.IGNORECASE)
MOST_ROWS = 5_000_000
_SAMPLED = 800
"""Rows by which the form is decided."""
_PACKED = "an archive of a Parquet file is not read: unpack it first"
_TEXTS = ("VARCHAR", "TIMESTAMP", "DATE", "ENUM")
_NUMBERS = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "U")
"""Beginnings of DuckDB's names of types."""


@dataclass(frozen=True, slots=True)
class _Table:
    """An open file."""

    connection: Connection
    path: str
    written: tuple[str, ...]
    """Columns of plain values, as the file names them."""
    names: tuple[str, ...]
    """The same after the map."""
    numeric: frozenset[str]

    def rows(self, limit: int) -> list[dict[str, object]]:
        """The first rows."""
        listed = ", ".join(map(_quoted, self.written))
        query = f"select {listed} from read_parquet(?) limit {int(limit)}"
        found = self.connection.execute(query, [self.path]).fetchall()
        return [dict(zip(self.names, map(_cell, row), strict=True)) for row in found]

    def heads(self, at: Sequence[int]) -> list[dict[str, object]]:
        """The rows at the given places."""
        listed, place = ", ".join(map(_quoted, self.written)), "place"
        while place in self.written:
            place += "_"
        numbered = f"select row_number() over () - 1 as {place}, {listed} from read_parquet(?)"
        query = f"select {listed} from ({numbered}) where list_contains(?, {place}) order by {place}"
        found = self.connection.execute(query, [self.path, list(at)]).fetchall()
        return [dict(zip(self.names, map(_cell, row), strict=True)) for row in found]

    def columns(self, wanted: Sequence[str]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
        """(values, mask of the cells that are there) by column, (n,) each."""
        import numpy as np

        known = dict(zip(self.names, self.written, strict=True))
        listed = ", ".join(
            f"try_cast({_quoted(known[name])} as double) as c{at}" for at, name in enumerate(wanted)
        )
        query = f"select {listed} from read_parquet(?) limit {MOST_ROWS}"
        found = self.connection.execute(query, [self.path]).fetchnumpy()
        columns = {}
        for at, name in enumerate(wanted):
            column = found[f"c{at}"]
            there = ~np.ma.getmaskarray(column)
            columns[name] = (np.ma.getdata(column).astype(np.float64), there)
        return columns

    def runs(self, groups: Sequence[str]) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
        """(number of the run by row, cells of each run in order of appearance)."""
        import numpy as np

        known = dict(zip(self.names, self.written, strict=True))
        listed = ", ".join(f"coalesce({_quoted(known[name])}::varchar, '')" for name in groups)
        query = f"select concat_ws(chr(31), {listed}) as k from read_parquet(?) limit {MOST_ROWS}"
        keys = self.connection.execute(query, [self.path]).fetchnumpy()["k"]
        unique, first, number = np.unique(
            np.asarray(keys, dtype=object).astype(str), return_index=True, return_inverse=True
        )
        order = np.argsort(first)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return place[number], [tuple(str(unique[at]).split("\x1f")) for at in order]


class Parquet:
    """A Parquet file with a loss in it."""

    name = "parquet"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if not sample.head.startswith(_MAGIC):
            return None
        footer = sample.tail or sample.head
        if packing(sample.path) is not None:
            return (
                Sniffed(0.3, (Evidence("byte 0", f"PAR1; {_PACKED}"),)) if _LOSS.search(sample.head) else None
            )
        if not footer.endswith(_MAGIC) or not (_LOSS.search(footer) or sample.columns):
            return None  # most Parquet files are training data
        try:
            with _opened(sample.path, sample.columns) as table:
                form = _form(table)
        except (LabbookError, OSError):
            return None
        if form is None:
            return None
        return Sniffed(0.95, (Evidence("", ", ".join(clean(name, 40) for name in table.written[:8])),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        mapped, size = columns_in(state), path.stat().st_size
        if packing(path) is not None:
            return Reading([], size, kept(mapped), [Issue("unreadable", _PACKED)], replaces=True)
        issues: list[Issue] = []
        try:
            if not _is_whole(path):
                raise ReadError("no end")
            with _opened(path, mapped) as table:
                issues += column_issues(mapped, table.written)
                parts = _parts(table, path.name, issues)
        except LabbookError:
            return Reading([], offset, state, [Issue("cut-tail", "not a whole Parquet file", f"byte {size}")])
        return Reading(parts, size, kept(mapped), issues, replaces=True)


def _is_whole(path: Path) -> bool:
    """True where the mark of the end is there: it is written last."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_MAGIC)))
        return size > 2 * len(_MAGIC) and file.read() == _MAGIC


@cache
def _memory() -> Connection:
    """One database without any table: to begin a new one takes longer than to read a small file."""
    from labbook import duck

    return duck.connect_memory()


@contextmanager
def _opened(path: Path, columns: Mapping[str, str]) -> Iterator[_Table]:
    """The file as a table. Raises LabbookError where DuckDB cannot read it."""
    from labbook import duck

    literal = re.sub(r"([*?\[])", r"[\1]", str(path))  # DuckDB takes a path for a pattern
    with duck.closing(_memory().cursor(), str(path)) as connection:
        told = connection.execute("describe select * from read_parquet(?)", [literal]).fetchall()
        plain = [(str(name), str(kind)) for name, kind, *_ in told if _is_plain(str(kind))]
        written = tuple(name for name, _ in plain)
        renamed = tuple(apply_columns(columns, written))
        numeric = frozenset(
            new for new, (_, kind) in zip(renamed, plain, strict=True) if not kind.startswith(_TEXTS)
        )
        yield _Table(connection, literal, written, renamed, numeric)


def _form(table: _Table) -> str | None:
    """`ladder`, `long`, `curve` or None where the table is no log."""
    rows = table.rows(_SAMPLED)
    if not rows:
        return None
    form = form_of(table.names, rows)
    if form is not None:
        return form
    columns = columns_of(table.names)
    losses = [column for column in columns.losses.values() if column in table.numeric]
    counter = columns.axis or columns.of("tokens_seen") or next(filter(names.is_epoch, columns.rest), None)
    return "curve" if losses and counter in table.numeric else None


def _parts(table: _Table, source: str, issues: list[Issue]) -> list[RunPart]:
    form = _form(table)
    if form is None:
        issues.append(Issue("not-a-log", "no loss with an axis and no rows of runs in it"))
        return []
    if form == "ladder":
        ladder = Ladder(source)
        for index, row in enumerate(table.rows(MOST_RUNS), 1):
            ladder.add(row, index, f"row {index}")
        parts = ladder.close()
        issues += ladder.issues
        return parts
    first = table.rows(1)[0]
    columns = columns_of(table.names)
    shape = shape_of(columns, words_of(columns, first))
    if form == "long" and not shape.groups:  # one run whose splits share a column
        runs = Runs(source)
        for index, row in enumerate(table.rows(MOST_ROWS)):
            runs.add(row, index)
        issues += runs.issues
        return runs.close()
    points = [(column, name) for column, name in shape.points if column in table.numeric]
    values = table.columns([column for column, _ in points])
    if values and len(next(iter(values.values()))[0]) >= MOST_ROWS:
        issues.append(Issue("too-many-rows", f"the first {MOST_ROWS} rows are read, no further ones"))
    if form == "curve":
        part = RunPart(step_origin=1)
        _fill(part, [name for _, name in points], list(values.values()), None, issues)
        return [part]
    return _several(table, shape, points, values, source, issues)


def _several(
    table: _Table,
    shape: Shape,
    points: Sequence[tuple[str, str]],
    values: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
    source: str,
    issues: list[Issue],
) -> list[RunPart]:
    """The runs of a table in long form. A file that is written once holds whole runs."""
    import numpy as np

    number, found = table.runs(shape.groups)
    order = np.argsort(number, kind="stable").astype(np.int64)
    pieces = np.split(order, np.searchsorted(number[order], np.arange(1, len(found))))[:MOST_RUNS]
    heads = table.heads([int(piece[0]) for piece in pieces])
    parts = []
    for cells, head, places in zip(found, heads, pieces, strict=False):
        key = " ".join(map(short, cells)) if len(cells) > 1 else clean(cells[0])
        if not key:
            text = "rows that do not say of which run they are"
            issues.append(Issue("no-run", text, count=len(places)))
            continue
        part = RunPart(key=key, name=key, step_origin=1, figures=run_sizes(shape.fixed, head, f"run {key}"))
        put_config(part, config_of(shape.fixed, head), source)
        columns = [(column[places], there[places]) for column, there in values.values()]
        _fill(part, [name for _, name in points], columns, places, issues)
        part.status, part.status_line = "finished", "a Parquet file is written when it is complete"
        reach_plan(part)
        parts.append(part)
    return parts


def _fill(
    part: RunPart,
    keys: Sequence[str],
    columns: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
    places: NDArray[np.int64] | None,
    issues: list[Issue],
) -> None:
    import numpy as np

    if places is None:
        places = np.arange(len(columns[0][0]), dtype=np.int64)
    lost = Rows().add_columns(part, keys, columns, places, issues)
    if lost:
        issues.append(Issue("no-step", "rows without step, tokens or epoch", count=lost))


def _is_plain(kind: str) -> bool:
    """False for lists, structures and bytes."""
    return kind.startswith((*_TEXTS, *_NUMBERS)) and not kind.endswith("]") and kind not in {"UNION", "UUID"}


def _quoted(name: str) -> str:
    """A column's name as DuckDB's SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _cell(value: object) -> object:
    """A value as a row of a log has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    as_text = str(value)
    return float(as_text) if type(value).__name__ == "Decimal" else as_text
