"""The unit of a loss: what a perplexity beside it proves, what only hints, and what stands in for a loss."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labbook.logs.names import tokens_rank
from labbook.logs.resolve import Resolved, resolve
from labbook.measure import measure, wanted_series
from labbook.records import NAN, Curve, Latest, Said
from labbook.store import StoredRun
from labbook.views import candidate, view
from labbook.views import known as known_run

NATS, BITS = "nats/token", "bits/token"


def said(units: dict[str, str] | None = None, config: dict[str, Any] | None = None) -> Said:
    return Said("log", "jsonl", "", None, config or {}, "", (), units or {}, "optimizer", 1, NAN, "unknown", "")


def last(series: str, value: float, step: float = 100, first: float = 9.0) -> Latest:
    return Latest(series, "log", 50, 0, 1, step, step, first, value, value, step, NAN, NAN, NAN, NAN)


def resolved(rows: list[Latest], units: dict[str, str] | None = None, **given: str) -> Resolved:
    return resolve([said(units)], rows, given)


@pytest.mark.parametrize(
    ("rows", "unit"),
    [
        ([last("val", 8.017406), last("lm_loss_ppl", 3033.300)], NATS),
        ([last("train", 20.472), last("ppl", 1.45489e6)], BITS),
        ([last("val", 3.0), last("val/perplexity", math.exp(3.0))], NATS),
        ([last("train", 4.0), last("train_ppl", 16.0)], BITS),
    ],
)
def test_a_perplexity_beside_the_loss_decides_the_base(rows: list[Latest], unit: str) -> None:
    """e^L or 2^L, within a thousandth; the figure that decided is named."""
    known = resolved(rows)
    assert (known.unit, known.unit_source) == (unit, f"by {rows[1].series} beside it")


@pytest.mark.parametrize(
    "rows",
    [
        [last("val", 3.0), last("ppl", 25.0)],
        [last("val", 3.0), last("ppl", math.exp(3.0), step=90)],
        [last("val", 3.0), last("train_ppl", 8.0)],
        [last("val", 3.0), last("ppl", math.inf)],
        [last("val", 3.0), last("ppl_ratio", 8.0)],
    ],
    ids=["neither base", "another step", "of another series", "no number", "another name"],
)
def test_a_perplexity_of_something_else_decides_nothing(rows: list[Latest]) -> None:
    """The unit stays assumed."""
    assert (resolved(rows).unit, resolved(rows).unit_source) == (NATS, "assumed")


def test_what_stands_together_wins_over_the_format() -> None:
    """A fork that logs base 2 is found out, and it is said."""
    known = resolved([last("train", 10.0), last("ppl", 1024.0)], {"train": NATS})
    assert known.unit == BITS
    assert [issue.code for issue in known.issues] == ["unit-by-perplexity"]
    assert resolved([last("train", 10.0), last("ppl", 1024.0)], {"train": BITS}).issues == ()


def test_a_given_unit_wins_over_everything() -> None:
    """Also over what a perplexity would say."""
    known = resolved([last("train", 10.0), last("ppl", 1024.0)], unit="nats/byte")
    assert (known.unit, known.train_unit, known.unit_source) == ("nats/byte", "nats/byte", "given")


def test_training_and_validation_may_have_units_of_their_own() -> None:
    """The series that judges the run gives its unit; without validation that is the training loss."""
    units = {"train": NATS, "val": "bits/byte"}
    both = resolved([last("train", 2.4), last("val", 0.8)], units)
    assert (both.unit, both.train_unit) == ("bits/byte", NATS)
    assert both.recipe["unit"] == "bits/byte"
    alone = resolved([last("train", 2.4)], units)
    assert (alone.unit, alone.train_unit) == (NATS, NATS)


@pytest.mark.parametrize(("first", "hints"), [(15.6, 1), (11.1, 0), (13.0, 0)])
def test_a_first_loss_far_above_that_of_guessing_is_a_hint(first: float, hints: int) -> None:
    """ln 50,304 is 10.8; 15.6 is the same in bits."""
    found = resolve([said(config={"vocab_size": 50304})], [last("train", 3.0, first=first)], {})
    assert [issue.code for issue in found.issues] == ["loss-above-uniform"] * hints
    assert resolve([said()], [last("train", 3.0, first=first)], {}).issues == ()


def test_a_perplexity_alone_stands_for_the_loss() -> None:
    """It is derived and says so; where a loss is logged it does not."""
    known = resolved([last("train/ppl", 30.0), last("val_ppl", 40.0), last("lr", 1e-3)])
    assert known.perplexity == {"train": "train/ppl", "val": "val_ppl"}
    assert (known.unit, known.unit_source) == (NATS, "derived: ln of train/ppl")
    assert "loss" not in known.missing
    assert resolved([last("train", 3.4), last("val_ppl", 30.0)]).perplexity == {}
    chosen = resolved([last("train", 3.4), last("c4/ppl", 30.0), last("val_ppl", 30.0)], loss="val_ppl")
    assert chosen.perplexity == {"val": "val_ppl"}


def stored(rows: list[Latest], **given: str) -> StoredRun:
    return StoredRun("r", "r", "r", "runs/r", (said(),), tuple(rows), given, (), (), 0.0, NAN)


@pytest.mark.parametrize(("least", "broken"), [(-0.01, True), (0.5, False)])
def test_a_loss_below_zero_is_shown_and_stays_out_of_fits(least: float, broken: bool) -> None:
    """A reward or a policy's loss crosses zero; its end may well be above."""
    row = replace(last("train", 1.0), min_value=least)
    run = stored([row])
    known = resolve(run.said, run.latest, {})
    k = known_run(run, known, measure(run, known, {"train": curve("train", [1.0] * 200)}))
    assert view(k, now=0.0).loss is not None
    assert ("below zero" in (candidate(k).broken or "")) == broken


