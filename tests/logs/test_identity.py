"""Twins, run folders and names."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from labbook.logs.identity import Place, bare_name, run_folder, run_name, same_run, twins
from labbook.logs.outline import latest_of
from labbook.logs.streams import leading
from labbook.records import Points, RunPart


def curve(values: list[float], first: int = 1, gap: int = 1) -> dict[str, Points]:
    points = Points()
    for index, value in enumerate(values):
        points.append(first + gap * index, value)
    return {"train": points}


LOSSES = [4.0 - 0.0312345678901 * i for i in range(60)]


def float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def test_prints_of_one_run_are_twins() -> None:
    """Four decimals, single precision and full precision of the same losses."""
    exact = curve(LOSSES)
    assert twins(exact, curve([round(value, 4) for value in LOSSES])) is True
    assert twins(exact, curve([float32(value) for value in LOSSES])) is True
    assert twins(curve([round(value, 2) for value in LOSSES]), exact) is True


def test_a_shift_of_one_step_is_the_same_run() -> None:
    """One counts from 0, the other from 1."""
    assert twins(curve(LOSSES), curve(LOSSES, first=0)) is True


def test_another_seed_is_another_run() -> None:
    """Close curves are no twins; nor are those that agree in nine points of ten."""
    assert twins(curve(LOSSES), curve([value + 0.003 for value in LOSSES])) is False
    assert twins(curve(LOSSES), curve([v + (0.1 if i % 10 == 0 else 0) for i, v in enumerate(LOSSES)])) is False


def test_few_common_steps_say_nothing() -> None:
    """Fewer than twenty: not yet known."""
    assert twins(curve(LOSSES[:19]), curve(LOSSES)) is None
    assert twins(curve(LOSSES, gap=7), curve(LOSSES, first=1000)) is None
    assert twins({}, curve(LOSSES)) is None


def test_nan_agrees_with_nan() -> None:
    """A run that broke is still itself."""
    broken = [*LOSSES[:30], *[float("nan")] * 30]
    assert twins(curve(broken), curve(broken)) is True
    assert twins(curve(broken), curve(LOSSES)) is False


def test_sources_of_one_folder_join_by_format_and_losses() -> None:
    """Different formats until they disagree, the same format where they agree; other folders never."""
    csv, events = Place(Path("/r/a"), "lightning-csv"), Place(Path("/r/a"), "tensorboard")
    text, elsewhere = Place(Path("/r/a"), "nanogpt"), Place(Path("/r/b"), "tensorboard")
    assert same_run(csv, events, None) and same_run(csv, events, True) and not same_run(csv, events, False)
    assert same_run(events, events, None)
    assert same_run(text, text, True) and not same_run(text, text, None)
    assert not same_run(events, elsewhere, True)


@pytest.mark.parametrize(
    ("path", "form", "folder"),
    [
        ("/r/d12/train.log", "nanogpt", "/r/d12"),
        ("/r/d12/log.jsonl", "jsonl", "/r/d12"),
        ("/r/d12/train.log.1", "nanogpt", "/r/d12"),
        ("/r/d12/slurm-4711.out", "nanogpt", "/r/d12"),
        ("/r/d12.log", "nanogpt", "/r/d12"),
        ("/r/d12.log.2.gz", "nanogpt", "/r/d12"),
        ("/r/x/checkpoint-500/trainer_state.json", "hf-trainer-state", "/r/x"),
        ("/r/version_3/metrics.csv", "lightning-csv", "/r/version_3"),
        ("/r/x/events.out.tfevents.17.node", "tensorboard", "/r/x"),
        ("/r/x/validation/events.out.tfevents.17.node", "tensorboard", "/r/x"),
    ],
)
def test_the_folder_a_run_is_known_by(path: str, form: str, folder: str) -> None:
    """A name that says nothing is the folder's, any other is the file's own."""
    assert str(run_folder(Path(path), form)) == folder


def test_names_are_the_logs_own_or_the_folders() -> None:
    """A folder called version_0 borrows its parent's name; further runs of a file are numbered."""
    assert run_name(Path("/r/d12-D10B")) == "d12-D10B"
    assert run_name(Path("/r/tiny/lightning_logs/version_0")) == "tiny/lightning_logs/version_0"
    assert run_name(Path("/r/d12"), RunPart(key="#2")) == "d12 #2"
    assert run_name(Path("/r/d12"), RunPart(name="happy \x1b[31mfrog")) == "happy frog"
    assert bare_name(Path("train.log-20241011")) == "train"


def test_the_source_with_most_points_leads_a_series() -> None:
    """Per series, so that one may lead in training and another in validation."""
    rows = [
        latest_of(Path("a"), "train", curve(LOSSES)["train"]),
        latest_of(Path("b"), "train", curve(LOSSES[:9])["train"]),
        latest_of(Path("b"), "val", curve(LOSSES[:3])["train"]),
    ]
    lead = leading(rows, {"a": "jsonl", "b": "nanogpt"})
    assert {series: stream.paths for series, stream in lead.items()} == {"train": ("a",), "val": ("b",)}
