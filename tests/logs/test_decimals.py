"""Printed numbers in columns: every one is the double that `float` reads, or is left to the caller."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.logs.decimals import Text, decimals


def read(words: Sequence[str], *, strict: bool = False) -> list[float | None]:
    """What `decimals` makes of the words; None for those it leaves."""
    text = Text.of(",".join(words).encode())
    commas = text.places(b",")
    begin, end = np.concatenate([[0], commas + 1]), np.append(commas, len(text))
    values, odd = decimals(text, begin, end, strict=strict)
    left = set(odd.tolist())
    return [None if index in left else value for index, value in enumerate(values.tolist())]


def wrong(words: Sequence[str], *, strict: bool = False) -> list[tuple[str, float | None]]:
    """Words that were read as another number than Python reads."""
    found = zip(words, read(words, strict=strict), strict=True)
    return [(word, x) for word, x in found if x is not None and repr(x) != repr(_python(word, strict))]


def _python(word: str, strict: bool) -> float | None:
    try:
        return float(json.loads(word)) if strict else float(word)
    except (ValueError, TypeError):
        return None


def _doubles(count: int) -> list[str]:
    """Short and long prints of numbers of any size, from a fixed seed."""
    rng = random.Random(3)
    words = [repr(struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0]) for _ in range(count)]
    words += [repr(rng.gauss(0, 1) * 10 ** rng.uniform(-9, 9)) for _ in range(count)]
    words += [f"{rng.random() * 10 ** rng.uniform(-9, 9):.{rng.randint(0, 22)}f}" for _ in range(count)]
    words += [f"{rng.random() * 10 ** rng.uniform(-30, 20):.{rng.randint(0, 18)}e}" for _ in range(count)]
    return words + [str(rng.randint(-(10**19), 10**19)) for _ in range(count)]


def _ties(count: int) -> list[str]:
    """Decimals that stand exactly between two doubles, where the even one wins."""
    rng = random.Random(4)
    halves = [(rng.getrandbits(52) | 1 << 52, rng.randint(1, 3)) for _ in range(count)]
    exact = [((2 * m + 1) * 10**e // 2 ** (e + 1) if e else 0, e) for m, e in halves]
    return [f"{2 * m + 1}e0" for m, _ in halves] + [f"{n // 10**e}.{n % 10**e:0{e}d}" for n, e in exact]


def test_every_print_of_a_double_is_read_to_the_last_bit() -> None:
    """None is wrong, and nearly all prints that trainers make are read."""
    assert wrong(_doubles(5000)) == []
    assert wrong(_ties(2000)) == []
    rng = random.Random(5)
    usual = [repr(rng.random() * 10 ** rng.uniform(-7, 4)) for _ in range(5000)] + [str(n) for n in range(2000)]
    assert read(usual).count(None) == 0


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(st.text("0123456789.+-eE naif_x", max_size=12), min_size=1, max_size=30),
    strict=st.booleans(),
)
def test_what_is_no_number_is_left(words: list[str], strict: bool) -> None:
    """Whatever the characters: a word Python does not take is left, and strictly so in JSON."""
    assert wrong(words, strict=strict) == []


@pytest.mark.parametrize(
    "word", ["", "-", ".", "e5", "1e", "1e+", "1_0", "1 2", "nan", "1e00005", "0x1", "--1", "1.2.3"]
)
def test_no_plain_decimal(word: str) -> None:
    """Each of these is the caller's, alone or beside others."""
    assert read([word, "2.5"]) == [None, 2.5]


@pytest.mark.parametrize("word", ["+1", ".5", "1.", "01", "-01", "00"])
def test_json_is_stricter(word: str) -> None:
    """What only `float` takes is no JSON."""
    assert read([word]) == [float(word)]
    assert read([word], strict=True) == [None]
    assert repr(read(["-0"], strict=True)[0]) == "0.0"
