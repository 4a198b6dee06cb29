"""A series without its points, kept with every write, so that the board never reads points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from labbook.records import Points
from labbook.store.keys import known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

FIELDS = (
    "points, non_finite, first_step, last_step, max_step, first_value, last_value, min_value, min_step, "
    "max_tokens, max_epoch, first_wall, last_wall"
)

_NAMES = FIELDS.split(", ")
_NUMBERS = attrgetter(*_NAMES[2:])
READ = ", ".join([*_NAMES[:2], *(f"coalesce({name}, 'nan'::double)" for name in _NAMES[2:])])
"""FIELDS as they are selected: NaN for NULL."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts, ends and extremes of one series as one source has it: the numbers of `Latest`."""

    points: int
    non_finite: int
    first_step: float
    last_step: float
    max_step: float
    first_value: float
    last_value: float
    min_value: float
    min_step: float
    max_tokens: float
    max_epoch: float
    first_wall: float
    last_wall: float

    def row(self) -> tuple[int | float | None, ...]:
        """Values in the order of FIELDS; NULL for NaN."""
        return (self.points, self.non_finite, *(known(x) for x in _NUMBERS(self)))

    @property
    def progress(self) -> tuple[float, int]:
        """(largest step, points): one of them grows when the run gets on."""
        return (-math.inf if math.isnan(self.max_step) else self.max_step, self.points)


def tally(points: Points) -> Tally:
    """The tally of at least one point."""
    import numpy as np

    step, value = np.frombuffer(points.step), np.frombuffer(points.value)
    wall = np.frombuffer(points.wall)
    finite = np.flatnonzero(np.isfinite(value))
    least = int(finite[np.argmin(value[finite])]) if finite.size else None
    timed = wall[~np.isnan(wall)]
    return Tally(
        points=len(points),
        non_finite=len(points) - finite.size,
        first_step=float(step[0]),
        last_step=float(step[-1]),
        max_step=_largest(step),
        first_value=float(value[0]),
        last_value=float(value[-1]),
        min_value=math.nan if least is None else float(value[least]),
        min_step=math.nan if least is None else float(step[least]),
        max_tokens=_largest(np.frombuffer(points.tokens)),
        max_epoch=_largest(np.frombuffer(points.epoch)),
        first_wall=float(timed[0]) if timed.size else math.nan,
        last_wall=float(timed[-1]) if timed.size else math.nan,
    )


def _largest(column: Column) -> float:
    import numpy as np

    return float(np.fmax.reduce(column))


def added(old: Tally, new: Tally) -> Tally:
    """The tally of the points of `old` followed by those of `new`."""
    lower = new.min_value < old.min_value or math.isnan(old.min_value)
    return Tally(
        points=old.points + new.points,
        non_finite=old.non_finite + new.non_finite,
        first_step=old.first_step,
        last_step=new.last_step,
        max_step=_greater(old.max_step, new.max_step),
        first_value=old.first_value,
        last_value=new.last_value,
        min_value=new.min_value if lower else old.min_value,
        min_step=new.min_step if lower else old.min_step,
        max_tokens=_greater(old.max_tokens, new.max_tokens),
        max_epoch=_greater(old.max_epoch, new.max_epoch),
        first_wall=new.first_wall if math.isnan(old.first_wall) else old.first_wall,
        last_wall=old.last_wall if math.isnan(new.last_wall) else new.last_wall,
    )


def _greater(a: float, b: float) -> float:
    """The larger of two numbers; NaN counts only where both are."""
    return a if math.isnan(b) or a >= b else b