def test_labbook_toml_chooses_what_a_run_is_judged_by() -> None:
    """As `labbook set loss=...` does, and like it may leave a run out."""
    config = {"given.loss": "objective", "given.leave_out": "other tokenizer"}
    run = replace(stored([last("objective", 2.0), last("val", 3.0)]), said=(said(config=config),))
    known = resolve(run.said, run.latest, {})
    assert wanted_series(run, known)["val"] == [("r", "objective", "log")]
    k = known_run(run, known, measure(run, known, {"val": curve("objective", [2.0] * 20)}))
    assert candidate(k).set_aside == "by hand: other tokenizer"


def curve(series: str, values: list[float]) -> Curve:
    step = np.arange(1.0, len(values) + 1)
    none = np.full(len(values), NAN)
    return Curve(series, step, np.array(values), none, none, none, np.zeros(len(values), np.int32))


def test_the_logarithm_of_a_perplexity_is_what_a_run_is_judged_by() -> None:
    """The curve that is measured is ln of the one that is stored."""
    run = stored([last("val_ppl", 40.0)])
    known = resolve(run.said, run.latest, {})
    assert wanted_series(run, known)["val"] == [("r", "val_ppl", "log")]
    measured = measure(run, known, {"val": curve("val_ppl", [math.exp(4.0)] * 20)})
    assert measured.val is not None and measured.val.value == pytest.approx(4.0)
    shown = view(known_run(run, known, measured), now=0.0)
    assert shown.loss is not None
    assert shown.loss.value == pytest.approx(4.0)
    assert shown.loss_unit == NATS


@pytest.mark.parametrize(
    ("bytes_per_token", "loss", "train"), [("4", 0.5 * math.log(2) * 4, 2.0), ("", None, None)]
)
def test_units_meet_only_through_the_bytes_of_a_token(
    bytes_per_token: str, loss: float | None, train: float | None
) -> None:
    """bits/byte beside nats/token: with bytes per token both are nats per token, else each keeps its own."""
    rows = [last("train", 2.0), last("val", 0.5)]
    run = stored(rows)
    given = {"bytes_per_token": bytes_per_token} if bytes_per_token else {}
    known = resolve([said({"train": NATS, "val": "bits/byte"})], rows, given)
    measured = measure(run, known, {"val": curve("val", [0.5] * 20), "train": curve("train", [2.0] * 200)})
    shown = view(known_run(run, known, measured), now=0.0)
    assert shown.loss is not None
    assert shown.loss.value == pytest.approx(loss or 0.5 * math.log(2))
    assert shown.loss_unit == (NATS if loss else "nats/byte")
    assert (shown.train.value if shown.train else None) == (pytest.approx(train) if train else None)
    assert {s.name: s.unit for s in shown.series} == {"train": NATS, "val": shown.loss_unit}


@pytest.mark.parametrize(
    ("first", "config", "text"),
    [
        (93.4, {}, "is 93.4: base 2"),
        (19.0, {}, None),
        (11.2, {"vocab_size": 256}, "ln of the vocabulary 5.545"),
        (30.0, {"vocab_size": 1e13}, None),
    ],
)
@pytest.mark.parametrize(("units", "step"), [({}, 1.0), ({"train": NATS}, 1.0), ({"train": NATS}, NAN)])
def test_a_first_loss_no_vocabulary_explains_is_hinted_at(
    first: float, config: dict[str, Any], text: str | None, units: dict[str, str], step: float
) -> None:
    """A unit that only the format states is no proof; without V, e^20 tokens are too many."""
    row = replace(last("train", 3.0, first=first), first_step=step)
    texts = [issue.text for issue in resolve([said(units, config)], [row], {}).issues]
    assert [text in found for found in texts] == [True] if text else texts == []


def test_a_proven_unit_is_not_hinted_at() -> None:
    """A loss in bits may start high, and so may one whose unit a person gave."""
    row = last("train", 3.0, first=30.0)
    assert resolved([row], {"train": BITS}).issues == ()
    assert resolved([row], unit=NATS).issues == ()


@pytest.mark.parametrize(
    "name", ["num_tokens", "train/num_tokens", "optim/total_tokens", "throughput/total_tokens"]
)
def test_trainers_counters_of_tokens_are_known(name: str) -> None:
    """They are no series of their own."""
    assert tokens_rank(name) is not None


def test_the_counter_of_all_devices_stands_before_that_of_one() -> None:
    """litgpt logs `tokens` of a device beside `total_tokens`."""
    assert (tokens_rank("total_tokens") or 0) < (tokens_rank("tokens") or 0)
