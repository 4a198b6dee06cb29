"""How long the notebook takes; nothing here is asserted about time.

pytest tests/bench/test_bench_store.py --benchmark-enable
"""

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labbook.records import Fingerprint, RunPart, SourceState
from labbook.store import Notebook, SourceWrite

Benchmark = Callable[..., Any]
RUNS, POINTS = 100, 1000
SERIES = ("train", "lr", "grad_norm", "val", "step_ms", "a", "b", "c", "d", "e")


def _write(k: int, points: int, series: tuple[str, ...]) -> SourceWrite:
    part = RunPart(config={f"model.key_{i}": i for i in range(40)})
    values = np.random.default_rng(k).random(points)
    for name in series:
        columns = part.points(name)
        columns.step = array("d", np.arange(points, dtype=float).tobytes())
        columns.value = array("d", values.tobytes())
        columns.place = array("q", np.arange(points).tobytes())
        columns.segment = array("i", np.zeros(points, np.int32).tobytes())
        for missing in ("tokens", "epoch", "wall"):
            setattr(columns, missing, array("d", np.full(points, np.nan).tobytes()))
    path = f"/runs/{k:05d}/train.log"
    state = SourceState(path, "plain", Fingerprint(1, k, 100, 1.0, 100, "d"), offset=100)
    return SourceWrite(state, [(path, f"run {k}", f"/runs/{k:05d}", part)])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """2,000 runs of ten series, 1e6 points, sorted."""
    notebook = Notebook.open(tmp_path_factory.mktemp("large") / "notebook")
    for start in range(0, 2000, 250):
        notebook.write([_write(k, 50, SERIES) for k in range(start, start + 250)], 1.0)
    notebook.compact()
    return notebook


def test_load_a_million_points(benchmark: Benchmark, tmp_path: Path) -> None:
    """100 runs of ten series of 1,000 points, five batches of 200,000 points."""
    batches = [[_write(k, POINTS, SERIES) for k in range(a, a + 20)] for a in range(0, RUNS, 20)]
    folders = iter(tmp_path / str(k) for k in range(100))

    def load() -> int:
        with Notebook.open(next(folders)) as notebook:
            for batch in batches:
                notebook.write(batch, 1.0)
            return notebook.sizes().points

    assert benchmark.pedantic(load, rounds=3) == 1_000_000  # type: ignore[attr-defined]


def test_one_batch_of_200_000_points(benchmark: Benchmark, large: Notebook) -> None:
    """The write whose goal is 0.3 s, beside a million points."""
    batches = iter([[_write(k, POINTS, SERIES) for k in range(a, a + 20)] for a in range(10_000, 10_100, 20)])
    assert benchmark.pedantic(lambda: large.write(next(batches), 1.0), rounds=4) == 0  # type: ignore[attr-defined]


def test_all_runs(benchmark: Benchmark, large: Notebook) -> None:
    """2,000 runs with words and latest values, without points."""
    assert len(benchmark(large.runs)) >= 2000


def test_one_curve(benchmark: Benchmark, large: Notebook) -> None:
    """What opening a run costs."""
    run = large.runs()[0]
    key = (run.run_id, "train", run.sources[0].path)
    assert len(benchmark(lambda: large.curves([key]))[key]) > 0


def test_fifty_curves(benchmark: Benchmark, large: Notebook) -> None:
    """What opening a ladder costs."""
    keys = [(run.run_id, "train", run.sources[0].path) for run in large.runs()[:50]]
    assert len(benchmark(lambda: large.curves(keys))) == 50


def test_open_look_close(benchmark: Benchmark, large: Notebook) -> None:
    """The price of one visit."""

    def visit() -> object:
        with Notebook.open(large.where) as notebook:
            return notebook.given()

    assert benchmark(visit) == {}


def test_one_line_more(benchmark: Benchmark, large: Notebook) -> None:
    """What a live run costs with every look that finds news."""
    path = "/runs/00000/train.log"

    def append() -> int:
        stored = large.sources()[path]
        write = _write(0, 1, SERIES)
        write.base_offset, write.base_generation = stored.offset, stored.generation
        write.source.offset = stored.offset + 10
        return large.write([write], 1.0)

    assert benchmark(append) == 0
