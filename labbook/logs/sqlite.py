"""SQLite databases other programs write: opened without touching them, read without trusting them.

A database is never opened in place while a write-ahead log or a rollback journal lies beside it: it is copied
with that file and the copy is opened, so that nothing is created beside it and nothing recent is missed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Sample
from labbook.logs.opening import packing
from labbook.logs.rows import Rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

MAGIC = b"SQLite format 3\x00"
PACKED = "a packed database: unpack it first"
MOST_ROWS = 500_000
"""Rows taken in one reading; the next one goes on behind them."""
MOST_RUNS = 5_000
MOST_TABLES = 500
_MOST_COPIED = 4 << 30
"""Bytes of a database that is copied because it is being written."""
_LONGEST = 16 << 20
"""Bytes of one value; a longer one ends the query."""
_TRIES = 5
_PAUSE = 0.05
_OPERATIONS = 100_000
"""Steps of SQLite's machine between two looks at how long a row takes."""
PATIENCE = 3_000
"""Looks without a row after which a query is given up: some seconds."""
_COMPANIONS = ("-wal", "-journal")

Tables = Mapping[str, tuple[str, ...]]
"""Columns by table."""
Row = tuple[object, ...]
_Look = tuple[tuple[int, int, int] | None, ...]
Answer = TypeVar("Answer")


def beside(path: Path) -> tuple[Path, ...]:
    """The write-ahead log or rollback journal that belongs to the database, where it holds something."""
    found = (path.with_name(path.name + ending) for ending in _COMPANIONS)
    return tuple(each for each in found if _size(each))


def _size(path: Path) -> int:
    """Bytes of a regular file; 0 for a link and anything else."""
    try:
        looked = path.lstat()
    except OSError:
        return 0
    return looked.st_size if stat.S_ISREG(looked.st_mode) else 0


def _look(path: Path) -> _Look:
    """Inode, size and time of change of the database and of what lies beside it."""
    looked: list[tuple[int, int, int] | None] = []
    for each in (path, *(path.with_name(path.name + ending) for ending in _COMPANIONS)):
        try:
            found = each.stat() if each == path else each.lstat()
            looked.append((found.st_ino, found.st_size, found.st_mtime_ns))
        except OSError:
            looked.append(None)
    return tuple(looked)


