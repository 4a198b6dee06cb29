"""Sentences that reports and screens share."""

import pytest

from labbook.report.words import refusal_words
from labbook.scaling.values import Refusal


@pytest.mark.parametrize(
    ("text", "remedy", "words"),
    [
        ("no tokens", "labbook set RUN tokens_per_step=...", "no tokens; labbook set RUN tokens_per_step=..."),
        ("No tokens.", "Set tokens_per_step=...", "No tokens. Set tokens_per_step=..."),
        ("Five points.", "one more size.", "Five points; one more size."),
        ("Five points.", "", "Five points."),
        ("Set n=...", "", "Set n=..."),
    ],
)
def test_a_refusal_ends_with_one_full_stop_or_with_the_dots_of_a_value(
    text: str, remedy: str, words: str
) -> None:
    """`n=...` is what a person pastes."""
    assert refusal_words(Refusal("code", text, remedy)) == words
