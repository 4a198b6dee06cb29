"""From paths to sources: which files are logs, which folder each run is known by, and what was left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labbook import logs
from labbook.logs import verdicts
from labbook.logs.follow import change, fingerprint
from labbook.logs.format import (
    Claim,
    ClaimsFolders,
    Evidence,
    Format,
    HasCompanions,
    Sample,
    Sniffed,
    take_sample,
)
from labbook.logs.identity import run_folder, run_name
from labbook.logs.kinds import NO_LOGS, is_listed, is_log_like
from labbook.logs.moved import Heads
from labbook.logs.person import PERSON, check_person, reading_given
from labbook.logs.scan import scan
from labbook.logs.sidecar import CONFIGS
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
_NO_FILE = "a pipe, socket or device: not read"
_CLAIMED = 0.95
"""Confidence in a folder known by the names in it."""
MOST_COLUMNS = 10_000
MANY = 20
"""Files of one folder left out for the same reason that are listed one by one."""
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
    also: tuple[Path, ...] = ()
    """Other files that are read with this one: a database's log, the metrics of a folder."""
    first_state: tuple[tuple[str, object], ...] = ()
    """What a first reading begins with: the meaning a person gave to columns."""


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
    columns: Mapping[str, str] | None = None,
) -> Discovery:
    """Every source under `paths`. Known sources whose head is unchanged are not sniffed again.

    columns: what a person says the columns of tables mean, by canonical key.

    left_out: what earlier walks looked at and left out; a caller that walks again and again keeps it between
    the walks, and files that did not change since are not opened.
    """
    walk = _Walk(
        known or {}, should_stop or (lambda: False), {} if left_out is None else left_out, columns or {}
    )
    return walk.over(paths)


