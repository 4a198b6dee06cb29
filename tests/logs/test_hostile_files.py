"""Files made to break a reader: damage of every kind, bombs, loops, and ways out of the given folders."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from labbook import duck, logs
from labbook.logs import FORMATS, Format, take_sample
from labbook.logs.discover import discover
from labbook.logs.follow import read_source
from labbook.records import Reading
from tests.logs import folder_writers
from tests.logs.conftest import write_wandb

Make = Callable[[str], Path]
KNOWN = [
    form for form in FORMATS if form.name != "aim"
]  # its database is written and read by an optional package
EACH = pytest.mark.parametrize("form", KNOWN, ids=lambda form: str(form.name))
ROUNDS = 12
"""Damaged files each reader gets; the seed is fixed."""
TOKENS = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5000,
        b"1" + b"0" * 100_000,
        b"-0",
        b"1_0",
        b"0x1p9",
        b"1e",
        b"%s{0}",
    ),
    *(
        b'"\\ud800"',
        b"\\udfff",
        b"\xff\xfe",
        b"\x9b31m",
        b"\x1b]52;c;QQ==\x07",
        b"\xe2\x80\xae",
        b"\x00",
        b"\r",
    ),
    *(b'["' * 3000, b'{"a":' * 3000, b"(" * 3000, b"- " * 3000, b"'; drop table runs; --", b"1,111" * 400),
    *(
        "\u0663".encode(),
        "\u00b2".encode(),
        b"1if 2",
        b"[bold]",
        b"../../x",
        b"null",
        b"\n\n",
        b"18446744073709551616",
    ),
)
DIRTY = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with some of them flipped, cut, doubled, left out or replaced by what no trainer prints."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, kind = chance.randrange(len(found) or 1), chance.randrange(6)
        words = [
            match.span() for match in re.finditer(rb"-?\d[\d.]*(?:e[-+]?\d+)?|[A-Za-z_]{2,}", bytes(found))
        ]
        if kind == 0 and found:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del found[at:]
        elif kind == 2:
            found[at:at] = found[at : at + chance.randrange(1, 300)] * chance.choice((1, 2, 10))
        elif kind == 3:
            del found[at : at + chance.randrange(1, 50)]
        elif kind == 4 or not words:
            found[at:at] = chance.choice(TOKENS)
        else:
            begin, end = chance.choice(words)
            found[begin:end] = chance.choice(TOKENS)
    return bytes(found)


def check(reading: Reading) -> None:
    """The state is JSON, and every word that comes from the file is clean."""
    json.dumps(reading.state, allow_nan=False)
    words = [word for issue in reading.issues for word in (issue.code, issue.text)]
    for part in reading.parts:
        words += [part.key, part.name or "", part.identity or "", part.status_line, *part.series, *part.config]
        words += [value for value in part.config.values() if isinstance(value, str)]
        words += [figure.source for figure in part.figures]
    assert [word for word in words if DIRTY.search(word)] == []


@EACH
def test_mutated_files_never_raise(form: Format, sample: Make) -> None:
    """The source or any file beside it is damaged; the reading goes on over another damage."""
    chance, path = random.Random(form.name), sample(form.name)
    files = {each: each.read_bytes() for each in sorted(path.parent.rglob("*")) if each.is_file()}
    for number in range(ROUNDS):
        target = chance.choice([path, *files])
        target.write_bytes(mutated(files[target], chance))
        form.sniff(take_sample(path))
        logs.recognise(take_sample(path), FORMATS if number % 4 == 0 else (form,))
        reading = form.read(path, 0, {}, final=bool(number % 2))
        check(reading)
        target.write_bytes(mutated(files[target], chance))
        check(form.read(path, reading.offset, json.loads(json.dumps(reading.state))))
        target.write_bytes(files[target])


@EACH
def test_long_lines_of_one_sign_do_not_stall_a_pattern(form: Format, sample: Make) -> None:
    """What makes careless regular expressions take minutes: each read in linear time, or this never ends."""
    path = sample(form.name)
    data = path.read_bytes()
    for sign in (b"1", b"1,111", b" ", b"a=", b"|", b"1: ", b"[", b"-", b'"', b"\x1b[", b"a."):
        path.write_bytes(data + b"params: 1" + sign * (20_000 // len(sign)) + b" params\n" + data)
        form.sniff(take_sample(path))
        check(form.read(path, 0, {}, final=True))


@pytest.mark.parametrize("name", ["build-nanogpt-log", "llmc-main", "nanochat", "maxtext", "fairseq", "lingua"])
def test_a_step_beyond_all_numbers_is_no_place(name: str, sample: Make) -> None:
    """Four hundred digits are infinite as a float: the state stays JSON."""
    path = sample(name)
    form = next(form for form in FORMATS if form.name == name)
    for digits in re.findall(rb"(?<![\d.])[1-9]\d*(?![\d.])", path.read_bytes())[:12]:
        whole = path.read_bytes()
        path.write_bytes(whole.replace(digits, b"9" * 400))
        check(form.read(path, 0, {}, final=True))
        path.write_bytes(whole)


def zstd(data: bytes) -> bytes:
    """Packed by the codec the reader unpacks with."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return bytes(import_module(name).compress(data))


