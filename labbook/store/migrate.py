"""The tables, made and changed by numbered files, each in its own transaction and recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from labbook.duck import Connection, transaction
from labbook.errors import NotebookError
from labbook.resources import resource_dir


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered change of the tables."""

    version: int
    name: str
    sql: str


def migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """The changes in `folder`, by default those of this installation, in order."""
    files = sorted((folder or resource_dir("schemas")).glob("[0-9][0-9][0-9]_*.sql"))
    return tuple(Migration(int(f.name[:3]), f.stem, f.read_text(encoding="utf-8")) for f in files)


def version(connection: Connection, database: str = "main") -> int:
    """Number of the last change made to the notebook; 0 for an empty database.

    `database` is the schema the tables are in: `main`, or `name.main` of an attached one.
    Raises NotebookError where the tables are another program's.
    """
    catalog = database.removesuffix("main").rstrip(".") or None
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = coalesce(?, current_database())",
        [catalog],
    ).fetchall()
    if not tables:
        return 0
    if ("migrations",) not in tables:
        raise NotebookError("this DuckDB database is not a labbook notebook", "name another --notebook")
    return recorded(connection, database)


def recorded(connection: Connection, database: str = "main") -> int:
    """The same of what is known to be a notebook."""
    row = connection.execute(f"select max(version) from {database}.migrations").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def refuse_newer(found: int, known: tuple[Migration, ...]) -> None:
    """Raise NotebookError where the notebook was written by a newer labbook."""
    if found > known[-1].version:
        raise NotebookError(
            f"the notebook was written by a newer labbook (its tables are version {found}, "
            f"this one knows {known[-1].version})",
            "upgrade labbook, or name another --notebook",
        )


def migrate(connection: Connection, known: tuple[Migration, ...], upto: int | None = None) -> int:
    """Make the changes the database lacks, up to number `upto`; how many were made.

    Raises NotebookError where the database is newer than `known` or another program's.
    """
    found = version(connection)
    refuse_newer(found, known)
    missing = [m for m in known if m.version > found and (upto is None or m.version <= upto)]
    for change in missing:
        with transaction(connection):
            connection.execute(change.sql)
            connection.execute(
                "insert into migrations values (?, ?, ?)", [change.version, change.name, time.time()]
            )
    return len(missing)
