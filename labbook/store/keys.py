"""Short keys made from text, and text made storable.

DuckDB holds UTF-8. A path on disk may be any bytes, which Python shows as lone surrogates; such a path is
stored escaped and comes back exactly, because the file is opened by it again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from hashlib import sha256

_ESCAPED = "json:"


def short_key(text: str, digits: int, taken: Collection[str] = ()) -> str:
    """`digits` hex digits of the digest of `text`; another one where `taken` has it already."""
    data = text.encode("utf-8", "surrogateescape")
    attempt = 0
    while True:
        salt = b"" if attempt == 0 else b"\0%d" % attempt
        key = sha256(data + salt).hexdigest()[:digits]
        if key not in taken:
            return key
        attempt += 1


def pack_path(path: str) -> str:
    """The path as valid UTF-8 without NUL; `unpack_path` gives it back."""
    if not path.startswith(_ESCAPED) and storable(path) == path:
        return path
    return _ESCAPED + json.dumps(path)


def unpack_path(stored: str) -> str:
    """The path `pack_path` was given."""
    return str(json.loads(stored[len(_ESCAPED) :])) if stored.startswith(_ESCAPED) else stored


def storable(text: str) -> str:
    """The text without NUL and lone surrogates; all else, line breaks too, stays."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def known(number: float) -> float | None:
    """The number, or None for NaN: missing is NULL in the tables."""
    return None if math.isnan(number) else number


def or_nan(number: float | None) -> float:
    """The number, or NaN for NULL."""
    return math.nan if number is None else number
