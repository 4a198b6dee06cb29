"""Curves kept as one small file a metric: what is new in each, from an offset of its own."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labbook.logs import names
from labbook.logs.lines import LONGEST_ROW, Lines
from labbook.logs.numbers import CUT
from labbook.logs.rows import Rows
from labbook.records import Issue, RunPart, Scalar
from labbook.text import clean

MOST_FILES = 2000
"""Files of one folder that are read."""
DEEPEST = 12
_TAIL = 256
"""Bytes before an offset by which a file is known to go on."""
_SHORT = 1 << 16
_INTEGER = re.compile(r"[-+]?\d{1,18}\Z")
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d{1,3})?\Z")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "none": None, "null": None}


@dataclass(frozen=True, slots=True)
class MetricFile:
    """One metric of a run and a file its curve, or a piece of it, stands in."""

    metric: str
    """The name the tracker gave it."""
    path: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of such a file: values as text or numbers, None where missing."""

    step: object
    value: object
    wall: object = None


Parse = Callable[[str, dict[str, object]], Measured | None]
"""Reads a line, None where it holds no value; it may keep what a header says in the mapping of its file."""


@dataclass(slots=True)
class _Kept:
    """Where the reading of one file stands."""

    offset: int = 0
    tail: str = ""
    look: list[int] = field(default_factory=list)
    """Size and time of change."""
    lines: dict[str, object] = field(default_factory=dict)
    header: dict[str, object] = field(default_factory=dict)
    segments: object = None

    @classmethod
    def of(cls, saved: object) -> _Kept:
        return cls(**saved) if isinstance(saved, dict) else cls()

    def state(self) -> dict[str, object]:
        return {
            "offset": self.offset,
            "tail": self.tail,
            "look": self.look,
            "lines": self.lines,
            "header": self.header,
            "segments": self.segments,
        }


class MetricFiles:
    """The files of one run. Which name means what is decided over all of them; a restart is counted for each
    metric alone, because nothing orders the files among each other."""

    def __init__(self, state: object, files: Sequence[MetricFile]) -> None:
        known = state if isinstance(state, dict) else {}
        self.files = [file for file in files if _is_metric(file.metric)][:MOST_FILES]
        self._rows = Rows(known.get("names"))
        learn(self._rows, (file.metric for file in self.files))
        saved = known.get("files")
        self._kept = {path: _Kept.of(one) for path, one in (saved if isinstance(saved, dict) else {}).items()}
        self._segments: dict[str, object] = dict(known.get("segments", {}))
        self.origin = int(known.get("origin", 1))
        """`RunPart.step_origin` as the points read before say it."""

    def is_continued(self) -> bool:
        """True where every file read before is still there and begins as it did. Raises OSError."""
        there = {str(file.path) for file in self.files}
        return self._kept.keys() <= there and all(_goes_on(Path(path), at) for path, at in self._kept.items())

    def read(self, part: RunPart, parse: Parse, issues: list[Issue], *, final: bool = False) -> None:
        """Add what is new in every file. Raises OSError."""
        part.step_origin = self.origin
        for file in self.files:
            kept = self._kept.setdefault(str(file.path), _Kept())
            look = _look(file.path)
            if look != kept.look or final:
                self._read(file, kept, parse, (part, issues), final)
                kept.look = look
        self.origin = part.step_origin

    def _read(
        self, file: MetricFile, kept: _Kept, parse: Parse, into: tuple[RunPart, list[Issue]], final: bool
    ) -> None:
        part, issues = into
        known = self._rows.state() | {"segments": self._segments.get(file.metric), "axis": None}
        rows = Rows(known)
        lines = Lines(file.path, kept.offset, kept.lines, final=final, longest=LONGEST_ROW, heads=False)
        bad = _Bad(file)
        for place, line in lines:
            has_header = bool(kept.header)
            found = None if line.endswith(CUT) else parse(line, kept.header)
            if found is not None:
                row = {"step": found.step, file.metric: found.value, "timestamp": found.wall}
                if not rows.add(part, row, place, issues):
                    bad.see(place, line)
            elif line.strip() and has_header == bool(kept.header):
                bad.see(place, line)
        issues += [*bad.issues(), *lines.unread()]
        kept.offset, kept.lines, kept.tail = lines.offset, lines.state(), _tail(file.path, lines.offset)
        self._segments[file.metric] = rows.segments.state()

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "names": self._rows.state(),
            "files": {path: kept.state() for path, kept in self._kept.items()},
            "segments": self._segments,
            "origin": self.origin,
        }


