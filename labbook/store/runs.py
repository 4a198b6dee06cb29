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
from labbook.store.values import StoredRun, StoredSource


def read_all(connection: Connection) -> list[StoredRun]:
    """Every run, in the order of name and id."""
    by_id = {source.source_id: source for source in sources.read_all(connection)}
    pieces = _Pieces(_said(connection, by_id), _latest(connection, by_id), _issues(connection))
    typed = given.newest(connection)
    found = connection.execute(
        "select run_id, identity, name, folder, created, last_progress from runs order by name, run_id"
    ).fetchall()
    return [_run(row, pieces, by_id, typed.get(row[0], {})) for row in found]


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


def _said(connection: Connection, by_id: dict[str, StoredSource]) -> dict[str, list[tuple[str, Said]]]:
    said: dict[str, list[tuple[str, Said]]] = defaultdict(list)
    found = connection.execute(f"select {wording.COLUMNS} from said order by source_id, part").fetchall()
    for words in map(wording.from_row, found):
        source = by_id[words.source_id]
        said[words.run_id].append((words.source_id, words.said(source.path, source.format)))
    return said


def _latest(connection: Connection, by_id: dict[str, StoredSource]) -> dict[str, list[Latest]]:
    latest: dict[str, list[Latest]] = defaultdict(list)
    found = connection.execute(
        f"select run_id, series, source_id, {tally.READ} from latest order by series, source_id"
    ).fetchall()
    for run_id, series, source_id, *numbers in found:
        latest[run_id].append(Latest(series, by_id[source_id].path, *numbers))
    return latest


def _issues(connection: Connection) -> dict[str, list[tuple[str, Issue]]]:
    issues: dict[str, list[tuple[str, Issue]]] = defaultdict(list)
    found = connection.execute("select source_id, run_id, code, text, place, count from issues").fetchall()
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
