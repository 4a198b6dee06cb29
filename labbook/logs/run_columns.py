"""What the columns of a table of runs mean, and whether its rows are runs or points of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from labbook.logs import names
from labbook.logs.config import sized
from labbook.logs.numbers import number
from labbook.text import clean

STATES = frozenset({"state", "status", "run_state"})
SPLITS = frozenset({"loss_split", "split", "loss_type", "phase", "mode", "subset"})
_TRAINING = frozenset({"train", "training"})
_REPEATED = 0.5
"""Share of the rows that belong to the run of the row before, where rows are points."""

_LEAST_N = 1e4
"""Parameters a model has at least, where nothing else says that a number is one."""

Form = Literal["ladder", "long"]


@dataclass(slots=True)
class Columns:
    """The columns of a table of runs by what they mean."""

    present: tuple[str, ...]
    role: dict[str, tuple[str, float]] = field(default_factory=dict)
    """(column, factor) by role of `names.TABLE`."""
    losses: dict[str, str] = field(default_factory=dict)
    """Column by series; of a perplexity by its own name, where there is no loss."""
    unit: str = ""
    """Of `losses`, where the names of the columns state it."""
    axis: str | None = None
    state: str | None = None
    split: str | None = None
    """Says of each row whether its loss is of training or validation."""
    rest: tuple[str, ...] = ()
    """The columns without any of these meanings."""

    @property
    def has_wandb_head(self) -> bool:
        """True for the first columns of W&B's table of runs."""
        return [name.lower() for name in self.present[:2]] == ["name", "state"]

    def of(self, role: str) -> str | None:
        """The column of a role."""
        found = self.role.get(role)
        return found[0] if found is not None else None

    @property
    def has_n(self) -> bool:
        """True where a column states N."""
        return any(kind in self.role for kind in names.N_KINDS)


def columns_of(present: Sequence[str]) -> Columns:
    """The meaning of the columns; of several with one meaning the best name counts, then the first."""
    found = Columns(tuple(present))
    ranks: dict[str, int] = {}
    best_axis = 1 << 20
    for name in present:
        role, series, axis = names.column_role(name), names.table_series(name), names.axis_rank(name)
        if names.series_in_unit(name) is not None or names.PERPLEXITY.match(names.plain(name)):
            continue
        if names.plain(name) in SPLITS:
            found.split = found.split or name
        elif role is not None:
            if role[0] not in found.role:
                found.role[role[0]] = (name, role[1])
        elif series is not None and names.is_loss(series[0]):
            if series[1] < ranks.get(series[0], 1 << 20):
                found.losses[series[0]], ranks[series[0]] = name, series[1]
        elif axis is not None and axis < best_axis:
            found.axis, best_axis = name, axis
        elif names.plain(name) in STATES:
            found.state = found.state or name
    _other_losses(found)
    taken = {column for column, _ in found.role.values()} | set(found.losses.values())
    found.rest = tuple(name for name in present if name and name not in taken | {found.axis, found.state})
    return found


def _other_losses(found: Columns) -> None:
    """Losses in a unit that their columns state, else perplexities, where no plain loss is there."""
    if any(series != "train" for series in found.losses):
        return
    stated = [(name, *told) for name in found.present if (told := names.series_in_unit(name)) is not None]
    for name, series, unit in stated:
        if series not in found.losses and found.unit in ("", unit):
            found.losses[series], found.unit = name, unit
    for name in () if found.losses else found.present:
        if names.PERPLEXITY.match(names.plain(name)):
            found.losses[clean(name, 120)] = name


def words_of(columns: Columns, row: Mapping[str, object]) -> frozenset[str]:
    """The columns without another meaning that hold words."""
    named = (name for name in columns.rest if name != columns.split)
    return frozenset(name for name in named if isinstance(row.get(name), str) and is_word(row[name]))


def grouping(columns: Columns, words: frozenset[str]) -> tuple[str, ...]:
    """The columns that tell runs apart in a table of points: the run's name, else words and sizes of runs."""
    run = columns.of("run")
    if run is not None:
        return (run,)
    fixed = (*names.N_KINDS, "unique_tokens", "epochs", "lr", "dataset", "tokens_per_step")
    sizes = [column for role in fixed if (column := columns.of(role)) is not None]
    seeds = [name for name in columns.rest if names.plain(name) in {"seed", "trial", "replicate"}]
    return tuple(name for name in columns.present if name in {*sizes, *words, *seeds})


