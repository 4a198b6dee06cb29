"""Untrusted text leaves `clean` printable."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.text import clean, strip_escapes


@pytest.mark.parametrize(
    ("dirty", "printed"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07run", "run"),
        ("\x1b]52;c;ZXZpbA==\x1b\\run", "run"),
        ("a\rb\nc\x00d", "a b c d"),
        ("abc\u202etxt.exe", "abc txt.exe"),
        ("[bold]d12[/bold]", "[bold]d12[/bold]"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_what_a_terminal_would_act_on_is_gone(dirty: str, printed: str) -> None:
    """Escapes, controls and direction overrides go, markup stays literal, length is bounded."""
    assert clean(dirty) == printed


@given(st.text(max_size=300))
def test_clean_text_holds_no_control_character(text: str) -> None:
    """Whatever comes in, what comes out is one printable line, and cleaning again changes nothing."""
    out = clean(text)
    assert not any(unicodedata.category(c) == "Cc" for c in out)
    assert clean(out) == out


def test_undecodable_file_names_can_be_encoded() -> None:
    """A surrogate from a file name that is not UTF-8 does not break the output."""
    assert clean(b"run-\xff".decode("utf-8", "surrogateescape")).encode("utf-8")


def test_colours_between_key_and_value_are_stripped() -> None:
    """torchtitan colours its numbers on a terminal."""
    assert strip_escapes("loss: \x1b[32m10.8595\x1b[39m") == "loss: 10.8595"
