"""Where a run will end, in words, in a cell, on a page and as JSON."""

import json
import math

import jsonschema
import pytest

from labbook.opinion import Opinion
from labbook.report.board import board
from labbook.report.card import answers
from labbook.report.cells import cell_width
from labbook.report.forecast import changes, end_cell, end_words, forecast_json, forecast_object, forecast_text
from labbook.report.json import dumps, triage_json
from labbook.resources import resource_dir
from labbook.triage.forecast import Ahead, NoForecast
from tests.report import values
from tests.report.golden import check_golden

LIVE = values.live()
BOUNDED = values.live(
    forecast=NoForecast(
        "decay-unseen",
        "The learning rate has still to fall, and no finished run shows what that brings.",
        "finish one run of this ladder with the same schedule, however small",
        at_most=2.93,
    )
)
OPEN_ENDED = values.live(
    "flat",
    planned_steps=None,
    frac=None,
    forecast=NoForecast(
        "no-horizon",
        "The planned number of steps is not known.",
        "give the planned steps, or a configuration that has them",
        ahead=(Ahead(1.1, 2.8062, (2.8006, 2.8117)), Ahead(2.0, 2.7493, (2.7189, 2.7797))),
    ),
)
PLANNED = values.live(
    forecast=values.forecast(mode="B", variant="B: planned learning rate", refs=(), gap=0.0041, q=0.48)
)


def test_the_page_of_a_forecast() -> None:
    """With a number, with a bound, with the loss further on, from the planned rate."""
    law = Opinion(1.5, (1.45, 1.56), math.log(1.5123 / 1.5), 0.046)
    pages = [forecast_text(LIVE, [values.run("d128-D6.4M"), values.run("d96-D6.4M")], law=law)]
    pages += [forecast_text(run, []) for run in (BOUNDED, OPEN_ENDED, PLANNED, values.run())]
    check_golden("report_forecast.txt", "\n\n".join(pages))


def test_the_line_gives_way_in_order() -> None:
    """Unit, then drop, then the references; number, interval and mode stay."""
    (line,) = [text for label, text in answers(LIVE, None, 68) if label == "ends at"]
    assert line == "1.5123 [1.4702, 1.5544] 90 % (A: trend over 3 rungs); -.21 to come"
    widths = [cell_width(text) for text in end_words(LIVE)]
    assert widths == sorted(widths, reverse=True)
    assert end_words(LIVE)[-1] == "1.5123 [1.4702, 1.5544] (A)"


def test_the_cell_of_a_table() -> None:
    """The number alone, else a dash; the board drops the column before the regime."""
    assert end_cell(LIVE) == "1.512"
    assert end_cell(values.live(forecast=values.forecast(final=11.25))) == "11.250"
    assert end_cell(values.run()) == "–"
    wide, narrow = (board(values.summary(), width) for width in (100, 60))
    headings = [next(x for x in text.splitlines() if x.startswith("state")).split() for text in (wide, narrow)]
    assert [{"end", "regime"} <= set(row) for row in headings] == [True, False]
    assert "regime" in headings[1]


@pytest.mark.parametrize("run", [LIVE, BOUNDED, OPEN_ENDED, PLANNED, values.run(), *values.hostile().runs])
def test_json_and_page_hold_for_any_forecast(run) -> None:  # type: ignore[no-untyped-def]
    """The schema holds, no line is wider than asked, and ASCII is ASCII."""
    (triage,) = triage_json(values.summary(runs=(run,)))
    found = json.loads(dumps(forecast_json(triage, run, [values.run()])))
    schema = json.loads((resource_dir("schemas") / "json" / "forecast.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(found)
    for width in (60, 78, 120):
        text = forecast_text(run, [values.run(values.HOSTILE)], width, ascii=True)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= width


def test_a_missing_number_is_null_and_has_its_reason() -> None:
    """Never 0, and never left out."""
    found = forecast_object(BOUNDED.forecast)
    assert found["refused"] == "decay-unseen"
    assert found["at_most"] == 2.93
    assert "final" not in found
    assert json.loads(dumps(forecast_object(values.forecast(hi=math.inf))))["hi"] is None


def test_the_laws_of_the_ladder_are_a_second_opinion() -> None:
    """Beyond both intervals together the run is off its ladder, and the page says so."""
    near, far = (Opinion(1.4, (1.3, 1.5), off, 0.08) for off in (0.0799, -0.0801))
    assert (near.is_off, far.is_off) == (False, True)
    pages = [" ".join(forecast_text(LIVE, [], law=law).split()) for law in (near, far)]
    assert "the forecast is 8.3 % above, which the two intervals explain" in pages[0]
    assert "the forecast is 7.7 % below: off the ladder" in pages[1]


def test_what_would_change_a_forecast() -> None:
    """A finished run for any mode without one; a trend, and a width of the ladder's own, for mode A."""
    assert "mode A" in changes(values.forecast(mode="C", variant="C: power law"))[0]
    mapped = changes(values.forecast(variant="A: shape of x"))
    assert ["trend" in mapped[0], "width" in mapped[1]] == [True, True]
    assert changes(values.forecast(c_from="12 finished runs")) == [
        "Nothing but more of the run: the width falls with the drop that is still to come."
    ]
