"""Rows in bulk: many values go to DuckDB as one JSON text, never as lists and never row by row.

For every value of a list parameter DuckDB looks for pandas anew; where that is not installed, as here, each
look costs 0.1 ms. A JSON text of the same values is read forty times as fast.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence

from labbook.duck import Connection
from labbook.store.keys import short_key

KEYS = """select unnest(from_json(?, '["varchar"]'))"""
"""Subquery over the strings of one parameter made by `listed`."""
_TYPES = {int: "bigint", float: "double", str: "varchar"}


def listed(values: Iterable[object]) -> str:
    """The values as the text that `KEYS` takes. They must be valid UTF-8."""
    return json.dumps(list(values))


def columns_of(**types: str) -> str:
    """Select list of a subquery that takes one parameter for each name, made by `listed`."""
    return ", ".join(f"unnest(from_json(?, '[\"{kind}\"]')) as {name}" for name, kind in types.items())


def insert(connection: Connection, table: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Append the rows; `columns` names their values, in order. None becomes NULL."""
    if not rows:
        return
    names = [name.strip() for name in columns.split(",")]
    values = list(zip(*rows, strict=True))
    types = dict(zip(names, map(_type_of, values), strict=True))
    connection.execute(
        f"insert into {table} ({', '.join(names)}) select {columns_of(**types)}",
        [listed(column) for column in values],
    )


def _type_of(column: Iterable[object]) -> str:
    kinds = {type(value) for value in column if value is not None}
    if kinds == {int, float}:
        return "double"
    if kinds == {int} and any(isinstance(value, int) and value >= 2**63 for value in column):
        return "ubigint"
    return _TYPES[kinds.pop()] if len(kinds) == 1 else "varchar"


def delete(connection: Connection, table: str, column: str, keys: Collection[str]) -> None:
    """Delete the rows whose `column` is one of `keys`."""
    if keys:
        connection.execute(f"delete from {table} where {column} in ({KEYS})", [listed(keys)])


def taken(connection: Connection, table: str, column: str, keys: Collection[str]) -> set[str]:
    """Those of `keys` that stand in `column`."""
    if not keys:
        return set()
    found = connection.execute(
        f"select distinct {column} from {table} where {column} in ({KEYS})", [listed(keys)]
    )
    return {key for (key,) in found.fetchall()}


def new_keys(
    connection: Connection, table: str, column: str, texts: Collection[str], digits: int
) -> dict[str, str]:
    """A key for each text that is not in `column` yet: its digest, or where that is taken another one.

    A digest is taken where something that moved away has kept it.
    """
    used: set[str] = set()
    while True:
        keys: dict[str, str] = {}
        mine: set[str] = set(used)
        for text in texts:
            keys[text] = short_key(text, digits, mine)
            mine.add(keys[text])
        clashes = taken(connection, table, column, keys.values())
        if not clashes:
            return keys
        used |= clashes


def sources_of(connection: Connection, run_ids: Collection[str]) -> set[str]:
    """The ids of the sources that speak of the runs."""
    found = connection.execute(
        f"select distinct source_id from said where run_id in ({KEYS})", [listed(run_ids)]
    )
    return {key for (key,) in found.fetchall()}
