"""Frozen values to JSON text and back, so that the last known board can be drawn before anything is read.

Only labbook's own frozen values pass. A fit leaves its handle behind (numpy arrays) and gets it back from
`analysis.drawable`. What cannot be decoded is no snapshot: None comes back and the board is made anew.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from labbook import analysis, measure, summary, workbook
from labbook.scaling import values

_KNOWN = {
    name: cls
    for module in (summary, values, measure, analysis, workbook)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and (is_dataclass(cls) or issubclass(cls, Enum))
}


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
    if isinstance(value, Enum):
        return {"_": type(value).__name__, "v": value.value}
    if is_dataclass(value) and not isinstance(value, type):
        body = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name != "handle"}
        return {"_": type(value).__name__, "v": body}
    if isinstance(value, dict):
        return {"_": "dict", "v": [[_plain(k), _plain(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a snapshot")


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
