"""Names and values that anyone may have written, through every command and the app: they stay plain text."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from labbook import duck
from labbook.cli.session import Session
from labbook.resources import user_folder
from labbook.store import Notebook
from labbook.tui.app import LabbookApp
from tests.logs import folder_writers
from tests.logs.binary_writers import write_swanlab
from tests.logs.conftest import write_events, write_wandb
from tests.tui.harness import settle, text

ESCAPES = "\x1b[31mR\x1b]8;;x:y\x1b\\L\x1b]52;c;QQ==\x1b\\"
CONTROLS = "\x9b2J\x85\x9d\u202ee\u2066\u2069"
MARKUP = "[bold]b[link=x]|`*_~](javascript:a)<img src=q>"
CODE = "'; drop table runs; --\"{}$1"
NAME = f"[b]{CODE}{ESCAPES}{CONTROLS}{MARKUP}"
"""May stand in the name of a file."""
VALUE = f"{NAME}\x1b]0;t\x07\x08\x7f[/bold][/]\r\n# a\n| a | b |\n</div>\x00\\ud800"
"""May stand in anything that quotes its text."""
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
LADDER = [(n, d) for n in (1e6, 2e6, 4e6) for d in (2e7, 4e7, 8e7)]


def loss(n: float, d: float) -> float:
    """Of a made-up law."""
    return 1.5 + 400 / n**0.34 + 400 / d**0.28


def rows(key: str, name: str) -> list[dict[str, object]]:
    """Five records with a metric of that name."""
    return [{"step": i, key: 4 - i / 8, name: i, "text": VALUE} for i in range(1, 6)]


def write_texts(root: Path) -> None:
    """Text logs: an echoed configuration, lines between, raw bytes of C1."""
    lines = [f"{NAME} = 1", f"out_dir = {VALUE!r}", f"out_dir = '{NAME}'", "learning_rate = 6e-4"]
    lines += [f"iter {i}: loss {4 - i / 8}, time 5.00ms\n{NAME}" for i in range(9)]
    blob = (
        "\n".join(lines).encode("utf-8", "replace")
        + b"\n\x9b31m \xc2\x9b \xff\xfe\niter 9: loss 2.5, time 5ms\n"
    )
    (root / f"{NAME}.log").write_bytes(blob)
    words = "".join(f"step {i} loss {4 - i / 8} {NAME}: 3 [bold]m[/bold]=2\n" for i in range(9))
    (root / "words.log").write_text(words)
    dicts = [
        repr({"loss": 4 - i / 8, NAME: i, "learning_rate": 1e-4, "epoch": i / 4, "step": i}) for i in range(9)
    ]
    (root / "dicts.out").write_text("\n".join(dicts) + "\n")


def write_tables(root: Path) -> None:
    """JSON lines, JSON, CSV, Parquet and a table of a whole ladder."""
    config = {"run_name": VALUE, "config": {NAME: VALUE, "n_params": 1024}}
    lines = [json.dumps(config), *map(json.dumps, rows("loss", VALUE))]
    (root / "lines.jsonl").write_text("\n".join(lines) + "\n")
    (root / "runs.json").write_text(json.dumps({VALUE: {"loss": [4, 3, 2], "steps": [1, 2, 3], NAME: VALUE}}))
    with (root / "curve.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "train_loss", NAME.replace(";", "")])
        writer.writerows([i, 4 - i / 8, i] for i in range(9))
    with (root / "ladder.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "N", "D", "loss", NAME.replace(";", "")])
        name = NAME.replace(";", "")
        writer.writerows([f"[b]r{i}{name}", n, d, loss(n, d), name] for i, (n, d) in enumerate(LADDER))
    quoted = '"' + NAME.replace('"', '""') + '"'
    with duck.closing(duck.connect_memory(), "") as connection:
        query = f"select i as step, 4 - i / 8 as train_loss, i as {quoted}, ? as run from range(9) t(i)"
        connection.execute(f"create table t as {query}", [VALUE])
        connection.execute(f"copy t to '{root / 'curves.parquet'}' (format parquet)")


def write_trackers(root: Path) -> None:
    """W&B, TensorBoard, SwanLab, MLflow, Trackio, DVCLive and a database of one's own."""
    wandb = [{"_step": row["step"], **row} for row in rows("train/loss", VALUE)]
    blob = write_wandb(wandb, config={NAME: VALUE, "n_layer": 2}, name=VALUE)
    (root / "run-abc.wandb").write_bytes(blob)
    events = [(0, "config/text_summary", json.dumps({NAME: VALUE})), (0, NAME, VALUE)]
    points = [(i, tag, 4 - i / 8) for i in range(1, 6) for tag in ("train/loss", NAME, VALUE)]
    (root / "tb").mkdir()
    (root / "tb" / "events.out.tfevents.17.x").write_bytes(write_events([*events, *points]))
    (root / "swan").mkdir()
    scalars = [(i, key, 4 - i / 8) for i in range(1, 6) for key in ("train/loss", NAME)]
    (root / "swan" / "run-a.swanlab").write_bytes(write_swanlab(scalars, name=VALUE, log=[VALUE]))
    for name, table, cells in (
        ("mlflow", "params", (NAME, VALUE, "aa11")),
        ("trackio", "configs", ("b1", VALUE, json.dumps({NAME: VALUE}))),
        ("sqlite", "metrics", (VALUE, 1, NAME, 2.0)),
        ("swanlab-folder", "tag", (1, NAME, None)),
    ):
        folder = root / f"{name} {NAME}"
        folder.mkdir()
        folder_writers.add(folder_writers.WRITERS[name](folder), [(table, cells)])
    names = [("runs", (VALUE, VALUE, VALUE, 1_700_000_000_000, "active"))]
    mlflow = root / f"mlflow {NAME}" / "mlflow.db"
    folder_writers.add(mlflow, [*names, *folder_writers.mlflow_rows(VALUE, [("loss", 1, 2.0), (NAME, 1, 3.0)])])
    with closing(sqlite3.connect(root / "own.sqlite")) as connection, connection:
        quoted = '"' + NAME.replace('"', '""') + '"'
        connection.execute(f"create table {quoted}(run text, step int, {quoted} real, train_loss real)")
        connection.executemany(f"insert into {quoted} values (?, ?, 1, 2)", [(VALUE, i) for i in range(9)])
    store = folder_writers.mlflow_files(root / "mlruns").parent
    (store / "params" / NAME).write_text(VALUE)
    (store / "metrics" / NAME).write_text("1700000000000 2.5 1\n")
    (store / "tags" / "mlflow.runName").write_text(VALUE)
    curves = folder_writers.dvclive(root / "dvclive").parent
    (curves / "plots" / "metrics" / f"{NAME}.tsv").write_text("step\tx\n1\t2\n")
    (curves / "params.yaml").write_text(json.dumps({NAME: VALUE}))


