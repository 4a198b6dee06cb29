"""A batch of news into the tables: offsets, points and words of its sources in one transaction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from labbook.duck import Connection
from labbook.records import Points, RunPart
from labbook.store import issues, rows, sources, tally, wording
from labbook.store.columns import Columns
from labbook.store.keys import known, or_nan, pack_path
from labbook.store.tally import Tally
from labbook.store.values import SourceWrite, StoredSource
from labbook.store.wording import Wording
from labbook.text import clean

POINT_BYTES = 80
"""Bytes a point may take while it is being written."""
SeriesKey = tuple[str, str, str]
"""(run_id, series, source_id)."""


def batch_bytes(batch: Sequence[SourceWrite]) -> int:
    """What the batch may weigh on disk, generously."""
    points = sum(len(p) for w in batch for *_, part in w.parts for p in part.series.values())
    return points * POINT_BYTES + len(batch) * 4096


def write(connection: Connection, batch: Sequence[SourceWrite], now: float) -> int:
    """Store the batch; how many of its sources were left out because another process was faster.

    To be called inside a transaction. Raises ValueError where a source is in the batch twice.
    """
    if len({w.source.path for w in batch}) < len(batch):
        raise ValueError("a source may be in a batch only once")
    stored = sources.find(connection, [w.source.path for w in batch])
    fresh = [w for w in batch if _starts_where_stored(w, stored.get(w.source.path))]
    if fresh:
        _Writing(connection, fresh, stored, now).run()
    return len(batch) - len(fresh)


def _starts_where_stored(write: SourceWrite, stored: StoredSource | None) -> bool:
    """Whether the reading began at what is stored now; else its points are there already."""
    now = (stored.offset, stored.generation) if stored else (0, 0)
    return now == (write.base_offset, write.base_generation)


@dataclass
class _Run:
    """What a batch brings to the row of one run."""

    identity: str
    name: str
    folder: str
    renames: bool = False
    progress: float = math.nan


@dataclass
class _Writing:
    """One batch on its way into the tables: what is stored is loaded, added to in memory, and put back."""

    connection: Connection
    batch: Sequence[SourceWrite]
    stored: dict[str, StoredSource]
    now: float
    ids: dict[str, str] = field(default_factory=dict)
    """Source id by path."""
    run_ids: dict[str, str] = field(default_factory=dict)
    """Run id by identity."""
    known_runs: set[str] = field(default_factory=set)
    """Ids of the runs that are stored already."""
    maybe_empty: set[str] = field(default_factory=set)
    """Ids of the runs the replaced sources spoke of."""
    before: dict[SeriesKey, Tally] = field(default_factory=dict)
    """As stored, of all sources of the batch."""
    runs: dict[str, _Run] = field(default_factory=dict)
    words: dict[tuple[str, str], Wording] = field(default_factory=dict)
    """By source id and part, after the writing; so are the tallies."""
    tallies: dict[SeriesKey, Tally] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)

    def run(self) -> None:
        """Everything, in order."""
        self.ids = sources.name_new(self.connection, self.batch, self.stored)
        self.run_ids = self._run_ids()
        self._load()
        self._clear()
        for each in self.batch:
            self._take(each)
        self._store()

    def _run_ids(self) -> dict[str, str]:
        """The id of each identity in the batch: the stored one, or one made from it."""
        names = dict.fromkeys(identity for w in self.batch for identity, *_ in w.parts)
        found = self.connection.execute(
            f"select identity, run_id from runs where identity in ({rows.KEYS})",
            [rows.listed(pack_path(name) for name in names)],
        ).fetchall()
        ids: dict[str, str] = dict(found)
        self.known_runs = set(ids.values())
        ids = {name: ids[pack_path(name)] for name in names if pack_path(name) in ids}
        new = [name for name in names if name not in ids]
        return ids | rows.new_keys(self.connection, "runs", "run_id", new, 8)

    def _load(self) -> None:
        """What the batch's known sources have said so far."""
        old = rows.listed(self.ids[w.source.path] for w in self.batch if w.source.path in self.stored)
        kept = {self.ids[w.source.path] for w in self.batch if not w.replaces}
        some = f"where source_id in ({rows.KEYS})"
        found = self.connection.execute(f"select {wording.COLUMNS} from said {some}", [old]).fetchall()
        all_words = [wording.from_row(row) for row in found]
        self.words = {(w.source_id, w.part): w for w in all_words if w.source_id in kept}
        self.maybe_empty = {w.run_id for w in all_words if w.source_id not in kept}
        found = self.connection.execute(
            f"select run_id, series, source_id, {tally.READ} from latest {some}", [old]
        ).fetchall()
        self.before = {row[:3]: Tally(*row[3:]) for row in found}
        self.tallies = {key: value for key, value in self.before.items() if key[2] in kept}

    def _clear(self) -> None:
        """Make room: all of a replaced source, and the small rows of the others."""
        old = [w for w in self.batch if w.source.path in self.stored]
        replaced = [self.ids[w.source.path] for w in old if w.replaces]
        everything = [self.ids[w.source.path] for w in old]
        rows.delete(self.connection, "points", "source_id", replaced)
        rows.delete(self.connection, "said", "source_id", everything)
        rows.delete(self.connection, "latest", "source_id", everything)
        rows.delete(self.connection, "issues", "source_id", replaced)

    def _take(self, each: SourceWrite) -> None:
        source_id = self.ids[each.source.path]
        for identity, name, folder, part in each.parts:
            run_id = self.run_ids[identity]
            run = self.runs.setdefault(run_id, _Run(identity, clean(name), folder))
            run.renames |= each.replaces or part.name is not None
            self._take_words(source_id, run_id, part)
            for series, points in part.series.items():
                if len(points):
                    self._take_points((run_id, clean(series), source_id), points, each)

    def _take_words(self, source_id: str, run_id: str, part: RunPart) -> None:
        said = wording.from_part(source_id, run_id, part)
        key = (source_id, said.part)
        old = self.words.get(key)
        has_points = any(len(points) for points in part.series.values())
        self.words[key] = wording.added(old, said, has_points) if old else said

    def _take_points(self, key: SeriesKey, points: Points, each: SourceWrite) -> None:
        new, old = tally.tally(points), self.tallies.get(key)
        self.columns.add(key, points, first_seq=old.points if old else 0)
        total = self.tallies[key] = tally.added(old, new) if old else new
        run = self.runs[key[0]]
        run.progress = _later(run.progress, _progress(self.before.get(key), total, each))

    def _store(self) -> None:
        self._store_runs()
        rows.insert(self.connection, "said", wording.COLUMNS, [w.row() for w in self.words.values()])
        values = [(*key, *value.row()) for key, value in self.tallies.items()]
        rows.insert(self.connection, "latest", f"run_id, series, source_id, {tally.FIELDS}", values)
        self.columns.store(self.connection)
        issues.put(
            self.connection, [(self.ids[w.source.path], self._only_run(w), w.issues) for w in self.batch]
        )
        sources.put(self.connection, self.batch, self.ids, self.stored, self.now)
        self._drop_empty_runs()

    def _only_run(self, each: SourceWrite) -> str:
        ids = {self.run_ids[identity] for identity, *_ in each.parts}
        return ids.pop() if len(ids) == 1 else ""

    def _store_runs(self) -> None:
        new = [
            (key, pack_path(r.identity), r.name, pack_path(r.folder), self.now, known(r.progress))
            for key, r in self.runs.items()
            if key not in self.known_runs
        ]
        rows.insert(self.connection, "runs", "run_id, identity, name, folder, created, last_progress", new)
        old = [(key, r) for key, r in self.runs.items() if key in self.known_runs]
        if old:
            news = rows.columns_of(run_id="varchar", name="varchar", folder="varchar", progress="double")
            self.connection.execute(
                "update runs set name = coalesce(n.name, runs.name), folder = n.folder, "
                "last_progress = greatest(runs.last_progress, n.progress) "
                f"from (select {news}) n where runs.run_id = n.run_id",
                [
                    rows.listed(key for key, _ in old),
                    rows.listed(r.name if r.renames else None for _, r in old),
                    rows.listed(pack_path(r.folder) for _, r in old),
                    rows.listed(known(r.progress) for _, r in old),
                ],
            )

    def _drop_empty_runs(self) -> None:
        """A run of which no source speaks any more; what a person typed about it is kept."""
        rows.delete(
            self.connection,
            "runs",
            "run_id",
            self.maybe_empty - rows.taken(self.connection, "said", "run_id", self.maybe_empty),
        )


def _progress(before: Tally | None, total: Tally, each: SourceWrite) -> float:
    """When the series last got on: its own clock, else the file's where it has grown; NaN where neither."""
    if not math.isnan(total.last_wall):
        return total.last_wall
    if before is not None and before.max_step == total.max_step and not each.replaces:
        return math.nan
    if before is not None and before.progress == total.progress:
        return math.nan
    return or_nan(each.source.fingerprint.mtime)


def _later(a: float, b: float) -> float:
    return a if math.isnan(b) or a >= b else b
