"""Everything about every run except its points, from small tables alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from labbook.duck import Connection
from labbook.records import Issue, Latest, Said
from labbook.store import given, rows, sources, tally, wording
from labbook.store.keys import or_nan, unpack_path
from labbook.store.values import Revision, StoredRun, StoredSource


def read(connection: Connection, only: Collection[str] | None = None) -> list[StoredRun]:
    """Every run, or those of the given ids, in the order of name and id."""
    if only is not None and len(only) > _MOST_CHOSEN:
        chosen = set(only)
        return [run for run in read(connection) if run.run_id in chosen]
    some = _Some(None if only is None else rows.listed(only))
    by_id = {s.source_id: s for s in sources.read_all(connection, *some.of("source_id", _FEEDING))}
    pieces = _Pieces(
        _said(connection, by_id, some), _latest(connection, by_id, some), _issues(connection, some)
    )
    typed = given.newest(connection)
    where, parameters = some.of("run_id", rows.KEYS)
    found = connection.execute(
        "select run_id, identity, name, folder, created, last_progress "
        f"from runs {where} order by name, run_id",
        parameters,
    ).fetchall()
    return [_run(row, pieces, by_id, typed.get(row[0], {})) for row in found]


_MOST_CHOSEN = 200
"""Above this many runs all of them are read: one pass over small tables."""
_FEEDING = f"select source_id from said where run_id in ({rows.KEYS})"


@dataclass(frozen=True, slots=True)
class _Some:
    """Which runs are wanted, as a condition of a query."""

    listed: str | None
    """Their ids as one parameter; None for all."""

    def of(self, column: str, keys: str) -> tuple[str, list[str]]:
        """(where clause, its parameters)."""
        return ("", []) if self.listed is None else (f"where {column} in ({keys})", [self.listed])


def revisions(connection: Connection) -> dict[str, Revision]:
    """The revision of every run: what a look at the small tables can tell without reading them whole."""
    found = connection.execute(
        "with written as (select run_id, sum(generation)::bigint as times, bit_xor(hash(path, part)) as files "
        "  from said join sources using (source_id) group by run_id), "
        "typed as (select run_id, max(seq) as newest from given group by run_id) "
        "select run_id, hash(name, folder, identity, last_progress), coalesce(times, 0), coalesce(files, 0), "
        "  coalesce(newest, 0) from runs left join written using (run_id) left join typed using (run_id)"
    ).fetchall()
    return {run_id: (words, times, files, typed) for run_id, words, times, files, typed in found}


@dataclass(frozen=True, slots=True)
class _Pieces:
    said: dict[str, list[tuple[str, Said]]]
    latest: dict[str, list[Latest]]
    issues: dict[str, list[tuple[str, Issue]]]


def _run(
    row: tuple[Any, ...], pieces: _Pieces, by_id: dict[str, StoredSource], typed: dict[str, str]
) -> StoredRun:
    run_id, identity, name, folder, created, last_progress = row
    said = pieces.said.get(run_id, [])
    source_ids = list(dict.fromkeys(source_id for source_id, _ in said))
    return StoredRun(
        run_id=run_id,
        identity=unpack_path(identity),
        name=name,
        folder=unpack_path(folder),
        said=tuple(words for _, words in said),
        latest=tuple(pieces.latest.get(run_id, ())),
        given=typed,
        sources=tuple(by_id[source_id] for source_id in source_ids),
        issues=tuple(
            issue for key in source_ids for owner, issue in pieces.issues.get(key, ()) if owner in ("", run_id)
        ),
        created=or_nan(created),
        last_progress=or_nan(last_progress),
    )


def _said(
    connection: Connection, by_id: dict[str, StoredSource], some: _Some
) -> dict[str, list[tuple[str, Said]]]:
    said: dict[str, list[tuple[str, Said]]] = defaultdict(list)
    where, parameters = some.of("run_id", rows.KEYS)
    found = connection.execute(
        f"select {wording.COLUMNS} from said {where} order by source_id, part", parameters
    ).fetchall()
    for words in map(wording.from_row, found):
        source = by_id[words.source_id]
        said[words.run_id].append((words.source_id, words.said(source.path, source.format)))
    return said


def _latest(connection: Connection, by_id: dict[str, StoredSource], some: _Some) -> dict[str, list[Latest]]:
    latest: dict[str, list[Latest]] = defaultdict(list)
    where, parameters = some.of("run_id", rows.KEYS)
    found = connection.execute(
        f"select run_id, series, source_id, {tally.READ} from latest {where} order by series, source_id",
        parameters,
    ).fetchall()
    for run_id, series, source_id, *numbers in found:
        latest[run_id].append(Latest(series, by_id[source_id].path, *numbers))
    return latest


def _issues(connection: Connection, some: _Some) -> dict[str, list[tuple[str, Issue]]]:
    issues: dict[str, list[tuple[str, Issue]]] = defaultdict(list)
    where, parameters = some.of("source_id", _FEEDING)
    found = connection.execute(
        f"select source_id, run_id, code, text, place, count from issues {where}", parameters
    ).fetchall()
    for source_id, run_id, *rest in found:
        issues[source_id].append((run_id, Issue(*rest)))
    return issues


def forget(connection: Connection, run_ids: Collection[str]) -> None:
    """Remove the runs with all that was read and typed.

    A source that speaks of no other run is forgotten too: reading it again brings the run back whole.
    """
    fed = rows.sources_of(connection, run_ids)
    for table in ("points", "latest", "said", "given", "runs"):
        rows.delete(connection, table, "run_id", run_ids)
    rows.delete(connection, "issues", "run_id", run_ids)
    alone = fed - rows.taken(connection, "said", "source_id", fed)
    rows.delete(connection, "sources", "source_id", alone)
    rows.delete(connection, "issues", "source_id", alone)