def write_beside(root: Path) -> None:
    """What is no log: a person's table, sidecars, files that are skipped, a pattern table of one's own."""
    (root / "labbook.toml").write_text(
        f'[run."*"]\nn_total = 1024\n{json.dumps(NAME)} = 3\n[{json.dumps(NAME)}]\na = 1\n'
    )
    (root / "config.json").write_text(json.dumps({NAME: VALUE}))
    (root / f"{NAME}.dat").write_bytes(bytes(range(256)) * 40)
    (root / f"{NAME}.jsonl").write_text(f"{VALUE}\n" * 3)
    (root / f"{NAME} link").symlink_to(root / "gone")
    (root / "a\nb.log").write_text("step 1 loss 2\nstep 2 loss 2\nstep 3 loss 2\n")
    user_folder().mkdir(parents=True)
    quoted = json.dumps(NAME)
    (user_folder() / "own.toml").write_text(
        f"[{quoted}]\ndetect = [{quoted}]\n[[{quoted}.record]]\nline = '(?P<step>'\n"
    )
    (user_folder() / f"{NAME}.toml").write_text(f"{NAME} = [")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of such logs, its own name among them."""
    root = tmp_path / f"runs {NAME}".replace("\\", "")  # DuckDB takes it for the end of a folder's name
    root.mkdir()
    write_texts(root)
    write_tables_in_plain_folder(root, tmp_path)
    write_trackers(root)
    write_beside(root)
    return root


def write_tables_in_plain_folder(root: Path, tmp_path: Path) -> None:
    """DuckDB's COPY takes the path as text of a query: the tables are written elsewhere and moved."""
    plain = tmp_path / "plain"
    plain.mkdir()
    write_tables(plain)
    for path in plain.iterdir():
        path.rename(root / path.name)


