"""Logs that are folders: a file for each metric, read from an offset each."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs.aim import EXPORT, Aim
from labbook.logs.dvclive import DvcLive
from labbook.logs.format import ClaimsFolders, HasCompanions, take_sample
from labbook.logs.mlflow_files import MlflowFiles
from labbook.logs.swanlab_folder import SwanLabFolder
from tests.logs.folder_writers import dvclive, mlflow_files, put, swanlab
from tests.logs.reads import first, issues, next_, values

RUN = "run-20250101_000000-abc"


def claimed(form: ClaimsFolders, folder: Path) -> tuple[str, set[str]] | None:
    claim = form.claim(folder, frozenset(os.listdir(folder)))
    return None if claim is None else (claim.anchor, set(claim.inside))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


# --- MLflow's file store


def test_a_run_of_the_file_store_is_one_source(tmp_path: Path) -> None:
    """The run's folder is claimed, artifacts left to be looked at; the experiment's folder is none."""
    anchor = mlflow_files(tmp_path)
    (anchor.parent / "artifacts").mkdir()
    (anchor.parent.parent / "meta.yaml").write_text(
        "experiment_id: '0'\nlifecycle_stage: active\nname: Default\n"
    )
    assert claimed(MlflowFiles(), anchor.parent) == ("meta.yaml", {"meta.yaml", "metrics", "params", "tags"})
    assert claimed(MlflowFiles(), anchor.parent.parent) is None
    assert MlflowFiles().sniff(take_sample(anchor.parent.parent / "meta.yaml")) is None
    (part,) = first(MlflowFiles(), anchor).parts
    assert (part.name, part.identity, part.status, part.started) == ("tiny", "aa11", "finished", 1.7e9)
    assert part.config == {"n_params": 1024}


def test_names_with_slashes_are_folders(tmp_path: Path) -> None:
    """`metrics/train/loss` is the metric `train/loss`; NaN and infinity are values, old stores have no step."""
    anchor = mlflow_files(tmp_path)
    home = anchor.parent / "metrics"
    shutil.rmtree(home)
    (home / "train").mkdir(parents=True)
    (home / "train" / "loss").write_text(
        "1700000000000 nan 1\n1700000001000 inf 2\n1700000002000 2.5 3 set digest\n"
    )
    (home / "val_loss").write_text("1700000000000 3.5\n")
    reading = first(MlflowFiles(), anchor)
    train = values(reading, "train")
    assert math.isnan(train[0][1]) and train[1:] == [(2, math.inf), (3, 2.5)]
    assert values(reading, "val") == [(0, 3.5)]
    assert reading.parts[0].series["train"].wall.tolist() == [1.7e9, 1.7e9 + 1, 1.7e9 + 2]


def test_the_mean_of_a_run_is_no_point(tmp_path: Path) -> None:
    """`train_loss` beside `loss` and `train_runtime` is what a trainer adds when it has ended."""
    anchor = mlflow_files(tmp_path)
    home = anchor.parent / "metrics"
    (home / "train_loss").write_text("1 9.5 3\n")
    (home / "train_runtime").write_text("1 60.0 3\n")
    (home / "loss").write_text("1 4.5 1\n1 4.0 2\n1 3.5 3\n")
    assert values(first(MlflowFiles(), anchor), "train") == [(1, 4.5), (2, 4.0), (3, 3.5)]


def test_only_new_lines_are_read_and_a_half_line_waits(tmp_path: Path) -> None:
    """Each file goes on at its last line end; a metric that appears later is read from its beginning."""
    anchor = mlflow_files(tmp_path)
    before = first(MlflowFiles(), anchor)
    append(anchor.parent / "metrics" / "train_loss", "1700000000004 3.5 4\n1700000000005 3.2")
    (anchor.parent / "metrics" / "lr").write_text("1700000000004 0.5 4\n")
    news = next_(MlflowFiles(), anchor, before)
    assert before.replaces and not news.replaces
    assert (values(news, "train"), values(news, "val"), values(news, "lr")) == ([(4, 3.5)], [], [(4, 0.5)])
    append(anchor.parent / "metrics" / "train_loss", "5 5\n")
    assert values(next_(MlflowFiles(), anchor, news), "train") == [(5, 3.25)]


@pytest.mark.parametrize("change", ["rewritten", "shorter", "gone"])
def test_a_file_that_is_no_longer_the_same_starts_everything_anew(tmp_path: Path, change: str) -> None:
    """A run that is written again replaces what was read."""
    anchor = mlflow_files(tmp_path)
    before = first(MlflowFiles(), anchor)
    path = anchor.parent / "metrics" / "train_loss"
    if change == "gone":
        path.unlink()
    else:
        path.write_text("1700000000000 9.5 1\n" * (5 if change == "rewritten" else 1))
    news = next_(MlflowFiles(), anchor, before)
    assert news.replaces
    assert values(news, "val") == values(before, "val")
    assert {value for _, value in values(news, "train")} == ({9.5} if change != "gone" else set())


def test_each_metric_counts_its_own_restarts(tmp_path: Path) -> None:
    """A resume that falls back in two files is the second segment of both, in one reading or in two."""
    anchor = mlflow_files(tmp_path)
    home = anchor.parent / "metrics"
    for name in ("train_loss", "val_loss"):
        (home / name).write_text("".join(f"1 4.0 {step}\n" for step in (1, 2, 3, 4)))
    before = first(MlflowFiles(), anchor)
    for name in ("train_loss", "val_loss"):
        append(home / name, "2 3.5 3\n2 3.5 4\n")
    news, whole = next_(MlflowFiles(), anchor, before).parts[0], first(MlflowFiles(), anchor).parts[0]
    for series in ("train", "val"):
        assert news.series[series].segment.tolist() == [1, 1]
        assert whole.series[series].segment.tolist() == [0, 0, 0, 0, 1, 1]


def test_lines_that_say_nothing_are_counted(tmp_path: Path) -> None:
    """Bad lines of a file are one issue with the first of them; the others stand."""
    anchor = mlflow_files(tmp_path)
    append(
        anchor.parent / "metrics" / "train_loss", "what\n\x1b[31mis this line of words\n1700000000009 3.0 9\n"
    )
    reading = first(MlflowFiles(), anchor)
    assert issues(reading) == [("bad-line", "train_loss: no step and value: what", 2)]
    assert values(reading, "train")[-1] == (9, 3.0)


@pytest.mark.parametrize(
    ("metric", "code", "text"),
    [
        ("mAP", "no-loss", "accuracies without a loss: mAP"),
        (None, "no-points", "MLflow run without metrics: its runs logged none so far"),
    ],
)
def test_a_run_without_a_loss_says_so(tmp_path: Path, metric: str | None, code: str, text: str) -> None:
    """Accuracies only, or nothing: each has its sentence."""
    anchor = mlflow_files(tmp_path)
    shutil.rmtree(anchor.parent / "metrics")
    (anchor.parent / "metrics").mkdir()
    if metric is not None:
        (anchor.parent / "metrics" / metric).write_text("1719326539401 0.82 0\n")
    assert issues(first(MlflowFiles(), anchor)) == [(code, text, 1)]


def test_a_deleted_run_is_not_read(tmp_path: Path) -> None:
    """What MLflow shows no more is no run here; the points read before go."""
    anchor = mlflow_files(tmp_path)
    before = first(MlflowFiles(), anchor)
    anchor.write_text(anchor.read_text().replace("active", "deleted"))
    news = next_(MlflowFiles(), anchor, before)
    assert not news.parts and news.replaces
    assert issues(news) == [("no-points", "deleted in MLflow", 1)]


def test_links_and_pipes_are_no_metrics(tmp_path: Path) -> None:
    """Nothing outside the run's folder is opened, and nothing that would wait for a writer."""
    anchor = mlflow_files(tmp_path)
    home = anchor.parent / "metrics"
    (tmp_path / "secret").write_text("1 1.0 1\n")
    os.symlink(tmp_path / "secret", home / "lr")
    os.symlink(tmp_path, home / "up")
    os.mkfifo(home / "grad_norm")
    assert set(first(MlflowFiles(), anchor).parts[0].series) == {"train", "val"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(meta=st.binary(max_size=200), metric=st.binary(max_size=300))
def test_any_content_of_a_run_never_raises(tmp_path: Path, meta: bytes, metric: bytes) -> None:
    """Bytes of any kind in any file of a folder."""
    anchor = mlflow_files(tmp_path)
    anchor.write_bytes(b"run_id: a\nlifecycle_stage: active\n" + meta)
    (anchor.parent / "metrics" / "train_loss").write_bytes(b"1 4.5 1\n" + metric)
    (anchor.parent / "params" / "x").write_bytes(meta)
    before = first(MlflowFiles(), anchor)
    json.dumps(next_(MlflowFiles(), anchor, before).state, allow_nan=False)
    MlflowFiles().sniff(take_sample(anchor))


# --- DVCLive


def test_a_dvclive_folder_is_one_source(tmp_path: Path) -> None:
    """`metrics.json` stands for it; parameters are its configuration, the epoch's table is no metric."""
    anchor = dvclive(tmp_path)
    (tmp_path / "plots" / "metrics" / "epoch.tsv").write_text("step\tepoch\n1\t0\n")
    (tmp_path / "model.pt").touch()
    assert claimed(DvcLive(), tmp_path) == ("metrics.json", {"metrics.json", "params.yaml", "plots"})
    reading = first(DvcLive(), anchor)
    assert reading.parts[0].config == {"n_params": 1024}
    assert values(reading, "train") == [(1, 4.5), (2, 4.25), (3, 3.75)]
    assert set(reading.parts[0].series) == {"train", "val"}


def test_dvclive_without_its_summary_is_known_by_a_curve(tmp_path: Path) -> None:
    """The older place of the curves, a clock among the columns, and the first curve as the anchor."""
    dvclive(tmp_path)
    shutil.rmtree(tmp_path / "plots")
    for name in ("metrics.json", "params.yaml"):
        (tmp_path / name).unlink()
    (tmp_path / "scalars").mkdir()
    (tmp_path / "scalars" / "loss.tsv").write_text(
        "timestamp\tstep\tloss\n1700000000000\t0\t4.5\n1700000001000\t1\t4.0\n"
    )
    assert claimed(DvcLive(), tmp_path) == ("scalars/loss.tsv", {"scalars"})
    reading = first(DvcLive(), tmp_path / "scalars" / "loss.tsv")
    assert values(reading, "train") == [(0, 4.5), (1, 4.0)]
    assert reading.parts[0].step_origin == 0
    assert reading.parts[0].series["train"].wall.tolist() == [1.7e9, 1.7e9 + 1]


def test_steps_and_epochs_of_lightnings_dvclive(tmp_path: Path) -> None:
    """The loss of a step is the training loss; the mean of an epoch is one for the validation set only."""
    curves = tmp_path / "plots" / "metrics"
    for number, name in enumerate(("train/step", "train/epoch", "val/step", "val/epoch")):
        (curves / name).mkdir(parents=True)
        (curves / name / "loss.tsv").write_text(f"step\tloss\n1\t{number}.5\n")
    (tmp_path / "metrics.json").write_text("{}")
    (part,) = first(DvcLive(), tmp_path / "metrics.json").parts
    assert {name: points.value[0] for name, points in part.series.items()} == {
        "train": 0.5,
        "train/loss_epoch": 1.5,
        "val/loss_step": 2.5,
        "val": 3.5,
    }


def test_a_growing_dvclive_folder_gives_the_news_only(tmp_path: Path) -> None:
    """The summary is rewritten at every step; the curves go on where they were."""
    anchor = dvclive(tmp_path)
    before = first(DvcLive(), anchor)
    append(tmp_path / "plots" / "metrics" / "train" / "loss.tsv", "4\t3.5\n")
    anchor.write_text('{"step": 4}')
    news = next_(DvcLive(), anchor, before)
    assert not news.replaces and values(news, "train") == [(4, 3.5)]
    assert news.parts[0].config == before.parts[0].config


def test_plots_of_another_kind_are_no_dvclive(tmp_path: Path) -> None:
    """A folder `plots` alone says nothing, nor do tables without a step."""
    (tmp_path / "plots" / "metrics").mkdir(parents=True)
    (tmp_path / "metrics.json").write_text('{"loss": 1.0}')
    assert claimed(DvcLive(), tmp_path) is None
    (tmp_path / "plots" / "metrics" / "a.tsv").write_text("x\ty\n1\t2\n")
    assert claimed(DvcLive(), tmp_path) is None
    assert DvcLive().sniff(take_sample(tmp_path / "metrics.json")) is None


# --- SwanLab before 0.6


def test_a_swanlog_folder_is_one_source_with_its_runs(tmp_path: Path) -> None:
    """The database stands for it; runs of the newer kind beside it are left to be looked at."""
    anchor = swanlab(tmp_path)
    (tmp_path / "run-20260101_000000-new" / "logs").mkdir(parents=True)
    (tmp_path / "run-20260101_000000-new" / "run-new.swanlab").touch()
    assert claimed(SwanLabFolder(), tmp_path) == ("runs.swanlab", {"runs.swanlab", RUN})
    (part,) = first(SwanLabFolder(), anchor).parts
    assert (part.key, part.identity, part.name, part.status) == (RUN, RUN, "tiny", "finished")
    assert part.config == {"n_params": 1024}
    assert set(part.series) == {"train", "val"}


def test_swanlab_runs_that_stand_only_in_the_log_of_the_database(tmp_path: Path) -> None:
    """The `-wal` that was never folded in holds the newest run."""
    anchor = swanlab(tmp_path)
    other = "run-20250102_000000-abc"
    shutil.copytree(tmp_path / RUN, tmp_path / other)
    with closing(sqlite3.connect(anchor, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal").fetchall()
        put(connection, [("experiment", (2, other, "second", 0)), ("tag", (2, "train/loss", "10"))])
        reading = first(SwanLabFolder(), anchor)
    assert [(part.name, part.status) for part in reading.parts] == [("tiny", "finished"), ("second", "running")]
    assert reading.parts[1].series["train"].step.tolist() == [1, 2, 3]


def test_pieces_of_a_swanlab_curve_are_read_in_order(tmp_path: Path) -> None:
    """A new file begins after every thousand points; NaN is written as text, pictures are no points."""
    anchor = swanlab(tmp_path)
    curve = tmp_path / RUN / "logs" / "10"
    (curve / "_summary.json").write_text('{"max": 1}')
    for piece, step, value in ((1000, 1, 4.5), (2000, 2, "NaN"), (10000, 3, 3.5), (11000, 4, ["a.png"])):
        (curve / f"{piece}.log").write_text(json.dumps({"index": step, "data": value}) + "\n")
    found = values(first(SwanLabFolder(), anchor), "train")
    assert [step for step, _ in found] == [1, 2, 3]
    assert math.isnan(found[1][1])


def test_a_growing_swanlog_gives_the_news_only(tmp_path: Path) -> None:
    """New lines of a curve, a new piece, and a new run are news."""
    anchor = swanlab(tmp_path)
    before = first(SwanLabFolder(), anchor)
    append(tmp_path / RUN / "logs" / "10" / "1000.log", '{"index": 4, "data": 3.5}\n{"index": 5, "da')
    (tmp_path / RUN / "logs" / "10" / "2000.log").write_text('{"index": 6, "data": 3.25}\n')
    news = next_(SwanLabFolder(), anchor, before)
    assert not news.replaces and values(news, "train") == [(4, 3.5), (6, 3.25)] and values(news, "val") == []


@pytest.mark.parametrize("folder", ["..", "../../outside", "/etc", "a/b", ".", "linked"])
def test_names_in_a_swanlab_database_lead_nowhere_else(tmp_path: Path, folder: str) -> None:
    """A folder that is no plain name below the run is not opened."""
    top = tmp_path / "swanlog"
    top.mkdir()
    anchor = swanlab(top)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "1000.log").write_text('{"index": 1, "data": 1.0}\n')
    shutil.copy(tmp_path / "outside" / "1000.log", top / RUN / "1000.log")
    os.symlink(tmp_path / "outside", top / RUN / "logs" / "linked")
    with closing(sqlite3.connect(anchor)) as connection, connection:
        put(connection, [("tag", (1, "lr", folder)), ("experiment", (2, "../outside", "x", 1))])
    reading = first(SwanLabFolder(), anchor)
    assert all("lr" not in part.series for part in reading.parts)


# --- Aim, and what all have


def test_an_aim_repository_says_how_to_export_it(tmp_path: Path) -> None:
    """The whole folder is one source without points, with the way out in its one issue."""
    home = tmp_path / ".aim"
    (home / "seqs").mkdir(parents=True)
    (home / "run_metadata.sqlite").write_bytes(b"SQLite format 3\x00")
    assert claimed(Aim(), home) == ("run_metadata.sqlite", {"seqs", "run_metadata.sqlite"})
    assert claimed(Aim(), tmp_path) is None
    reading = first(Aim(), home / "run_metadata.sqlite")
    assert not reading.parts and issues(reading) == [("needs-aim", EXPORT, 1)]


@pytest.mark.parametrize(
    ("form", "write", "beside"),
    [
        (MlflowFiles(), mlflow_files, {"metrics", "params", "tags", "train_loss", "val_loss"}),
        (DvcLive(), dvclive, {"params.yaml", "loss.tsv"}),
        (SwanLabFolder(), swanlab, {"config.yaml", "1000.log"}),
    ],
    ids=["mlflow-files", "dvclive", "swanlab-folder"],
)
def test_companions_are_what_is_read_besides_the_anchor(
    tmp_path: Path, form: HasCompanions, write: object, beside: set[str]
) -> None:
    """A change of any of them is a change of the source."""
    assert callable(write)
    anchor = write(tmp_path)
    found = form.companions(anchor)
    assert {path.name for path in found} == beside
    assert anchor not in found and len(set(found)) == len(found)
