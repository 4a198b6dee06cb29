"""How fast folders of logs come into a new notebook, writing included; nothing is asserted about time.

50 runs of 5,000 steps of 6 scalars, each kind read by a process of its own, so that its peak memory is its own.

pytest tests/bench/test_bench_ingest.py -n0 -o addopts="--import-mode=importlib" --benchmark-only -s
"""

from __future__ import annotations

import importlib.util
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from tests.logs.conftest import write_events, write_wandb

RUNS, STEPS = 50, 5000
NAMES = ("loss", "lr", "grad_norm", "step_ms", "val_loss", "mfu")

MEASURED = """
import json, resource, sys, time
{imports}
started, worked = time.perf_counter(), time.process_time()
{body}
print(json.dumps([int(points), time.perf_counter() - started, time.process_time() - worked,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
OURS = (
    "from pathlib import Path; from labbook.intake import Intake; from labbook.store import Notebook",
    "points = Intake(Notebook.open(sys.argv[2])).take([Path(sys.argv[1])]).points",
)
DUCKDB = (
    "import duckdb",
    """
con = duckdb.connect(sys.argv[2], config={{"threads": 2, "memory_limit": "1GB"}})
con.execute("create table points as unpivot (select * from {reader}) on columns(* exclude (step, filename)) "
            "into name series value value")
points = con.execute("select count(*) from points").fetchone()[0]
con.close()
""",
)
ACCUMULATOR = (
    "from pathlib import Path\n"
    "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator",
    """
points = 0
for path in sorted(Path(sys.argv[1]).rglob("*tfevents*")):
    found = EventAccumulator(str(path), size_guidance={"scalars": 0})
    found.Reload()
    points += sum(len(found.Scalars(tag)) for tag in found.Tags()["scalars"])