class _Walk:
    """One walk: what was visited, what was found."""

    def __init__(
        self,
        known: Mapping[str, SourceState],
        should_stop: Callable[[], bool],
        left_out: dict[str, LeftOut],
        columns: Mapping[str, str],
    ) -> None:
        self.known = known
        self.columns = columns
        self.left_out = left_out
        self.should_stop = should_stop
        self.formats, issues = logs.formats()
        self.names = {format_.name for format_ in self.formats}
        self.result = Discovery(issues=list(issues))
        self.folders: set[tuple[int, int]] = set()
        self.files: set[str] = set()
        self.beside: dict[Path, tuple[Path, ...]] = {}
        self.likely: Format | None = None
        """The format of the file before."""
        self.roots: tuple[Path, ...] = ()
        """Nothing outside these folders is opened."""
        self.persons: set[Path] = set()
        """The labbook.toml files met."""
        self.heads = Heads(known.values())

    def over(self, paths: Iterable[Path | str]) -> Discovery:
        given = [(path, Path(os.path.realpath(path))) for path in paths]
        self.roots = tuple(real if real.is_dir() else real.parent for _, real in given)
        for path, real in given:
            if str(path).startswith(_REMOTE):
                self._skip(str(path), "labbook reads files: export or download the run first")
            elif real.is_dir():
                self._folder(real)
            elif real.is_file():
                self._named(real)
            else:
                self._skip(str(path), _NO_FILE if real.exists() else "no such file or folder")
        self.result.found.sort(key=lambda found: found.path)
        self.result.skipped = _summed(self.result.skipped)
        self.result.issues += [issue for path in sorted(self.persons) for issue in check_person(path)]
        return self.result

    def _named(self, path: Path) -> None:
        """A file that was named itself; it may stand for the folder it lies in."""
        for form in self.formats:
            if isinstance(form, ClaimsFolders):
                for folder in list(path.parents)[:3]:
                    if (claim := self._claim(form, folder, None)) and folder / claim.anchor == path:
                        self._add(path, form.name, _CLAIMED, claim.evidence)
                        return
        self._file(path, named=True)

    def _is_outside(self, real: Path) -> bool:
        return not any(real.is_relative_to(root) for root in self.roots)

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
            waiting += reversed(list(self._entries(self._unclaimed(folder, entries))))

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

    def _unclaimed(self, folder: Path, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """The entries that are looked at on their own; a folder that is one log is taken as such."""
        present = frozenset(entry.name for entry in entries)
        taken: set[str] = set()
        for form in self.formats:
            if isinstance(form, ClaimsFolders) and (claim := self._claim(form, folder, present)):
                anchor = folder / claim.anchor
                real = Path(os.path.realpath(anchor))
                if not taken & claim.inside and str(anchor) not in self.files and not self._is_outside(real):
                    self.files.add(str(anchor))
                    self._add(anchor, form.name, _CLAIMED, claim.evidence)
                    taken |= claim.inside
        return [entry for entry in entries if entry.name not in taken]

    def _claim(self, form: ClaimsFolders, folder: Path, names: frozenset[str] | None) -> Claim | None:
        try:
            return form.claim(folder, frozenset(os.listdir(folder)) if names is None else names)
        except OSError as error:
            self._skip(str(folder), clean(f"cannot be looked at: {error.strerror}"))
            return None

    def _entries(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[Path]:
        """The folders among the entries; files are taken on the way."""
        for entry in entries:
            try:
                real = Path(os.path.realpath(entry.path)) if entry.is_symlink() else Path(entry.path)
                if entry.is_symlink() and real == Path(entry.path):
                    self._skip(entry.path, "a link to itself")
                elif entry.is_symlink() and self._is_outside(real):
                    self._skip(entry.path, "a link to what lies outside; name its target to read it")
                elif entry.is_dir():
                    yield real
                elif entry.is_file():
                    self._file(real)
                elif entry.is_symlink():
                    self._skip(entry.path, "a link that leads nowhere")
                else:
                    self._skip(entry.path, _NO_FILE)
            except OSError as error:
                self._skip(entry.path, clean(f"cannot be looked at: {error.strerror}"))

    def _file(self, path: Path, *, named: bool = False) -> None:
        if str(path) in self.files:
            return
        self.files.add(str(path))
        if (path.suffix.lower() in NO_LOGS or _is_of_database(path)) and not named:
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
        sample.columns = self._meanings(path)
        claim = self._as_told(path) if sample.size else None
        if claim is None and sample.columns_in_first_line > MOST_COLUMNS:
            text = f"a table of {sample.columns_in_first_line} columns; labbook reads up to {MOST_COLUMNS}"
            self._leave(path, LeftOut(stat.st_size, stat.st_mtime, text))
            return
        if claim is None and sample.size and not verdicts.is_lfs(sample):
            claim = logs.recognise(sample, self.formats, self.likely)
        if claim is None and _worth_scanning(sample):
            claim = scan(sample, self.formats)
        if claim is not None:
            self.likely = claim[0]
            self._add(path, claim[0].name, claim[1].confidence, claim[1].evidence)
        elif named or sample.binary or verdicts.is_lfs(sample) or is_listed(path, sample.size):
            self._leave(path, LeftOut(stat.st_size, stat.st_mtime, verdicts.negative(sample)))
        else:
            self._leave(path, LeftOut(stat.st_size, stat.st_mtime, ""))

    def _said(self, path: Path) -> dict[str, str]:
        """How a person says the file is to be read; the nearest labbook.toml wins."""
        said: dict[str, str] = {}
        for folder in reversed(path.parents):
            if not self._is_outside(folder):
                for person in self._present(folder, (PERSON,)):
                    said |= reading_given(person, run_name(run_folder(path, "")))
        return said

    def _meanings(self, path: Path) -> dict[str, str]:
        """What the columns of the file mean, as far as a person says."""
        said = self._said(path)
        return dict(self.columns) | ({"step": said["step"]} if "step" in said else {})

    def _as_told(self, path: Path) -> tuple[Format, Sniffed] | None:
        """The format a person names for the file."""
        found = logs.by_name(self._said(path).get("format", ""))
        return (found, Sniffed(1.0, (Evidence(PERSON, f"format = {found.name}"),))) if found else None

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
        if self._said(path).get("format", state.format) != state.format:
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
        moved = None if str(path) in self.known else self.heads.moved(path, format_)
        form = next(form for form in self.formats if form.name == format_)
        also = form.companions(path) if isinstance(form, HasCompanions) else ()
        columns = self._meanings(path)
        first = (("columns", columns),) if columns else ()
        self.result.found.append(
            Found(path, format_, confidence, evidence, folder, sidecars, moved, also, first)
        )

    def _sidecars(self, path: Path, format_: str, folder: Path) -> tuple[Path, ...]:
        configs: tuple[Path, ...] = ()
        if format_ != "wandb" and folder in path.parents:  # a log of its own name shares its folder with others
            configs = self._present(path.parent, CONFIGS)
            if not configs and path.parent.name.startswith("checkpoint-"):
                configs = self._present(path.parent.parent, CONFIGS)
        above = [folder for folder in path.parents if not self._is_outside(folder)]
        persons = [found for folder in above for found in self._present(folder, (PERSON,))]
        self.persons.update(persons)
        return (*configs, *persons)

    def _present(self, folder: Path, wanted: tuple[str, ...]) -> tuple[Path, ...]:
        if folder not in self.beside:
            every = (folder / name for name in (*CONFIGS, PERSON))
            self.beside[folder] = tuple(
                path for path in every if path.is_file() and not self._is_outside(Path(os.path.realpath(path)))
            )
        return tuple(path for path in self.beside[folder] if path.name in wanted)


def _is_of_database(path: Path) -> bool:
    """True for the files SQLite keeps beside a database."""
    base, dash, word = path.name.rpartition("-")
    return bool(dash) and word in {"wal", "shm", "journal"} and path.with_name(base).exists()


def _summed(skipped: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """One line for many files of a folder that are left out for the same reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, reason in skipped:
        groups.setdefault((os.path.dirname(path), reason), []).append(path)
    found: list[tuple[str, str]] = []
    for (folder, reason), paths in groups.items():
        if len(paths) <= MANY or reason.startswith("cannot be"):
            found += [(path, reason) for path in paths]
        else:
            found.append((folder, f"{len(paths)} files: {reason}"))
    return found


def _worth_scanning(sample: Sample) -> bool:
    if sample.whole or sample.binary or sample.size > SCANNED:
        return False
    return is_log_like(sample.path) and sample.path.suffix.lower() not in {".csv", ".tsv"}
