"""Whether a row of a table of runs stands at the end of its plan, by its steps, tokens or learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from labbook.logs.carry import LEFT_OUT
from labbook.logs.config_names import KEYS
from labbook.logs.names import plain
from labbook.logs.numbers import number
from labbook.logs.run_columns import Columns, sized_cell
from labbook.quantities import format_size
from labbook.records import Figure, RunPart

AT_END = 0.99
"""Share of the plan at which a run has ended (science.md 1.4)."""
_MADE = frozenset(
    {
        "steps",
        "steps_done",
        "steps_made",
        "steps_trained",
        "trained_steps",
        "last_step",
        "final_step",
        "end_step",
    }
)
_PLANNED_TOKENS = frozenset(
    {"planned_tokens", "tokens_planned", "token_budget", "tokens_budget", "max_tokens", "target_tokens"}
)
_SCHEDULES = frozenset(plain(name) for name in KEYS["schedule"])
_CONSTANT = frozenset({"constant", "constant_with_warmup", "none"})
_RATES = ("lr", "learning_rate", "lrate")
"""A peak in one table, the rate at the end in another: what stands beside it decides."""
_LAST_RATES = ("last_lr", "lr_last", "lr_at_end", "current_lr", "lr_now")
_FINAL_RATES = ("final_lr", "lr_final")
_END_RATES = ("lr_end", "end_lr", "min_lr", "lr_min", "end_learning_rate", "min_learning_rate", "eta_min")
"""Where the plan ends."""
_BELOW_PEAK = 0.98
_NEAR_END = 1.05


def steps_made(columns: Columns, row: Mapping[str, object]) -> float | None:
    """Steps the run of a row has made, by the step counter or a column such as `steps`."""
    made = columns.axis or next((name for name in columns.rest if plain(name) in _MADE), None)
    step = number(row.get(made)) if made is not None else None
    return step if step is not None and math.isfinite(step) else None


def plan_of(part: RunPart, columns: Columns, row: Mapping[str, object], D: float | None, place: str) -> None:
    """Take the plan of a row over; a run short of it has not ended, unless its learning rate is constant."""
    step, planned = steps_made(columns, row), _size(row, columns.plan)
    if planned is not None:
        part.figures.append(Figure("planned_steps", planned, f"{place}, column {columns.plan}"))
    if part.status != "finished" or columns.axis == "_step" or _is_constant(row):
        return
    if planned is not None and step is not None:
        if step < AT_END * planned and not _says_state(columns, row):
            part.status, part.status_line = "unknown", f"{place}: step {step:.0f} of {planned:.0f}"
        return
    budget = next((name for name in columns.rest if plain(name) in _PLANNED_TOKENS), None)
    tokens = _size(row, budget)
    if tokens is None or D is None or _says_state(columns, row):
        return
    if D / tokens < AT_END:
        words = f"{format_size(D, 4)} of {format_size(tokens, 4)} planned tokens"
        part.config.setdefault(LEFT_OUT, f"{place}: unfinished, {words}")


def _says_state(columns: Columns, row: Mapping[str, object]) -> bool:
    return columns.state is not None and bool(str(row.get(columns.state) or "").strip())


def _is_constant(row: Mapping[str, object]) -> bool:
    return any(plain(str(row[name])) in _CONSTANT for name in row if plain(name) in _SCHEDULES)


def _size(row: Mapping[str, object], column: str | None) -> float | None:
    found = sized_cell(row.get(column)) if column is not None else None
    return found if found is not None and 0 < found < math.inf else None


def rates_of(parts: Sequence[RunPart], places: Sequence[str]) -> None:
    """Tell the learning rates at the end of the runs from their peaks, over the whole table.

    `lr` is the rate at the end where a peak above it stands beside it, or where most rows have it at the
    planned end; else it is the peak. The greatest rate of the table stands for a peak that is not there.
    """
    found = [{plain(key): (key, number(cell)) for key, cell in part.config.items()} for part in parts]
    peaks = [_first(one, ("peak_lr",)) for one in found]
    ends = [_first(one, _END_RATES) for one in found]
    names = next(
        (each for each in (_LAST_RATES, _RATES, _FINAL_RATES) if _are_last(found, each, peaks, ends)), ()
    )
    lasts = [_first(one, names) for one in found]
    greatest = max((rate for rate in lasts if rate is not None), default=0.0)
    for part, one, last, peak, end, place in zip(parts, found, lasts, peaks, ends, places, strict=True):
        if last is None:
            continue
        part.figures += [Figure("last_lr", last, place), Figure("top_lr", peak or greatest, place)]
        for name in names:
            if name in one:
                del part.config[one[name][0]]
        if end is not None:
            part.config.setdefault("min_lr", end)


def _first(row: Mapping[str, tuple[str, float | None]], names: Sequence[str]) -> float | None:
    values = (row[name][1] for name in names if name in row)
    return next((value for value in values if value is not None and 0 <= value < math.inf), None)


def _are_last(
    rows: Sequence[Mapping[str, tuple[str, float | None]]],
    names: Sequence[str],
    peaks: Sequence[float | None],
    ends: Sequence[float | None],
) -> bool:
    """True where the columns of these names hold the learning rate each run ended at."""
    rates = [_first(row, names) for row in rows]
    if names == _LAST_RATES:
        return any(rate is not None for rate in rates)
    below = [(rate, peak) for rate, peak in zip(rates, peaks, strict=True) if rate is not None and peak]
    if below:
        return all(rate <= peak for rate, peak in below) and any(r < _BELOW_PEAK * peak for r, peak in below)
    near = [
        rate <= _NEAR_END * end
        for rate, end in zip(rates, ends, strict=True)
        if rate is not None and end is not None
    ]
    return 2 * sum(near) >= len(near) > 0