""",
)


def rows(run: int) -> Iterator[dict[str, float]]:
    """The records of one run, numbers printed in full as `json.dumps` does."""
    rng = random.Random(run)
    for step in range(STEPS):
        fall = math.exp(-step / 900)
        values = (3 + 7 * fall + rng.gauss(0, 0.02), 3e-4 * (1 - step / STEPS), abs(rng.gauss(0.5, 0.1)))
        more = (rng.gauss(210, 4), 3.1 + 7 * fall, rng.random())
        yield {"step": step, **dict(zip(NAMES, values + more, strict=True))}


def jsonl(run: int) -> bytes:
    """One object a line."""
    return "".join(json.dumps(row) + "\n" for row in rows(run)).encode()


def table(run: int) -> bytes:
    """A header and one row a step."""
    return (
        ",".join(("step", *NAMES)) + "\n" + "".join(",".join(map(repr, r.values())) + "\n" for r in rows(run))
    ).encode()


def stdout(run: int) -> bytes:
    """Lines as nanoGPT prints them, with six scalars each."""
    line = (
        "iter {step}: loss {loss:.4f}, time {step_ms:.2f}ms, mfu {mfu:.2%}, lr {lr:.3e}, norm {grad_norm:.4f}"
    )
    text = "".join((line + ", val {val_loss:.4f}\n").format(**row) for row in rows(run))
    return b"tokens per iteration will be: 491,520\n" + text.encode()


def events(_: int) -> bytes:
    """Simple values behind one version record; in pieces, because the writer is a simple one."""
    records = [(int(row["step"]), name, row[name]) for row in rows(0) for name in NAMES]
    version = write_events([])
    pieces = (write_events(records[at : at + 600]) for at in range(0, len(records), 600))
    return version + b"".join(piece.removeprefix(version) for piece in pieces)


def blocklog(_: int) -> bytes:
    """A `.wandb` file."""
    return write_wandb({"_step": int(row["step"]), **row} for row in rows(0))


def generated(folder: Path, name: str, write: Callable[[int], bytes], *, copies: bool = False) -> Path:
    """A folder of runs, all with the bytes of the first where the writer is slow."""
    first = write(0) if copies else b""
    for run in range(RUNS):
        path = folder / f"run{run:02d}" / name.format(run=run)
        path.parent.mkdir(parents=True)
        path.write_bytes(first or write(run))
    return folder


def measured(script: tuple[str, str], logs: Path, into: Path) -> tuple[int, float, float, float]:
    """(points, seconds, CPU seconds, peak MB) of a process that reads the logs into a new place."""
    into.parent.mkdir(parents=True, exist_ok=True)
    text = MEASURED.format(imports=script[0], body=script[1])
    done = subprocess.run(
        [sys.executable, "-c", text, str(logs), str(into)], capture_output=True, text=True, check=True
    )
    points, seconds, worked, peak = json.loads(done.stdout.splitlines()[-1])
    return points, seconds, worked, peak


def compare(benchmark: BenchmarkFixture, logs: Path, other: tuple[str, tuple[str, str]] | None) -> int:
    """Read the logs three times, say the figures of the best, and those of another reader of the same logs."""
    places = (logs.parent / f"notebook-{k}" / "notebook" for k in range(100))
    taken: list[tuple[float, int, float, float]] = []

    def read() -> None:
        points, seconds, worked, peak = measured(OURS, logs, next(places))
        taken.append((seconds, points, worked, peak))

    benchmark.pedantic(read, rounds=3)
    megabytes = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()) / 1e6
    seconds, points, worked, peak = min(taken)
    say("labbook", points, megabytes, seconds, worked, peak)
    if other is not None:
        points_there, seconds, worked, peak = measured(other[1], logs, next(places))
        say(other[0], points_there, megabytes, seconds, worked, peak)
    return points


def say(who: str, points: int, megabytes: float, seconds: float, worked: float, peak: float) -> None:
    """One line of figures."""
    rate = f"{points / seconds / 1e3:,.0f} k points/s, {megabytes / seconds:.0f} MB/s"
    print(
        f"\n  {who:<18} {points:>9,} points in {seconds:.2f} s ({worked:.2f} s CPU): {rate}, {peak:.0f} MB",
        end="",
    )


def duckdb_reading(reader: str) -> tuple[str, tuple[str, str]]:
    """DuckDB's own reader, unpivoted into a table on disk."""
    return "DuckDB", (DUCKDB[0], DUCKDB[1].format(reader=reader))


def test_jsonl(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 1 M points a second, goal 2 M, below 250 MB."""
    logs = generated(tmp_path / "logs", "metrics.jsonl", jsonl)
    other = duckdb_reading(f"read_ndjson('{logs}/*/*.jsonl', filename = true)")
    assert compare(benchmark, logs, other) == RUNS * STEPS * len(NAMES)


def test_csv(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 1 M points a second, goal 2 M, below 250 MB."""
    logs = generated(tmp_path / "logs", "metrics.csv", table)
    other = duckdb_reading(f"read_csv('{logs}/*/*.csv', filename = true)")
    assert compare(benchmark, logs, other) == RUNS * STEPS * len(NAMES)


def test_stdout(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 15 MB a second, goal 40."""
    logs = generated(tmp_path / "logs", "train.log", stdout)
    assert compare(benchmark, logs, None) >= RUNS * STEPS


def test_events(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 300 k points a second, goal 1 M, and ten times EventAccumulator."""
    logs = generated(tmp_path / "logs", "events.out.tfevents.17000000{run:02d}.node", events, copies=True)
    has_tensorboard = importlib.util.find_spec("tensorboard") is not None
    other = ("EventAccumulator", ACCUMULATOR) if has_tensorboard else None
    assert compare(benchmark, logs, other) == RUNS * STEPS * len(NAMES)


def test_wandb(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 150 k points a second, goal 400 k."""
    logs = generated(tmp_path / "logs", "run-abc{run:02d}.wandb", blocklog, copies=True)
    assert compare(benchmark, logs, None) >= RUNS * STEPS * len(NAMES)
