"""Sizes and times as people write them, to and from numbers; C = 6ND."""

import math
import re

SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_SIZE = re.compile(r"\s*([-+]?[\d,_]*\.?\d+(?:e[-+]?\d+)?)\s*([kmbgt]?)\s*\Z", re.IGNORECASE)


def parse_size(text: str) -> float:
    """`124M`, `2.5B`, `3e20`, `4,096` as a number.

    Raises ValueError where the text is no such number.
    """
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"not a size: {text!r}; write 124M, 2.5B, 3e20 or 4096")
    value = float(match[1].replace(",", "").replace("_", ""))
    return value * SUFFIXES.get(match[2].lower(), 1.0)


def format_size(value: float | None, digits: int = 3) -> str:
    """`393K`, `1.6M`, `2.5B` with `digits` significant digits; `–` where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    for factor, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= factor * 0.9995:
            return f"{_significant(value / factor, digits)}{suffix}"
    return _significant(value, digits)


def _significant(value: float, digits: int) -> str:
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)) + 1e-9))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_duration(seconds: float | None) -> str:
    """`45s`, `12m`, `3h05`, `2d4h`; `–` where there is none."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    s = round(max(0.0, seconds))
    if s < 60:
        return f"{s}s"
    if s < 3600:
        return f"{s // 60}m"
    if s < 86400:
        return f"{s // 3600}h{s % 3600 // 60:02d}"
    return f"{s // 86400}d{s % 86400 // 3600}h"


def flops(n_params: float, tokens: float) -> float:
    """Training FLOP by C = 6ND (Kaplan et al. 2020, section 2.1; no attention term)."""
    return 6.0 * n_params * tokens


def in_nats(unit: str, bytes_per_token: float | None) -> tuple[str, float]:
    """(unit, factor) a loss in `unit` is brought to: nats per token where that is possible.

    Per byte and per token convert only through the bytes of a token; without them a loss per byte stays so.
    """
    per = unit.partition("/")[2]
    if per not in ("token", "byte"):
        return unit, 1.0
    factor = math.log(2) if unit.startswith("bits/") else 1.0
    if per == "byte" and bytes_per_token:
        return "nats/token", factor * bytes_per_token
    return f"nats/{per}", factor
