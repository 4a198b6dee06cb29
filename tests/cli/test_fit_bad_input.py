"""Tables that must not be fitted as they are: refused with the reason, one clear line, the right exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scaling.ladders import DESIGNS, SIZES, TRUTH, cross, plant

HEAD = "run,params,tokens,val_loss"
Row = list[object]


def rungs(N: Sequence[float], D: Sequence[float]) -> list[Row]:
    """Rows of a ladder with planted truth and .1 % noise."""
    ladder = plant("chinchilla", TRUTH, np.array(N), np.array(D), 0.001)
    return [
        [f"r{i}", int(n), int(d), repr(float(loss))] for i, (n, d, loss) in enumerate(zip(*ladder, strict=True))
    ]


def grid() -> list[Row]:
    """Twelve rungs of four sizes."""
    return rungs(*cross(*DESIGNS[12]))


def write(folder: Path, rows: Sequence[Sequence[object]], head: str = HEAD) -> Path:
    """A table of runs."""
    path = folder / "ladder.csv"
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def fitted(done: Any) -> Any:
    """The fit a command printed, of exit 0 and without a word on stderr."""
    assert (done.code, done.err) == (0, "")
    return done.json


def one_line(done: Any, code: int) -> str:
    """What a command that failed says."""
    assert done.code == code
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert "bug in labbook" not in done.err
    return str(done.err)


def test_twenty_tokens_per_parameter_cannot_separate_the_exponents(labbook, tmp_path: Path) -> None:
    """D = 20 N: a law of compute is preferred, no law of N and D stands, and the run that would settle it."""
    N = np.geomspace(2e7, 2e9, 8)
    found = fitted(labbook("fit", write(tmp_path, rungs(N, 20 * N)), "--json"))
    assert found["laws"][found["preferred"]]["status"] == "converged"
    assert found["preferred"] == "compute"
    assert found["laws"]["chinchilla"]["status"] == "unidentified"
    assert found["gate"]["code"] == "n-d-confounded"
    assert "would separate N and D" in found["gate"]["remedy"]
    (text,) = [
        w["text"] for w in found["warnings"] if w["code"] == "n-d-confounded" and "alpha and beta" in w["text"]
    ]
    assert "cannot separate alpha and beta: N and D move together (corr 1.000)" in text
    assert {rung["regime"] for rung in found["rungs"]} == {"inconclusive"}


@pytest.mark.parametrize(
    ("N", "D", "side"),
    [
        (np.full(8, 1e8), np.geomspace(1e9, 1e11, 8), "N side not identifiable"),
        (np.geomspace(1e7, 1e9, 8), np.full(8, 1e10), "D side not identifiable"),
    ],
    ids=["one-size", "one-length"],
)
def test_one_size_or_one_length_leaves_its_side_open(labbook, tmp_path: Path, N, D, side: str) -> None:
    """The gate names the side, and no law of both has an interval."""
    found = fitted(labbook("fit", write(tmp_path, rungs(N, D)), "--json"))
    assert side in found["gate"]["reason"]
    assert found["gate"]["remedy"].startswith("One run at ")
    for law in ("chinchilla", "kaplan", "kaplan-floor", "general"):
        assert found["laws"][law]["status"] == "unidentified"
        assert not any(found["laws"][law]["intervals"].values())


def test_five_points_are_no_chinchilla_fit(labbook, tmp_path: Path) -> None:
    """The sentence, and what would do instead; and with --law, exit 2."""
    rows = grid()
    table = write(tmp_path, [rows[i] for i in (0, 2, 4, 9, 11)])
    refused = fitted(labbook("fit", table, "--json"))["laws"]["chinchilla"]["refused"]
    assert refused["code"] == "too-few-rungs"
    assert refused["reason"] == "Five points for five parameters: no fit."
    assert refused["remedy"] == "one more size, or kaplan with four"
    assert "Five points for five parameters" in one_line(labbook("fit", table, "--law", "chinchilla"), 2)


def test_runs_that_count_n_differently_are_not_mixed(labbook, tmp_path: Path) -> None:
    """Half total, half non-embedding: one kind is fitted, the others are left out and the ladder says so."""
    rows = [[r[0], r[1] if i % 2 else "", "" if i % 2 else r[1], *r[2:]] for i, r in enumerate(grid())]
    table = write(tmp_path, rows, "run,n_params_total,n_params_non_embedding,tokens,val_loss")
    done = labbook("fit", table, "--json")
    found = done.json
    assert "n-convention-mixed" in [w["code"] for w in found["warnings"]]
    assert found["n"] == 6
    assert {out["code"] for out in found["left_out"]} == {"no-params"}


def test_unfinished_rows_are_no_rungs(labbook, tmp_path: Path) -> None:
    """A run inside its schedule reads high: it is left out with its state."""
    rows = [[*row, "running" if i % 3 == 0 else "finished"] for i, row in enumerate(grid())]
    found = fitted(labbook("fit", write(tmp_path, rows, f"{HEAD},state"), "--json"))
    assert found["n"] == 8
    assert {out["name"] for out in found["left_out"]} == {"r0", "r3", "r6", "r9"}
    assert all("running" in out["reason"] for out in found["left_out"])


def test_impossible_rows_are_left_out_and_the_rest_is_fitted(labbook, tmp_path: Path) -> None:
    """A negative loss, NaN, N of 0 and of -5, D of 0: none is a rung, and the truth still comes back."""
    rows = rungs(*cross(*DESIGNS[20]))
    for at, (column, value) in enumerate([(3, -2.5), (3, "nan"), (1, 0), (1, -5), (2, 0)]):
        rows[3 * at + 1][column] = value
    found = fitted(labbook("fit", write(tmp_path, rows), "--json"))
    assert found["n"] == 15
    assert {out["name"]: out["code"] for out in found["left_out"]} == {
        "r1": "broken-run",
        "r4": "no-loss",
        "r7": "no-params",
        "r10": "no-params",
        "r13": "no-tokens",
    }
    low, high = found["laws"]["chinchilla"]["intervals"]["alpha"]
    assert low < TRUTH["alpha"] < high


def test_losses_of_which_none_can_be_fitted(labbook, tmp_path: Path) -> None:
    """Exit 2 and one line; nothing is shown as a result."""
    rows = [[*row[:3], "-3.1"] for row in grid()]
    done = labbook("fit", write(tmp_path, rows), "--json")
    assert "no fit" in one_line(done, 2)
    assert done.json["laws"] == {}


def test_tables_without_a_ladder(labbook, tmp_path: Path) -> None:
    """One rung, a heading alone, nothing at all, no such file."""
    assert "two or more runs of one recipe" in one_line(labbook("fit", write(tmp_path, grid()[:1])), 64)
    assert "no log could be read" in one_line(labbook("fit", write(tmp_path, [])), 2)
    (tmp_path / "ladder.csv").write_text("")
    assert "no log could be read" in one_line(labbook("fit", tmp_path / "ladder.csv"), 2)
    assert "no ladder" in one_line(labbook("fit", tmp_path / "nowhere.csv"), 64)


@pytest.mark.slow
def test_five_thousand_rungs(labbook, tmp_path: Path) -> None:
    """All are fitted, and the truth is inside ever narrower intervals; half a minute."""
    sizes = tuple(np.geomspace(SIZES[0], SIZES[-1], 50))
    table = write(tmp_path, rungs(*cross(sizes, tuple(np.geomspace(5, 320, 100)))))
    found = fitted(labbook("fit", table, "--overview", "--json"))["ladders"][0]
    assert found["n"] == 5000
    (law,) = [law for law in found["laws"] if law["law"] == "chinchilla"]
    low, high = law["a_interval"]
    assert low < TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"]) < high
    assert high - low < 0.002
