"""Rows that each are a finished run: N, D, the loss and what was done, taken over with where they stand.

What a row leaves out is missing; nothing is filled in but D or N by C = 6ND, which is said.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from labbook.logs import names
from labbook.logs.carry import LEFT_OUT, put_config, scalar
from labbook.logs.config import sized
from labbook.logs.numbers import number
from labbook.logs.row_ends import AT_END, plan_of, rates_of, steps_made
from labbook.logs.run_columns import (
    PERPLEXITY,
    UNITS,
    Columns,
    columns_of,
    is_held_out,
    is_word,
    unit_of_row,
    unit_of_word,
)
from labbook.quantities import format_size
from labbook.records import NAN, Figure, Issue, RunPart, Scalar, Status
from labbook.text import clean

RECIPE = "table.recipe"
"""Configuration key of the words of a row that tell its recipe from those of others."""
MOST_RUNS = 20_000
"""Runs taken from one table."""
TRAIN_FLOP = "train_flop"
"""Key of the training FLOP a row states, counted in nobody knows what way."""
FIGURES = (*names.N_KINDS, "tokens_seen", "unique_tokens", "tokens_per_step")
_CONFIG_NAMES = {"lr": "peak_lr", "dataset": "dataset", "epochs": "epochs"}
_STATES: dict[str, Status] = {
    **dict.fromkeys(("running", "pending", "queued", "unfinished", "incomplete"), "running"),
    **dict.fromkeys(("failed", "crashed", "error", "diverged", "oom", "nan"), "failed"),
    **dict.fromkeys(
        ("killed", "cancelled", "canceled", "preempted", "stopped", "aborted", "timeout"), "cancelled"
    ),
}
"""Every other state is taken as finished."""
_REFUSED = frozenset(
    {"outlier", "is_outlier", "exclude", "excluded", "diverged", "failed", "crashed", "broken"}
)
_REMARKS = frozenset({"tag", "tags", "note", "notes", "comment", "comments", "remark"})
_REFUSING = frozenset(
    {"outlier", "failed", "crashed", "diverged", "broken", "excluded", "unfinished", "aborted"}
)
_NO_RECIPE = frozenset(
    {"seed", "trial", "replicate"} | {"gpu", "gpu_type", "device", "node", "machine", "cluster"}
)
"""Columns whose words tell repeats of a run apart, or where it ran."""
_MOST_WORDS = 30
"""A column with more different words than this names runs, not recipes."""
_NOT_KEPT = frozenset({"user", "username", "host", "hostname", "email", "entity", "author", "created_by"})
_LEAST_N, _LEAST_D = 1e3, 1e4
_RATIOS = (1e-3, 1e6)
"""D/N outside of these says that one of them is in millions or billions."""
_COMPUTE = (0.02, 50.0)
"""C/(6ND) outside of these likewise."""


@dataclass(slots=True)
class Sizes:
    """N, D and C of a row, and the figures that say where each stands."""

    figures: list[Figure]
    N: float | None
    D: float | None
    C: float | None
    computed: str = ""
    """`D` or `N` where it follows from C."""


def sizes_of(columns: Columns, row: Mapping[str, object], place: str) -> Sizes:
    """The sizes a row states. A size in words, `190M`, stands for N where there is no other."""
    figures: list[Figure] = []
    value: dict[str, float] = {}
    for role in (*FIGURES, "compute", "epochs"):
        column, factor = columns.role.get(role, ("", 1.0))
        found = sized(scalar(row.get(column))) if column else None
        if found is None or not _is_size(found[0] * factor):
            continue
        value[role] = found[0] * factor
        if role in FIGURES or role == "compute":
            key = TRAIN_FLOP if role == "compute" else role
            figures.append(Figure(key, value[role], f"{place}, column {clean(column, 60)}", found[1]))
    N = next((value[kind] for kind in names.N_KINDS if kind in value), None)
    if not columns.has_n:
        figures += _size_in_words(columns, row, place)
    return _completed(Sizes(figures, N, value.get("tokens_seen"), value.get("compute")), value, place)


def _size_in_words(columns: Columns, row: Mapping[str, object], place: str) -> list[Figure]:
    column = next((name for name in columns.rest if names.plain(name) == "size"), None)
    cell = row.get(column) if column is not None else None
    found = sized(cell) if isinstance(cell, str) and is_word(cell) else None
    if found is None or not _is_size(found[0]):
        return []
    return [Figure("n_other", found[0], f"{place}, column {clean(str(column), 60)}", found[1])]


def _completed(sizes: Sizes, value: Mapping[str, float], place: str) -> Sizes:
    """D from epochs x unique tokens, then D or N from C = 6ND."""
    if sizes.D is None and "epochs" in value and "unique_tokens" in value:
        D = value["epochs"] * value["unique_tokens"]
        if _is_size(D):
            sizes.D = D
            sizes.figures.append(Figure("tokens_seen", D, f"{place}: epochs x unique tokens"))
    known = sizes.N if sizes.D is None else sizes.D
    if sizes.C is None or known is None or (sizes.N is not None and sizes.D is not None):
        return sizes
    missing = sizes.C / 6.0 / known
    if not _is_size(missing):
        return sizes
    if sizes.N is None:
        sizes.N, sizes.computed, key = missing, "N", "n_total"
    else:
        sizes.D, sizes.computed, key = missing, "D", "tokens_seen"
    sizes.figures.append(Figure(key, missing, f"computed: 6ND, {place}"))
    return sizes


def _is_size(value: float) -> bool:
    return 0 < value < math.inf


def run_sizes(columns: Columns, row: Mapping[str, object], place: str) -> list[Figure]:
    """The sizes a run with a curve states: tokens of all of it are planned while it is on its way."""
    figures = (one for one in sizes_of(columns, row, place).figures if one.key != TRAIN_FLOP)
    return [replace(one, key="planned_tokens") if one.key == "tokens_seen" else one for one in figures]


def reach_plan(part: RunPart) -> None:
    """A run that has seen the tokens of its plan has ended."""
    planned = next((figure.value for figure in part.figures if figure.key == "planned_tokens"), None)
    counted = (tokens for points in part.series.values() for tokens in points.tokens if tokens == tokens)
    tokens = max(counted, default=NAN)
    if planned is not None and tokens >= AT_END * planned:
        part.status = "finished"
        part.status_line = f"{format_size(tokens, 4)} of {format_size(planned, 4)} tokens"


def config_of(columns: Columns, row: Mapping[str, object]) -> dict[str, Scalar]:
    """What a row says besides sizes and losses; who ran it and where is not taken over."""
    values: dict[str, Scalar] = {}
    for role, key in _CONFIG_NAMES.items():
        column = columns.of(role)
        if column is not None and row.get(column) not in (None, ""):
            values[key] = scalar(row[column])
    for column in columns.rest:
        if row.get(column) not in (None, "") and names.plain(column) not in _NOT_KEPT:
            values[clean(column, 120)] = scalar(row[column])
    return values


class Ladder:
    """The rows of one source, taken one by one to runs."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.parts: list[RunPart] = []
        self.issues: list[Issue] = []
        self._names: set[str] = set()
        self._places: list[str] = []
        self._sizes: list[Sizes] = []
        self._columns: dict[tuple[str, ...], Columns] = {}

    def add(self, row: Mapping[str, object], line: int, place: str, name: str | None = None) -> None:
        """Take one row. place: where it stands, in words. name: of the run, where it stands outside the row."""
        if len(self.parts) >= MOST_RUNS:
            return
        keys = tuple(row)
        if keys not in self._columns:
            self._columns[keys] = columns_of(keys)
        columns = self._columns[keys]
        sizes = sizes_of(columns, row, place)
        key, called = self._called(columns, row, sizes, name)
        part = RunPart(key=key, name=called, step_origin=1, figures=sizes.figures)
        put_config(part, config_of(columns, row), self.source)
        part.units = units_in(columns, row)
        _end(part, columns, row, place)
        plan_of(part, columns, row, sizes.D, place)
        _losses(part, columns, row, sizes.D, line, place)
        if not part.series and LEFT_OUT not in part.config:
            part.config[LEFT_OUT] = _no_loss(columns, row, place)
            self.issues.append(Issue("missing-loss", f"{called}: {part.config[LEFT_OUT]}", f"line {line}"))
        self.parts.append(part)
        self._places.append(place)
        self._sizes.append(sizes)

    def close(self) -> list[RunPart]:
        """The runs, with what only the whole table can tell."""
        columns = [name for found in self._columns.values() for name in (*found.rest, found.split) if name]
        _name_recipes(self.parts, self._sizes, list(dict.fromkeys(columns)))
        rates_of(self.parts, self._places)
        self.issues += _doubts(self.parts, self._sizes)
        for symbol in ("D", "N"):
            computed = sum(size.computed == symbol for size in self._sizes)
            if computed:
                text = f"{symbol} follows from C = 6ND; how C was counted is assumed"
                self.issues.append(Issue("assumed-6nd", text, count=computed))
        if len(self.parts) >= MOST_RUNS:
            self.issues.append(Issue("too-many-runs", f"the first {MOST_RUNS} rows are read, no further ones"))
        return self.parts

    def _called(
        self, columns: Columns, row: Mapping[str, object], sizes: Sizes, name: str | None
    ) -> tuple[str, str]:
        """(key, name) of the run; the second row of a name is another run."""
        told = name or clean(str(row.get(columns.of("run") or "") or ""))
        if not told:
            index = len(self.parts) + 1
            shown = [format_size(size, 4) for size in (sizes.N, sizes.D) if size is not None]
            digest = hashlib.sha256(f"{sizes.N!r} {sizes.D!r}".encode()).hexdigest()[:8]
            return f"row {index} {digest}", " ".join(filter(None, [" x ".join(shown), f"row {index}"]))
        again = (f"{told} ({count})" for count in range(2, MOST_RUNS + 2))
        called = told if told not in self._names else next(one for one in again if one not in self._names)
        self._names.add(called)
        return called, called


