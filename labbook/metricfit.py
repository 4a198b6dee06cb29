"""Laws of a metric from columns of a table or series of a run: which readings enter, their unit, the fits."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labbook.errors import FitError, NotebookError, ReadError, UsageError
from labbook.quantities import format_size, parse_size
from labbook.records import Curve
from labbook.scaling.laws import described
from labbook.scaling.laws.metric import MetricLaw, MetricLaws
from labbook.scaling.metric_compare import compare_metric
from labbook.scaling.metric_values import MetricComparison
from labbook.scaling.values import Warned
from labbook.text import clean

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet")
PACKED = (".gz", ".zst")
MOST_ROWS = 1_000_000
PERCENT = 100.0
_MISSING = {"", "-", "na", "n/a", "nan", "none", "null"}
_IN_PERCENT = re.compile(r"%|\bpercent(age)?\b|(^|[_\W])pct($|[_\W])", re.IGNORECASE)
_LOSS = re.compile(
    r"(^|[_\W\d])(loss|nll|ppl|perplexity|bpb|bits[ _]per[ _](byte|token)|(cross[ _])?entropy|xent)($|[_\W\d])",
    re.IGNORECASE,
)
_THRESHOLD = re.compile(
    r"exact[ _-]?match|string[ _-]?match|(^|[_\W])(em|acc|accuracy)($|[_\W])|acc_norm"
    r"|pass[ _-]?(@|at)?[ _-]?1($|\D)|solve[ _-]?rate",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to fit, and what is known of the metric."""

    law: str
    x: str
    y: str
    lo: float | None = 0.0
    """In the unit of the table, None to fit it."""
    hi: float | None = 1.0
    lo_is_given: bool = False
    hi_is_given: bool = False
    at: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    """In the unit of the table."""
    least_squares: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement."""

    place: str
    """`row 3`, `step 2000`."""
    group: str
    x: float
    y: float
    """As written; a percent sign is in `Table.in_percent`."""
    items: float | None


@dataclass(frozen=True, slots=True)
class Table:
    """The readings of one table or run."""

    name: str
    readings: tuple[Reading, ...]
    missing: tuple[tuple[str, str], ...]
    """(place, reason) of rows without a reading."""
    in_percent: bool
    """True where the column or its cells say so."""
    is_run: bool = False


@dataclass(frozen=True)
class GroupFit:
    """The laws of one group of readings."""

    name: str
    """Value of the grouping column; empty without one."""
    places: tuple[str, ...]
    """By reading, in the order of the comparison's points."""
    comparison: MetricComparison


@dataclass(frozen=True)
class MetricReport:
    """Every fit of one table."""

    table: str
    asked: Asked
    lo: float | None
    """As a share; None where it is fitted."""
    hi: float | None
    scale: float
    """What readings were divided by: 1, or 100 for percent."""
    groups: tuple[GroupFit, ...]
    missing: tuple[tuple[str, str], ...]
    warnings: tuple[Warned, ...]


