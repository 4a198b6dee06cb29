"""Line patterns as data: one TOML file a trainer in `schemas/formats/`, and the user's own beside them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from labbook.logs.hints import literal_of
from labbook.logs.numbers import PIECES
from labbook.records import Issue, StepKind
from labbook.resources import resource_dir, user_folder
from labbook.text import PATH_LIMIT, clean

ValStep = Literal["own", "next", "previous", "last"]
_KINDS = ("optimizer", "micro", "log_call", "samples", "tokens", "epoch")
_VAL_STEPS = ("own", "next", "previous", "last")
_UNITS = ("nats/token", "nats/byte", "bits/token", "bits/byte", "other")
_KEYS = frozenset(
    {"detect", "hint", "unit", "units", "step_kind", "step_origin", "val_step", "once", "series", "new_run"}
    | {"config", "config_object", "header", "sum", "sum_by", "text", "record"}
)
_RECORD_KEYS = frozenset({"line", "start", "fields", "object", "where", "without", "unless", "keys", "keep"})
_TEXTS = frozenset({"name"})
FIGURES = frozenset(
    {"n_total", "n_non_embedding", "n_active", "n_other", "tokens_per_step", "planned_steps", "planned_tokens"}
    | {"unique_tokens", "seq_len", "batch_size", "global_batch_size", "world_size", "total_flos", "tokens_seen"}
)
"""Keys of `records.Figure`."""
AXES = frozenset(
    {"step", "tokens", "epoch", "per_epoch", "tokens_step", "tokens_before", "planned_steps", "total"}
)
"""Fields of a record that are no series."""

Patterns = tuple[re.Pattern[str], ...]


class BrokenPattern(ValueError):
    """A pattern table that cannot be used: file, key and what is wrong there."""


@dataclass(frozen=True, slots=True)
class ObjectKeys:
    """What to take from the `{...}` that ends a line."""

    keys: Mapping[str, tuple[str, ...]]
    """By field, the dotted paths that may hold it, the preferred one first."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Paths and what they must hold, compared as text."""
    without: tuple[str, ...] = ()
    """Paths that no record has all of, unless it has one of `unless`."""
    unless: tuple[str, ...] = ()
    keep: bool = False
    """True: every other number is a series of its own name."""


@dataclass(frozen=True, slots=True)
class RecordPattern:
    """One line, a line that opens a record with indented fields below it, or a line that ends in an object."""

    line: re.Pattern[str]
    """Of an object, what the text before it must match."""
    fields: Patterns = ()
    """Patterns of the lines that belong to the open record; empty for a record of one line."""
    object: ObjectKeys | None = None
    hint: str = ""
    """A text that each such line holds; empty where none is known."""


@dataclass(frozen=True, slots=True)
class Table:
    """The patterns of one trainer."""

    name: str
    detect: Patterns
    records: tuple[RecordPattern, ...]
    hints: tuple[str, ...] = ()
    """Texts of which a log holds at least one; empty where none is known."""
    config: Patterns = ()
    config_object: Patterns = ()
    """What a line matches that ends in a dict of hyperparameters."""
    header: Mapping[str, Patterns] = field(default_factory=dict)
    """By `Figure.key`: any one of the patterns gives the figure in its group `v` (or `billions`)."""
    sums: Mapping[str, Patterns] = field(default_factory=dict)
    """By `Figure.key`: every pattern must be met, the figure is the sum."""
    sums_by: Mapping[str, Patterns] = field(default_factory=dict)
    """By `Figure.key`: the figure is the sum over the distinct groups `k`, told once a record comes."""
    texts: Mapping[str, Patterns] = field(default_factory=dict)
    new_run: Patterns = ()
    """Banners of a launch: a new run of the file, where the steps do not go on."""
    unit: str = "nats/token"
    units: Mapping[str, str] = field(default_factory=dict)
    """Unit by series, where it is not `unit`."""
    series: Mapping[str, str] = field(default_factory=dict)
    """Series by field, where they differ."""
    step_kind: StepKind = "optimizer"
    step_origin: int = 0
    val_step: ValStep = "own"
    """Where a validation line without a step of its own belongs."""
    once: bool = False
    """True: of several states of one step the first stands, as bars print them."""


