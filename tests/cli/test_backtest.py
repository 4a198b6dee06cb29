"""`labbook backtest`: what forecasts of finished runs would have been worth."""

import json
from pathlib import Path

import jsonschema

from labbook.resources import resource_dir
from tests.cli.conftest import Labbook


def test_the_sample_ladder_says_its_coverage(on_ladder: Labbook) -> None:
    """By mode and fraction, with the width of the table and the ladder's own, every forecast counted once."""
    found = on_ladder("backtest", "--json").json
    schema = json.loads((resource_dir("schemas") / "json" / "backtest.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)
    scores = {(s["mode"], s["frac"]): s for s in found["scores"]}
    assert len(found["runs"]) == 28
    assert sum(s["n"] for s in scores.values()) + sum(r["n"] for r in found["refused"]) == 5 * 28
    assert {frac for _, frac in scores} == {0.1, 0.2, 0.4, 0.6, 0.8}
    own = [s["own"] for s in scores.values()]
    assert sum(o["inside"] for o in own) >= 0.85 * sum(o["n"] for o in own)
    inside = sum(f["inside"] is True for f in found["forecasts"])
    assert inside == sum(s["inside"] for s in scores.values())


def test_it_is_a_table_of_78_columns(on_ladder: Labbook) -> None:
    """Modes and fractions, the coverage in words, what was refused."""
    ran = on_ladder("backtest", "--width", 78, "--runs")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 78
    assert "forecasts of its 28 finished runs" in ran.out
    assert "nominal 90%" in ran.out
    assert "No number: too-early" in ran.out
    assert sum(line.startswith("d128-D6.4M ") for line in ran.out.splitlines()) == 5


def test_a_table_of_results_has_nothing_to_replay(labbook: Labbook, tmp_path: Path) -> None:
    """One line that says so."""
    rows = "".join(f"r{i},{i}e6,{i}e8,{3 - i / 10}\n" for i in range(1, 8))
    (tmp_path / "runs.csv").write_text("name,n_params,tokens,loss\n" + rows)
    ran = labbook("backtest", tmp_path / "runs.csv")
    assert ran.code == 2
    assert "0 finished runs with a curve" in ran.err
