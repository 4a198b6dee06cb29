"""Aim's repositories: read through Aim's own package where it is installed, else with the way to it."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from labbook.logs.aim import EXPORT, MOST_BYTES, Aim
from labbook.logs.format import ClaimsFolders, HasCompanions, take_sample
from labbook.records import Reading, RunPart
from tests.logs.reads import codes, first, issues, next_

HAS_AIM = find_spec("aim") is not None
with_aim = pytest.mark.skipif(not HAS_AIM, reason="the package aim is not installed")
without_aim = pytest.mark.skipif(HAS_AIM, reason="the package aim is installed")

TWO_RUNS = """
import math, sys, aim
for k in range(2):
    run = aim.Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False,
                  log_system_params=True)
    run.name = f"tiny-{k}"
    run["hparams"] = {"lr": 1e-3, "model": {"n_layer": 2}, "out_dir": "/home/somebody/out", "dirs": ["~/a"],
                      "hostname": "node17", "notify": "somebody@example.org", "data": "data/train.bin"}
    run["seed"] = 7 + k
    for step in range(20):
        value = 4 / (step + 1) + k + 1 / 3
        run.track(math.nan if step == 7 else value, name="loss", step=10 * step, epoch=step // 10,
                  context={"subset": "train"})
        run.track(1e-3 / 3 * step, name="lr", step=10 * step, epoch=step // 10, context={"subset": "train"})
        if step % 5 == 4:
            run.track(value + 0.1, name="loss", step=10 * step, context={"subset": "val"})
    run.close()
"""
KILLED = """
import os, sys, aim
run = aim.Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
for step in range(8):
    for rank in range(2):
        run.track(4 - step / 10 + rank, name="loss", context={"subset": "train", "rank": rank})
    run.track((step + 1) * 1024, name="tokens_seen", step=step)
    run.track(step / 4, name="epoch", step=step)
    run.track(3, name="loss", step=step, context={"split": "val_c4"})
    run.track(2.5, name="val_loss", step=step, context={"split": "val"})
    run.track(float("inf"), name="loss", step=step, context={"subset": "test"})
    run.track(0.5, name="acc", step=step, context={"subset": "c4"})
os.kill(os.getpid(), 9)
"""


def written(home: Path, program: str) -> Path:
    """The anchor of the repository that `program` writes into `home`."""
    subprocess.run([sys.executable, "-P", "-c", program, str(home)], capture_output=True, check=False)
    return home / ".aim" / "run_metadata.sqlite"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("finished"), TWO_RUNS)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("killed"), KILLED)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A repository of two finished runs, to be damaged."""
    shutil.copytree(finished.parent, tmp_path / ".aim")
    return tmp_path / ".aim" / finished.name


def part_of(reading: Reading, name: str) -> RunPart:
    return next(part for part in reading.parts if part.name == name)


def chunk(anchor: Path, store: str) -> Path:
    """The folder of the first run in one of the two stores."""
    return min((anchor.parent / store / "chunks").iterdir())


def look(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Size, time of change and bytes of every file below a folder."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    stats = {path: path.stat() for path in found}
    return {str(path): (stats[path].st_size, stats[path].st_mtime_ns, path.read_bytes()) for path in found}


def test_the_folder_is_one_source_and_its_runs_stand_beside_the_anchor(tmp_path: Path) -> None:
    """A run that goes on changes the log of its store; RocksDB's own diary, LOG, says nothing of it."""
    home = tmp_path / ".aim"
    for store in ("meta", "seqs"):
        (home / store / "chunks" / "aa11").mkdir(parents=True)
    for name in ("000008.log", "LOG", "000009.sst"):
        (home / "seqs" / "chunks" / "aa11" / name).write_bytes(b"x")
    (home / "run_metadata.sqlite").write_bytes(b"SQLite format 3\x00")
    form = Aim()
    assert isinstance(form, ClaimsFolders) and isinstance(form, HasCompanions)
    claim = form.claim(home, frozenset(os.listdir(home)))
    assert claim is not None and claim.anchor == "run_metadata.sqlite"
    assert claim.inside == {"meta", "seqs", "run_metadata.sqlite"}
    assert form.sniff(take_sample(home / "run_metadata.sqlite")) is not None
    inside = [path for path in form.companions(home / "run_metadata.sqlite") if path.is_relative_to(home)]
    assert [str(path.relative_to(home)) for path in inside] == [
        "meta/chunks/aa11",
        "seqs/chunks/aa11",
        "seqs/chunks/aa11/000008.log",
    ]


@without_aim
def test_without_the_package_the_way_to_it_is_said_once(tmp_path: Path) -> None:
    """One sentence, no run, and nothing that would keep a later reading from starting anew."""
    anchor = tmp_path / ".aim" / "run_metadata.sqlite"
    anchor.parent.mkdir()
    anchor.write_bytes(b"SQLite format 3\x00")
    reading = first(Aim(), anchor)
    assert not reading.parts and not reading.replaces and issues(reading) == [("needs-aim", EXPORT, 1)]
    assert "pip install 'labbook[aim]'" in EXPORT and "CSV" in EXPORT
    assert not next_(Aim(), anchor, reading).issues


@with_aim
def test_every_value_of_every_run_is_read_as_it_was_tracked(finished: Path) -> None:
    """Counts, steps and values to the last bit, NaN in its place, epochs where there are any."""
    reading = first(Aim(), finished)
    assert not reading.issues and reading.replaces
    assert sorted(part.name or "" for part in reading.parts) == ["tiny-0", "tiny-1"]
    for k in range(2):
        part = part_of(reading, f"tiny-{k}")
        losses = [4 / (step + 1) + k + 1 / 3 for step in range(20)]
        train, val, lr = part.series["train"], part.series["val"], part.series["lr"]
        assert train.step.tolist() == [10.0 * step for step in range(20)]
        assert [v for v in train.value if not math.isnan(v)] == losses[:7] + losses[8:]
        assert math.isnan(train.value[7])
        assert train.epoch.tolist() == [0.0] * 10 + [1.0] * 10
        assert val.step.tolist() == [40.0, 90.0, 140.0, 190.0]
        assert val.value.tolist() == [losses[step] + 0.1 for step in (4, 9, 14, 19)]
        assert all(math.isnan(epoch) for epoch in val.epoch)
        assert lr.value.tolist() == [1e-3 / 3 * step for step in range(20)]
        assert 0 < part.started <= train.wall[0] <= train.wall[-1] < part.started + 600
        assert set(part.series) == {"train", "val", "lr"}


@with_aim
def test_a_run_has_its_hash_its_end_and_its_parameters(finished: Path) -> None:
    """Parameters under `hparams` by their own names; where and by whom the run was made stays where it is."""
    reading = first(Aim(), finished)
    assert {part.key for part in reading.parts} == set(os.listdir(finished.parent / "meta" / "chunks"))
    part = part_of(reading, "tiny-1")
    assert part.identity == part.key and part.status == "finished"
    assert part.config == {"lr": 1e-3, "model.n_layer": 2, "data": "data/train.bin", "seed": 8}


@with_aim
def test_a_killed_run_is_read_and_has_no_end(killed: Path) -> None:
    """Its values stand in the log of the store alone; no end time is no end."""
    (part,) = first(Aim(), killed).parts
    assert part.status == "unknown"
    assert part.series["train"].value.tolist() == [4 - step / 10 for step in range(8)]


@with_aim
def test_the_context_says_which_data_a_metric_was_measured_on(killed: Path) -> None:
    """`val_c4` is the held-out set c4, `c4` no known one; of two ranks the first is the run's loss."""
    (part,) = first(Aim(), killed).parts
    assert set(part.series) == {
        *("train", "val", "val:c4", "val:test", "tokens", "c4/acc", "train/loss rank=1 subset=train")
    }
    assert part.series["val"].value.tolist() == [2.5] * 8
    assert part.series["val:c4"].value.tolist() == [3.0] * 8
    assert part.series["val:test"].value.tolist() == [math.inf] * 8
    assert part.series["train/loss rank=1 subset=train"].value[0] == 5.0


@with_aim
def test_tokens_and_epochs_tracked_as_metrics_stand_beside_the_losses(killed: Path) -> None:
    (part,) = first(Aim(), killed).parts
    assert part.series["train"].tokens.tolist() == [1024.0 * (step + 1) for step in range(8)]
    assert part.series["val:c4"].epoch.tolist() == [step / 4 for step in range(8)]


@with_aim
@pytest.mark.parametrize("which", ["finished", "killed"])
def test_the_repository_stays_as_it_is(which: str, request: pytest.FixtureRequest) -> None:
    """No file, lock or index comes, goes or changes, and reading twice gives the same."""
    anchor: Path = request.getfixturevalue(which)
    before = look(anchor.parent)
    once = first(Aim(), anchor)
    again = next_(Aim(), anchor, once)
    assert look(anchor.parent) == before
    points = [
        [
            (part.key, name, list(map(repr, each.rows())))
            for part in reading.parts
            for name, each in part.series.items()
        ]
        for reading in (once, again)
    ]
    assert points[0] == points[1] and points[0] and again.replaces


@with_aim
def test_nothing_is_printed(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first(Aim(), finished)
    assert capfd.readouterr() == ("", "")


@with_aim
@pytest.mark.parametrize("store", ["meta", "seqs"])
def test_a_damaged_run_leaves_the_others(copied: Path, store: str) -> None:
    """Its issue names it."""
    broken = chunk(copied, store)
    for table in broken.glob("*.sst"):
        table.write_bytes(b"\x00" * 64)
    reading = first(Aim(), copied)
    read = [part for part in reading.parts if part.series]
    assert codes(reading) == ["bad-record"] and reading.issues[0].place == broken.name
    assert [part.key for part in read] != [broken.name] and len(read) == 1
    assert len(read[0].series["train"]) == 20 and str(copied.parent) not in reading.issues[0].text


@with_aim
def test_a_repository_without_runs_says_so(tmp_path: Path) -> None:
    anchor = tmp_path / ".aim" / "run_metadata.sqlite"
    anchor.parent.mkdir()
    anchor.write_bytes(b"")
    assert codes(first(Aim(), anchor)) == ["no-points"]


@with_aim
def test_what_cannot_be_read_now_keeps_what_was_read_before(copied: Path) -> None:
    """Too large to be copied, or not what Aim's package opens: a sentence, and no earlier point is replaced."""
    before = first(Aim(), copied)
    with (chunk(copied, "seqs") / "900000.sst").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    reading = next_(Aim(), copied, before)
    assert codes(reading) == ["unreadable"] and "2 GiB" in reading.issues[0].text
    assert not reading.parts and not reading.replaces and reading.offset == before.offset
