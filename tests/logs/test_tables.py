"""Databases of log calls and of people's own tables: what their columns and names mean."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from labbook.logs import sqlite
from labbook.logs.format import take_sample
from labbook.logs.mlflow import Mlflow
from labbook.logs.own_sqlite import OwnSqlite
from labbook.logs.trackio import Trackio
from tests.logs.folder_writers import add, database, trackio
from tests.logs.reads import first, next_, steps


def test_trackio_before_run_ids_and_with_broken_rows(tmp_path: Path) -> None:
    """The name stands for the run where there is no id; text and bytes, NaN as text, rows that are no JSON."""
    schema = """
    create table metrics(id integer primary key, timestamp text, run_name text, step integer, metrics text);
    create table configs(id integer primary key, run_name text, config text);
    """
    rows: list[tuple[str, tuple[object, ...]]] = [
        ("metrics", (1, "2026-01-01T00:00:01", "a", 1, '{"train": {"loss": 4.5}}')),
        ("metrics", (2, "2026-01-01T00:00:02", "a", 2, b'{"train": {"loss": "NaN"}}')),
        ("metrics", (3, "2026-01-01T00:00:03", "a", 3, b"\xff{")),
        ("metrics", (4, "2026-01-01T00:00:04", "a", 4, "[1]")),
        ("configs", (1, "a", '{"n_params": 7, "_Username": "me"}')),
    ]
    reading = first(Trackio(), database(tmp_path / "p.db", schema, rows))
    (part,) = reading.parts
    assert (part.key, part.name, part.identity, part.config) == ("a", "a", None, {"n_params": 7})
    assert repr(part.series["train"].value.tolist()) == "[4.5, nan]"
    assert [(issue.code, issue.count) for issue in reading.issues] == [("bad-line", 2)]


def test_a_growing_trackio_database_gives_the_news_only(tmp_path: Path) -> None:
    """A later reading goes on behind the last row; a run that was deleted makes it start anew."""
    path = trackio(tmp_path)
    before = first(Trackio(), path)
    add(path, [("metrics", (9, "c2", "2026-01-02T00:00:00", "more", 1, b'{"train/loss": 2.0}'))])
    news = next_(Trackio(), path, before)
    assert not news.replaces and steps(news, "c2", "train") == [1] and steps(news, "b1", "train") == []
    assert [(part.name, part.config) for part in news.parts] == [("tiny", {"n_params": 1024}), ("more", {})]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("delete from metrics where run_id = 'b1'")
    last = next_(Trackio(), path, news)
    assert last.replaces and not steps(last, "c2", "val")


def test_a_wide_table_with_a_column_a_metric(tmp_path: Path) -> None:
    """Empty cells are missing; the row's number is no metric; runs have their configuration in a table."""
    schema = """
    create table history(id integer primary key, run_id, step int, tokens int, train_loss real, val_loss real);
    create table runs(id int, name text, n_params int, lr text);
    """
    rows: list[tuple[str, tuple[object, ...]]] = [
        ("history", (1, 7, 1, 64, 4.5, None)),
        ("history", (2, 7, 2, 128, 4.0, 4.25)),
        ("history", (3, 8, 1, 64, 5.5, None)),
        ("runs", (7, "small", 1024, "1e-3")),
    ]
    reading = first(OwnSqlite(), database(tmp_path / "x.db", schema, rows))
    small, other = reading.parts
    assert (small.name, small.config["n_params"], small.config["lr"]) == ("small", 1024, 1e-3)
    assert set(small.series) == {"train", "val"} and other.name == "8"
    assert small.series["train"].tokens.tolist() == [64, 128]
    assert small.series["val"].step.tolist() == [2]


def test_tables_named_after_their_split(tmp_path: Path) -> None:
    """`loss` of a table `val` is the validation loss."""
    schema = "create table train(step int, loss real); create table val(step int, loss real);"
    rows = [("train", (1, 4.5)), ("train", (2, 4.0)), ("val", (2, 4.25))]
    (part,) = first(OwnSqlite(), database(tmp_path / "x.db", schema, rows)).parts
    assert part.series["train"].value.tolist() == [4.5, 4.0]
    assert part.series["val"].value.tolist() == [4.25]


def test_a_persons_column_map_names_the_columns(tmp_path: Path) -> None:
    """What nobody could guess is read as a person said, and stays so in the state."""
    path = database(
        tmp_path / "x.db", "create table t(it int, objective real);", [("t", (1, 4.5)), ("t", (2, 4.0))]
    )
    sample = take_sample(path)
    assert OwnSqlite().sniff(sample) is None
    sample.columns = {"step": "it", "loss": "objective"}
    assert OwnSqlite().sniff(sample) is not None
    reading = OwnSqlite().read(path, 0, {"columns": dict(sample.columns)})
    assert steps(reading, "", "train") == [1, 2]
    assert reading.state["columns"] == sample.columns


def test_a_database_of_anything_else_is_nobodys(tmp_path: Path) -> None:
    """No step, no loss, no claim."""
    path = database(tmp_path / "x.db", "create table people(name text, age int);", [("people", ("a", 3))])
    assert [form.name for form in (Mlflow(), Trackio(), OwnSqlite()) if form.sniff(take_sample(path))] == []


def test_hostile_names_come_out_harmless(tmp_path: Path) -> None:
    """Escapes, SQL and quotes in names of tables, columns, runs, metrics and parameters."""
    table = 'x"; drop table y; --\x1b]0;t\x07'
    evil = "\x1b[31mred\x1b[0m\u202e\n"
    rows = [
        (table, (evil, 1, "loss", 4.0)),
        (table, (evil, 1, evil, 0.5)),
        (table, (evil, 2, "loss", "'); --")),
    ]
    schema = f'create table "{table.replace(chr(34), chr(34) * 2)}"(run text, step int, key text, value);'
    reading = first(OwnSqlite(), database(tmp_path / "x.db", schema, rows))
    (part,) = reading.parts
    assert part.key == part.name == "red"
    assert set(part.series) == {"train", "red"}
    assert part.series["train"].value.tolist() == [4.0]


def test_values_of_any_type_never_raise(tmp_path: Path) -> None:
    """SQLite's columns hold anything: blobs, huge integers, texts, nothing."""
    cells: list[object] = [None, b"\xff\x00", 2**62, "1e400", "nan", "12abc", -0.0, "x" * 5_000, "3.5"]
    rows = [
        ("metrics", (run, step, key, value))
        for run in cells
        for step in cells
        for key in cells
        for value in cells
    ]
    schema = "create table metrics(run, step, key, value);"
    reading = first(OwnSqlite(), database(tmp_path / "x.db", schema, rows, page=4096))
    json.dumps(reading.state, allow_nan=False)
    assert all(len(part.key) <= 120 for part in reading.parts)


def test_views_and_virtual_tables_are_no_tables(tmp_path: Path) -> None:
    """Code a database brings along is not run: only ordinary tables are looked at."""
    schema = """
    create table log(step int, loss real);
    create view endless as with recursive n(step) as (select 1 union all select step + 1 from n)
        select step, 1.0 as loss from n;
    """
    path = database(tmp_path / "x.db", schema, [("log", (1, 4.0)), ("log", (2, 3.5))])
    reading = first(OwnSqlite(), path)
    assert steps(reading, "", "train") == [1, 2]
    assert sqlite.ask(path, lambda found: list(found.tables())) == ["log"]