def units_in(columns: Columns, row: Mapping[str, object]) -> dict[str, str]:
    """Unit by role of the losses of a row: as a column of units says, else as the names of the losses do."""
    told = unit_of_row(columns, row)
    if told is None or columns.unit:
        return {_role(series): _unit_of(series, columns) for series in columns.losses} if columns.unit else {}
    return {} if told == PERPLEXITY else {_role(series): told for series in columns.losses}


def _role(series: str) -> str:
    return "train" if series == "train" else "val"


def _unit_of(series: str, columns: Columns) -> str:
    """The unit the column's name states; a plain loss beside it is in nats per token."""
    return columns.unit if names.series_in_unit(columns.losses[series]) is not None else "nats/token"


def _end(part: RunPart, columns: Columns, row: Mapping[str, object], place: str) -> None:
    """How the run ended, and why it is left out of fits."""
    part.status, part.status_line = "finished", f"{place}: a table of finished runs"
    state = clean(str(row.get(columns.state) or ""), 40).lower() if columns.state else ""
    if state:
        said = f"{names.plain(str(columns.state))} {state}"
        part.status, part.status_line = _STATES.get(state, "finished"), f"{place}: {said}"
        if part.status != "finished":
            part.config[LEFT_OUT] = said
    for column in columns.rest:
        if (reason := _refusal(column, row.get(column))) is not None:
            part.config.setdefault(LEFT_OUT, reason)


