"""A block of rows of a table as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labbook.logs.blocks import cell
from labbook.logs.decimals import Text, decimals
from labbook.logs.numbers import number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.logs.bulk import Column, Group

    Ints = NDArray[np.int64]

_BLANKS = 32
"""Blanks on either side of a cell that are passed over at once."""
_LONG = 1 << 16
"""Characters of a quoted cell that are left to the reader of single rows."""


def table_group(block: bytes, separator: str, columns: Sequence[str]) -> Group | None:
    """The rows of a block of lines that end in LF, under the names of the header's columns.

    None where one of the lines is no row of as many cells, or is of words only.
    """
    import numpy as np

    from labbook.logs.bulk import Group

    text = Text.of(block.replace(b",", b".") if separator == ";" else block)
    ends = text.places(separator.encode(), b"\n")
    width = int(np.argmax(text.at(ends) == ord("\n"))) + 1 if ends.size else 0
    if width < len(columns) or ends.size % width:
        return None
    is_last = text.at(ends).reshape(-1, width) == ord("\n")
    if not is_last[:, -1].all() or is_last[:, :-1].any():
        return None
    begin, end = np.concatenate([[0], ends[:-1] + 1]), ends
    if b'"' in block and not _unquoted(text, begin, end):
        return None
    begin, end = (places.reshape(-1, width).T for places in _without_blanks(text, begin, end))
    if (begin[len(columns) :] < end[len(columns) :]).any():
        return None  # more cells than the header has; empty ones behind the last are none
    table = _table(text, Text.of(block), separator, columns, begin[: len(columns)], end[: len(columns)])
    if table is None:
        return None
    first = {name: index for index, name in reversed(list(enumerate(columns))) if name}
    names = tuple(dict.fromkeys(name for name in columns if name))
    return Group(names, [table[first[name]] for name in names], np.arange(len(is_last)))


def _unquoted(text: Text, begin: Ints, end: Ints) -> bool:
    """Move the places inside the quotes around whole cells; False where a quote stands anywhere else."""
    import numpy as np

    quoted = (text.at(begin) == ord('"')) & (text.at(end - 1) == ord('"')) & (end - begin > 1)
    begin += quoted
    end -= quoted
    plain = 2 * int(np.count_nonzero(quoted)) == len(text.places(b'"'))
    return plain and int((end - begin).max()) < _LONG


def _without_blanks(text: Text, begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    begin, end = begin.copy(), end.copy()
    for _ in range(_BLANKS):
        blank = (text.at(begin) == ord(" ")) & (begin < end)
        if not blank.any():
            break
        begin += blank
    for _ in range(_BLANKS):
        blank = (text.at(end - 1) == ord(" ")) & (begin < end)
        if not blank.any():
            break
        end -= blank
    return begin, end


def _table(
    text: Text, original: Text, separator: str, columns: Sequence[str], begin: Ints, end: Ints
) -> list[Column] | None:
    """The columns between the places of shape (columns, rows); None where a row is of words only, or empty."""
    import numpy as np

    shape = begin.shape
    begin, end = begin.ravel(), end.ravel()
    value, odd = decimals(text, begin, end)
    missing, is_word = np.zeros(len(value), bool), np.zeros(len(value), bool)
    read: dict[tuple[int, bytes], tuple[float | None, bool]] = {}
    for index, a, b in zip(odd.tolist(), begin[odd].tolist(), end[odd].tolist(), strict=True):
        which, raw = index // shape[1], original.cut(a, b)
        if (which, raw) not in read:
            word = raw.decode("utf-8", "replace").strip()
            word = word.replace(",", ".") if separator == ";" and word.count(",") == 1 else word
            read[which, raw] = cell(columns[which], word), bool(word) and number(word) is None
        known, is_word[index] = read[which, raw]
        missing[index] = known is None
        value[index] = np.nan if known is None else known
    is_empty = (missing & ~is_word).reshape(shape)
    if is_word.reshape(shape).all(axis=0).any() or is_empty.all(axis=0).any():
        return None
    masks = ~missing.reshape(shape)
    return [
        column if mask.all() else (column, mask)
        for column, mask in zip(value.reshape(shape), masks, strict=True)
    ]
