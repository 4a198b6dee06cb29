"""What every format promises, over the registry: a new format is covered the day it is added."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook import logs
from labbook.logs import FORMATS, Format, take_sample
from labbook.records import Points, Reading
from tests.logs.reads import WITH_SAMPLES

Make = Callable[[str], Path]
Row = tuple[str, str, str, str, str, str, int]
Said = dict[str, object]

EACH = pytest.mark.parametrize("form", WITH_SAMPLES, ids=lambda form: str(form.name))
COVER = pytest.mark.parametrize(
    "stride", [pytest.param(1, marks=pytest.mark.slow, id="every"), pytest.param(0, id="some")]
)
"""Every byte, or those where records begin and end and a few of the others."""
PLACES = 24
"""Bytes taken from between the ends of records, spread evenly."""
LAST = 80
"""Bytes at the end of a file that are all taken."""
BOTH = frozenset({"train", "val"})
LOSSES: dict[str, frozenset[str]] = {
    "mingpt": frozenset({"train"}),  # its trainer never validates
    "rwkv": frozenset({"train"}),  # a line an epoch, with the loss of training only
    "nanotron": frozenset({"train"}),  # no validation in its log
    "lingua": frozenset({"train"}),  # validation goes to a file of its own
    "olmo": frozenset({"train", "val:c4_en_validation", "val:pile_validation"}),  # named sets, none leads
    "open-lm": frozenset({"train_mean", "val"}),  # its training loss is a running mean, which is no point
}
"""Losses that a sample holds where they are not train and val, and why."""
ONE_POINT = frozenset({"ladder-table"})
"""Formats whose runs have one point: a row is a finished run."""


def rows_of(readings: list[Reading]) -> list[Row]:
    """Every point of several readings as comparable text, in order, series by series."""
    found: dict[tuple[str, str], list[Row]] = {}
    for reading in readings:
        if reading.replaces:
            found.clear()
        for part in reading.parts:
            for name, points in part.series.items():
                found.setdefault((part.key, name), []).extend(_rows(part.key, name, points))
    return [row for key in sorted(found) for row in found[key]]


def _rows(key: str, name: str, points: Points) -> list[Row]:
    return [
        (key, name, repr(step), repr(value), repr(tokens), repr(epoch), segment)
        for step, value, tokens, epoch, _, _, segment in points.rows()
    ]


def said_of(reading: Reading) -> list[Said]:
    """All of a reading but its points."""
    return [
        {
            "key": part.key,
            "name": part.name,
            "identity": part.identity,
            "config": part.config,
            "figures": [(f.key, f.value, f.source) for f in part.figures],
            "status": part.status,
            "origin": part.step_origin,
        }
        for part in reading.parts
    ]


def facts_of(reading: Reading) -> set[tuple[str, str]]:
    """Every figure and configuration value of a reading."""
    figures = {(figure.key, repr(figure.value)) for part in reading.parts for figure in part.figures}
    return figures | {(key, repr(value)) for part in reading.parts for key, value in part.config.items()}


def places(content: bytes, stride: int) -> list[int]:
    """Bytes of a file to be tried: every `stride`-th, or for 0 those around the ends of lines and a spread."""
    size = len(content)
    if stride:
        return list(range(0, size, stride))
    ends = [at for at, byte in enumerate(content) if byte == ord("\n")]
    near = {at + around for at in ends for around in (-1, 0, 1, 2)}
    spread = {*range(0, size, max(1, size // PLACES)), *range(max(0, size - LAST), size)}
    return sorted(at for at in near | spread if 0 <= at < size)


def read_on(form: Format, path: Path, before: Reading | None, *, final: bool = False) -> Reading:
    """The next reading; the state goes through JSON as the notebook keeps it."""
    state = json.loads(json.dumps(before.state, allow_nan=False)) if before is not None else {}
    return form.read(path, before.offset if before is not None else 0, state, final=final)


@EACH
def test_sample_is_sniffed_as_itself_and_as_nothing_else(form: Format, sample: Make) -> None:
    """Exactly one format claims its own sample, with a line that says so."""
    claims = {other.name: found for other in FORMATS if (found := other.sniff(take_sample(sample(form.name))))}
    assert list(claims) == [form.name]
    assert claims[form.name].evidence
    assert 0 < claims[form.name].confidence <= 1


@EACH
def test_reading_twice_gives_the_same_rows(form: Format, sample: Make) -> None:
    """A reader keeps nothing between two files."""
    path = sample(form.name)
    once, again = read_on(form, path, None), read_on(form, path, None)
    assert rows_of([once]) == rows_of([again])
    series = once.parts[0].series
    longest = max(len(points) for points in series.values())
    assert longest == 1 if form.name in ONE_POINT else longest > 2
    assert LOSSES.get(form.name, BOTH) <= set(series)


@EACH
def test_nothing_new_is_no_news(form: Format, sample: Make) -> None:
    """Reading on at the end brings no point and says the same of the run."""
    path = sample(form.name)
    first = read_on(form, path, None)
    second = read_on(form, path, first)
    assert rows_of([first, second]) == rows_of([first])
    assert said_of(second) == said_of(first)


@EACH
@COVER
def test_a_cut_anywhere_never_raises_and_never_invents_a_number(
    form: Format, sample: Make, stride: int
) -> None:
    """Every point of a file cut at any byte is a point of the whole file."""
    path = sample(form.name)
    data = path.read_bytes()
    complete = read_on(form, path, None, final=True)
    whole, facts = set(rows_of([complete])), facts_of(complete)
    for size in places(data, stride):
        path.write_bytes(data[:size])
        logs.recognise(take_sample(path), FORMATS)
        for final in (False, True):
            reading = read_on(form, path, None, final=final)
            assert set(rows_of([reading])) <= whole, f"cut at byte {size}, final={final}"
            assert facts_of(reading) <= facts, f"cut at byte {size}, final={final}"
            assert reading.offset <= size


@EACH
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_appended_in_pieces_equals_read_at_once(form: Format, sample: Make, data: st.DataObject) -> None:
    """A live reader that looks at any moments ends with what a reader of the finished file has."""
    path = sample(form.name)
    content = path.read_bytes()
    at_once = read_on(form, path, None)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    readings: list[Reading] = []
    for size in [*cuts, len(content)]:
        path.write_bytes(content[:size])
        readings.append(read_on(form, path, readings[-1] if readings else None))
    assert rows_of(readings) == rows_of([at_once])
    assert said_of(readings[-1]) == said_of(at_once)
    assert readings[-1].offset == at_once.offset


@EACH
@COVER
def test_damage_anywhere_never_raises(form: Format, sample: Make, stride: int) -> None:
    """Any byte may be wrong: the reader goes on or stops, it does not fail."""
    path = sample(form.name)
    data = path.read_bytes()
    wrong = (0x00, 0x1B, 0xFF)
    for turn, at in enumerate(places(data, stride)):
        for byte in wrong if stride else (wrong[turn % 3],):
            path.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
            logs.recognise(take_sample(path), FORMATS)
            reading = read_on(form, path, None, final=True)
            json.dumps(reading.state, allow_nan=False)


TEXTS = ("nanogpt", "lightning-csv", "jsonl", "csv")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_other_encodings_and_line_ends_give_the_same_rows(
    name: str, encoding: str, sample: Make, data: st.DataObject
) -> None:
    """CRLF and a byte order mark change nothing, at once or in pieces cut inside a character."""
    form = next(form for form in FORMATS if form.name == name)
    path = sample(name)
    plain = read_on(form, path, None)
    content = path.read_bytes().decode().replace("\n", "\r\n").encode(encoding)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    readings: list[Reading] = []
    for size in [*cuts, len(content)]:
        path.write_bytes(content[:size])
        readings.append(read_on(form, path, readings[-1] if readings else None))
    claim = logs.recognise(take_sample(path), FORMATS)
    assert claim is not None and claim[0].name == name
    assert rows_of(readings) == rows_of([plain])
    assert said_of(readings[-1]) == said_of(plain)


@given(st.binary(max_size=400))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_of_any_kind_never_raise(tmp_path: Path, content: bytes) -> None:
    """No reader and no sniffer fails on content."""
    path = tmp_path / "x"
    for head in (b"", b":W&B\xe1\xbe\x00", b"step,loss\n", b'{"step": 1, "loss": ', b"iter 1: loss "):
        path.write_bytes(head + content)
        for form in FORMATS:
            form.sniff(take_sample(path))
            reading = form.read(path, 0, {}, final=True)
            json.dumps(reading.state, allow_nan=False)
