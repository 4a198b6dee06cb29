"""Tables of runs: what a row and a column become."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from labbook.records import Reading
from tests.logs.reads import figures, read, table


def left_out(reading: Reading) -> dict[str, str]:
    """Reason by run."""
    return {
        part.key: str(part.config["table.leave_out"])
        for part in reading.parts
        if "table.leave_out" in part.config
    }


def test_each_row_is_a_finished_run_with_its_figures_and_one_loss(tmp_path: Path) -> None:
    """N, D and U become figures that name row and column, the loss a point at D."""
    text = "name,N,D_total,U_unique,lr,val_loss,loss_books\n"
    text += "a,2.8B,55e9,2.75e10,3e-4,2.5,3.25\nb,1e9,2e10,,,2.75,\n"
    name, reading = read(table(tmp_path, text))
    first, second = reading.parts
    assert name == "ladder-table"
    assert figures(first) == {"n_total": 2.8e9, "tokens_seen": 55e9, "unique_tokens": 2.75e10}
    assert first.figures[0].source == "row 1, column N"
    assert first.figures[0].digits == 2
    assert [first.series[s].value[0] for s in ("val", "val:books")] == [2.5, 3.25]
    assert first.series["val"].tokens[0] == 55e9
    assert math.isnan(first.series["val"].step[0])
    assert first.config["lr"] == "3e-4"
    assert (first.key, first.status) == ("a", "finished")
    assert set(second.series) == {"val"}
    assert figures(second) == {"n_total": 1e9, "tokens_seen": 2e10}


@pytest.mark.parametrize(
    ("header", "figure", "value"),
    [
        ("Params (M)", "n_total", 12.5e6),
        ("Model Size", "n_total", 12.5),
        ("params_no_embed", "n_non_embedding", 12.5),
        ("cfg.n_params", "n_total", 12.5),
        ("N [B]", "n_total", 12.5e9),
        ("training tokens", "tokens_seen", 12.5),
        ("tokens_B", "tokens_seen", 12.5e9),
        ("unique_tokens", "unique_tokens", 12.5),
    ],
)
def test_columns_mean_what_people_call_them(tmp_path: Path, header: str, figure: str, value: float) -> None:
    """Case, blanks and separators are ignored, a unit in the header counts."""
    other = "D" if figure.startswith("n_") else "N"
    _, reading = read(table(tmp_path, f"name,{header},{other},loss\na,12.5,1e9,3\nb,12.5,2e9,3\n"))
    assert figures(reading.parts[0])[figure] == value


def test_d_follows_from_c_with_a_warning(tmp_path: Path) -> None:
    """C = 6ND gives the one that is missing, and says that it was computed."""
    _, reading = read(table(tmp_path, "N,flops,loss\n1e8,1.2e18,3.5\n2e8,4.8e18,3.25\n"))
    assert [figures(part)["tokens_seen"] for part in reading.parts] == [2e9, 4e9]
    assert "computed: 6ND" in reading.parts[0].figures[-1].source
    assert [(issue.code, issue.count) for issue in reading.issues] == [("assumed-6nd", 2)]


def test_n_follows_from_c_and_d(tmp_path: Path) -> None:
    """The same the other way round."""
    _, reading = read(table(tmp_path, "budget_flop,tokens,loss\n1.2e18,2e9,3.5\n4.8e18,4e9,3.25\n"))
    assert [figures(part)["n_total"] for part in reading.parts] == [1e8, 2e8]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("crashed,false,1,,3.0", "state crashed"),
        ("running,false,1,,3.0", "state running"),
        ("finished,true,1,,3.0", "outlier in the table"),
        ("finished,false,0.5,,3.0", "fraction is 0.5, below 1"),
        ("finished,false,1,seed unfinished,3.0", "tag says unfinished"),
        ("finished,false,1,,0.0", "row 1: a loss of 0 stands for a missing one"),
    ],
)
def test_a_run_the_table_speaks_against_is_kept_out_of_fits(tmp_path: Path, cells: str, reason: str) -> None:
    """It stays listed, with the reason; the run beside it is not touched."""
    text = f"name,N,D,state,outlier,fraction,tag,loss\na,1e8,2e9,{cells}\nb,1e8,4e9,finished,false,1,seed,3\n"
    _, reading = read(table(tmp_path, text))
    assert left_out(reading) == {"a": reason}


def test_a_missing_n_stays_missing(tmp_path: Path) -> None:
    """An empty cell is no figure, and 0 is none either."""
    _, reading = read(table(tmp_path, "name,N,D,loss\na,,2e9,3.5\nb,0,2e9,3.5\nc,1e8,2e9,3.5\n"))
    assert [figures(part).get("n_total") for part in reading.parts] == [None, None, 1e8]


@pytest.mark.parametrize("rows", ["124,2.5\n350,7.5\n", "1.24e8,2.5\n3.5e8,7.5\n", "124,2.5e9\n350,7.5e9\n"])
def test_sizes_out_of_proportion_are_asked_about(tmp_path: Path, rows: str) -> None:
    """Millions or billions without a unit are not taken for parameters."""
    text = "N,D,loss\n" + rows.replace("\n", ",3.5\n")
    _, reading = read(table(tmp_path, text))
    assert [issue.code for issue in reading.issues] == ["scale-doubtful"]
    assert len(left_out(reading)) == 2


def test_sizes_no_float_can_hold_are_missing(tmp_path: Path) -> None:
    """Neither infinite nor zero, and the state stays JSON."""
    text = "name,N (B),epochs,unique_tokens,C,loss\na,1e305,1e200,1e200,1e300,3\nb,1e-320,1,1e-320,1e300,3\n"
    _, reading = read(table(tmp_path, text))
    assert all(0 < figure.value < math.inf for part in reading.parts for figure in part.figures)


def test_equal_rows_are_repeats_and_all_kept(tmp_path: Path) -> None:
    """Runs of one name are told apart by their number."""
    _, reading = read(table(tmp_path, "name,N,D,loss\na,1e8,2e9,3.5\na,1e8,2e9,3.5\na,1e8,2e9,3.52\n"))
    assert [part.key for part in reading.parts] == ["a", "a (2)", "a (3)"]


def test_a_number_that_a_name_already_bears_is_not_given_twice(tmp_path: Path) -> None:
    """Every row keeps a key of its own."""
    _, reading = read(table(tmp_path, "name,N,D,loss\na,1e8,2e9,3.5\na (2),1e8,4e9,3.4\na,1e8,8e9,3.3\n"))
    assert [part.key for part in reading.parts] == ["a", "a (2)", "a (3)"]


@pytest.mark.parametrize(
    ("header", "flop"),
    [
        ("EFLOP", 2e18),
        ("train_gflop", 2e9),
        ("compute_tflops", 2e12),
        ("PF-days", 2 * 8.64e19),
        ("compute [1e21]", 2e21),
        ("budget zettaFLOPs", 2e21),
        ("tflops", None),
        ("perf/gflops", None),
        ("pflops", None),
        ("train_e3", None),
    ],
)
def test_training_flop_in_any_scale(tmp_path: Path, header: str, flop: float | None) -> None:
    """Compute of the whole run is kept beside N and D; a rate of the hardware is not."""
    _, reading = read(table(tmp_path, f"name,N,D,{header},loss\na,1e8,2e9,2,3.5\nb,2e8,2e9,2,3.25\n"))
    assert figures(reading.parts[0]).get("train_flop") == flop


def test_rows_without_a_loss_are_told_with_their_line(tmp_path: Path) -> None:
    """And left out; JSON may leave the key away, even in the first row."""
    rows = [{"name": "a", "N": 1e8, "D": 2e9}, {"name": "b", "N": 1e8, "D": 4e9, "loss": 3.5}]
    form, reading = read(table(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "runs.jsonl"))
    assert form == "ladder-table"
    assert left_out(reading) == {"a": "row 1: no loss"}
    assert [(issue.code, issue.place) for issue in reading.issues] == [("missing-loss", "line 1")]


def test_rows_without_a_name_are_named_by_their_sizes(tmp_path: Path) -> None:
    """The key holds the row and a digest of N and D, so that it stands when rows follow."""
    _, before = read(table(tmp_path, "N,D,loss\n1e8,2e9,3.5\n"))
    _, after = read(table(tmp_path, "N,D,loss\n1e8,2e9,3.5\n2e8,2e9,3.25\n"))
    assert after.parts[0].key == before.parts[0].key
    assert after.parts[1].name == "200M x 2B row 2"


def test_runs_of_other_words_are_other_recipes(tmp_path: Path) -> None:
    """A column of words that each hold several sizes tells recipes apart; another name of N does not."""
    rows = [
        f"{size},{optimizer},{n},2e9,3\n"
        for optimizer in ("adam", "sgd")
        for size, n in (("s", 1e8), ("m", 2e8))
    ]
    _, reading = read(table(tmp_path, "scale,optimizer,N,D,loss\n" + "".join(rows)))
    assert Counter(part.config["table.recipe"] for part in reading.parts) == {"adam": 2, "sgd": 2}


def test_a_column_of_splits_says_which_loss_it_is(tmp_path: Path) -> None:
    """Of one column of losses, the rows of validation are `val`."""
    _, reading = read(table(tmp_path, "N,D,loss_split,loss\n1e8,2e9,train,3.5\n1e8,2e9,val,3.75\n"))
    assert [list(part.series) for part in reading.parts] == [["train"], ["val"]]


def test_who_ran_it_is_not_taken_over(tmp_path: Path) -> None:
    """Names of people and machines stay where they are."""
    head = '"Name","State","Notes","User","Tags","Created","n_params","D","lr","train/loss","val/loss"\n'
    row = '"w-{}","{}","","someone","","2026-01-01","1e8","2e9","1e-3","3.25","3.5"\n'
    name, reading = read(table(tmp_path, head + row.format(1, "finished") + row.format(2, "crashed")))
    assert name == "ladder-table"
    assert left_out(reading) == {"w-2": "state crashed"}
    assert not any("someone" in str(value) for part in reading.parts for value in part.config.values())
    assert reading.parts[0].series["train"].value[0] == 3.25


@pytest.mark.parametrize("name", ["runs.csv", "runs.tsv", "runs.jsonl"])
def test_the_same_ladder_in_three_spellings(tmp_path: Path, name: str) -> None:
    """Comma, tab or JSON lines: the same runs."""
    rows = [("a", 1e8, 2e9, 3.5), ("b", 2e8, 4e9, 3.25)]
    keys = ("name", "n_params", "tokens", "val_loss")
    if name.endswith("jsonl"):
        text = "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)
    else:
        between = "\t" if name.endswith("tsv") else ","
        text = "".join(between.join(map(str, row)) + "\n" for row in (keys, *rows))
    form, reading = read(table(tmp_path, text, name))
    assert form == "ladder-table"
    assert [(p.key, *figures(p).values(), p.series["val"].value[0]) for p in reading.parts] == rows


def test_a_last_row_without_an_end_gives_up_its_last_cell_only(tmp_path: Path) -> None:
    """A file written by hand often ends so; a cell in quotes has its end."""
    _, reading = read(table(tmp_path, "name,loss,N,D\na,3.5,1e8,2e9\nb,3.25,2e8,4e9"))
    assert figures(reading.parts[1]) == {"n_total": 2e8}
    assert [issue.code for issue in reading.issues] == ["cut-tail"]
    _, quoted = read(table(tmp_path, 'name,loss,N,D\na,3.5,1e8,2e9\nb,3.25,2e8,"4e9"'))
    assert figures(quoted.parts[1]) == {"n_total": 2e8, "tokens_seen": 4e9}


@pytest.mark.parametrize(
    ("name", "form", "runs", "loss"),
    [
        ("overtraining/models.csv", "ladder-table", 104, "val:paloma_c4_en"),
        ("repeated_data/c4_runs.csv", "ladder-table", 317, "val"),
        ("repeated_data/c4_fit182.csv", "ladder-table", 182, "val"),
        ("isoflop/points.csv", "ladder-table", 1745, "train"),
        ("olmo_ladder/curves.csv", "long-table", 30, "val:c4"),
        ("colpret/repeated_data_curves.csv", "long-table", 48, "train"),
    ],
)
def test_published_tables_are_ladders(reference: Path, name: str, form: str, runs: int, loss: str) -> None:
    """Every run of a published table with its N, its D and its loss."""
    found, reading = read(reference / name)
    assert (found, len(reading.parts), len({part.key for part in reading.parts})) == (form, runs, runs)
    whole = [part for part in reading.parts if loss in part.series or "val" in part.series]
    assert len(whole) == runs - len(left_out(reading))
    assert all(any(key.startswith("n_") for key in figures(part)) for part in whole)
    assert all(max(points.tokens) > 1e6 for part in whole for points in part.series.values())
    assert {part.status for part in reading.parts} == {"finished"}
    assert reading.issues == []


def test_published_recipes_are_kept_apart(reference: Path) -> None:
    """Each configuration of a study of exponents is a ladder of its own."""
    _, reading = read(reference / "isoflop/points.csv")
    recipes = Counter(str(part.config["table.recipe"]) for part in reading.parts)
    assert recipes["rw base long kaplan kaplan train"] == 107
    assert len(recipes) == 15


def test_runs_the_authors_did_not_finish_are_left_out(reference: Path) -> None:
    """Nine rows without N and with a loss of 0 are kept, with the reason, and have no point."""
    _, reading = read(reference / "repeated_data/c4_runs.csv")
    refused = [part for part in reading.parts if "table.leave_out" in part.config]
    assert [part.config["table.leave_out"] for part in refused] == ["tag says unfinished"] * 9
    assert not any(part.series or part.figures for part in refused)


@pytest.mark.parametrize(
    ("header", "series", "units"),
    [
        ("val_bpb", "val", {"val": "bits/byte"}),
        ("bpb", "train", {"train": "bits/byte"}),
        ("Bits per Byte", "train", {"train": "bits/byte"}),
        ("bits_per_byte", "train", {"train": "bits/byte"}),
        ("val/bpc", "val", {"val": "bits/char"}),
        ("bits_per_token", "train", {"train": "bits/token"}),
        ("val_loss (bits/byte)", "val", {"val": "bits/byte"}),
        ("loss_c4 [bpb]", "val:c4", {"val": "bits/byte"}),
        ("ppl", "ppl", {}),
        ("val_perplexity", "val_perplexity", {}),
    ],
)
def test_a_column_may_name_the_unit_of_its_loss(
    tmp_path: Path, header: str, series: str, units: dict[str, str]
) -> None:
    """What is in bits, or a perplexity, is never taken for nats per token."""
    name, reading = read(table(tmp_path, f"name,N,D,{header}\na,1e8,2e9,1.5\nb,2e8,2e9,1.25\n"))
    assert name == "ladder-table"
    assert [(list(part.series), part.units) for part in reading.parts] == [([series], units)] * 2
    assert reading.parts[0].series[series].value[0] == 1.5


def test_a_plain_loss_stands_before_one_in_bits_and_a_perplexity(tmp_path: Path) -> None:
    """Each is kept as it is written; only the loss is a loss."""
    _, reading = read(
        table(tmp_path, "name,N,D,val_bpb,ppl,val_loss\na,1e8,2e9,1.5,20,3.0\nb,1e8,3e9,1.4,18,2.9\n")
    )
    assert [list(part.series) for part in reading.parts] == [["val"], ["val"]]
    assert (reading.parts[0].config["val_bpb"], reading.parts[0].units) == ("1.5", {})


def test_a_training_loss_keeps_its_unit_beside_validation_in_bits(tmp_path: Path) -> None:
    """One table, two units."""
    _, reading = read(table(tmp_path, "name,N,D,train_loss,val_bpb\na,1e8,2e9,3.0,1.5\nb,2e8,2e9,2.9,1.4\n"))
    assert reading.parts[0].units == {"train": "nats/token", "val": "bits/byte"}


@pytest.mark.parametrize(
    ("column", "target", "series", "units"),
    [
        ("val_bpb", "loss", "val", {"val": "bits/byte"}),
        ("my bpc", "val", "val", {"val": "bits/char"}),
        ("ppl", "val", "val_ppl", {}),
        ("my score", "val", "val", {}),
    ],
)
def test_a_map_does_not_hide_the_unit_of_a_column(
    tmp_path: Path, column: str, target: str, series: str, units: dict[str, str]
) -> None:
    """The person says which column is the loss, its name still says in what."""
    path = table(tmp_path, f"name,N,D,{column}\na,1e8,2e9,1.5\nb,2e8,2e9,1.25\n")
    _, reading = read(path, {target: column})
    assert [(list(part.series), part.units) for part in reading.parts] == [([series], units)] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["1x", "1x", "2x", "2x"], False),
        (["cold", "warm", "warm", "cold"], True),
        (["cold", "warm", "warm", "warm"], False),
    ],
)
def test_words_that_follow_the_size_name_no_recipe(tmp_path: Path, words: list[str], told: bool) -> None:
    """A word for D/N, as for N or D, is no setting; a word with one row is none either."""
    sizes = [("1e8", "2e9"), ("2e8", "4e9"), ("1e8", "4e9"), ("2e8", "8e9")]
    rows = [f"{N},{D},{word},3.0\n" for (N, D), word in zip(sizes, words, strict=True)]
    _, reading = read(table(tmp_path, "N,D,setting,loss\n" + "".join(rows)))
    assert any("table.recipe" in part.config for part in reading.parts) == told


@pytest.mark.parametrize("column", ["seed", "gpu", "note"])
def test_repeats_and_machines_are_no_recipes(tmp_path: Path, column: str) -> None:
    """Runs that differ in nothing else are repeats of one recipe."""
    rows = "".join(f"{N},2e9,{word},3.0\n" for N in ("1e8", "2e8") for word in ("one", "two"))
    _, reading = read(table(tmp_path, f"N,D,{column},loss\n{rows}"))
    assert not any("table.recipe" in part.config for part in reading.parts)
