"""What happens while logs grow: the first frames, live boards, failures, and what stays where it was."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from labbook.errors import NotebookBusy
from labbook.summary import Progress, Summary
from labbook.tui.app import LabbookApp
from labbook.tui.screens.triage import TriageScreen
from labbook.tui.widgets.lines import Lines
from tests.tui.harness import Running, press, running, settle, text
from tests.tui.summaries import NOW, PlantedWalk, board, ladder_runs, run


def many(count: int = 60) -> list[str]:
    """Names of runs that fill more than a screen."""
    return [f"run{i:03d}" for i in range(count)]


def plain_board(names: list[str], **changes: object) -> Summary:
    """A board without a ladder."""
    return board([run(name, ladder=None, role="none") for name in names], **changes)


async def post(app: Running, walk: PlantedWalk, summary: Summary) -> str:
    """Let the next pass bring another board."""
    walk.pending.append(summary)
    await settle(*app, walk)
    return text(app[0])


class SlowWalk(PlantedWalk):
    """A walk that waits where the test says so."""

    def __init__(self, known: Summary | None) -> None:
        super().__init__(known)
        self.may_know, self.may_read = threading.Event(), threading.Event()

    def last_known(self) -> Summary | None:
        """Slow on a busy file system."""
        self.may_know.wait(20)
        return super().last_known()

    def refresh(self, post, progress, stop, force) -> None:  # type: ignore[no-untyped-def]
        """Slow on many logs; says how far it is."""
        progress(Progress(12, 200, 34_000_000, 2_000_000_000, "runs/d12/train.log"))
        while not self.may_read.wait(0.01) and not stop.is_set():
            pass
        super().refresh(post, progress, stop, force)


async def until(app: Running, words: str) -> str:
    """The screen once it holds the words."""
    async with asyncio.timeout(20):
        while words not in text(app[0]):
            await app[1].pause()
    return text(app[0])


async def test_frames_come_before_the_data_then_the_last_known_board_then_the_live_one() -> None:
    """Nothing waits for a log: the first frame is empty, the second old and marked so, the third live."""
    walk = SlowWalk(board(as_of=NOW - 7200, stale=True))
    app = LabbookApp(walk, clock=lambda: NOW, poll_s=60.0, ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = (app, pilot)
        assert "n100k" not in await until(shown, "reading the notebook...")
        walk.may_know.set()
        drawn = await until(shown, "last known, 2h00 old")
        assert "n100k-d200k" in drawn
        drawn = await until(shown, "reading 12 of 200 logs")
        assert "34MB runs/d12/train.log" in drawn
        walk.pending.append(board())
        walk.may_read.set()
        drawn = await until(shown, "live, <1m old")
        assert "reading" not in drawn
    assert app.join()


async def test_a_board_that_did_not_change_becomes_live_without_a_new_one() -> None:
    """The first pass went well and found nothing new."""
    async with running(PlantedWalk(board(stale=True))) as (app, _):
        assert "live" in text(app)


async def test_cursor_stays_on_its_run_when_rows_come_and_go() -> None:
    """The run under the cursor keeps its place on the screen, whatever is sorted above it."""
    names = many()
    walk = PlantedWalk(plain_board(names))
    async with running(walk) as app:
        await press(app, *(["ctrl+d"] * 6), "k", "k")
        widget = app[0].screen.query_one("#board", Lines)
        chosen, place = app[0].shown.run_id, widget.cursor - widget.top
        assert widget.top > 0
        drawn = await post(app, walk, plain_board(["aaa", "bbb", *names[:5], *names[6:]]))
        assert app[0].shown.run_id == chosen == widget.key
        assert widget.cursor - widget.top == place
        assert chosen is not None and chosen.removeprefix("id-") in drawn


async def test_cursor_takes_the_next_row_when_its_run_is_gone() -> None:
    """A run that was deleted leaves the cursor where it was."""
    walk = PlantedWalk(plain_board(many(10)))
    async with running(walk) as app:
        await press(app, "j", "j", "j")
        await post(app, walk, plain_board([n for n in many(10) if n != "run003"]))
        assert app[0].shown.run_id == "id-run004"


async def test_page_keeps_its_scroll_when_a_board_comes() -> None:
    """Reading the facts of a run is not interrupted by the run's next line."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        await press(app, "j", "2", "tab", "ctrl+d")
        page = app[0].screen.query_one("#page", Lines)
        top = page.top
        assert top > 0
        runs = ladder_runs()
        runs[1] = replace(runs[1], step=900.0)
        drawn = await post(app, walk, board(runs))
        assert page.top == top and app[0].shown.run is not None and app[0].shown.run.step == 900.0
        assert "n6400k-d3200k" in drawn