def check(printed: str) -> None:
    """No control character but the ends of lines, no escape, no override of the direction of writing."""
    found = FORBIDDEN.search(printed)
    assert found is None, repr(printed[max(0, found.start() - 80) : found.end() + 40])


def texts(tree: object) -> Iterator[str]:
    """Every key and text of a JSON value."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value)
    elif isinstance(tree, str):
        yield tree


def check_markdown(report: str) -> None:
    """Parsed as GitHub does: no HTML, link or image, and every row has as many cells as its heading."""
    found = PARSER.parse(report)
    kinds = {t.type for token in found for t in (token, *(token.children or []))}
    assert kinds.isdisjoint({"html_inline", "html_block", "link_open", "image", "s_open", "em_open"})
    columns = cells = 0
    for token in found:
        columns = 0 if token.type == "thead_open" else columns + (token.type == "th_open")
        cells = 0 if token.type == "tr_open" else cells + (token.type == "td_open")
        assert token.type != "tr_close" or cells in (0, columns)


def test_every_command_prints_hostile_names_as_plain_text(labbook, hostile: Path) -> None:
    """Text, JSON, Markdown and errors; and the notebook is what it was."""
    done = labbook("ingest", hostile)
    assert done.code == 0, done.err
    assert "[bold]" in done.out + labbook("runs").out
    listed = labbook("runs", "--json").json
    assert len(listed) >= 25
    words = [("fit",), ("runs",), ("ladders",), ("triage",), ("ingest", hostile), ("show", hostile / NAME)]
    words += [("show", run["run_id"]) for run in listed[::9]]
    files = [path for path in sorted(hostile.rglob("*")) if path.is_file()]
    words += [("sniff", path) for path in files[::2] if path.parent == hostile]
    for each in words:
        done = labbook(*each)
        check(done.out + done.err)
        assert "Traceback" not in done.err and "bug" not in done.err
        answer = labbook(*each, "--json")
        for found in texts(json.loads(answer.out or answer.err)):
            check(found)
    for each in (("set", NAME, f"{NAME}=1"), (NAME,), ("show", NAME), ("runs", f"{NAME}>1")):
        check(labbook(*each).err)
    assert [run["run_id"] for run in labbook("runs", "--json").json] == [run["run_id"] for run in listed]


def test_exports_of_hostile_runs_are_literal(labbook, hostile: Path, tmp_path: Path) -> None:
    """Everything, to a file of such a name too, and single runs by id."""
    labbook("ingest", hostile)
    listed = labbook("runs", "--json").json
    written = tmp_path / f"{NAME}.md"
    words = [("export",), ("export", "-o", written), *(("export", run["run_id"]) for run in listed[::6])]
    for done in (labbook(*each) for each in words):
        assert done.code == 0, done.err
        check(done.out + done.err)
        check_markdown(done.out)
    check(written.read_text())
    check_markdown(written.read_text())


async def test_the_app_shows_hostile_names_as_they_are_written(hostile: Path, tmp_path: Path) -> None:
    """Every screen: markup is text, and no control character reaches a cell."""
    with Notebook.open(":memory:") as notebook:
        app = LabbookApp(Session(notebook, [hostile], tmp_path), poll_s=0.2)
        async with app.run_test(size=(160, 48)) as pilot:
            for _ in range(200):
                await pilot.pause(0.05)
                if app.shown.summary is not None and len(app.shown.summary.runs) >= 25:
                    break
            await settle(app, pilot)
            seen = ""
            for keys in (
                ("1",),
                ("j", "j", "2"),
                ("tab",),
                ("3",),
                ("tab",),
                ("1", "G", "2"),
                ("question_mark",),
            ):
                await pilot.press(*keys)
                await settle(app, pilot)
                drawn = text(app)
                assert all(sign.isprintable() or sign == "\n" for sign in drawn)
                seen += drawn
            assert "[b]" in seen and "drop table" in seen
        assert app.join()