def _losses(
    part: RunPart, columns: Columns, row: Mapping[str, object], D: float | None, line: int, place: str
) -> None:
    made = steps_made(columns, row)
    step = NAN if made is None else made
    is_perplexity = not columns.unit and unit_of_row(columns, row) == PERPLEXITY
    if columns.axis == "_step":
        part.step_kind = "log_call"
    for series, column in columns.losses.items():
        value = number(row.get(column))
        if value is None or value == 0:
            continue
        if series == "train" and is_held_out(columns, row):
            series = "val"
        if is_perplexity and names.is_loss(series):
            series = "ppl" if series == "train" else "val_ppl"
        part.points(series).append(step, value, tokens=NAN if D is None else D, place=line)


def _no_loss(columns: Columns, row: Mapping[str, object], place: str) -> str:
    """Why a row without a point has none."""
    cells = [row.get(column) for column in columns.losses.values()]
    if any(number(cell) == 0 for cell in cells):
        return f"{place}: a loss of 0 stands for a missing one"
    said = next((clean(str(cell), 40) for cell in cells if cell not in (None, "")), "")
    return f"{place}: {said!r} is no loss" if said else f"{place}: no loss"


def _refusal(column: str, cell: object) -> str | None:
    """Why a cell keeps the run out of fits."""
    flat, value = names.plain(column), number(cell)
    text = clean(str(cell), 60).lower() if cell is not None else ""
    if flat in _REFUSED and (text in {"true", "yes"} or (value is not None and value != 0)):
        return f"{flat} in the table"
    if flat in _REMARKS:
        said = set(text.replace(",", " ").replace(";", " ").split()) & _REFUSING
        return f"{flat} says {min(said)}" if said else None
    is_part = flat == "fraction" or flat.split("_")[0] == "portion"
    return f"{clean(flat, 60)} is {value:g}, below 1" if is_part and value is not None and value < 1 else None


