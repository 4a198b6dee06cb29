"""JSON that people write themselves: run objects, containers, rows, and what is none of these."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from labbook import logs
from labbook.logs.format import take_sample
from labbook.logs.jsonruns import JsonRuns
from labbook.records import Reading


def read(tmp_path: Path, tree: object, name: str = "metrics.json") -> Reading:
    """The reading of a document that is recognised as such."""
    path = tmp_path / name
    path.write_text(json.dumps(tree))
    claim = logs.recognise(take_sample(path), logs.FORMATS)
    assert claim is not None
    assert claim[0].name == "json-run"
    return claim[0].read(path, 0, {})


PAIRS = [[10, 5.5], [20, 4.5], [30, 4.25]]
LISTS = {
    "pairs": {"train_losses": PAIRS},
    "records": {"train_losses": [{"step": s, "loss": y} for s, y in PAIRS]},
    "values": {"train_losses": [{"iter": s, "value": y} for s, y in PAIRS]},
    "parallel": {"steps": [10, 20, 30], "train_losses": [5.5, 4.5, 4.25]},
    "own steps": {"train_steps": [10, 20, 30], "val_steps": [20, 30, 31], "train_loss": [5.5, 4.5, 4.25]},
    "history": {"history": [{"step": s, "train_loss": y} for s, y in PAIRS]},
    "nested": {"log": [{"step": s, "train": {"loss": y}} for s, y in PAIRS]},
}


@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS)
def test_losses_in_every_spelling_are_one_curve(tmp_path: Path, lists: dict[str, object]) -> None:
    """Pairs, records, and lists beside a list of steps."""
    part = read(tmp_path, {"n_params": 1000000, "lr": 0.01, **lists}).parts[0]
    assert list(part.series["train"].step) == [10.0, 20.0, 30.0]
    assert list(part.series["train"].value) == [5.5, 4.5, 4.25]
    assert part.config["n_params"] == 1000000
    assert part.key == ""


def test_values_with_nothing_beside_them_are_counted_and_that_is_said(tmp_path: Path) -> None:
    """The place in the list is the step."""
    reading = read(tmp_path, {"train_losses": [5.5, 4.5], "val_losses": PAIRS})
    assert list(reading.parts[0].series["train"].step) == [0.0, 1.0]
    assert list(reading.parts[0].series["val"].step) == [10.0, 20.0, 30.0]
    assert [issue.code for issue in reading.issues] == ["no-axis"]


def test_null_is_no_point_and_nan_is_one(tmp_path: Path) -> None:
    """What was not measured is missing, what diverged is kept."""
    part = read(tmp_path, {"train_losses": [[1, 5.5], [2, None], [3, math.nan]]}).parts[0]
    assert list(part.series["train"].step) == [1.0, 3.0]
    assert math.isnan(part.series["train"].value[1])


@pytest.mark.parametrize(
    ("steps", "total", "origin"), [([9, 19, 29], 30, 0), ([10, 20, 30], 30, 1), ([0, 10, 20], 100, 0)]
)
def test_indices_and_counts_of_updates_are_told_apart(
    tmp_path: Path, steps: list[int], total: int, origin: int
) -> None:
    """Steps from 0, or up to one before the plan, are indices."""
    tree = {"total_steps": total, "train_losses": [[step, 4.5] for step in steps]}
    assert read(tmp_path, tree).parts[0].step_origin == origin


@pytest.mark.parametrize(("told", "codes"), [(4.25, []), (4.3, ["summary-disagrees"])])
def test_a_summary_checks_the_curve_and_adds_no_point(tmp_path: Path, told: float, codes: list[str]) -> None:
    """final_ and best_ figures say that the run has ended, no more."""
    reading = read(tmp_path, {"val_losses": PAIRS, "final_val_loss": told, "best_val_loss": 4.25})
    assert len(reading.parts[0].series["val"]) == 3
    assert reading.parts[0].status == "finished"
    assert [issue.code for issue in reading.issues] == codes


def test_a_container_keeps_the_names_of_its_runs(tmp_path: Path) -> None:
    """Objects by name, with the tokens of each as its plan."""
    log = [
        {"step": 1, "tokens_seen": 500000, "train_loss": 6.5},
        {"step": 2, "tokens_seen": 1000000, "val_loss": 6},
    ]
    reading = read(
        tmp_path, {"12M": {"n_params": 12000000, "tokens": 1000000, "log": log}, "48M": {"log": log[:1]}}
    )
    first, second = reading.parts
    assert (first.key, first.name, second.key) == ("12M", "12M", "48M")
    assert list(first.series["val"].tokens) == [1e6]
    assert [(f.key, f.value) for f in first.figures] == [("planned_tokens", 1e6)]
    assert (first.status, second.status) == ("finished", "unknown")


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_list_of_runs_gives_each_a_key(tmp_path: Path, wrapped: bool) -> None:
    """Runs of one name and runs without one stay apart."""
    runs = [
        {"run_name": "a", "train_losses": PAIRS},
        {"run_name": "a", "train_losses": PAIRS},
        {"losses": PAIRS},
    ]
    reading = read(tmp_path, {"version": "1", "runs": runs} if wrapped else runs)
    assert [part.key for part in reading.parts] == ["a", "a (2)", "run 3"]


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        (
            [
                {"n_params": 1e7, "tokens": 2e8, "val_loss": 3.5},
                {"n_params": 4e7, "tokens": 8e8, "val_loss": 3.25},
            ],
            None,
        ),
        (
            {"s": {"N": "10M", "D": "200M", "val_loss": 3.5}, "m": {"N": "40M", "D": "800M", "val_loss": 3.25}},
            ["s", "m"],
        ),
    ],
)
def test_rows_of_finished_runs_are_a_ladder(tmp_path: Path, tree: object, names: list[str] | None) -> None:
    """N, D and the loss of each, under its name where it has one."""
    parts = read(tmp_path, tree).parts
    found = [{figure.key: figure.value for figure in part.figures} for part in parts]
    assert found == [{"n_total": 1e7, "tokens_seen": 2e8}, {"n_total": 4e7, "tokens_seen": 8e8}]
    assert [part.series["val"].value[0] for part in parts] == [3.5, 3.25]
    assert names is None or [part.key for part in parts] == names


def test_one_finished_run_is_the_run_of_its_file(tmp_path: Path) -> None:
    """`<size>/metrics.json` with sums only."""
    part = read(tmp_path, {"config": {"n_params": 1e7}, "tokens": 2e8, "final_val_loss": 3.5}).parts[0]
    assert (part.key, part.status) == ("", "finished")
    assert part.series["val"].tokens[0] == 2e8


@pytest.mark.parametrize(
    "tree",
    [
        {"hidden_size": 64, "loss_type": "ce"},
        {"name": "x", "model": "d=64", "eval_metrics": {"icl": {"arc_loss_free": 0.5}}},
        {"eval_loss": 3.5, "epoch": 1.0, "perplexity": 33.1},
        {"log_history": [{"loss": 3.5, "step": 1}], "global_step": 1},
        {"train/loss": {"steps": [1, 2], "values": [3.5, 3.25]}, "rate": 1},
        [{"text": "a loss of words", "label": 1}],
        [1, 2, 3],
        "loss",
    ],
)
def test_other_documents_are_left_alone(tmp_path: Path, tree: object) -> None:
    """Settings, summaries without sizes, trainers' own states and data."""
    path = tmp_path / "other.json"
    path.write_text(json.dumps(tree))
    assert JsonRuns().sniff(take_sample(path)) is None


def test_a_document_being_written_waits(tmp_path: Path) -> None:
    """Half of one is no news and loses nothing."""
    path = tmp_path / "metrics.json"
    path.write_text('{"train_losses": [[1, 5.5], [2')
    reading = JsonRuns().read(path, 7, {"kept": 1})
    assert (reading.parts, reading.offset, reading.state, reading.replaces) == ([], 7, {"kept": 1}, False)
