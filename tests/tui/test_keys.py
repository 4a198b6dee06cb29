"""Every key that the help promises, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from labbook.tui.app import LabbookApp
from labbook.tui.keys import keys_of
from labbook.tui.messages import Choose
from labbook.tui.screens import SCREENS
from labbook.tui.screens.help import HelpScreen
from labbook.tui.screens.panes import Panes
from labbook.tui.widgets.lines import Lines
from tests.tui.harness import Running, press, running, settle, text
from tests.tui.summaries import PlantedWalk, board, ladder_runs

LEAVES = {"q", "ctrl+c"}
NOT_THERE = ("t", "i", "U", "L", "s", "space", "asterisk", "u", "4", "5", "6", "ctrl+s", "ctrl+q", "ctrl+b")


def two_ladders() -> PlantedWalk:
    """A board with a second ladder, so that stepping between ladders shows."""
    one = board()
    other = board(ladder_runs()[3:10]).ladders[0]
    return PlantedWalk(replace(one, ladders=(*one.ladders, replace(other, key="lad2", name="second"))))


async def prepare(app: Running, name: str) -> None:
    """A state of the screen in which every key has something to do: the middle of a list."""
    labbook, pilot = app
    labbook.action_go(name)
    labbook.shown = replace(labbook.shown, words="", following=True, notice="")
    labbook.screen.remove_class("-detail", "-filter")
    labbook.screen.set_focus(None)
    labbook.post_message(Choose(run_id="id-n100k-d800k", ladder_key="lad1"))
    await pilot.pause()
    if isinstance(labbook.screen, Panes):
        labbook.screen.add_class("-page")
        await settle(labbook, pilot)
        page = labbook.screen.lines("page")
        page.jump(next((i for i, key in enumerate(page._keys) if key), 2))
    await settle(labbook, pilot)


def signature(app: LabbookApp) -> tuple[object, ...]:
    """What a person could tell apart."""
    shown = app.shown
    places = [(widget.cursor, widget.top) for widget in app.screen.query(Lines)]
    return (
        type(app.screen).__name__,
        text(app),
        shown.following,
        shown.notice,
        shown.sort,
        shown.run_id,
        places,
    )


@pytest.mark.parametrize("name", [entry.name for entry in SCREENS])
async def test_every_action_of_the_help_does_something(name: str) -> None:
    """A key that is listed and changes nothing is a broken promise. One key of each action is pressed."""
    async with running(two_ladders()) as app:
        labbook, pilot = app
        await prepare(app, name)
        already = {f"go('{name}')", "quit", "suspend_process"} | ({"out"} if name == "triage" else set())
        keys = {a.binding.action: key for key, a in labbook.screen.active_bindings.items()}
        dead = []
        for action, key in keys.items():
            if action in already:
                continue  # leaving and clearing the filter have their own tests
            await prepare(app, name)
            before = signature(labbook)
            await pilot.press(key)
            await settle(labbook, pilot)
            if signature(labbook) == before:
                dead.append((action, key))
            if isinstance(labbook.screen, CommandPalette):
                await pilot.press("escape")
        assert dead == []


async def test_keys_that_are_not_there_yet_are_not_listed() -> None:
    """What a later release brings is offered nowhere, and the terminal's own keys are left alone."""
    async with running(PlantedWalk(board())) as (app, pilot):
        for entry in SCREENS:
            await pilot.press(entry.key)
            listed = [key for item in keys_of(app.screen) for key in item.keys]
            assert [key for key in NOT_THERE if key in listed or key in app.screen.active_bindings] == []
            assert [key for key in app.screen.active_bindings if "alt+" in key] == []


@pytest.mark.parametrize("key", sorted(LEAVES))
async def test_leaving_ends_the_app_and_its_thread(key: str) -> None:
    """q and ctrl+c leave with success, also while typing a filter for ctrl+c."""
    async with running(PlantedWalk(board())) as (app, pilot):
        if key == "ctrl+c":
            await pilot.press("slash")
        await pilot.press(key)
        await pilot.pause()
        assert app.return_code == 0
    assert app.join()


async def test_enter_goes_in_and_escape_comes_back_the_same_way() -> None:
    """Triage, run, ladder and back, with the run still under the cursor."""
    async with running(PlantedWalk(board())) as app:
        labbook, _ = app
        await press(app, "j", "enter")
        assert labbook.screen.name == "run" or labbook._at == "run"
        await press(app, "enter")
        assert labbook._at == "ladder"
        await press(app, "escape")
        assert labbook._at == "run"
        drawn = await press(app, "escape")
        assert labbook._at == "triage" and "2/12" in drawn


