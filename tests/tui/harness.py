"""The app under test: run over planted boards with a frozen clock, read as text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widget import Widget

from labbook.tui.app import LabbookApp
from labbook.tui.widgets.plotview import PlotView
from tests.tui.summaries import NOW, PlantedWalk

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
Running = tuple[LabbookApp, Pilot[int]]


@asynccontextmanager
async def running(
    walk: PlantedWalk,
    size: tuple[int, int] = (80, 24),
    *,
    scope: str = "",
    ascii: bool = False,  # noqa: A002
) -> AsyncIterator[Running]:
    """The app after it read the notebook and the logs."""
    app = LabbookApp(walk, clock=lambda: NOW, poll_s=60.0, scope=scope, ascii=ascii)
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot, walk)
        yield app, pilot
    assert app.join()


async def settle(app: LabbookApp, pilot: Pilot[int], walk: PlantedWalk | None = None) -> None:
    """Until two passes began (so one ended), every worker is done and the screen is drawn."""
    if walk is not None:
        async with asyncio.timeout(20):
            target = walk.passes + 2
            while walk.passes < target:
                app._loader.follow(True)  # wakes it; the long poll keeps the process idle for Pilot
                await asyncio.sleep(0.005)
    async with asyncio.timeout(20):
        same = 0
        while same < 2:  # a screen that is still on its way up has no plot to wait for yet
            before = app.screen
            await pilot.pause()
            same = same + 1 if is_drawn(app) and app.screen is before else 0


def is_drawn(app: LabbookApp) -> bool:
    """No plot in sight waits for its worker."""
    busy = any(not worker.is_finished for worker in app.workers)
    return not busy and all(plot.is_drawn for plot in app.screen.query(PlotView) if in_sight(plot))


def in_sight(widget: Widget) -> bool:
    """Neither the widget nor what it stands in is hidden."""
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))


async def press(running: Running, *keys: str) -> str:
    """Type, wait until everything is drawn, and read the screen."""
    app, pilot = running
    for key in keys:
        await pilot.press(key)
    await settle(app, pilot)
    return text(app)


def text(app: LabbookApp) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def check_golden(name: str, drawn: str) -> None:
    """`drawn` is what tests/golden/NAME.txt holds; LABBOOK_GOLDEN=write writes it anew."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("LABBOOK_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == drawn + "\n"
