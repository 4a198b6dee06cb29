"""The fields of one record: groups of a pattern, or entries of the object that ends a line."""

from __future__ import annotations

import re

from labbook.logs import names
from labbook.logs.numbers import CUT, human, number
from labbook.logs.objects import at, entries, object_at_end
from labbook.logs.patterns import AXES, FIGURES, ObjectKeys, RecordPattern
from labbook.text import clean

_OWN = frozenset({*names.SERIES, "train_eval"})
_LOSSES = frozenset({"train", "val"})
_RELATIVE = frozenset({"tokens_step", "tokens_before", "per_epoch"})
"""Axes that have to be added to others: all fields of a record need them at once."""


def groups_of(pattern: RecordPattern, line: str) -> dict[str, object] | None:
    """The fields of a record in a line, None where the line is none."""
    if pattern.hint not in line:
        return None
    if pattern.object is not None:
        return _object_fields(pattern.line, pattern.object, line)
    match = pattern.line.search(line)
    return None if match is None else {k: text for k, text in match.groupdict().items() if text is not None}


def _object_fields(before: re.Pattern[str], keys: ObjectKeys, line: str) -> dict[str, object] | None:
    found = object_at_end(line.removesuffix(CUT))
    if found is None or before.search(found[0]) is None:
        return None
    tree = found[1]
    if any(str(at(tree, path)) != text for path, text in keys.where.items()):
        return None
    is_barred = bool(keys.without) and all(at(tree, path) is not None for path in keys.without)
    if is_barred and all(at(tree, path) is None for path in keys.unless):
        return None
    groups: dict[str, object] = {}
    taken: set[str] = set()
    for group, paths in keys.keys.items():
        for path in paths:
            value = at(tree, path)
            if size(value) is not None or (group == "set" and isinstance(value, str)):
                groups[group] = value
                taken.add(path)
                break
    if keys.keep and groups:
        groups |= _kept(tree, taken, set(groups))
    return groups if set(groups) - AXES else None


def _kept(tree: dict[str, object], taken: set[str], groups: set[str]) -> dict[str, object]:
    """Every other number of an object by its series."""
    found: dict[str, object] = {}
    for path, value in entries(tree):
        if path in taken or number(value) is None:
            continue
        own = clean(path.removeprefix("metrics."), 120)
        known = names.series_of(own)
        series = known[0] if known and known[0] not in ("train", "val") else own
        if series in _OWN - {"lr", "grad_norm"} or series in groups | set(found) | AXES | FIGURES:
            series = f"{own}_"
        if own:
            found[series] = value
    return found


def is_whole(record: RecordPattern, groups: set[str], last: object) -> bool:
    """True where an open record with these groups may be passed on: a live log need not write another line.

    Its losses and its own axes are enough, what comes later is passed on by itself; else the groups of the
    `last` record of the pattern, a list, or None where they do not count.
    """
    own = {group for pattern in record.fields for group in pattern.groupindex}
    known = set(map(str, last)) if isinstance(last, list) else None
    losses = own & _LOSSES if known is None or not known & own & _LOSSES else own & _LOSSES & known
    if losses and not _RELATIVE & (own | groups) and (own & AXES) | losses <= groups:
        return True
    return known is not None and known <= groups


def named(key: str, value: float) -> tuple[str, float]:
    """The series of a field and its value in the series' unit."""
    if key == "step_s":
        return "step_ms", value * 1000
    return ("consumed_samples", value) if key == "samples" else (key, value)


def size(raw: object) -> float | None:
    """The number of a field, 1.02K and `4.6 billion` among them; None where it is none."""
    value = number(raw)
    if value is not None or not isinstance(raw, str):
        return value
    found = human(raw)
    return None if found is None else found[0]
