"""SQLite databases of trackers and of people: opened without a trace, read without trust."""

from __future__ import annotations

import gzip
import math
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from labbook.logs import sqlite
from labbook.logs.format import Format, take_sample
from labbook.logs.mlflow import Mlflow
from labbook.logs.own_sqlite import OwnSqlite
from labbook.logs.trackio import Trackio
from labbook.records import Issue, Reading
from tests.logs.folder_writers import TINY, add, database, mlflow, mlflow_rows, own_sqlite, put, trackio
from tests.logs.reads import codes, first, next_, steps

FULL = """
create table alembic_version(version_num text primary key);
create table experiments(experiment_id integer primary key, name text);
create table runs(run_uuid text primary key, name text, status text, start_time bigint, lifecycle_stage text);
create table metrics(key text not null, value float not null, timestamp bigint not null, run_uuid text not null,
    step bigint default 0 not null, is_nan boolean default 0 not null,
    primary key (key, timestamp, step, run_uuid, value, is_nan));
create table latest_metrics(key text, value float, step bigint, is_nan boolean, run_uuid text);
create table params(key text, value text, run_uuid text, primary key (key, run_uuid));
create table tags(key text, value text, run_uuid text);
"""
Rows = Iterable[tuple[str, Iterable[object]]]


def run_row(
    run: str, name: str = "", status: str = "RUNNING", stage: str = "active"
) -> tuple[str, tuple[object, ...]]:
    return "runs", (run, name, status, 1_700_000_000_000, stage)


@contextmanager
def writing(path: Path, *settings: str) -> Iterator[sqlite3.Connection]:
    """A writer that stays connected."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for setting in settings:
            connection.execute(f"pragma {setting}").fetchall()
        yield connection


def test_mlflow_runs_come_with_their_names_parameters_and_state(tmp_path: Path) -> None:
    """One part a run; a tag's name beats the column, a deleted run is none."""
    rows = [
        run_row("r1", "old name", "FINISHED"),
        run_row("r2", "second", "KILLED"),
        run_row("r3", "gone", "FINISHED", "deleted"),
        ("tags", ("mlflow.runName", "first", "r1")),
        ("params", ("lr", "3e-4", "r1")),
        ("params", ("tied", "True", "r1")),
        ("params", ("model.n_layer", "12", "r1")),
        *mlflow_rows("r1", TINY),
        *mlflow_rows("r2", TINY[:2]),
        *mlflow_rows("r3", TINY),
    ]
    reading = first(Mlflow(), database(tmp_path / "mlflow.db", FULL, rows))
    r1, r2 = reading.parts
    assert (r1.key, r1.identity, r1.name, r1.status) == ("r1", "r1", "first", "finished")
    assert r1.config == {"lr": 3e-4, "tied": True, "model.n_layer": 12}
    assert r1.started == 1.7e9
    assert (r2.name, r2.status) == ("second", "cancelled")
    assert steps(reading, "r1", "train") == [1, 2, 3]
    assert r1.series["train"].wall.tolist() == [1.7e9 + 1, 1.7e9 + 2, 1.7e9 + 3]


def test_mlflow_values_that_are_no_numbers_come_back(tmp_path: Path) -> None:
    """NaN is a flag beside a 0 and infinity the largest number there is."""
    values = (float("nan"), math.inf, -math.inf, 2.5)
    rows = [run_row("r"), *mlflow_rows("r", [("train_loss", step, value) for step, value in enumerate(values)])]
    found = first(Mlflow(), database(tmp_path / "mlflow.db", FULL, rows)).parts[0].series["train"].value
    assert math.isnan(found[0])
    assert found[1:].tolist() == [math.inf, -math.inf, 2.5]


def test_mlflow_tokens_logged_with_the_loss_stand_beside_it(tmp_path: Path) -> None:
    """What was logged for one step belongs together."""
    rows = [run_row("r"), *mlflow_rows("r", [("loss", 1, 4.0), ("tokens", 1, 64.0), ("epoch", 1, 0.5)])]
    train = first(Mlflow(), database(tmp_path / "mlflow.db", FULL, rows)).parts[0].series["train"]
    assert (train.tokens.tolist(), train.epoch.tolist()) == ([64], [0.5])


