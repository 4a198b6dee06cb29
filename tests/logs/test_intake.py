"""From files to runs: pieces of one log, copies, interruptions, and what may be opened at all."""

from __future__ import annotations

import gzip
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labbook.intake import Intake
from labbook.logs.discover import discover
from labbook.logs.opening import opened, packing
from labbook.records import Curve
from labbook.store import Notebook, StoredRun
from labbook.summary import IngestReport, Progress
from labbook.workbook import Workbook

Losses = dict[float, float]


def loss(step: int) -> float:
    return round(2.0 + 3.0 / (1 + step / 50), 6)


def jsonl(steps: range, shift: float = 0.0) -> str:
    return "".join(f'{{"step": {s}, "loss": {loss(s) + shift}, "lr": 0.001}}\n' for s in steps)


def iters(steps: range, shift: float = 0.0) -> str:
    return "".join(f"iter {s}: loss {loss(s) + shift:.6f}, time 20.00ms, mfu 1.00%\n" for s in steps)


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def taken(root: Path, notebook: Notebook | None = None) -> tuple[IngestReport, list[tuple[StoredRun, Curve]]]:
    """The report, and every run with its training losses as the workbook hands them out."""
    with Workbook(notebook or Notebook.open(":memory:"), roots=[root]) as book:
        report = book.ingest([root])
        return report, [(run, book.curves(run.run_id)["train"]) for run in book.notebook.runs()]


def one(root: Path) -> Curve:
    """The training losses of the only run."""
    _, runs = taken(root)
    assert len(runs) == 1
    return runs[0][1]


def test_rotated_files_are_one_run_in_the_order_they_were_written(tmp_path: Path) -> None:
    """The oldest piece has the highest number, and may be packed; dates count up."""
    put(tmp_path / "a" / "train.log", iters(range(400, 600)))
    put(tmp_path / "a" / "train.log.1", iters(range(200, 400)))
    put(tmp_path / "a" / "train.log.2.gz", gzip.compress(iters(range(200)).encode()))
    curve = one(tmp_path)
    assert curve.step.tolist() == list(range(600))
    assert curve.value.tolist() == [loss(s) for s in range(600)]
    for name, steps in (("-20240101", range(100)), ("-20240102", range(100, 200)), ("", range(200, 300))):
        put(tmp_path / "b" / f"d12.log{name}", iters(steps))
    assert one(tmp_path / "b").step.tolist() == list(range(300))


def test_the_last_written_value_of_a_step_stands_across_files(tmp_path: Path) -> None:
    """A restart in a new event file, and a W&B run that was resumed under its id, go on from a checkpoint."""
    put(tmp_path / "run.log.1", jsonl(range(1, 401)))
    put(tmp_path / "run.log", jsonl(range(301, 601), shift=0.5))
    curve = one(tmp_path)
    assert curve.step.tolist() == list(range(1, 601))
    assert curve.value[299] == loss(300)
    assert curve.value[300] == loss(301) + 0.5
    assert set(curve.segment[:300]) == {0}
    assert set(curve.segment[300:]) == {1}


def test_a_resumed_wandb_run_is_one_run(tmp_path: Path, wandb: Callable[..., bytes]) -> None:
    """Two folders, one id; a third folder with another id is another run."""
    folders = ("run-20240101_000000-abc", "run-20240102_000000-abc", "run-20240103_000000-xyz")
    for folder, steps in zip(folders, (range(40), range(30, 80), range(50)), strict=True):
        rows = [{"_step": s, "train/loss": loss(s) + len(steps)} for s in steps]
        put(tmp_path / "wandb" / folder / f"run-{folder[-3:]}.wandb", wandb(rows))
    _, runs = taken(tmp_path)
    assert sorted(len(curve) for _, curve in runs) == [50, 80]
    resumed = next(curve for _, curve in runs if len(curve) == 80)
    assert resumed.value[29] == loss(29) + 40
    assert resumed.value[30] == loss(30) + 50


