"""`labbook sniff`: explaining a file, teaching it, and what it says where nothing fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Labbook
from tests.report.test_json import validate

LINES = "start\n" + "".join(f"it={i}: objective={4 - i / 100:.3f}\n" for i in range(1, 31)) + "end\n"
PATTERN = "it={step}: objective={loss}"
WIDE = ("--width", "300")
"""So that a command with a long path stands on one line."""


@pytest.fixture
def mystery(tmp_path: Path) -> Path:
    """A log in words of its own."""
    path = tmp_path / "mystery.log"
    path.write_text(LINES)
    return path


def test_a_log_nobody_knows_is_taught_in_two_commands(mystery: Path, labbook: Labbook) -> None:
    """What `sniff` proposes is tried and saved; then the same file is read by every command."""
    unknown = labbook("sniff", mystery, *WIDE)
    assert unknown.code == 1
    assert f"labbook sniff {mystery} --pattern '{PATTERN}'" in " ".join(unknown.out.split())
    assert labbook("ingest", mystery).code == 2
    tried = labbook("sniff", mystery, "--pattern", PATTERN)
    assert tried.code == 0
    assert "30 lines match, 2 left over" in tried.out
    assert [line for line in tried.out.splitlines() if line.startswith("  step ")] == [
        "  step 1, loss 3.990",
        "  step 16, loss 3.840",
        "  step 30, loss 3.700",
    ]
    assert "line 32: end" in tried.out
    saved = labbook("sniff", mystery, "--pattern", PATTERN, "--save", "mine", *WIDE)
    assert "mine.toml; every command reads such files from now on" in " ".join(saved.out.split())
    known = labbook("sniff", mystery)
    assert (known.code, known.out.count("format: mine")) == (0, 1)
    assert labbook("ingest", mystery, "--json").json["points"] == 30


def test_a_pattern_that_matches_nothing_is_not_saved(mystery: Path, labbook: Labbook) -> None:
    """It shows what is left over, exit 1; with --save it is an error."""
    nothing = labbook("sniff", mystery, "--pattern", "step {step} loss {loss}")
    assert nothing.code == 1
    assert "0 lines match, 32 left over" in nothing.out
    refused = labbook("sniff", mystery, "--pattern", "step {step} loss {loss}", "--save", "mine")
    assert refused.code == 64
    assert "not saved" in refused.err
    assert labbook("sniff", mystery).code == 1


def test_step_and_loss_may_be_named(mystery: Path, labbook: Labbook) -> None:
    """What reading so gives, and the command that keeps it."""
    named = labbook("sniff", mystery, "--step", "it", "--loss", "objective", *WIDE)
    assert named.code == 0
    assert "format: keyvalue" in named.out
    assert f"labbook ingest {mystery} --columns step=it,loss=objective" in " ".join(named.out.split())


def test_every_answer_keeps_its_schema(mystery: Path, labbook: Labbook) -> None:
    """A log, none, and a pattern."""
    named = labbook("sniff", mystery, "--step", "it", "--loss", "objective", "--json")
    assert validate("sniff", named.out)["readable"] is True
    unknown = validate("sniff", labbook("sniff", mystery, "--json").out)
    assert unknown["teach"].endswith(f"--pattern '{PATTERN}'")
    tried = validate("pattern", labbook("sniff", mystery, "--pattern", PATTERN, "--json").out)
    assert (tried["matched"], tried["shown"][0]["taken"]) == (30, {"step": "1", "loss": "3.990"})
    assert tried["saved"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("--save", "mine"),
        ("--pattern", PATTERN, "--loss", "objective"),
        ("--pattern", "nothing"),
        ("--pattern", PATTERN, "--save", "../mine"),
    ],
)
def test_words_that_do_not_fit_are_refused(words: tuple[str, ...], mystery: Path, labbook: Labbook) -> None:
    """One line on stderr and exit code 64."""
    refused = labbook("sniff", mystery, *words)
    assert (refused.code, refused.err.count("\n"), refused.out) == (64, 1, "")


def test_lines_with_escapes_come_out_harmless(tmp_path: Path, labbook: Labbook) -> None:
    """Whatever a line holds, nothing of it reaches the terminal but printable text within the width."""
    path = tmp_path / "x.log"
    evil = "\x1b]52;c;AAAA\x07\x1b[2J\u202e[bold]it={i} \x9b31m objective=3.{i} \x1b]8;;http://x\x1b\\"
    path.write_text("".join(evil.replace("{i}", str(i)) + "\n" for i in range(1, 9)))
    for words in ((), ("--json",), ("--pattern", PATTERN.replace(":", ""))):
        out = labbook("sniff", path, *words, "--width", "60").out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
        assert all(len(line) <= 60 for line in out.splitlines()) or words == ("--json",)
