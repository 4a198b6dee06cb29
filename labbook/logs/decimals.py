"""Printed numbers in whole columns: the very doubles that `float` gives, a few nanoseconds each.

A number is taken as words of eight characters, of which each is turned into its eight digits at once. Up to
2^53 one division by a power of ten is exact; beyond it the quotient is carried in two doubles, and where even
that leaves the last bit open, `float` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Bools = NDArray[np.bool_]

_FRONT, _BACK = 64, 16
"""Blanks around the text, so that a word may be taken anywhere."""
_LARGEST_POWER = 60
_EXACT_POWER = 22
"""Powers of ten up to this one are doubles."""
_EXACT = 1 << 53
_ONES, _TOPS = 0x0101010101010101, 0x8080808080808080
_ZEROS, _NIBBLES, _CARRY = 0x3030303030303030, 0xF0F0F0F0F0F0F0F0, 0x0606060606060606
_LOWER = 0x2020202020202020
_SPLIT = 134217729.0
"""2^27 + 1, which halves a double."""


@dataclass(frozen=True, slots=True)
class Text:
    """A block of ASCII or UTF-8 text, by character and by word. Places count from the block's beginning."""

    raw: bytes
    """With blanks around it."""
    characters: NDArray[np.uint8]
    words: Words
    """The eight characters from each place on."""

    @classmethod
    def of(cls, block: bytes) -> Text:
        """The text of a block."""
        import numpy as np

        raw = b"".join((b" " * _FRONT, block, b" " * _BACK))
        words: Words = np.ndarray((len(raw) - 7,), "<u8", buffer=raw, strides=(1,))
        return cls(raw, np.frombuffer(raw, np.uint8), words)

    def __len__(self) -> int:
        return len(self.raw) - _FRONT - _BACK

    def places(self, *wanted: bytes) -> Ints:
        """Where one of the characters stands."""
        import numpy as np

        inside = self.characters[_FRONT:-_BACK]
        hits = inside == wanted[0][0]
        for character in wanted[1:]:
            hits |= inside == character[0]
        return np.flatnonzero(hits)

    def at(self, place: Ints) -> NDArray[np.uint8]:
        """The character at each place."""
        return self.characters[place + _FRONT]

    def word(self, place: Ints) -> Words:
        """The eight characters from each place on."""
        return self.words[place + _FRONT]

    def cut(self, begin: int, end: int) -> bytes:
        """The characters from `begin` up to `end`."""
        return self.raw[begin + _FRONT : end + _FRONT]


@dataclass(slots=True)
class _Layout:
    """Where the parts of each number stand."""

    first: Ints
    """Its first character after the sign."""
    stop: Ints
    """The end of its digits, where the exponent begins."""
    whole: Ints
    """Digits before the point."""
    after: Ints
    """Digits after the point."""
    has_point: Bools
    exponent: Ints
    is_good: Bools


def decimals(text: Text, begin: Ints, end: Ints, *, strict: bool = False) -> tuple[Floats, Ints]:
    """The numbers that stand from `begin` up to `end`, shape (n,), and which of them are no plain decimals.

    Of those the value is NaN and the caller decides: words, NaN, more digits than a double holds by far.
    strict: what JSON does not allow (`+1`, `.5`, `1.`, `01`) is not plain either, and -0 is 0.
    """
    import numpy as np

    lead = text.at(begin)
    is_negative = lead == ord("-")
    first = begin + (is_negative | (lead == ord("+")))
    laid = _layout(text, first, end)
    mantissa, fits = _mantissa(text, laid)
    power = laid.after - laid.exponent
    count = laid.whole + laid.after
    good = laid.is_good & fits & (count > 0)
    if strict:
        good &= (lead != ord("+")) & (laid.whole > 0) & ((laid.after > 0) | ~laid.has_point)
        good &= (laid.whole < 2) | (text.at(first) != ord("0"))
        is_negative &= laid.has_point | (mantissa > 0) | (laid.stop < end)
    near = mantissa < _EXACT
    good &= (power <= _LARGEST_POWER) & (power >= -_EXACT_POWER) & ((power >= 0) | near)
    value = mantissa.astype(np.float64) / _powers()[0][np.clip(power, 0, _EXACT_POWER)]
    large = np.flatnonzero(good & (power < 0))
    value[large] *= _powers()[0][-power[large]]
    wide = np.flatnonzero(good & (power >= 0) & (~near | (power > _EXACT_POWER)))
    if wide.size:
        value[wide], doubtful = _quotient(mantissa[wide], power[wide])
        for index in wide[doubtful].tolist():
            value[index] = abs(float(text.cut(int(begin[index]), int(end[index]))))
    value = np.where(is_negative, -value, value)
    value[~good] = np.nan
    return value, np.flatnonzero(~good)


@cache
def _powers() -> tuple[Floats, Floats]:
    """10^0 to 10^60, each as the sum of two doubles."""
    import numpy as np

    high = [float(10**k) for k in range(_LARGEST_POWER + 1)]
    low = [float(10**k - int(high[k])) for k in range(_LARGEST_POWER + 1)]
    return np.array(high), np.array(low)


