"""From paths to sources: which files are logs, which folder each run is known by, and what was left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labbook import logs
from labbook.logs import verdicts
from labbook.logs.follow import HEAD, change, digest, fingerprint, is_continued
from labbook.logs.format import Evidence, Format, Sample, take_sample
from labbook.logs.identity import run_folder
from labbook.logs.kinds import NO_LOGS, is_listed, is_log_like
from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.person import PERSON, check_person
from labbook.logs.sidecar import CONFIGS
from labbook.logs.textlog import TextFormat
from labbook.records import Issue, SourceState
from labbook.text import clean

SCANNED = 64 << 20
"""A text whose samples say nothing is scanned whole up to this size."""
_QUIET = frozenset({".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".ruff_cache", ".ipynb_checkpoints"})
_FOREIGN = {
    "site-packages": "installed packages",
    "node_modules": "installed packages",
    "dist-packages": "installed packages",
}
_REMOTE = ("https://", "http://", "wandb://", "hf://", "s3://", "gs://")


@dataclass(frozen=True, slots=True)
class Found:
    """One source."""

    path: Path
    """Real path, links resolved."""
    format: str
    confidence: float
    evidence: tuple[Evidence, ...]
    """Empty where the source was known and unchanged."""
    folder: Path
    """What the run is known by: sources of one folder may be one run (`identity.same_run`)."""
    sidecars: tuple[Path, ...] = ()
    """config.json, hparams.yaml and labbook.toml files that speak of this source, the nearest first."""
    moved_from: str | None = None
    """Path of the known source this is, where it was moved, copied or rotated to a new name."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that was looked at and is no source, and how it looked then."""

    size: int
    mtime: float
    reason: str
    """Empty for a file that need not be listed."""


@dataclass(slots=True)
class Discovery:
    """What a walk over paths met."""

    found: list[Found] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of what could have been a log or could not be looked at."""
    plain: int = 0
    """Files of kinds that are never logs."""
    issues: list[Issue] = field(default_factory=list)
    """Of the user's own files, once each: pattern tables that are broken, a labbook.toml of a wrong shape."""
    stopped: bool = False
    """True where `should_stop` ended the walk early."""


def discover(
    paths: Iterable[Path | str],
    should_stop: Callable[[], bool] | None = None,
    *,
    known: Mapping[str, SourceState] | None = None,
    left_out: dict[str, LeftOut] | None = None,
) -> Discovery:
    """Every source under `paths`. Known sources whose head is unchanged are not sniffed again.

    left_out: what earlier walks looked at and left out; a caller that walks again and again keeps it between
    the walks, and files that did not change since are not opened.
    """
    walk = _Walk(known or {}, should_stop or (lambda: False), {} if left_out is None else left_out)
    return walk.over(paths)


