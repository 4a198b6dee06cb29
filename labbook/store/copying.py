"""All rows from one database into another with the same tables; points go over sorted."""

from __future__ import annotations

from pathlib import Path

from labbook.duck import Connection, transaction
from labbook.store import sorting
from labbook.store.migrate import Migration, migrate, refuse_newer, version


def take_over(connection: Connection, database: Path, known: tuple[Migration, ...]) -> None:
    """Fill the empty database of `connection` from the file `database`, which is only read.

    An older file is taken over as it is and brought up to date here. Raises NotebookError for a newer one.
    """
    connection.execute(f"attach {_quoted(str(database))} as old (read_only)")
    try:
        found = version(connection, "old.main")
        refuse_newer(found, known)
        migrate(connection, known, upto=found)
        with transaction(connection):
            _copy(connection)
            sorting.mark_sorted(connection)
    finally:
        connection.execute("detach old")
    migrate(connection, known)


def _copy(connection: Connection) -> None:
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'old' order by 1"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"delete from {table}")
        order = f" order by {sorting.ORDER}" if table == "points" else ""
        connection.execute(f"insert into {table} by name select * from old.main.{table}{order}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