@pytest.mark.parametrize(
    ("points", "code", "text"),
    [
        ([], "no-points", "MLflow database without metrics: its runs logged none so far"),
        ([("mAP", 0, 0.5), ("recall", 0, 0.4)], "no-loss", "accuracies without a loss: mAP, recall"),
        ([("eval/reward", 0, 0.5)], "no-loss", "rewards without a loss: eval/reward"),
        ([("objective", 0, 0.5)], "no-loss", "no known loss among its metrics: objective"),
    ],
)
def test_what_a_database_lacks_is_said(
    tmp_path: Path, points: list[tuple[str, int, float]], code: str, text: str
) -> None:
    """No metrics, accuracies, rewards: each has its sentence, and no train series is made up."""
    path = database(tmp_path / "mlflow.db", FULL, [run_row("r"), *mlflow_rows("r", points)])
    reading = first(Mlflow(), path)
    assert [(issue.code, issue.text) for issue in reading.issues] == [(code, text)]
    assert all("train" not in part.series for part in reading.parts)
    assert len(reading.parts) == bool(points)


def test_a_growing_mlflow_database_gives_the_news_only(tmp_path: Path) -> None:
    """A later reading goes on behind the last row, for old runs and new ones, and says all of each again."""
    path = database(tmp_path / "mlflow.db", FULL, [run_row("r1", "one"), *mlflow_rows("r1", TINY)])
    before = first(Mlflow(), path)
    add(path, [run_row("r2", "two"), *mlflow_rows("r2", TINY), *mlflow_rows("r1", [("train_loss", 4, 3.5)])])
    news = next_(Mlflow(), path, before)
    assert before.replaces and not news.replaces
    assert steps(news, "r1", "train") == [4]
    assert steps(news, "r2", "train") == [1, 2, 3]
    assert [part.name for part in news.parts] == ["one", "two"]


@pytest.mark.parametrize("most", [2, 3, 4, 7])
@pytest.mark.parametrize(
    ("form", "write"), [(Mlflow(), mlflow), (Trackio(), trackio), (OwnSqlite(), own_sqlite)]
)
def test_a_large_database_is_read_in_pieces(
    tmp_path: Path, form: Format, write: Callable[[Path], Path], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces end at a step's end, say that there is more, and add up to the whole."""
    path = write(tmp_path)
    whole = first(form, path).parts[0]
    monkeypatch.setattr(sqlite, "MOST_ROWS", most)
    readings = [first(form, path)]
    while readings[-1].more:
        readings.append(next_(form, path, readings[-1]))
    assert [reading.replaces for reading in readings] == [True] + [False] * (len(readings) - 1)
    for series, points in whole.series.items():
        pieces = [reading.parts[0].series[series] for reading in readings if series in reading.parts[0].series]
        found = [row for piece in pieces for row in piece.rows()]
        assert repr(found) == repr(list(points.rows()))


@pytest.mark.parametrize(
    "change",
    [
        "update runs set lifecycle_stage = 'deleted' where run_uuid = 'r1'",
        "update metrics set value = 9 where rowid = (select max(rowid) from metrics)",
        "delete from metrics where run_uuid = 'r2'",
        "delete from runs where run_uuid = 'r1'",
    ],
)
def test_a_changed_past_is_read_again(tmp_path: Path, change: str) -> None:
    """Rows that were removed or changed, runs that were deleted: everything is read anew and replaces."""
    rows = [run_row("r1"), run_row("r2"), *mlflow_rows("r1", TINY), *mlflow_rows("r2", TINY)]
    path = database(tmp_path / "mlflow.db", FULL, rows)
    before = first(Mlflow(), path)
    with writing(path) as connection:
        connection.execute(change)
    news = next_(Mlflow(), path, before)
    again = first(Mlflow(), path)
    assert news.replaces
    assert [part.key for part in news.parts] == [part.key for part in again.parts]
    assert [list(part.series) for part in news.parts] == [list(part.series) for part in again.parts]


def test_a_write_ahead_log_is_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Rows that stand only in the log of a live writer are there, and no file is made or changed."""
    path = database(tmp_path / "mlflow.db", FULL, [run_row("r"), *mlflow_rows("r", TINY[:1])], page=4096)
    with writing(path, "journal_mode = wal", "wal_autocheckpoint = 0") as connection:
        put(connection, mlflow_rows("r", TINY[1:]))
        looks = {each.name: each.stat() for each in tmp_path.iterdir()}
        (log,) = Mlflow().companions(path)
        assert log.name == "mlflow.db-wal" and log.stat().st_size > 0
        reading = first(Mlflow(), path)
        after = {each.name: each.stat() for each in tmp_path.iterdir()}
    assert steps(reading, "r", "train") == [1, 2, 3]
    assert {n: (s.st_size, s.st_mtime_ns) for n, s in looks.items()} == {
        n: (s.st_size, s.st_mtime_ns) for n, s in after.items()
    }


def test_an_unfinished_transaction_is_not_read(tmp_path: Path) -> None:
    """A rollback journal beside the database undoes what its writer has not committed."""
    path = database(tmp_path / "m.db", FULL, [run_row("r"), *mlflow_rows("r", TINY)], page=4096)
    with writing(path, "cache_size = 1", "synchronous = off") as connection:
        connection.execute("begin exclusive")
        put(connection, mlflow_rows("r", [("train_loss", step, 1.0) for step in range(10, 4000)]))
        assert (tmp_path / "m.db-journal").stat().st_size > 0
        assert path.stat().st_size > 8 * 4096
        reading = first(Mlflow(), path)
    assert steps(reading, "r", "train") == [1, 2, 3]
    assert codes(reading) == []


def test_a_locked_database_is_read(tmp_path: Path) -> None:
    """A writer's lock does not stop a reader that takes none."""
    path = mlflow(tmp_path)
    with writing(path) as connection:
        connection.execute("begin exclusive")
        assert steps(first(Mlflow(), path), "aa11", "train") == [1, 2, 3, 4]


def test_what_was_read_while_the_file_changed_is_read_again(tmp_path: Path) -> None:
    """The answer is of one moment: a row that is committed in between is in it, or everything is asked anew."""
    path = database(tmp_path / "m.db", "create table t(a int);", [("t", (1,))])
    asked: list[int] = []

    def count(found: sqlite.Database) -> int:
        asked.append(1)
        if len(asked) == 1:
            add(path, [("t", (2,))])
        return len(list(found.rows("select a from t")))

    assert sqlite.ask(path, count) == 2
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["a b?c#d%20.db", "x;y&mode=rwc.db", "é'\".db"])
def test_any_name_of_a_file_is_opened(tmp_path: Path, name: str) -> None:
    """Signs with a meaning in a URI are part of the name."""
    path = own_sqlite(tmp_path).rename(tmp_path / name)
    assert OwnSqlite().sniff(take_sample(path)) is not None
    assert steps(first(OwnSqlite(), path), "s", "train") == [1, 2, 3]
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    """A `-wal` that leads elsewhere is no companion."""
    path = own_sqlite(tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"x" * 100)
    os.symlink(tmp_path / "elsewhere", tmp_path / "metrics.sqlite-wal")
    assert OwnSqlite().companions(path) == ()
    assert steps(first(OwnSqlite(), path), "s", "train") == [1, 2, 3]


