"""Numbers and times as reports print them. Nothing here invents a figure: a missing one is a dash."""

import math
from datetime import UTC, datetime, tzinfo

from labbook.quantities import format_duration, format_size

DASH = "–"
_CENTURY = 100 * 365.25 * 86400.0


def known(value: float | None) -> bool:
    """True for a finite number."""
    return value is not None and math.isfinite(value)


def significant(value: float | None, digits: int = 6) -> str:
    """`0.348219`, `6.4e13`: significant digits, the exponent without `+0`."""
    if value is None or math.isnan(value):
        return DASH
    return _exponent(f"{value:.{digits}g}")


def power(value: float | None, digits: int = 2) -> str:
    """`3.77e12`, for FLOP."""
    return DASH if value is None or math.isnan(value) else _exponent(f"{value:.{digits}e}")


def _exponent(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text


def bare(value: float, digits: int = 2) -> str:
    """`.041`, `-.18`, `1.2`: significant digits without the leading zero (science.md 5.5)."""
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    if abs(value) < 1e-5:
        return _exponent(f"{value:.0e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)) + 1e-12))
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def change(gain: float) -> str:
    """A gain as the change of the loss it brings: .041 is `-.041`."""
    return bare(-gain) if gain <= 0 else "-" + bare(gain)


def signed_percent(log_residual: float | None, decimals: int = 2) -> str:
    """A residual in ln L as signed percent of L: `+0.42`."""
    if log_residual is None or not math.isfinite(log_residual):
        return DASH
    try:
        return f"{100 * math.expm1(log_residual):+.{decimals}f}"
    except OverflowError:
        return DASH


def percent(log_error: float | None, digits: int = 2) -> str:
    """A size in ln L (an rms) as percent of L: `0.61`, `1.9`."""
    if log_error is None or not math.isfinite(log_error):
        return DASH
    return significant(100 * log_error, digits)


def chance(p: float | None) -> str:
    """A probability counted in draws: `93%`; no number of draws makes it certain."""
    if p is None or not math.isfinite(p):
        return DASH
    return ">99%" if p > 0.99 else "<1%" if p < 0.01 else f"{p:.0%}"


def share(p: float | None) -> str:
    """A part of a whole: `93%`, never rounded to all or nothing."""
    if p is None or not math.isfinite(p):
        return DASH
    whole = f"{p:.0%}"
    if whole == "100%" and p < 1:
        return ">99%"
    return "<1%" if whole == "0%" and p > 0 else whole


def done_share(frac: float | None) -> str:
    """A share of the plan, rounded down: 100% only when it is reached."""
    return DASH if frac is None or not math.isfinite(frac) else f"{math.floor(100 * frac + 1e-9)}%"


def loss_figure(value: float | None) -> str:
    """A loss with four decimals below 10, and the word where it is nan or infinite."""
    if value is None:
        return DASH
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.3f}" if abs(value) < 1000 else significant(value, 4)


def count(value: float | None) -> str:
    """A step or a number of points in full: `1562`, `24000`."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.0f}" if abs(value) < 1e7 else format_size(value)


def when(time: float | None, zone: tzinfo = UTC) -> str:
    """`2026-11-22 01:56 UTC`, in `zone`."""
    if time is None or not math.isfinite(time):
        return DASH
    try:
        moment = datetime.fromtimestamp(time, zone)
    except (OverflowError, ValueError, OSError):  # a log may hold any number where a time should be
        return f"time {significant(time)}"
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def ago(time: float | None, now: float | None) -> str:
    """`3h05 ago`, or empty where either is unknown."""
    if time is None or now is None or not math.isfinite(now - time):
        return ""
    return f"{format_duration(max(0.0, now - time))} ago"


def left(end: float, now: float) -> str:
    """Time from `now` to `end`: `3h05`; a dash where it is not finite or beyond all plans."""
    seconds = end - now
    return format_duration(seconds) if math.isfinite(seconds) and seconds < _CENTURY else DASH


def plural(n: int, noun: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"
