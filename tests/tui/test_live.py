"""The app over real logs: the sample ladder, a log that grows, a notebook that is already there."""

import asyncio
import shutil
import time
from pathlib import Path

from textual.pilot import Pilot

from labbook.cli.session import Session
from labbook.store import Notebook
from labbook.summary import RunView
from labbook.tui.app import LabbookApp
from labbook.workbook import Workbook
from tests.tui.harness import settle, text


async def until(app: LabbookApp, pilot: Pilot[int], wanted: str, seconds: float = 30.0) -> float:
    """Seconds until the screen shows the text."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while wanted not in text(app):
            await pilot.pause(0.05)
    return time.monotonic() - started


def run_named(app: LabbookApp, name: str) -> RunView:
    """The run as the app holds it."""
    summary = app.shown.summary
    assert summary is not None
    return next(r for r in summary.runs if r.name == name)


async def test_the_sample_ladder_from_first_frame_to_report(sample_runs: Path, tmp_path: Path) -> None:
    """Board, run, ladder and export over the 34 real runs at 80x24."""
    with Notebook.open(":memory:") as notebook:
        app = LabbookApp(Session(notebook, [sample_runs], tmp_path), poll_s=0.2)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(app, pilot, "under-trained")
            assert "34 runs" in text(app)
            await pilot.press("3")
            await settle(app, pilot)
            await until(app, pilot, "kaplan-floor")
            assert "●" in text(app)
            await pilot.press("e")
            async with asyncio.timeout(20):
                while not (written := list(tmp_path.glob("labbook-cpython*.md"))):
                    await pilot.pause(0.05)
        assert app.join()
    report = written[0].read_text()
    assert "kaplan fits better than chinchilla" in report


async def test_an_appended_line_moves_its_row_within_two_seconds(sample_runs: Path, tmp_path: Path) -> None:
    """A real file, a real notebook on disk, the poll of the real app; cursor and filter stay."""
    root = tmp_path / "runs"
    shutil.copytree(sample_runs / "pyloop", root)
    log = root / "d16-D6.4M" / "train.log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:120]))
    with Notebook.open(tmp_path / "notebook") as notebook:
        app = LabbookApp(Session(notebook, [root], tmp_path), poll_s=1.0)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(app, pilot, "d16-D6.4M")
            before = run_named(app, "d16-D6.4M").step
            await asyncio.sleep(1.0)
            with log.open("a") as f:
                f.write("iter 1000: loss 2.2000, time 40.00ms, mfu -100.00%\n")
            started = time.monotonic()
            async with asyncio.timeout(20):
                while run_named(app, "d16-D6.4M").step == before:
                    await pilot.pause(0.02)
            took = time.monotonic() - started
            await until(app, pilot, "64%")
        assert app.join()
    assert before is not None
    assert before < 1000
    assert took < 10, "two seconds on an idle machine; far more means that it was not the poll that saw it"


async def test_the_last_board_is_drawn_before_the_logs_are_read(sample_runs: Path, tmp_path: Path) -> None:
    """A second start with the logs gone still shows the runs, marked as old."""
    root = tmp_path / "runs"
    shutil.copytree(sample_runs / "pyloop", root)
    with Workbook(Notebook.open(tmp_path / "notebook"), roots=[root]) as book:
        book.refresh(lambda _: None)
    shutil.rmtree(root)
    with Notebook.open(tmp_path / "notebook") as notebook:
        app = LabbookApp(Session(notebook, [root], tmp_path), poll_s=60.0)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(app, pilot, "d16-D0.4M")
        assert app.join()
