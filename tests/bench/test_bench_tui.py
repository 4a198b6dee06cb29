"""How long a person looks at an empty terminal, and what one redraw costs. Run with --benchmark-only."""

from __future__ import annotations

import asyncio

from pytest_benchmark.fixture import BenchmarkFixture

from labbook.report.plot import draw, ladder_spec
from labbook.summary import Summary
from labbook.tui import board as rows
from labbook.tui.app import LabbookApp
from labbook.tui.shown import SORTS, Shown, visible
from tests.tui.summaries import NOW, PlantedWalk, board, run


def large(count: int = 2000) -> Summary:
    """A board of many runs."""
    return board([run(f"run{i:04d}", ladder=None, role="none") for i in range(count)])


def test_first_frame_of_2000_runs(benchmark: BenchmarkFixture) -> None:
    """From nothing to the last known board on the screen, without Python's start and imports (goal 400 ms)."""
    summary = large()

    async def start() -> None:
        app = LabbookApp(PlantedWalk(summary), clock=lambda: NOW, poll_s=60.0)
        async with app.run_test(size=(160, 45)):
            while not app.shown.runs:
                await asyncio.sleep(0.001)
        app.join()

    benchmark.pedantic(lambda: asyncio.run(start()), rounds=5, warmup_rounds=1)


def test_filter_and_sort_2000_runs(benchmark: BenchmarkFixture) -> None:
    """One letter typed into the filter."""
    summary = large()
    assert len(benchmark(visible, summary, "run1", SORTS[2])) == 1000


def test_draw_the_rows_of_one_screen(benchmark: BenchmarkFixture) -> None:
    """The cost of a refresh that changes nothing: forty rows are drawn and compared."""
    summary = large(40)
    shown = Shown(summary=summary, runs=summary.runs, now=NOW)
    benchmark(lambda: [rows.row(r, shown, 160) for r in shown.runs])


def test_draw_a_ladder_plot(benchmark: BenchmarkFixture) -> None:
    """118x32 without a law (the fit has its own benchmark)."""
    spec = ladder_spec(board().ladders[0], "N")
    assert len(benchmark(draw, spec, 118, 32, color=True)) == 32
