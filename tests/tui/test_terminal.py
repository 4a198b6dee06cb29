"""Sizes, characters, names anyone may have written, and what is imported before the first frame."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labbook.report.cells import cell_width
from labbook.tui import NO_TERMINAL, board, run
from labbook.tui.screens import SCREENS
from labbook.tui.spans import plain, strip
from labbook.tui.terminal import can_draw
from tests.tui import summaries
from tests.tui.harness import press, running, text
from tests.tui.summaries import HOSTILE, PlantedWalk


@pytest.mark.parametrize("size", [(20, 5), (39, 24), (80, 9)])
async def test_too_small_a_terminal_says_what_it_needs(size: tuple[int, int]) -> None:
    """One line and no crash, on every screen; a larger window brings everything back."""
    async with running(PlantedWalk(summaries.board()), size) as (app, pilot):
        for entry in SCREENS:
            await pilot.press(entry.key)
            await pilot.pause()
            assert text(app).strip() == "labbook needs 40x10"
        await pilot.press("1")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "n100k-d200k" in text(app)


async def test_a_terminal_of_one_cell_is_survived() -> None:
    """Window managers pass through such sizes."""
    async with running(PlantedWalk(summaries.board()), (1, 1)) as (app, pilot):
        await pilot.press("2", "3", "question_mark")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "On Ladder" in text(app)


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (200, 60)])
async def test_every_screen_fits_the_terminal(size: tuple[int, int]) -> None:
    """Bars at both ends and no line wider than the terminal."""
    async with running(PlantedWalk(summaries.board()), size) as app:
        for keys in (("1",), ("2",), ("tab",), ("3",), ("tab",), ("question_mark",)):
            lines = (await press(app, *keys)).split("\n")
            assert len(lines) == size[1] and max(map(cell_width, lines)) <= size[0]
            assert lines[0].startswith("labbook ") and "quit" in lines[-1]


async def test_wide_terminals_put_the_detail_beside_the_board() -> None:
    """Rows are not pushed away by the answers."""
    async with running(PlantedWalk(summaries.board()), (170, 24)) as (app, _):
        assert any("✗ diverged" in row and "alive" in row for row in text(app).split("\n"))


async def test_hostile_names_are_literal_text() -> None:
    """Markup is shown as it is written; control characters and escapes never reach a cell."""
    async with running(PlantedWalk(summaries.board()), (160, 40)) as app:
        await press(app, "j", "j")
        for keys in ((), ("2",), ("tab",), ("3",)):
            drawn = await press(app, *keys)
            assert all(c.isprintable() or c == "\n" for c in drawn)
            if keys != ("3",):
                assert "[red]x[/]" in drawn
        assert HOSTILE not in drawn


@pytest.mark.parametrize("width", range(40, 181, 7))
def test_board_rows_fill_no_more_than_the_width(width: int) -> None:
    """Every row and the heading are equally long, and the columns stand under their titles."""
    from labbook.tui.shown import Shown, visible

    summary = summaries.board()
    shown = Shown(summary=summary, runs=visible(summary, "", "severity"), now=summaries.NOW)
    lines = [board.heading(width, "severity"), *(board.row(r, shown, width) for r in shown.runs)]
    assert len({cell_width(plain(line)) for line in lines}) == 1
    assert cell_width(plain(lines[0])) <= width
    assert plain(lines[0]).startswith("state") and " loss" in plain(lines[0])


def test_wider_boards_only_add_columns() -> None:
    """A column that fits in a narrow terminal is there in every wider one."""
    before: set[str] = set()
    for width in range(40, 180):
        titles = {column.title for column, _ in board.layout(width)}
        assert before <= titles
        before = titles
    for title in [
        "state",
        "run",
        "done",
        "step",
        "loss",
        "tok/s",
        "ETA",
        "N",
        "D",
        "resid%",
        "regime",
        "flags",
    ]:
        assert title in before


def test_strip_is_as_wide_as_asked_and_ascii_where_asked() -> None:
    """Wide characters are not cut in half; the app's signs have ASCII ones."""
    line = (("✓ done ", "green"), ("日本語" * 10, ""))
    for width in range(1, 30):
        assert strip(line, width).cell_length == width
    assert strip(line, 20, ascii=True).text.startswith("+ done") and strip(line, 20, ascii=True).text.isascii()


@pytest.mark.parametrize(
    ("locale", "unicode"),
    [({"LC_ALL": "C"}, False), ({"LC_ALL": "de_DE.ISO-8859-1"}, False), ({"LANG": "en_US.UTF-8"}, True)],
)
def test_the_locale_decides_the_characters(locale: dict[str, str], unicode: bool) -> None:
    """Asked in a fresh interpreter, as the locale is read once."""
    code = "import sys; from labbook.text import speaks_unicode; print(speaks_unicode(sys.stderr.encoding))"
    env = {"PATH": "/usr/bin:/bin", **locale}
    if locale.get("LC_ALL", "").endswith("8859-1"):
        env["PYTHONIOENCODING"] = "iso8859-1"  # the machine may lack the locale itself
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(unicode)


def test_without_a_terminal_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped or dumb, the app refuses at once instead of drawing to stderr for ever."""
    monkeypatch.setenv("TERM", "xterm")
    assert not can_draw()  # pytest's stdin is no terminal
    assert run(PlantedWalk(summaries.board())) == NO_TERMINAL
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for term, drawn in (("xterm", True), ("dumb", False), ("", False)):
        monkeypatch.setenv("TERM", term)
        assert can_draw() is drawn


def test_the_first_frame_imports_nothing_heavy() -> None:
    """Importing the package needs no Textual; the app needs Textual alone."""
    code = (
        "import sys; import labbook.tui; assert 'textual' not in sys.modules;"
        "import labbook.tui.app; print({'numpy', 'scipy', 'duckdb', 'plotext'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
