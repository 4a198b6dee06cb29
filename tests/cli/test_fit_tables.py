"""What the columns of a table of runs must not lose on their way into a fit."""

import re
from collections.abc import Sequence
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from labbook.ladder import Ladder, ladders
from labbook.measure import measure_all
from labbook.store import Notebook
from labbook.views import candidate, known, resolve_run
from labbook.workbook import Workbook
from tests.scaling.ladders import TRUTH, plant

HEAD = "run,params,tokens,val_loss"
N = np.array([5e7, 5e7, 2e8, 2e8])
D = np.array([1e9, 1e10, 2e9, 4e10])
LOSS = plant("chinchilla", TRUTH, N, D, 0.001).L
ROWS = [[f"r{i}", int(n), int(d), float(loss)] for i, (n, d, loss) in enumerate(zip(N, D, LOSS, strict=True))]
FLOP = [6 * row[1] * row[2] for row in ROWS]


def write(folder: Path, head: str, rows: Sequence[Sequence[object]]) -> Path:
    """A table of runs."""
    path = folder / "ladder.csv"
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def beside(cells: Sequence[object]) -> list[list[object]]:
    """The rows with one more cell each."""
    return [[*row, cell] for row, cell in zip(ROWS, cells, strict=True)]


def lined_up(folder: Path, head: str, rows: Sequence[Sequence[object]]) -> list[Ladder]:
    """The ladders such a table holds, before any law is fitted."""
    with Workbook(Notebook.open(":memory:"), roots=[]) as book:
        book.ingest([write(folder, head, rows)])
        runs = {run.run_id: (run, resolve_run(run)) for run in book.notebook.runs()}
        measured = measure_all(book.notebook, runs)
    return ladders(candidate(known(*pair, measured[run_id])) for run_id, pair in runs.items())


def ladder(folder: Path, head: str, rows: Sequence[Sequence[object]]) -> Ladder:
    """The only one."""
    (found,) = lined_up(folder, head, rows)
    return found


def test_losses_per_byte_and_per_token_are_two_ladders(labbook, tmp_path: Path) -> None:
    """Nothing brings one to the other, so no law is fitted to both."""
    rows = [[*row[:3], row[3] / log(2) / 4.5, "bpb"] if i % 2 else [*row, "nats"] for i, row in enumerate(ROWS)]
    found = labbook("fit", write(tmp_path, f"{HEAD},loss_unit", rows), "--json").json
    assert sorted((each["loss_unit"], each["n"]) for each in found) == [("nats/byte", 2), ("nats/token", 2)]


def test_a_unit_nobody_knows_is_not_taken_for_nats(tmp_path: Path) -> None:
    """It is a ladder of its own."""
    found = lined_up(tmp_path, f"{HEAD},loss_unit", beside(["nats", "furlongs"] * 2))
    assert sorted((each.loss_unit, len(each.rungs)) for each in found) == [("nats/token", 2), ("other", 2)]


@pytest.mark.parametrize(
    ("word", "written"), [("bits/token", lambda nats: nats / log(2)), ("ppl", exp)], ids=["bits", "ppl"]
)
def test_losses_that_can_be_converted_are_one_ladder_in_nats(tmp_path: Path, word, written) -> None:
    """The rungs have the losses the rows were made from."""
    rows = [[*row[:3], written(row[3]), word] if i % 2 else [*row, "nats"] for i, row in enumerate(ROWS)]
    found = ladder(tmp_path, f"{HEAD},unit", rows)
    assert found.loss_unit == "nats/token"
    assert {r.name: r.loss for r in found.rungs} == pytest.approx({row[0]: row[3] for row in ROWS})


def test_flop_and_plan_of_a_table_reach_the_fit(labbook, tmp_path: Path) -> None:
    """Compute counted in two ways is told, a row inside its schedule is left out, rows of one name are runs."""
    cells = [f"{1.5 * flop if i else flop},{5000 if i == 3 else 10000},10000" for i, flop in enumerate(FLOP)]
    rows = [["all", *row[1:]] for row in beside(cells)]
    found = labbook("fit", write(tmp_path, f"{HEAD},train_flops,step,max_steps", rows), "--json").json
    assert {rung["name"] for rung in found["rungs"]} == {"all", "all (2)", "all (3)"}
    assert [(out["name"], out["code"]) for out in found["left_out"]] == [("all (4)", "unfinished")]
    told = {warning["code"]: warning["text"] for warning in found["warnings"]}
    assert "C differs by up to 50 %" in told["flop-convention-mixed"]


@pytest.mark.parametrize(
    ("column", "scale"),
    [
        ("budget_flop", 1.0),
        ("C", 1.0),
        ("train_eflop", 1e18),
        ("compute (PF-days)", 8.64e19),
        ("flops_e18", 1e18),
    ],
)
def test_logged_flop_in_any_scale_are_held_against_6nd(tmp_path: Path, column: str, scale: float) -> None:
    """C/(6ND) of 1 and of 1.5 are two conventions."""
    cells = [(1.5 if i else 1.0) * flop / scale for i, flop in enumerate(FLOP)]
    found = ladder(tmp_path, f"{HEAD},{column}", beside(cells))
    assert len(found.rungs) == 4
    assert "flop-convention-mixed" in {w.code for w in found.warnings}


def test_flop_of_one_convention_are_not_mixed(tmp_path: Path) -> None:
    """1.5 x 6ND in every run; TFLOP/s of the hardware beside it are no compute."""
    cells = [f"{1.5 * flop},{150 + 30 * i}" for i, flop in enumerate(FLOP)]
    found = ladder(tmp_path, f"{HEAD},train_flop,train/tflops", beside(cells))
    assert (len(found.rungs), {w.code for w in found.warnings}) == (4, set())