def deep(folder: Path) -> None:
    """A hundred thousand levels."""
    objects = '{"loss": ' * 100_000 + "1" + "}" * 100_000
    (folder / "deep.json").write_text(objects)
    (folder / "lists.json").write_text('{"loss": ' + "[" * 100_000 + "]" * 100_000 + "}")
    (folder / "deep.jsonl").write_text('{"step": 1, "loss": 2}\n' * 5 + objects + "\n")


def digits(folder: Path) -> None:
    """Numbers of a million digits."""
    huge = "9" * 1_000_000
    (folder / "a.jsonl").write_text('{"step": 1, "loss": 2}\n' * 4 + f'{{"step": {huge}, "loss": {huge}}}\n')
    (folder / "a.csv").write_text(f"step,loss\n1,2\n2,2\n{huge},2\n3,{huge}\n")
    (folder / "a.log").write_text(f"step 1 loss 2\nstep 2 loss 2\nstep 3 loss 2\nstep {huge} loss {huge}\n")


def wide(folder: Path) -> None:
    """Objects with a hundred thousand keys, a line for each of them, and lines that are all unlike."""
    row = {f"m{i}": 1 for i in range(100_000)}
    (folder / "wide.jsonl").write_text(
        "".join(json.dumps({"step": i, "loss": 2, **row}) + "\n" for i in range(2))
    )
    (folder / "unlike.log").write_text(
        "".join(f"step {i} loss 2 m{'ab'[i % 2] * (i // 2)} 3\n" for i in range(1200))
    )


def sidecars(folder: Path) -> None:
    """Aliases that stand for billions, brackets without end, more lines than anybody writes."""
    aliases = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    texts = {"alias": f"a0: &a0 [x]\n{aliases}", "deep": "a: " + "[" * 100_000}
    texts["long"] = "".join(f"k{i}: {i}\n" for i in range(200_000))
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "metrics.csv").write_text("epoch,step,train_loss\n0,1,2\n0,2,2\n0,3,1.5\n")
        (folder / name / "hparams.yaml").write_text(text)
        (folder / name / "labbook.toml").write_text("a = " + "[" * 100_000)


def archives(folder: Path) -> None:
    """A few KiB that unpack to tens of MiB, and an array that lies about its length."""
    (folder / "zeros.log.gz").write_bytes(gzip.compress(bytes(24 << 20), 1))
    (folder / "zeros.log.zst").write_bytes(zstd(bytes(24 << 20)))
    (folder / "steps.log.zst").write_bytes(zstd(b"step 1 loss 2\n" * (1 << 20)))
    rows = "".join(f'{{"step": {i}, "loss": 2}}\n' for i in range(20_000))
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train_loss.npy", (header % 10**12).ljust(127) + b"\n" + bytes(800))
        for number in range(3):
            archive.writestr(f"val_loss{number}.npy", io.BytesIO(bytes(48 << 20)).getvalue())


def databases(folder: Path) -> None:
    """Views and triggers are code of the file: a query that never ends, one that deletes what is read."""
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c)"
    table = "(run text, step int, key text, value real)"
    schemas = {
        "view": f"create view metrics as {endless} select 's' run, n step, 'train_loss' key, 1.0 value from c;",
        "trigger": f"create table metrics{table}; insert into metrics values ('s', 1, 'train_loss', 2),"
        "('s', 2, 'train_loss', 2), ('s', 3, 'train_loss', 2);"
        "create trigger t after insert on metrics begin delete from metrics; end;",
    }
    for name, schema in schemas.items():
        with closing(sqlite3.connect(folder / f"{name}.sqlite")) as connection, connection:
            connection.executescript(schema)


