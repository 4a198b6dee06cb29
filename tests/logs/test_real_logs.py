"""Real logs of many trainers against an independent reading of each: counts, steps and last losses.

Every row goes the whole way: discovery, reader, notebook.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest

from labbook.intake import Intake
from labbook.logs.streams import Stream, leading_of
from labbook.store import Notebook, StoredRun

Row = dict[str, str]

EPOCHS = frozenset({"hf-stdout", "keras-stdout", "ultralytics-results-csv"})
"""Formats whose rows count epochs: their records have no step."""
OTHER_AXIS = {"AuroraEchos+TinyLM": "_step"}
"""Rows that count log calls, where the log has the optimizer's step beside it: the series that keeps them."""
TOLERANCE = {
    "tensorboard-event": 1e-6,
    "two_col.dat": 1e-6,
    "rotated.log": 1e-6,
    "metrics.npz": 1e-6,
    "slurm-mixed-ranks": 1e-6,
    "results.csv": 1e-6,
    "keyvalue_freeform.log": 5e-6,
    "tqdm_cr.log": 5e-5,
}
"""Relative, for single precision, sums and prints that round."""


def _rows() -> list[Row]:
    folder = os.environ.get("LABBOOK_LOGS")
    if not folder:
        return []
    with (Path(folder) / "MANIFEST.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=4)
def _runs(path: Path) -> tuple[list[StoredRun], Notebook]:
    """The runs of a file in a notebook of its own."""
    notebook = Notebook.open(":memory:")
    Intake(notebook).take([path])
    return notebook.runs(), notebook


def _chosen(runs: Iterable[StoredRun], row: Row) -> StoredRun | None:
    """The run a row speaks of: named after `#run=`, else the one with most points."""
    _, _, name = row["path"].partition("#run=")
    named = [run for run in runs if not name or name in (run.name, f"run-{run.name}", Path(run.folder).name)]
    return max(named, key=lambda run: sum(x.points for x in run.latest), default=None)


def _train(row: Row, streams: dict[str, Stream]) -> Stream | None:
    """The series that keeps the name of the row's field (a reward, one loss of several), else `train`."""
    return streams.get(row["what_loss_field"].removesuffix(".values")) or streams.get("train")


def _val(streams: dict[str, Stream]) -> Stream | None:
    named = sorted(name for name in streams if name.startswith("val:") and name != "val:test")
    return streams.get("val") or (streams[named[0]] if named else None)


@pytest.mark.parametrize("row", _rows() or [{}], ids=lambda row: str(row.get("file", "none"))[-70:])
def test_reads_as_an_independent_reader_did(row: Row, real_logs: Path) -> None:
    """The number of records, first and last step and the last losses."""
    if not (real_logs / row["file"]).exists():
        pytest.skip("the file of this row is not there")
    runs, notebook = _runs(real_logs / row["file"])
    run = _chosen(runs, row)
    if "NEGATIVE" in row["notes"]:
        assert run is None or "train" not in leading_of(run)
        return
    assert run is not None
    streams = leading_of(run)
    train, val = _train(row, streams), _val(streams)
    tolerance = next((t for part, t in TOLERANCE.items() if part in row["file"] + row["format"]), 0.0)
    assert (train.latest.points if train else 0) == int(row["expected_n_train_points"])
    if row["expected_first_step"]:
        assert train is not None
        assert _ends(notebook, run, train, row) == (
            float(row["expected_first_step"]),
            float(row["expected_last_step"]),
        )
    if row["expected_last_train_loss"]:
        assert train is not None
        assert _close(train.latest.last_value, float(row["expected_last_train_loss"]), tolerance)
    if row["expected_last_val_loss"]:
        assert val is not None
        assert _close(val.latest.last_value, float(row["expected_last_val_loss"]), tolerance)
        counted = re.search(r"n_val_points=(\d+)", row["notes"])
        assert counted is None or val.latest.points == int(counted[1])
        reached = re.search(r"last_val_step=([\d.]+)", row["notes"])
        if reached is not None and not any(owner in row["file"] for owner in OTHER_AXIS):
            assert _ends(notebook, run, val, row)[1] == float(reached[1])
    non_finite = re.search(r"nonfinite_train=(\d+)", row["notes"])
    assert non_finite is None or (train is not None and train.latest.non_finite == int(non_finite[1]))


def _ends(notebook: Notebook, run: StoredRun, stream: Stream, row: Row) -> tuple[float, float]:
    """First and last value of the axis the row counts on."""
    other = next((series for owner, series in OTHER_AXIS.items() if owner in row["file"]), None)
    if other is not None:
        calls = leading_of(run)[other].latest
        return calls.first_value, calls.last_value
    if row["format"] in EPOCHS or "mllog" in row["format"] or row["what_step_field"] == "epoch":
        keys = [(run.run_id, stream.series, path) for path in stream.paths]
        curve = notebook.curves(keys)[keys[0]]
        for column in (curve.epoch, curve.tokens):
            known = column[column == column]
            if len(known):
                return float(known[0]), float(known[-1])
    return stream.latest.first_step, stream.latest.last_step


def _close(found: float, expected: float, tolerance: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected or abs(found - expected) <= tolerance * abs(expected)
