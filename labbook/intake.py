"""From paths to the notebook: find the logs, read what is new, decide whose it is, store it.

Reading and parsing happen outside the notebook's lock; each batch is one short transaction. What another
process stored first is dropped here, so nothing is ever there twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from labbook.background import Background
from labbook.errors import LabbookError
from labbook.homes import Homes
from labbook.logs.discover import Discovery, Found, LeftOut, discover
from labbook.logs.follow import read_source
from labbook.logs.identity import run_name
from labbook.records import Reading, SourceState
from labbook.shelf import Shelf
from labbook.store import Notebook, SourceWrite, StoredSource
from labbook.summary import IngestReport, Progress
from labbook.text import PATH_LIMIT, clean

PIECE = 8 << 20
"""Bytes of one file that are read at once: between two pieces a reading can be interrupted."""
LOSSLESS = frozenset({"no-points", "no-loss", "needs-aim", "packed"})
"""Issues of a source that is recognised and holds no loss: it is listed with what is no log."""
LOOK_MOST_S = 0.1
"""Looking at every followed file may take so long; where it takes longer each has its own rhythm."""
SILENT_SHARE = 20.0
LOOK_LEAST_OFTEN_S = 60.0
"""Then a file is looked at after a twentieth of its silence, and at least once a minute."""
BATCH_POINTS = 400_000
BATCH_SOURCES = 200
BATCH_SECONDS = 1.0
"""A batch is stored when it holds this much, or is this old: an interruption loses no more."""


@dataclass(slots=True)
class _Pass:
    """What one pass has gathered."""

    read: list[tuple[str, str, int]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    issues: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    unchanged: int = 0
    batch: list[SourceWrite] = field(default_factory=list)
    batch_points: int = 0
    batch_since: float = 0.0
    storing: Background[int] = field(default_factory=Background)
    """The batch before this one, on its way into the notebook."""
    sent: list[SourceWrite] = field(default_factory=list)
    """Its sources."""
    stored: Callable[[], None] = lambda: None
    stopped: bool = False
    dry: bool = False


class Intake:
    """Reads logs into one notebook."""

    def __init__(
        self,
        notebook: Notebook,
        clock: Callable[[], float] = time.time,
        shelf: Shelf | None = None,
        piece: int = PIECE,
    ) -> None:
        self.notebook = notebook
        self.clock = clock
        self.piece = piece
        self._shelf = shelf or Shelf(notebook)
        self._seen: dict[Path, tuple[tuple[int, int] | None, ...]] = {}
        """Size and time of change of each followed file and its sidecars, as of its last reading."""
        self._known: tuple[object, dict[str, StoredSource]] | None = None
        self._due: dict[Path, float] = {}
        """When each file is looked at again, where looking at all of them takes long."""
        self._look_s = 0.0
        """Seconds that the last look at all files took."""
        self._left_out: dict[str, LeftOut] = {}

    def take(
        self,
        paths: Sequence[Path],
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        dry: bool = False,
        columns: Mapping[str, str] | None = None,
    ) -> IngestReport:
        """Find and read everything new under the paths; a dry run stores nothing.

        Raises NotebookError, NotebookBusy.
        """
        started = time.monotonic()
        found, known = self.find(paths, should_stop, dry=dry, columns=columns)
        done = self.read(found.found, known, progress, should_stop, dry=dry)
        refused = [(path, why) for path, why in found.skipped if why.startswith("cannot be")]
        return IngestReport(
            read=tuple(done.read),
            unchanged=done.unchanged,
            skipped=(
                *((path, why) for path, why in found.skipped if not why.startswith("cannot be")),
                *done.skipped,
            ),
            failed=tuple(refused + done.failed),
            issues=tuple([("", i.code, i.place, i.text, i.count) for i in found.issues] + done.issues),
            runs=self._runs_under(paths),
            points=sum(points for _, _, points in done.read),
            seconds=time.monotonic() - started,
            interrupted=done.stopped or found.stopped,
        )

    def find(
        self,
        paths: Sequence[Path],
        should_stop: Callable[[], bool] = lambda: False,
        *,
        dry: bool = False,
        columns: Mapping[str, str] | None = None,
    ) -> tuple[Discovery, dict[str, StoredSource]]:
        """The sources under the paths, and what the notebook knows; files that moved keep their source."""
        known = self.sources()
        found = discover(paths, should_stop, known=known, left_out=self._left_out, columns=columns)
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
            self._settle(done)
        except BaseException:
            with suppress(LabbookError):
                done.storing.wait()
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
        homes = Homes(self.notebook, self._shelf)
        sizes = [_size(f.path) for f in found]
        total, so_far = sum(sizes), 0
        for number, (each, size) in enumerate(zip(found, sizes, strict=True)):
            name = clean(str(each.path))
            before = known.get(str(each.path))
            more = True
            while more and not done.stopped:
                at = min(size, before.offset if before is not None else 0)
                progress(Progress(number, len(found), so_far + at, total, name))
                if should_stop():
                    done.stopped = True
                    break
                before, more = self._one(each, before, homes, done)
            so_far += size
            if done.stopped:
                break
        self._flush(done)
        if not done.stopped:
            progress(Progress(len(found), len(found), so_far, total, ""))

    def grown(self, found: Sequence[Found]) -> list[Found]:
        """Those that changed, with their sidecars, since this was last asked. Opens nothing.

        Where a look at all of them takes long (a network file system), each is looked at in its own rhythm:
        the longer it has been silent, the less often.
        """
        started = time.monotonic()
        is_slow = self._look_s > LOOK_MOST_S
        due = [each for each in found if not is_slow or self._due.get(each.path, 0.0) <= started]
        changed = []
        for each in due:
            now = (_look(each.path), *map(_look, (*each.also, *each.sidecars)))
            if self._seen.get(each.path) != now:
                self._seen[each.path] = now
                changed.append(each)
            if is_slow:
                silent = self.clock() - max((look[1] / 1e9 for look in now if look is not None), default=0.0)
                self._due[each.path] = started + min(max(silent / SILENT_SHARE, 0.0), LOOK_LEAST_OFTEN_S)
        if due:
            self._look_s = (time.monotonic() - started) * len(found) / len(due)
        return changed

    def _one(
        self, found: Found, before: StoredSource | None, homes: Homes, done: _Pass
    ) -> tuple[StoredSource | None, bool]:
        """Read one piece of a source; what is stored of it then, and whether it goes on."""
        news = read_source(found, before, limit=self.piece)
        if news is None:
            done.unchanged += 1
            return before, False
        reading, after = news
        path = clean(str(found.path), PATH_LIMIT)
        if any(issue.code == "unreadable" for issue in reading.issues):
            done.failed += [(path, i.text) for i in reading.issues if i.code == "unreadable"]
            return before, False
        lossless = next((issue.text for issue in reading.issues if issue.code in LOSSLESS), None)
        if lossless is not None and not reading.more:
            done.skipped.append((path, lossless))
        if before is None and not reading.parts and reading.issues:
            if lossless is None:
                done.failed.append((path, reading.issues[0].text))  # looked like a log, and said nothing
            return before, False
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
        if done.read and done.read[-1][0] == path:
            points += done.read.pop()[2]
        if lossless is None:
            done.read.append((path, found.format, points))
        told = [issue for issue in reading.issues if issue.code not in LOSSLESS]
        done.issues += [(path, i.code, i.place, i.text, i.count) for i in told]
        done.batch_points += _points(reading)
        late = time.monotonic() - done.batch_since > BATCH_SECONDS
        if reading.more or done.batch_points >= BATCH_POINTS or len(done.batch) >= BATCH_SOURCES or late:
            self._flush(done)
            return _stored_after(after, before), reading.more
        return before, False

    def _flush(self, done: _Pass) -> None:
        """Store the batch while the next one is read."""
        self._settle(done)
        batch, now = done.batch, self.clock()
        done.batch, done.batch_points, done.batch_since = [], 0, time.monotonic()
        if batch and not done.dry:
            if self._known is not None and self._known[0] != self.notebook.stamp():
                self._known = None
            done.sent = batch
            done.storing.start(lambda: self.notebook.write(batch, now))

    def _settle(self, done: _Pass) -> None:
        """Wait for the batch that is being stored, and remember its sources as the notebook has them now.

        Where another process was faster with some of it, what the other left is read next time; further
        pieces of those sources are not stored either.
        """
        late = done.storing.wait()
        if late is None:
            return
        sent, done.sent = done.sent, []
        if late:
            self._seen.clear()
            self._known = None
        elif self._known is not None:
            known = self._known[1]
            news = {w.source.path: _stored_after(w.source, known.get(w.source.path)) for w in sent}
            self._known = self.notebook.stamp(), known | news
        done.stored()

    def _runs_under(self, paths: Sequence[Path]) -> tuple[str, ...]:
        roots = [path.expanduser().resolve() for path in paths]
        return tuple(
            run.run_id
            for run in self._shelf.runs().values()
            if any(Path(s.path).is_relative_to(root) for s in run.sources for root in roots)
        )


def _stored_after(after: SourceState, before: StoredSource | None) -> StoredSource:
    """The source as the notebook has it once `after` is written over `before`."""
    return StoredSource(
        path=after.path,
        format=after.format,
        fingerprint=after.fingerprint,
        offset=after.offset,
        state=after.state,
        confidence=after.confidence,
        source_id=after.source_id,
        generation=1 + (before.generation if before is not None else 0),
    )


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