async def test_cursor_moves_by_row_half_page_and_to_the_ends() -> None:
    """j k and arrows, ctrl+d ctrl+u, g G."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        labbook, _ = app
        widget = labbook.screen.query_one("#board", Lines)
        for keys, cursor in (
            (("j", "down"), 2), (("k",), 1), (("up",), 0), (("k",), 0), (("G",), 11), (("j",), 11),
            (("g",), 0), (("ctrl+d",), widget.page // 2), (("ctrl+u",), 0), (("end",), 11), (("home",), 0),
        ):  # fmt: skip
            await press(app, *keys)
            assert widget.cursor == cursor, keys
            assert labbook.shown.run_id == labbook.shown.runs[cursor].run_id


async def test_filter_keeps_runs_that_have_every_word() -> None:
    """Words filter while they are typed, -word leaves out, enter keeps, esc clears."""
    async with running(PlantedWalk(board())) as app:
        labbook, _ = app
        drawn = await press(app, "slash", *"n100k -d200k")
        assert [r.name for r in labbook.shown.runs] == ["n100k-d800k", "n100k-d3200k"]
        assert "1/2, 10 hidden" in drawn
        assert drawn.endswith("up down move  enter keep  esc clear  ctrl+c quit")
        drawn = await press(app, "enter")
        assert "filter: n100k -d200k" in drawn and not labbook.screen.query_one(Input).display
        await press(app, "escape")
        assert len(labbook.shown.runs) == 12


async def test_filter_without_a_match_says_so() -> None:
    """An empty board explains how to get the runs back."""
    async with running(PlantedWalk(board())) as app:
        drawn = await press(app, "slash", *"nosuchrun", "enter")
        assert "No run matches: nosuchrun" in drawn and "esc clears" in drawn


async def test_preset_filter_is_shown_and_cleared_by_escape() -> None:
    """`labbook PATH` opens on the runs below the path."""
    async with running(PlantedWalk(board()), scope="/home/me/runs/n400k") as app:
        labbook, _ = app
        assert len(labbook.shown.runs) == 3
        assert "filter: /home/me/runs/n400k" in text(labbook)
        await press(app, "escape")
        assert len(labbook.shown.runs) == 12


async def test_preset_filter_that_matches_nothing_gives_way() -> None:
    """Opening on an empty board would hide what the notebook has."""
    async with running(PlantedWalk(board()), scope="/elsewhere") as app:
        assert len(app[0].shown.runs) == 12
        assert "no run matches /elsewhere; all are shown" in text(app[0])


async def test_matches_are_walked_around_the_end() -> None:
    """n and N go through what the filter left, in a circle."""
    async with running(PlantedWalk(board())) as app:
        labbook, _ = app
        await press(app, "slash", *"n400k", "enter", "n", "n", "n")
        assert labbook.shown.run_id == labbook.shown.runs[0].run_id
        await press(app, "N")
        assert labbook.shown.run_id == labbook.shown.runs[-1].run_id


async def test_sort_goes_through_the_orders_and_names_the_order() -> None:
    """o sorts by name first; the run under the cursor stays under it."""
    async with running(PlantedWalk(board())) as app:
        labbook, _ = app
        drawn = await press(app, "o")
        names = [r.name.lower() for r in labbook.shown.runs]
        assert names == sorted(names) and "by name" in drawn
        assert labbook.shown.run is not None and labbook.shown.run.name == "lr30x"
        await press(app, "o")
        losses = [r.loss.value for r in labbook.shown.runs if r.loss]
        assert losses == sorted(losses)


async def test_detail_can_fill_the_screen() -> None:
    """tab shows all answers where the terminal is small."""
    async with running(PlantedWalk(board()), (40, 12)) as app:
        assert "advice" not in text(app[0])
        drawn = await press(app, "tab", "ctrl+d", "ctrl+d", "ctrl+d", "ctrl+d")
        assert "lower the learning rate" in drawn


async def test_run_screen_steps_through_the_rows_of_the_board() -> None:
    """] and [ (n and N) look at the next and previous run of the filter, around the end."""
    async with running(PlantedWalk(board())) as app:
        drawn = await press(app, "slash", *"n400k", "enter", "enter", "right_square_bracket")
        assert "n400k-d800k" in drawn
        drawn = await press(app, "left_square_bracket", "left_square_bracket")
        assert "n400k-d3200k" in drawn and "3/3" in drawn
        drawn = await press(app, "down")
        assert "n400k-d200k" in drawn and "1/3" in drawn


async def test_axes_of_the_curves_change_by_key() -> None:
    """x and y switch between log and linear, X between step and tokens."""
    async with running(PlantedWalk(board())) as app:
        start = await press(app, "2")
        assert "against step" in start and "⠒⠒ train   ▼ flagged   ● val" in start
        log_x = await press(app, "x")
        assert " 10 " in log_x and " 100 " in log_x
        assert await press(app, "x") == start
        assert await press(app, "y") != start
        assert "against tokens" in await press(app, "X")


async def test_learning_rate_stands_under_the_loss_where_there_is_room() -> None:
    """Tall terminals show it, 24 lines do not."""
    async with running(PlantedWalk(board()), (120, 40)) as app:
        assert "lr against step" in await press(app, "2")
    async with running(PlantedWalk(board())) as app:
        assert "lr against step" not in await press(app, "2")


async def test_ladder_is_drawn_against_n_d_and_c() -> None:
    """X goes through the three axes; the legend names the group of every marker."""
    async with running(PlantedWalk(board())) as app:
        assert "● D 200K   ■ D 800K   ▲ D 3.2M   ○ left out" in await press(app, "3")
        drawn = await press(app, "X")
        assert "● N 100K   ■ N 400K   ▲ N 1.6M" in drawn and "nats/byte against D" in drawn
        assert "nats/byte against C" in await press(app, "X")
        assert "nats/byte against N" in await press(app, "X")


async def test_ladders_are_chosen_by_brackets_and_on_the_plot_by_arrows() -> None:
    """Two ladders, in a circle."""
    async with running(two_ladders()) as app:
        assert "ladder 1/2" in await press(app, "3")
        assert "second" in await press(app, "right_square_bracket")
        assert "ladder 1/2" in await press(app, "down")
        assert "ladder 2/2" in await press(app, "left_square_bracket")
        assert "ladder 1/2" in await press(app, "k")


async def test_a_row_of_the_tables_leads_to_its_run() -> None:
    """The line of a rung is a way into the run."""
    async with running(PlantedWalk(board())) as app:
        labbook, _ = app
        await press(app, "3", "tab")
        page = labbook.screen.query_one("#page", Lines)
        page.jump(list(page._keys).index("id-n400k-d800k"))
        assert "n400k-d800k" in await press(app, "enter")
        assert labbook._at == "run"


async def test_fits_that_are_being_computed_are_announced() -> None:
    """The rungs are drawn without a law meanwhile."""
    async with running(PlantedWalk(board(computing=True))) as app:
        drawn = await press(app, "3")
        assert "fits are being computed" in drawn and "● D 200K" in drawn


@pytest.mark.parametrize(("keys", "target"), [((), ""), (("2",), "id-lr30x"), (("3",), "lad1")])
async def test_export_writes_what_the_screen_shows(keys: tuple[str, ...], target: str) -> None:
    """e names the file it wrote."""
    walk = PlantedWalk(board())
    async with running(walk) as app:
        drawn = await press(app, *keys, "e")
        assert walk.exported == [target]
        assert f"written: /tmp/report-{target or 'board'}.md" in drawn


async def test_help_is_opened_by_both_keys_and_left_by_escape() -> None:
    """? and F1, about the screen below."""
    async with running(PlantedWalk(board())) as app:
        for key, name in (("question_mark", "triage"), ("f1", "ladder")):
            app[0].action_go(name)
            drawn = await press(app, key)
            assert isinstance(app[0].screen, HelpScreen)
            assert f"On {name.title()}" in drawn and "read now" in drawn
            await press(app, "escape")
            assert not isinstance(app[0].screen, HelpScreen)


async def test_palette_finds_actions_and_runs() -> None:
    """ctrl+p, some letters, enter."""
    async with running(PlantedWalk(board())) as app:
        labbook, pilot = app
        await press(app, "ctrl+p", *"n1600k-d800k")
        await pilot.pause(0.3)
        await press(app, "enter")
        await settle(labbook, pilot)
        assert labbook._at == "run" and labbook.shown.run_id == "id-n1600k-d800k"