def test_restarted_event_files_are_read_in_the_order_of_their_times(
    tmp_path: Path, events: Callable[..., bytes]
) -> None:
    """The later file wins where both have a step, whichever is richer."""
    for time, steps, shift in ((1700000002, range(30, 50), 1.0), (1700000001, range(40), 0.0)):
        rows = [(s, "train/loss", loss(s) + shift) for s in steps]
        put(tmp_path / f"events.out.tfevents.{time}.node.1.0", events(rows))
    curve = one(tmp_path)
    assert curve.step.tolist() == list(range(50))
    assert curve.value[29] == np.float32(loss(29))
    assert curve.value[30] == np.float32(loss(30) + 1.0)


def test_a_requeued_job_goes_on_and_another_job_does_not(tmp_path: Path) -> None:
    """Outputs of two jobs in one folder: one run where the second goes on where the first ended."""
    put(tmp_path / "a" / "slurm-100.out", iters(range(300)))
    put(tmp_path / "a" / "slurm-101.out", iters(range(250, 500)))
    put(tmp_path / "b" / "slurm-100.out", iters(range(300)))
    put(tmp_path / "b" / "slurm-101.out", iters(range(300), shift=0.3))
    assert one(tmp_path / "a").step.tolist() == list(range(500))
    assert len(taken(tmp_path / "b")[1]) == 2


def test_an_archive_beside_its_log_counts_once(tmp_path: Path) -> None:
    """The same bytes packed are a copy; no point is counted twice."""
    put(tmp_path / "metrics.jsonl", jsonl(range(1, 101)))
    put(tmp_path / "metrics.jsonl.gz", gzip.compress(jsonl(range(1, 61)).encode()))
    with Workbook(Notebook.open(":memory:"), roots=[tmp_path]) as book:
        book.ingest([tmp_path])
        (run,) = book.summary(fits=False).runs
        train = next(series for series in book.detailed(run).series if series.name == "train")
    assert (train.points, train.distinct_steps, train.first_step, train.last_step) == (100, 100, 1, 100)


@pytest.mark.parametrize("cut", [0, 40])
def test_an_archive_reads_like_the_log_in_it(tmp_path: Path, cut: int) -> None:
    """Whole or cut short, and again when it has grown by a member."""
    text = jsonl(range(1, 301)).encode()
    packed = gzip.compress(text)
    path = put(tmp_path / "log.jsonl.gz", packed[: len(packed) - cut])
    assert packing(path) == "gzip"
    with opened(path) as file:
        whole = file.read()
    assert text.startswith(whole)
    with Notebook.open(":memory:") as notebook:
        intake = Intake(notebook)
        intake.take([tmp_path])
        points = notebook.runs()[0].latest[0].points
        assert points == whole.count(b"\n")
        put(path, packed + gzip.compress(jsonl(range(301, 401)).encode()))
        intake.take([tmp_path])
        assert {row.points for row in notebook.runs()[0].latest} == {400}
        assert intake.take([tmp_path]).read == ()


@pytest.mark.parametrize("piece", [64, 500, 1 << 20])
def test_pieces_of_any_size_give_the_same_points(tmp_path: Path, piece: int) -> None:
    """A long file is stored piece by piece; nothing is lost or doubled between two."""
    put(tmp_path / "a.jsonl", jsonl(range(1, 41)))
    put(tmp_path / "b.log", iters(range(40)))
    with Notebook.open(":memory:") as notebook:
        report = Intake(notebook, piece=piece).take([tmp_path])
        assert [count for _, _, count in report.read] == [80, 80]
        for run in notebook.runs():
            keys = [(run.run_id, "train", run.sources[0].path)]
            assert len(notebook.curves(keys)[keys[0]]) == 40