async def test_filter_and_order_survive_a_new_board() -> None:
    """What the person asked for is kept."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        await press(app, "o", "slash", *"n400k", "enter")
        await post(app, walk, board())
        assert app[0].shown.words == "n400k" and app[0].shown.sort == "name" and len(app[0].shown.runs) == 3


async def test_only_the_changed_row_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run's new step refreshes one line of the board."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        regions: list[tuple[object, ...]] = []
        widget = app[0].screen.query_one("#board", Lines)
        refresh = widget.refresh

        def record(*args: object, **named: object) -> Lines:
            regions.append(args)
            return refresh(*args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(widget, "refresh", record)
        runs = ladder_runs()
        runs[1] = replace(runs[1], step=1600.0, frac=0.8)
        assert " 80% " in await post(app, walk, board(runs))
        assert [[(r.y, r.height) for r in args] for args in regions] == [[(2, 1)]]  # type: ignore[attr-defined]


async def test_failure_keeps_the_board_and_says_how_old_it_is() -> None:
    """A file system that goes away takes nothing from the screen; its return clears the notice."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        walk.fails = "[red]Stale file handle[/]"
        await settle(*app, walk)
        drawn = text(app[0])
        assert "n100k-d200k" in drawn
        assert "! OSError: [red]Stale file handle[/]" in drawn and "reading failed, <1m old" in drawn
        walk.fails = ""
        await settle(*app, walk)
        assert "Stale" not in text(app[0]) and "live" in text(app[0])


async def test_a_busy_notebook_at_the_start_is_told_with_its_hint() -> None:
    """labbook's own errors come with what to do next."""

    class Busy(PlantedWalk):
        def last_known(self) -> Summary | None:
            raise NotebookBusy("the notebook is locked by node7:4242", "wait, or name another --notebook")

    walk = Busy(None)
    walk.fails = "still locked"
    app = LabbookApp(walk, clock=lambda: NOW, poll_s=60.0, ascii=False)
    async with app.run_test(size=(120, 24)) as pilot:
        await until((app, pilot), "! OSError: still locked")
        walk.fails = ""
        walk.pending.append(board())
        await settle(app, pilot, walk)
        assert "n100k-d200k" in text(app)
    assert app.join()


async def test_pause_stops_reading_and_r_reads_once() -> None:
    """p rests, the age stays visible; r is one pass that reads everything."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        assert "paused, <1m old" in await press(app, "p")
        passes = walk.passes
        walk.pending.append(plain_board(["later"]))
        app[0]._loader._wake.set()
        await asyncio.sleep(0.05)
        assert walk.passes == passes and walk.forced == 0
        await press(app, "r")
        await until(app, "later")
        assert walk.forced == 1
        await press(app, "p")
        assert "live" in text(app[0])


async def test_reading_again_says_that_nothing_changed() -> None:
    """A key that was pressed gets an answer."""
    async with running(PlantedWalk(board())) as app:
        await press(app, "r")
        await until(app, "read again: nothing changed")


async def test_an_export_that_fails_says_why() -> None:
    """The board stays."""

    class Full(PlantedWalk):
        def export(self, summary: Summary, target: str) -> str:
            raise OSError(28, "No space left on device")

    async with running(Full(board())) as app:
        drawn = await press(app, "e")
        assert "not written: OSError: [Errno 28] No space left on device" in drawn and "n100k-d200k" in drawn


async def test_curves_that_cannot_be_read_leave_the_facts() -> None:
    """The plot's place says why."""

    class Broken(PlantedWalk):
        def curves(self, run_id: str):  # type: ignore[no-untyped-def]
            raise OSError("no such file")

    async with running(Broken(board())) as app:
        drawn = await press(app, "2")
        assert "The curves could not be read: OSError: no such file" in drawn
        assert "ends at" in await press(app, "tab")


async def test_leaving_while_logs_are_read_ends_the_thread() -> None:
    """A pass looks at the stop event and the app waits for it."""
    walk = SlowWalk(board())
    walk.may_know.set()
    app = LabbookApp(walk, clock=lambda: NOW, poll_s=60.0, ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until((app, pilot), "reading 12 of 200 logs")
        assert isinstance(app.screen, TriageScreen)
        await pilot.press("q")
    assert app.join()
