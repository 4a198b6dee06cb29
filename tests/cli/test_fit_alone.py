"""`labbook fit LADDER --law repeated` and `--law kaplan-steps`: laws that are fitted by themselves."""

import json
from pathlib import Path

import jsonschema
import pytest

from labbook.resources import resource_dir
from labbook.scaling.laws import law_by_name
from tests.cli.conftest import Labbook, Ran
from tests.scaling.ladders import DESIGNS, TRUTH, cross


def valid(ran: Ran, name: str) -> None:
    """Raises where the output is not what its schema says."""
    schema = json.loads((resource_dir("schemas") / "json" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(ran.json)


def test_the_law_of_size_and_steps_says_that_its_premise_fails_here(on_ladder: Labbook) -> None:
    """The sample ladder repeats its data: fitted with that warning; unfinished runs are held to it."""
    ran = on_ladder("fit", "--law", "kaplan-steps")
    assert ran.code == 0, ran.err
    for words in (
        "repeated-data: The law of size and steps is one of unlimited data. 23 of 28",
        "the others do not determine it",
        "S stands for S_min",
        "2e8 tokens, alpha_B .21",
        "alpha_S",
        "d96-D6.4M-s1338, 1.6577 at step 936",
        "data digest: sha256",
    ):
        assert words in ran.out
    assert "S_stop" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 78


def test_steps_as_json(on_ladder: Labbook) -> None:
    """What the schema says, with and without a critical batch; S_min by equation 5.4."""
    plain = on_ladder("fit", "--law", "kaplan-steps", "--json")
    given = on_ladder("fit", "--law", "kaplan-steps", "--critical-batch", "4K,0.5", "--json")
    valid(plain, "steps")
    valid(given, "steps")
    assert plain.json["fit"]["critical_batch"] is None
    assert all(rung["S_min"] == rung["S"] for rung in plain.json["rungs"])
    for rung in given.json["rungs"]:
        assert rung["B_crit"] == pytest.approx(4000 / rung["loss"] ** 2)
        assert rung["S_min"] == pytest.approx(rung["S"] / (1 + rung["B_crit"] / 4096))
    assert [run["name"] for run in plain.json["unfinished"]] == [
        "d192-D6.4M",
        "d64-D6.4M-s1338",
        "d96-D6.4M-s1338",
    ]


def test_the_law_of_repeated_data_by_itself(on_ladder: Labbook) -> None:
    """Parameters, worth of repeats, doubts and method; as JSON what the ladder's report says of it."""
    ran = on_ladder("fit", "--law", "repeated")
    assert ran.code == 0, ran.err
    for words in ("R_D  ", "worth, in unique tokens", "repeat-constants-unidentified", "failed draws"):
        assert words in ran.out
    assert "chinchilla" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 78
    alone = on_ladder("fit", "--law", "repeated", "--json")
    valid(alone, "repeated")
    assert alone.json["fit"] == on_ladder("fit", "--json").json["repeated"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of finished models that says nothing of steps or repeats."""
    N, D = cross(*DESIGNS[6])
    rows = zip(N, D, law_by_name("chinchilla").predict(N, D, TRUTH), strict=True)
    lines = [f"m{i},{n:.0f},{d:.0f},{L:.6f}" for i, (n, d, L) in enumerate(rows)]
    path = tmp_path / "models.csv"
    path.write_text("\n".join(["name,params,tokens,loss_c4_val", *lines, ""]))
    return path


@pytest.mark.parametrize(
    ("law", "code", "says"),
    [
        ("kaplan-steps", "no-steps", "Optimiser steps are not known for m0"),
        ("repeated", "no-repeated-rungs", "No run is known to repeat its data"),
    ],
)
def test_a_ladder_that_cannot_say_is_refused_in_one_line(
    labbook: Labbook, table: Path, law: str, code: str, says: str
) -> None:
    """Nothing on stdout and the reason on stderr; as JSON the refusal stands in its place."""
    ran = labbook("fit", table, "--law", law)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    told = labbook("fit", table, "--law", law, "--json")
    assert told.code == 2
    valid(told, "steps" if law == "kaplan-steps" else law)
    assert told.json["refused"]["code"] == code
    assert told.json["fit"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--law", "kaplan-steps", "--critical-batch", "2e8"), "is no pair"),
        (("--law", "kaplan-steps", "--critical-batch", "2e8,0"), "must be positive"),
        (
            ("--law", "kaplan-steps", "--critical-batch", "200M,.21"),
            "constants of Kaplan et al., of other runs",
        ),
        (("--law", "repeated", "--critical-batch", "4K,.5"), "--critical-batch says nothing of repeated"),
        (("--law", "repeated", "--weights", "repeats"), "--weights says nothing of repeated"),
        (("--law", "kaplan-steps", "--bootstrap"), "--bootstrap says nothing of kaplan-steps"),
        (("--critical-batch", "4K,.5"), "is for the law of size and steps"),
    ],
)
def test_options_that_mean_nothing_here_are_errors(on_ladder: Labbook, words, says: str) -> None:
    """Each in one line, before anything is read."""
    ran = on_ladder("fit", *words)
    assert (ran.code, ran.out) == (64, "")
    assert says in ran.err
