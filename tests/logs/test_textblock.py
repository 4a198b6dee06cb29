"""Lines in blocks: whatever stands in a log, columns give what reading line by line gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs import text
from labbook.logs.lines import Lines
from labbook.logs.patterns import shipped
from labbook.logs.textlog import TextFormat
from labbook.logs.textreader import LineReader
from labbook.records import Issue, RunPart

LOSSES = ("3.1", "10.25", "nan", "-inf", "2.5e-3", "1,204.5", ".5", "0.1234567890123456789", "9" * 70, "1e400")
LINES = {
    "llmc": (
        "step {step:4d}/90 | loss {a} (+0.4z)| norm {b} (-1z)| lr 6e-4 | {b} ms | 41.2% bf16 MFU | {n} tok/s",
        "step {step:4d}/90 | loss {a} (+nanz)| norm {b} (slurmstepd: error: *** JOB 7 ON g1 CANCELLED AT ***",
        "step {step:4d}/{n} | loss {a}",
        "val loss {a}",
        "| num_layers L          | {n} |",
        "num_parameters: {n} => bytes: 8",
        "3: step {step:4d}/90 | loss {a}",
        "0: step {step:4d}/90 | loss {a}",
        "\x1b[32mstep\x1b[0m {step:4d}/90 | loss {a} | norm {b}",
        "bar {n}%\rbar\x08\x08step {step:4d}/90 | loss {a}",
        "Traceback (most recent call last):",
        "ValueError: step",
        "ünïcode step {step}/90 | loss {a}",
        "",
    ),
    "nanogpt": (
        "iter {step}: loss {a}, time {b}ms, mfu 2%",
        "iter {step}: loss {a}, time {n}ms",
        "step {step}: train loss {a}, val loss {b}",
        "n_layer = {n}",
        "tokens per iteration will be: {n}",
        "number of parameters: {b}M",
        "[rank1]: iter {step}: loss {a}, time {b}ms",
        "noise {a} {b}",
    ),
    "modded-nanogpt": (
        "step:{step}/90 train_loss:{a} train_time:{b}ms step_avg:nanms",
        "step:{step}/90 val_loss:{a} train_time:{b}ms step_avg:{b}ms",
        "step:{step}/{n} train_time:{b}ms step_avg:{b}ms",
        "def step: pass",
    ),
}


def _log(name: str, picks: list[tuple[int, int, int, int]]) -> str:
    """Sixty plain records, then the picked lines among more of them."""
    shapes, step, lines = LINES[name], 0, []
    for shape, move, a, b in [(0, 1, i % 2, i % 2) for i in range(60)] + picks:
        step = max(0, step + move)
        lines.append(shapes[shape % len(shapes)].format(step=step, a=LOSSES[a], b=LOSSES[b], n=step * 997 + b))
    return "\n".join(lines) + "\n"


def _rows(parts: list[RunPart]) -> list[tuple[str, ...]]:
    return [
        (part.key, name, *map(repr, row))
        for part in parts
        for name, points in part.series.items()
        for row in points.rows()
    ]


def _by_line(path: Path, name: str) -> tuple[list[RunPart], dict[str, object], list[Issue]]:
    reader = LineReader(shipped(name), {})
    lines = Lines(path, 0, {}, final=True, bars=True)
    for place, line in lines:
        reader.line(line, place)
    reader.end()
    return reader.parts(), lines.state() | reader.state(), [*reader.issues, *reader.inferences()]


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    picks=st.lists(
        st.tuples(
            st.one_of(st.just(0), st.integers(0, 13)),
            st.sampled_from([1, 1, 1, 1, 0, 2, -1, -40, -1000]),
            st.integers(0, len(LOSSES) - 1),
            st.integers(0, len(LOSSES) - 1),
        ),
        max_size=90,
    )
)
def test_blocks_give_the_rows_issues_and_state_of_single_lines(
    name: str, tmp_path: Path, picks: list[tuple[int, int, int, int]]
) -> None:
    """Falls, restarts, headers, labels, bars, cut lines and odd numbers among thousands of plain records."""
    path = tmp_path / "a.log"
    path.write_text(_log(name, picks))
    reading = text(name).read(path, 0, {}, final=True)
    parts, state, issues = _by_line(path, name)
    assert _rows(reading.parts) == _rows(parts)
    assert [(i.code, i.text, i.place, i.count) for i in reading.issues] == [
        (i.code, i.text, i.place, i.count) for i in issues
    ]
    assert json.dumps(reading.state, allow_nan=False, sort_keys=True) == json.dumps(
        state, allow_nan=False, sort_keys=True
    )
    assert [part.figures for part in reading.parts] == [part.figures for part in parts]


def test_a_limit_stops_at_a_line_and_the_next_reading_goes_on(tmp_path: Path) -> None:
    """Pieces of a long log add up to the log, and every piece but the last says that there is more."""
    path = tmp_path / "a.log"
    path.write_text(_log("llmc", [(0, 1, 0, 1)] * 3000))
    form = TextFormat(shipped("llmc"))
    at_once = form.read(path, 0, {})
    state: dict[str, object] = {}
    rows: list[tuple[str, ...]] = []
    offset, more, pieces = 0, True, 0
    while more:
        reading = form.read(path, offset, json.loads(json.dumps(state)), limit=50_000)
        offset, state, more, pieces = reading.offset, reading.state, reading.more, pieces + 1
        rows += _rows(reading.parts)
    assert pieces > 3
    assert sorted(rows) == sorted(_rows(at_once.parts))
    assert offset == at_once.offset == path.stat().st_size