class _Walk:
    """One walk: what was visited, what was found."""

    def __init__(
        self,
        known: Mapping[str, SourceState],
        should_stop: Callable[[], bool],
        left_out: dict[str, LeftOut],
    ) -> None:
        self.known = known
        self.left_out = left_out
        self.should_stop = should_stop
        self.formats, issues = logs.formats()
        self.names = {format_.name for format_ in self.formats}
        self.result = Discovery(issues=list(issues))
        self.folders: set[tuple[int, int]] = set()
        self.files: set[str] = set()
        self.beside: dict[Path, tuple[Path, ...]] = {}
        self.persons: set[Path] = set()
        """The labbook.toml files met."""
        self.heads = _heads(known.values())

    def over(self, paths: Iterable[Path | str]) -> Discovery:
        for path in paths:
            if str(path).startswith(_REMOTE):
                self._skip(str(path), "labbook reads files: export or download the run first")
                continue
            real = Path(os.path.realpath(path))
            if real.is_dir():
                self._folder(real)
            elif real.exists():
                self._file(real, named=True)
            else:
                self._skip(str(path), "no such file or folder")
        self.result.found.sort(key=lambda found: found.path)
        self.result.issues += [issue for path in sorted(self.persons) for issue in check_person(path)]
        return self.result

    def _skip(self, path: str, reason: str) -> None:
        self.result.skipped.append((clean(path, 4096), reason))

    def _folder(self, top: Path) -> None:
        waiting = [top]
        while waiting:
            if self.should_stop():
                self.result.stopped = True
                return
            folder = waiting.pop()
            try:
                if not self._enter(folder):
                    continue
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._skip(str(folder), clean(f"cannot be opened: {error.strerror}"))
                continue
            waiting += reversed(list(self._entries(entries)))

    def _enter(self, folder: Path) -> bool:
        """True for a folder to look into, once: links may lead here several times."""
        if folder.name in _QUIET:
            return False
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in self.folders:
            return False
        self.folders.add((stat.st_dev, stat.st_ino))
        reason = _FOREIGN.get(folder.name)
        if reason is None and (folder / "pyvenv.cfg").is_file():
            reason = "a virtual environment"
        if reason is not None:
            self._skip(str(folder), reason)
        return reason is None

    def _entries(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[Path]:
        """The folders among the entries; files are taken on the way."""
        for entry in entries:
            real = Path(os.path.realpath(entry.path)) if entry.is_symlink() else Path(entry.path)
            try:
                if entry.is_dir():
                    yield real
                elif entry.is_file():
                    self._file(real)
            except OSError as error:
                self._skip(entry.path, clean(f"cannot be looked at: {error.strerror}"))

    def _file(self, path: Path, *, named: bool = False) -> None:
        if str(path) in self.files:
            return
        self.files.add(str(path))
        if path.suffix.lower() in NO_LOGS and not named:
            self.result.plain += 1
            return
        try:
            self._look(path, named)
        except OSError as error:
            self._skip(str(path), clean(f"cannot be read: {error.strerror}"))

    def _look(self, path: Path, named: bool) -> None:
        if (state := self._unchanged(path)) is not None:
            self._add(path, state.format, state.confidence, ())
            return
        stat = os.stat(path)
        before = self.left_out.get(str(path))
        if before is not None and (before.size, before.mtime) == (stat.st_size, stat.st_mtime):
            self._leave(path, before)
            return
        sample = take_sample(path)
        claim = logs.recognise(sample, self.formats) if sample.size and not verdicts.is_lfs(sample) else None
        if claim is None and _worth_scanning(sample):
            claim = scan(sample, self.formats)
        if claim is not None:
            self._add(path, claim[0].name, claim[1].confidence, claim[1].evidence)
        elif named or sample.binary or verdicts.is_lfs(sample) or is_listed(path, sample.size):
            self._leave(path, LeftOut(stat.st_size, stat.st_mtime, verdicts.negative(sample)))
        else:
            self._leave(path, LeftOut(stat.st_size, stat.st_mtime, ""))

    def _leave(self, path: Path, left: LeftOut) -> None:
        self.left_out[str(path)] = left
        if left.reason:
            self._skip(str(path), left.reason)
        else:
            self.result.plain += 1

    def _unchanged(self, path: Path) -> SourceState | None:
        """The known state of a source whose head is as it was."""
        state = self.known.get(str(path))
        if state is None or state.format not in self.names:
            return None
        stat = os.stat(path)
        before = state.fingerprint
        if (stat.st_dev, stat.st_ino) == (before.device, before.inode) and (
            (stat.st_size, stat.st_mtime) == (before.size, before.mtime)
        ):
            return state
        return state if change(state, fingerprint(path, before.head_len)) != "replaced" else None

    def _add(self, path: Path, format_: str, confidence: float, evidence: tuple[Evidence, ...]) -> None:
        folder = run_folder(path, format_)
        sidecars = self._sidecars(path, format_, folder)
        moved = None if str(path) in self.known else self._moved(path, format_)
        self.result.found.append(Found(path, format_, confidence, evidence, folder, sidecars, moved))

    def _sidecars(self, path: Path, format_: str, folder: Path) -> tuple[Path, ...]:
        configs: tuple[Path, ...] = ()
        if format_ != "wandb" and folder in path.parents:  # a log of its own name shares its folder with others
            configs = self._present(path.parent, CONFIGS)
            if not configs and path.parent.name.startswith("checkpoint-"):
                configs = self._present(path.parent.parent, CONFIGS)
        persons = [found for above in path.parents for found in self._present(above, (PERSON,))]
        self.persons.update(persons)
        return (*configs, *persons)

    def _present(self, folder: Path, wanted: tuple[str, ...]) -> tuple[Path, ...]:
        if folder not in self.beside:
            every = (folder / name for name in (*CONFIGS, PERSON))
            self.beside[folder] = tuple(path for path in every if path.is_file())
        return tuple(path for path in self.beside[folder] if path.name in wanted)

    def _moved(self, path: Path, format_: str) -> str | None:
        """The known source that is no longer where it was and has the same bytes up to its offset."""
        if not self.heads:
            return None
        with path.open("rb") as file:
            head = file.read(HEAD)
        for length, by_digest in self.heads.items():
            for state in by_digest.get(digest(head[:length]), ()) if length <= len(head) else ():
                if state.format == format_ and is_continued(path, state) and not _still_there(state):
                    return state.path
        return None


def _heads(known: Iterable[SourceState]) -> dict[int, dict[str, list[SourceState]]]:
    """Known sources by length and digest of their head."""
    heads: dict[int, dict[str, list[SourceState]]] = {}
    for state in known:
        if state.fingerprint.head_len:
            by_digest = heads.setdefault(state.fingerprint.head_len, {})
            by_digest.setdefault(state.fingerprint.head_digest, []).append(state)
    return heads


def _still_there(state: SourceState) -> bool:
    """True where the source is where it was, unchanged or grown."""
    try:
        return change(state, fingerprint(Path(state.path), state.fingerprint.head_len)) != "replaced"
    except OSError:
        return False


def _worth_scanning(sample: Sample) -> bool:
    if sample.whole or sample.binary or sample.size > SCANNED:
        return False
    return is_log_like(sample.path) and sample.path.suffix.lower() not in {".csv", ".tsv"}


def scan(sample: Sample, formats: Iterable[Format]) -> tuple[Format, logs.Sniffed] | None:
    """The first text format whose line stands anywhere in the file, however deep. Raises OSError."""
    texts = [format_ for format_ in formats if isinstance(format_, TextFormat)]
    for place, line in Lines(sample.path, 0, {}, bars=True):
        for piece in pieces(line):
            _, bare = unlabel(piece)
            for format_ in texts:
                if any(pattern.search(bare) for pattern in format_.table.detect):
                    evidence = Evidence(f"line {place}", clean(bare, 160))
                    return format_, logs.Sniffed(0.75, (evidence,))
    return None
