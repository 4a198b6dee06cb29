"""What a person typed about runs: nothing is overwritten, the newest value of a key counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from labbook.duck import Connection
from labbook.store import rows
from labbook.store.keys import storable
from labbook.store.values import Given


def give(connection: Connection, run_ids: Iterable[str], values: Mapping[str, str], now: float) -> None:
    """Each of the values for each of the runs; an empty value takes the key back."""
    row = connection.execute("select coalesce(max(seq), 0) from given").fetchone()
    seq = int(row[0]) if row else 0
    news: list[tuple[object, ...]] = []
    for run_id in run_ids:
        for key, value in values.items():
            seq += 1
            news.append((run_id, storable(key), storable(value), float(now), seq))
    rows.insert(connection, "given", "run_id, key, value, unix_time, seq", news)


def newest(connection: Connection) -> dict[str, dict[str, str]]:
    """The values that count, by run and key."""
    typed: dict[str, dict[str, str]] = defaultdict(dict)
    found = connection.execute(
        "select run_id, key, arg_max(value, seq) from given group by all order by max(seq)"
    ).fetchall()
    for run_id, key, value in found:
        if value:
            typed[run_id][key] = value
    return dict(typed)


def history(connection: Connection, run_id: str) -> list[Given]:
    """All that was ever typed about the run, oldest first."""
    found = connection.execute(
        "select key, value, unix_time from given where run_id = ? order by seq", [run_id]
    ).fetchall()
    return [Given(*row) for row in found]
