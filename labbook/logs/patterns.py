"""Line patterns as data: one TOML file a trainer in `schemas/formats/`, and the user's own beside them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from labbook.logs.numbers import PIECES
from labbook.records import Issue, StepKind
from labbook.resources import resource_dir
from labbook.text import clean

ValStep = Literal["own", "next", "previous"]
_KINDS = ("optimizer", "micro", "log_call", "samples", "tokens", "epoch")
_VAL_STEPS = ("own", "next", "previous")
_KEYS = frozenset(
    {"detect", "unit", "step_kind", "step_origin", "val_step", "config", "header", "sum", "record"}
)


class BrokenPattern(ValueError):
    """A pattern table that cannot be used: file, key and what is wrong there."""


@dataclass(frozen=True, slots=True)
class RecordPattern:
    """One line, or a line that opens a record with indented fields below it."""

    line: re.Pattern[str]
    fields: tuple[re.Pattern[str], ...] = ()
    """Patterns of the lines that belong to the open record; empty for a record of one line."""


@dataclass(frozen=True, slots=True)
class Table:
    """The patterns of one trainer."""

    name: str
    detect: tuple[re.Pattern[str], ...]
    records: tuple[RecordPattern, ...]
    config: tuple[re.Pattern[str], ...] = ()
    header: Mapping[str, tuple[re.Pattern[str], ...]] = field(default_factory=dict)
    """By `Figure.key`: any one of the patterns gives the figure in its group `v`."""
    sums: Mapping[str, tuple[re.Pattern[str], ...]] = field(default_factory=dict)
    """By `Figure.key`: every pattern must be met, the figure is the sum."""
    unit: str = "nats/token"
    step_kind: StepKind = "optimizer"
    step_origin: int = 0
    val_step: ValStep = "own"
    """Where a validation line without a step of its own belongs."""


def parse_table(name: str, raw: Mapping[str, object], file: str) -> Table:
    """The table `[name]` of a TOML file. Raises BrokenPattern."""
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise BrokenPattern(f"{file}: [{name}] has an unknown key {unknown[0]!r}")
    where = f"{file}: [{name}]"
    records = tuple(_record(entry, f"{where} record {i}") for i, entry in enumerate(_tables(raw, where), 1))
    detect = _patterns(raw.get("detect"), f"{where} detect")
    if not detect or not records:
        raise BrokenPattern(f"{where} needs `detect` and at least one [[{name}.record]]")
    return Table(
        name,
        detect,
        records,
        config=_patterns(raw.get("config"), f"{where} config"),
        header=_by_key(raw.get("header"), f"{where} header"),
        sums=_by_key(raw.get("sum"), f"{where} sum"),
        unit=str(raw.get("unit", "nats/token")),
        step_kind=cast("StepKind", _choice(raw, "step_kind", _KINDS, where)),
        step_origin=_whole(raw.get("step_origin", 0), where),
        val_step=cast("ValStep", _choice(raw, "val_step", _VAL_STEPS, where)),
    )


def _tables(raw: Mapping[str, object], where: str) -> list[dict[str, object]]:
    entries = raw.get("record", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BrokenPattern(f"{where} record must be an array of tables")
    return entries


def _record(entry: Mapping[str, object], where: str) -> RecordPattern:
    if "line" in entry:
        return RecordPattern(_compile(entry["line"], where))
    if "start" in entry and "fields" in entry:
        return RecordPattern(_compile(entry["start"], where), _patterns(entry["fields"], where))
    raise BrokenPattern(f"{where} needs `line`, or `start` with `fields`")


def _by_key(raw: object, where: str) -> dict[str, tuple[re.Pattern[str], ...]]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BrokenPattern(f"{where} must be a table")
    found = {key: _patterns(value, f"{where}.{key}") for key, value in raw.items()}
    for key, patterns in found.items():
        if any("v" not in pattern.groupindex for pattern in patterns):
            raise BrokenPattern(f"{where}.{key} has no group (?P<v>...)")
    return found


def _patterns(raw: object, where: str) -> tuple[re.Pattern[str], ...]:
    if raw is None:
        return ()
    listed = raw if isinstance(raw, list) else [raw]
    return tuple(_compile(pattern, where) for pattern in listed)


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


def user_folder() -> Path:
    """Where a person keeps tables of their own."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "labbook" / "formats"


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
            issues.append(Issue("broken-pattern", clean(f"{error}; left out", 400), str(path)))
    return tables, issues
