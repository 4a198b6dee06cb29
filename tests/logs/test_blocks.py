"""Blocks of lines at once: what is read is what the same lines give one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs import lines
from labbook.logs.csvlog import Csv
from labbook.logs.format import Format
from labbook.logs.jsonl import Jsonl
from labbook.records import Reading

NUMBERS = (
    "1",
    "2.5",
    "-0",
    "-0.0",
    "1e-05",
    "3.0000000000000004",
    "NaN",
    "Infinity",
    "-1.7e308",
    "1e400",
    "12",
)
NUMBERS += ("9007199254740993", "0.00029999999999999997", "2.2250738585072011e-308", "1700000000.123456")
ODD_JSON = (
    "null",
    "true",
    '"20.7"',
    '"1,048,576"',
    '"n/a"',
    "[1, 2]",
    '{"x": 1}',
    '"a\\"b"',
    '"é"',
    "01",
    "+1",
)
ODD_JSON += (".5", "1.", "", "1 2", '"2024-05-01T10:00:00Z"', "1" * 400, "123456789012345678901234567890")
SHAPES = (
    '{{"step": {i}, "loss": {a}, "lr": {b}}}',
    '{{"step": {i}, "val_loss": {a}, "note": {b}}}',
    '{{"step":{i},"loss":{a},"lr":{b},"timestamp":{b}}}',
    '{{"step": {i}, "metrics": {{"train/loss": {a}, "deep": {{"x": {b}}}}}, "empty": {{}}}}',
    '{{"lr": {b}, "loss": {a}, "step": {i}}}',
    '{{"loss": {a}, "tokens": {b}}}',
    '{{"config": {{"n_layer": {b}}}, "name": "x"}}',
    '{{"loss": {a}}}',
)
BAD = (
    "",
    "  ",
    "not json",
    '{"step": 1',
    "[1, 2]",
    '{"step": 1, "loss": 2}, {"step": 2, "loss": 3}',
    "{}",
    "{'a': 1}",
)
BAD += (
    "Traceback (most recent call last):",
    "RuntimeError: boom",
    '{"step": 1, "loss": 2} ',
    '\ufeff{"step": 1}',
)

JSON_LINE = st.one_of(
    st.builds(
        lambda shape, i, a, b: shape.format(i=i, a=a, b=b),
        st.sampled_from(SHAPES[:3]),
        st.integers(0, 30),
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS),
    ),
    st.builds(
        lambda shape, i, a, b: shape.format(i=i, a=a, b=b),
        st.sampled_from(SHAPES),
        st.integers(0, 30),
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS + ODD_JSON),
    ),
)

CELLS = st.sampled_from(
    (*NUMBERS, "", "nan", "-inf", "n/a", "None", " 7.5 ", "1_000", "x", '"3.5"', '"1,5"', "+1", ".5")
)
HEADERS = ("step,loss,lr", "step,loss,lr,loss", "step,,val_loss", "epoch,train_loss,wall_time", "Step,a,loss")


def read(form: Format, path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """The whole file with blocks of at least so many bytes taken at once."""
    monkeypatch.setattr(lines, "SMALL", block)
    return form.read(path, 0, {})


def everything(reading: Reading) -> str:
    """All that a reading says, as text."""
    part = reading.parts[0]
    points = {name: [repr(row) for row in points.rows()] for name, points in part.series.items()}
    kept = json.dumps(reading.state, allow_nan=False)
    return json.dumps(
        [points, kept, part.status, part.step_origin, reading.offset, list(map(repr, reading.issues))]
    )


def same(form: Format, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that blocks of any size change nothing."""
    slow = everything(read(form, path, 1 << 40, monkeypatch))
    assert everything(read(form, path, 1, monkeypatch)) == slow
    assert everything(read(form, path, 200, monkeypatch)) == slow


FUNCTION = [HealthCheck.function_scoped_fixture]


