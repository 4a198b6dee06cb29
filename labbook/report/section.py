"""A part of a ladder's report: a title, a table, sentences; the same values as text and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labbook.report.cells import wrap
from labbook.report.escape import md_line, md_table
from labbook.report.paint import paint
from labbook.report.table import Column, table
from labbook.summary import LadderView


@dataclass(frozen=True, slots=True)
class Section:
    """One part, ready to be drawn."""

    title: str
    columns: tuple[Column, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    texts: Sequence[str] = ()
    """Sentences under the table."""


Of = Callable[[LadderView], Section | None]
"""What a part says of a ladder; None where it has nothing to say."""


def section_lines(section: Section | None, width: int, color: bool) -> list[str]:
    """The part as lines of text, a blank one first; none without a part."""
    if section is None or not (section.rows or section.texts):
        return []
    lines = ["", *(paint(x, "bold", color) for x in wrap(section.title, width))]
    if section.rows:
        lines += table(section.columns, [list(row) for row in section.rows], width, color=color)
    return lines + [x for text in section.texts for x in wrap(text, width, rest="  ")]


def section_markdown(section: Section | None, level: int = 3) -> list[str]:
    """The part as lines of Markdown; none without a part."""
    if section is None or not (section.rows or section.texts):
        return []
    lines = ["", f"{'#' * level} {section.title}", ""]
    if section.rows:
        right = "".join("r" if c.right else "l" for c in section.columns)
        lines += md_table([c.title for c in section.columns], section.rows, right)
    if section.rows and section.texts:
        lines.append("")
    return lines + [f"- {md_line(text)}" for text in section.texts]