def parse_table(name: str, raw: Mapping[str, object], file: str) -> Table:
    """The table `[name]` of a TOML file. Raises BrokenPattern."""
    where = f"{file}: [{name}]"
    _known(raw, _KEYS, where)
    detect = _patterns(raw.get("detect"), f"{where} detect")
    records = tuple(_record(entry, f"{where} record {i}") for i, entry in enumerate(_tables(raw, where), 1))
    if not detect or not records:
        raise BrokenPattern(f"{where} needs `detect` and at least one [[{name}.record]]")
    return Table(
        name,
        detect,
        records,
        hints=_texts(raw.get("hint"), f"{where} hint") or _derived(detect),
        config=_patterns(raw.get("config"), f"{where} config", ("key", "value")),
        config_object=_patterns(raw.get("config_object"), f"{where} config_object"),
        header=_by_key(raw.get("header"), f"{where} header", FIGURES),
        sums=_by_key(raw.get("sum"), f"{where} sum", FIGURES),
        sums_by=_by_key(raw.get("sum_by"), f"{where} sum_by", FIGURES, ("k",)),
        texts=_by_key(raw.get("text"), f"{where} text", _TEXTS),
        new_run=_patterns(raw.get("new_run"), f"{where} new_run"),
        unit=_choice(raw, "unit", _UNITS, where),
        units=_units(raw.get("units"), f"{where} units"),
        series=_names(raw.get("series"), f"{where} series"),
        step_kind=cast("StepKind", _choice(raw, "step_kind", _KINDS, where)),
        step_origin=_whole(raw.get("step_origin", 0), where),
        val_step=cast("ValStep", _choice(raw, "val_step", _VAL_STEPS, where)),
        once=_flag(raw.get("once", False), f"{where} once"),
    )


def _known(raw: Mapping[str, object], keys: frozenset[str], where: str) -> None:
    unknown = sorted(set(raw) - keys)
    if unknown:
        raise BrokenPattern(f"{where} has an unknown key {unknown[0]!r}")


def _derived(detect: Patterns) -> tuple[str, ...]:
    """A text of each pattern; none where one of them has none."""
    found = [literal_of(pattern.pattern) for pattern in detect]
    return tuple(dict.fromkeys(found)) if all(found) else ()


