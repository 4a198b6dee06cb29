"""Scalars that stand alone, each with a step and a time of its own: what event files and SwanLab hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labbook.logs.bulk import Group, put
from labbook.logs.rows import Rows
from labbook.records import Issue, RunPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Scalars:
    """Scalars in file order, columns of equal length n."""

    tag: NDArray[np.int64]
    """Index of the name in a list that is kept beside."""
    step: NDArray[np.float64]
    wall: NDArray[np.float64]
    """Unix seconds, NaN where there is no time."""
    value: NDArray[np.float64]
    place: NDArray[np.int64]
    """Byte of the record."""


def put_scalars(
    part: RunPart, rows: Rows, found: Scalars, names: list[str], axis: str, issues: list[Issue]
) -> None:
    """Add scalars to a run, as rows of one metric each. axis: what the step counter is called."""
    import numpy as np

    if not len(found.tag):
        return
    order = np.argsort(found.tag, kind="stable")
    groups = [
        Group(
            (axis, "_timestamp", names[int(found.tag[at[0]])]),
            (found.step[at], found.wall[at], found.value[at]),
            at,
        )
        for at in np.split(order, np.flatnonzero(np.diff(found.tag[order])) + 1)
    ]
    put(rows, part, groups, found.place, issues)
