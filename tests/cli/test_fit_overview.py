"""`labbook fit --overview`: every law on every ladder in one table."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from labbook.resources import resource_dir

LAWS = {"kaplan", "kaplan-floor", "chinchilla", "general"}


def validated(printed: str) -> dict:
    """The one object of `--json`, held against its schema."""
    schema = json.loads((resource_dir("schemas") / "json" / "overview.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(printed)
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


def test_the_table_has_every_law_that_was_fitted(on_ladder) -> None:
    """The same figures as the fit itself gives, best first, and what is preferred."""
    (ladder,) = validated(on_ladder("fit", "--overview", "--json").out)["ladders"]
    one = on_ladder("fit", "--json").json
    laws = {law["law"]: law for law in ladder["laws"]}
    assert laws.keys() == one["laws"].keys() > LAWS
    for name, law in laws.items():
        for key in ("n", "k", "rms_log", "aicc", "aicc_difference", "holdout_rms_log", "status", "admitted"):
            assert law[key] == one["laws"][name][key]
    assert laws["chinchilla"]["a"] == one["laws"]["chinchilla"]["derived"]["a"]
    assert laws["chinchilla"]["a_interval"] == one["laws"]["chinchilla"]["intervals"]["a"]
    assert ladder["preferred_by"] == one["preferred_by"]
    known = [law["aicc"] for law in ladder["laws"] if law["aicc"] is not None]
    assert known == sorted(known)


def test_the_text_says_which_law_is_preferred(on_ladder) -> None:
    """One row a law, one line a ladder."""
    done = on_ladder("fit", "--overview", "--width", 120)
    rows = [line.split() for line in done.out.splitlines()]
    heads = {row[0] for row in rows if len(row) > 6} | {row[1] for row in rows if len(row) > 6}
    assert heads >= LAWS
    (preferred,) = [row for row in rows if row[-1:] == ["preferred"]]
    (ladder,) = validated(on_ladder("fit", "--overview", "--json").out)["ladders"]
    assert ladder["preferred"] in preferred
    assert f"AICc prefers {ladder['preferred']}" in done.out
    assert f"the hold-out of the largest N {ladder['preferred_by']['holdout']}" in " ".join(done.out.split())


def test_no_line_is_wider_than_asked_for(on_ladder) -> None:
    """Columns give way on a narrow terminal."""
    for width in (60, 140):
        assert max(map(len, on_ladder("fit", "--overview", "--width", width).out.splitlines())) <= width


def test_one_law_alone(on_ladder) -> None:
    """--law keeps its rows only; an unknown one is refused before anything is read."""
    (ladder,) = validated(on_ladder("fit", "--overview", "--law", "kaplan", "--json").out)["ladders"]
    assert [law["law"] for law in ladder["laws"]] == ["kaplan"]
    unknown = on_ladder("fit", "--overview", "--law", "hoffmann")
    assert (unknown.code, unknown.err.count("\n")) == (64, 1)
    assert "known laws: kaplan" in unknown.err


def test_what_cannot_be_fitted_stands_in_the_table_with_its_reason(labbook, tmp_path: Path) -> None:
    """Three rungs: refused laws with their code, the sentence below, and exit 2 where no law is left."""
    rows = ["run,params,tokens,val_loss", "a,1e8,2e9,3.4", "b,2e8,4e9,3.2", "c,4e8,8e9,3.0"]
    table = tmp_path / "few.csv"
    table.write_text("\n".join(rows[:3]) + "\n")
    two = labbook("fit", table, "--overview")
    assert two.code == 2
    assert "too-few-rungs" in two.out
    assert "Two points for four parameters: no fit" in two.out
    assert two.err.count("\n") == 1
    (ladder,) = validated(labbook("fit", table, "--overview", "--json").out)["ladders"]
    assert ladder["preferred"] is None
    assert {law["status"] for law in ladder["laws"]} == {"refused"}


def test_an_empty_notebook_has_no_overview(labbook) -> None:
    """One line that says how to begin."""
    done = labbook("fit", "--overview")
    assert (done.code, done.err.count("\n")) == (64, 1)
    assert "labbook ingest" in done.err


@pytest.mark.slow
def test_the_published_ladders_in_one_table(labbook, reference: Path) -> None:
    """Twenty ladders and more, each with a preferred law or a reason; half a minute."""
    done = labbook("fit", reference, "--overview", "--json")
    assert done.code == 0
    ladders = {ladder["ladder"]: ladder for ladder in validated(done.out)["ladders"]}
    assert len(ladders) > 20
    assert all(ladder["preferred"] or ladder["refused"] for ladder in ladders.values())
    for key in ("c4-original", "rpj", "rw-original"):
        assert ladders[key]["preferred_by"] == {"aicc": "general", "holdout": "general"}


@pytest.mark.slow
def test_a_published_ladder_with_its_exact_sizes(labbook, reference: Path, tmp_path: Path) -> None:
    """Its folders know N to two digits; with the exact ones the forms fit and forecast as known; 5 seconds."""
    folder = reference / "olmo_ladder"
    with (folder / "sizes.csv").open() as file:
        sizes = {row["size"]: row["n_params"] for row in csv.DictReader(file)}
    with (folder / "curves.csv").open() as file:
        runs = {row["run"]: sizes[row["size"]] for row in csv.DictReader(file)}
    table = tmp_path / "sizes.csv"
    table.write_text("\n".join(["run,n", *(f"{run},{n}" for run, n in runs.items())]) + "\n")
    labbook("ingest", folder)
    assert labbook("set", "--table", table).code == 0
    (ladder,) = validated(labbook("fit", "--overview", "--json").out)["ladders"]
    laws = {law["law"]: law for law in ladder["laws"]}
    order = ("chinchilla", "kaplan", "kaplan-floor", "general")
    rms = [laws[law]["rms_log"] for law in order]
    held = [laws[law]["holdout_rms_log"] for law in order]
    assert rms == pytest.approx([0.0052, 0.0047, 0.0022, 0.0015], rel=0.02)
    assert held == pytest.approx([0.0095, 0.0151, 0.0056, 0.0043], rel=0.05)
    assert ladder["preferred_by"] == {"aicc": "general", "holdout": "general"}
