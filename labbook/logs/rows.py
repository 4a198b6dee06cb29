"""Rows of named values to points: which name is the axis, the tokens, the loss. Learnt as rows come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labbook.logs import names
from labbook.logs.numbers import number
from labbook.logs.segments import Segments
from labbook.records import NAN, Issue, RunPart
from labbook.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.logs.bulk import Column

MOST_SERIES = 2000
"""Metrics kept of one run."""
EARLIEST, LATEST = 9.5e8, 4e9
"""Unix seconds taken for a clock: 2000 to 2096."""

_PLANS = 512
"""Shapes of rows remembered; trackers write the same keys in any order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the keys of one shape of row mean."""

    axis: str | None
    """The best step counter among them."""
    rank: int
    tokens: tuple[str, ...]
    """Token counters, the preferred one first."""
    epoch: str | None
    wall: str | None
    metrics: tuple[tuple[str, str], ...]
    """(key, series)."""


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
        self._plans: dict[tuple[str, ...], Plan] = {}

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

    @property
    def added(self) -> int:
        """Points added so far, earlier readings included."""
        return self.segments.points

    def declare(self, axis: str) -> None:
        """Take `axis` for a step counter, whatever the names table says."""
        self.declared.add(axis)
        self._roles.clear()
        self._plans.clear()

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

    def plan(self, keys: tuple[str, ...]) -> Plan:
        """What rows of these keys mean; learnt where they are new."""
        known = self._plans.get(keys)
        return known if known is not None else self._new_plan(keys)

    def _new_plan(self, keys: tuple[str, ...]) -> Plan:
        self.learn(keys)
        roles = {key: self._roles[key] for key in keys}
        axes = sorted((rank, key) for key, (role, rank) in roles.items() if role == "axis")
        tokens = sorted((rank, key) for key, (role, rank) in roles.items() if role == "tokens")
        plan = Plan(
            axis=axes[0][1] if axes else None,
            rank=axes[0][0] if axes else 0,
            tokens=tuple(key for _, key in tokens),
            epoch=next((key for key, (role, _) in roles.items() if role == "epoch"), None),
            wall=next((key for key, (role, _) in roles.items() if role == "wall"), None),
            metrics=tuple((key, self._series[key]) for key, (role, _) in roles.items() if role == "series"),
        )
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[keys] = plan
        return plan

    def add(self, part: RunPart, row: Mapping[str, object], line: int, issues: list[Issue]) -> bool:
        """Add the points of one row. False where it holds a metric but nothing to put it on an axis."""
        keys = tuple(row)
        plan = self._plans.get(keys) or self._new_plan(keys)
        step = NAN if plan.axis is None else self.step(plan, number(row[plan.axis]))
        tokens = next((value for key in plan.tokens if (value := number(row[key])) and value > 0), NAN)
        values = [(name, value) for key, name in plan.metrics if (value := number(row[key])) is not None]
        if not values and tokens == tokens:
            values = [("tokens", tokens)]  # event files write one value at a time
        epoch = number(row[plan.epoch]) if plan.epoch is not None else None
        if not values or (step != step and tokens != tokens and epoch is None):
            return not values
        wall = clock(row[plan.wall]) if plan.wall is not None else NAN
        at = (tokens, NAN if epoch is None else epoch, wall, line)
        for name, value in values:
            self._put(part, name, step, value, at, issues)
        return True

    def _put(
        self,
        part: RunPart,
        name: str,
        step: float,
        value: float,
        at: tuple[float, float, float, int],
        issues: list[Issue],
    ) -> None:
        """Append one point; `at` is tokens, epoch, wall and place."""
        points = part.series.get(name)
        if points is None:
            if len(part.series) >= MOST_SERIES:
                return
            points = part.points(name)
        if step == 0 and name == "train":
            part.step_origin = 0
        tokens, epoch, wall, place = at
        segment = self.segments.of(name, step, issues)
        points.append(step, value, tokens=tokens, epoch=epoch, wall=wall, place=place, segment=segment)

    def step(self, plan: Plan, value: float | None) -> float:
        """The row's step on the run's best counter; the last one known where the row has a lesser one.

        value: what the row has on the axis of its plan.
        """
        if self.is_lesser(plan):
            return NAN if self.last_step is None else self.last_step
        if value is None or not math.isfinite(value):
            return NAN
        self.axis, self.last_step = plan.axis, value
        return value

    def is_lesser(self, plan: Plan) -> bool:
        """True where the run has a better step counter than the rows of this plan."""
        return plan.axis != self.axis and self.axis is not None and self._role(self.axis)[1] < plan.rank

    def add_columns(
        self,
        part: RunPart,
        keys: Sequence[str],
        columns: Sequence[Column],
        places: NDArray[np.int64],
        issues: list[Issue],
    ) -> int:
        """Add many rows of the same keys, as `add` would one by one.

        columns: by key, float64 of shape (m,), NaN where the log printed NaN, or (values, mask) where the mask
        is False for a missing cell. places: (m,). Returns how many rows had a metric and nothing to put it on.
        """
        import numpy as np

        from labbook.logs.bulk import Group, put

        return put(self, part, [Group(tuple(keys), columns, np.arange(len(places)))], places, issues)


def clock(raw: object) -> float:
    """Unix seconds of a clock value: seconds, milliseconds or ISO 8601; NaN for anything else."""
    value = number(raw)
    if value is not None:
        seconds = value / 1e3 if value > LATEST else value
        return seconds if EARLIEST < seconds < LATEST else NAN
    try:
        moment = datetime.fromisoformat(str(raw)[:40])
    except ValueError:
        return NAN
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
