"""What remains of a reading without its points: the stored half of a part, and one line a series."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from labbook.records import NAN, Latest, Points, RunPart, Said


def said_of(path: Path, format: str, part: RunPart) -> Said:  # noqa: A002  the field's word
    """The part without its points."""
    return Said(
        source=str(path),
        format=format,
        part=part.key,
        name=part.name,
        config=part.config,
        config_source=part.config_source,
        figures=tuple(part.figures),
        units=part.units,
        step_kind=part.step_kind,
        step_origin=part.step_origin,
        started=part.started,
        status=part.status,
        status_line=part.status_line,
    )


def latest_of(path: Path, series: str, points: Points) -> Latest:
    """A series in counts and extremes; at least one point."""
    finite = [
        (value, step) for value, step in zip(points.value, points.step, strict=True) if math.isfinite(value)
    ]
    least, least_step = min(finite, default=(NAN, NAN))
    return Latest(
        series=series,
        source=str(path),
        points=len(points),
        non_finite=len(points) - len(finite),
        first_step=points.step[0],
        last_step=points.step[-1],
        max_step=_largest(points.step),
        first_value=points.value[0],
        last_value=points.value[-1],
        min_value=least,
        min_step=least_step,
        max_tokens=_largest(points.tokens),
        max_epoch=_largest(points.epoch),
        first_wall=points.wall[0],
        last_wall=points.wall[-1],
    )


def _largest(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=NAN)
