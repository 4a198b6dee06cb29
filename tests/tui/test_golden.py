"""Whole screens as files, so that a change of a screen is read in a diff."""

import pytest

from tests.tui.harness import check_golden, press, running
from tests.tui.summaries import PlantedWalk, board

SIZES = [(80, 24), (120, 40)]
VIEWS = {
    "triage": ("j",),
    "run": ("j", "2"),
    "run-facts": ("j", "2", "tab"),
    "ladder": ("3",),
    "ladder-tables": ("3", "tab", "j"),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("view", VIEWS)
async def test_screen_is_drawn_as_in_its_golden_file(view: str, size: tuple[int, int]) -> None:
    """The same board, keys and size give the same characters."""
    async with running(PlantedWalk(board()), size) as app:
        check_golden(f"tui-{view}-{size[0]}x{size[1]}", await press(app, *VIEWS[view]))


@pytest.mark.parametrize("view", ["triage", "ladder"])
async def test_screen_without_unicode_holds_only_ascii(view: str) -> None:
    """A locale that cannot show more gets every sign in ASCII, names included."""
    async with running(PlantedWalk(board()), ascii=True) as app:
        drawn = await press(app, *VIEWS[view])
        assert drawn.isascii()
        check_golden(f"tui-{view}-ascii", drawn)


async def test_empty_notebook_explains_itself() -> None:
    """A person who starts without a log reads what to type."""
    async with running(PlantedWalk(None)) as app:
        drawn = await press(app)
        assert "labbook demo" in drawn and "labbook ingest PATH" in drawn
        check_golden("tui-empty", drawn)
