"""Rows in bulk: whole columns give what the same rows give one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labbook.logs.bulk import Group, put
from labbook.logs.rows import Rows
from labbook.records import Issue, RunPart

STEPS = st.one_of(st.integers(0, 12).map(float), st.sampled_from([float("nan"), float("inf")]))
VALUES = st.sampled_from([0.0, 1.5, -2.0, float("nan"), float("inf"), 1.7e9, 1.7e12, 64.0])
SHAPES: tuple[tuple[str, ...], ...] = (
    ("step", "loss", "lr"),
    ("step", "val_loss", "lr", "tokens"),
    ("_step", "train/loss", "_timestamp"),
    ("iteration", "loss", "mfu"),
    ("loss", "epoch"),
    ("tokens_seen", "tokens"),
    ("loss", "a b", "a\x00b", "wall_time"),
    ("Step", "Task/train_loss", "Other/train_loss", "epoch"),
)
ROW = st.sampled_from(SHAPES).flatmap(
    lambda keys: st.tuples(
        st.just(keys), st.tuples(*[st.one_of(STEPS if "tep" in k else VALUES, st.none()) for k in keys])
    )
)
ROWS = st.lists(ROW, min_size=1, max_size=60)
Row = tuple[tuple[str, ...], tuple[float | None, ...]]


def everything(part: RunPart, rows: Rows, issues: Sequence[Issue]) -> str:
    """All that reading rows leaves behind, as text."""
    points = {name: [repr(row) for row in points.rows()] for name, points in part.series.items()}
    return json.dumps([points, rows.state(), part.step_origin, [repr(issue) for issue in issues]])


def one_by_one(given_rows: Sequence[Row], state: object) -> str:
    """The rows through `Rows.add`."""
    part, rows, issues = RunPart(step_origin=1), Rows(state), []
    for place, (keys, values) in enumerate(given_rows, 7):
        if not rows.add(part, dict(zip(keys, values, strict=True)), place, issues):
            issues.append(Issue("no-step", "nowhere", f"line {place}"))
    return everything(part, rows, issues)


def in_groups(given_rows: Sequence[Row], state: object, cuts: Sequence[int]) -> str:
    """The rows through `bulk.put`, in blocks that end at `cuts`, grouped by their keys."""
    part, rows, issues = RunPart(step_origin=1), Rows(state), []
    ends = [*sorted(min(cut, len(given_rows)) for cut in cuts), len(given_rows)]
    for begin, end in zip([0, *ends], ends, strict=False):
        shapes: dict[tuple[str, ...], list[int]] = {}
        for index, (keys, _) in enumerate(given_rows[begin:end]):
            shapes.setdefault(keys, []).append(index)
        groups = []
        for keys, at in shapes.items():
            cells = zip(*[given_rows[begin + index][1] for index in at], strict=True)
            columns = [(np.array(c, float), np.array([x is not None for x in c])) for c in cells]
            groups.append(Group(keys, columns, np.array(at)))
        put(rows, part, groups, np.arange(begin, end) + 7, issues, stray="nowhere")
    return everything(part, rows, issues)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, before=ROWS, cuts=st.lists(st.integers(0, 60), max_size=3))
def test_columns_give_what_rows_give(rows: list[Row], before: list[Row], cuts: list[int]) -> None:
    """Points, issues and memory agree whatever the rows hold, in one block or several, after other rows."""
    memory = json.loads(one_by_one(before, None))[1]
    assert in_groups(rows, memory, cuts) == one_by_one(rows, memory)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.integers(0, 40), min_size=20, max_size=300), rising=st.booleans())
def test_restarts_and_two_writers_are_found_in_columns(steps: list[int], rising: bool) -> None:
    """Falls open the same segments and the same issue stands at the same place."""
    if rising:
        steps = [*range(2000), *sorted(steps[:5]), *range(500)]
    rows: list[Row] = [(("step", "loss", "lr"), (float(step), 1.0, 2.0)) for step in steps]
    assert in_groups(rows, None, [len(rows) // 2]) == one_by_one(rows, None)


def test_add_columns_counts_the_rows_it_could_not_put_anywhere() -> None:
    """A metric without step, tokens or epoch is no point, and is counted."""
    part, rows = RunPart(), Rows()
    step = (np.array([1.0, 2.0, 0.0]), np.array([True, True, False]))
    astray = rows.add_columns(part, ["step", "loss"], [step, np.array([4.0, np.nan, 3.0])], np.arange(3), [])
    assert astray == 1
    assert part.series["train"].step.tolist() == [1.0, 2.0]
    assert part.series["train"].place.tolist() == [0, 1]
    assert np.isnan(part.series["train"].value[1])
