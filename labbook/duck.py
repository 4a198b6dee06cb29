"""The one module that imports duckdb: settings, connections, and its errors in our words.

DuckDB takes every core and 80 % of the memory unless told otherwise, draws a progress bar into the
terminal after two seconds, and may try to download an extension. None of that is right on a shared login
node, so every connection of labbook is made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection as Connection

from labbook.errors import LabbookError, NotebookBusy, NotebookError, UsageError

__all__ = [
    "Connection",
    "answer",
    "closing",
    "connect",
    "connect_memory",
    "select_only",
    "transaction",
    "translated",
]

THREADS = 2
MEMORY = "1GB"
STORAGE = "v1.4.0"
"""Oldest DuckDB that reads a new notebook; its storage writes repeated text a third faster than the default."""
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}

_DAMAGED = ("Corrupt database file", "Could not read enough bytes")
_FULL = ("No space left on device", "Disk quota exceeded", "Failed to create checkpoint")
_KEPT = "what was committed before is kept; free some space and run labbook again"


def connect(path: Path, *, read_only: bool) -> Connection:
    """A connection to the database file `path`. Only `labbook.store` opens one, under its lock.

    Read-only ones reach no other file. They all have the same settings, because two of them with
    different settings cannot be open in one process. Raises NotebookError, NotebookBusy.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        **_OFFLINE,
        "threads": THREADS,
        "memory_limit": MEMORY,
        "storage_compatibility_version": STORAGE,
    }
    if read_only:
        config["enable_external_access"] = "false"
    with translated(str(path)):
        return _quiet(duckdb.connect(str(path), read_only=read_only, config=config))


def connect_memory() -> Connection:
    """An in-memory connection: a throw-away notebook, or one of DuckDB's own file readers.

    It does not spill to disk: its spill folder would stand in the current directory.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        **_OFFLINE,
        "threads": THREADS,
        "memory_limit": "4GB",
        "temp_directory": "",
    }
    with translated(":memory:"):
        return _quiet(duckdb.connect(":memory:", config=config))


def _quiet(connection: Connection) -> Connection:
    connection.execute("set enable_progress_bar = false")
    return connection


@contextmanager
def closing(connection: Connection, where: str) -> Iterator[Connection]:
    """The connection, closed at the end; DuckDB's errors inside become ours."""
    with translated(where):
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """One transaction: committed at the end, rolled back where anything is raised."""
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        _rollback(connection)
        raise


def _rollback(connection: Connection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        # after a FatalException or a failed commit there is nothing left to roll back;
        # the first error is on its way to the caller
        return


def select_only(connection: Connection, query: str) -> bool:
    """True where `query` is one statement that only reads. Raises UsageError where it does not parse."""
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise UsageError(f"the query does not parse: {_first_line(error)}") from error
    reading = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    return len(statements) == 1 and statements[0].type in reading


def answer(connection: Connection, query: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Column names and rows of a query a person typed. Raises UsageError where it cannot be answered."""
    try:
        found = connection.execute(query)
        names = tuple(column[0] for column in found.description or ())
        return names, found.fetchall()
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
        raise UsageError(f"the query cannot be answered: {_first_line(error)}") from error


@contextmanager
def translated(where: str) -> Iterator[None]:
    """DuckDB's errors inside as NotebookError or NotebookBusy, with what to try next."""
    try:
        yield
    except duckdb.Error as error:
        raise _explained(error, where) from error


def _explained(error: duckdb.Error, where: str) -> LabbookError:
    text = str(error)
    if "Could not set lock" in text:
        return NotebookBusy(f"{where} is open in another program{_culprit(text)}", "close that program first")
    if any(sign in text for sign in _DAMAGED) or isinstance(error, duckdb.SerializationException):
        hint = "move it away and the logs are read again; what was typed is in the damaged file only"
        return NotebookError(f"{where} is damaged: {_first_line(error)}", hint)
    if "not a valid DuckDB database file" in text:
        return NotebookError(f"{where} is not a DuckDB database", "move it away, or name another --notebook")
    if "we can only read versions" in text:
        return NotebookError(f"{where} was written by a newer DuckDB", "upgrade labbook")
    if any(sign in text for sign in _FULL):
        return NotebookError(f"the disk that holds {where} is full", _KEPT)
    if isinstance(error, duckdb.FatalException):
        return NotebookError(f"DuckDB had to give up on {where}: {_first_line(error)}", _KEPT)
    if "database does not exist" in text:
        return NotebookError(f"{where} is gone", "start labbook again to make a new notebook")
    if "Permission denied" in text or "Read-only file system" in text:
        return NotebookError(f"{where} cannot be written here", "name another --notebook")
    if isinstance(error, duckdb.OutOfMemoryException):
        return NotebookError(f"not enough memory to work on {where}: {_first_line(error)}")
    return NotebookError(f"{where}: {_first_line(error)}")


def _culprit(text: str) -> str:
    found = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    return f" ({found[1]}, pid {found[2]})" if found else ""


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
