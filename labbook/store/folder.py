"""Where a notebook is: a folder of its own, with a handful of known files in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from labbook.errors import NotebookError

DATABASE = "labbook.duckdb"
MEMORY = ":memory:"
RESERVE = 64 * 2**20
"""Bytes that stay free on the notebook's disk."""
_OWN = {DATABASE, f"{DATABASE}.wal", "lock", "gate", "stamp", "README"}
_README = "A notebook of labbook. Look into it with `labbook sql`; copy it with no labbook running.\n"


class Unusable(NotebookError):
    """No notebook can be kept in that place; working in memory is the way out."""


def locate(where: str | Path | None) -> Path | None:
    """The folder `where`, LABBOOK_NOTEBOOK or the default names; None for `:memory:`.

    Raises NotebookError where a file stands there.
    """
    named = str(where) if where is not None else os.environ.get("LABBOOK_NOTEBOOK", "")
    if named == MEMORY:
        return None
    folder = Path(named).expanduser() if named else _default()
    folder = folder.resolve()
    if os.path.isfile(folder):  # False, not an error, where the way there is closed to us
        raise NotebookError(f"{folder} is a file; a notebook is a folder", _way_out(folder))
    return folder


def _default() -> Path:
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return base / "labbook" / "notebook"


def _way_out(file: Path) -> str:
    if file.name == DATABASE:
        return f"name its folder: --notebook {file.parent}"
    return "name a new folder with --notebook; to read the file itself give it as a path"


def make(folder: Path) -> None:
    """Make the folder where it is missing, for its owner alone, with a line for the curious.

    Raises Unusable where it cannot be written, NotebookError where it is a folder of something else.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
        _refuse_foreign(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError
        if not (folder / "README").exists():
            (folder / "README").write_text(_README, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "no permission to write"
        raise Unusable(
            f"the notebook {folder} cannot be written: {reason}", "name another --notebook"
        ) from error
    database = folder / DATABASE
    if database.exists() and not os.access(database, os.W_OK):
        raise Unusable(f"{database} cannot be written: no permission", "name another --notebook")


def _refuse_foreign(folder: Path) -> None:
    if (folder / DATABASE).exists():
        return
    others = [n for n in os.listdir(folder) if not n.startswith((".", DATABASE)) and n not in _OWN]
    if others:
        raise NotebookError(
            f"{folder} is a folder with other things in it ({others[0]}), not a notebook",
            "name a new or an empty folder with --notebook",
        )


def require_space(folder: Path, batch_bytes: int) -> None:
    """Raise NotebookError unless the disk has room for twice the batch and a reserve of 64 MB."""
    free = shutil.disk_usage(folder).free
    needed = 2 * batch_bytes + RESERVE
    if free < needed:
        raise NotebookError(
            f"the disk that holds {folder} has {free / 2**20:.0f} MB free; {needed / 2**20:.0f} MB are needed",
            "free some space, or name a --notebook on another disk",
        )
