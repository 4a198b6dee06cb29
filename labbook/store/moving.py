"""A file that moved keeps its source, its offset and its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from labbook.duck import Connection
from labbook.store.keys import pack_path, unpack_path


def move(connection: Connection, paths: Mapping[str, str]) -> None:
    """Give the sources at the old paths (keys) their new ones, and their runs, known by path, follow.

    Ids stay. What turns up at an old path later is a new source of a new run.
    """
    for old, new in paths.items():
        found = connection.execute(
            "select distinct r.run_id, r.identity, r.folder from runs r "
            "join said using (run_id) join sources s using (source_id) where s.path = ?",
            [pack_path(old)],
        ).fetchall()
        connection.execute("update sources set path = ? where path = ?", [pack_path(new), pack_path(old)])
        before, after = _roots(old, new)
        for run_id, identity, folder in found:
            moved = [pack_path(_rebased(unpack_path(text), before, after)) for text in (identity, folder)]
            connection.execute("update runs set identity = ?, folder = ? where run_id = ?", [*moved, run_id])


def _roots(old: str, new: str) -> tuple[str, str]:
    """The two paths without what their ends have in common: what was renamed."""
    a, b = PurePosixPath(old), PurePosixPath(new)
    while a.name == b.name and a.parent.name and b.parent.name:
        a, b = a.parent, b.parent
    return str(a), str(b)


def _rebased(text: str, before: str, after: str) -> str:
    """`text` under the new root, where it is the old one, something in it, or its n-th run."""
    rest = text.removeprefix(before)
    return after + rest if text.startswith(before) and rest[:1] in ("", "/", "#") else text
