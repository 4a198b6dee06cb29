"""Rows of named values to points: which name is the axis, the tokens, the loss. Learnt as rows come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from labbook.logs import names
from labbook.logs.numbers import number
from labbook.logs.segments import Segments
from labbook.records import NAN, Issue, RunPart
from labbook.text import clean

MOST_SERIES = 2000
"""Metrics kept of one run."""
_EARLIEST, _LATEST = 9.5e8, 4e9
"""Unix seconds taken for a clock: 2000 to 2096."""


@dataclass(slots=True)
class _Place:
    """Where the points of one row belong."""

    step: float = NAN
    tokens: float = NAN
    epoch: float = NAN
    wall: float = NAN
    line: int = -1


class Rows:
    """Turns rows into points of one run. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.claims: dict[str, str] = dict(known.get("claims", {}))
        """By series of the names table, the key that stands for it."""
        self.rejected: set[str] = set(known.get("rejected", ()))
        """Keys whose last path part would have a meaning, had it no rival."""
        self.axis: str | None = known.get("axis")
        """Best step counter met so far."""
        self.last_step: float | None = known.get("last_step")
        self.declared: set[str] = set(known.get("declared", ()))
        """Step counters the writer itself declared (W&B's define_metric); they beat the names table."""
        self.segments = Segments(known.get("segments"))
        self._roles: dict[str, tuple[str, int]] = {}
        self._series: dict[str, str] = {}

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "claims": self.claims,
            "rejected": sorted(self.rejected),
            "axis": self.axis,
            "last_step": self.last_step,
            "declared": sorted(self.declared),
            "segments": self.segments.state(),
        }

    def declare(self, axis: str) -> None:
        """Take `axis` for a step counter, whatever the names table says."""
        self.declared.add(axis)
        self._roles.clear()

    def learn(self, keys: Iterable[str]) -> None:
        """Decide what the keys mean; a CSV header says all of them at once."""
        fresh = [key for key in keys if key not in self._roles]
        metrics: list[tuple[int, str, str | None]] = []
        for key in fresh:
            role = self._roles[key] = self._role(key)
            if role[0] == "series":
                meaning = self._meaning(key, fresh)
                metrics.append((meaning[1], key, meaning[0]) if meaning else (1 << 20, key, None))
        for _, key, series in sorted(metrics, key=lambda row: row[0]):
            self._series[key] = self._claim(key, series)

    def _role(self, key: str) -> tuple[str, int]:
        if key in self.declared:
            return "axis", -1
        if (rank := names.axis_rank(key)) is not None:
            return "axis", rank
        if (rank := names.tokens_rank(key)) is not None:
            return "tokens", rank
        if names.is_epoch(key):
            return "epoch", 0
        if names.is_wall(key):
            return "wall", 0
        return ("none", 0) if key in names.INTERNAL or not clean(key) else ("series", 0)

    def _meaning(self, key: str, beside: list[str]) -> tuple[str, int] | None:
        found = names.series_of(key)
        if found is not None or key in self.rejected:
            return found
        found = names.series_of_tail(key)
        if found is None or key in self.claims.values():
            return found
        if any(other != key and names.series_of_tail(other) == found for other in beside):
            self.rejected.add(key)
            return None
        return found

    def _claim(self, key: str, series: str | None) -> str:
        if series is not None and self.claims.setdefault(series, key) == key:
            return series
        own = clean(key, 120)
        return f"{own}_" if own in names.SERIES or own == "train_eval" or own.startswith("val:") else own

    def add(self, part: RunPart, row: Mapping[str, object], line: int, issues: list[Issue]) -> bool:
        """Add the points of one row. False where it holds a metric but nothing to put it on an axis."""
        self.learn(row)
        at = _Place(self._step(row), line=line)
        values: list[tuple[str, float]] = []
        counter = len(names.TOKENS)
        for key, raw in row.items():
            role, rank = self._roles[key]
            if role == "wall":
                at.wall = _clock(raw)
                continue
            value = None if role in {"axis", "none"} else number(raw)
            if value is None:
                continue
            if role == "series":
                values.append((self._series[key], value))
            elif role == "epoch":
                at.epoch = value
            elif rank < counter and value > 0:
                at.tokens, counter = value, rank
        if not values and not math.isnan(at.tokens):
            values.append(("tokens", at.tokens))  # event files write one value at a time
        self._append(part, values, at, issues)
        return not values or not (math.isnan(at.step) and math.isnan(at.tokens) and math.isnan(at.epoch))

    def _append(self, part: RunPart, values: list[tuple[str, float]], at: _Place, issues: list[Issue]) -> None:
        if math.isnan(at.step) and math.isnan(at.tokens) and math.isnan(at.epoch):
            return
        for series, value in values:
            if series == "train" and at.step == 0:
                part.step_origin = 0
            if series not in part.series and len(part.series) >= MOST_SERIES:
                continue
            segment = self.segments.of(series, at.step, value, issues)
            part.points(series).append(
                at.step,
                value,
                tokens=at.tokens,
                epoch=at.epoch,
                wall=at.wall,
                place=at.line,
                segment=segment,
            )

    def _step(self, row: Mapping[str, object]) -> float:
        """The row's step on the run's best counter; the last one known where the row has a lesser one."""
        found = [(self._roles[key][1], key) for key in row if self._roles[key][0] == "axis"]
        if not found:
            return NAN
        rank, key = min(found)
        if self.axis is not None and key != self.axis and self._role(self.axis)[1] < rank:
            return NAN if self.last_step is None else self.last_step
        value = number(row[key])
        if value is None or not math.isfinite(value):
            return NAN
        self.axis, self.last_step = key, value
        return value


def _clock(raw: object) -> float:
    """Unix seconds of a clock value: seconds, milliseconds or ISO 8601; NaN for anything else."""
    value = number(raw)
    if value is not None:
        seconds = value / 1e3 if value > _LATEST else value
        return seconds if _EARLIEST < seconds < _LATEST else NAN
    try:
        moment = datetime.fromisoformat(str(raw)[:40])
    except ValueError:
        return NAN
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
