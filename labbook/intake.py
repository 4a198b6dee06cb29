"""From paths to the notebook: find the logs, read what is new, decide whose it is, store it.

Reading and parsing happen outside the notebook's lock; each batch is one short transaction. What another
process stored first is dropped here, so nothing is ever there twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labbook.logs.discover import Discovery, Found, LeftOut, discover
from labbook.logs.follow import read_source
from labbook.logs.identity import Place, run_name, same_run, twins
from labbook.records import Curve, Points, Reading
from labbook.store import Notebook, SourceWrite, StoredRun, StoredSource
from labbook.summary import IngestReport, Progress
from labbook.text import PATH_LIMIT, clean

BATCH_POINTS = 100_000
BATCH_SOURCES = 200
BATCH_SECONDS = 1.0
"""A batch is stored when it holds this much, or is this old: an interruption loses no more."""
_LOSSES = ("train", "val")


@dataclass(slots=True)
class _Home:
    """A run of some folder, as far as it is known while sources are being assigned."""

    identity: str
    part: str
    places: list[Place]
    losses: Callable[[], dict[str, Points]]


@dataclass(slots=True)
class _Pass:
    """What one pass has gathered."""

    read: list[tuple[str, str, int]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    issues: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    unchanged: int = 0
    batch: list[SourceWrite] = field(default_factory=list)
    batch_points: int = 0
    batch_since: float = 0.0
    stored: Callable[[], None] = lambda: None
    stopped: bool = False
    dry: bool = False


class Intake:
    """Reads logs into one notebook."""

    def __init__(self, notebook: Notebook, clock: Callable[[], float] = time.time) -> None:
        self.notebook = notebook
        self.clock = clock
        self._seen: dict[Path, tuple[tuple[int, int] | None, ...]] = {}
        """Size and time of change of each followed file and its sidecars, as of its last reading."""
        self._known: tuple[object, dict[str, StoredSource]] | None = None
        self._left_out: dict[str, LeftOut] = {}

    def take(
        self,
        paths: Sequence[Path],
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        dry: bool = False,
    ) -> IngestReport:
        """Find and read everything new under the paths; a dry run stores nothing.

        Raises NotebookError, NotebookBusy.
        """
        started = time.monotonic()
        found, known = self.find(paths, should_stop, dry=dry)
        done = self.read(found.found, known, progress, should_stop, dry=dry)
        refused = [(path, why) for path, why in found.skipped if why.startswith("cannot be")]
        return IngestReport(
            read=tuple(done.read),
            unchanged=done.unchanged,
            skipped=tuple((path, why) for path, why in found.skipped if not why.startswith("cannot be")),
            failed=tuple(refused + done.failed),
            issues=tuple([("", i.code, i.place, i.text, i.count) for i in found.issues] + done.issues),
            runs=self._runs_under(paths),
            points=sum(points for _, _, points in done.read),
            seconds=time.monotonic() - started,
            interrupted=done.stopped or found.stopped,
        )

    def find(
        self, paths: Sequence[Path], should_stop: Callable[[], bool] = lambda: False, *, dry: bool = False
    ) -> tuple[Discovery, dict[str, StoredSource]]:
        """The sources under the paths, and what the notebook knows; files that moved keep their source."""
        known = self.sources()
        found = discover(paths, should_stop, known=known, left_out=self._left_out)
        moves = {f.moved_from: str(f.path) for f in found.found if f.moved_from is not None}
        if moves and not dry:
            self.notebook.move(moves)
            known = self.sources()
        return found, known

    def sources(self) -> dict[str, StoredSource]:
        """What the notebook knows of every source; read again only after somebody stored something."""
        stamp = self.notebook.stamp()
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, self.notebook.sources()
        return self._known[1]

    def read(
        self,
        found: Sequence[Found],
        known: dict[str, StoredSource],
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        stored: Callable[[], None] = lambda: None,
        *,
        dry: bool = False,
    ) -> _Pass:
        """Read what is new of the sources and store it, batch by batch; `stored` is called after each batch."""
        done = _Pass(batch_since=time.monotonic(), stored=stored, dry=dry)
        try:
            self._read_all(found, known, progress, should_stop, done)
        except BaseException:
            self._seen.clear()  # nobody knows what of it was stored: look at everything again
            raise
        if done.stopped:
            self._seen.clear()
        return done

    def _read_all(
        self,
        found: Sequence[Found],
        known: dict[str, StoredSource],
        progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        done: _Pass,
    ) -> None:
        homes = _Homes(self.notebook)
        sizes = [_size(f.path) for f in found]
        total, so_far = sum(sizes), 0
        for number, (each, size) in enumerate(zip(found, sizes, strict=True)):
            if should_stop():
                done.stopped = True
                break
            progress(Progress(number, len(found), so_far, total, clean(str(each.path))))
            self._one(each, known.get(str(each.path)), homes, done)
            so_far += size
        self._flush(done)
        progress(Progress(len(found), len(found), so_far, total, ""))

    def grown(self, found: Sequence[Found]) -> list[Found]:
        """Those that changed, with their sidecars, since this was last asked. Opens nothing."""
        changed = []
        for each in found:
            now = (_look(each.path), *map(_look, each.sidecars))
            if self._seen.get(each.path) != now:
                self._seen[each.path] = now
                changed.append(each)
        return changed

    def _one(self, found: Found, before: StoredSource | None, homes: _Homes, done: _Pass) -> None:
        news = read_source(found, before)
        if news is None:
            done.unchanged += 1
            return
        reading, after = news
        path = clean(str(found.path), PATH_LIMIT)
        if any(issue.code == "unreadable" for issue in reading.issues):
            done.failed += [(path, i.text) for i in reading.issues if i.code == "unreadable"]
            return
        if before is None and not reading.parts and reading.issues:
            done.failed.append((path, reading.issues[0].text))  # looked like a log, and said nothing
            return
        parts = [
            (
                homes.identity(found, part.key, part.series),
                run_name(found.folder, part),
                str(found.folder),
                part,
            )
            for part in reading.parts
        ]
        done.batch.append(
            SourceWrite(
                source=after,
                parts=parts,
                issues=reading.issues,
                replaces=reading.replaces,
                base_offset=before.offset if before else 0,
                base_generation=before.generation if before else 0,
            )
        )
        points = _points(reading)
        done.read.append((path, found.format, points))
        done.issues += [(path, i.code, i.place, i.text, i.count) for i in reading.issues]
        done.batch_points += points
        late = time.monotonic() - done.batch_since > BATCH_SECONDS
        if done.batch_points >= BATCH_POINTS or len(done.batch) >= BATCH_SOURCES or late:
            self._flush(done)

    def _flush(self, done: _Pass) -> None:
        if not done.batch:
            return
        if not done.dry and self.notebook.write(done.batch, self.clock()):
            self._seen.clear()  # another process was faster with some: what it left is read next time
        done.batch, done.batch_points, done.batch_since = [], 0, time.monotonic()
        done.stored()

    def _runs_under(self, paths: Sequence[Path]) -> tuple[str, ...]:
        roots = [path.expanduser().resolve() for path in paths]
        return tuple(
            run.run_id
            for run in self.notebook.runs()
            if any(Path(s.path).is_relative_to(root) for s in run.sources for root in roots)
        )


class _Homes:
    """Which run a source belongs to: the one it already feeds, a run of the same folder, or a new one."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.by_source: dict[tuple[str, str], str] = {}
        self.by_folder: dict[str, list[_Home]] = {}
        self.is_loaded = False

    def _load(self) -> None:
        """The runs of the notebook, when the first source with news asks for them."""
        self.is_loaded = True
        for run in self.notebook.runs():
            for said in run.said:
                self.by_source[said.source, said.part] = run.identity
            places = [Place(Path(run.folder), source.format) for source in run.sources]
            part = run.said[0].part if run.said else ""
            home = _Home(run.identity, part, places, lambda run=run: self._stored(run))  # type: ignore[misc]
            self.by_folder.setdefault(run.folder, []).append(home)

    def identity(self, found: Found, part: str, series: dict[str, Points]) -> str:
        """The identity of the run that `part` of the source belongs to."""
        if not self.is_loaded:
            self._load()
        key = (str(found.path), part)
        if key in self.by_source:
            return self.by_source[key]
        place = Place(found.folder, found.format)
        homes = self.by_folder.setdefault(str(found.folder), [])
        losses = {name: series[name] for name in _LOSSES if name in series}
        for home in homes:
            if home.part == part and self._fits(place, home, losses):
                home.places.append(place)
                self.by_source[key] = home.identity
                return home.identity
        taken = {home.identity for home in homes}
        base = str(found.folder) + part
        identity = base if base not in taken else str(found.path) + part
        homes.append(_Home(identity, part, [place], lambda: losses))
        self.by_source[key] = identity
        return identity

    def _fits(self, place: Place, home: _Home, losses: dict[str, Points]) -> bool:
        agree = twins(losses, home.losses())
        return all(same_run(place, other, agree) for other in home.places)

    def _stored(self, run: StoredRun) -> dict[str, Points]:
        """The losses of a run that is in the notebook, from the first source that has them."""
        wanted = {
            row.series: (run.run_id, row.series, row.source) for row in run.latest if row.series in _LOSSES
        }
        curves = self.notebook.curves(wanted.values())
        return {name: _as_points(curves[key]) for name, key in wanted.items()}


def _as_points(curve: Curve) -> Points:
    points = Points()
    for step, value in zip(curve.step.tolist(), curve.value.tolist(), strict=True):
        points.append(step, value)
    return points


def _points(reading: Reading) -> int:
    return sum(len(points) for part in reading.parts for points in part.series.values())


def _look(path: Path) -> tuple[int, int] | None:
    """(bytes, time of change) of a file; None where it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _size(path: Path) -> int:
    looked = _look(path)
    return looked[0] if looked is not None else 0
