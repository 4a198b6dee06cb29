"""Which source leads each series of a run, and which further files are pieces of it.

A log goes on in another file when it is rotated, restarted or resumed: those files are pieces of one stream,
read one after the other, and the last written value of a step stands. Another format's record of the same run
is another stream, and the richest stream of a series leads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.records import Curve, Latest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.store import StoredRun

_ARCHIVE = re.compile(r"\.(?:gz|zst|gzip|zstd)\Z")
_NUMBERED = re.compile(r"\.(\d{1,3})\Z")
_DATED = re.compile(r"-(\d{8}(?:\d{6})?)\Z")
_OLD = re.compile(r"\.(?:old|bak)\Z")
_EVENTS_TIME = re.compile(r"tfevents\.(\d+)")
_WANDB_TIME = re.compile(r"run-(\d{8}_\d{6})-")
_JOB = re.compile(r"(?<![\d.])(\d{3,12})(?!\d)")
_JOB_NAME = re.compile(r"(?:slurm|job|nohup|output|out|log|std(?:out|err))?[-_.]?\d{3,12}\Z", re.IGNORECASE)
_COPIES = frozenset({"hf-trainer-state"})
"""Formats whose files of one run are copies of one another: the richest alone counts."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The files that give one series of a run, the oldest first, and what they come to."""

    series: str
    pieces: tuple[Latest, ...]
    """By file, oldest first, without copies."""
    latest: Latest
    """All of them together; `source` is the newest."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, oldest first."""
        return tuple(piece.source for piece in self.pieces)


@lru_cache(maxsize=8192)
def stream_name(path: str, format_: str) -> str:
    """What the pieces of one stream have in common: the path without what rotation adds to it."""
    real = Path(path)
    if format_ == "tensorboard":
        return str(real.parent)
    if format_ in _COPIES:
        return path
    if format_ == "wandb":
        return real.name
    name = _ARCHIVE.sub("", real.name)
    for ending in (_NUMBERED, _DATED, _OLD):
        name = ending.sub("", name) or name
    return str(real.parent / name)


def is_job_output(path: Path) -> bool:
    """True for a name that is a job's number and no word of its own: `slurm-4711.out`."""
    return _JOB_NAME.fullmatch(_ARCHIVE.sub("", path.name).split(".")[0]) is not None


@lru_cache(maxsize=8192)
def age(path: str) -> tuple[float, str]:
    """Sorts the pieces of a stream by their names, the oldest first."""
    name = Path(path).name
    for pattern, text in ((_EVENTS_TIME, name), (_WANDB_TIME, path)):
        if match := pattern.search(text):
            return float(match[1].replace("_", "")), path
    bare = _ARCHIVE.sub("", name)
    if match := _NUMBERED.search(bare):
        return -float(match[1]), path
    if match := _DATED.search(bare):
        return float(match[1].ljust(14, "0")) - 1e15, path
    if _OLD.search(bare):
        return -1.0, path
    job = _JOB.findall(bare)
    return float(job[-1]) if job else 0.0, path


def leading(latest: Iterable[Latest], formats: Mapping[str, str]) -> dict[str, Stream]:
    """By series, the stream that leads it: most points, then most steps, then a token counter.

    formats: by path, the format of each source of the run.
    """
    pieces: dict[str, dict[str, list[Latest]]] = {}
    for row in latest:
        form = formats.get(row.source, "")
        name = _family(row.source, form)
        pieces.setdefault(row.series, {}).setdefault(f"{form} {name}", []).append(row)
    best: dict[str, Stream] = {}
    for series, by_name in pieces.items():
        streams = [_stream(series, rows) for _, rows in sorted(by_name.items())]
        best[series] = max(streams, key=lambda one: _richness(one.latest))
    return best


def leading_of(run: StoredRun) -> dict[str, Stream]:
    """By series of a run of the notebook."""
    return leading(run.latest, {source.path: source.format for source in run.sources})


def _family(path: str, format_: str) -> str:
    """The stream's name; the outputs of the jobs of one run folder are one stream."""
    real = Path(path)
    if format_ not in _COPIES | {"tensorboard", "wandb"} and is_job_output(real):
        return str(real.parent)
    return stream_name(path, format_)


def _stream(series: str, rows: Sequence[Latest]) -> Stream:
    pieces = _without_copies(rows)
    return Stream(series, pieces, _joined(pieces))


def _without_copies(rows: Sequence[Latest]) -> tuple[Latest, ...]:
    """The pieces, oldest first. Of those that begin alike the richest counts: an archive beside its log."""
    kept: dict[tuple[str, ...], Latest] = {}
    for row in sorted(rows, key=lambda one: age(one.source)):
        start = tuple(map(repr, (row.first_step, row.first_value, row.first_wall)))
        if start not in kept or _richness(row) > _richness(kept[start]):
            kept[start] = row
    return tuple(sorted(kept.values(), key=lambda one: age(one.source)))


def _joined(pieces: Sequence[Latest]) -> Latest:
    """The figures of all pieces, read one after the other."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return first
    least = min(pieces, key=lambda one: one.min_value if not math.isnan(one.min_value) else math.inf)
    return Latest(
        series=first.series,
        source=last.source,
        points=sum(one.points for one in pieces),
        non_finite=sum(one.non_finite for one in pieces),
        first_step=first.first_step,
        last_step=last.last_step,
        max_step=_largest(one.max_step for one in pieces),
        first_value=first.first_value,
        last_value=last.last_value,
        min_value=least.min_value,
        min_step=least.min_step,
        max_tokens=_largest(one.max_tokens for one in pieces),
        max_epoch=_largest(one.max_epoch for one in pieces),
        first_wall=first.first_wall,
        last_wall=_largest(one.last_wall for one in pieces),
    )


def _largest(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _richness(row: Latest) -> tuple[int, float, int]:
    has_tokens = int(not math.isnan(row.max_tokens))
    return row.points, row.max_step if not math.isnan(row.max_step) else -math.inf, has_tokens


def joined_curve(curves: Sequence[Curve]) -> Curve:
    """One curve of the pieces of a stream, the oldest first: the last written value of a step stands.

    A piece that begins before the end of those before it opens a new segment. Sorted by step; points without
    a step stay, behind the others.
    """
    import numpy as np

    curves = [curve for curve in curves if len(curve)] or list(curves[:1])
    if len(curves) == 1:
        return curves[0]
    segment, reached = 0, -math.inf
    segments: list[NDArray[np.int32]] = []
    for curve in curves:
        steps = curve.step[np.isfinite(curve.step)]
        if segments and steps.size and float(steps[0]) <= reached:
            segment += 1
        segments.append(curve.segment + np.int32(segment))
        segment += int(curve.segment.max(initial=0))
        reached = max(reached, float(steps.max(initial=-math.inf)))
    columns = {
        name: np.concatenate([getattr(curve, name) for curve in curves])
        for name in ("step", "value", "tokens", "epoch", "wall")
    }
    order = np.argsort(columns["step"], kind="stable")
    ordered = columns["step"][order]
    kept = order[np.append(ordered[1:] != ordered[:-1], True)]
    return Curve(
        series=curves[0].series,
        segment=np.concatenate(segments).astype(np.int32)[kept],
        **{name: column[kept] for name, column in columns.items()},
    )
