"""`labbook forecast RUN`: a forecast explained, or the reason there is none."""

import json

import jsonschema
import pytest

from labbook.resources import resource_dir
from tests.cli.conftest import Labbook


def test_a_forecast_says_what_it_rests_on(on_ladder: Labbook) -> None:
    """Interval, mode, references with their losses, level, width and what would change it."""
    ran = on_ladder("forecast", "d192-D6.4M", "--width", 78)
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 78
    assert "mode      A: trend over 3 rungs" in ran.out
    assert "at step 1562, between " in ran.out
    assert "measured on 28 finished runs" in ran.out
    assert "85 % of such intervals hold" in ran.out
    table = ran.out[ran.out.index("The finished runs it rests on") :].splitlines()[2:]
    assert [row.split()[0] for row in table] == ["d128-D6.4M", "d96-D6.4M", "d64-D6.4M"]


@pytest.mark.parametrize(("name", "code"), [("d192-D6.4M", 0), ("d64-D6.4M-s1338", 0), ("d16-D0.1M", 1)])
def test_its_json_keeps_the_shape_of_its_schema(on_ladder: Labbook, name: str, code: int) -> None:
    """With a number and without; the interval lies about the number."""
    ran = on_ladder("forecast", name, "--json")
    schema = json.loads((resource_dir("schemas") / "json" / "forecast.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(ran.json)
    assert ran.code == code
    found = ran.json["forecast"]
    if code == 0:
        assert found["lo"] < found["final"] < found["hi"]
        assert found["remaining_drop"] == pytest.approx(found["level"] - found["final"])
        assert ran.json["laws"]["interval"][0] < ran.json["laws"]["loss"] < ran.json["laws"]["interval"][1]
        assert not ran.json["laws"]["is_off"]
        assert [r["name"] for r in ran.json["references"]] == found["refs"]
    else:
        assert found["refused"] == "finished"


def test_the_board_and_the_card_show_where_it_ends(on_ladder: Labbook) -> None:
    """A column with the loss at the end, a line with its interval; the regime takes the same drop."""
    runs = on_ladder("triage", "--json").json
    live = {run["name"]: run for run in runs if "final" in run["forecast"]}
    assert set(live) == {"d192-D6.4M", "d96-D6.4M-s1338", "d64-D6.4M-s1338"}
    board = on_ladder("triage", "--width", 78).out
    card = on_ladder("show", "d192-D6.4M").out
    assert f"ends at   {live['d192-D6.4M']['forecast']['final']:.4f} [" in card
    for name, run in live.items():
        final = f"{run['forecast']['final']:.3f}"
        assert any(name in line and f" {final} " in line for line in board.splitlines())
        assert run["regime"]["remaining_drop"] == run["forecast"]["remaining_drop"]


def test_a_run_that_is_not_there(on_ladder: Labbook) -> None:
    """One line and a hint."""
    ran = on_ladder("forecast", "d192-D6.4")
    assert ran.code == 64
    assert "did you mean d192-D6.4M" in ran.err