def test_an_interrupted_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Stopped between two pieces: what was read is kept, the next reading brings the rest and no more."""
    put(tmp_path / "a.jsonl", jsonl(range(1, 2001)))
    stop = threading.Event()
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.bytes_done > 20_000:
            stop.set()

    with Notebook.open(":memory:") as notebook:
        intake = Intake(notebook, piece=8000)
        first = intake.take([tmp_path], watch, stop.is_set)
        kept = notebook.runs()[0].latest[0].points
        second = intake.take([tmp_path])
        assert first.interrupted and not second.interrupted
        assert 0 < kept < 2000
        assert notebook.runs()[0].latest[0].points == 2000
        assert first.points + second.points == 4000
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)


def test_nothing_outside_the_given_folders_is_opened(tmp_path: Path) -> None:
    """Links that lead out, loops, pipes and sockets are left out, each with its reason."""
    outside = put(tmp_path / "outside" / "secret.jsonl", jsonl(range(1, 50)))
    put(tmp_path / "outside" / "config.json", '{"n_params": 7}')
    root = tmp_path / "runs"
    log = put(root / "a" / "log.jsonl", jsonl(range(1, 50)))
    (root / "out.jsonl").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "a" / "again").symlink_to(root)
    (root / "nowhere.log").symlink_to(root / "gone")
    (root / "a" / "config.json").symlink_to(outside.parent / "config.json")
    put(tmp_path / "labbook.toml", '[run."*"]\nn_total = 5\n')
    os.mkfifo(root / "pipe.log")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s.log"))
        found = discover([root])
    reasons = {Path(path).name: reason for path, reason in found.skipped}
    assert [one.path for one in found.found] == [log]
    assert found.found[0].sidecars == ()
    assert "outside" in reasons["out.jsonl"]
    assert "outside" in reasons["folder"]
    assert "nowhere" in reasons["nowhere.log"]
    assert "pipe" in reasons["pipe.log"]
    assert "socket" in reasons["s.log"]


def test_many_files_left_out_for_one_reason_are_one_line(tmp_path: Path) -> None:
    """A folder of training data does not fill the screen."""
    for index in range(50):
        put(tmp_path / "data" / f"{index}.jsonl", '{"text": "x"}\n' * 3)
    (line,) = discover([tmp_path]).skipped
    assert line == (str(tmp_path / "data"), "50 files: JSON lines without a loss: data, not a log")


def test_a_second_look_reads_only_what_changed_of_the_notebook(tmp_path: Path) -> None:
    """Runs that did not change are the same objects; another process's news is seen."""
    put(tmp_path / "runs" / "a.jsonl", jsonl(range(1, 50)))
    put(tmp_path / "runs" / "b.jsonl", jsonl(range(1, 50), shift=1.0))
    with Notebook.open(tmp_path / "notebook") as mine, Notebook.open(tmp_path / "notebook") as other:
        book = Workbook(mine, roots=[tmp_path / "runs"])
        book.ingest([tmp_path / "runs"])
        before = dict(book._shelf.runs())
        with (tmp_path / "runs" / "b.jsonl").open("a") as file:
            file.write(jsonl(range(50, 60), shift=1.0))
        Intake(other).take([tmp_path / "runs"])
        after = book._shelf.runs()
        same = {run.name: after[key] is run for key, run in before.items()}
        assert same == {"a": True, "b": False}
        book.give([key for key in after if after[key].name == "a"], {"n_total": "5"})
        assert next(run for run in book._shelf.runs().values() if run.name == "a").given == {"n_total": "5"}
        other.forget([key for key in after if after[key].name == "b"])
        assert [run.name for run in book._shelf.runs().values()] == ["a"]


def test_a_person_may_name_the_format_and_the_step_of_a_log(tmp_path: Path) -> None:
    """`format` and `step` in labbook.toml decide where the lines or columns alone would not."""
    put(tmp_path / "odd.csv", "it,loss\n" + "".join(f"{s},{loss(s)}\n" for s in range(1, 30)))
    put(tmp_path / "labbook.toml", '[run."odd"]\nformat = "csv"\nstep = "it"\n')
    _, runs = taken(tmp_path)
    assert [(run.name, curve.step.tolist()) for run, curve in runs] == [
        ("odd", [float(s) for s in range(1, 30)])
    ]


def test_of_two_copies_the_one_that_says_more_is_listed(tmp_path: Path) -> None:
    """A bare record of a run and a richer one elsewhere: N and tokens are known, each file is named."""
    put(tmp_path / "bare" / "log.jsonl", jsonl(range(1, 101)))
    head = '{"config": {"n_params": 1234567, "tokens_per_step": 4096}}\n'
    put(tmp_path / "rich" / "log.jsonl", head + jsonl(range(1, 101)))
    with Workbook(Notebook.open(":memory:"), roots=[tmp_path]) as book:
        book.ingest([tmp_path])
        (run,) = book.summary(fits=False).runs
        shown = book.detailed(run)
    assert run.name == "rich"
    assert run.n is not None and run.n.value == 1234567
    assert [Path(source.path).parent.name for source in shown.sources] == ["rich", "bare"]
    assert not any(source.gone for source in shown.sources)
