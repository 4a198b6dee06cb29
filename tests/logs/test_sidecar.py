"""Files beside a log: configuration, and what a person wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from labbook.logs.given import given_key
from labbook.logs.patterns import BrokenPattern, parse_table, read_tables
from labbook.logs.person import check_person, given_of, reading_given
from labbook.logs.sidecar import apply_sidecars, read_config
from labbook.records import Issue, RunPart


def test_yaml_with_objects_of_a_program_gives_its_plain_lines(tmp_path: Path) -> None:
    """Lightning writes Python objects into hparams.yaml; nothing of them is made."""
    path = tmp_path / "hparams.yaml"
    path.write_text("n_layer: 2\nlr: 3e-4\nname: tiny\nobj: !!python/object:os.system\n  x: 1\nflag: true\n")
    assert read_config(path) == {"n_layer": 2, "lr": 3e-4, "name": "tiny", "flag": True}


def test_nested_configuration_is_flat(tmp_path: Path) -> None:
    """Dots for levels, text for lists, nothing that begins with an underscore."""
    path = tmp_path / "config.json"
    path.write_text('{"model": {"n_layer": 2, "_name": "x"}, "architectures": ["A"], "nan": NaN, "none": null}')
    assert read_config(path) == {"model.n_layer": 2, "architectures": "['A']", "nan": "nan", "none": None}


def test_a_nested_yaml_of_a_trainer_gives_the_model(tmp_path: Path) -> None:
    """Trainers write config.yaml by sections; the names are found at the end of each path."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "model:\n  model_config:\n    hidden_size: 64\n    is_llama_config: true\ntokens: {train_steps: 9}\n"
    )
    part = RunPart()
    apply_sidecars(part, "x", [path], [])
    assert part.config["model.model_config.hidden_size"] == 64
    assert part.config_source == "config.yaml"


@pytest.mark.parametrize("content", ["{", "[1, 2", "\x00\x01", '{"a":' * 5000])
def test_a_broken_sidecar_is_an_issue_and_the_log_stands(tmp_path: Path, content: str) -> None:
    """It never raises."""
    path = tmp_path / "config.json"
    path.write_text(content)
    part, issues = RunPart(config={"n_layer": 2}), list[Issue]()
    apply_sidecars(part, "x", [path, tmp_path / "gone.json"], issues)
    assert part.config == {"n_layer": 2}
    assert [issue.code for issue in issues] == ["bad-sidecar"] * 2  # the log itself is readable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("n_total = 124e6\n", "n_total is in no table"),
        ("[runs.a]\nn = 3\n", "[runs] is no table of runs"),
        ("[run]\nn_total = 124e6\n", "[run] names no run, n_total"),
        ("run = 3\n", "run is no table"),
        ('[run."d12-*"]\nn = -3\n', '[run."d12-*"] n=-3: must be above zero'),
        ('[run."d12-*"]\nn_totl = 3\n', "did you mean n_total?"),
        ('[run."d12-*"]\ndataset = ["a"]\n', "dataset = ['a']: must be"),
        ('[run."d12-*"]\nn = true\n', "n = True: must be a number"),
        ("[run.d12.5]\nn = 3\n", "a name with dots stands in quotes"),
        ("[run\n", "no TOML"),
        (b"\xff\xfe[run]", "no TOML"),
    ],
)
def test_a_labbook_toml_of_a_wrong_shape_is_answered_with_the_right_one(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    """One issue for each thing that cannot be used, and none of it is taken for a run."""
    path = tmp_path / "labbook.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (issue,) = check_person(path)
    assert (issue.code, issue.place) == ("bad-sidecar", str(path))
    assert words in issue.text
    assert issue.text.endswith('write [run."d12-*"] n_total = 124e6')
    assert given_of(path, "d12-a") == {}


def test_a_labbook_toml_of_the_right_shape_raises_no_issue(tmp_path: Path) -> None:
    """Numbers as numbers or as text, words, several tables of one run."""
    path = tmp_path / "labbook.toml"
    path.write_text('[run."*"]\nunit = "bits/byte"\nseed = 3\n[run."d12-*"]\nn_total = "124M"\nn = 85e6\n')
    assert check_person(path) == []
    assert given_of(path, "d12-a").keys() == {"given.unit", "given.seed", "given.n_total", "given.n"}
    assert given_of(path, "d24-a").keys() == {"given.unit", "given.seed"}


def test_how_a_log_is_read_stands_in_the_same_file(tmp_path: Path) -> None:
    """Format and step counter are needed before a log is read; a format must be one that is known."""
    path = tmp_path / "labbook.toml"
    path.write_text('[run."d12-*"]\nformat = "jsonl"\nstep = "it"\nn = 3\n')
    assert check_person(path) == []
    assert reading_given(path, "d12-a") == {"format": "jsonl", "step": "it"}
    assert reading_given(path, "d24-a") == {}
    path.write_text('[run."*"]\nformat = "jsonk"\nstep = 3\n')
    assert [issue.text.partition(";")[0] for issue in check_person(path)] == [
        'labbook.toml: [run."*"] format = jsonk: no such format, did you mean jsonl?',
        'labbook.toml: [run."*"] step = 3: must be text',
    ]
    assert reading_given(path, "d12-a") == {}


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("N", "n"),
        ("n", "n"),
        ("Params", "n"),
        ("model size", "n"),
        ("n_params", "n_total"),
        ("non-embedding params", "n_non_embedding"),
        ("D", "tokens_seen"),
        ("Tokens", "tokens_seen"),
        ("U", "unique_tokens"),
        ("max_steps", "planned_steps"),
        ("tokens_per_step", "tokens_per_step"),
        ("comment", None),
    ],
)
def test_the_headings_of_a_table_of_given_values(heading: str, key: str | None) -> None:
    """`run,N` and `name,params` are understood as they are written."""
    assert given_key(heading) == key


