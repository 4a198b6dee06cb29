"""Tables in long form: each row a point, the runs told apart by a column or by what was done in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labbook.logs.carry import load_part, put_config, save_part
from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.ladder_rows import MOST_RUNS, config_of, reach_plan, run_sizes, units_in
from labbook.logs.ladder_table import table_form
from labbook.logs.names import N_KINDS
from labbook.logs.numbers import number
from labbook.logs.rows import Rows
from labbook.logs.run_columns import Columns, columns_of, grouping, is_held_out, words_of
from labbook.logs.table_rows import TableRows
from labbook.quantities import format_size
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_POINT_ROLES = frozenset({"tokens_seen", "compute"})
"""Roles that grow along a run."""
_DECAYED = 0.5
"""Share of its peak below which a learning rate has come down."""
_SAME_END = 0.05
"""Two runs whose learning rates end at shares of their peaks this close end alike."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the rows of one set of columns become points."""

    groups: tuple[str, ...]
    points: tuple[tuple[str, str], ...]
    """(column, name by which the names table knows it)."""
    fixed: Columns
    """The columns that say something of the whole run."""
    all: Columns
    """Every column of the table."""
    sizes: tuple[str, ...]
    """The columns of N: rows of one name that differ there are different runs."""

    def size(self, row: Mapping[str, object]) -> str:
        """The cells that state N."""
        return " ".join(str(cell) for name in self.sizes if (cell := row.get(name)) not in (None, ""))

    def point(self, row: Mapping[str, object]) -> dict[str, object]:
        """The row as a record of a log."""
        named = {name: row.get(column) for column, name in self.points}
        if "train_loss" in named and is_held_out(self.fixed, row):
            named["val_loss"] = named.pop("train_loss")
        return named


def shape_of(columns: Columns, words: frozenset[str]) -> Shape:
    """The shape of such rows: words are of the run, numbers of the point where no role says else."""
    groups = grouping(columns, words)
    known = {column: _known_name(series) for series, column in columns.losses.items()}
    tokens = columns.of("tokens_seen")
    if tokens is not None:
        known[tokens] = "tokens"
    of_run = {column for role, (column, _) in columns.role.items() if role not in _POINT_ROLES}
    of_run |= words | set(groups) | {name for name in (columns.state, columns.split, columns.row_unit) if name}
    points = tuple((name, known.get(name, name)) for name in columns.present if name not in of_run)
    fixed = columns_of([name for name in columns.present if name in of_run])
    sizes = () if columns.of("run") is None else (fixed.of(kind) for kind in N_KINDS)
    return Shape(groups, points, fixed, columns, tuple(filter(None, sizes)))


def _known_name(series: str) -> str:
    """A name that means the series in any log."""
    fixed = {"train": "train_loss", "val": "val_loss", "val:test": "test_loss"}
    return fixed.get(series) or f"eval_{series.removeprefix('val:')}_loss"


