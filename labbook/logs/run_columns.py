"""What the columns of a table of runs mean, and whether its rows are runs or points of runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Literal

from labbook.conventions import PF_DAY
from labbook.logs import names
from labbook.logs.config import sized
from labbook.logs.config_names import KEYS
from labbook.logs.numbers import number
from labbook.text import clean

STATES = frozenset({"state", "status", "run_state"})
SPLITS = frozenset({"loss_split", "split", "loss_type", "phase", "mode", "subset"})
UNITS = frozenset({"loss_unit", "loss_units", "unit_of_loss", "unit", "units"})
"""Columns that say of each row what its loss is in."""
PLANS = frozenset(names.plain(name) for name in KEYS["planned_steps"]) | {
    "planned_steps",
    "steps_planned",
    "max_step",
    "target_steps",
}
"""Columns of the steps a run was to make."""
_UNIT_WORDS = {
    **dict.fromkeys(("nat", "nats", "nats_token", "nats_per_token", "nats_tok"), "nats/token"),
    **dict.fromkeys(("bit", "bits", "bits_tok"), "bits/token"),
}
PERPLEXITY = "perplexity"
"""What `unit_of_row` calls the unit of a perplexity."""
_FLOP_SCALES = {
    **dict.fromkeys(("y", "yotta"), 1e24),
    **dict.fromkeys(("z", "zetta"), 1e21),
    **dict.fromkeys(("e", "exa"), 1e18),
    **dict.fromkeys(("p", "peta"), 1e15),
    **dict.fromkeys(("t", "tera"), 1e12),
    **dict.fromkeys(("g", "giga"), 1e9),
}
_COMPUTE = r"(?:c|(?:train|training|total|cumulative)?(?:compute)?(?:budget)?)(?:flops?)?(?:in)?"
_FLOP = re.compile(
    rf"(?P<stem>{_COMPUTE})(?:(?P<days>(?:pf|petaflops?)s?days?)"
    r"|(?P<scale>[yzeptg]|yotta|zetta|exa|peta|tera|giga)flop(?P<many>s?)|1?e(?P<power>\d{1,2}))\Z"
)
"""A column of training compute, without blanks and signs."""
_RATES_FROM = 1e15
"""`tflops`, and `pflops` likewise, are a rate where nothing says compute; a larger scale never is."""
_EPOCH_TOKENS = re.compile(r"\bepoch[\s_/.\-]?tokens\b|\btokens[\s_/.\-]in[\s_/.\-]epoch\b", re.IGNORECASE)
_TRAINING = frozenset({"train", "training"})
_REPEATED = 0.5
"""Share of the rows that belong to the run of the row before, where rows are points."""

_CURVE, _EVEN_CURVE, _WITH_RATE, _EVEN = 20, 5, 3, 1.5
"""Rows of one size from which tokens alone make them points of a curve: any; evenly spaced ones, whose longest
distance is less than so many times the shortest; those with a learning rate that moves. Lengths of runs are
fewer, and chosen by factors."""

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
    row_unit: str | None = None
    """Says of each row what its loss is in."""
    plan: str | None = None
    """Steps the run was to make."""
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
        role, series, axis = role_of(name), names.table_series(name), names.axis_rank(name)
        if names.series_in_unit(name) is not None or names.PERPLEXITY.match(names.plain(name)):
            continue
        if names.plain(name) in SPLITS:
            found.split = found.split or name
        elif names.plain(name) in UNITS:
            found.row_unit = found.row_unit or name
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
        elif names.plain(name) in PLANS:
            found.plan = found.plan or name
    _other_losses(found)
    taken = {column for column, _ in found.role.values()} | set(found.losses.values())
    found.rest = tuple(name for name in present if name and name not in taken | {found.axis, found.state})
    return found


@lru_cache(maxsize=4096)
def role_of(name: str) -> tuple[str, float] | None:
    """(what a column of a table of runs means, the factor its name states); compute in any scale of FLOP."""
    role = names.column_role(_EPOCH_TOKENS.sub("tokens_per_epoch", name))
    found = _FLOP.match(re.sub(r"[^a-z0-9]", "", name.lower())) if role is None else None
    if found is None:
        return role
    if found["days"]:
        return "compute", PF_DAY
    if found["power"]:
        is_told = any(word in found["stem"] for word in ("compute", "flop", "budget"))
        return ("compute", 10.0 ** int(found["power"])) if is_told else None
    scale = _FLOP_SCALES[found["scale"]]
    is_rate = scale <= _RATES_FROM and (not found["stem"] or (found["many"] and "compute" not in found["stem"]))
    return None if is_rate else ("compute", scale)


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


def unit_of_word(word: str) -> str | None:
    """The unit a word of a column of units means, None where it means none of a loss."""
    flat = names.plain(word)
    told = names.series_in_unit(flat)
    known = _UNIT_WORDS.get(flat) or (told[1] if told is not None else None)
    return known or (PERPLEXITY if names.PERPLEXITY.match(flat) else None)


def unit_of_row(columns: Columns, row: Mapping[str, object]) -> str | None:
    """What the row says its loss is in; a word that is no unit is `other` in a column of units of losses."""
    word = clean(str(row.get(columns.row_unit) or ""), 60) if columns.row_unit else ""
    if not word:
        return None
    return unit_of_word(word) or ("other" if "loss" in names.plain(str(columns.row_unit)) else None)


def words_of(columns: Columns, row: Mapping[str, object]) -> frozenset[str]:
    """The columns without another meaning that hold words."""
    named = (name for name in columns.rest if name not in (columns.split, columns.row_unit))
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
    runs = _runs_of(columns, rows, groups)
    if groups and counter is not None and _are_points(columns, rows, runs, counter):
        return "long" if len(set(runs)) > 1 or (names.is_ladder_row(keys) and not is_json) else None
    if counter is not None and _has_both_splits(columns, rows):
        return "long"
    if columns.has_wandb_head or (names.is_ladder_row(keys) and not _is_counted(columns, rows)):
        return "ladder"
    return "ladder" if columns.has_n and _is_one_each(columns, rows) else None


def _is_one_each(columns: Columns, rows: Sequence[Mapping[str, object]]) -> bool:
    """True where every row has a name of its own; rows of a name, or of a plan, may also differ in N."""
    run = columns.of("run")
    told = [str(row.get(run)) for row in rows] if run is not None else []
    if len(told) > 1 and len(set(told)) == len(told):
        return True
    sizes = {tuple(str(row.get(name)) for name in _fixed(columns, names.N_KINDS)) for row in rows}
    return bool(columns.of("tokens_seen") and (run or columns.plan)) and len(sizes) > 1


def _fixed(columns: Columns, roles: Sequence[str]) -> list[str]:
    """The columns of these roles."""
    return [column for role in roles if (column := columns.of(role)) is not None]


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
    found = [(sized_cell(row.get(column)) or 0.0) * factor for column, factor in sizes for row in rows]
    return max(found, default=0.0) < _LEAST_N


def _runs_of(
    columns: Columns, rows: Sequence[Mapping[str, object]], groups: Sequence[str]
) -> list[tuple[str, ...]]:
    """Which run each row is of: rows of one name that differ in N, data set or plan are of different ones."""
    apart = [*_fixed(columns, (*names.N_KINDS, "unique_tokens", "epochs")), *filter(None, [columns.plan])]
    telling = tuple(dict.fromkeys([*groups, *apart]))
    return [tuple(str(row.get(name)) for name in telling) for row in rows]


def _are_points(
    columns: Columns, rows: Sequence[Mapping[str, object]], keys: Sequence[tuple[str, ...]], counter: str
) -> bool:
    """True where rows of one run follow each other along the counter, or rows of a named run come again."""
    counts = [sized_cell(row.get(counter)) for row in rows]
    if len(rows) < 2 or (counter == columns.of("tokens_seen") and not _is_curve(columns, rows, keys, counts)):
        return False
    follows = sum(
        a == b and x is not None and y is not None and y > x
        for (a, x), (b, y) in pairwise(zip(keys, counts, strict=True))
    )
    if follows >= _REPEATED * (len(rows) - 1):
        return True
    places = Counter(zip(keys, counts, strict=True))
    is_named = columns.of("run") is not None
    return is_named and len(set(keys)) <= _REPEATED * len(rows) and len(places) >= 2 * len(set(keys))


def _is_curve(
    columns: Columns,
    rows: Sequence[Mapping[str, object]],
    keys: Sequence[tuple[str, ...]],
    counts: Sequence[float | None],
) -> bool:
    """True where rows that differ in their tokens alone are points of one run and no runs of several lengths.

    Its plan is stated, or its epoch goes on with the tokens; or they are as many, or as evenly spaced, as
    evaluations are. A learning rate alone says nothing: it is tuned by the length of a run too.
    """
    if columns.of("unique_tokens") and columns.of("epochs"):
        return True
    epoch = next((name for name in columns.rest if names.is_epoch(name)), "")
    rate = next((name for name in columns.rest if (names.table_series(name) or ("",))[0] == "lr"), "")
    by_run: dict[tuple[str, ...], list[tuple[float, str, str]]] = {}
    for row, key, count in zip(rows, keys, counts, strict=True):
        if count is not None:
            by_run.setdefault(key, []).append((count, str(row.get(epoch)), str(row.get(rate))))
    several = [tuple(zip(*found, strict=True)) for found in by_run.values() if len(found) > 1]

    def most(found: Iterable[bool]) -> bool:
        return 2 * sum(found) > len(several)

    if not several or most(len(set(epochs)) > 1 for _, epochs, _ in several):
        return bool(several)
    usual = median(len(tokens) for tokens, _, _ in several)
    least = _WITH_RATE if most(len(set(rates)) > 1 for _, _, rates in several) else _EVEN_CURVE
    return usual >= _CURVE or (usual >= least and most(_is_even(tokens) for tokens, _, _ in several))


def _is_even(tokens: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(sorted(tokens))]
    return min(steps) > 0 and max(steps) <= _EVEN * min(steps)


def sized_cell(cell: object) -> float | None:
    """The number of a cell, or the size it writes as `10B`."""
    found = number(cell)
    if found is not None or not isinstance(cell, str):
        return found
    size = sized(cell)
    return size[0] if size is not None else None
