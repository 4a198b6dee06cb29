"""`labbook fit` with outlier rules, objectives and weights; `labbook export` with a bootstrap."""

import math
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twelve finished runs and a repeat as a table."""
    random = np.random.default_rng(5)
    rows = ["run,n_params,tokens,loss"]
    for N in (5e7, 1.2e8, 3e8, 7e8):
        for ratio in (0.5, 20, 320):
            loss = 1.817 + 482 / N**0.348 + 2085 / (N * ratio) ** 0.366
            noise = math.exp(0.001 * random.standard_normal())
            rows.append(f"{N / 1e6:.0f}M-{ratio},{N},{N * ratio},{loss * noise}")
    path = tmp_path / "ladder.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_what_was_chosen_stands_in_the_report(labbook, table: Path) -> None:
    """Rules, weights and objective in the method block, the runs among those left out."""
    words = ("--drop", "min-tokens-per-param:1", "--drop", "drop-run:700M-*", "--weights", "repeats")
    shown = labbook("fit", table, "--json", *words, "--objective", "huber:1e-2").json
    method = shown["method"]
    assert method["outlier_rule"] == "drop-run:700M-*, then min-tokens-per-param:1"
    assert method["weights"].startswith("repeats")
    assert method["second_objective"] == "huber:0.01 (asked for)"
    gone = {x["name"]: (x["code"], x["reason"]) for x in shown["left_out"]}
    assert gone["50M-0.5"] == ("dropped", "min-tokens-per-param:1")
    assert gone["700M-0.5"] == ("dropped", "drop-run:700M-*")
    assert len(gone) == 6
    assert shown["n"] == 6


def test_choices_are_not_remembered(labbook, table: Path) -> None:
    """The same ladder without words is fitted whole again."""
    labbook("fit", table, "--no-plot", "--drop", "drop-top-losses:5")
    assert labbook("fit", "--no-plot", "--json").json["method"]["outlier_rule"] == "none"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--drop", "worst:3"), "min-tokens-per-param:<D/N>"),
        (("--drop", "drop-top-losses:few"), "such as drop-top-losses:3"),
        (("--drop", "drop-run:50M-21"), "did you mean 50M-20"),
        (("--objective", "huber:-1"), "least-squares-raw or huber:<delta>"),
        (("--weights", "some"), "invalid choice"),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_clear_line(labbook, table: Path, words: tuple, said: str) -> None:
    """Usage, with what would be understood."""
    shown = labbook("fit", table, *words)
    assert shown.code == 64
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert said in shown.err


def test_dropping_everything_is_refused_with_the_reason(labbook, table: Path) -> None:
    """Not as if the runs were missing."""
    shown = labbook("fit", table, "--no-plot", "--drop", "drop-top-losses:12")
    assert shown.code == 2
    assert "0 finished rungs: no fit (drop fewer of them)" in shown.err


def test_a_law_that_is_not_fitted_here_is_refused(labbook, table: Path) -> None:
    """One of a single resource, on a ladder of two."""
    shown = labbook("fit", table, "--law", "width")
    assert shown.code == 2
    assert "width is not fitted to a ladder like" in shown.err
