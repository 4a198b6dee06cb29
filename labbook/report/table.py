"""Fixed-width tables that give up their least important columns when the terminal is narrow."""

from collections.abc import Sequence
from dataclasses import dataclass

from labbook.report.cells import cell_width, crop_middle, pad
from labbook.report.figures import DASH
from labbook.report.paint import paint, style_of

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading and how it yields when there is no room."""

    title: str
    right: bool = False
    """Numbers stand at the right."""
    priority: int = 0
    """The greatest goes first when columns must go; 0 stays."""
    least: int | None = None
    """Cells it may be cropped to; None: it is shown whole or not at all."""
    middle: bool = False
    """Cropped in the middle, so that both ends stay."""
    tinted: bool = False
    """Its first word carries a colour."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What of a table is shown: (index, width) of each column, and the blanks between two."""

    columns: tuple[tuple[int, int], ...]
    gap: int


def table(
    columns: Sequence[Column], rows: Sequence[Row], width: int, *, color: bool = False, indent: int = 0
) -> list[str]:
    """Heading and rows as lines of at most `width` cells.

    rows: one text per column each. A column without a single filled cell is not shown, nor is one of
    dashes alone where it may go.
    """
    layout = fit(columns, rows, width - indent)
    heading = _line(columns, [c.title for c in columns], layout)
    margin = " " * indent
    lines = [margin + paint(heading, "bold", color)]
    return lines + [margin + _line(columns, row, layout, color) for row in rows]


def fit(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Layout:
    """The columns, widths and gap that fill at most `width` cells."""
    natural = [_natural(i, column, rows) for i, column in enumerate(columns)]
    kept = [i for i in range(len(columns)) if natural[i] > 0]
    least = [min(n, n if c.least is None else c.least) for c, n in zip(columns, natural, strict=True)]
    while kept:
        if sum(natural[i] for i in kept) + 2 * (len(kept) - 1) <= width:
            return Layout(tuple((i, natural[i]) for i in kept), 2)
        room = width - (len(kept) - 1)
        if sum(least[i] for i in kept) <= room:
            return Layout(tuple(_share(columns, kept, natural, least, room)), 1)
        dropped = max(kept, key=lambda i: (columns[i].priority, i))
        if columns[dropped].priority == 0:
            break
        kept.remove(dropped)
    return Layout(tuple(_squeeze(kept, least, width)), 1)


def _natural(i: int, column: Column, rows: Sequence[Row]) -> int:
    if all(row[i] in ("", DASH) if column.priority else not row[i] for row in rows):
        return 0
    return max(cell_width(column.title), *(cell_width(row[i]) for row in rows))


def _share(
    columns: Sequence[Column], kept: list[int], natural: list[int], least: list[int], room: int
) -> list[tuple[int, int]]:
    """Widths between least and natural: columns that may go yield first, the widest of equals."""
    widths = {i: natural[i] for i in kept}
    while sum(widths.values()) > room:
        croppable = (i for i in kept if widths[i] > least[i])
        widths[max(croppable, key=lambda i: (columns[i].priority, widths[i]))] -= 1
    return [(i, widths[i]) for i in kept]


def _squeeze(kept: list[int], least: list[int], width: int) -> list[tuple[int, int]]:
    """Where nothing more may go: the columns from the left that fit, the last one cropped."""
    shown: list[tuple[int, int]] = []
    room = width
    for i in kept:
        if room < 1:
            break
        shown.append((i, min(least[i], room)))
        room -= shown[-1][1] + 1
    return shown


def _line(columns: Sequence[Column], row: Row, layout: Layout, color: bool = False) -> str:
    cells = []
    for i, width in layout.columns:
        text = crop_middle(row[i], width) if columns[i].middle else row[i]
        cell = pad(text, width, columns[i].right)
        cells.append(paint(cell, style_of(row[i]), color) if columns[i].tinted else cell)
    line = (" " * layout.gap).join(cells)
    return line if color else line.rstrip()
