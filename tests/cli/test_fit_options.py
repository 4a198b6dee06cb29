"""No option is silently ignored, no number is without bounds, and a report goes where it was sent."""

import os
import stat
from pathlib import Path

import pytest


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Nine rungs of a power law."""
    rows = [f"r{i},{N:g},{D:g},{2 + 300 * N**-0.3 + 500 * D**-0.3:.5f}" for i, (N, D) in enumerate(_grid())]
    path = tmp_path / "ladder" / "t.csv"
    path.parent.mkdir()
    path.write_text("name,N,D,loss\n" + "\n".join(rows) + "\n")
    return path


def _grid() -> list[tuple[float, float]]:
    return [(N, N * r) for N in (1e7, 5e7, 2e8) for r in (5, 30, 200)]


@pytest.mark.parametrize(
    "words",
    [
        ("--flops", "1e20"),
        ("--at", "1e9"),
        ("--x", "N"),
        ("--score", "a"),
        ("--reach", ".5"),
        ("--least-squares",),
        ("--overview", "--influence"),
        ("--overview", "--flops", "1e20"),
        ("--overview", "--law", "tissue"),
        ("--law", "logistic", "--x", "N", "--y", "loss", "--influence"),
    ],
)
def test_an_option_of_another_kind_of_fit_is_an_error(labbook, table: Path, words: tuple[str, ...]) -> None:
    """One line that says what the option is for."""
    found = labbook("fit", table, *words)
    assert found.code == 64
    assert len(found.err.strip().splitlines()) == 1
    assert found.out == ""


@pytest.mark.parametrize("words", [("--at", "1e400"), ("--reach", "1e400"), ("--at", "0")])
def test_amounts_are_finite(labbook, tmp_path: Path, words: tuple[str, ...]) -> None:
    """No infinite amount reaches a law."""
    path = tmp_path / "m.csv"
    path.write_text("x,acc\n" + "\n".join(f"{10**i},{0.1 + 0.1 * i}" for i in range(1, 8)) + "\n")
    found = labbook("fit", path, "--law", "logistic", "--x", "x", "--y", "acc", *words)
    assert (found.code, "finite" in found.err) == (64, True)


def test_a_row_no_law_can_speak_of_is_left_out(labbook, table: Path) -> None:
    """1e308 tokens or losses are named as what they are, and the rest is fitted without a warning of numpy."""
    with table.open("a") as file:
        file.write("huge,1e7,1e308,3.0\nloud,2e8,1e9,1e300\n")
    fit = labbook("fit", table, "--json")
    assert fit.code == 0
    assert {x["name"]: x["code"] for x in fit.json["left_out"]} == {"huge": "no-tokens", "loud": "no-loss"}
    assert fit.json["n"] == 9
    assert fit.err == ""


def test_a_report_to_a_device_leaves_it_a_device(labbook, on_ladder, tmp_path: Path) -> None:
    """A pipe is written to, and a link is followed."""
    link, real = tmp_path / "link.md", tmp_path / "real.md"
    link.symlink_to(real)
    assert on_ladder("export", "-o", link).code == 0
    assert link.is_symlink() and real.read_text().startswith("# labbook report")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        on_ladder("export", "d64-D1.6M", "-o", pipe)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reader)


def test_one_folder_of_two_tables_is_one_ladder_and_says_so(labbook, table: Path) -> None:
    """Two paths that are one ladder cannot be compared; what to do is said."""
    other = table.with_name("u.csv")
    other.write_text(table.read_text().replace("r", "s"))
    found = labbook("fit", table, "--against", other)
    assert found.code == 64
    assert "two folders" in found.err
