"""What a person says the columns of a table mean: how it is written, checked and used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labbook import logs
from labbook.errors import UsageError
from labbook.logs.column_map import apply_columns, column_issues, parse_columns
from labbook.logs.format import take_sample
from tests.logs.test_run_tables import figures, read, table


def test_a_map_makes_any_column_known(tmp_path: Path) -> None:
    """The words of a person win over the names of the table, which keep their values."""
    columns = parse_columns("N=Weights:M, D=Seen:B, loss=Score at end, run=Label")
    path = table(tmp_path, "Label,Weights,Seen,loss,Score at end\na,12,0.24,9,3.5\nb,48,0.96,9,3.25\n")
    form, reading = read(path, columns)
    assert form == "ladder-table"
    assert [part.key for part in reading.parts] == ["a", "b"]
    assert figures(reading.parts[0]) == {"n_total": 12e6, "tokens_seen": 0.24e9}
    assert reading.parts[0].series["train"].value[0] == 3.5
    assert reading.parts[0].config["(loss)"] == "9"
    assert reading.state["columns"] == columns


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("it,objective\n10,5.5\n20,4.5\n", "x.csv"),
        ('{"it":10,"objective":5.5}\n{"it":20,"objective":4.5}\n', "x.jsonl"),
    ],
)
def test_a_map_makes_a_curve_of_a_table(tmp_path: Path, text: str, name: str) -> None:
    """What no name gives away is read once a person has said it, and goes on from the offset."""
    path = table(tmp_path, text, name)
    assert logs.recognise(take_sample(path), logs.FORMATS) is None
    _, reading = read(path, parse_columns("step=it,loss=objective"))
    form = next(form for form in logs.FORMATS if form.name == "long-table")
    with path.open("a") as file:
        file.write(text.splitlines()[-1].replace("20", "30") + "\n")
    news = form.read(path, reading.offset, json.loads(json.dumps(reading.state)))
    assert list(reading.parts[0].series["train"].step) == [10.0, 20.0]
    assert list(news.parts[0].series["train"].step) == [30.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("N=a,Q=b", "nothing is called Q"),
        ("N=a,N=b", "N is given twice"),
        ("N", "names no column"),
        ("  ", "is empty"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(text: str, says: str) -> None:
    """With the words that are known, or how it is written."""
    with pytest.raises(UsageError, match=says):
        parse_columns(text)


def test_a_column_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    """As an issue, which the command turns into an error."""
    (issue,) = column_issues({"N": "Params", "D": "Seen"}, ["name", "Seen", "loss"])
    assert (issue.code, issue.text) == ("no-column", "no column Params; there are: name, Seen, loss")
    path = table(tmp_path, "name,n,Seen,loss\na,1e8,2e9,3.5\nb,1e8,4e9,3.25\n")
    _, reading = read(path, {"U": "Params", "D": "Seen"})
    assert [issue.code for issue in reading.issues] == ["no-column"]


def test_a_map_leaves_other_names_as_they_are() -> None:
    """A name is found as it is written, else as names are compared."""
    assert apply_columns({"step": "it"}, ["step", "loss"]) == ["(step)", "loss"]
    assert apply_columns({"step": "Iteration No"}, ["iteration_no", "loss"]) == ["step", "loss"]
