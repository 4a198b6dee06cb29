"""Results that take long, kept under the digest of their inputs; the oldest go when there are too many."""

from __future__ import annotations

from collections.abc import Sequence

from labbook import __version__
from labbook.duck import Connection
from labbook.store.keys import storable

MOST_BYTES = 64 * 2**20
_TRIM = """
delete from cache where rowid in (
  select rowid from (select rowid, sum(bytes) over (order by unix_time desc, rowid desc) as newer from cache)
  where newer > ?
)
"""


def get(connection: Connection, kind: str, digests: Sequence[str]) -> dict[str, str]:
    """The values put by this version of labbook, by digest; those that are there."""
    rows = connection.execute(
        "select digest, value from cache where kind = ? and engine = ? and digest in (select unnest(?))",
        [kind, __version__, list(digests)],
    ).fetchall()
    return {str(digest): str(value) for digest, value in rows}


def put(connection: Connection, kind: str, digest: str, value: str, now: float) -> None:
    """Keep the value; one larger than the whole cache is not kept."""
    kept = storable(value)
    connection.execute("delete from cache where kind = ? and digest = ?", [kind, digest])
    connection.execute(
        "insert into cache values (?, ?, ?, ?, ?, ?)",
        [kind, digest, __version__, kept, len(kept.encode()), now],
    )
    connection.execute(_TRIM, [MOST_BYTES])


def weight(connection: Connection) -> int:
    """Bytes of all values."""
    row = connection.execute("select coalesce(sum(bytes), 0) from cache").fetchone()
    return int(row[0]) if row else 0
