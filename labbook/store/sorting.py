"""Points in the order they are read: sort order is what makes a curve of ten million points quick.

Points are appended as they come, each batch in order. The short pieces of series among them, as live runs bring
them, are counted since the last sorting, and the table is rewritten sorted when they are at least UNSORTED_ROWS
and UNSORTED_SHARE of all: the work then stays in proportion to what was written.
"""

from __future__ import annotations

from labbook.duck import Connection

ORDER = "run_id, series, source_id, seq"
"""The order in which a curve is read with the fewest blocks."""
UNSORTED_ROWS = 500_000
UNSORTED_SHARE = 0.25
TOGETHER = 1000
"""Points of one series written at once that are read quickly wherever they lie."""
_KEY = "unsorted"


def count_unsorted(connection: Connection, new: int) -> None:
    """Remember `new` more points out of order."""
    _set(connection, unsorted(connection) + new)


def unsorted(connection: Connection) -> int:
    """Points appended since the last sorting."""
    row = connection.execute("select value from meta where key = ?", [_KEY]).fetchone()
    return int(row[0]) if row else 0


def is_due(connection: Connection) -> bool:
    """Whether it is time to sort."""
    loose = unsorted(connection)
    return loose >= UNSORTED_ROWS and loose >= UNSORTED_SHARE * count(connection)


def count(connection: Connection) -> int:
    """All points."""
    row = connection.execute("select count(*) from points").fetchone()
    return int(row[0]) if row else 0


def sort(connection: Connection) -> None:
    """Rewrite the points sorted, inside the caller's transaction."""
    connection.execute(f"create table sorted_points as select * from points order by {ORDER}")
    connection.execute("drop table points")
    connection.execute("alter table sorted_points rename to points")
    mark_sorted(connection)


def mark_sorted(connection: Connection) -> None:
    """Remember that no point is out of order."""
    _set(connection, 0)


def _set(connection: Connection, number: int) -> None:
    connection.execute("delete from meta where key = ?", [_KEY])
    connection.execute("insert into meta values (?, ?)", [_KEY, str(number)])
