"""The ways into a notebook's database: a folder under its lock, or memory.

Every visit is one short transaction. Nobody keeps a connection to a folder's database while idle, so an
app that is open for hours and an ingest from cron live side by side.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from labbook import duck
from labbook.duck import Connection
from labbook.errors import NotebookError
from labbook.store import sorting
from labbook.store.copying import take_over
from labbook.store.folder import DATABASE, require_space
from labbook.store.lock import locked
from labbook.store.migrate import Migration, migrate, recorded, refuse_newer, version


class Door(Protocol):
    """How a notebook is visited."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A visit that only reads."""

    def writing(self, *, is_news: bool = True) -> AbstractContextManager[Connection]:
        """A visit that commits at its end; `is_news` False leaves the stamp as it is."""

    def stamp(self) -> object:
        """A value that changes with every visit that brings news."""

    def bytes(self) -> int:
        """On disk."""

    def require_space(self, batch_bytes: int) -> None:
        """Raise NotebookError where the disk has no room for that much."""

    def sort(self) -> None:
        """Sort the points."""

    def compact(self) -> None:
        """Sort the points and give unused space back."""

    def close(self) -> None:
        """Give back what is held."""


class FolderDoor:
    """A notebook in a folder, shared with other processes and threads."""

    def __init__(self, folder: Path, known: tuple[Migration, ...], on_wait: Callable[[str], None]) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self._known = known
        self._on_wait = on_wait

    def prepare(self) -> None:
        """Make the database where it is missing and bring its tables up to date.

        Raises NotebookError: a newer notebook, another program's database, a disk that is full.
        """
        with self.locked(exclusive=False):
            if self.database.exists() and self._is_current():
                return
        with self.locked(exclusive=True):
            if not self.database.exists():
                self._create()
                self._new_stamp()
                return
            with self.connected(read_only=False) as connection:
                if migrate(connection, self._known):
                    self._new_stamp()

    def _is_current(self) -> bool:
        with self.connected(read_only=True) as connection:
            found = version(connection)
            refuse_newer(found, self._known)
            return found == self._known[-1].version

    def _create(self) -> None:
        """A whole database or none: one that a kill left half made would never open again."""
        require_space(self.folder, 0)
        Path(f"{self.database}.wal").unlink(missing_ok=True)  # of a database that is gone
        with self.replacing() as connection:
            migrate(connection, self._known)

    @contextmanager
    def replacing(self) -> Iterator[Connection]:
        """A connection to a new, empty database that takes the notebook's place at the end.

        To be used under the exclusive lock with no connection open.
        """
        fresh = Path(f"{self.database}.new")
        for leftover in (fresh, Path(f"{fresh}.wal")):
            leftover.unlink(missing_ok=True)
        connection = duck.connect(fresh, read_only=False)
        with duck.closing(connection, str(fresh)):
            yield connection
        os.replace(fresh, self.database)

    def locked(self, *, exclusive: bool) -> AbstractContextManager[None]:
        """The folder's lock."""
        return locked(self.folder, exclusive=exclusive, on_wait=self._on_wait)

    def connected(self, *, read_only: bool) -> AbstractContextManager[Connection]:
        """A connection, to be opened under the lock."""
        return duck.closing(duck.connect(self.database, read_only=read_only), str(self.database))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A visit that only reads, beside other readers."""
        with self.locked(exclusive=False), self.connected(read_only=True) as connection:
            refuse_newer(recorded(connection), self._known)
            yield connection

    @contextmanager
    def writing(self, *, is_news: bool = True) -> Iterator[Connection]:
        """A visit that commits at its end, alone."""
        with self.locked(exclusive=True):
            if not self.database.exists():
                raise NotebookError(f"{self.database} is gone", "start labbook again to make a new notebook")
            with self.connected(read_only=False) as connection:
                refuse_newer(recorded(connection), self._known)
                if is_news:
                    # before the commit: whoever sees the new stamp waits for the lock and finds the news,
                    # and a process killed right after its commit has not hidden it
                    self._new_stamp()
                with duck.transaction(connection):
                    yield connection

    def _new_stamp(self) -> None:
        try:
            fd = os.open(self.folder / "stamp", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.pwrite(fd, os.urandom(16), 0)
            finally:
                os.close(fd)
        except OSError as error:
            raise NotebookError(f"cannot write {self.folder / 'stamp'}: {error.strerror}") from error

    def stamp(self) -> object:
        """The bytes of the stamp file; reading them does not open the database."""
        try:
            return (self.folder / "stamp").read_bytes()
        except OSError:
            return b""

    def bytes(self) -> int:
        """Database and write-ahead log, by their directory entries."""
        files = (self.database, Path(f"{self.database}.wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def require_space(self, batch_bytes: int) -> None:
        """See `folder.require_space`."""
        require_space(self.folder, batch_bytes)

    def sort(self) -> None:
        """Sort the points within the database."""
        with self.writing(is_news=False) as connection:
            sorting.sort(connection)

    def compact(self) -> None:
        """Write a new, sorted database in the old one's place.

        DuckDB reuses the space of deleted rows and never returns it; a new file does.
        """
        with self.locked(exclusive=True):
            self.require_space(self.bytes())
            with self.connected(read_only=False) as connection:
                refuse_newer(recorded(connection), self._known)
                # a write-ahead log that a killed process left must not meet the new database
                connection.execute("checkpoint")
            with self.replacing() as connection:
                take_over(connection, self.database, self._known)

    def close(self) -> None:
        """Nothing is held between visits."""


class MemoryDoor:
    """A throw-away notebook; its threads take turns."""

    def __init__(self, known: tuple[Migration, ...]) -> None:
        self._turn = threading.RLock()
        self._news = 0
        self._connection = duck.connect_memory()
        self._known = known

    def prepare(self) -> None:
        """Make the tables."""
        with duck.translated(":memory:"):
            migrate(self._connection, self._known)

    def fill(self, door: FolderDoor) -> None:
        """Take over all that is in the notebook of `door`, which is only read."""
        with door.locked(exclusive=False), duck.translated(str(door.database)):
            take_over(self._connection, door.database, self._known)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A visit that only reads."""
        with self._turn, duck.translated(":memory:"):
            yield self._connection

    @contextmanager
    def writing(self, *, is_news: bool = True) -> Iterator[Connection]:
        """A visit that commits at its end."""
        with self._turn, duck.translated(":memory:"), duck.transaction(self._connection):
            yield self._connection
            self._news += is_news

    def stamp(self) -> object:
        """Number of the last visit with news."""
        return self._news

    def bytes(self) -> int:
        """Nothing is on disk."""
        return 0

    def require_space(self, batch_bytes: int) -> None:
        """Memory is DuckDB's own affair."""

    def sort(self) -> None:
        """Sort the points."""
        with self.writing(is_news=False) as connection:
            sorting.sort(connection)

    def compact(self) -> None:
        """Sort the points; there is no space to give back."""
        self.sort()

    def close(self) -> None:
        """Throw the notebook away."""
        with self._turn:
            self._connection.close()