@settings(max_examples=150, deadline=None, suppress_health_check=FUNCTION)
@given(
    rows=st.lists(JSON_LINE, min_size=1, max_size=40),
    odd=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(BAD)), max_size=2),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_json_lines_in_blocks(
    tmp_path: Path, rows: list[str], odd: list[tuple[int, str]], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any mixture of shapes, odd values and lines that are no records."""
    for at, line in odd:
        rows.insert(at, line)
    path = tmp_path / "log.jsonl"
    path.write_bytes("".join(row + end for row in rows).encode())
    same(Jsonl(), path, monkeypatch)


@settings(max_examples=150, deadline=None, suppress_health_check=FUNCTION)
@given(data=st.data(), end=st.sampled_from(["\n", "\r\n"]), separator=st.sampled_from([",", "\t", ";"]))
def test_tables_in_blocks(
    tmp_path: Path, data: st.DataObject, end: str, separator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any cells, quoted or missing; rows of words, of other lengths, headers that come again."""
    header = data.draw(st.sampled_from(HEADERS))
    width = header.count(",") + 1
    row = st.lists(CELLS, min_size=width, max_size=width)
    rows = data.draw(st.lists(row, min_size=1, max_size=40))
    if separator == ";":
        rows = [[cell.replace(".", ",") for cell in cells] for cells in rows]
    table = [header.replace(",", separator), *(separator.join(cells) for cells in rows)]
    odd = st.sampled_from(
        (table[0], "", "a" + separator * (width - 1) + "b", "1", "Traceback (most recent call last):")
    )
    for at, line in data.draw(st.lists(st.tuples(st.integers(1, 40), odd), max_size=2)):
        table.insert(at, line)
    path = tmp_path / "log.csv"
    path.write_bytes("".join(line + end for line in table).encode())
    same(Csv(), path, monkeypatch)


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_a_limit_stops_at_a_line_and_the_rest_follows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file read in pieces gives what it gives at once, and says `more` until its end."""
    form: Format = {"jsonl": Jsonl(), "csv": Csv()}[name]
    row = {"jsonl": '{{"step": {0}, "loss": {1}}}\n', "csv": "{0},{1}\n"}[name]
    path = tmp_path / f"log.{name}"
    head = "step,loss\n" if name == "csv" else ""
    path.write_text(head + "".join(row.format(i, 1 / (i + 1)) for i in range(300)))
    whole = form.read(path, 0, {})
    for limit in (1, 100, 5000):
        monkeypatch.setattr(lines, "SMALL", 64)
        points, offset, state, more, readings = 0, 0, {}, True, 0
        while more:
            reading = form.read(path, offset, state, limit=limit)
            assert reading.offset == path.stat().st_size or reading.offset - offset < limit + 60
            offset, state, more, readings = reading.offset, reading.state, reading.more, readings + 1
            points += sum(len(p) for p in reading.parts[0].series.values())
        assert readings >= path.stat().st_size // (limit + 60)
        assert (points, state) == (300, whole.state)


@pytest.mark.parametrize("head", ["", "x"])
def test_an_endless_line_is_passed_over_to_its_last_byte(
    head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records before and after a line too long to be parsed are read, and the offset is the end of the file."""
    for name, size in (("CHUNK", 64), ("ENDLESS", 128)):
        monkeypatch.setattr(lines, name, size)
    monkeypatch.setattr("labbook.logs.jsonl.LONGEST_ROW", 256)
    path = tmp_path / "log.jsonl"
    endless = '{"step": 2, "loss": "' + head + "x" * 3000 + '"}'
    path.write_text(f'{{"step": 1, "loss": 2.0}}\n{endless}\n{{"step": 3, "loss": 1.0}}\n')
    reading = Jsonl().read(path, 0, {})
    assert reading.parts[0].series["train"].step.tolist() == [1.0, 3.0]
    assert reading.offset == path.stat().st_size
    assert [(issue.code, issue.place) for issue in reading.issues] == [("long-line", "line 2")]
    assert f" {len(endless) + 1} bytes" in reading.issues[0].text
