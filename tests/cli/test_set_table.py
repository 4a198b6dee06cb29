"""`labbook set --table`: tables as people have them."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def ingested(labbook, tmp_path: Path) -> Path:
    """Two runs that do not say N."""
    runs = tmp_path / "two"
    runs.mkdir()
    for name, start in (("a", 5.0), ("b", 4.0)):
        lines = (json.dumps({"step": step, "loss": start - step / 100}) for step in range(1, 40))
        (runs / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    labbook("ingest", runs)
    return tmp_path


@pytest.mark.parametrize(
    "table",
    [
        "run,N\na,70M\nb,160M\n",
        "\ufeffName;Params\r\na;70M\r\n\r\nb;160M\r\n",
        "params\tname\n70M\ta\n160M\tb\n",
    ],
    ids=["run,N", "semicolons, BOM, CRLF", "tabs, the run second"],
)
def test_two_columns_give_every_run_its_n(labbook, ingested: Path, table: str) -> None:
    """The run by any of its headings, N by any of its names."""
    path = ingested / "n.csv"
    path.write_text(table, newline="")
    assert labbook("set", "--table", path).out == "set n for 2 runs\n"
    found = {run["name"]: (run["n_params"], run["n_how"]) for run in labbook("runs", "--json").json}
    assert found == {"a": (70e6, "given"), "b": (160e6, "given")}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("N,D\n1,2\n", "no column `run`"),
        ("", "no column `run`"),
        ("run,comment\na,x\n", "no such key: comment"),
        ("run,N\na,many\n", "n=many"),
        ("run,N\nz,70M\n", "no run 'z'"),
    ],
)
def test_a_table_that_cannot_be_used_changes_nothing(labbook, ingested: Path, table: str, words: str) -> None:
    """One line says what is wrong with it."""
    path = ingested / "n.csv"
    path.write_text(table)
    answer = labbook("set", "--table", path)
    assert answer.code != 0
    assert words in answer.err
    assert all(run["n_params"] is None for run in labbook("runs", "--json").json)
