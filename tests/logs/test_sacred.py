"""Sacred's metrics: three parallel lists each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labbook.logs.format import take_sample
from labbook.logs.sacred import Sacred
from tests.logs.reads import first, issues, values


def test_sacred_values_of_numpy_and_the_state_beside_them(tmp_path: Path) -> None:
    """A number in an object around it is that number; `run.json` has name and state."""
    metrics = {
        "train_loss": {"steps": [1, 2], "values": [{"dtype": "float32", "value": 4.5}, 4.0], "timestamps": []},
        "val_loss": {"steps": [2, 3], "values": [4.25], "timestamps": ["2024-01-01T00:00:00"]},
    }
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "run.json").write_text('{"status": "INTERRUPTED", "experiment": {"name": "\\u001b[1mexp"}}')
    reading = first(Sacred(), folder / "metrics.json")
    assert values(reading, "train") == [(1, 4.5), (2, 4.0)]
    assert values(reading, "val") == [(2, 4.25)]
    assert issues(reading) == [("bad-record", "val_loss: 2 steps and 1 values", 1)]
    assert (reading.parts[0].name, reading.parts[0].status) == ("exp 7", "cancelled")
    assert Sacred().companions(folder / "metrics.json") == (folder / "run.json",)


def test_sacred_rewards_have_no_loss(tmp_path: Path) -> None:
    """A run of reinforcement learning keeps its curves and says what it lacks."""
    path = tmp_path / "metrics.json"
    path.write_text('{"training.ep_rew": {"steps": [73, 147], "values": [NaN, NaN], "timestamps": []}}')
    reading = first(Sacred(), path)
    assert [step for step, _ in values(reading, "training.ep_rew")] == [73, 147]
    assert issues(reading) == [("no-loss", "rewards without a loss: training.ep_rew", 1)]


@pytest.mark.parametrize(
    "text", ['{"a": {"steps": 1, "values": []}}', '{"a": 1}', "[]", "{}", '{"a": {"values": [1]}}']
)
def test_other_json_is_not_sacreds(tmp_path: Path, text: str) -> None:
    """Two parallel lists in every entry, or it is something else; reading it all the same is an issue."""
    path = tmp_path / "metrics.json"
    path.write_text(text)
    assert Sacred().sniff(take_sample(path)) is None
    assert [issue.code for issue in first(Sacred(), path).issues] in (["not-a-log"], ["cut-tail"])
