"""The ladder that ships with labbook: 34 real runs of four trainers, from the files to N, D and units."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from labbook.logs.discover import Found, discover
from labbook.logs.follow import read_source
from labbook.logs.identity import Place, run_name, same_run, twins
from labbook.logs.outline import latest_of, said_of
from labbook.logs.resolve import Resolved, resolve
from labbook.records import RunPart

WIDTHS = {16: 6144, 32: 24576, 64: 98304, 96: 221184, 128: 393216, 192: 884736}
Run = list[tuple[Found, RunPart]]


@pytest.fixture(scope="module")
def runs(sample_runs: Path) -> Mapping[str, Run]:
    """The sources of every run by its name."""
    found: dict[str, Run] = {}
    for source in discover([sample_runs]).found:
        result = read_source(source, None)
        assert result is not None
        for part in result[0].parts:
            found.setdefault(run_name(source.folder, part), []).append((source, part))
    return found


def resolved(run: Run) -> Resolved:
    said = [said_of(found.path, found.format, part) for found, part in run]
    latest = [latest_of(f.path, name, points) for f, part in run for name, points in part.series.items()]
    return resolve(said, latest, {})


def test_every_run_is_found_once_with_all_its_sources(runs: Mapping[str, Run]) -> None:
    """34 runs; a W&B run comes with its JSONL, a Lightning run with its event file."""
    assert len(runs) == 34
    formats = {name: sorted(found.format for found, _ in run) for name, run in runs.items()}
    assert formats["d16-D0.1M"] == ["nanogpt"]
    assert formats["d32-D6.4M"] == ["hf-trainer-state"]
    assert formats["d64-D1.6M"] == ["lightning-csv", "tensorboard"]
    assert formats["d192-D0.4M"] == ["jsonl", "wandb"]
    assert sum(len(run) for run in runs.values()) == 56


def test_sources_of_one_folder_are_twins_and_one_run(runs: Mapping[str, Run]) -> None:
    """Where two sources speak of a run their losses agree; different runs never do."""
    for run in runs.values():
        (first, part), *others = run
        for found, other in others:
            assert twins(part.series, other.series) is True
            assert same_run(Place(first.folder, first.format), Place(found.folder, found.format), True)
    assert twins(runs["d16-D0.4M"][0][1].series, runs["d16-D0.4M-s1338"][0][1].series) is False


def test_n_is_exact_for_every_run(runs: Mapping[str, Run]) -> None:
    """The configuration's whole number stands, not the four digits of nanoGPT's print."""
    for name, run in runs.items():
        n = resolved(run).n("n_non_embedding")
        assert n is not None
        assert n.value == WIDTHS[int(name.split("-")[0][1:])]
        assert n.how == "config" and n.digits is None


def test_tokens_unit_and_recipe_are_found_for_every_run(runs: Mapping[str, Run]) -> None:
    """4,096 tokens a step, nats per byte, one recipe, unique tokens by the run's own name, nothing missing."""
    for name, run in runs.items():
        known = resolved(run)
        assert known.tokens_per_step is not None and known.tokens_per_step.value == 4096
        assert known.unique_tokens is not None
        assert known.unique_tokens.value == float(name.split("-")[1][1:-1]) * 1e6
        assert known.unit == "nats/byte"
        assert known.missing == ()
        assert known.issues == ()
        assert {key: known.recipe.get(key) for key in ("dataset", "tokenizer", "schedule", "context")} == {
            "dataset": "cpython-stdlib-bytes",
            "tokenizer": "bytes",
            "schedule": "cosine",
            "context": "128",
        }


def test_tokens_seen_reach_the_plan_in_finished_runs_alone(runs: Mapping[str, Run]) -> None:
    """A finished run has seen its planned tokens to a step; a cut-off one clearly fewer."""
    shares = {}
    for name, run in runs.items():
        known = resolved(run)
        assert known.tokens_seen is not None and known.planned_tokens is not None
        shares[name] = known.tokens_seen.value / known.planned_tokens.value
    unfinished = {name for name, share in shares.items() if share < 0.99}
    assert unfinished == {"d192-D6.4M", "d96-D6.4M-s1338", "d64-D6.4M-s1338"}
    assert all(share <= 1 for share in shares.values())


def test_text_runs_have_every_line_of_the_file(runs: Mapping[str, Run]) -> None:
    """Counts and last values of the printed lines, counted without labbook."""
    for run in runs.values():
        for found, part in run:
            if found.format == "nanogpt":
                lines = found.path.read_text().splitlines()
                iters = [line for line in lines if line.startswith("iter ")]
                assert len(part.series["train"]) == len(iters)
                assert part.series["train"].value[-1] == float(iters[-1].split("loss ")[1].split(",")[0])
                assert len(part.series["val"]) == sum(line.startswith("step ") for line in lines)


def test_cut_off_runs_lose_no_complete_line(runs: Mapping[str, Run]) -> None:
    """What ends in the middle of a line keeps every line before it, and nothing of the cut one."""
    for name in ("d192-D6.4M", "d96-D6.4M-s1338"):
        found, part = next(entry for entry in runs[name] if entry[0].format == "jsonl")
        whole = found.path.read_text().split("\n")[:-1]
        records = [json.loads(line) for line in whole]
        assert len(part.series["train"]) == sum("train/loss" in record for record in records)
        assert len(part.series["val"]) == sum("val/loss" in record for record in records)
    found, part = next(entry for entry in runs["d64-D6.4M-s1338"] if entry[0].format == "lightning-csv")
    rows = list(csv.DictReader(found.path.read_text().rpartition("\n")[0].splitlines()))
    assert list(part.series["val"].value) == [float(row["val_loss"]) for row in rows if row["val_loss"]]
    assert list(part.series["train"].value) == [float(row["train_loss"]) for row in rows if row["train_loss"]]


def test_only_logs_that_say_so_are_finished(runs: Mapping[str, Run]) -> None:
    """W&B's exit record and the trainer's last entry finish a run; a text log's end does not."""
    status = {name: {part.status for _, part in run} for name, run in runs.items()}
    assert status["d32-D0.4M"] == {"finished"}
    assert "finished" in status["d128-D0.4M"]
    assert status["d192-D6.4M"] == {"unknown"}
    assert status["d16-D0.4M"] == {"unknown"}


def test_nothing_of_the_machine_gets_into_the_configuration(runs: Mapping[str, Run]) -> None:
    """Host, user, program and paths in W&B's file stay there."""
    for run in runs.values():
        for _, part in run:
            text = " ".join(f"{key} {value}" for key, value in part.config.items())
            assert not any(word in text for word in ("/home", "cluster", "python3", "_wandb", "train_ladder"))
