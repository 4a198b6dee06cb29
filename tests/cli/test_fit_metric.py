"""`labbook fit TABLE --law logistic ...`: columns of any table, or a series of a run."""

import json
from pathlib import Path

import duckdb
import jsonschema
import numpy as np
import pytest

from labbook.resources import resource_dir

X = np.geomspace(1e18, 1e22, 9)
P = 0.25 + 0.75 / (1.0 + np.exp(30.0 - 0.63 * np.log(X)))


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Nine models; shares rounded to whole items of 2000."""
    rows = [f"m{at},{x:.6g},{round(2000 * p) / 2000},2000" for at, (x, p) in enumerate(zip(X, P, strict=True))]
    return write(tmp_path / "evals.csv", "model,C,score,items", rows)


LOGISTIC = ("--law", "logistic", "--x", "C", "--y", "score", "--lo", "0.25")


def test_a_table_is_fitted_and_asked(labbook, table: Path) -> None:
    """Parameters with intervals, a prediction, the inverse, who names the bounds, and who was left out."""
    ran = labbook("fit", table, *LOGISTIC, "--items", "items", "--at", "1e23", "--reach", ".9", "--no-plot")
    assert ran.code == 0, ran.err
    for words in (
        "score against C",
        "lo 0.25 (given)",
        "hi 1 (assumed; else --hi)",
        "one more reading",
        "binomial",
    ):
        assert words in ran.out
    assert "Left out, not above chance by two standard errors: row 1." in ran.out
    assert max(map(len, ran.out.splitlines())) <= 78


def test_the_plot_is_over_the_log_of_x(labbook, table: Path) -> None:
    """Readings, the law and its band; --no-plot leaves it out."""
    drawn = labbook("fit", table, *LOGISTIC, "--items", "2000").out
    assert "score against C" in drawn and "░" in drawn and "at chance" in drawn
    assert "░" not in labbook("fit", table, *LOGISTIC, "--items", "2000", "--no-plot").out


def test_json_is_what_its_schema_says(labbook, table: Path) -> None:
    """All three shapes: two fits, one refusal, each with its predictions; full precision."""
    ran = labbook(
        "fit", table, "--law", "saturating", *LOGISTIC[2:], "--items", "items", "--at", "1e21,1e23",
        "--reach", "0.9,0.1", "--json",
    )  # fmt: skip
    schema = json.loads((resource_dir("schemas") / "json" / "metricfit.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(ran.json)
    group = ran.json["groups"][0]
    assert group["preferred"] == "logistic"
    assert group["refused"]["repeated-sampling"]["code"] == "no-bounds"
    law = group["laws"]["logistic"]
    assert law["params"]["v"] == pytest.approx(0.63, abs=0.02)
    assert law["at_chance"] == ["row 1"]
    assert [each["refused"] for each in law["reached"]] == [None, "beyond-bounds"]


def test_every_kind_of_table_gives_the_same_fit(labbook, table: Path, tmp_path: Path) -> None:
    """CSV, TSV, JSON, JSON lines and Parquet: one digest, one fit."""
    rows = [
        dict(zip(("model", "C", "score", "items"), line.split(","), strict=True))
        for line in table.read_text().split()[1:]
    ]
    rows = [
        {**row, "C": float(row["C"]), "score": float(row["score"]), "items": int(row["items"])} for row in rows
    ]
    tabs = write(
        tmp_path / "evals.tsv", "C\tscore\titems", [f"{r['C']}\t{r['score']}\t{r['items']}" for r in rows]
    )
    array, lines, parquet = (tmp_path / f"evals.{kind}" for kind in ("json", "jsonl", "parquet"))
    array.write_text(json.dumps(rows))
    lines.write_text("\n".join(json.dumps(row) for row in rows))
    duckdb.sql(f"copy (select * from read_csv('{table}')) to '{parquet}'")
    groups = [
        labbook("fit", path, *LOGISTIC, "--items", "items", "--json").json["groups"]
        for path in (table, tabs, array, lines, parquet)
    ]
    assert all(group == groups[0] for group in groups)


def test_sizes_and_percent_are_read_as_written(labbook, tmp_path: Path) -> None:
    """`124M` is a size, `45 %` a share of 100; the scale and the rows without a reading are told."""
    rows = ["60M,31.0%", "124M,40.5%", "355M,", "774M,62 %", "1.5B,71%", "n/a,50%"]
    path = write(tmp_path / "sizes.csv", "model,acc", rows)
    ran = labbook("fit", path, "--law", "logistic", "--x", "model", "--y", "acc", "--json").json
    assert ran["scale"] == 100
    assert [point["x"] for point in ran["groups"][0]["points"]] == [6e7, 1.24e8, 7.74e8, 1.5e9]
    assert [point["p"] for point in ran["groups"][0]["points"]] == pytest.approx([0.31, 0.405, 0.62, 0.71])
    assert [each["place"] for each in ran["missing"]] == ["row 3", "row 6"]
    assert [warned["code"] for warned in ran["warnings"]] == ["thresholded-metric"]


def test_groups_are_fitted_by_themselves(labbook, tmp_path: Path) -> None:
    """--by: one fit a value, and coverage by repeated sampling needs no bounds."""
    rows = [
        f"{name},{k},{np.exp(-a * k**-0.4)}" for name, a in (("7B", 3.0), ("70B", 1.0)) for k in (1, 4, 16, 64)
    ]
    path = write(tmp_path / "coverage.csv", "model,k,coverage", rows)
    words = ("--law", "repeated-sampling", "--x", "k", "--y", "coverage", "--by", "model", "--json")
    groups = labbook("fit", path, *words).json["groups"]
    found = {group["group"]: group["laws"]["repeated-sampling"]["params"] for group in groups}
    assert found["7B"] == pytest.approx({"a": 3.0, "b": 0.4})
    assert found["70B"] == pytest.approx({"a": 1.0, "b": 0.4})


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--law", "logistic"), 64, "--x COLUMN --y COLUMN"),
        ((*LOGISTIC[:4], "--y", "scor"), 64, "did you mean score"),
        ((*LOGISTIC, "--at", "many"), 64, "--at: not a size"),
        ((*LOGISTIC[:-1], "much"), 64, "--lo 'much' is no number"),
        ((*LOGISTIC, "--hi", "0.2"), 64, "--lo must lie below --hi"),
        ((*LOGISTIC[:4], "--y", "items"), 2, "--hi 100 where it is in percent"),
        ((*LOGISTIC[:4], "--y", "model"), 2, "no reading of model against C"),
        ((*LOGISTIC, "--hi", "fit", "--least-squares"), 64, "need known bounds"),
        ((*LOGISTIC, "--items", "0"), 64, "--items 0: it must be positive"),
        ((*LOGISTIC, "--hi", "fit"), 0, ""),
    ],
)
def test_a_wrong_word_gets_one_clear_line(labbook, table: Path, words, code: int, says: str) -> None:
    """With what to try next."""
    ran = labbook("fit", table, *words)
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("rows", "words", "says"),
    [
        (["1,2.9", "2,2.5", "4,2.2"], ("--y", "val_loss"), "labbook fit LADDER"),
        (["1,-2.9", "2,-2.5", "4,-2.2"], ("--y", "log_lik"), "a share between 0 and 1"),
        (["1,0.1", "2,0.2", "4,0.5"], ("--y", "solved %"), "--hi 100 where they are percent"),
        (["1,110", "2,20", "4,50"], ("--y", "score", "--hi", "100"), "no percentage"),
        (["1,.1", "2,.2"], ("--y", "score"), "at least 3 different amounts"),
    ],
)
def test_values_that_are_no_shares_are_refused(labbook, tmp_path: Path, rows, words, says: str) -> None:
    """A loss, a log-likelihood, an unclear unit, too few points: why, and the way out."""
    path = write(tmp_path / "t.csv", f"k,{words[1]}", rows)
    ran = labbook("fit", path, "--law", "logistic", "--x", "k", *words)
    assert ran.code == 2
    assert says in ran.err


def test_an_unreadable_table_is_one_line(labbook, tmp_path: Path) -> None:
    """A Parquet file that is none."""
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 not quite")
    ran = labbook("fit", path, *LOGISTIC)
    assert ran.code == 2
    assert "cannot be read as a table" in ran.err


def test_a_series_of_a_run_is_fitted_over_steps(labbook, tmp_path: Path) -> None:
    """Evaluations of one run, with the warning that they are not independent."""
    log = tmp_path / "run" / "metrics.jsonl"
    log.parent.mkdir()
    lines = [
        {"step": step, "loss": 3.0 - step / 4000, "solved": 0.1 + 0.8 / (1 + (1000 / step) ** 1.5)}
        for step in range(200, 4001, 200)
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    words = ("--law", "logistic", "--x", "step", "--y", "solved", "--lo", "0.1", "--hi", "0.9")
    ran = labbook("fit", log.parent, *words, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["groups"][0]["laws"]["logistic"]["params"]["v"] == pytest.approx(1.5, rel=1e-4)
    assert [warned["code"] for warned in ran.json["warnings"]] == ["clustered-points"]
    assert "no series 'solve'" in labbook("fit", log.parent, *words[:5], "solve").err
