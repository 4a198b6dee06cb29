"""Bad input: one clear line each, the right exit code, and the rest still read."""

import json
import os
import shutil
from pathlib import Path

import pytest

GOOD = "sample-run"


@pytest.fixture
def with_good(sample_runs: Path, tmp_path: Path) -> Path:
    """A folder with one good run, to put bad things beside."""
    root = tmp_path / "runs"
    shutil.copytree(sample_runs / "pyloop" / "d16-D0.1M", root / GOOD)
    return root


def names(labbook) -> list[str]:
    """Runs of the notebook."""
    return [r["name"] for r in labbook("runs", "--json").json]


def test_a_folder_with_nothing_in_it(labbook, tmp_path: Path) -> None:
    """Exit 2, with what is read and how to look further."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (("ingest", empty), (empty,), ("triage", empty)):
        done = labbook(*words)
        assert done.code == 2
        assert done.err.count("\n") == 1
        assert "no log could be read" in done.err


def test_a_path_that_does_not_exist(labbook) -> None:
    """Neither a path nor a command; the nearest command is offered."""
    done = labbook("/nowhere/at/all")
    assert (done.code, done.err.count("\n")) == (64, 1)
    assert "no such file or folder" in done.err
    assert "labbook export" in labbook("exprot").err


def test_an_unreadable_file_is_named_and_the_rest_is_read(labbook, as_nobody, with_good: Path) -> None:
    """Exit 1: something that looks like a log could not be read; the good run is there."""
    labbook("ingest", with_good)
    secret = with_good / "secret.log"
    secret.write_text("iter 0: loss 4.0, time 1.00ms, mfu -100.00%\n")
    secret.chmod(0)
    done = as_nobody("--notebook", ":memory:", "ingest", with_good, "--json")
    assert done.code == 1, done.err
    assert done.json["failed"] == [{"path": str(secret), "reason": "cannot be read: Permission denied"}]
    assert len(done.json["runs"]) == 1


def test_a_binary_file_is_skipped_with_its_reason(labbook, with_good: Path) -> None:
    """Random bytes under a log's name."""
    (with_good / "core.log").write_bytes(os.urandom(5000) + b"\x00" * 5000)
    done = labbook("ingest", with_good, "--json")
    assert done.code == 0
    assert [Path(s["path"]).name for s in done.json["skipped"]] == ["core.log"]
    assert done.json["skipped"][0]["reason"]
    assert names(labbook) == [GOOD]
    sniffed = labbook("sniff", with_good / "core.log")
    assert sniffed.code == 1


def test_a_log_cut_in_the_middle_of_a_line(labbook, with_good: Path) -> None:
    """The half line waits; the number in it is not read short."""
    log = with_good / GOOD / "train.log"
    text = log.read_text()
    at = text.index("iter 300: loss")
    log.write_text(text[: at + len("iter 300: loss 2.")])
    labbook("ingest", with_good)
    train = next(s for s in labbook("show", GOOD, "--json").json["series"] if s["name"] == "train")
    assert train["last_step"] == 299
    log.write_text(text)
    labbook("ingest", with_good)
    train = next(s for s in labbook("show", GOOD, "--json").json["series"] if s["name"] == "train")
    assert (train["last_step"], train["points"]) == (389, 390)


def test_a_csv_with_nan_and_empty_cells(labbook, with_good: Path) -> None:
    """NaN is a value and flagged, an empty cell is nothing at all."""
    folder = with_good / "table"
    folder.mkdir()
    rows = ["step,train_loss,val_loss", "0,4.0,", "1,3.5,3.9", "2,nan,", "3,,3.7", "4,3.1,"]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    assert labbook("ingest", with_good).code == 0
    series = {s["name"]: s for s in labbook("show", "table", "--json").json["series"]}
    assert (series["train"]["points"], series["train"]["non_finite"]) == (4, 1)
    assert (series["val"]["points"], series["val"]["non_finite"]) == (2, 0)
    run = next(r for r in labbook("triage", "--json").json if r["name"] == "table")
    assert "nan" in [f["id"] for f in run["flags"]]


def test_a_notebook_in_a_read_only_folder_is_worked_on_in_memory(
    labbook, as_nobody, with_good: Path, tmp_path: Path
) -> None:
    """The answer still comes, and one line says that nothing is kept."""
    labbook("runs", with_good)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    done = as_nobody("--notebook", closed / "notebook", "runs", with_good)
    assert done.code == 0, done.err
    assert GOOD in done.out
    assert "in memory" in done.err
    assert done.err.count("\n") == 1


def test_a_notebook_that_is_a_file_or_is_none(labbook, tmp_path: Path) -> None:
    """One line and the way out; the file is left as it was."""
    file = tmp_path / "file"
    file.write_text("mine")
    done = labbook("--notebook", file, "runs")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert file.read_text() == "mine"


def test_errors_are_one_json_object_under_json(labbook) -> None:
    """Scripts can read what went wrong."""
    done = labbook("runs", "no-such-run", "--json")
    assert done.code == 64
    error = json.loads(done.err)
    assert error["schema"] == "labbook.error/1"
    assert error["exit_code"] == 64


def test_hostile_names_reach_no_terminal(labbook, with_good: Path) -> None:
    """Escapes in a folder's name are printed as harmless text."""
    hostile = with_good / "\x1b]0;owned\x07[red]run\x1b[31m"
    shutil.copytree(with_good / GOOD, hostile)
    with (hostile / "train.log").open("a") as log:
        log.write("iter 9999: loss 2.0, time 1.00ms, mfu -100.00%\n")
    for words in (("ingest", with_good), ("runs",), ("triage",), ("show", "[red]run")):
        done = labbook(*words)
        assert "\x1b" not in done.out + done.err
        assert "\x07" not in done.out + done.err
    assert "[red]run" in names(labbook)


def test_an_empty_notebook_says_what_to_do(labbook) -> None:
    """No run yet: how to get one, not an empty table."""
    for words in (("runs",), ("triage",), ("ladders",)):
        done = labbook(*words)
        assert "labbook ingest" in done.out + done.err or "labbook demo" in done.out + done.err
    assert labbook("fit").code == 64
    assert labbook("export").code == 64


def test_an_unknown_law_lists_the_known_ones(on_ladder) -> None:
    """Before anything is read."""
    done = on_ladder("fit", "--law", "hoffmann")
    assert done.code == 64
    assert "chinchilla" in done.err
