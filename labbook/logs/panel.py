"""W&B's export of one chart: three columns, of values and their extremes, for each run or group of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labbook.logs import names
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.numbers import number
from labbook.logs.rows import Rows
from labbook.logs.table_rows import TableRows, sampled_rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_LEAST, _GREATEST = "__MIN", "__MAX"
_BETWEEN = " - "
"""Stands between the name of the run and the metric."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of one metric of one run."""

    name: str
    run: str
    metric: str
    """As the names table knows it."""


class Panel:
    """A chart's table: one row a step, three columns for each run."""

    name = "wandb-panel"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if b"__MAX" not in sample.head:
            return None
        found = sampled_rows(sample)
        columns = _columns(found.keys) if found is not None and not found.is_json else []
        if not columns:
            return None
        return Sniffed(0.95, (Evidence("line 1", clean(columns[0].name, 160)),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        table = TableRows(path, 0, {}, {}, final=True)
        runs: dict[str, tuple[RunPart, Rows]] = {}
        issues: list[Issue] = []
        columns: list[_Column] = []
        spread: set[str] = set()
        for line, row in table:
            keys = list(row)
            columns = columns or _columns(keys)
            for run, record in _records(keys[0], columns, row).items():
                part, rows = runs.setdefault(run, (_part(run, keys[0]), Rows()))
                rows.add(part, record, line, issues)
            spread |= {column.run for column in columns if _is_spread(row, column.name)}
        issues += [_mean_of_group(run) for run in sorted(spread)]
        parts = [part for part, _ in runs.values() if part.series]
        return Reading(parts, table.offset, {}, [*table.issues, *issues], replaces=True)


def _columns(keys: Sequence[str]) -> list[_Column]:
    """The columns of values; empty where there is no axis or no value with its extremes."""
    present = set(keys)
    if not keys or (names.axis_rank(keys[0]) is None and names.tokens_rank(keys[0]) is None):
        return []
    found = []
    for name in keys[1:]:
        if name + _LEAST in present and name + _GREATEST in present:
            run, between, metric = name.rpartition(_BETWEEN)
            found.append(_Column(name, clean(run) if between else "", _known_name(metric)))
    return found


def _known_name(metric: str) -> str:
    """A metric's name; a loss on a held-out set under the name any log has for it."""
    if names.series_of(metric) is not None or names.series_of_tail(metric) is not None:
        return metric
    before, _, last = metric.rpartition("/")
    words = names.plain(before).split("_")
    is_loss = names.plain(last) in {"loss", "avg_loss", "mean_loss", "lm_loss"}
    return f"eval_{'_'.join(words)}_loss" if is_loss and words[0] in names.HELD_OUT else metric


def _records(axis: str, columns: Sequence[_Column], row: dict[str, object]) -> dict[str, dict[str, object]]:
    """By run, what the row says of it."""
    found: dict[str, dict[str, object]] = {}
    for column in columns:
        if number(row[column.name]) is not None:
            record = found.setdefault(column.run, {axis: row[axis]})
            record.setdefault(column.metric, row[column.name])
    return found


def _part(run: str, axis: str) -> RunPart:
    """A run of the chart. Its `Step` counts what was logged unless the chart has another axis."""
    is_log_call = names.plain(axis) == "step"
    return RunPart(
        key=run, name=run or None, step_origin=1, step_kind="log_call" if is_log_call else "optimizer"
    )


def _is_spread(row: dict[str, object], name: str) -> bool:
    value, least, greatest = (number(row[key]) for key in (name, name + _LEAST, name + _GREATEST))
    return value is not None and least is not None and greatest is not None and least < greatest


def _mean_of_group(run: str) -> Issue:
    text = "several runs or steps stand behind each value: their mean is read"
    return Issue("mean-of-group", f"{run}: {text}" if run else text)
