"""Tables of points: rows of several runs, of several splits, panels, parts of a loss, bare columns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from labbook import logs
from labbook.logs.format import take_sample
from labbook.records import Reading
from tests.logs.reads import figures, read, table

LONG = """run,size,step,tokens,lr,books_loss,batch_tokens
a,12M,10,1000000,4e-3,5.5,100000
a,12M,20,2000000,1e-3,4.5,100000
a,12M,30,3000000,4e-4,4.25,100000
b,48M,10,1000000,2e-3,5.25,100000
b,48M,20,2000000,1e-3,4.25,100000
b,48M,30,3000000,2e-4,4,100000
"""


def test_points_of_several_runs_are_grouped_by_the_column_of_runs(tmp_path: Path) -> None:
    """Words and sizes are the run's, numbers the point's; a run followed by another has ended."""
    form, reading = read(table(tmp_path, LONG))
    a, b = reading.parts
    assert form == "long-table"
    assert (a.key, b.key) == ("a", "b")
    assert figures(b) == {"tokens_per_step": 1e5, "n_other": 48e6}
    assert list(b.series["val:books"].value) == [5.25, 4.25, 4.0]
    assert list(b.series["val:books"].tokens) == [1e6, 2e6, 3e6]
    assert list(b.series["lr"].step) == [10, 20, 30]
    assert (a.status, b.status) == ("finished", "finished")
    assert "learning rate has ended" in b.status_line


def test_a_rate_that_has_not_come_down_is_no_end(tmp_path: Path) -> None:
    """The last run of the table may still be under way."""
    _, reading = read(table(tmp_path, LONG.replace("b,48M,30,3000000,2e-4", "b,48M,30,3000000,9e-4")))
    assert [part.status for part in reading.parts] == ["finished", "unknown"]


def test_rows_of_runs_that_take_turns_do_not_end_them(tmp_path: Path) -> None:
    """Where runs are written side by side, another run's row is no end."""
    lines = LONG.splitlines(keepends=True)
    mixed = [lines[0], *(line for pair in zip(lines[1:4], lines[4:7], strict=True) for line in pair)]
    form, reading = read(table(tmp_path, "".join(mixed)))
    assert form == "long-table"
    assert [(part.key, len(part.series["val:books"]), part.status) for part in reading.parts] == [
        ("a", 3, "unknown"),
        ("b", 3, "unknown"),
    ]


def test_without_a_column_of_runs_words_and_sizes_tell_them_apart(tmp_path: Path) -> None:
    """Epochs x tokens of one are the plan; a run that has reached it has ended, another has not."""
    text = "data,num_params,epochs,tokens_per_epoch,token_num,loss\n"
    text += "".join(f"books,12M,2,1e6,{tokens},{loss}\n" for tokens, loss in ((5e5, 5), (1e6, 4.5), (2e6, 4)))
    text += "".join(f"books,48M,2,1e6,{tokens},{loss}\n" for tokens, loss in ((5e5, 5), (1e6, 4.25)))
    form, reading = read(table(tmp_path, text))
    first, second = reading.parts
    assert form == "long-table"
    assert first.key == "books 12M 2 1M"
    assert figures(first) == {"n_total": 12e6, "unique_tokens": 1e6, "planned_tokens": 2e6}
    assert first.config["dataset"] == "books"
    assert (first.status, second.status) == ("finished", "unknown")
    assert list(first.series["train"].tokens) == [5e5, 1e6, 2e6]


def test_points_keep_the_unit_their_table_states(tmp_path: Path) -> None:
    """By the name of the column, or by a column of units."""
    rows = [("a", 1e7), ("a", 1e7), ("b", 2e7), ("b", 2e7)]
    text = "".join(f"{run},{n},{at % 2},1.5\n" for at, (run, n) in enumerate(rows))
    _, by_name = read(table(tmp_path, f"run,N,step,val_bpb\n{text}"))
    assert [part.units for part in by_name.parts] == [{"val": "bits/byte"}] * 2
    units = "".join(f"{line},{'bpb' if line[0] == 'a' else 'nats'}\n" for line in text.splitlines())
    form, by_row = read(table(tmp_path, f"run,N,step,val_loss,loss_unit\n{units}"))
    assert form == "long-table"
    assert [(part.key, part.units) for part in by_row.parts] == [
        ("a", {"val": "bits/byte"}),
        ("b", {"val": "nats/token"}),
    ]


def test_a_name_that_comes_again_with_another_n_is_another_run(tmp_path: Path) -> None:
    """A run has one N; reading on remembers which."""
    rows = [("a", 1e7, 10, 5), ("a", 1e7, 20, 4), ("a", 2e7, 10, 4.5), ("a", 2e7, 20, 3.5)]
    _, reading = read(
        table(tmp_path, "run,N,step,loss\n" + "".join(f"{r},{n},{s},{x}\n" for r, n, s, x in rows))
    )
    assert [(part.key, list(part.series["train"].value)) for part in reading.parts] == [
        ("a", [5.0, 4.0]),
        ("a 20M", [4.5, 3.5]),
    ]


