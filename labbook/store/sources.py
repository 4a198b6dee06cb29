"""The sources: how each file is known again, how far it was read, and how often it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labbook.duck import Connection
from labbook.records import Fingerprint
from labbook.store import rows
from labbook.store.keys import or_nan, pack_path, unpack_path
from labbook.store.values import SourceWrite, StoredSource

COLUMNS = (
    "source_id, path, format, device, inode, size, mtime, head_len, head_digest, byte_offset, state, "
    "confidence, generation, first_read, last_read"
)


def read_all(connection: Connection, where: str = "", parameters: Sequence[str] = ()) -> list[StoredSource]:
    """Every source, or those a condition lets through."""
    found = connection.execute(f"select {COLUMNS} from sources {where}", list(parameters)).fetchall()
    return [_source(row) for row in found]


def find(connection: Connection, paths: Iterable[str]) -> dict[str, StoredSource]:
    """Those of the paths that are stored."""
    found = connection.execute(
        f"select {COLUMNS} from sources where path in ({rows.KEYS})",
        [rows.listed(pack_path(path) for path in paths)],
    ).fetchall()
    return {source.path: source for source in map(_source, found)}


def _source(row: tuple[Any, ...]) -> StoredSource:
    source_id, path, form, device, inode, size, mtime, head_len, head_digest, offset, state, *rest = row
    confidence, generation, first_read, last_read = rest
    return StoredSource(
        path=unpack_path(path),
        format=form,
        fingerprint=Fingerprint(device, inode, size, or_nan(mtime), head_len, head_digest),
        offset=offset,
        state=json.loads(state),
        confidence=confidence,
        source_id=source_id,
        generation=generation,
        first_read=or_nan(first_read),
        last_read=or_nan(last_read),
    )


def name_new(
    connection: Connection, writes: Iterable[SourceWrite], stored: Mapping[str, StoredSource]
) -> dict[str, str]:
    """The id of each written path: the stored one, or one made from the path."""
    paths = [w.source.path for w in writes]
    ids = {path: stored[path].source_id for path in paths if path in stored}
    new = [path for path in paths if path not in stored]
    return ids | rows.new_keys(connection, "sources", "source_id", new, 10)


def put(
    connection: Connection,
    writes: Iterable[SourceWrite],
    ids: Mapping[str, str],
    stored: Mapping[str, StoredSource],
    now: float,
) -> None:
    """Store the state of each source after its writing."""
    values = [_row(w, ids[w.source.path], stored.get(w.source.path), now) for w in writes]
    rows.delete(connection, "sources", "source_id", [str(row[0]) for row in values])
    rows.insert(connection, "sources", COLUMNS, values)


def _row(write: SourceWrite, source_id: str, before: StoredSource | None, now: float) -> tuple[object, ...]:
    source, print_ = write.source, write.source.fingerprint
    return (
        source_id,
        pack_path(source.path),
        source.format,
        print_.device,
        print_.inode,
        print_.size,
        float(print_.mtime),
        print_.head_len,
        print_.head_digest,
        source.offset,
        json.dumps(source.state),
        float(source.confidence),
        1 + (before.generation if before else 0),
        before.first_read if before else now,
        now,
    )