def is_table(path: Path) -> bool:
    """Whether the path names a file that is read as a table."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes = suffixes[:-1]
    return bool(suffixes) and suffixes[-1] in SUFFIXES and path.is_file()


def read_table(path: Path, x: str, y: str, items: str | None = None, by: str | None = None) -> Table:
    """The readings of a CSV, TSV, JSON, JSON-lines or Parquet table.

    items: a column or a number. Sizes may be written `124M`, shares `45 %`.
    Raises ReadError where the table cannot be read, UsageError for a column it does not have.
    """
    count = None if items is None else _number(items)
    if count is not None and not count > 0.0:
        raise UsageError(f"--items {items}: it must be positive")
    wanted = [x, y, *([items] if items is not None and count is None else []), *([by] if by else [])]
    raw, rows = _rows(path)
    names = [clean(name) for name in raw]
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            shown = ", ".join(clean(each, 40) for each in names[:20])
            hint = (f"did you mean {near[0]}; " if near else "") + f"columns: {shown}"
            raise UsageError(f"no column {name!r} in {path}", hint)
    at = {name: names.index(name) for name in wanted}
    readings, missing = [], []
    for number, row in enumerate(rows, start=1):
        place = f"row {number}"
        cells = {name: row[at[name]] for name in wanted}
        values = [_number(cells[name]) for name in (x, y)]
        m = count if items is None or count is not None else _number(cells[items])
        why = _why_missing({x: values[0], y: values[1]}, x, m, items)
        if why is not None or values[0] is None or values[1] is None:
            missing.append((place, why or "no value"))
            continue
        group = clean(str(cells[by] or "")) if by else ""
        readings.append(Reading(place, group, values[0], values[1], m))
    signed = any("%" in str(row[at[y]] or "") for row in rows)
    return Table(path.name, tuple(readings), tuple(missing), signed or bool(_IN_PERCENT.search(y)))


def read_curves(name: str, curves: Mapping[str, Curve], x: str, y: str, items: float | None = None) -> Table:
    """The readings of a run's series over step or tokens.

    Raises UsageError for a series the run does not have, or another x.
    """
    if x not in ("step", "tokens"):
        raise UsageError(f"a run has no column {x!r}", "--x step or --x tokens")
    curve = curves.get(y)
    if curve is None:
        shown = ", ".join(sorted(curves)[:20]) or "none"
        raise UsageError(f"{name} has no series {y!r}", f"series: {shown}")
    across = curve.tokens if x == "tokens" else curve.step
    readings, missing = [], []
    for step, at, value in zip(curve.step, across, curve.value, strict=True):
        place = f"step {step:.0f}"
        why = _why_missing({x: float(at), y: float(value)}, x, items, None)
        if why is None:
            readings.append(Reading(place, "", float(at), float(value), items))
        else:
            missing.append((place, why))
    return Table(name, tuple(readings), tuple(missing), bool(_IN_PERCENT.search(y)), is_run=True)


def fit_table(table: Table, asked: Asked) -> MetricReport:
    """The laws asked for, fitted to each group of the table's readings.

    Raises FitError where there is no reading, for a loss, and for values that are no shares of anything;
    UsageError for bounds that are none.
    """
    laws = _laws(asked.law)
    if asked.least_squares and (asked.lo is None or asked.hi is None):
        raise UsageError("least squares on the log-odds need known bounds: --lo and --hi")
    if _LOSS.search(asked.y):
        hint = "a loss is fitted by the laws of a ladder: labbook fit LADDER"
        raise FitError(f"{asked.y} is a loss: the {asked.law} law is for a share between two bounds", hint)
    if not table.readings:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in table.missing)) or "the table is empty"
        raise FitError(f"no reading of {asked.y} against {asked.x} in {table.name}: {reasons}")
    scale = _scale(table, asked)
    lo, hi = _bound(asked.lo, scale), _bound(asked.hi, scale)
    for end, name in ((lo, "--lo"), (hi, "--hi")):
        if end is not None and not 0.0 <= end <= 1.0:
            raise UsageError(f"{name} {end:g}: a bound is a share between 0 and 1, or percent with --hi 100")
    if (0.0 if lo is None else lo) >= (1.0 if hi is None else hi):
        raise UsageError("--lo must lie below --hi")
    groups: dict[str, list[Reading]] = {}
    for reading in table.readings:
        groups.setdefault(reading.group, []).append(reading)
    levels = tuple(level / scale if scale > 1.0 and level > 1.0 else level for level in asked.levels)
    return MetricReport(
        table=table.name,
        asked=asked,
        lo=lo,
        hi=hi,
        scale=scale,
        groups=tuple(
            _fit_group(name, rows, laws, asked, scale, (lo, hi), levels)
            for name, rows in sorted(groups.items())
        ),
        missing=table.missing,
        warnings=_warnings(table, asked),
    )


def _fit_group(
    name: str,
    readings: Sequence[Reading],
    laws: Sequence[MetricLaw],
    asked: Asked,
    scale: float,
    ends: tuple[float | None, float | None],
    levels: tuple[float, ...],
) -> GroupFit:
    counted = all(reading.items is not None for reading in readings)
    comparison = compare_metric(
        laws,
        np.array([reading.x for reading in readings]),
        np.array([reading.y / scale for reading in readings]),
        np.array([reading.items for reading in readings], float) if counted else None,
        lo=ends[0],
        hi=ends[1],
        least_squares=asked.least_squares,
        at=asked.at,
        levels=levels,
    )
    return GroupFit(name, tuple(reading.place for reading in readings), comparison)


def _laws(name: str) -> tuple[MetricLaw, ...]:
    law = described(name)
    if isinstance(law, MetricLaws):
        return law.laws
    if isinstance(law, MetricLaw):
        return (law,)
    raise UsageError(f"{name} is no law of a metric")


def _scale(table: Table, asked: Asked) -> float:
    """100 where the bounds or a unit say percent, else 1. Raises FitError where nothing says what 63 means."""
    values = [reading.y for reading in table.readings]
    by_bound = any(bound is not None and bound > 1.0 for bound in (asked.lo, asked.hi))
    greatest, least = max(values), min(values)
    if least < 0.0:
        raise FitError(f"{asked.y} goes down to {least:.4g}: these laws are for a share between 0 and 1")
    if by_bound or (table.in_percent and greatest > 1.0):
        if greatest > PERCENT:
            raise FitError(f"{asked.y} goes up to {greatest:.4g}, which is no percentage")
        return PERCENT
    if greatest > 1.0:
        text = f"{asked.y} goes up to {greatest:.4g}: these laws are for a share between 0 and 1"
        raise FitError(text, "--hi 100 where it is in percent")
    if table.in_percent and not asked.hi_is_given:
        text = f"{asked.y} is said to be in percent and never exceeds 1"
        raise FitError(text, "--hi 1 where these are shares, --hi 100 where they are percent")
    return 1.0


def _bound(value: float | None, scale: float) -> float | None:
    """A bound as a share; one of at most 1 beside percent is a share already."""
    return value / scale if value is not None and value > 1.0 else value


def _warnings(table: Table, asked: Asked) -> tuple[Warned, ...]:
    found = []
    if _THRESHOLD.search(asked.y):
        text = (
            f"{asked.y} may be a threshold of something smoother, and a threshold can make a smooth gain look "
            "sudden; fit the log-likelihood of the answer or a score per token instead where you have it."
        )
        found.append(Warned("thresholded-metric", text))
    if table.is_run:
        text = "Evaluations of one run are not independent: these intervals are too narrow."
        found.append(Warned("clustered-points", text))
    return tuple(found)


def _why_missing(values: Mapping[str, float | None], x: str, m: float | None, items: str | None) -> str | None:
    for name, value in values.items():
        if value is None or not math.isfinite(value):
            return f"no {name}"
        if name == x and value <= 0.0:
            return f"{name} is {format_size(value)}, and the law is in its logarithm"
    if items is not None and (m is None or not m > 0.0):
        return f"no {items}"
    return None


def _number(cell: object) -> float | None:
    """`0.45`, `45 %`, `124M`, `1e9` as a number; None where the cell holds none."""
    text = str(cell if cell is not None else "").strip().rstrip("%").strip()
    if text.lower() in _MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_size(text)
    except ValueError:
        return None


def _rows(path: Path) -> tuple[list[str], list[tuple[object, ...]]]:
    """Column names and rows, cells as they are written. Raises ReadError."""
    from labbook import duck

    literal = re.sub(r"([*?\[])", r"[\1]", str(path))  # DuckDB takes a path for a pattern
    names = path.name.lower()
    if ".parquet" in names:
        source = "read_parquet(?)"
    elif ".json" in names or ".ndjson" in names:
        source = "read_json_auto(?)"
    else:
        source = "read_csv(?, all_varchar = true, header = true)"
    try:
        with duck.closing(duck.connect_memory(), str(path)) as connection:
            found = connection.execute(f"select * from {source} limit {MOST_ROWS}", [literal])
            return [str(column[0]) for column in found.description or ()], found.fetchall()
    except NotebookError as error:
        raise ReadError(f"{path} cannot be read as a table", error.message) from error
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} cannot be read as a table", "it is not text in UTF-8") from error
