"""The whole walk on the real sample ladder: from a folder of logs to a verdict."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest


def digest(folder: Path) -> str:
    """Of every path, byte and time of change under a folder."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state.update(f"{path} {path.stat().st_mtime_ns}".encode())
        if path.is_file():
            state.update(path.read_bytes())
    return state.hexdigest()


def test_demo_prints_board_ladder_plot_laws_and_verdicts_and_leaves_nothing(
    labbook, sample_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`labbook demo --plain` on any machine; no file is made, no log is touched."""
    monkeypatch.delenv("LABBOOK_NOTEBOOK")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    before = digest(sample_runs)
    shown = labbook("demo", "--plain")
    assert shown.code == 0
    assert shown.err == ""
    for section in (
        "34 runs",
        "28 rungs, 6 left out",
        "●",
        "Laws of",
        "Left out",
        "What limits each rung",
        "Method",
    ):
        assert section in shown.out
    assert list(tmp_path.iterdir()) == []
    assert digest(sample_runs) == before


def test_the_two_ends_of_the_grid_are_limited_by_opposite_things(on_ladder) -> None:
    """Least data with the widest models is data-limited, most data with the narrowest model model-limited."""
    fit = on_ladder("fit", "--json").json
    regimes = {r["run_id"]: r["regime"] for r in fit["rungs"]}
    names = {r["name"]: r["run_id"] for r in on_ladder("runs", "--json").json}
    assert {regimes[names[n]] for n in ("d96-D0.1M", "d128-D0.1M", "d192-D0.1M")} == {"data-limited"}
    assert {regimes[names[n]] for n in ("d16-D6.4M", "d32-D6.4M")} == {"model-limited"}


def test_kaplan_fits_this_data_limited_ladder_better_than_chinchilla(on_ladder) -> None:
    """With one parameter fewer, and the printed sentence carries the figures of the fit."""
    fit = on_ladder("fit", "--json").json
    kaplan, chinchilla = fit["laws"]["kaplan"], fit["laws"]["chinchilla"]
    assert len(kaplan["params"]) == len(chinchilla["params"]) - 1
    assert kaplan["rms_log"] < chinchilla["rms_log"]
    assert kaplan["aicc"] < chinchilla["aicc"] - 10
    text = " ".join(on_ladder("fit", "--no-plot", "--width", "200").out.split())
    lower = f"{chinchilla['aicc'] - kaplan['aicc']:.1f}"
    assert f"kaplan fits better than chinchilla: rms {100 * kaplan['rms_log']:.2g} %" in text
    assert f"AICc lower by {lower}, with one parameter fewer" in text


def test_reading_rule_and_left_out_runs_are_printed_with_what_other_choices_would_change(on_ladder) -> None:
    """D is the unique bytes here, and both other choices say which verdicts they would change."""
    fit = on_ladder("fit", "--json").json
    assert fit["method"]["d_reading"].startswith("unique")
    assert fit["method"]["loss_rule"].startswith("min_val")
    codes = sorted(x["code"] for x in fit["left_out"])
    assert codes == ["lr-variant"] * 3 + ["unfinished"] * 3
    assert all(x["residual"] > 0.05 for x in fit["left_out"] if x["code"] == "lr-variant")
    titles = [a["title"] for a in fit["alternatives"]]
    assert any("seen" in t for t in titles)
    assert any("learning-rate" in t for t in titles)


def test_off_ladder_runs_are_flagged_and_replicates_are_not(on_ladder) -> None:
    """The three runs at 30 to 60 times the learning rate, and nothing else."""
    flagged = {
        r["name"] for r in on_ladder("triage", "--json").json if "off-ladder" in [f["id"] for f in r["flags"]]
    }
    assert flagged == {"d16-D1.6M-lr60x", "d64-D1.6M-lr30x", "d96-D0.4M-lr40x"}


@pytest.mark.parametrize("age", [0, 7200])
def test_reading_twice_changes_nothing_and_a_grown_file_adds_what_is_new(
    labbook, ladder_copy: Path, age: int
) -> None:
    """34 runs from 56 sources, old or just written; then one line more is one point more, and its run moves."""
    for path in ladder_copy.rglob("*.*"):
        os.utime(path, (time.time() - age, time.time() - age))
    first = labbook("ingest", ladder_copy, "--json").json
    assert (len(first["runs"]), len(first["read"]), first["failed"]) == (34, 56, [])
    before = labbook("runs", "--json").json
    again = labbook("ingest", ladder_copy, "--json").json
    assert (again["points"], again["unchanged"]) == (0, 56)
    assert labbook("runs", "--json").json == before
    log = ladder_copy / "pyloop" / "d16-D0.1M" / "train.log"
    with log.open("a") as f:
        f.write("step 400: train loss 2.1000, val loss 2.5000\n")
    grown = labbook("ingest", ladder_copy, "--json").json
    assert [r["points"] for r in grown["read"]] == [2]
    run = next(r for r in labbook("runs", "--json").json if r["name"] == "d16-D0.1M")
    assert (run["step"], run["loss"]) == (400, 2.5)


def test_sources_of_one_run_are_one_run(on_ladder) -> None:
    """Lightning's CSV and event file; W&B's file and the JSONL beside it."""
    runs = {r["name"]: r for r in on_ladder("runs", "--json").json}
    assert sorted(runs["d64-D0.4M"]["formats"]) == ["lightning-csv", "tensorboard"]
    assert sorted(runs["d96-D0.4M"]["formats"]) == ["jsonl", "wandb"]
    assert len(runs) == 34


def test_every_run_has_n_and_tokens_with_their_provenance(on_ladder) -> None:
    """Widths 16 to 192 give 12 n_layer d^2; D is in the name, and in every configuration."""
    for run in on_ladder("runs", "--json").json:
        width, size = run["name"].split("-")[:2]
        assert run["n_params"] == 24 * int(width[1:]) ** 2
        assert run["unique_tokens"] == pytest.approx(float(size[1:-1]) * 1e6)
        assert run["n_kind"] == "non_embedding"
        assert run["n_source"]
        assert run["d_source"]
        assert run["unique_source"]


def test_unfinished_runs_are_left_out_with_their_share_and_judged_at_their_horizon(on_ladder) -> None:
    """Cut off in the middle of a line: no rung, and the complete lines are all there."""
    runs = {r["name"]: r for r in on_ladder("runs", "--json").json}
    for name, percent in (("d192-D6.4M", 34), ("d96-D6.4M-s1338", 59), ("d64-D6.4M-s1338", 19)):
        assert runs[name]["role"] == "left-out"
        assert runs[name]["role_reason"] == f"unfinished: {percent} % of 1562 steps"
    assert runs["d64-D6.4M-s1338"]["regime"] == "under-trained"


def test_export_writes_markdown_with_its_receipts(on_ladder, tmp_path: Path) -> None:
    """Runs, method, versions, digest and the command."""
    target = tmp_path / "report.md"
    assert on_ladder("export", "cpython-stdlib-bytes", "-o", target).code == 0
    text = target.read_text()
    fit = on_ladder("fit", "--json").json
    assert fit["method"]["data_digest"].split()[-1] in text
    for needed in ("lr-variant", "unfinished", "d192-D6.4M", "numpy", "AICc", "export cpython-stdlib-bytes"):
        assert needed in text
    assert on_ladder("export", "--to", "pdf").code == 64


@pytest.mark.slow
def test_a_copied_notebook_prints_the_same_numbers(labbook, sample_runs: Path, tmp_path: Path) -> None:
    """Everything random is seeded from the data."""
    labbook("ingest", sample_runs)
    first = labbook("fit", "--json").out
    shutil.copytree(tmp_path / "notebook", tmp_path / "other")
    assert labbook("fit", "--json", "--notebook", tmp_path / "other").out == first


@pytest.mark.slow
def test_the_same_fit_in_processes_with_other_hash_seeds(sample_runs: Path) -> None:
    """Same bytes of --json whatever PYTHONHASHSEED and thread count."""
    outputs = set()
    for seed, threads in (("1", "1"), ("77", "2")):
        env = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "OPENBLAS_NUM_THREADS": threads,
            "OMP_NUM_THREADS": threads,
        }
        words = ["--notebook", ":memory:", "fit", str(sample_runs), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "labbook", *words], env=env, capture_output=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_without_a_terminal_the_board_is_printed_once(labbook, sample_runs: Path) -> None:
    """`labbook PATH` in a pipe: the board, with the exit code of a board."""
    shown = labbook(sample_runs)
    assert "34 runs: 3 stalled, 31 done" in shown.out
    assert shown.code == 2