def test_a_query_without_an_end_is_given_up() -> None:
    """A query that gives no row is interrupted and is an issue."""
    with closing(sqlite3.connect(":memory:")) as connection:
        found = sqlite.Database(connection, patience=3)
        endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0"
        assert list(found.rows(endless)) == []
        assert [issue.code for issue in found.issues] == ["too-slow"]


def test_a_damaged_page_is_an_issue_and_the_rest_is_kept(tmp_path: Path) -> None:
    """Rows before the damage are read; that the end is missing is said."""
    points = [("train_loss", step, 1.0) for step in range(2000)]
    path = database(tmp_path / "m.db", FULL, [run_row("r"), *mlflow_rows("r", points)], page=4096)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 & ~4095)
        file.write(b"\xff" * 4096)
    reading = first(Mlflow(), path)
    assert "damaged" in codes(reading)
    assert 0 < len(steps(reading, "r", "train")) < 2000


def test_a_cut_database_is_not_read(tmp_path: Path) -> None:
    """SQLite itself would take the missing half page for zeros."""
    path = mlflow(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    reading = first(Mlflow(), path)
    assert codes(reading) == ["cut-tail"] and not reading.parts
    path.write_bytes(whole)
    assert steps(next_(Mlflow(), path, reading), "aa11", "train") == [1, 2, 3, 4]


def test_a_packed_database_is_recognised_and_says_so(tmp_path: Path) -> None:
    """SQLite opens files only."""
    path = tmp_path / "m.db.gz"
    path.write_bytes(gzip.compress(mlflow(tmp_path).read_bytes()))
    claims = [form.name for form in (Mlflow(), Trackio(), OwnSqlite()) if form.sniff(take_sample(path))]
    assert claims == ["sqlite"]
    assert [issue.text for issue in first(OwnSqlite(), path).issues] == ["a packed database: unpack it first"]


@pytest.mark.parametrize("write", [mlflow, trackio, own_sqlite])
def test_a_database_that_vanishes_is_the_systems_error(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    """Only the system's refusals are raised."""
    path = write(tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        sqlite.reading(path, 0, {}, lambda found, state: Reading([], 0, {}, [Issue("never", "")]))
