# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Text measured in terminal cells: width, cropping, padding, wrapping and an ASCII fall-back.

A cell is what one column of a terminal holds: East Asian wide characters take two, combining marks
none. Everything a report prints goes through here, so no line is wider than it was asked to be.
"""

import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"
_PLAIN = str.maketrans(
    {
        "–": "-", "—": "-", "−": "-", "…": "~", "×": "x", "·": ".", "•": "*", "‘": "'", "’": "'",
        "“": '"', "”": '"', "α": "a", "β": "b", "η": "n", "≥": ">", "≤": "<", "→": ">", "─": "-",
        "│": "|", "±": "~", "Δ": "d", "█": "#",
    }
)  # fmt: skip


def char_cells(char: str) -> int:
    """Terminal cells of one character: 0, 1 or 2."""
    if char < "\u0300":
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def cell_width(text: str) -> int:
    """Terminal cells of a text without escape sequences."""
    return len(text) if text.isascii() else sum(map(char_cells, text))


def head(text: str, width: int) -> str:
    """The longest beginning of `text` that fits in `width` cells."""
    used = 0
    for i, char in enumerate(text):
        used += char_cells(char)
        if used > width:
            return text[:i]
    return text


def crop(text: str, width: int) -> str:
    """`text` in at most `width` cells; what was cut is marked with an ellipsis."""
    if cell_width(text) <= width:
        return text
    return head(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def crop_middle(text: str, width: int) -> str:
    """`text` in at most `width` cells with both ends kept: names of a ladder differ at the end."""
    if cell_width(text) <= width or width < 5:
        return crop(text, width)
    tail = (width - 1) // 2
    end = head(text[::-1], tail)[::-1]
    return head(text, width - 1 - cell_width(end)) + ELLIPSIS + end


def crop_apart(texts: Sequence[str], width: int) -> list[str]:
    """Each text in at most `width` cells, cropped in the middle so that texts that differ still do.

    Where both ends are alike, the beginning they share is left out up to where they part.
    """
    shown = [crop_middle(text, width) for text in texts]
    return _apart(list(texts), shown, width) if width >= 5 else shown


def _apart(texts: list[str], shown: list[str], width: int) -> list[str]:
    """`shown` with every text told from the others it was cropped alike with."""
    alike: dict[str, set[str]] = {}
    for text, cropped in zip(texts, shown, strict=True):
        alike.setdefault(cropped, set()).add(text)
    found: dict[str, str] = {}
    for group in (sorted(x) for x in alike.values() if len(x) > 1):
        start = _shared(group[0], group[-1])
        parted = [_from(text, start, width) for text in group]
        more = len(set(parted)) > 1  # else they differ in what no cell shows
        found |= zip(group, _apart(group, parted, width) if more else parted, strict=True)
    return [found.get(text, cropped) for text, cropped in zip(texts, shown, strict=True)]


def _shared(a: str, b: str) -> int:
    """Characters both begin with; of the first and last of sorted texts, those all begin with."""
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


def _from(text: str, start: int, width: int) -> str:
    """The first third of the width, then the text from `start` on."""
    lead = head(text[:start], width // 3) + ELLIPSIS
    return lead + crop(text[start:], width - cell_width(lead))


def first_fit(candidates: Sequence[str], width: int) -> str:
    """The first text that fits in `width` cells, else the last one cropped."""
    return next((x for x in candidates if cell_width(x) <= width), crop(candidates[-1], width))


def pad(text: str, width: int, right: bool = False) -> str:
    """`text` cropped and filled with blanks to exactly `width` cells; `right` puts it at the right."""
    text = crop(text, width)
    blanks = " " * (width - cell_width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """`text` broken at blanks into lines of at most `width` cells; longer words are broken too.

    first and rest: what the first and the later lines start with.
    """
    lines: list[str] = []
    indent = crop(first, width)
    line = indent
    for word in text.split():
        if line != indent and cell_width(line) + 1 + cell_width(word) > width:
            lines.append(line)
            line = indent = rest
        line += word if line == indent else f" {word}"
        while cell_width(line) > width:
            part = head(line, width)
            if len(part) <= len(indent):  # not even one character fits beside the indent
                return [*lines, crop(line, width)]
            lines.append(part)
            indent = rest
            line = rest + line[len(part) :]
    return lines if line == indent and lines else [*lines, line.rstrip()]


def to_ascii(text: str) -> str:
    """`text` in ASCII, cell for cell: accents are dropped, what has no likeness becomes `?`."""
    return text if text.isascii() else "".join(map(_ascii_char, text.translate(_PLAIN)))


def _ascii_char(char: str) -> str:
    cells = char_cells(char)
    if char.isascii() or cells == 0:
        return char if char.isascii() else ""
    base = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return base if len(base) == cells else "?" * cells


def finish(lines: list[str], ascii: bool = False) -> str:
    """The lines as one text without a newline at its end, in ASCII where asked."""
    text = "\n".join(line.rstrip() for line in lines)
    return to_ascii(text) if ascii else text
