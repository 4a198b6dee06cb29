"""Plots as text: exact characters, values that cannot be drawn, ticks, what must be told apart."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.records import Curve
from labbook.report.axes import limits, thinned, ticks
from labbook.report.cells import cell_width
from labbook.report.plot import (
    MARKERS,
    Series,
    Spec,
    curve_spec,
    draw,
    ladder_spec,
    preferred_law,
    rate_spec,
)
from labbook.text import strip_escapes
from tests.tui.summaries import board, curves, ladder, law_loss, run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NAN, INF = float("nan"), float("inf")


def check_golden(name: str, lines: list[str]) -> None:
    """The lines are what the file holds; LABBOOK_GOLDEN=write writes it anew."""
    path, text = GOLDEN / f"{name}.txt", "\n".join(line.rstrip() for line in lines) + "\n"
    if os.environ.get("LABBOOK_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def planted(N: np.ndarray, D: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The law of the planted ladder, over arrays."""
    return np.asarray([law_loss(n, d) for n, d in zip(N, D, strict=True)])


def spread(N: np.ndarray, D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A band of three percent about it."""
    return 0.97 * planted(N, D), 1.03 * planted(N, D)


def points(x: list[float], y: list[float], **changes: object) -> Spec:
    """A plot of points on linear axes."""
    series = Series("points", np.array(x), np.array(y), "points")
    return Spec("title", "x", "y", (series,), **changes)  # type: ignore[arg-type]


def canvas(lines: list[str]) -> list[str]:
    """What stands inside the frame."""
    rows = [line for line in lines if "│" in line or "┤" in line]
    return [row.replace("┤", "│").split("│")[1] for row in rows]


@pytest.mark.parametrize("x", ["N", "D", "C"])
def test_ladder_plot_has_lines_rungs_band_and_runs_left_out(x: str) -> None:
    """One line of the law for each group, its rungs by marker, open circles for what is not in the fit."""
    spec = ladder_spec(board().ladders[0], x, planted, spread)  # type: ignore[arg-type]
    lines = draw(spec, 80, 24, color=False)
    inside = "".join(canvas(lines))
    seen = [inside.count(m) for m in MARKERS[:3]]
    assert seen == [3, 3, 3] if x != "C" else min(seen) >= 1  # over C rungs of two groups may share a cell
    assert inside.count("○") == 2 and "░" in inside
    check_golden(f"plot-ladder-{x}", lines)


def test_ladder_plot_in_ascii_keeps_groups_apart_by_letters() -> None:
    """Every character is ASCII, groups are a, b, c and left-out runs o."""
    lines = draw(ladder_spec(board().ladders[0], "N", planted, spread), 80, 24, color=False, ascii=True)
    assert all(line.isascii() for line in lines)
    assert any("a D 200K   b D 800K   c D 3.2M   o left out" in line for line in lines)
    check_golden("plot-ladder-ascii", lines)


def test_curve_plot_has_a_line_for_training_and_points_for_validation() -> None:
    """Training in braille dots, every evaluation by its marker."""
    lines = draw(curve_spec(curves("a"), title="loss", unit="nats/byte"), 80, 20, color=False)
    assert "⠒⠒ train   ● val" in lines[1]
    assert "".join(canvas(lines)).count("●") >= 18
    check_golden("plot-curve", lines)


def test_flags_are_marked_on_the_curve_where_they_began() -> None:
    """Level with the training loss of their step, also over tokens; before the first point at the first."""
    plain = "".join(canvas(draw(curve_spec(curves("a")), 80, 20, color=False)))
    for x in ("step", "tokens"):
        spec = curve_spec(curves("a"), x=x, flagged=(1.0, 1000.0))  # type: ignore[arg-type]
        lines = draw(spec, 80, 20, color=False)
        columns = [row.index("▼") for row in canvas(lines) if "▼" in row]
        assert "▼ flagged" in lines[0] and len(columns) == 2
        assert columns[0] < 4 and 30 < columns[1] < 43
    assert "▼" not in plain


def test_curve_over_tokens_and_log_axes() -> None:
    """The same values over tokens, both axes logarithmic."""
    lines = draw(curve_spec(curves("a"), x="tokens", log_x=True), 80, 16, color=False)
    assert "against tokens" in lines[-1] and " 1M " in lines[-2] and " 10M " in lines[-2]


def test_learning_rate_is_drawn_where_the_log_has_it() -> None:
    """And is no plot at all where it does not."""
    assert rate_spec({}) is None
    spec = rate_spec(curves("a"))
    assert spec is not None and "lr against step" in draw(spec, 80, 9, color=False)[-1]


def test_the_same_input_gives_the_same_lines_whatever_was_drawn_between() -> None:
    """plotext keeps one figure for the whole process; nothing of the last plot may stay in it."""
    spec = ladder_spec(board().ladders[0], "N", planted, spread)
    first = draw(spec, 70, 20, color=True)
    draw(curve_spec(curves("a")), 90, 30, color=False)
    assert draw(spec, 70, 20, color=True) == first


def test_threads_that_draw_at_once_get_their_own_plots() -> None:
    """Two plots in four threads, twenty times each: every one as if it were alone."""
    specs = [ladder_spec(board().ladders[0], "N", planted), curve_spec(curves("a"))]
    alone = [draw(spec, 80, 20, color=True) for spec in specs]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(20):
            if draw(specs[k % 2], 80, 20, color=True) != alone[k % 2]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_colour_only_adds_escapes() -> None:
    """Without them the characters are the same, so nothing is said by colour alone."""
    spec = ladder_spec(board().ladders[0], "N", planted, spread)
    coloured, plain = (draw(spec, 80, 24, color=color) for color in (True, False))
    assert [strip_escapes(line) for line in coloured] == plain
    assert any("\x1b[" in line for line in coloured) and not any("\x1b" in line for line in plain)
    assert not any("48;" in line for line in coloured)  # no painted background


@pytest.mark.parametrize("size", [(24, 6), (40, 10), (80, 24), (133, 51)])
def test_lines_fill_the_size_exactly(size: tuple[int, int]) -> None:
    """A widget can put them down as they are."""
    for spec in (ladder_spec(board().ladders[0], "N", planted, spread), curve_spec(curves("a"))):
        lines = draw(spec, *size, color=False)
        assert len(lines) == size[1] and {cell_width(line) for line in lines} == {size[0]}


@pytest.mark.parametrize("size", [(23, 7), (24, 5), (1, 1), (0, 5)])
def test_too_small_a_size_says_so(size: tuple[int, int]) -> None:
    """As much of a sentence as fits instead of a plot."""
    lines = draw(points([1, 2], [1, 2]), *size, color=False)
    assert len(lines) == size[1]
    if size[0] > 20:
        assert "a plot needs 24x6" in "".join(lines)


@pytest.mark.parametrize("values", [[], [NAN, INF], [-1.0, 0.0]])
def test_nothing_to_draw_says_so(values: list[float]) -> None:
    """No point is left that a log axis can show."""
    lines = draw(points([1.0] * len(values), values, log_y=True), 60, 12, color=False)
    assert "nothing to draw yet" in "".join(lines)


def test_values_that_cannot_be_drawn_are_left_out() -> None:
    """NaN, infinity, and zero or less on a log axis; the others stay where they are."""
    good = points([1, 10, 100], [2, 3, 4], log_x=True, log_y=True)
    mixed = points([1, 0, 10, -5, 100, 7, NAN], [2, 3, 3, 3, 4, INF, 3], log_x=True, log_y=True)
    assert draw(mixed, 60, 15, color=False) == draw(good, 60, 15, color=False)


def test_one_point_is_drawn_in_the_middle() -> None:
    """An axis needs a width even where the values have none."""
    assert "".join(canvas(draw(points([5], [3]), 60, 15, color=False))).count("●") == 1


def test_legend_stands_above_the_frame() -> None:
    """It covers no point."""
    lines = draw(points([0, 1], [0, 1]), 60, 15, color=False)
    assert lines[0].startswith("title") and lines[1].startswith("● points") and "┌" in lines[2]


def test_a_ladder_without_a_law_shows_its_rungs() -> None:
    """While the fits are being computed."""
    view = board(computing=True).ladders[0]
    assert preferred_law(view) == (None, None)
    lines = draw(ladder_spec(view, "N"), 80, 24, color=False)
    assert "no law yet" in lines[0] and "".join(canvas(lines)).count("●") == 3


def test_preferred_law_of_a_ladder_comes_with_its_interval() -> None:
    """Fitted again where the notebook kept the parameters only; the band holds the law and widens outside."""
    law, band = preferred_law(board().ladders[0])
    assert law is not None and band is not None
    N, D = np.array([4e5, 4e8]), np.array([8e5, 8e8])
    low, high = band(N, D)
    assert np.all((low < law(N, D)) & (law(N, D) < high))
    assert (high / low)[1] > (high / low)[0]
    assert law(N, D)[0] == pytest.approx(law_loss(4e5, 8e5), rel=0.01)


def test_more_groups_than_markers_are_drawn_as_dots() -> None:
    """Six lines at most, both ends among them; the rest of the rungs stay visible."""
    rungs = [run(f"r{k}", 1e5 * 2**k, 3e5 * 2**k) for k in range(10)]
    lines = draw(ladder_spec(ladder(rungs), "N", planted), 100, 30, color=False)
    inside = "".join(canvas(lines))
    assert inside.count("•") == 4 and all(inside.count(m) == 1 for m in MARKERS)
    assert any("• others" in line for line in lines)


def test_replicates_share_a_group() -> None:
    """D that agrees within three percent is one line."""
    rungs = [run("a", 1e5, 1e6), run("b", 4e5, 1.02e6), run("c", 1.6e6, 2e6)]
    legend = draw(ladder_spec(ladder(rungs), "N"), 80, 24, color=False)[1]
    assert "● D 1.01M   ■ D 2M" in legend


def test_a_long_curve_keeps_its_spikes() -> None:
    """Thinning keeps the least and the greatest value of every column."""
    step = np.arange(1.0, 200_001.0)
    value = np.full_like(step, 2.0)
    value[77_777] = 9.0
    missing = np.full_like(step, NAN)
    curve = Curve("train", step, value, missing, missing, missing, np.zeros(len(step), dtype=np.int32))
    lines = draw(curve_spec({"train": curve}, log_y=False), 80, 20, color=False)
    assert any("⡇" in row or "⢸" in row for row in canvas(lines)[1:4])


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=50, max_size=400),
    st.integers(2, 20),
)
@settings(max_examples=50, deadline=None)
def test_thinning_keeps_extremes_and_order(values: list[float], columns: int) -> None:
    """Whatever the values, the least and greatest survive and x stays ascending."""
    x, y = np.arange(float(len(values))), np.array(values)
    few_x, few_y = thinned(x, y, (0.0, float(len(values))), columns)
    assert few_y.min() == y.min() and few_y.max() == y.max()
    assert np.all(np.diff(few_x) > 0) and len(few_x) <= max(2 * columns + 2, 2 * columns)


@given(st.floats(1e-12, 1e12), st.floats(1.0, 1e9), st.booleans(), st.integers(2, 20))
@settings(max_examples=80, deadline=None)
def test_ticks_lie_inside_the_limits_and_limits_hold_the_values(
    low: float, factor: float, log: bool, room: int
) -> None:
    """Any range of positive values, on either kind of axis."""
    values = np.array([low, low * factor])
    lim = limits([np.log10(values) if log else values], log)
    shown = np.log10(values) if log else values
    slack = 1e-6 * max(abs(lim[0]), abs(lim[1]), 1e-30)
    assert lim[0] <= shown.min() + slack and lim[1] >= shown.max() - slack and lim[1] > lim[0]
    positions, labels = ticks(*lim, log=log, room=room, sizes=False)
    assert len(positions) == len(labels) <= room + 1
    assert all(lim[0] - slack <= p <= lim[1] + slack for p in positions)
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("lim", "sizes", "labels"),
    [
        ((6, 8), True, ["1M", "2M", "3M", "5M", "10M", "20M", "30M", "50M", "100M"]),
        ((3, 12), True, ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]),
        ((np.log10(2.0), np.log10(4.0)), False, ["2", "2.5", "3", "3.5", "4"]),
        ((-5, -2), False, ["1e-5", "0.0001", "0.001", "0.01"]),
    ],
)
def test_log_ticks_read_as_people_write_them(lim: tuple[float, float], sizes: bool, labels: list[str]) -> None:
    """Powers of ten, with 2, 3 and 5 between where few decades are shown, round steps below one."""
    room = 6 if not sizes else 12
    assert ticks(*lim, log=True, room=room, sizes=sizes)[1] == labels
