"""How forecasts would have done on the finished runs of a ladder, with what was known at the time.

Each finished run is cut at several fractions of its plan and forecast from its own points up to there and the
whole curves of the others. The width measured on the ladder is scored on runs it was not measured on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from labbook.errors import FitError
from labbook.triage.forecast import Finished, Forecast, Row, as_progress, as_reference, forecast, own_share
from labbook.triage.forecast.replay import row_of

FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8)
LEAST_RUNS = 2
"""Finished runs with a curve, below which there is nothing to replay."""
MODES = ("A", "C", "B", "A2")


@dataclass(frozen=True)
class Past:
    """One forecast of the past: with the width by the table, and by the one measured on the other runs."""

    row: Row
    own_width: float | None
    """Half the interval / loss; None below three other runs, or outside mode A."""
    own_inside: bool | None


@dataclass(frozen=True)
class Score:
    """Forecasts of one mode at one fraction."""

    mode: str
    frac: float
    n: int
    median: float
    """Of |error| / loss."""
    p90: float
    inside: int
    """Losses within the interval by the table."""
    width: float
    """Median of half the interval / loss."""
    own_n: int
    own_inside: int
    own_width: float | None


@dataclass(frozen=True)
class Backtest:
    """All of it for one ladder."""

    ladder: str
    loss_key: str
    runs: tuple[str, ...]
    scores: tuple[Score, ...]
    refused: tuple[tuple[float, str, int], ...]
    """(fraction, code, how many)."""
    bounds: tuple[int, int]
    """(bounds that held, bounds given) where there was no number."""
    past: tuple[Past, ...]
    nominal: float = 0.9


def backtest(ladder: str, runs: Sequence[Finished], fractions: Iterable[float] = FRACTIONS) -> Backtest:
    """Every run at every fraction, forecast from the others. Raises FitError below two runs."""
    if len(runs) < LEAST_RUNS:
        raise FitError(
            f"{ladder} has {len(runs)} finished runs with a curve; a back-test needs {LEAST_RUNS}",
            "finish more runs, or read their logs: a table of results has no curves",
        )
    references = [as_reference(run) for run in runs]
    past: list[Past] = []
    for frac in fractions:
        found = [
            forecast(as_progress(run, frac), [*references[:i], *references[i + 1 :]])
            for i, run in enumerate(runs)
        ]
        rows = [row_of(run, frac, each) for run, each in zip(runs, found, strict=True)]
        for i, (run, each) in enumerate(zip(runs, found, strict=True)):
            past.append(Past(rows[i], *_own(run, each, [*rows[:i], *rows[i + 1 :]])))
    keys = sorted({run.loss_key for run in runs})
    return Backtest(
        ladder=ladder,
        loss_key="; ".join(keys),
        runs=tuple(run.name for run in runs),
        scores=_scores(past),
        refused=_refused(past),
        bounds=(sum(p.row.at_most is True for p in past), sum(p.row.at_most is not None for p in past)),
        past=tuple(past),
    )


def _own(run: Finished, found: object, others: Sequence[Row]) -> tuple[float | None, bool | None]:
    """(half the interval / loss, whether it held) by the share of the drop the other runs show."""
    share = own_share(others) if isinstance(found, Forecast) and found.mode == "A" else None
    if share is None or not isinstance(found, Forecast):
        return None, None
    half = math.hypot(share[0] * found.remaining_drop, found.floor)
    return half / run.final, abs(found.final - run.final) <= half


def _scores(past: Sequence[Past]) -> tuple[Score, ...]:
    cells = sorted({(MODES.index(p.row.mode), p.row.frac) for p in past if p.row.mode is not None})
    return tuple(
        _score(MODES[mode], frac, [p for p in past if (p.row.mode, p.row.frac) == (MODES[mode], frac)])
        for mode, frac in cells
    )


def _score(mode: str, frac: float, past: Sequence[Past]) -> Score:
    errors = np.abs([p.row.error for p in past if p.row.error is not None])
    widths = [p.row.width for p in past if p.row.width is not None]
    own = [p.own_width for p in past if p.own_width is not None]
    return Score(
        mode=mode,
        frac=frac,
        n=len(past),
        median=float(np.median(errors)),
        p90=float(np.quantile(errors, 0.9)),
        inside=sum(p.row.inside is True for p in past),
        width=float(np.median(widths)),
        own_n=len(own),
        own_inside=sum(p.own_inside is True for p in past),
        own_width=float(np.median(own)) if own else None,
    )


def _refused(past: Sequence[Past]) -> tuple[tuple[float, str, int], ...]:
    none = [(p.row.frac, p.row.variant) for p in past if p.row.mode is None]
    return tuple((frac, code, none.count((frac, code))) for frac, code in sorted(set(none)))
