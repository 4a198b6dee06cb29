"""Untrusted words made literal in Markdown: a run's name is never markup, a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*\[#|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_START = re.compile(r"^(\d*)([-+=>.)])")


def md(text: str) -> str:
    """`text` as literal Markdown inside a line or a table cell."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    flat = _MARKUP.sub(r"\\\1", flat)
    return flat.replace("://", "&#58;//").replace("www.", "www&#46;")  # GitHub links bare addresses


def md_line(text: str) -> str:
    """`text` as literal Markdown at the start of a line: no list, quote or underline begins with it."""
    return _START.sub(r"\1\\\2", md(text))


def fence(lines: Sequence[str], language: str = "text") -> list[str]:
    """The lines in a fenced block that they cannot close."""
    ticks = "`" * max([3, *(_longest_run(line) + 1 for line in lines)])
    return [f"{ticks}{language}", *(line.rstrip() for line in lines), ticks]


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def md_table(titles: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> list[str]:
    """A Markdown table of literal cells. right: one letter per column, `r` for numbers."""
    marks = ["---:" if right[i : i + 1] == "r" else "---" for i in range(len(titles))]
    lines = [_row(titles), "| " + " | ".join(marks) + " |"]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(md(cell) for cell in cells) + " |"
