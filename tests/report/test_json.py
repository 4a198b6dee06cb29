"""What `--json` prints keeps the shape its schema promises."""

import json
import math
from collections.abc import Iterator
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.errors import FitError, NotFoundError
from labbook.report.json import (
    dumps,
    error_json,
    fit_json,
    ladders_json,
    runs_json,
    show_json,
    triage_json,
)
from labbook.resources import resource_dir
from labbook.scaling.values import Refusal
from labbook.summary import Summary
from tests.report import values

SUMMARIES = [values.summary(), values.hostile(), values.nothing()]
IDS = ["ordinary", "hostile", "nothing"]


def validate(name: str, printed: str) -> Any:
    """Parse what was printed and hold it against its schema."""
    found = json.loads(printed)
    schema = json.loads((resource_dir("schemas") / "json" / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


@pytest.mark.parametrize("summary", SUMMARIES, ids=IDS)
def test_lists_validate_against_their_schemas(summary: Summary) -> None:
    """runs, triage and ladders print what their schemas say, for ordinary, hostile and empty notebooks."""
    for name, made in (
        ("runs", runs_json(summary)),
        ("triage", triage_json(summary)),
        ("ladders", ladders_json(summary)),
    ):
        found = validate(name, dumps(made))
        assert all(item["schema"] == f"labbook.{name}/1" for item in found)


@pytest.mark.parametrize("summary", SUMMARIES, ids=IDS)
def test_every_run_and_ladder_validates(summary: Summary) -> None:
    """show and fit print what their schemas say, for every run and ladder there is."""
    for run in summary.runs:
        assert validate("show", dumps(show_json(run)))["run_id"] == run.run_id
    for view in summary.ladders:
        assert validate("fit", dumps(fit_json(view)))["ladder"] == view.key


def test_errors_validate() -> None:
    """A failed command under --json is one object with its hint and exit code."""
    found = validate("error", dumps(error_json(FitError("no law could be fitted", "two more sizes"))))
    assert (found["exit_code"], found["hint"], found["kind"]) == (2, "two more sizes", "FitError")


def required(schema: dict[str, Any]) -> set[str]:
    """Keys an item of the schema must have."""
    return set(schema.get("items", schema)["required"])


def test_schemas_ask_for_what_scripts_rely_on() -> None:
    """The keys of design section 4 are required by the schemas, so none can vanish unseen."""
    root = resource_dir("schemas") / "json"
    wanted = {
        "runs": "run_id name ladder format state step planned_steps n_params n_kind n_source tokens_seen "
        "d_source unique_tokens epochs loss loss_unit loss_rule regime flags",
        "show": "series sources issues run_id n_params",
        "fit": "ladder n preferred preferred_by warnings method laws rungs left_out",
        "triage": "run_id name as_of engine_version state flags progress eta level slope forecast ladder "
        "paired throughput regime advice",
    }
    for name, keys in wanted.items():
        schema = json.loads((root / f"{name}.schema.json").read_text("utf-8"))
        assert set(keys.split()) <= required(schema)


def test_missing_figures_are_null() -> None:
    """A run of which nothing is known has every key, and null where a number would stand."""
    found = runs_json(values.summary())[-1]
    numbers = "step planned_steps n_params tokens_seen unique_tokens epochs loss residual n_kind regime"
    assert {key: found[key] for key in numbers.split()} == dict.fromkeys(numbers.split())


def test_a_loss_has_its_error_and_the_source_of_its_unit() -> None:
    """Both levels have theirs; a unit nobody states is assumed, and null where it was not looked for."""
    level = show_json(values.run())["level"]
    assert (level["train_se"], level["val_se"]) == (0.003, 0.0012)
    assert triage_json(values.summary())[1]["level"]["val_se"] is None, "no validation"
    runs = (values.run(unit_source="assumed"), values.run())
    assert [x["loss_unit_source"] for x in runs_json(values.summary(runs=runs))] == ["assumed", None]


def walk(value: Any) -> Iterator[Any]:
    """Every leaf of a JSON value."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner)
    else:
        yield value


@given(st.recursive(st.floats() | st.integers() | st.text() | st.none(), lambda x: st.lists(x, max_size=4)))
def test_printed_json_is_strict_and_repeatable(value: Any) -> None:
    """Never NaN or Infinity; numbers come back exactly; the same value prints the same text."""
    text = dumps(value)
    back = json.loads(text, parse_constant=lambda word: pytest.fail(f"bare {word}"))
    kept = [None if isinstance(x, float) and not math.isfinite(x) else x for x in walk(value)]
    assert list(walk(back)) == kept
    assert text == dumps(value)


def test_numpy_scalars_are_plain_numbers() -> None:
    """Values computed with numpy print as numbers, in full precision."""
    assert json.loads(dumps([np.float64(0.1), np.int64(7), np.float32(0.5), np.float64("nan")])) == [
        0.1, 7, 0.5, None,
    ]  # fmt: skip


def test_what_json_cannot_hold_is_refused() -> None:
    """A value without a JSON form raises instead of being printed as its repr."""
    with pytest.raises(TypeError, match="set"):
        dumps({"a": {1}})


def test_fit_keeps_full_precision_under_paper_names() -> None:
    """Parameters are printed as they are, with an interval or null each."""
    laws = json.loads(dumps(fit_json(values.ladder())))["laws"]
    assert laws["kaplan"]["params"]["alpha_N"] == 0.0761234567
    assert laws["kaplan-floor"]["intervals"] == {"alpha_N": None, "alpha_D": None, "E": None}
    assert laws["general"] == laws["general"] | {"status": "refused", "params": None, "aicc": None}
    assert laws["general"]["refused"]["code"] == "too-few-rungs"
    assert laws["power"]["params"] is None, "a fit that did not converge shows no parameter"


def test_fit_of_one_law_only() -> None:
    """A named law alone; an unknown one is an error that lists the known."""
    assert list(fit_json(values.ladder(), "kaplan")["laws"]) == ["kaplan"]
    with pytest.raises(NotFoundError) as error:
        fit_json(values.ladder(), "cubic")
    assert "kaplan" in error.value.hint


def test_fit_says_where_aicc_and_holdout_disagree() -> None:
    """Both preferred laws are given."""
    assert fit_json(values.ladder())["preferred_by"] == {"aicc": "kaplan", "holdout": "chinchilla"}


def test_method_keys_are_words_joined_by_underscores() -> None:
    """The block of the ladder, then what its values add, each key once."""
    method = fit_json(values.ladder())["method"]
    assert method["numpy"] == "2.3.1"
    assert method["d_reading"] == "unique: Kaplan's D"
    assert method["corr_ln_n_ln_d"] == "0.12"
    assert "d128-D1.6M-lr30x (lr-variant" in method["runs_left_out"]


def test_triage_refuses_instead_of_inventing() -> None:
    """What is not computed is a refusal with a sentence or null; a regime keeps its probabilities."""
    nan, running, finished, _, unknown = triage_json(values.summary())
    codes = [x["forecast"]["refused"] for x in (nan, finished, unknown)]
    assert codes == ["unstable", "finished", "no-horizon"]
    assert (running["forecast"]["final"], running["forecast"]["mode"]) == (1.5123, "A")
    assert nan["regime"]["refused"] == "unstable"
    assert running["eta"]["finish_at"] == values.NOW + 11_100
    assert running["regime"]["remaining_drop"] == 0.21
    assert finished["regime"]["p"] == {"data": 0.93, "model": 0.01, "balanced": 0.06}
    assert finished["ladder"]["resid_pct"] == pytest.approx(100 * math.expm1(0.0042))
    assert finished["ladder"]["at_tokens"] == 1_600_000, "a ladder that reads D as unique tokens"
    assert unknown["ladder"]["refused"] == "no-ladder"


def test_a_ladder_without_a_fit_says_why() -> None:
    """No comparison: no law, no preference, the reason."""
    found = fit_json(values.ladder(comparison=None, refused=Refusal("too-few-rungs", "3 rungs", "more")))
    assert (found["laws"], found["preferred"], found["refused"]["code"]) == ({}, None, "too-few-rungs")
