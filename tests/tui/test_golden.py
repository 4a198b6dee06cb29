"""Whole screens as files, so that a change of a screen is read in a diff."""

import pytest

from tests.tui.harness import check_golden, press, running
from tests.tui.summaries import PlantedWalk, board

SIZES = [(80, 24), (120, 40)]
VIEWS = {
    "triage": ("j",),
    "help": ("question_mark",),
    "run": ("escape", "2"),
    "run-facts": ("tab",),
    "ladder": ("3",),
    "ladder-tables": ("tab", "j"),
}
"""Keys from each view to the next."""


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_screens_are_drawn_as_in_their_golden_files(size: tuple[int, int]) -> None:
    """The same board, keys and size give the same characters."""
    async with running(PlantedWalk(board()), size) as app:
        drawn = {name: await press(app, *keys) for name, keys in VIEWS.items()}
    for name, text in drawn.items():
        check_golden(f"tui-{name}-{size[0]}x{size[1]}", text)


@pytest.mark.parametrize(("view", "key"), [("triage", "j"), ("ladder", "3")])
async def test_screen_without_unicode_holds_only_ascii(view: str, key: str) -> None:
    """A locale that cannot show more gets every sign in ASCII, names included."""
    async with running(PlantedWalk(board()), ascii=True) as app:
        drawn = await press(app, key)
        assert drawn.isascii()
        check_golden(f"tui-{view}-ascii", drawn)


async def test_empty_notebook_explains_itself() -> None:
    """A person who starts without a log reads what to type."""
    async with running(PlantedWalk(None)) as app:
        drawn = await press(app)
        assert "labbook demo" in drawn and "labbook ingest PATH" in drawn
        check_golden("tui-empty", drawn)
