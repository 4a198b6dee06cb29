"""`labbook plan` as a person types it: budgets, bad input, the shipped ladder."""

import math
from pathlib import Path

import pytest

BUDGETS = [
    ("--flops", "1e15"),
    ("--tokens", "20M"),
    ("--params", "2M"),
]
COLUMNS = ("--columns", "N=N,D=D,loss=loss")


def written(path: Path, cells: list[tuple[float, float]]) -> Path:
    """A table of finished runs of these N and D."""
    lines = ["name,N,D,loss"]
    for N, D in cells:
        scatter = 1.0 + 0.002 * math.sin(7.0 * math.log(N * D))
        loss = (1.8 + 400 * N**-0.35 + 2000 * D**-0.36) * scatter
        lines.append(f"r{N:g}-{D:g},{N:.0f},{D:.0f},{loss:.5f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("words", BUDGETS, ids=lambda words: words[0])
def test_a_budget_is_planned(words: tuple[str, ...], on_ladder) -> None:
    """Each way to name one."""
    ran = on_ladder("plan", *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.json
    assert found["schema"] == "labbook.plan/1"
    given = {"--tokens": ("D", "tokens", 2e7), "--params": ("N", "params", 2e6)}
    figure, kind, amount = given.get(words[0], ("C", "compute", found["amount"]))
    assert found["given"] == kind
    assert found["pooled"][figure] == {"value": amount, "interval": None}


def test_without_a_budget_it_is_ten_times_the_largest_run(on_ladder) -> None:
    """And the text says so, with intervals and conventions."""
    ran = on_ladder("plan", "--at", "1M,10M", "--cap", "1e12")
    assert ran.code == 0
    assert "none was named: ten times the largest run" in " ".join(ran.out.split())
    assert "costs 10 x the ladder's largest run" in " ".join(ran.out.split())
    for title in ("Least loss by law", "The next doubling", "At N = 1M, D = 10M", "Method"):
        assert title in ran.out
    assert max(map(len, ran.out.splitlines())) <= 78


@pytest.mark.slow
def test_another_reading_is_another_plan(on_ladder) -> None:
    """D as tokens seen: nothing is passed over twice; some 5 s, for every fit is made again."""
    unique, seen = (on_ladder("plan", *words, "--json").json for words in ((), ("--reading", "seen")))
    assert (unique["d_reading"], seen["d_reading"]) == ("unique", "seen")
    assert unique["passes"] > 1.0
    assert seen["passes"] is None
    assert unique["digest"] != seen["digest"]


def test_hours_of_unique_tokens_are_refused(on_ladder) -> None:
    """They buy the compute spent, and one pass over the data is a part of it."""
    ran = on_ladder("plan", "--gpu-hours", "0.01", "--throughput", "1M@1M")
    assert ran.code == 64
    assert "GPU-hours buy the compute spent" in ran.err


def test_hours_and_serving_of_a_table(labbook, tmp_path) -> None:
    """Nine rungs of a published table, each size at three token counts."""
    cells = [(size, size * ratio) for size in (5e7, 2e8, 8e8) for ratio in (5, 40, 320)]
    table = written(tmp_path / "ladder.csv", cells)
    words = ("--gpu-hours", "500", "--flops-per-gpu", "990T", "--utilisation", "0.4", "--serve", "1T")
    found = labbook("plan", table, *COLUMNS, *words, "--json").json
    assert found["amount"] == pytest.approx(500 * 3600 * 0.4 * 990e12)
    assert found["pooled"]["gpu_hours"] == pytest.approx(500)
    assert found["serving"][-1]["law"] == "pooled"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--flops", "much"), "--flops: not a size: 'much'"),
        (("--flops", "0"), "--flops must be positive, not 0"),
        (("--flops", "1e400"), "--flops must be positive"),
        (("--at", "7B"), "--at is written 7B,2T"),
        (("--at", "7B,"), "--at is written 7B,2T"),
        (("--throughput", "12K"), "--throughput is written 12K@1.3B"),
        (("--flops", "1e20", "--params", "1B"), "one budget at a time"),
        (("--gpu-hours", "3"), "--gpu-hours needs the speed of a GPU"),
        (("nowhere",), "no ladder 'nowhere'"),
    ],
)
def test_bad_input_is_one_clear_line(words: tuple[str, ...], said: str, on_ladder) -> None:
    """Exit code 64, and nothing on stdout."""
    ran = on_ladder("plan", *words)
    assert ran.code == 64
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_a_ladder_that_cannot_be_divided_says_so(labbook, tmp_path) -> None:
    """Exit code 1, the reason, and the loss by compute alone."""
    table = written(tmp_path / "ladder.csv", [(n, 20 * n) for n in (2e7, 5e7, 1e8, 3e8, 7e8, 1.5e9)])
    ran = labbook("plan", table, *COLUMNS, "--flops", "1e21")
    assert ran.code == 1, ran.err
    assert "No allocation: one D per N" in ran.out
    assert "By compute alone" in ran.out
