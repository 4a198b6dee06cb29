"""The notebook: what labbook has read and what a person has typed.

Every call is one short visit under the folder's lock, so any number of threads and processes may call at
once; see `door`. Errors are NotebookError and NotebookBusy with what to try next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from labbook import duck
from labbook.errors import UsageError
from labbook.records import Curve
from labbook.store import cache, curves, given, moving, runs, sorting, sources, write
from labbook.store.curves import CurveKey
from labbook.store.door import Door, FolderDoor, MemoryDoor
from labbook.store.folder import MEMORY, Unusable, locate, make
from labbook.store.lock import say_on_stderr
from labbook.store.migrate import Migration, migrations
from labbook.store.values import Given, Revision, Sizes, SourceWrite, StoredRun, StoredSource, Table


class Notebook:
    """Sources, runs, points and what was typed; open one with `Notebook.open`."""

    def __init__(self, door: Door, where: str, note: str = "") -> None:
        self._door = door
        self.where = where
        """The folder, or `:memory:`."""
        self.note = note
        """Why this notebook is not the one that was asked for; empty where it is."""

    @classmethod
    def open(
        cls,
        where: str | Path | None = None,
        *,
        fallback_memory: bool = False,
        on_wait: Callable[[str], None] = say_on_stderr,
        schemas: Path | None = None,
    ) -> Notebook:
        """The notebook in the folder `where`; by default LABBOOK_NOTEBOOK, else the user's own.

        `:memory:` is a throw-away one. With `fallback_memory` a place that cannot be written gives a
        throw-away copy of what is there, and `note` says so. `on_wait` hears who holds the lock when it
        takes longer than 2 s. `schemas` is the folder of the tables' numbered files.
        Raises NotebookError, NotebookBusy.
        """
        known = migrations(schemas)
        folder = locate(where)
        if folder is None:
            return cls(_memory(known), MEMORY)
        door = FolderDoor(folder, known, on_wait)
        try:
            make(folder)
            door.prepare()
        except Unusable as reason:
            if not fallback_memory:
                raise
            return cls._in_memory(door, known, reason)
        return cls(door, str(folder))

    @classmethod
    def _in_memory(cls, door: FolderDoor, known: tuple[Migration, ...], reason: Unusable) -> Notebook:
        memory = MemoryDoor(known)
        is_copy = False
        if os.path.isfile(door.database):
            with suppress(Unusable):  # it cannot even be locked for reading
                memory.fill(door)
                is_copy = True
        memory.prepare()
        kept = "a copy of it in memory" if is_copy else "an empty notebook in memory"
        return cls(memory, MEMORY, f"{reason.message}. This is {kept}: nothing new will be kept.")

    def __enter__(self) -> Notebook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is held; a notebook in memory is thrown away."""
        self._door.close()

    def sources(self) -> dict[str, StoredSource]:
        """Every source by its path."""
        with self._door.reading() as connection:
            return {source.path: source for source in sources.read_all(connection)}

    def write(self, batch: Sequence[SourceWrite], now: float) -> int:
        """Store the news of some sources in one transaction; `now` is in Unix seconds.

        Returns how many of them were left out because another process had stored their news first. A
        stored source's `generation` is then one more than its `base_generation`. About 100,000 points
        take 0.3 s; larger batches are the caller's to split.
        """
        if not batch:
            return 0
        self._door.require_space(write.batch_bytes(batch))
        with self._door.writing() as connection:
            skipped = write.write(connection, batch, now)
            must_sort = sorting.is_due(connection)
        if must_sort:
            self._door.sort()
        return skipped

    def require_space(self, batch_bytes: int) -> None:
        """Raise NotebookError unless the disk has room for twice as much and 64 MB."""
        self._door.require_space(batch_bytes)

    def runs(self, only: Collection[str] | None = None) -> list[StoredRun]:
        """Every run without its points, or those of the given ids, by name."""
        with self._door.reading() as connection:
            return runs.read(connection, only)

    def revisions(self) -> dict[str, Revision]:
        """By run id, a value that changes whenever anything of the run does; far cheaper than the runs."""
        with self._door.reading() as connection:
            return runs.revisions(connection)

    def curves(self, wanted: Iterable[CurveKey]) -> dict[CurveKey, Curve]:
        """The curve of each (run_id, series, path of the source); empty where there are no points."""
        with self._door.reading() as connection:
            return curves.read(connection, wanted)

    def give(self, run_ids: Iterable[str], values: Mapping[str, str], now: float) -> None:
        """Store what a person typed, for each of the runs; an empty value takes the key back."""
        with self._door.writing() as connection:
            given.give(connection, run_ids, values, now)

    def given(self) -> dict[str, dict[str, str]]:
        """What was typed, by run and key; the newest counts."""
        with self._door.reading() as connection:
            return given.newest(connection)

    def given_history(self, run_id: str) -> list[Given]:
        """All that was ever typed about a run, oldest first."""
        with self._door.reading() as connection:
            return given.history(connection, run_id)

    def cache_get(self, kind: str, digest: str) -> str | None:
        """The result kept under the digest by this version of labbook, or None."""
        return self.cache_find(kind, [digest]).get(digest)

    def cache_find(self, kind: str, digests: Collection[str]) -> dict[str, str]:
        """The results kept under these digests by this version of labbook, in one visit."""
        with self._door.reading() as connection:
            return cache.get(connection, kind, sorted(digests))

    def cache_put(self, kind: str, digest: str, value: str, now: float) -> None:
        """Keep a result; the oldest go beyond 64 MB. The stamp does not change: nothing new was learnt."""
        with self._door.writing(is_news=False) as connection:
            cache.put(connection, kind, digest, value, now)

    def stamp(self) -> object:
        """A value that changes whenever any process commits news; cheap, the database stays closed.

        Take it before reading: then a change while reading is seen at the next look.
        """
        return self._door.stamp()

    def move(self, paths: Mapping[str, str]) -> None:
        """Give the sources at old paths (keys) new ones; runs known by those paths follow."""
        with self._door.writing() as connection:
            moving.move(connection, paths)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Remove runs with all that was read and typed; reading their logs again brings them back."""
        with self._door.writing() as connection:
            runs.forget(connection, set(run_ids))

    def compact(self) -> Sizes:
        """Sort the points and give unused space back to the disk; the sizes after it."""
        self._door.compact()
        return self.sizes()

    def sizes(self) -> Sizes:
        """What the notebook weighs."""
        with self._door.reading() as connection:
            counted = connection.execute(
                "select (select count(*) from runs), (select count(*) from sources)"
            ).fetchall()[0]
            return Sizes(
                bytes=self._door.bytes(),
                points=sorting.count(connection),
                unsorted=sorting.unsorted(connection),
                runs=counted[0],
                sources=counted[1],
                cache_bytes=cache.weight(connection),
            )

    def query(self, sql: str) -> Table:
        """The answer to one reading statement; it reaches no other file. Raises UsageError."""
        with self._door.reading() as connection:
            if not duck.select_only(connection, sql):
                raise UsageError("only one statement that reads is taken", "start it with select or from")
            return Table(*duck.answer(connection, sql))


def _memory(known: tuple[Migration, ...]) -> MemoryDoor:
    door = MemoryDoor(known)
    door.prepare()
    return door
