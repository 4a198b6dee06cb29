"""One reader for every number a log prints, and the pieces of regular expressions that find them."""

from __future__ import annotations

import math
import re

CUT = "\x00"
"""Stands after the last line of a file that ends without a newline: no delimiter, so no number ends there."""

_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
_RAW = rf"[-+]?(?:{_DECIMAL}|(?i:nan|inf(?:inity)?))"
_GOES_ON = rf",[\d,]*{CUT}"
"""Thousands that may have been cut short."""
_DELIMITER = rf"(?!{_GOES_ON})(?=[\s,;|)\]}}%\"']|\Z)"

PIECES = {
    "num": rf"{_RAW}{_DELIMITER}",
    "raw": _RAW,
    "int": rf"[-+]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?![\d{CUT}]|{_GOES_ON})",
    "human": rf"(?:{_DECIMAL})\s?(?:[KMGBTkmgbt]\b|thousand|million|billion|trillion)?{_DELIMITER}",
}
"""`{num}` a number with its delimiter, `{raw}` without, `{int}` digits with commas, `{human}` 50.93M."""

_NUMBER = re.compile(rf"{_RAW}\Z")
_SCALE = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_HUMAN = re.compile(
    r"\s*([-+]?[\d,]*\.?\d*(?:[eE][-+]?\d+)?)\s?"
    r"([KMGBTkmgbt]|thousand|million|billion|trillion)?[\s\x00]*\Z"
)
_LETTER = {"thousand": "k", "million": "m", "billion": "b", "trillion": "t"}
LONGEST = 64
"""Characters of a number that `float` does not take as it stands."""


def number(value: object) -> float | None:
    """The number a log's value stands for, None where it is missing or no number. NaN and Inf are numbers."""
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return _from_text(value)
    return _float(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _from_text(text: str) -> float | None:
    if not text or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        if len(text) > LONGEST:
            return None
        flat = text.strip().strip("\"'").strip()
        return float(flat.replace(",", "")) if _NUMBER.match(flat) else None


def human(text: str) -> tuple[float, int | None] | None:
    """(value, significant digits) of `50.93M` or `4.629 billion`; digits are None where nothing is rounded."""
    match = _HUMAN.match(text)
    value = number(match[1]) if match else None
    if match is None or value is None:
        return None
    unit = (match[2] or "").lower()
    rounded = bool(unit) or "." in match[1]
    return value * _SCALE.get(_LETTER.get(unit, unit), 1.0), significant(match[1]) if rounded else None


def significant(text: str) -> int:
    """Significant digits of a printed number: `0.0061` has 2, `50.93` has 4."""
    mantissa = re.split("[eE]", text)[0].lstrip("+-").replace(",", "").replace(".", "")
    return len(mantissa.lstrip("0")) or 1


def finite(value: float | None) -> bool:
    """True for a number that is neither NaN nor infinite."""
    return value is not None and math.isfinite(value)