class Database:
    """A database that is open for reading. What goes wrong in a query is an issue, and ends that query."""

    def __init__(self, connection: sqlite3.Connection, patience: int = PATIENCE) -> None:
        self._connection = connection
        self._patience = patience
        self._waited = 0
        self.issues: list[Issue] = []
        self._tables: Tables | None = None
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(self._is_stuck, _OPERATIONS)
        for setting in ("trusted_schema = off", "query_only = on", "cell_size_check = on", "mmap_size = 0"):
            connection.execute(f"pragma {setting}")

    def _is_stuck(self) -> bool:
        self._waited += 1
        return self._waited > self._patience

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows of a query as far as they can be read."""
        self._waited = 0
        try:
            for row in self._connection.execute(query, values):
                self._waited = 0
                yield row
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
                text = "a query took too long and was given up; what it gave so far is kept"
                self.issues.append(Issue("too-slow", text))
            else:
                self.issues.append(damaged(error))

    def tables(self) -> Tables:
        """Columns of every ordinary table: virtual ones and views run code of their own."""
        if self._tables is None:
            self._tables = self._read_tables()
        return self._tables

    def _read_tables(self) -> Tables:
        query = "select name, sql from sqlite_master where type = 'table' order by rowid limit ?"
        found: dict[str, tuple[str, ...]] = {}
        for name, text in list(self.rows(query, (MOST_TABLES,))):
            is_own = not str(name).startswith("sqlite_")
            if is_own and not str(text).lstrip().lower().startswith("create virtual"):
                columns = self.rows(f"pragma table_info({quoted(str(name))})")
                found[str(name)] = tuple(str(column[1]) for column in columns)
        return found

    def select(
        self, table: str, wanted: Sequence[str], rest: str = "", values: Sequence[object] = ()
    ) -> Iterator[Row]:
        """The wanted columns of a table; one it does not have is null throughout, and a table that is not there
        has no rows."""
        if table not in self.tables():
            return iter(())
        there = {column.lower() for column in self.tables()[table]} | {"rowid"}
        columns = ", ".join(quoted(name) if name.lower() in there else "null" for name in wanted)
        return self.rows(f"select {columns} from {quoted(table)} {rest}", values)

    def mark(self, table: str, rowid: int) -> str:
        """Digest of one row, empty where it is gone: the same row stands there as long as this is the same."""
        found = list(self.rows(f"select * from {quoted(table)} where rowid = ?", (rowid,)))
        return hashlib.blake2b(repr(found[0]).encode(), digest_size=12).hexdigest() if found else ""

    def goes_on(self, table: str, rowid: int) -> bool:
        """True where rows behind this one wait for the next reading; never behind damage."""
        behind = self.select(table, ("rowid",), "where rowid > ? limit 1", (rowid,))
        return not self.issues and next(behind, None) is not None

    def continued(self, table: str, state: Mapping[str, object]) -> int:
        """The row behind which a reading goes on, 0 where the table is no longer what `state` was made of."""
        last = state.get("last")
        if not isinstance(last, int) or last <= 0:
            return 0
        return last if self.mark(table, last) == state.get("mark") else 0


def quoted(name: str) -> str:
    """A name as SQL takes it for one."""
    return '"' + name.replace('"', '""') + '"'


def damaged(error: Exception) -> Issue:
    """The issue for what SQLite says of a file."""
    return Issue("damaged", clean(f"the database cannot be read to its end: {error}"))


@contextmanager
def _open(path: Path, copied: bool) -> Iterator[Database]:
    """Raises sqlite3.Error."""
    where = quote(os.fsencode(path))
    ways = "" if copied else "?mode=ro&immutable=1"
    with closing(sqlite3.connect(f"file:{where}{ways}", uri=True, timeout=1.0)) as connection:
        yield Database(connection)


@contextmanager
def _copy(path: Path) -> Iterator[Path | None]:
    """A copy of the database with what lies beside it, of one moment; None where it never stands still."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="labbook-") as folder:
        copy = Path(folder, "copy.db")
        for attempt in range(_TRIES):
            before, others = _look(path), beside(path)
            for old in Path(folder).iterdir():
                old.unlink()
            shutil.copyfile(path, copy)
            for other in others:
                shutil.copyfile(other, str(copy) + other.name.removeprefix(path.name), follow_symlinks=False)
            if _stands_still(before, _look(path)):
                break
            time.sleep(_PAUSE * attempt)
        else:
            yield None
            return
        yield copy


def _stands_still(before: _Look, after: _Look) -> bool:
    """True where at most the write-ahead log grew: its copied beginning is whole up to some commit."""
    log, now = before[1], after[1]
    has_grown = log is not None and now is not None and log[0] == now[0] and log[1] <= now[1]
    return (before[0], before[2]) == (after[0], after[2]) and (log == now or has_grown)


def ask(path: Path, work: Callable[[Database], Answer]) -> Answer | Issue:
    """What `work` makes of the database, or why it cannot be opened. `work` may be called more than once:
    what it made while the file changed is dropped. Raises OSError.
    """
    if not beside(path):
        before = _look(path)
        if (issue := _cut(path)) is not None:
            return issue
        answer = _try(path, work, copied=False)
        if _look(path) == before:
            return answer
    if path.stat().st_size > _MOST_COPIED:
        return Issue("busy", "too large to be copied while it is written: read again when its writer has ended")
    with ExitStack() as stack:
        try:
            copy = stack.enter_context(_copy(path))
        except FileNotFoundError:
            path.stat()
            copy = None  # its log was folded in while it was copied
        if copy is None:
            return Issue("busy", "it changes faster than it can be copied; read again at its next change")
        return _try(copy, work, copied=True)