@pytest.mark.parametrize(
    ("columns", "whole", "cut", "code"),
    [
        ("step,max_steps", "10000,10000", "5000,10000", "unfinished"),
        ("steps,planned_steps", "9950,10000", "9800,10000", "unfinished"),
        ("planned_tokens", "", "1e12", "given"),
        ("lr,lr_end", "1e-5,1e-5", "1e-4,1e-5", "unannealed-points"),
        ("lr,lr_peak,min_lr", "3e-5,3e-4,3e-5", "1e-4,3e-4,3e-5", "unannealed-points"),
        ("final_lr,peak_lr", "3e-5,3e-4", "1e-4,3e-4", "unannealed-points"),
        ("last_lr,lr,min_lr", "3e-5,3e-4,3e-5", "1e-4,3e-4,3e-5", "unannealed-points"),
    ],
)
def test_a_row_inside_its_schedule_is_no_rung(
    tmp_path: Path, columns: str, whole: str, cut: str, code: str
) -> None:
    """By its steps, its tokens or its learning rate."""
    found = ladder(tmp_path, f"{HEAD},{columns}", beside([cut if i == 3 else whole for i in range(4)]))
    assert [r.name for r in found.rungs] == ["r0", "r1", "r2"]
    assert [(out.name, out.code) for out in found.left_out] == [("r3", code)]


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("lr,min_lr", ["6e-4,6e-5"] * 2 + ["3e-4,3e-5"] * 2),
        ("lr,lr_peak", ["3e-4,3e-4"] * 4),
        ("step,max_steps,lr_schedule", ["5000,10000,constant"] * 4),
        ("step,max_steps,state", ["5000,10000,finished"] * 4),
        ("planned_tokens", [f"{d:.0f}" for d in D]),
    ],
)
def test_a_plan_that_is_not_cut_keeps_its_rungs(tmp_path: Path, columns: str, cells: list[str]) -> None:
    """A peak beside its planned end, a constant rate, a run the table calls finished."""
    found = ladder(tmp_path, f"{HEAD},{columns}", beside(cells))
    assert (len(found.rungs), found.left_out) == (4, ())


@pytest.mark.parametrize(
    "column", ["tokens_per_epoch", "epoch_tokens", "unique_tokens", "U_unique", "dataset_tokens"]
)
def test_tokens_of_an_epoch_are_the_unique_tokens(tmp_path: Path, column: str) -> None:
    """Two epochs of data of known size: D is its size."""
    found = ladder(tmp_path, f"{HEAD},{column}", beside([row[2] // 2 for row in ROWS]))
    assert found.d_reading == "unique"
    assert {r.name: r.D for r in found.rungs} == {row[0]: row[2] // 2 for row in ROWS}


def test_rows_without_a_size_or_a_loss_are_left_out_with_the_reason(labbook, tmp_path: Path) -> None:
    """In the first row as in any other; what is left is the ladder."""
    bad = {
        "no-params": ["a,0,1e9,3", "b,nan,1e9,3", "c,-5,1e9,3", "d,small,1e9,3", "e,,1e9,3"],
        "no-tokens": ["f,1e8,0,3", "g,1e8,-1e9,3", "h,1e8,?,3"],
        "no-loss": ["i,1e8,1e9,nan"],
        "broken-run": ["j,1e8,1e9,-2.5"],
    }
    rows = [row.split(",") for rows in bad.values() for row in rows]
    found = labbook("fit", write(tmp_path, HEAD, [*rows, *ROWS]), "--json").json
    assert found["n"] == 4
    told = {out["name"]: out["code"] for out in found["left_out"]}
    assert told == {row[0]: code for code, rows in bad.items() for row in rows}


def test_rows_that_cannot_be_read_are_issues_with_their_lines(labbook, tmp_path: Path) -> None:
    """Reading the table says which row gave nothing, and why."""
    bad = [["a,1e8,2e9,"], ["b,1e8,2e9,0"], ["c,1e8,2e9,n/a"], ["d,1e8,2e9"]]
    told = labbook("ingest", write(tmp_path, HEAD, [*bad, *ROWS]), "--width", 400).out
    for issue in (
        "missing-loss .* line 2: a: row 1: no loss",
        "missing-loss .* line 3: b: row 2: a loss of 0 stands for a missing one",
        "missing-loss .* line 4: c: row 3: 'n/a' is no loss",
        "bad-line .* line 5: 3 cells; the header has 4",
    ):
        assert re.search(issue, told)


@pytest.mark.parametrize("head", [HEAD, f"{HEAD},step", f"{HEAD},step,max_steps"])
def test_rows_of_one_name_are_runs_of_their_own(tmp_path: Path, head: str) -> None:
    """A run has one N: rows of one name and several sizes are numbered, and no ladder is lost."""
    rows = [["all", *row[1:], 10000, 10000][: head.count(",") + 1] for row in ROWS]
    found = ladder(tmp_path, head, rows)
    assert {r.name for r in found.rungs} == {"all", "all (2)", "all (3)", "all (4)"}


def test_a_grid_without_names_is_a_ladder_in_any_order(tmp_path: Path) -> None:
    """Lengths of one size below each other are runs of several lengths, no points of one; rates are tuned."""
    rows = [[*row[1:], 3e-4 * (row[2] / 1e9) ** -0.2] for row in sorted(ROWS, key=lambda row: row[1:3])]
    found = ladder(tmp_path, "params,tokens,val_loss,lr", rows)
    assert (len(found.rungs), found.left_out) == (4, ())
