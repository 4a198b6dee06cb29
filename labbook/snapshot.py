"""Frozen values to JSON text and back, so that the last known board can be drawn before anything is read.

Only labbook's own frozen values pass. A fit leaves its handle behind (numpy arrays) and gets it back from
`analysis.drawable`. What cannot be decoded is no snapshot: None comes back and the board is made anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from labbook import analysis, choices, completion, forecasting, measure, summary
from labbook.measure import Measured
from labbook.scaling import values
from labbook.summary import Summary
from labbook.triage.forecast import values as forecasts


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The last board and what it was made from, as the notebook keeps it."""

    summary: Summary
    measured: dict[str, Measured]


_KNOWN: dict[str, Any] = {"Snapshot": Snapshot} | {
    name: cls
    for module in (summary, values, measure, analysis, choices, completion, forecasting, forecasts)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and (is_dataclass(cls) or issubclass(cls, Enum))
}
_SCALARS = frozenset({str, int, float, bool, type(None)})


def encode(value: object) -> str:
    """The value as one line of JSON."""
    return json.dumps(_plain(value), separators=(",", ":"))


def decode(text: str) -> Any:
    """The value `encode` was given, or None where this release does not know its shape."""
    try:
        return _valued(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None


def _plain(value: object) -> object:
    cls = type(value)
    if cls in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [v if type(v) in _SCALARS else _plain(v) for v in value]
    if isinstance(value, Enum):
        return {"_": cls.__name__, "v": value.value}
    if isinstance(value, dict):
        return {"_": "dict", "v": [[_plain(k), _plain(v)] for k, v in value.items()]}
    if is_dataclass(cls):
        body = {name: getattr(value, name) for name in _kept(cls)}
        return {"_": cls.__name__, "v": {k: v if type(v) in _SCALARS else _plain(v) for k, v in body.items()}}
    if isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{cls.__name__} has no place in a snapshot")


@cache
def _kept(cls: type) -> tuple[str, ...]:
    """The names of a dataclass's fields, less its handle."""
    return tuple(f.name for f in fields(cls) if f.name != "handle")


def _valued(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_valued(v) for v in value)
    if not isinstance(value, dict):
        return value
    name, body = value["_"], value["v"]
    if name == "dict":
        return {_valued(k): _valued(v) for k, v in body}
    cls = _KNOWN[name]
    if issubclass(cls, Enum):
        return cls(body)
    return cls(**{k: _valued(v) for k, v in body.items()})