@pytest.mark.parametrize(
    ("tokens", "form"),
    [
        ([1e8, 4e8, 1.6e9], "ladder-table"),
        ([1e9, 2e9, 3e9, 4e9], "ladder-table"),
        ([1e8 * i for i in range(1, 9)], "long-table"),
        ([1e8 * 1.1**i for i in range(24)], "long-table"),
    ],
    ids=["grid", "few", "even", "many"],
)
def test_tokens_alone_are_a_curve_where_they_are_as_many_or_as_even(
    tmp_path: Path, tokens: list[float], form: str
) -> None:
    """Else each row is a run of that length."""
    text = "".join(f"{n},{d},{5 - i / 8}\n" for n in (1e7, 3e7, 9e7) for i, d in enumerate(tokens))
    assert read(table(tmp_path, f"params,tokens,val_loss\n{text}"))[0] == form


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_rows_of_both_splits_are_one_run(tmp_path: Path, name: str) -> None:
    """Of one column of losses, rows of validation are no points of training."""
    rows = [("train", 10, 5.5), ("train", 20, 4.5), ("val", 20, 4.75), ("train", 30, 4.25), ("val", 30, 4.5)]
    keys = ("split", "step", "loss")
    text = "".join(",".join(map(str, row)) + "\n" for row in (keys, *rows))
    if name.endswith("jsonl"):
        text = "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)
    part = read(table(tmp_path, text, name))[1].parts[0]
    assert part.key == ""
    assert list(part.series["train"].step) == [10.0, 20.0, 30.0]
    assert list(part.series["val"].value) == [4.75, 4.5]


def test_a_panel_holds_one_run_for_each_triple(tmp_path: Path) -> None:
    """The name before the dash is the run; an empty cell is missing; a group is said to be a mean."""
    text = '"Step","a - val/loss","a - val/loss__MIN","a - val/loss__MAX","b - dev-books/avg_loss",'
    text += '"b - dev-books/avg_loss__MIN","b - dev-books/avg_loss__MAX"\n"10","5.5","5.5","5.5","","",""\n'
    text += '"20","4.5","4.5","4.5","4.25","4.125","4.5"'
    form, reading = read(table(tmp_path, text))
    a, b = reading.parts
    assert form == "wandb-panel"
    assert list(a.series["val"].value) == [5.5, 4.5]
    assert list(b.series["val:dev_books"].step) == [20.0]
    assert b.series["val:dev_books"].value[0] == 4.25
    assert a.step_kind == "log_call"
    assert [(issue.code, issue.text.split(":")[0]) for issue in reading.issues] == [("mean-of-group", "b")]


def test_parts_of_a_detector_s_loss_are_summed(tmp_path: Path) -> None:
    """Every part of a split, whatever it is called; without one of them there is no sum."""
    text = "epoch,time,train/box_loss,train/cls_loss,train/dfl_loss,metrics/mAP50(B),"
    text += "val/box_loss,val/cls_loss,val/dfl_loss\n"
    text += "1,9.5,1.25,2.5,1.125,0.25,1.5,2,1.25\n2,19,1,2,1,0.5,1.25,,1.125\n"
    form, reading = read(table(tmp_path, text, "results.csv"))
    part = reading.parts[0]
    assert form == "ultralytics"
    assert list(part.series["train"].value) == [4.875, 4.0]
    assert list(part.series["val"].value) == [4.75]
    assert (part.step_kind, part.units["train"], list(part.series["train"].step)) == (
        "epoch",
        "other",
        [1.0, 2.0],
    )
    assert list(part.series["train/dfl_loss"].value) == [1.125, 1.0]


@pytest.mark.parametrize(
    "head", ["# step loss val_loss", "% step  loss  val_loss", "step loss val_loss", "# step, loss, val_loss"]
)
def test_columns_between_blanks_take_their_names_from_the_line_above(tmp_path: Path, head: str) -> None:
    """With or without a comment sign; other comments say nothing."""
    between = ", " if "," in head else "  "
    rows = "".join(between.join(row) + "\n" for row in (("10", "5.5", "5.75"), ("20", "4.5", "nan")))
    form, reading = read(table(tmp_path, f"# tiny model\n{head}\n{rows}", "curve.dat"))
    assert form == "columns"
    assert list(reading.parts[0].series["train"].value) == [5.5, 4.5]
    assert [math.isnan(value) for value in reading.parts[0].series["val"].value] == [False, True]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# x y\n1 2\n3 4\n", "xy.dat"),
        ("1 2\n3 4\n", "bare.dat"),
        ("name,score\na,1\nb,2\n", "scores.csv"),
        ("n,loss\n1,5.5\n2,4.5\n3,4.25\n", "counted.csv"),
    ],
)
def test_columns_that_name_no_loss_or_no_axis_are_no_log(tmp_path: Path, text: str, name: str) -> None:
    """Nothing is guessed from numbers alone, and a counter is no N."""
    assert logs.recognise(take_sample(table(tmp_path, text, name)), logs.FORMATS) is None


@pytest.mark.parametrize("limit", [1, 40, 150])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("long-table", LONG),
        ("columns", "# step loss\n" + "".join(f"{step} {9 - step / 8}\n" for step in range(1, 30))),
        (
            "ultralytics",
            "epoch,train/box_loss,val/box_loss\n" + "".join(f"{e},{9 - e / 8},1\n" for e in range(30)),
        ),
    ],
)
def test_a_long_file_is_read_in_pieces(tmp_path: Path, name: str, text: str, limit: int) -> None:
    """Each reading stops at the end of a row and says that there is more; together they say the same."""
    path = table(tmp_path, text)
    form = next(form for form in logs.FORMATS if form.name == name)
    whole = form.read(path, 0, {})
    found: dict[tuple[str, str], list[float]] = {}
    reading = Reading([], 0, {}, more=True)
    pieces = 0
    while reading.more:
        reading = form.read(path, reading.offset, json.loads(json.dumps(reading.state)), limit=limit)
        pieces += 1
        for part in reading.parts:
            for series, points in part.series.items():
                found.setdefault((part.key, series), []).extend(points.value)
    assert found == {
        (p.key, series): list(points.value) for p in whole.parts for series, points in p.series.items()
    }
    assert pieces > 1
    assert [part.status for part in reading.parts] == [part.status for part in whole.parts]
