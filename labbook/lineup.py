"""Ladders as they are analysed: each with the planned ends of its unfinished runs, and the digest of it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from labbook.analysis import Horizon, bare_view, inputs_digest
from labbook.ladder import Ladder
from labbook.scaling.values import Refusal
from labbook.summary import RunView
from labbook.triage.forecast.values import Forecast
from labbook.triage.severity import severity
from labbook.views import Known, horizon, needed

LineUp = list[tuple[Ladder, list[Horizon], str]]
"""Ladders, the horizons of their unfinished runs, and the digests their analyses are kept under."""


def line_up(
    found: Sequence[Ladder], known: Mapping[str, Known], forecasts: Mapping[str, Forecast | Refusal]
) -> LineUp:
    """The ladders with what their analysis needs beside the rungs; known, forecasts: by run id."""
    lined_up: LineUp = []
    for ladder in found:
        bare = bare_view(ladder)
        ends = [horizon(known[m.run_id], bare) for m in ladder.members]
        horizons = [_with_drop(end, forecasts.get(end.run_id)) for end in ends if end is not None]
        lined_up.append((ladder, horizons, inputs_digest(ladder, horizons)))
    return lined_up


def by_severity(runs: Iterable[RunView]) -> tuple[RunView, ...]:
    """The runs of a board, the most severe first."""
    return tuple(sorted(runs, key=lambda r: (severity(r.state, r.flags, needed(r.missing)), r.name, r.run_id)))


def _with_drop(end: Horizon, found: Forecast | Refusal | None) -> Horizon:
    return replace(end, drop=found.remaining_drop) if isinstance(found, Forecast) else end
