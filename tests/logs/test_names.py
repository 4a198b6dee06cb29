"""Names of metrics and numbers as logs print them."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.logs.names import axis_rank, is_loss, series_of, series_of_tail, tokens_rank
from labbook.logs.numbers import CUT, PIECES, human, number


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("train/loss", "train"),
        ("Train Loss", "train"),
        ("training_loss", "train"),
        ("lm loss", "train"),
        ("lm_loss", "train"),
        ("train/CrossEntropyLoss", "train"),
        ("loss", "train"),
        ("Loss/train", "train"),
        ("val_loss", "val"),
        ("eval/loss", "val"),
        ("validation/loss", "val"),
        ("test/loss", "val:test"),
        ("eval_wikitext_loss", "val:wikitext"),
        ("eval/wikitext_loss", "val:wikitext"),
        ("val/c4/loss", "val:c4"),
        ("learning_rate", "lr"),
        ("lr-AdamW/group0", "lr"),
        ("gradient_norm", "grad_norm"),
    ],
)
def test_known_names_in_any_spelling(name: str, series: str) -> None:
    """Case, blanks and separators make no difference."""
    found = series_of(name)
    assert found is not None and found[0] == series


@pytest.mark.parametrize(
    "name",
    [
        "loss scale",
        "lossz",
        "moe_gate_loss",
        "aux_loss",
        "z_loss",
        "train_loss_epoch",
        "best_val_loss",
        "final_val_loss",
        "eval_best_loss",
        "val/box_loss",
        "grad_norm_square",
        "my_train_loss_x",
        "predict_loss",
        "loss_every",
        "val_accuracy",
        "train_loss_local",
        "critic/loss",
    ],
)
def test_names_that_only_contain_a_known_one_keep_their_own(name: str) -> None:
    """Matched whole, never by "contains"."""
    assert series_of(name) is None
    assert series_of_tail(name) is None


def test_the_last_path_part_counts_where_the_rest_allows_it() -> None:
    """`Task/train_loss` is a training loss, `val/train_loss` is not."""
    found = series_of_tail("MovingWindow/train_loss")
    assert found is not None and found[0] == "train"
    assert series_of_tail("val/x/train_loss") is None


def test_step_counters_are_preferred_in_their_order() -> None:
    """The trainer's own step before a generic one before the tracker's count of calls."""
    order = [
        "train/global_step",
        "trainer/global_step",
        "train/update_step",
        "global_step",
        "iteration",
        "step",
        "_step",
    ]
    ranks = [axis_rank(name) for name in order]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda rank: -1 if rank is None else rank)
    assert axis_rank("steps_per_second") is None
    assert axis_rank("tokens") is None


def test_rates_are_no_counters() -> None:
    """Tokens seen, not tokens per second."""
    assert tokens_rank("train/tokens_seen") is not None
    assert tokens_rank("tokens_per_second") is None
    assert tokens_rank("tps") is None


def test_only_losses_make_a_ladder() -> None:
    """nanoGPT's second training series is none."""
    assert is_loss("train") and is_loss("val:c4")
    assert not is_loss("train_eval") and not is_loss("lr")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,048,576", 1048576.0),
        ('"20.7"', 20.7),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1e400", math.inf),
        ("2.247505E+01", 22.47505),
        (".5", 0.5),
        ("", None),
        ("null", None),
        ("N/A", None),
        ("0:02:12", None),
        ("1_000", None),
        ("1,2", None),
    ],
)
def test_numbers_as_logs_print_them(text: str, value: float | None) -> None:
    """One reader for all of them; missing is None."""
    assert number(text) == value


def test_nan_is_a_number_and_a_flag_is_none() -> None:
    """A printed NaN is a value; true and false are not."""
    assert math.isnan(number("-nan") or 0.0)
    assert number(True) is None
    assert number(10**400) == math.inf


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("50.93M", 50.93e6, 4),
        ("0.0061M", 6100.0, 2),
        ("4.629 billion", 4.629e9, 4),
        ("124475904", 124475904.0, None),
        ("1,476,448,256", 1476448256.0, None),
    ],
)
def test_sizes_keep_the_digits_they_were_printed_with(text: str, value: float, digits: int | None) -> None:
    """A rounded figure says how far it is rounded."""
    found = human(text)
    assert found is not None
    assert found[0] == pytest.approx(value, rel=1e-12)
    assert found[1] == digits


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([" ", ",", "|", ")", ""]))
def test_every_printed_number_is_found_and_a_cut_one_is_not(value: float, after: str) -> None:
    """`{num}` takes a whole token and nothing of one that ends with the file."""
    pattern = re.compile(f"loss ({PIECES['num']})")
    found = pattern.search(f"loss {value!r}{after}")
    assert found is not None and float(found[1]) == value
    assert pattern.search(f"loss {value!r}{CUT}") is None


def test_reading_logs_loads_nothing_heavy() -> None:
    """Discovery, reading and resolving start without numpy, duckdb, scipy or yaml."""
    program = (
        "import sys\n"
        "import labbook.logs.discover, labbook.logs.follow, labbook.logs.resolve, labbook.logs.sniff\n"
        "print(sorted({'numpy', 'duckdb', 'scipy', 'yaml', 'textual'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
