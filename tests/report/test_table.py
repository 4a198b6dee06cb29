"""Cells, tables and figures: the parts every text report is made of."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.report.cells import cell_width, crop, crop_apart, crop_middle, pad, to_ascii, wrap
from labbook.report.figures import (
    ago,
    bare,
    change,
    done_share,
    loss_figure,
    power,
    share,
    signed_percent,
    significant,
    when,
)
from labbook.report.table import Column, table

words = st.text(alphabet="ab 漢é–…\u0301x", max_size=40)


@given(words, st.integers(1, 30))
def test_cropped_text_fits_and_padded_text_fills(text: str, width: int) -> None:
    """Crop never exceeds the width, pad meets it exactly, wide characters included."""
    assert cell_width(crop(text, width)) <= width
    assert cell_width(crop_middle(text, width)) <= width
    assert cell_width(pad(text, width)) == width == cell_width(pad(text, width, right=True))


@given(words, st.integers(4, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Every line fits; joined they hold every character but the blanks."""
    lines = wrap(text, width, rest="  ")
    assert all(cell_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(words)
def test_ascii_fallback_keeps_every_cell(text: str) -> None:
    """As many cells as before, all of them ASCII."""
    plain = to_ascii(text)
    assert plain.isascii()
    assert cell_width(plain) == cell_width(text)


def test_both_ends_of_a_name_stay() -> None:
    """Names of one ladder differ at their end."""
    assert crop_middle("d96-D6400000-lr60x", 12) == "d96-D6…lr60x"


COLUMNS = (Column("run", least=4), Column("N", right=True, priority=2), Column("regime", priority=1, least=5))
ROWS = [["d128-D1.6M", "393K", "data-limited"], ["漢字漢字", "1M", ""]]


def test_names_alike_at_both_ends_are_cropped_where_they_part() -> None:
    """Series of a wide model: the layer stands in the middle, where cropping would have cut."""
    names = [
        f"gradients/model.layers.{i}.attn.{q}_proj.weight.norm_over_ranks" for i in range(9) for q in "qkv"
    ]
    shown = crop_apart(names, 31)
    assert len(set(shown)) == len(names)
    assert max(map(cell_width, shown)) <= 31
    assert all(x.startswith("gradients/") for x in shown)
    assert crop_apart(["train", *names], 31)[0] == "train"


@given(st.lists(words, max_size=8), st.integers(0, 40))
def test_names_cropped_apart_fit_whatever_they_are(names: list[str], width: int) -> None:
    """No wider than asked, one for each, the same for the same."""
    shown = crop_apart(names, width)
    assert [cell_width(x) <= width for x in shown] == [True] * len(names)
    assert len({*zip(names, shown, strict=True)}) == len(set(names))


def test_columns_go_by_priority() -> None:
    """Full, then cropped, then without the least important, at last the first column alone."""
    assert table(COLUMNS, ROWS, 40)[1] == "d128-D1.6M  393K  data-limited"
    assert table(COLUMNS, ROWS, 20)[1] == "d128-D1.… 393K data…"
    assert table(COLUMNS, ROWS, 12)[0].split() == ["run", "regi…"]
    assert table(COLUMNS, ROWS, 5)[0].split() == ["run"]


@given(st.lists(st.lists(words, min_size=3, max_size=3), max_size=5), st.integers(3, 60))
def test_tables_never_exceed_their_width(rows: list[list[str]], width: int) -> None:
    """Whatever the cells hold."""
    assert all(cell_width(line) <= width for line in table(COLUMNS, rows, width))


def test_what_may_go_is_cropped_first() -> None:
    """A run's name keeps its cells while a less important column can give some."""
    columns = (Column("run", least=4), Column("note", priority=1, least=4))
    assert table(columns, [["d128-D1.6M", "a longer note"]], 20)[1] == "d128-D1.6M a longer…"


def test_columns_that_say_nothing_go() -> None:
    """Empty ones always, dashes alone where the column may go."""
    columns = (Column("a"), Column("b", priority=1), Column("c"))
    assert table(columns, [["x", "–", ""], ["y", "", ""]], 40)[0] == "a"
    assert table(columns, [["–", "1", "z"]], 40)[0].split() == ["a", "b", "c"]


def test_columns_line_up_under_wide_characters() -> None:
    """The second column begins at the same cell in every row."""
    lines = table((Column("a"), Column("b")), [["漢字", "x"], ["abcdefg", "x"]], 40)
    assert {cell_width(line.split("x")[0]) for line in lines[1:]} == {9}


def test_colour_is_added_after_the_padding() -> None:
    """A coloured cell takes as many cells as a plain one."""
    lines = table((Column("state", tinted=True), Column("run")), [["nan", "abc"]], 40, color=True)
    assert lines[1] == "\x1b[31mnan  \x1b[0m  abc"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.041, ".041"), (-0.18, "-.18"), (0.06, ".06"), (1.25, "1.2"), (0.0, "0"), (12.0, "12"), (3e-7, "3e-7"),
     (math.nan, "–")],
)  # fmt: skip
def test_bare_figures(value: float, text: str) -> None:
    """Two significant digits without the leading zero."""
    assert bare(value) == text


@given(st.floats(1e-4, 1e6))
def test_bare_figures_are_right_to_two_digits(value: float) -> None:
    """What is printed is the number, rounded."""
    assert float(bare(value)) == pytest.approx(value, rel=0.051)
    assert change(value) == "-" + bare(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_six_digits_reproduce_the_number(value: float) -> None:
    """`significant` prints six digits of any float and nothing else."""
    assert float(significant(value)) == pytest.approx(value, rel=5e-6, abs=0)


def test_figures_of_nothing_are_dashes() -> None:
    """Missing and not finite never become 0."""
    assert {significant(None), significant(math.nan), power(None), share(None), done_share(None)} == {"–"}
    assert {signed_percent(None), signed_percent(math.inf), when(None), when(math.nan)} == {"–"}
    assert (loss_figure(None), loss_figure(math.nan), loss_figure(math.inf)) == ("–", "nan", "inf")
    assert ago(None, 0.0) == ago(0.0, None) == ""


def test_shares_are_not_rounded_to_the_ends() -> None:
    """Certainty is printed only where it is there."""
    assert [share(p) for p in (0.0, 0.001, 0.93, 0.999, 1.0)] == ["0%", "<1%", "93%", ">99%", "100%"]
    assert [done_share(f) for f in (0.29, 0.9999, 1.0)] == ["29%", "99%", "100%"]


def test_times_no_calendar_holds_are_printed_as_numbers() -> None:
    """A log may hold any number where a time should be."""
    assert when(1e18) == "time 1e18"
    assert when(0.0) == "1970-01-01 00:00 UTC"
