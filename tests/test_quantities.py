"""Sizes as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.quantities import flops, format_duration, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("124M", 124e6),
        ("2.5B", 2.5e9),
        ("3e20", 3e20),
        ("4,096", 4096.0),
        ("400k", 4e5),
        ("1_000", 1000.0),
        (".5T", 5e11),
    ],
)
def test_sizes_parse(text: str, value: float) -> None:
    """Suffixes, exponents and thousands separators."""
    assert parse_size(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "M", "12Q", "1.2.3M", "nan", "twelve"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """One line names what is wrong."""
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (393216.0, "393K"),
        (6144.0, "6.14K"),
        (1.6e6, "1.6M"),
        (2.5e9, "2.5B"),
        (3e20, "3.00e+20"),
        (None, "–"),
        (0.0, "0"),
    ],
)
def test_sizes_print_short(value: float | None, text: str) -> None:
    """Three significant digits; a missing size is a dash, never 0."""
    assert format_size(value) == text


@given(st.floats(1e-2, 1e14))
def test_printed_sizes_parse_back_within_their_digits(value: float) -> None:
    """Printing and parsing agree to half a unit of the last digit."""
    assert parse_size(format_size(value)) == pytest.approx(value, rel=5.1e-3)


def test_durations_print_short() -> None:
    """Seconds to days; unknown is a dash."""
    printed = [format_duration(s) for s in (45, 720, 11100, 187200, None, math.nan)]
    assert printed == ["45s", "12m", "3h05", "2d4h", "–", "–"]


def test_compute_is_6nd() -> None:
    """Kaplan et al. 2020, section 2.1."""
    assert flops(1e9, 2e10) == 1.2e20
