"""Many rows of a W&B history at once: all their first items together, then all their second ones, and so on.

A row in which anything is unusual is left to be read by hand: a name or a value of more than 127 bytes, a
value that is no number, a step that is not among the items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labbook.logs.decimals import Text, decimals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]

_MOST_ITEMS = 4096
_LONGEST_COUNT = 9
"""Bytes of the longest number that a record carries before its history."""
_HISTORY, _ITEM, _KEY, _NESTED, _STEP = 0x12, 0x0A, 0x0A, 0x12, 0x12
"""First bytes of the fields."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Values of many rows in their order, columns of equal length."""

    keys: list[str]
    row: Ints
    key: Ints
    """Index into `keys`."""
    value: NDArray[np.float64]


def cells_of(records: Sequence[bytes], counter: str) -> tuple[Cells, list[int]]:
    """The values of the rows of history records, and the rows that are to be read by hand instead.

    counter: name of the item that says a row's step.
    """
    import numpy as np

    ends = np.cumsum([len(record) for record in records])
    text = Text.of(b"".join(records) + bytes(512))
    at, good = _history(text, ends - [len(record) for record in records], ends)
    rows, begins, stops = [], [], []
    active = np.flatnonzero(good)
    for _ in range(_MOST_ITEMS):
        active = active[(at[active] < ends[active]) & (text.at(at[active]) == _ITEM)]
        if not active.size:
            break
        start = at[active]
        colon = start + 4 + text.at(start + 3)
        stop = start + 2 + text.at(start + 1)
        named = (text.at(start + 2) == _KEY) | (text.at(start + 2) == _NESTED)
        valued = (text.word(colon) & np.uint64(0xFFFF)) == 0x0182
        fits = colon + 3 + text.at(colon + 2) == stop
        fits &= named & valued & (text.at(start + 1) < 0x80) & (stop <= ends[active])
        good[active[~fits]] = False
        active = active[fits]
        rows.append(active)
        begins.append(start[fits] + 4)
        stops.append(np.stack([colon[fits], stop[fits]]))
        at[active] = stop[fits]
    good[active] = False
    if not any(found.size for found in rows):
        return Cells([], *(np.empty(0, np.int64),) * 2, np.empty(0)), np.flatnonzero(
            ~good | (at != ends)
        ).tolist()
    row, begin, (colon, stop) = np.concatenate(rows), np.concatenate(begins), np.concatenate(stops, axis=1)
    order = np.argsort(row, kind="stable")
    row, begin, colon, stop = row[order], begin[order], colon[order], stop[order]
    keys, key, is_key = _names(text, begin, colon)
    value, bad = decimals(text, colon + 3, stop, strict=True)
    good[row[bad]] = False
    good[row[~is_key]] = False
    has_step = np.zeros(len(good), bool)
    has_step[row[key == (keys.index(counter) if counter in keys else -1)]] = True
    good &= (at == ends) | (has_step & (text.at(at) == _STEP) & (at + 2 + text.at(at + 1) == ends))
    kept = good[row]
    return Cells(keys, row[kept], key[kept], value[kept]), np.flatnonzero(~good).tolist()


def _history(text: Text, at: Ints, ends: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """First byte of each record's history, and whether the record is nothing else besides its number."""
    import numpy as np

    at = at.copy()
    inside = text.at(at) == 0x08
    at += inside
    for _ in range(_LONGEST_COUNT):
        more = inside & (text.at(at) >= 0x80)
        at += more
    at += inside
    good = (text.at(at) == _HISTORY) & (ends - at > 2)
    at += 1
    size = np.zeros(len(at), np.int64)
    inside = good.copy()
    for shift in (0, 7, 14, 21):
        byte = text.at(at).astype(np.int64)
        size |= np.where(inside, (byte & 0x7F) << shift, 0)
        at += inside
        inside &= byte >= 0x80
    return at, good & ~inside & (at + size == ends)


def _names(text: Text, begin: Ints, end: Ints) -> tuple[list[str], Ints, NDArray[np.bool_]]:
    """(names, index of each item's name, False where that name is in doubt)."""
    import numpy as np

    size = end - begin
    sums = size.astype(np.uint64)
    factors = np.random.default_rng(7).integers(1, 1 << 62, 16, np.uint64) * np.uint64(2) + np.uint64(1)
    words = [_word(text, begin, size, index) for index in range(-(-int(size.max()) // 8))]
    for word, factor in zip(words, factors, strict=False):
        sums += word * factor
    _, first, which = np.unique(sums, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    one, same = first[which], size[first[which]] == size
    for word in words:
        same &= word == word[one]
    names = [text.cut(int(begin[at]), int(end[at])).decode("utf-8", "replace") for at in first.tolist()]
    return names, which, same


def _word(text: Text, begin: Ints, size: Ints, index: int) -> Words:
    """The eight bytes of each name from byte 8 x index on, NUL behind its end."""
    import numpy as np

    left = np.clip(size - 8 * index, 0, 8)
    kept = (np.uint64(1) << (8 * np.minimum(left, 7)).astype(np.uint64)) - np.uint64(1)
    kept = np.where(left == 8, np.uint64(0xFFFFFFFFFFFFFFFF), kept)
    found: Words = text.word(begin + np.minimum(8 * index, size)) & kept
    return found
