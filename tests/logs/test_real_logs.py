"""Real logs of many trainers against an independent reading of each: counts, steps and last losses."""

from __future__ import annotations

import csv
import math
import os
import re
from pathlib import Path

import pytest

from labbook import logs
from labbook.logs.discover import Found, discover
from labbook.logs.follow import read_source
from labbook.records import Points, RunPart

OURS = {
    "nanogpt-stdout",
    "hf-trainer-state",
    "lightning-metrics-csv",
    "tensorboard-event",
    "generated-tensorboardX",
    "wandb-binary",
    "generated-wandb",
    "jsonl-generic",
}
ROUNDED = {"tensorboard-event", "generated-tensorboardX"}
OTHER_AXIS = {"AuroraEchos+TinyLM": "13390"}
"""Files whose notes name an optimizer step beside the counter of log calls."""


def _rows() -> list[dict[str, str]]:
    folder = os.environ.get("LABBOOK_LOGS")
    if not folder:
        return []
    with (Path(folder) / "MANIFEST.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["format"] in OURS]


ROWS = _rows()


def _read(path: Path) -> list[RunPart]:
    parts: list[RunPart] = []
    for found in discover([path]).found:
        result = read_source(found, None, final=True)
        assert result is not None
        parts += result[0].parts
    return parts


def _series(parts: list[RunPart], name: str, field: str) -> Points:
    """The series that keeps the field's own name, or the one of the names table."""
    for wanted in (field, name):
        for part in parts:
            if wanted in part.series:
                return part.series[wanted]
    raise AssertionError(f"no {name} and no {field}")


@pytest.mark.parametrize("row", ROWS or [{}], ids=lambda row: str(row.get("file", "none"))[-60:])
def test_reads_as_an_independent_reader_did(row: dict[str, str], real_logs: Path) -> None:
    """The number of records, first and last step and the last losses are those of the manifest."""
    parts = _read(real_logs / row["file"])
    if "NEGATIVE" in row["notes"]:
        assert not any("train" in part.series for part in parts)
        return
    train = _series(parts, "train", row["what_loss_field"])
    tolerance = 1e-6 if row["format"] in ROUNDED else 0.0
    assert len(train) == int(row["expected_n_train_points"])
    assert _close(train.value[-1], float(row["expected_last_train_loss"]), tolerance)
    other = next((last for owner, last in OTHER_AXIS.items() if owner in row["file"]), None)
    if other is None:
        assert train.step[0] == float(row["expected_first_step"])
    assert train.step[-1] == float(other or row["expected_last_step"])
    if row["expected_last_val_loss"]:
        val = _series(parts, "val", "val/loss")
        assert _close(val.value[-1], float(row["expected_last_val_loss"]), tolerance)
        counted = re.search(r"n_val_points=(\d+)", row["notes"])
        assert counted is None or len(val) == int(counted[1])


def _close(found: float, expected: float, tolerance: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected or abs(found - expected) <= tolerance * abs(expected)


def test_no_other_real_log_is_taken_for_one_of_these(real_logs: Path) -> None:
    """What another trainer wrote is left out or read by a general table, never by a specific format."""
    with (real_logs / "MANIFEST.csv").open(newline="") as file:
        others = {row["file"] for row in csv.DictReader(file) if row["format"] not in OURS}
    specific = {"nanogpt", "lightning-csv", "hf-trainer-state", "wandb", "tensorboard"}
    text_formats = {format_.name for format_ in logs.FORMATS if hasattr(format_, "table")}
    for name in sorted(others):
        path = real_logs / name
        if path.is_file() and path.suffix not in {".wandb", ".json"} and "tfevents" not in path.name:
            found: list[Found] = discover([path]).found
            assert not {one.format for one in found} & (specific - text_formats), name
