"""Contracts over every command: help, a place in the README, JSON that its schema describes."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from labbook.cli import COMMANDS, main
from labbook.resources import resource_dir

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_a_command_has_help_and_stands_in_the_readme(command, labbook) -> None:
    """`--help` says what it does, and the README shows it."""
    shown = labbook(command.name, "--help")
    assert shown.code == 0
    assert f"labbook {command.name}" in shown.out
    assert "everywhere" in shown.out
    assert re.search(rf"\blabbook {command.name}\b", README.read_text())


def test_the_overview_lists_every_command(labbook) -> None:
    """`labbook --help`."""
    shown = labbook("--help").out
    assert all(re.search(rf"^  {c.name} ", shown, re.MULTILINE) for c in COMMANDS)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("runs", ("runs",)),
        ("show", ("show", "d192-D6.4M")),
        ("ladders", ("ladders",)),
        ("fit", ("fit",)),
        ("triage", ("triage",)),
        ("ingest", ("ingest", "SAMPLE")),
        ("sniff", ("sniff", "SAMPLE/pyloop/d16-D0.1M/train.log")),
    ],
)
def test_json_is_what_its_schema_says(name: str, words: tuple[str, ...], on_ladder, sample_runs: Path) -> None:
    """Strict JSON, without NaN, valid against `schemas/json`."""
    schema = json.loads((resource_dir("schemas") / "json" / f"{name}.schema.json").read_text())
    printed = on_ladder(*(w.replace("SAMPLE", str(sample_runs)) for w in words), "--json").out
    jsonschema.Draft202012Validator(schema).validate(json.loads(printed, parse_constant=_refuse))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_width_is_kept(on_ladder) -> None:
    """No line of a table is wider than asked for."""
    for width in (60, 120):
        for words in (("runs",), ("triage",), ("ladders",), ("fit",), ("show", "d64-D0.4M")):
            lines = on_ladder(*words, "--width", width).out.splitlines()
            assert max(map(len, lines)) <= width, (words, width)


def test_version_is_printed(labbook) -> None:
    """One line."""
    assert re.fullmatch(r"labbook \d+\.\d+\.\d+\n", labbook("--version").out)


def test_options_that_hold_everywhere_may_stand_anywhere(on_ladder, ladder_notebook: Path) -> None:
    """Before or after the command."""
    before = on_ladder("runs", "d16").out
    assert main(["runs", "d16", "--notebook", str(ladder_notebook)]) == 0
    assert on_ladder("runs", "-q", "d16").out == before