class _Bad:
    """Lines of a file that say nothing: one issue for all of them."""

    def __init__(self, file: MetricFile) -> None:
        self.file = file
        self.first: tuple[int, str] | None = None
        self.count = 0

    def see(self, place: int, line: str) -> None:
        self.first = self.first or (place, line)
        self.count += 1

    def issues(self) -> list[Issue]:
        if self.first is None:
            return []
        place, line = self.first
        code = "cut-tail" if line.endswith(CUT) else "bad-line"
        text = f"{self.file.metric}: no step and value: {clean(line, 80)}"
        return [Issue(code, clean(text), f"line {place}", self.count)]


def learn(rows: Rows, metrics: Iterable[str]) -> None:
    """Decide what the names of a run's metrics mean, all of them at once.

    A trainer that logs `loss` and, when it has ended, `train_loss` beside `train_runtime` means by the latter
    the mean of the run: it is no point of the curve.
    """
    fresh = list(metrics)
    flat = {names.plain(metric) for metric in fresh}
    means = {"train_loss"} if {"loss", "train_runtime"} <= flat else set()
    rows.learn([metric for metric in fresh if names.plain(metric) not in means])
    rows.learn([metric for metric in fresh if names.plain(metric) in means])


def _is_metric(name: str) -> bool:
    """True for a metric; the step, the clock and the epoch as files of their own are none."""
    is_axis = names.axis_rank(name) is not None or names.is_wall(name) or names.is_epoch(name)
    return bool(clean(name)) and not is_axis


def _look(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _goes_on(path: Path, kept: _Kept) -> bool:
    return path.stat().st_size >= kept.offset and _tail(path, kept.offset) == kept.tail


def _tail(path: Path, offset: int) -> str:
    """Digest of the last bytes before the offset."""
    with path.open("rb") as file:
        file.seek(max(0, offset - _TAIL))
        return hashlib.blake2b(file.read(min(offset, _TAIL)), digest_size=12).hexdigest()


def files_under(folder: Path, suffix: str = "") -> list[MetricFile]:
    """The regular files below a folder, each as the metric its path spells; links are not followed.

    suffix: the ending such files have; it is no part of the name. A folder that is not there has no files.
    """
    found = () if folder.is_symlink() else _walk(folder, "", suffix, 0)
    return sorted(found, key=lambda file: file.metric)


def _walk(folder: Path, prefix: str, suffix: str, depth: int) -> Iterator[MetricFile]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", suffix, depth + 1)
        elif entry.is_file(follow_symlinks=False) and entry.name.endswith(suffix):
            yield MetricFile(prefix + entry.name.removesuffix(suffix), Path(entry.path))


def too_many(files: Sequence[MetricFile]) -> list[Issue]:
    """An issue where a folder holds more files than are read."""
    left = len(files) - MOST_FILES
    return [Issue("too-many", f"{left} more metrics than the {MOST_FILES} that are read")] if left > 0 else []


def inside(folder: Path, *names_below: str) -> Path | None:
    """A path below the folder, each name one plain step down and no link; None for anything else."""
    path = folder
    for name in names_below:
        if not name or name in {".", ".."} or "/" in name or "\x00" in name:
            return None
        path = path / name
        if path.is_symlink():
            return None
    return path


def short_text(path: Path) -> str:
    """The beginning of a small text file, empty where there is no such file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with path.open("rb") as file:
            return file.read(_SHORT).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def typed(text: str) -> Scalar:
    """What a configuration value that was written as text stands for: a number, a truth value or clean text."""
    flat = text.strip()
    if flat.lower() in _WORDS:
        return _WORDS[flat.lower()]
    if _INTEGER.match(flat):
        return int(flat)
    return float(flat) if _DECIMAL.match(flat) else clean(flat)


def texts_of(folder: Path) -> Mapping[str, Scalar]:
    """A folder of files that each hold one value of a configuration."""
    return {clean(file.metric, 120): typed(short_text(file.path)) for file in files_under(folder)[:MOST_FILES]}