BOMBS = {
    "deep": (deep, 5),
    "digits": (digits, 10),
    "wide": (wide, 1200),
    "sidecars": (sidecars, 9),
    "archives": (archives, 20_000),
    "databases": (databases, 3),
}
"""By name: its writer, and points that are read all the same at least."""
_READ = """
import resource, sys
from pathlib import Path
import numpy, duckdb, yaml
from labbook.logs.discover import discover
from labbook.logs.follow import read_source
limit = {room} << 20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
before, count = peak(), 0
for found in discover([Path(sys.argv[1])]).found:
    state = None
    while (news := read_source(found, state, limit=8 << 20)) is not None:
        reading, state = news
        count += sum(len(points) for part in reading.parts for points in part.series.values())
        if not reading.more:
            break
assert peak() - before < limit, f"{{(peak() - before) >> 20}} MiB"
print(count)
"""


def points_in(folder: Path, room: int, seconds: float) -> int:
    """Points a process of its own reads there, with at most `room` MiB more memory than it began with."""
    code = [sys.executable, "-c", _READ.format(room=room), str(folder)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return int(done.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_read_in_bounded_memory(name: str, tmp_path: Path) -> None:
    """Nothing is raised, nothing hangs, and what is sound beside it is read."""
    write, least = BOMBS[name]
    write(tmp_path)
    assert points_in(tmp_path, room=250, seconds=120) >= least


@pytest.mark.slow
def test_lines_of_hundreds_of_megabytes(tmp_path: Path) -> None:
    """A line that never ends, after a sound beginning: sparse zeros, JSON and CSV."""
    with (tmp_path / "a.log").open("wb") as file:
        file.write(b"step 1 loss 2\nstep 2 loss 2\nstep 3 loss 2\n")
        file.truncate(280 << 20)
    for name, head, piece in (
        ("a.jsonl", b'{"step": 1, "loss": 2}\n' * 3 + b'{"a": "', b"x"),
        ("a.csv", b"step,loss\n1,2\n2,2\n3,2\n", b"1,"),
    ):
        with (tmp_path / name).open("wb") as file:
            file.write(head)
            for _ in range(200):
                file.write(piece * ((1 << 20) // len(piece)))
    assert points_in(tmp_path, room=150, seconds=300) >= 6


@pytest.mark.slow
def test_tables_of_a_hundred_thousand_columns(tmp_path: Path) -> None:
    """And JSON lines of which each has a key of its own."""
    names = ",".join(f"m{i}" for i in range(100_000))
    rows = "".join(f"{i},2,{'1,' * 99_999}1\n" for i in range(3))
    (tmp_path / "a.csv").write_text(f"step,loss,{names}\n{rows}")
    keys = (json.dumps({"step": i, "loss": 2, f"m{i}": 1}) for i in range(30_000))
    (tmp_path / "a.jsonl").write_text("\n".join(keys) + "\n")
    assert points_in(tmp_path, room=250, seconds=500) >= 30_000


def test_hostile_parquet_is_data(tmp_path: Path) -> None:
    """Column names are no SQL, and the signs of a pattern in a path are no pattern."""
    folder = tmp_path / "a[b]*?{c,d}'; --"
    folder.mkdir()
    with duck.closing(duck.connect_memory(), "") as connection:
        columns = '''i as step, 4 - i / 8 as train_loss, i as "'; drop table t; --", i as "a""b\x1b[31m"'''
        query = f"select {columns} from range(9) t(i)"
        connection.execute(f"copy ({query}) to '{tmp_path / 'a.parquet'}' (format parquet)")
    (tmp_path / "a.parquet").rename(folder / "a.parquet")
    (found,) = discover([folder]).found
    news = read_source(found, None)
    assert news is not None
    check(news[0])
    assert len(news[0].parts[0].series["train"]) == 9


_WATCHED = """
import os, sys
from pathlib import Path
import numpy, duckdb, yaml, sqlite3
outside, root = sys.argv[1:3]
met = []
def watch(event, arguments):
    looks = event in ("open", "sqlite3.connect", "os.listdir", "os.scandir")
    if looks and isinstance(arguments[0], str | bytes):
        real = os.path.realpath(os.fsdecode(arguments[0]))
        if real.startswith(outside):
            met.append((event, real))
sys.addaudithook(watch)
from labbook.cli import main
code = main(["--notebook", ":memory:", "ingest", root, "--json"])
sys.stderr.write("".join(map(repr, met)))
sys.exit(70 if met else 0 if code < 2 else code)
"""


def test_no_file_outside_the_given_folders_is_opened(tmp_path: Path) -> None:
    """Links to files and folders outside, from every place a reader looks into; loops, pipes and sockets."""
    outside, root = tmp_path / "outside", tmp_path / "runs"
    outside.mkdir(), root.mkdir()
    (outside / "loss.tsv").write_text("step\tloss\n1\t2\n2\t2\n")
    (outside / "config.yaml").write_text("n_params: 7\n")
    (outside / "run.json").write_text('{"status": "COMPLETED"}')
    (outside / "a.wandb").write_bytes(write_wandb([{"_step": 1, "loss": 2.0}]))
    (outside / "labbook.toml").write_text('[run."*"]\nn_total = 7000\n')
    store = folder_writers.mlflow_files(root / "mlruns").parent
    live = folder_writers.dvclive(root / "live").parent
    old = folder_writers.swanlab(root / "swanlog").parent
    base = folder_writers.own_sqlite(root)
    sacred = root / "sacred"
    wandb = root / "wandb" / "run-1-abc"
    for folder in (sacred, wandb / "files", root / "closed"):
        folder.mkdir(parents=True)
    steps = {"steps": [1, 2, 3], "timestamps": [], "values": [3, 2, 1]}
    (sacred / "metrics.json").write_text(json.dumps({"train_loss": steps}))
    links = {
        store / "metrics" / "out": outside / "loss.tsv",
        store / "params" / "out": outside / "config.yaml",
        store / "tags" / "out": outside,
        live / "plots" / "metrics" / "out.tsv": outside / "loss.tsv",
        live / "plots" / "metrics" / "folder": outside,
        live / "labbook.toml": outside / "labbook.toml",
        old / "run-20250101_000000-abc" / "logs" / "out": outside,
        old / "run-2": outside,
        sacred / "run.json": outside / "run.json",
        sacred / "config.json": outside / "run.json",
        wandb / "run-abc.wandb": outside / "a.wandb",
        wandb / "files" / "config.yaml": outside / "config.yaml",
        base.with_name(base.name + "-wal"): outside / "loss.tsv",
        root / "loop": root,
        root / "itself": root / "itself",
        root / "plots": outside,
    }
    for link, target in links.items():
        link.symlink_to(target)
    os.mkfifo(root / "pipe.log")
    os.mkfifo(live / "plots" / "metrics" / "pipe.tsv")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)
        try:
            server.bind("s.log")
        finally:
            os.chdir(here)
        code = [sys.executable, "-c", _WATCHED, str(outside), str(root)]
        done = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    skipped = {Path(one["path"]).name: one["reason"] for one in [*report["skipped"], *report["failed"]]}
    assert "outside" in skipped["plots"] and "outside" in skipped["run-abc.wandb"]
    assert "pipe" in skipped["pipe.log"] and "socket" in skipped["s.log"]
    assert skipped["itself"] == "a link to itself"
    assert len(report["runs"]) == 5


@pytest.mark.parametrize(
    "place",
    [
        *("mlruns/0/aa11/metrics", "mlruns/0/aa11/tags", "mlruns/0/aa11/meta.yaml", "swanlog/run-1/logs"),
        *("live/plots", "live/plots/metrics", "live/metrics.json", "swanlog/runs.swanlab", "swanlog/run-1"),
    ],
)
def test_a_folder_of_curves_that_leads_out_is_not_followed(place: str, tmp_path: Path) -> None:
    """A folder of a run's metrics, or the file that stands for the run, is a link to one outside."""
    outside, root = tmp_path / "outside", tmp_path / "runs"
    folder_writers.mlflow_files(root / "mlruns")
    folder_writers.dvclive(root / "live")
    folder_writers.swanlab(root / "swanlog", "run-1")
    (root / place).rename(outside)
    (root / place).symlink_to(outside)
    code = [sys.executable, "-c", _WATCHED, str(outside), str(root)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
