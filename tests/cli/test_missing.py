"""Logs that do not say N, the data size or the learning rate: what is missing is named and can be given."""

import csv
import json
import re
import struct
import zlib
from pathlib import Path

import pytest

GONE = ("non_embedding_params", "dataset_tokens", "learning_rate", "n_embd", "n_layer", "n_head")
_RECORD = struct.Struct("<IHB")


def strip_text(path: Path) -> None:
    """Lines of `key = value` or `key: value`, and the printed number of parameters."""
    lines = path.read_text().splitlines(keepends=True)
    kept = [x for x in lines if not x.startswith((*GONE, "number of parameters"))]
    path.write_text("".join(kept))


def strip_json(path: Path) -> None:
    """Keys of a config.json."""
    config = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in config.items() if k not in GONE}))


def strip_wandb(path: Path) -> None:
    """Keys of the configuration inside a .wandb file, renamed in place; checksums made to fit again."""
    data = bytearray(path.read_bytes())
    for key in GONE:
        data = bytearray(bytes(data).replace(key.encode(), b"x" * len(key)))
    at = 7
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        _, size, kind = _RECORD.unpack_from(data, at)
        if left < 7 or (kind == 0 and size == 0):
            at += left
            continue
        end = min(at + 7 + size, len(data))
        _RECORD.pack_into(data, at, zlib.crc32(data[at + 6 : end]), size, kind)
        at = end
    path.write_bytes(data)


def strip_events(path: Path) -> None:
    """Names of hyperparameters inside an event file, renamed in place; no reader checks an event's own sum."""
    data = path.read_bytes()
    for key in GONE:
        data = data.replace(key.encode(), b"x" * len(key))
    path.write_bytes(data)


@pytest.fixture
def stripped(ladder_copy: Path) -> Path:
    """The ladder with N, data size and learning rate taken out of every format's files."""
    for path in (*ladder_copy.rglob("train.log"), *ladder_copy.rglob("hparams.yaml")):
        strip_text(path)
    for path in ladder_copy.rglob("config.json"):
        strip_json(path)
    for path in ladder_copy.rglob("*.wandb"):
        strip_wandb(path)
    for path in ladder_copy.rglob("events.out.tfevents.*"):
        strip_events(path)
    return ladder_copy


def test_the_board_stands_and_names_what_is_missing_per_run(labbook, stripped: Path) -> None:
    """34 runs with their losses; N and the data size are null, never 0."""
    labbook("ingest", stripped)
    runs = labbook("runs", "--json").json
    assert len(runs) == 34
    for run in runs:
        assert run["n_params"] is None
        assert run["unique_tokens"] is None
        assert {"N", "unique tokens"} <= set(run["missing"])
        assert run["loss"] > 1
    board = labbook("triage").out
    assert "N" in board
    assert "labbook set" in board
    fit = labbook("fit", "--json", "--no-plot")
    assert fit.code == 2
    assert "labbook set" in fit.err


def test_one_table_restores_the_same_fit(labbook, on_ladder, stripped: Path, tmp_path: Path) -> None:
    """`labbook set --table`: one line a run."""
    labbook("ingest", stripped)
    table = tmp_path / "known.csv"
    rates = {r["name"]: r["peak_lr"] for r in on_ladder("runs", "--json").json}
    with table.open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["run", "n_non_embedding", "unique_tokens", "learning_rate"])
        for name, rate in rates.items():
            width, size = re.match(r"d(\d+)-D([\d.]+M)", name).groups()
            writer.writerow([name, 24 * int(width) ** 2, size, rate])
    assert labbook("set", "--table", table).code == 0
    assert params(labbook("fit", "--json").json) == params(on_ladder("fit", "--json").json)


@pytest.mark.slow
def test_one_pattern_over_the_names_restores_the_same_fit(labbook, on_ladder, stripped: Path) -> None:
    """`labbook set --from-name`: width and data size stand in the names, N follows from the width."""
    labbook("ingest", stripped)
    given = labbook("set", "--from-name", "d{n_embd}-D{unique_tokens}", "n_layer=2")
    assert (given.code, given.out) == (0, "set n_embd, n_layer, unique_tokens for 34 runs\n")
    # the plain loop logs no learning rate, so its hot run has to be named
    labbook("set", "d16-D1.6M", "learning_rate=0.01")
    labbook("set", "d16-D1.6M-lr60x", "learning_rate=0.6")
    assert params(labbook("fit", "--json").json) == params(on_ladder("fit", "--json").json)


def test_what_was_given_survives_reading_again_and_can_be_taken_back(labbook, stripped: Path) -> None:
    """A person's word stands above the log's until it is withdrawn."""
    labbook("ingest", stripped)
    labbook("set", "d16-D0.1M", "n=6144")
    labbook("ingest", stripped)
    run = labbook("show", "d16-D0.1M", "--json").json
    assert (run["n_params"], run["n_how"]) == (6144, "given")
    labbook("set", "d16-D0.1M", "n=")
    assert labbook("show", "d16-D0.1M", "--json").json["n_params"] is None


def test_a_run_taken_out_by_hand_says_so_and_comes_back(labbook, ladder_copy: Path) -> None:
    """`leave_out=REASON`; the fit has one rung less, and the reason stands in the list."""
    labbook("ingest", ladder_copy)
    labbook("set", "d16-D0.1M", "leave_out=wrong tokenizer")
    fit = labbook("fit", "--json").json
    assert fit["n"] == 27
    assert [x["reason"] for x in fit["left_out"] if x["code"] == "given"] == ["by hand: wrong tokenizer"]
    labbook("set", "d16-D0.1M", "leave_out=")
    assert labbook("fit", "--json").json["n"] == 28


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("d16-D0.1M", "nn=3"), "no such key: nn"),
        (("d16-D0.1M", "n=twelve"), "not a size"),
        (("d16-D0.1M",), "nothing to set"),
        (("nobody", "n=3"), "no run matches 'nobody'"),
        (("n=3",), "no run named"),
        (("--from-name", "run{what}", "n=3"), "no key 'what'"),
        (("--table", "/nowhere.csv"), "cannot read /nowhere.csv"),
    ],
)
def test_a_wrong_assignment_is_one_clear_line(on_ladder, words: tuple[str, ...], told: str) -> None:
    """What is wrong and what to try; exit code 64; nothing is written."""
    done = on_ladder("set", *words)
    assert done.code == 64
    assert told in done.err
    assert done.err.count("\n") == 1


def params(fit: dict) -> dict[str, dict[str, float]]:
    """Parameters of every law."""
    return {name: law["params"] for name, law in fit["laws"].items()}