def _doubts(parts: Sequence[RunPart], sizes: Sequence[Sizes]) -> list[Issue]:
    """An issue where N or D are out of all proportion; every run then waits for a person's word."""
    pairs = [(size.N, size.D) for size in sizes if size.N is not None and size.D is not None]
    shares = [size.C / 6 / size.N / size.D for size in sizes if size.N and size.D and size.C]
    problem = None
    if pairs:
        middle_n, middle_d = _middle(n for n, _ in pairs), _middle(d for _, d in pairs)
        ratio = _middle(d / n for n, d in pairs)
        if middle_n < _LEAST_N or middle_d < _LEAST_D or not _RATIOS[0] <= ratio <= _RATIOS[1]:
            problem = f"N is about {middle_n:.3g} and D about {middle_d:.3g}"
    if problem is None and shares and not _COMPUTE[0] <= _middle(shares) <= _COMPUTE[1]:
        problem = f"C is about {_middle(shares):.2g} times 6ND"
    if problem is None:
        return []
    ask = "are they in millions or billions? Say so in the header, Params (M), or by --columns N=params:M"
    for part in parts:
        part.config.setdefault(LEFT_OUT, f"{problem}: their unit is not known")
    return [Issue("scale-doubtful", f"{problem}: {ask}")]


def _middle(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _name_recipes(parts: Sequence[RunPart], sizes: Sequence[Sizes], columns: Sequence[str]) -> None:
    """Runs that a column of words tells apart, and not by their size, follow different recipes."""
    telling = [column for column in columns if _tells_recipes(column, parts, sizes)]
    for part in parts if telling else ():
        part.config[RECIPE] = " ".join(str(part.config[clean(column, 120)]) for column in telling)


def _tells_recipes(column: str, parts: Sequence[RunPart], sizes: Sequence[Sizes]) -> bool:
    """True for a column of few words, each with several runs, that is no other name of N, D, D/N or C."""
    if names.plain(column) in _REMARKS | _REFUSED | _NO_RECIPE:
        return False
    cells = [part.config.get(clean(column, 120)) for part in parts]
    words = [cell for cell in cells if isinstance(cell, str) and is_word(cell)]
    if names.plain(column) in UNITS and all(map(unit_of_word, words)):
        return False
    counts = Counter(words)
    if len(words) < len(parts) or not 2 <= len(counts) <= _MOST_WORDS or min(counts.values()) < 2:
        return False
    return not any(_names_size(words, [measure(size) for size in sizes]) for measure in _MEASURES)


_MEASURES: tuple[Callable[[Sizes], float | None], ...] = (
    lambda size: size.N,
    lambda size: size.D,
    lambda size: size.D / size.N if size.N and size.D else None,
    lambda size: size.N * size.D if size.N and size.D else None,
)
_SAME = 1.05


def _names_size(words: Sequence[str], values: Sequence[float | None]) -> bool:
    """True where the rows of each word have one value and not all words the same: the word is its name."""
    by_word: dict[str, list[float]] = {}
    for word, value in zip(words, values, strict=True):
        if value is None:
            return False
        by_word.setdefault(word, []).append(value)
    spans = [(min(found), max(found)) for found in by_word.values()]
    is_one_each = all(high <= _SAME * low for low, high in spans)
    return is_one_each and max(high for _, high in spans) > _SAME * min(low for low, _ in spans)
