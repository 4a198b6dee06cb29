"""Refits without some rungs, under another objective and of resamples, as parts of a report."""

import json
from dataclasses import replace

import pytest

from labbook.report import influence, resampled, robust
from labbook.report.cells import cell_width
from labbook.report.json import dumps
from labbook.report.section import Of, section_lines, section_markdown
from labbook.scaling.values import Influence, Resampled, Warned
from labbook.summary import LadderView
from tests.report import values

MOVED = "kaplan: Without N = 98K, a moves from 0.575 to 0.431."


def view(**changes: object) -> LadderView:
    """A ladder with all three."""
    compared = values.comparison()
    front = replace(compared.fits["kaplan"], derived={"a": 0.575})
    params = {name: 1.1 * value for name, value in front.params.items()}
    made = values.ladder(
        comparison=replace(compared, fits={**compared.fits, "kaplan": front}),
        method=(("target", "N 786432, D 3.2e+06: twice N and D of d128-D1.6M; extrapolation factor 4 in C"),),
        influence=(
            Influence("N = 98K", (1,), params, 0.431, 1.19876),
            Influence("D/N < 5", (0, 3), params, 0.57, None),
        ),
        drops=(
            Influence("0 largest losses", (), dict(front.params), 0.575, 1.2),
            Influence("1 largest loss", (3,), params, 0.58, 1.21),
        ),
        robust=replace(
            front, objective="huber:0.001", interval_method="bootstrap (500 draws, 5 failed)",
            params=params, derived={"a": 0.5}, intervals={"a": (0.4, 0.6)},
        ),
        resampled=(
            Resampled("kaplan", "huber:0.001", {"a": (0.4, 0.6)}, 2000, 80, 6, "b" * 64),
            Resampled("kaplan", "least-squares-log", {"a": (0.41, 0.61)}, 2000, 0, 1, "a" * 64),
        ),
        warnings=(Warned(influence.CODE, MOVED),),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("section", [influence.section, robust.section, resampled.section])
def test_a_part_keeps_to_the_width_and_is_silent_without_figures(section: Of) -> None:
    """As text and as Markdown."""
    for width in (60, 78, 120):
        lines = section_lines(section(view()), width, color=False)
        assert len(lines) > 3
        assert max(map(cell_width, lines)) <= width
    assert any(line.startswith("| ") for line in section_markdown(section(view())))
    assert section(values.ladder()) is None
    assert section(view(comparison=None, influence=(), drops=(), robust=None, resampled=())) is None


def test_each_group_has_its_row_after_the_whole_ladder() -> None:
    """How many rungs stay, the parameters that are no scales, a, and the loss at the target."""
    found = influence.section(view())
    assert found is not None
    table = {row[0]: row for row in found.rows}
    assert list(table) == ["nothing", "N = 98K", "D/N < 5", "1 largest loss"]
    assert [c.title for c in found.columns] == ["left out", "n", "alpha_N", "alpha_D", "a", "prediction"]
    assert table["nothing"][1] == "4"
    assert table["nothing"][-1] == "1.2000"
    assert (table["N = 98K"][1], *table["N = 98K"][-2:]) == ("3", "0.431", "1.1988")
    assert table["D/N < 5"][-1] == "–"
    assert list(found.texts) == [MOVED, f"The prediction is the loss in nats/byte at {view().method[0][1]}."]


def test_what_moves_the_answer_is_told_from_what_does_not() -> None:
    """By the warnings of the analysis."""
    assert influence.is_influential(view())
    calm = view(warnings=())
    assert not influence.is_influential(calm)
    found = influence.section(calm)
    assert found is not None
    assert not any("Without" in text for text in found.texts)


def test_both_objectives_stand_side_by_side() -> None:
    """With a under both, and how each came by its intervals."""
    found = robust.section(view())
    assert found is not None
    a = next(row for row in found.rows if row[0] == "a")
    assert (a[3], a[4]) == ("0.5", "[0.4, 0.6]")
    assert "0.500 under huber:0.001" in found.texts[0]
    assert "of huber:0.001: bootstrap (500 draws, 5 failed)." in found.texts[1]


def test_a_bootstrap_says_how_many_draws_failed_and_what_it_was_seeded_with() -> None:
    """The compared law first, its second fit after it, each with its own figures."""
    found = resampled.section(view())
    assert found is not None
    assert list(found.texts) == [
        f"kaplan, least-squares-log: 2000 draws within 1 stratum of size, 0.0 % failed, seed {'a' * 12}.",
        f"kaplan, huber:0.001: 2000 draws within 6 strata of size, 4.0 % failed, seed {'b' * 12}.",
    ]
    rows = [row for row in found.rows if row[1] == "a"]
    assert [row[-1] for row in rows] == ["[0.41, 0.61]", "[0.4, 0.6]"]
    assert rows[1][2:4] == ["0.5", ""], "no delta-t interval of a second fit"


def test_json_has_the_figures_in_full_and_the_runs_by_name() -> None:
    """Positions mean nothing to a reader."""
    found = json.loads(dumps([influence.objects(view()), robust.objects(view()), resampled.objects(view())]))
    assert found[0]["groups"][1]["runs"] == ["d128-D1.6M", "d32-D0.1M"]
    assert found[0]["groups"][0]["prediction"] == 1.19876
    assert found[0]["drops"][0]["left_out"] == "0 largest losses"
    assert found[1]["intervals"] == {"a": [0.4, 0.6]}
    assert [x["failed"] for x in found[2]] == [80, 0]
    assert robust.objects(values.ladder()) is None