def is_word(cell: object) -> bool:
    """True for a text that is no number and no missing one; a size such as `2.8B` is a word."""
    text = str(cell).strip()
    return bool(text) and number(text) is None and text.lower() not in {"null", "none", "n/a", "na", "-"}


def counter_of(columns: Columns) -> str | None:
    """The column that rises along a run: steps, else tokens, else epochs."""
    epoch = next((name for name in columns.rest if names.is_epoch(name)), None)
    return columns.axis or columns.of("tokens_seen") or epoch


def may_hold_runs(keys: Sequence[str], row: Mapping[str, object]) -> bool:
    """False where a loss or anything that tells runs apart is missing."""
    columns = columns_of(keys)
    told = columns.split or grouping(columns, words_of(columns, row)) or names.is_ladder_row(keys)
    return bool(columns.losses) and bool(told)


def form_of(keys: Sequence[str], rows: Sequence[Mapping[str, object]], *, is_json: bool = False) -> Form | None:
    """`ladder` where each row is a run, `long` where rows are points of several runs, else None."""
    if not may_hold_runs(keys, rows[0]):
        return None
    columns = columns_of(keys)
    groups, counter = grouping(columns, words_of(columns, rows[0])), counter_of(columns)
    if groups and counter is not None and _are_points(rows, groups, counter, bool(columns.of("run"))):
        several = len({tuple(str(row.get(name)) for name in groups) for row in rows}) > 1
        return "long" if several or (names.is_ladder_row(keys) and not is_json) else None
    if counter is not None and _has_both_splits(columns, rows):
        return "long"
    if columns.has_wandb_head or (names.is_ladder_row(keys) and not _is_counted(columns, rows)):
        return "ladder"
    run = columns.of("run")
    told = [str(row.get(run)) for row in rows] if run is not None else []
    is_one_each = len(told) > 1 and len(set(told)) == len(told)
    return "ladder" if is_one_each and columns.has_n else None


def is_held_out(columns: Columns, row: Mapping[str, object]) -> bool:
    """True where the column of splits says that a row is of validation."""
    return columns.split is not None and names.plain(str(row.get(columns.split))) in names.HELD_OUT


def _has_both_splits(columns: Columns, rows: Sequence[Mapping[str, object]]) -> bool:
    """True where rows of training and of validation take turns along one curve."""
    told = {names.plain(str(row.get(columns.split))) for row in rows} if columns.split is not None else set()
    return bool(told & _TRAINING) and bool(told & names.HELD_OUT) and not names.is_ladder_row(columns.present)


def _is_counted(columns: Columns, rows: Sequence[Mapping[str, object]]) -> bool:
    """True where nothing but a column such as `n` speaks for runs, and its numbers are too small for an N."""
    if {"tokens_seen", "compute", "run"} & set(columns.role):
        return False
    sizes = [columns.role[kind] for kind in names.N_KINDS if kind in columns.role]
    found = [(_counted(row.get(column)) or 0.0) * factor for column, factor in sizes for row in rows]
    return max(found, default=0.0) < _LEAST_N


def _are_points(
    rows: Sequence[Mapping[str, object]], groups: Sequence[str], counter: str, is_named: bool
) -> bool:
    """True where rows of one run follow each other along the counter, or rows of a named run come again."""
    keys = [tuple(str(row.get(name)) for name in groups) for row in rows]
    counts = [_counted(row.get(counter)) for row in rows]
    if len(rows) < 2:
        return False
    follows = sum(
        a == b and x is not None and y is not None and y > x
        for (a, x), (b, y) in pairwise(zip(keys, counts, strict=True))
    )
    if follows >= _REPEATED * (len(rows) - 1):
        return True
    places = Counter(zip(keys, counts, strict=True))
    return is_named and len(set(keys)) <= _REPEATED * len(rows) and len(places) >= 2 * len(set(keys))


def _counted(cell: object) -> float | None:
    found = number(cell)
    if found is not None or not isinstance(cell, str):
        return found
    size = sized(cell)
    return size[0] if size is not None else None
