"""`labbook fit --explain CODE`: what a warning means, without a ladder and without numpy."""

from labbook.scaling.codes import CODES
from tests.cli.conftest import Labbook
from tests.report.test_json import validate
from tests.test_floors import loaded_after


def test_a_code_is_explained_in_full(labbook: Labbook) -> None:
    """Sentence, trigger, effect with its figure, and what to do, in lines that fit."""
    done = labbook("fit", "--explain", "very-undertrained-points")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert text.startswith("very-undertrained-points")
    assert "when D/N below 1" in text
    assert "moved a from .50 to .57" in text
    assert "leave_out" in text
    narrow = labbook("fit", "--explain", "very-undertrained-points", "--width", "50").out
    assert max(map(len, narrow.splitlines())) <= 50


def test_all_codes_are_listed_with_their_sentences(labbook: Labbook) -> None:
    """One code a paragraph."""
    lines = labbook("fit", "--explain", "all").out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [code.code for code in CODES]


def test_json_keeps_its_schema(labbook: Labbook) -> None:
    """One code or all of them in the same shape."""
    one = validate("explain", labbook("fit", "--explain", "at-bound:E", "--json").out)
    assert [code["code"] for code in one["codes"]] == ["at-bound"]
    assert len(validate("explain", labbook("fit", "--explain", "all", "--json").out)["codes"]) == len(CODES)


def test_an_unknown_code_names_the_nearest(labbook: Labbook) -> None:
    """One line and exit code 64."""
    wrong = labbook("fit", "--explain", "embeding-heavy")
    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (64, "", 1)
    assert "did you mean embedding-heavy?" in wrong.err
    assert "--explain all" in labbook("fit", "--explain", "\x1b[31mzzz").err
    assert "\x1b" not in labbook("fit", "--explain", "\x1b[31mzzz").err


def test_explaining_starts_nothing_heavy() -> None:
    """No notebook, no numpy."""
    heavy = {"numpy", "scipy", "duckdb", "textual", "rich", "plotext"}
    assert not loaded_after("fit", "--explain", "few-points") & heavy
