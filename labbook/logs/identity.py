"""Which sources are one run: run folders, names, twins."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from labbook.logs.names import HELD_OUT
from labbook.logs.streams import is_job_output, stream_name
from labbook.records import Points, RunPart
from labbook.text import clean

FOLDERS = frozenset({"mlflow-files", "dvclive", "swanlab-folder", "sacred"})
"""Formats whose folder is the run, or holds its runs."""
COMMON = 20
"""Steps two sources must share before they can be called the same run."""
AGREE = 0.95
PRINTED = 1e-6
"""Relative precision of a float32 print."""
JOINED = 0.2
"""A resumed run's first loss is this close to the one before it."""

_ROTATED = re.compile(r"(\.\d{1,3}|-\d{8}(\d{6})?|\.old|\.bak)?(\.gz|\.zst)?\Z")
_GENERIC = re.compile(
    r"(train(ing|er)?|log|logs|main|metrics?|output|out|stdout|stderr|console|history|results?|progress|run|"
    r"trainer_state|trainer_log|events|loss|losses|nohup|slurm|job)([-_.]?\d*)\Z",
    re.IGNORECASE,
)
_PLAIN_FOLDER = re.compile(
    r"(version_\d+|wandb|logs?|lightning_logs|tensorboard|tb(_logs)?|events|runs?|output|results|exp\d*|csv)\Z",
    re.IGNORECASE,
)
_CHECKPOINT = re.compile(r"checkpoint-\d+\Z")
_WANDB_RUN = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-(?P<id>.+)\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source lies: what grouping needs to know of it."""

    folder: Path
    format: str
    path: str = ""
    """Of the source."""


def run_folder(path: Path, format: str) -> Path:  # noqa: A002  the field's word
    """The folder a run is known by; for a log of its own name, the path without its endings."""
    folder = path.parent
    if format == "wandb":
        return _wandb_folder(folder)
    if format == "tensorboard":
        return folder.parent if folder.name.lower() in HELD_OUT | {"train"} else folder
    if format in FOLDERS:
        return folder
    if _CHECKPOINT.match(folder.name):
        folder = folder.parent
    stem = bare_name(path)
    return folder if _GENERIC.match(stem) or format == "hf-trainer-state" else folder / stem


def bare_name(path: Path) -> str:
    """The file's name without rotation, archive and format endings: `train.log.1.gz` is `train`."""
    name = _ROTATED.sub("", path.name) or path.name
    return name.rpartition(".")[0] or name


def _wandb_folder(folder: Path) -> Path:
    """X for X/wandb/run-<time>-<id>, as long as X holds no other W&B run; else the first folder of that id."""
    inside, match = folder.parent, _WANDB_RUN.match(folder.name)
    if match is None:
        return folder
    others = _runs_in(inside)
    if inside.name == "wandb" and len(others) <= 1:
        return inside.parent
    return inside / min(others.get(match["id"], [folder.name]))


def _runs_in(folder: Path) -> dict[str, list[str]]:
    """Folders by id of the W&B runs in a folder; a resumed run has several folders and one id."""
    found: dict[str, list[str]] = {}
    try:
        for entry in os.scandir(folder):
            if match := _WANDB_RUN.match(entry.name):
                found.setdefault(match["id"], []).append(entry.name.removeprefix("offline-"))
    except OSError:
        return {}
    return found


def run_name(folder: Path, part: RunPart | None = None) -> str:
    """What the run is called: the name its log carries, else its folder's, with the number of the run."""
    key = part.key if part is not None else ""
    if part is not None and part.name:
        return clean(f"{part.name} {key}" if key.startswith("#") else part.name) or "run"
    return clean(f"{_folder_name(folder)} {key}".strip()) or "run"


@lru_cache(maxsize=4096)
def _folder_name(folder: Path) -> str:
    name = folder.name
    if _PLAIN_FOLDER.match(name) and folder.parent.name:
        return f"{_folder_name(folder.parent)}/{name}"
    return name


def same_run(a: Place, b: Place, agree: bool | None, goes_on: bool = False) -> bool:
    """True where two sources are one run. `agree` is what `twins` said of their losses, `goes_on` what
    `continues` did.

    Inside one run folder different formats are one run until their losses disagree, several event files and
    resumed W&B files are restarts, several trainer states are checkpoints, rotated files are pieces, and of
    two jobs' outputs the second may go on where the first ended. Across folders two sources stay apart.
    """
    if a.folder != b.folder:
        return False
    if a.format != b.format:
        return agree is not False
    if a.format in {"tensorboard", "hf-trainer-state", "wandb"} or agree is True:
        return True
    if a.path and stream_name(a.path, a.format) == stream_name(b.path, b.format):
        return True
    return goes_on and is_job_output(Path(a.path)) and is_job_output(Path(b.path))


def continues(a: Mapping[str, Points], b: Mapping[str, Points]) -> bool:
    """True where the training losses of one go on where those of the other end, as after a requeue."""
    one, other = a.get("train"), b.get("train")
    if one is None or other is None or not len(one) or not len(other):
        return False
    first, second = sorted((one, other), key=lambda points: points.step[0])
    begin, reached = second.step[0], max(first.step)
    spacing = (reached - first.step[0]) / max(1, len(first) - 1)
    if not first.step[0] < begin <= reached + 2 * spacing or max(second.step) <= reached:
        return False
    near = min(range(len(first)), key=lambda index: abs(first.step[index] - begin))
    return abs(second.value[0] - first.value[near]) <= JOINED * abs(first.value[near])


def twins(a: Mapping[str, Points], b: Mapping[str, Points]) -> bool | None:
    """True where the losses of two sources agree at 95 % or more of at least 20 common steps.

    A shift of one step is allowed: one trainer counts from 0, its tracker from 1. None where too few
    steps are common to tell.
    """
    answers = [
        found for series in ("train", "val") if (found := _agree(a.get(series), b.get(series))) is not None
    ]
    return None if not answers else all(answers)


def _agree(a: Points | None, b: Points | None) -> bool | None:
    if a is None or b is None:
        return None
    left, right = _by_step(a), _by_step(b)
    answers = [found for shift in (0, 1, -1) if (found := _agree_shifted(left, right, shift)) is not None]
    return None if not answers else any(answers)


def _by_step(points: Points) -> dict[float, float]:
    return dict(zip(points.step, points.value, strict=True))


def _agree_shifted(a: Mapping[float, float], b: Mapping[float, float], shift: Literal[-1, 0, 1]) -> bool | None:
    pairs = [(value, b[step + shift]) for step, value in a.items() if step + shift in b]
    if len(pairs) < COMMON:
        return None
    precision = max(_precision([x for x, _ in pairs]), _precision([y for _, y in pairs]))
    same = sum(_equal(x, y, precision) for x, y in pairs)
    return same >= AGREE * len(pairs)


def _precision(values: Sequence[float]) -> float:
    """Half a unit of the last decimal these values were printed with, 0 where they are not rounded."""
    decimals = 0
    for value in values[:200]:
        _, _, after = repr(value).partition(".")
        if "e" in after or len(after) > 8:
            return 0.0
        decimals = max(decimals, len(after))
    return 0.5 * 10.0**-decimals


def _equal(a: float, b: float, precision: float) -> bool:
    if a != a or b != b:
        return a != a and b != b
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= precision * 1.01 + PRINTED * max(abs(a), abs(b))
