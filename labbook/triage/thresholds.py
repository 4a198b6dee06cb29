"""Every threshold of triage, read once from `schemas/triage.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from labbook.resources import resource_dir

OutOf = tuple[int, int]
"""(k, n): k of the last n points."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where a series is cut before it is judged."""

    cadence_block: int
    cadence_factor: float
    lr_rise: float
    lr_plateau: int
    lr_fall: float


@dataclass(frozen=True, slots=True)
class NanLimits:
    """Of `nan`."""

    clear_after: int


@dataclass(frozen=True, slots=True)
class SpikeLimits:
    """Of `spike` and `spike-open`."""

    level_window: int
    spread_window: int
    score_after: int
    short_below: int
    short_level_window: int
    short_spread_window: int
    short_score_after: int
    least_points: int
    z_warn: float
    warn_of: OutOf
    z_fast: float
    fast_of: OutOf
    z_single: float
    single_rise: float
    least_rise: float
    least_spread: float
    recovery_window: int
    recovery_sd: float
    open_points: int
    open_share: float


@dataclass(frozen=True, slots=True)
class DivergedLimits:
    """Of `diverged`."""

    dense_from: int
    blocks: int
    block_least: int
    block_most: int
    sd: float
    drop_share: float
    consecutive: int
    scatter_blocks: int
    sparse_rise: float
    sparse_records: int
    sparse_sd: float
    sparse_noise_window: int
    repeat_epochs: float
    slow_share: float


@dataclass(frozen=True, slots=True)
class StalledLimits:
    """Of `stalled`, in seconds."""

    least: float
    median_factor: float
    largest_factor: float
    gaps: int
    first_gap: float
    few_gaps: int


@dataclass(frozen=True, slots=True)
class ResumedLimits:
    """Of `resumed`."""

    most_switches: int


@dataclass(frozen=True, slots=True)
class FinishedLimits:
    """Of the question whether a schedule has ended."""

    share: float
    lr_seen_from: float
    lr_slack: float


@dataclass(frozen=True, slots=True)
class LevelLimits:
    """Of the estimators of the loss."""

    tail_share: float
    tail_least: int
    tail_most_share: float
    tail_floor: int
    line_share: float
    line_least: int
    noise_points: int


@dataclass(frozen=True, slots=True)
class SpeedLimits:
    """Of throughput and end time."""

    evals: int
    points_share: float
    points_least: int
    points_most: int
    groups: int
    change: float
    least_gaps: int
    z: float
    least_spread: float


@dataclass(frozen=True, slots=True)
class AdviceLimits:
    """Of the line that says what to do."""

    stays_open_share: float
    nan_values: int
    look_again: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of them, by table of the TOML file."""

    windows: Windows
    nan: NanLimits
    spike: SpikeLimits
    diverged: DivergedLimits
    stalled: StalledLimits
    resumed: ResumedLimits
    finished: FinishedLimits
    level: LevelLimits
    speed: SpeedLimits
    advice: AdviceLimits


_TABLES: dict[str, type[Any]] = {
    "windows": Windows,
    "nan": NanLimits,
    "spike": SpikeLimits,
    "diverged": DivergedLimits,
    "stalled": StalledLimits,
    "resumed": ResumedLimits,
    "finished": FinishedLimits,
    "level": LevelLimits,
    "speed": SpeedLimits,
    "advice": AdviceLimits,
}


@cache
def thresholds() -> Thresholds:
    """The thresholds of `schemas/triage.toml`.

    Raises ValueError where the file lacks a key or has one too many.
    """
    tables = tomllib.loads((resource_dir("schemas") / "triage.toml").read_text(encoding="utf-8"))
    if tables.keys() != _TABLES.keys():
        raise ValueError(f"triage.toml: tables {sorted(tables.keys() ^ _TABLES.keys())} do not match")
    return Thresholds(**{name: _fill(name, kind, tables[name]) for name, kind in _TABLES.items()})


def _fill(name: str, kind: type[Any], table: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    if table.keys() != known:
        raise ValueError(f"triage.toml: [{name}] keys {sorted(table.keys() ^ known)} do not match")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
