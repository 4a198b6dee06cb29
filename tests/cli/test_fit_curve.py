"""Laws of loss curves on the command line: curves fitted together, carried to a planned end, laid on one."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from labbook.cli import main
from labbook.resources import resource_dir
from labbook.scaling.laws.tissue import tissue_loss
from tests.scaling.test_collapse import FLOOR, HEIGHTS, STEP, T, rate, rung
from tests.scaling.test_schedule import PEAK, TRUTH, WARM, schedule


def write_run(folder: Path, name: str, kind: str, *, has_lr: bool = True) -> None:
    """A run of the planted law as CSV, logged every 20 steps, with noise of its own."""
    rates, at = schedule(kind, 3000), np.arange(WARM, 3000, 20)
    random = np.random.default_rng(sum(map(ord, f"{folder.name}/{name}")))
    loss = tissue_loss(rates, at, TRUTH["tissue"]) * np.exp(0.001 * random.standard_normal(at.size))
    columns = [at.tolist(), rates[at].tolist(), loss.tolist()] if has_lr else [at.tolist(), loss.tolist()]
    lines = ["step,lr,loss" if has_lr else "step,loss"]
    lines += [",".join(map(repr, row)) for row in zip(*columns, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def write_live(folder: Path, until: int, **config: object) -> None:
    """A run of the planted law under a cosine to step 3000, stopped before, as a trainer's log."""
    rates, at = schedule("cosine", 3000), np.arange(WARM, until, 20)
    loss = tissue_loss(rates, at, TRUTH["tissue"])
    rows: list[dict[str, object]] = [{"max_steps": 3000, "lr_scheduler_type": "cosine", **config}]
    rows += [
        {"step": int(s), "loss": float(y), "lr": float(r)} for s, y, r in zip(at, loss, rates[at], strict=True)
    ]
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_rungs(folder: Path) -> Path:
    """A ladder of one shape at 20 tokens per parameter, one run off, and a run of 80, as a table of points."""
    folder.mkdir(parents=True)
    rungs = [*((f"h{height}", height, 0.4, 20) for height in HEIGHTS), ("h1.0", 1.0, 0.7, 20)]
    with (folder / "points.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "n_params", "step", "tokens", "lr", "val_loss"])
        for name, height, power, ratio in [*rungs, ("stretched", 1.2, 0.4, 80)]:
            N = 1e9 / height
            curve = rung(height, power, noise=0.0005)
            loss = dict(zip(curve.step.tolist(), curve.loss.tolist(), strict=True))
            for s in STEP[STEP[-1] * 0.05 <= STEP].tolist():
                rows.writerow([name, N, s, ratio * N * s / T, rate()[s], loss[s]])
    return folder / "points.csv"


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three schedules of one model, one run without a learning rate, and a ladder; read into a notebook."""
    root = tmp_path_factory.mktemp("curves")
    for kind in ("cosine", "drop", "linear"):
        write_run(root / "runs", f"r-{kind}", kind)
    write_run(root / "runs", "silent", "cosine", has_lr=False)
    for size in ("25M", "100M"):
        write_run(root / "sizes" / size, "cosine", "cosine")
    write_live(root / "live" / "known", 1800, learning_rate=PEAK, min_lr=0.1 * PEAK, warmup_steps=WARM)
    write_live(root / "live" / "unnamed", 1500, lr_scheduler_type="wsd")
    write_rungs(root / "ladder")
    with redirect_stdout(io.StringIO()):
        assert main(["--notebook", str(root / "notebook"), "ingest", str(root)]) == 0
    return root


@pytest.fixture
def fit(labbook, curves: Path) -> Iterator:
    """Runs `labbook fit FOLDER WORDS...` on that notebook."""
    return lambda folder, *words: labbook("--notebook", curves / "notebook", "fit", curves / folder, *words)


def valid(found: object, name: str) -> None:
    """Against a schema that ships."""
    schema = json.loads((resource_dir("schemas") / "json" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)


def test_curves_are_fitted_together_and_scored_on_others(fit) -> None:
    """The planted law comes back; what was scored, left out and done to the curves is said."""
    ran = fit(
        ".",
        "--law",
        "tissue",
        "--runs",
        "r-cosine, r-drop, silent.csv",
        "--score",
        "r-linear, known, unnamed",
        "--json",
    )
    assert ran.code == 0, ran.err
    valid(ran.json, "curvefit")
    found = ran.json
    assert found["params"]["L0"] == pytest.approx(3.0, rel=0.01)
    assert found["params"]["lambda"] == 0.998
    fitted = ["r-cosine", "r-drop"]
    assert [one["run"] for one in found["fitted"]] == fitted
    assert [one["run"] for one in found["held_out"]] == fitted
    assert [one["run"] for one in found["scored"]] == ["known", "r-linear", "unnamed"]
    assert found["scored"][1]["mean_relative"] < 0.002
    assert [(one["run"], one["code"]) for one in found["left_out"]] == [("silent", "no-lr")]
    assert "high-r2" in {one["code"] for one in found["warnings"]}
    assert "warm-up" in found["method"]["curves_read"]
    truth = tissue_loss(schedule("cosine", 3000), np.array([2999]), TRUTH["tissue"])[0]
    known, unnamed = found["ends"]
    assert (known["run"], known["step"]) == ("known", 3000)
    assert known["interval"][0] < truth < known["interval"][1]
    assert known["loss"] == pytest.approx(truth, rel=2e-3)
    assert (unnamed["run"], unnamed["code"]) == ("unnamed", "no-schedule")


@pytest.mark.slow  # 1 s
def test_an_unfinished_run_is_carried_to_its_planned_end(fit) -> None:
    """In the report, with what its interval covers; a run of a schedule nobody knows has a reason instead."""
    text = fit(".", "--law", "tissue", "--runs", "r-drop, silent.csv", "--score", "known, unnamed").out
    assert "Loss at the planned end" in text
    assert "Interval: " in text
    assert "unnamed (no-schedule)" in text
    assert all(word in text for word in ("lambda", "r-drop", "scored", "silent (no-lr)", "Method"))
    assert "r-cosine" not in text
    assert max(map(len, text.splitlines())) <= 78


@pytest.mark.parametrize(
    ("folder", "words", "code", "said"),
    [
        ("runs", ("tissue", "--runs", "silent.csv"), 2, ("No learning rate is logged", "log it beside")),
        ("runs", ("tissue", "--runs", "r-cosine, nosuch"), 64, ("'nosuch'",)),
        ("sizes", ("tissue",), 2, ("several sizes", "--runs")),
        ("runs", ("collapse",), 2, ("r-cosine", "so do 3 more", "planned_steps")),
        ("ladder", ("collapse", "--runs", "h1.6"), 2, ("nothing to fall on", "two or more sizes")),
        ("ladder", ("collapse", "--score", "h1.6"), 64, ("--score",)),
    ],
    ids=["no rate", "no such run", "sizes", "none ended", "one rung", "score"],
)
def test_what_cannot_be_done_has_its_reason(
    fit, folder: str, words: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    """One line with what to do about it, and an exit code."""
    ran = fit(folder, "--law", *words)
    assert ran.code == code
    assert all(part in ran.err for part in said), ran.err


def test_a_ladder_is_laid_on_one_curve(fit) -> None:
    """The planted floor and the run that comes down another way, as JSON and as text with a plot."""
    ran = fit("ladder", "--law", "collapse", "--runs=-stretched", "--json")
    assert ran.code == 0, ran.err
    valid(ran.json, "collapse")
    found = ran.json
    assert found["off"] == ["h1.0"]
    assert [one["run"] for one in found["runs"] if one["is_off"] is False] == [f"h{h}" for h in HEIGHTS]
    assert found["L0"] < FLOOR + 0.3
    assert [one["tokens_per_parameter"] for one in found["runs"]] == pytest.approx([20.0] * 6)
    text = fit("ladder", "--law", "collapse", "--runs=-stretched").out
    assert "h1.0 lies off: learning rate, batch or decay does not fit its size" in " ".join(text.split())
    assert "h1.0 (off)" in text
    assert max(map(len, text.splitlines())) <= 78


def test_runs_of_several_ratios_are_not_judged(fit) -> None:
    """A run of four times the tokens per parameter lies apart for its length: distances, and no verdict."""
    found = fit("ladder", "--law", "collapse", "--json").json
    valid(found, "collapse")
    assert [w["code"] for w in found["warnings"]] == ["ratio-mixed"]
    assert found["off"] == []
    assert {one["is_off"] for one in found["runs"]} == {None}
    assert all(one["distance"] >= 0.0 for one in found["runs"])