def test_the_logs_own_configuration_wins(tmp_path: Path) -> None:
    """What the run printed is what ran."""
    path = tmp_path / "config.json"
    path.write_text('{"n_layer": 4, "n_embd": 8}')
    part = RunPart(config={"n_layer": 2}, config_source="echoed configuration")
    apply_sidecars(part, "x", [path], [])
    assert part.config == {"n_layer": 2, "n_embd": 8}
    assert part.config_source == "echoed configuration, config.json"


LINE = r"(?P<step>\d+) (?P<train>\d+)"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"detect": ["x"]}, "at least one"),
        ({"detect": ["("], "record": [{"line": LINE}]}, "detect"),
        ({"detect": ["x"], "record": [{"line": "[a"}]}, "record 1"),
        ({"detect": ["x"], "record": [{"start": "x"}]}, "record 1"),
        ({"detect": ["x"], "record": [{"line": LINE}], "unknown": 1}, "unknown"),
        ({"detect": ["x"], "record": [{"line": LINE}], "val_step": "never"}, "val_step"),
        ({"detect": ["x"], "record": [{"line": LINE}], "step_origin": "0"}, "step_origin"),
        ({"detect": ["x"], "record": [{"line": LINE}], "header": {"n_total": ["no group"]}}, "header.n_total"),
    ],
)
def test_a_table_that_cannot_be_used_names_its_key(table: dict[str, object], words: str) -> None:
    """File, table and key stand in the message."""
    with pytest.raises(BrokenPattern, match=words) as caught:
        parse_table("mine", table, "mine.toml")
    assert "mine.toml" in str(caught.value)


def test_a_file_that_is_no_toml_is_broken(tmp_path: Path) -> None:
    """With the position the parser gives."""
    path = tmp_path / "x.toml"
    path.write_text("[mine\n")
    with pytest.raises(BrokenPattern, match="line 1"):
        read_tables(path)