def _layout(text: Text, first: Ints, end: Ints) -> _Layout:
    import numpy as np

    stop, exponent, is_good = _exponent(text, first, end)
    length = stop - first
    whole = _find(text.word(first), np.minimum(length, 8), ".")
    has_point = whole < 8
    far = np.flatnonzero(~has_point & (length > 8))
    if far.size:
        further = _find(text.word(first[far] + 8), np.minimum(length[far] - 8, 8), ".")
        has_point[far] = further < 8
        whole[far] = 8 + further
    whole = np.where(has_point, whole, length)
    after = np.where(has_point, length - whole - 1, 0)
    is_good &= (length > 0) & (whole <= 16) & (after <= 24)
    return _Layout(first, stop, whole, after, has_point, exponent, is_good)


def _exponent(text: Text, first: Ints, end: Ints) -> tuple[Ints, Ints, Bools]:
    """(end of the digits, exponent, whether it is one of at most four digits)."""
    import numpy as np

    tail = text.word(end - 8)
    kept = np.minimum(end - first, 8)
    at = _find(_last(tail, kept) | np.uint64(_LOWER), np.int64(8), "e")
    stop, exponent, is_good = end.copy(), np.zeros(len(end), np.int64), np.ones(len(end), bool)
    some = np.flatnonzero(at < 8)
    if some.size:
        stop[some] = end[some] - 8 + at[some]
        sign = text.at(stop[some] + 1)
        digits = end[some] - stop[some] - 1 - ((sign == ord("-")) | (sign == ord("+")))
        value, fits = _digits(tail[some], np.minimum(digits, 8))
        is_good[some] = fits & (digits > 0) & (digits <= 4)
        size = value.astype(np.int64)
        exponent[some] = np.where(sign == ord("-"), -size, size)
    return stop, exponent, is_good


def _find(word: Words, length: Ints | np.int64, character: str) -> Ints:
    """Place of the first such character among the first `length` of the word, 8 where there is none."""
    import numpy as np

    unequal = word ^ np.uint64(_ONES * ord(character))
    zero = (unequal - np.uint64(_ONES)) & ~unequal & np.uint64(_TOPS)
    place = np.bitwise_count((zero & -zero) - np.uint64(1)).astype(np.int64) >> 3
    return np.where(place < length, place, 8)


def _last(word: Words, kept: Ints) -> Words:
    """The word with only its last characters, 0 to 8 of them; the others are NUL."""
    import numpy as np

    gone = ((8 - kept) << 3).astype(np.uint64)
    cleared: Words = (word >> gone) << gone
    return cleared


def _digits(word: Words, kept: Ints) -> tuple[Words, Bools]:
    """The number that the last characters of the word are, and whether they are digits all of them."""
    import numpy as np

    value = _last(word ^ np.uint64(_ZEROS), kept)
    fits = ((value + np.uint64(_CARRY)) | value) & np.uint64(_NIBBLES) == 0
    value = value * np.uint64(10) + (value >> np.uint64(8))
    pairs, others = value & np.uint64(0xFF000000FF), (value >> np.uint64(16)) & np.uint64(0xFF000000FF)
    value = (pairs * np.uint64(0xF424000000064) + others * np.uint64(0x271000000001)) >> np.uint64(32)
    return value, fits


def _mantissa(text: Text, laid: _Layout) -> tuple[Words, Bools]:
    """All digits as one integer, and whether they are digits and few enough."""
    import numpy as np

    point = laid.first + laid.whole
    before, fits = _digits(text.word(point - 8), np.minimum(laid.whole, 8))
    more = np.flatnonzero(laid.whole > 8)
    if more.size:
        high, are_digits = _digits(text.word(point[more] - 16), np.minimum(laid.whole[more] - 8, 8))
        before[more] += high * np.uint64(10**8)
        fits[more] &= are_digits
    value, are_digits = _digits(text.word(laid.stop - 8), np.minimum(laid.after, 8))
    fits &= are_digits & ((laid.whole + laid.after <= 19) | (before == 0))
    if (laid.after > 8).any():
        middle, are_digits = _digits(text.word(laid.stop - 16), np.clip(laid.after - 8, 0, 8))
        value += middle * np.uint64(10**8)
        fits &= are_digits
    more = np.flatnonzero(laid.after > 16)
    if more.size:
        high, are_digits = _digits(text.word(laid.stop[more] - 24), np.minimum(laid.after[more] - 16, 8))
        value[more] += high * np.uint64(10**16)
        fits[more] &= are_digits & (high < 1000)
    return before * _scales()[np.minimum(laid.after, 19)] + value, fits


@cache
def _scales() -> Words:
    """10^0 to 10^19 as integers."""
    import numpy as np

    return np.array([10**k for k in range(20)], np.uint64)


def _quotient(mantissa: Words, power: Ints) -> tuple[Floats, Ints]:
    """mantissa / 10^power rounded once, and where the rounding is in doubt."""
    import numpy as np

    high = mantissa.astype(np.float64)
    low = (mantissa - high.astype(np.uint64)).astype(np.int64).astype(np.float64)
    tens, rest = (column[power] for column in _powers())
    quotient = high / tens
    product = quotient * tens
    q, t = quotient * _SPLIT, tens * _SPLIT
    q, t = q - (q - quotient), t - (t - tens)
    q_low, t_low = quotient - q, tens - t
    error = ((q * t - product) + q * t_low + q_low * t) + q_low * t_low
    more = (((high - product) - error) + low - quotient * rest) / tens
    value = quotient + more
    doubtful = quotient + more * (1 - 2.0**-40) != quotient + more * (1 + 2.0**-40)
    return value, np.flatnonzero(doubtful)