def _cut(path: Path) -> Issue | None:
    """An issue where pages are missing at the end: SQLite itself would take them for zeros."""
    with path.open("rb") as file:
        head = file.read(100)
        size = file.seek(0, os.SEEK_END)
    if len(head) < 100 or not head.startswith(MAGIC):
        return Issue("not-a-log", "no SQLite database")
    page = int.from_bytes(head[16:18], "big")
    page = 1 << 16 if page == 1 else max(page, 1)
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    if size % page == 0 and size >= pages * page:
        return None
    return Issue("cut-tail", "the database is cut: pages are missing at its end", f"byte {size}")


def _try(path: Path, work: Callable[[Database], Answer], *, copied: bool) -> Answer | Issue:
    try:
        with _open(path, copied) as database:
            return work(database)
    except sqlite3.Error as error:
        return damaged(error)


def schema(sample: Sample) -> Tables:
    """The tables of a sampled file, empty where it is no database that can be opened. Never raises."""
    if not sample.head.startswith(MAGIC):
        return {}
    try:
        if packing(sample.path) is not None:
            return {}
        return _schema(sample.path, _look(sample.path))
    except OSError:
        return {}


@lru_cache(maxsize=64)  # by the look too: it is what makes an answer stale
def _schema(path: Path, look: _Look) -> Tables:
    found = ask(path, lambda database: database.tables())
    return {} if isinstance(found, Issue) else found


class Runs:
    """The runs of one database while it is read, and what is kept of them between two readings."""

    def __init__(self, state: Mapping[str, object]) -> None:
        kept = state.get("runs")
        self._kept: Mapping[str, object] = kept if isinstance(kept, dict) else {}
        self._runs: dict[str, tuple[RunPart, Rows]] = {}
        self._issues: list[Issue] = []
        self._stepless = 0
        self._first = 0
        self._is_full = False
        for key in self._kept:
            self.of(key)

    @property
    def parts(self) -> list[RunPart]:
        """One part a run, in the order they were met."""
        return [part for part, _ in self._runs.values()]

    def of(self, key: str) -> tuple[RunPart, Rows] | None:
        """The part and the rows of the run of this key, made on first use; None beyond the most runs."""
        found = self._runs.get(key)
        if found is None:
            if len(self._runs) >= MOST_RUNS:
                self._is_full = True
                return None
            kept = self._kept.get(key)
            known = kept if isinstance(kept, dict) else {}
            part = RunPart(key=key, step_origin=int(known.get("origin", 1)), name=known.get("name"))
            found = self._runs[key] = part, Rows(known.get("rows"))
        return found

    def add(self, key: str, row: Mapping[str, object], place: int) -> None:
        """Add the points of one row to a run."""
        run = self.of(key)
        if run is not None and not run[1].add(run[0], row, place, self._issues):
            self._first = self._first if self._stepless else place
            self._stepless += 1

    @property
    def issues(self) -> list[Issue]:
        """What was met while rows were added."""
        found = list(self._issues)
        if self._stepless:
            text = "records without step, tokens or epoch"
            found.append(Issue("no-step", text, f"row {self._first}", self._stepless))
        if self._is_full:
            found.append(Issue("too-many", f"more runs than the {MOST_RUNS} that are read"))
        return found

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "runs": {
                key: {"rows": rows.state(), "origin": part.step_origin, "name": part.name}
                for key, (part, rows) in self._runs.items()
            }
        }


def reading(
    path: Path,
    offset: int,
    state: dict[str, object],
    work: Callable[[Database, dict[str, object]], Reading],
) -> Reading:
    """What `work` reads from the database; an issue, and the state as it was, where it cannot be opened.

    Raises OSError.
    """
    if packing(path) is not None:
        return Reading([], path.stat().st_size, {}, [Issue("packed", PACKED)])
    found = ask(path, lambda database: work(database, state))
    if isinstance(found, Issue):
        return Reading([], offset, state, [found])
    found.offset = path.stat().st_size
    found.state |= kept(columns_in(state))
    return found
