"""Lines of styled text as plain values: what widgets draw and tests compare."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from labbook.report.cells import cell_width, crop, pad, to_ascii
from labbook.report.paint import style_of
from labbook.text import clean

_SIGNS = str.maketrans({"✓": "+", "✗": "x", "▶": ">"})
"""Markers of states in ASCII; all other signs are in `to_ascii`."""

Span = tuple[str, str]
"""Text and the name of its style."""
Line = tuple[Span, ...]

STYLES = {
    "": Style(),
    "red": Style(color="red", bold=True),
    "yellow": Style(color="yellow"),
    "green": Style(color="green"),
    "cyan": Style(color="cyan"),
    "blue": Style(color="blue"),
    "magenta": Style(color="magenta"),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "bar": Style(reverse=True),
}
"""Only the terminal's own 16 colours, so that dark and light backgrounds both work."""


def line(text: str, style: str = "") -> Line:
    """One line of one style."""
    return ((text, style),)


def tinted(text: str) -> Span:
    """A cell in the colour that goes with its first word."""
    return (text, style_of(text) or "")


def column(text: str, width: int, *, right: bool = False, style: str = "") -> Span:
    """A cell of exactly `width` cells of text made safe."""
    return (pad(safe(text), width, right), style)


def safe(text: str) -> str:
    """`text` as it may go to a terminal: no control or invisible characters."""
    return text if text.isprintable() else clean(text, limit=10_000)


def plain(spans: Line) -> str:
    """The line's text without styles."""
    return "".join(text for text, _ in spans)


def strip(spans: Line, width: int, *, ascii: bool = False, bar: bool = False) -> Strip:  # noqa: A002
    """The line as a strip of exactly `width` cells; a longer one ends in an ellipsis."""
    segments, room = [], width
    for text, style in spans:
        text = safe(text) if text.strip() else text
        text = crop(text, room)
        text = to_ascii(text.translate(_SIGNS)) if ascii else text
        segments.append(Segment(text, STYLES["bar" if bar else style]))
        room -= cell_width(text)
        if room <= 0:
            break
    if room > 0:
        segments.append(Segment(" " * room, STYLES["bar"] if bar else STYLES[""]))
    return Strip(segments).adjust_cell_length(width)