class LongTable:
    """Points of several runs in one table, CSV, TSV or JSON lines."""

    name = "long-table"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if table_form(sample) != "long":
            return None
        return Sniffed(0.9, (Evidence("line 1", clean(sample.head_lines[0], 160)),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        mapped = columns_in(state)
        table = TableRows(path, offset, state, mapped, final=final, limit=limit)
        runs = Runs(path.name, state.get("runs"))
        for line, row in table:
            runs.add(row, line)
        parts = runs.close()
        after = table.state() | {"runs": runs.state()} | kept(mapped)
        return Reading(parts, table.offset, after, [*table.issues, *runs.issues], more=table.more)


@dataclass(slots=True)
class _Run:
    part: RunPart
    rows: Rows
    rate: tuple[float, float] = (0.0, 0.0)
    """(peak, last) learning rate."""
    size: str = ""
    """The cells that state its N."""


class Runs:
    """The runs of a table in long form, by what tells them apart. Kept as JSON between readings."""

    def __init__(self, source: str, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.source = source
        self.issues: list[Issue] = []
        self._runs = {
            key: _Run(
                load_part(one["part"], RunPart(key=key)),
                Rows(one["rows"]),
                tuple(one["rate"]),
                str(one.get("size", "")),
            )
            for key, one in known.get("runs", {}).items()
        }
        self._words = frozenset(known.get("words", ()))
        self._last: str | None = known.get("last")
        """Key of the run of the last row."""
        self._take_turns = bool(known.get("take_turns", False))
        """True where rows of several runs alternate: that another run's rows follow says nothing then."""
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        runs = {
            key: {
                "part": save_part(run.part),
                "rows": run.rows.state(),
                "rate": list(run.rate),
                "size": run.size,
            }
            for key, run in self._runs.items()
        }
        return {"runs": runs, "words": sorted(self._words), "last": self._last, "take_turns": self._take_turns}

    def add(self, row: Mapping[str, object], line: int) -> None:
        """Take one row."""
        keys = tuple(row)
        shape = self._shapes.get(keys)
        if shape is None:
            columns = columns_of(keys)
            self._words |= words_of(columns, row)
            shape = self._shapes[keys] = shape_of(columns, self._words & set(keys))
        cells = [clean(str(row[name])) if row[name] is not None else "" for name in shape.groups]
        if not all(cells):
            self.issues.append(Issue("no-run", "a row that does not say of which run it is", f"line {line}"))
            return
        key, size = cells[0] if len(cells) == 1 else " ".join(map(short, cells)), shape.size(row)
        named = self._runs.get(key)
        if named is not None and size and named.size and size != named.size:
            key = f"{key} {clean(' '.join(map(short, size.split())))}"
        run = self._runs.get(key) or self._begin(key, shape, row, line)
        if run is None:
            return
        if key != self._last:
            self._turn(key, line)
        if not run.rows.add(run.part, shape.point(row), line, self.issues):
            self.issues.append(Issue("no-step", "a row without step, tokens or epoch", f"line {line}"))

    def _begin(self, key: str, shape: Shape, row: Mapping[str, object], line: int) -> _Run | None:
        if len(self._runs) >= MOST_RUNS:
            return None
        figures = run_sizes(shape.fixed, row, f"line {line}")
        part = RunPart(key=key, name=key or None, step_origin=1, figures=figures)
        values = config_of(shape.fixed, row)
        put_config(part, {key: cell for key, cell in values.items() if key != shape.fixed.split}, self.source)
        part.units = units_in(shape.all, row)
        self._runs[key] = _Run(part, Rows(), size=shape.size(row))
        return self._runs[key]

    def _turn(self, key: str, line: int) -> None:
        """Another run's rows begin: the one before has ended, unless the runs take turns."""
        before = self._runs.get(self._last) if self._last is not None else None
        if before is not None and not any(figure.key == "planned_tokens" for figure in before.part.figures):
            before.part.status = "finished"
            before.part.status_line = f"line {line}: the rows of another run follow"
        if self._runs[key].part.status == "finished":
            self._take_turns = True
        self._last = key

    def close(self) -> list[RunPart]:
        """The runs in order of appearance, with what the new rows say of their ends."""
        for run in self._runs.values():
            if self._take_turns:
                run.part.status, run.part.status_line = "unknown", ""
            reach_plan(run.part)
            logged = run.part.series["lr"].value if "lr" in run.part.series else ()
            rates = [rate for rate in logged if 0 < rate < math.inf]
            if rates:
                run.rate = (max(run.rate[0], *rates), rates[-1])
        if not self._take_turns:
            self._end_last()
        return [run.part for run in self._runs.values()]

    def _end_last(self) -> None:
        """The run of the last rows has ended where its learning rate ends as low as that of another run."""
        last = self._runs.get(self._last) if self._last is not None else None
        if last is not None and last.part.status == "unknown":
            ends = [run.rate[1] / run.rate[0] for run in self._runs.values() if run.rate[0] and run is not last]
            share = last.rate[1] / last.rate[0] if last.rate[0] else 1.0
            if share < _DECAYED and any(abs(share - end) <= _SAME_END * end for end in ends):
                last.part.status = "finished"
                last.part.status_line = (
                    f"its learning rate has ended at {share:.2g} of its peak, as another run's"
                )


def short(cell: str) -> str:
    """A cell as part of a name: `55B` for 55000000000.0."""
    value = number(cell)
    return format_size(value, 6) if value is not None and value >= 1e5 else cell
