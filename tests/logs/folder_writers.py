"""Writers of the logs that are databases or folders, in their real syntax and as small as they can be."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

LARGEST = 1.7976931348623157e308
"""What MLflow's database holds for infinity."""
TINY: tuple[tuple[str, int, float], ...] = (
    ("train_loss", 1, 4.5),
    ("train_loss", 2, 4.25),
    ("val_loss", 2, 4.375),
    ("train_loss", 3, 3.75),
    ("val_loss", 3, 4.0),
)
"""(metric, step, value)."""
_MLFLOW = """
create table experiments(experiment_id integer);
create table runs(run_uuid text, name text, status text, start_time integer, lifecycle_stage text);
create table metrics(key text, value float, timestamp integer, run_uuid text, step integer, is_nan boolean);
create table params(key text, value text, run_uuid text);
"""
_TRACKIO = """
create table metrics(
    id integer primary key, run_id text, timestamp text, run_name text, step integer, metrics text);
create table configs(run_id text, run_name text, config text);
"""
_SWANLAB = """
create table experiment(id integer primary key, run_id text, name text, status integer);
create table tag(experiment_id integer, name text, folder text);
"""


def database(path: Path, schema: str, rows: Iterable[tuple[str, Iterable[object]]], page: int = 512) -> Path:
    """A new database of (table, values) rows."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"pragma page_size = {page}")
        connection.executescript(schema)
        put(connection, rows)
    return path


def put(connection: sqlite3.Connection, rows: Iterable[tuple[str, Iterable[object]]]) -> None:
    """Insert (table, values) rows."""
    for table, values in rows:
        cells = tuple(values)
        name = table.replace('"', '""')
        connection.execute(f'insert into "{name}" values ({", ".join("?" * len(cells))})', cells)


def add(path: Path, rows: Iterable[tuple[str, Iterable[object]]]) -> None:
    """Insert (table, values) rows into a database that is there."""
    with closing(sqlite3.connect(path)) as connection, connection:
        put(connection, rows)


def mlflow_rows(run: str, points: Iterable[tuple[str, int, float]]) -> list[tuple[str, tuple[object, ...]]]:
    """Points as MLflow stores them: NaN is a flag, infinity the largest number."""
    rows: list[tuple[str, tuple[object, ...]]] = []
    for key, step, value in points:
        kept = 0.0 if value != value else max(-LARGEST, min(LARGEST, value))
        rows.append(("metrics", (key, kept, 1_700_000_000_000 + 1000 * step, run, step, int(value != value))))
    return rows


def mlflow(folder: Path) -> Path:
    """`mlflow.db` with one run."""
    run = "aa11"
    rows: list[tuple[str, Iterable[object]]] = [
        ("runs", (run, "tiny", "FINISHED", 1_700_000_000_000, "active")),
        ("params", ("n_params", "1024", run)),
        *mlflow_rows(run, (*TINY, ("train_loss", 4, float("nan")))),
    ]
    return database(folder / "mlflow.db", _MLFLOW, rows)


def mlflow_files(folder: Path, run: str = "aa11") -> Path:
    """The folder of one run of an MLflow file store, inside its experiment's."""
    home = folder / "0" / run
    meta = f"lifecycle_stage: active\nrun_id: {run}\nrun_name: tiny\nstart_time: 1700000000000\nstatus: 3\n"
    files = {"meta.yaml": meta, "params/n_params": "1024", "tags/mlflow.runName": "tiny"}
    for key, step, value in TINY:
        name = f"metrics/{key}"
        files[name] = files.get(name, "") + f"{1_700_000_000_000 + step} {value!r} {step}\n"
    _files(home, files)
    return home / "meta.yaml"


def trackio(folder: Path) -> Path:
    """`ladder.db` with one run, its JSON stored as bytes."""
    rows: list[tuple[str, Iterable[object]]] = [("configs", ("b1", "tiny", b'{"n_params":1024,"_Group":null}'))]
    for row, (key, step, value) in enumerate(TINY):
        values = json.dumps({key: value, "train/tokens": 64 * step}).encode()
        rows.append(("metrics", (row + 1, "b1", f"2026-01-01T00:00:0{step}+00:00", "tiny", step, values)))
    return database(folder / "ladder.db", _TRACKIO, rows)


def swanlab(folder: Path, run: str = "run-20250101_000000-abc") -> Path:
    """A `swanlog` folder of SwanLab before 0.6 with one run."""
    rows: list[tuple[str, Iterable[object]]] = [
        ("experiment", (1, run, "tiny", 1)),
        ("tag", (1, "train/loss", "10")),
        ("tag", (1, "eval/loss", None)),
        ("tag", (1, "__swanlab__.cpu.pct", "12")),
    ]
    lines = {"10": "train_loss", "eval%2Floss": "val_loss"}
    curves = {
        f"{run}/logs/{name}/1000.log": "".join(
            json.dumps({"index": step, "data": value, "create_time": f"2025-01-01T00:00:0{step}+00:00"}) + "\n"
            for key, step, value in TINY
            if key == metric
        )
        for name, metric in lines.items()
    }
    config = "n_params:\n  desc: ''\n  sort: 0\n  value: 1024\n"
    _files(folder, curves | {f"{run}/files/config.yaml": config})
    return database(folder / "runs.swanlab", _SWANLAB, rows)


def dvclive(folder: Path) -> Path:
    """A `dvclive` folder; its `metrics.json` holds last values."""
    curves = {"train_loss": "train/loss", "val_loss": "eval/loss"}
    files = {f"plots/metrics/{name}.tsv": "step\tloss\n" for name in curves.values()}
    for key, step, value in TINY:
        files[f"plots/metrics/{curves[key]}.tsv"] += f"{step}\t{value!r}\n"
    last = {"train": {"loss": 3.75}, "step": 3, "eval": {"loss": 4.0}}
    _files(folder, files | {"metrics.json": json.dumps(last, indent=4), "params.yaml": "n_params: 1024\n"})
    return folder / "metrics.json"


def own_sqlite(folder: Path) -> Path:
    """`metrics.sqlite` with one long table."""
    rows = [("metrics", ("s", step, key, value)) for key, step, value in TINY]
    schema = "create table metrics(run text, step int, key text, value real);"
    return database(folder / "metrics.sqlite", schema, rows)


def _files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "mlflow": mlflow,
    "mlflow-files": mlflow_files,
    "trackio": trackio,
    "swanlab-folder": swanlab,
    "dvclive": dvclive,
    "sqlite": own_sqlite,
}
"""By format: writes the sample into a folder and returns the path that stands for it."""