def _tables(raw: Mapping[str, object], where: str) -> list[dict[str, object]]:
    entries = raw.get("record", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BrokenPattern(f"{where} record must be an array of tables")
    return entries


def _record(entry: Mapping[str, object], where: str) -> RecordPattern:
    _known(entry, _RECORD_KEYS, where)
    if _flag(entry.get("object", False), f"{where} object"):
        return _object(entry, where)
    misplaced = sorted(set(entry) & {"where", "without", "unless", "keys", "keep"})
    if misplaced:
        raise BrokenPattern(f"{where} {misplaced[0]} needs `object = true`")
    if "line" in entry:
        line = _joined(entry["line"], where)
        if not line.groupindex:
            raise BrokenPattern(f"{where} names no field: (?P<step>...), (?P<train>...)")
        return RecordPattern(line, hint=literal_of(line.pattern))
    if "start" in entry and "fields" in entry:
        start = _joined(entry["start"], where)
        return RecordPattern(start, _patterns(entry["fields"], where), hint=literal_of(start.pattern))
    raise BrokenPattern(f"{where} needs `line`, or `start` with `fields`, or `object = true` with `keys`")


def _object(entry: Mapping[str, object], where: str) -> RecordPattern:
    raw = entry.get("keys")
    if not isinstance(raw, dict) or not raw:
        raise BrokenPattern(f"{where} needs `keys`: the key of each field")
    line = _joined(entry.get("line", ""), f"{where} line")
    keys = ObjectKeys(
        keys={str(group): _texts(paths, f"{where} keys.{group}") for group, paths in raw.items()},
        where=_names(entry.get("where"), f"{where} where"),
        without=_texts(entry.get("without"), f"{where} without"),
        unless=_texts(entry.get("unless"), f"{where} unless"),
        keep=_flag(entry.get("keep", False), f"{where} keep"),
    )
    return RecordPattern(line, object=keys, hint=literal_of(line.pattern))


def _by_key(
    raw: object, where: str, allowed: frozenset[str], also: tuple[str, ...] = ()
) -> dict[str, Patterns]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BrokenPattern(f"{where} must be a table")
    unknown = sorted(set(raw) - allowed)
    if unknown:
        raise BrokenPattern(f"{where} has an unknown key {unknown[0]!r}")
    found = {key: _patterns(value, f"{where}.{key}", also) for key, value in raw.items()}
    for key, patterns in found.items():
        if any(not {"v", "billions"} & set(pattern.groupindex) for pattern in patterns):
            raise BrokenPattern(f"{where}.{key} has no group (?P<v>...)")
    return found


def _patterns(raw: object, where: str, groups: tuple[str, ...] = ()) -> Patterns:
    if raw is None:
        return ()
    listed = raw if isinstance(raw, list) else [raw]
    found = tuple(_compile(pattern, where) for pattern in listed)
    for group in groups:
        if any(group not in pattern.groupindex for pattern in found):
            raise BrokenPattern(f"{where} has no group (?P<{group}>...)")
    return found


def _joined(raw: object, where: str) -> re.Pattern[str]:
    """A pattern that may be written in parts, one below the other."""
    return _compile("".join(_texts(raw, where)) if isinstance(raw, list) else raw, where)


def _compile(raw: object, where: str) -> re.Pattern[str]:
    if not isinstance(raw, str):
        raise BrokenPattern(f"{where} must be text")
    text = raw
    for name, piece in PIECES.items():
        text = text.replace("{" + name + "}", piece)
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        raise BrokenPattern(f"{where}: {error}" + (f" ({raw[:60]!r})" if at is not None else "")) from error


def _texts(raw: object, where: str) -> tuple[str, ...]:
    listed = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if not all(isinstance(entry, str) and entry for entry in listed):
        raise BrokenPattern(f"{where} must be text, or a list of texts")
    return tuple(listed)


def _names(raw: object, where: str) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(isinstance(value, str | int | float) for value in raw.values()):
        raise BrokenPattern(f"{where} must be a table of texts")
    return {key: clean(str(value), 120) for key, value in raw.items()}


def _units(raw: object, where: str) -> dict[str, str]:
    found = _names(raw, where)
    for series, unit in found.items():
        if unit not in _UNITS:
            raise BrokenPattern(f"{where}.{series} must be one of {', '.join(_UNITS)}")
    return found


def _flag(raw: object, where: str) -> bool:
    if not isinstance(raw, bool):
        raise BrokenPattern(f"{where} must be true or false")
    return raw


def _choice(raw: Mapping[str, object], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = raw.get(key, allowed[0])
    if value not in allowed:
        raise BrokenPattern(f"{where} {key} must be one of {', '.join(allowed)}")
    return str(value)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BrokenPattern(f"{where} step_origin must be a whole number")
    return value


def read_tables(path: Path) -> list[Table]:
    """Every table of a TOML file. Raises BrokenPattern, OSError."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BrokenPattern(f"{path}: {error}") from error
    found = [(name, raw) for name, raw in tree.items() if isinstance(raw, dict)]
    return [parse_table(clean(name, 40), raw, str(path)) for name, raw in found]


@lru_cache(maxsize=64)
def shipped(name: str) -> Table:
    """The table of `schemas/formats/<name>.toml`."""
    return read_tables(resource_dir("schemas") / "formats" / f"{name}.toml")[0]


def user_tables() -> tuple[list[Table], list[Issue]]:
    """The user's tables, and an issue for each file that cannot be used."""
    tables: list[Table] = []
    issues: list[Issue] = []
    try:
        paths = sorted(user_folder().glob("*.toml"))
    except OSError as error:
        reason = f"the folder of your own formats cannot be read: {error.strerror}"
        return [], [Issue("unreadable", clean(reason), str(user_folder()))]
    for path in paths:
        try:
            tables += read_tables(path)
        except (BrokenPattern, OSError) as error:
            issues.append(
                Issue("broken-pattern", clean(f"{error}; left out", 400), clean(str(path), PATH_LIMIT))
            )
    return tables, issues
