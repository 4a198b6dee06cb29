"""Teaching labbook a line of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from labbook.errors import UsageError
from labbook.logs.discover import discover
from labbook.logs.follow import read_source
from labbook.logs.template import save_template, try_template

LINES = (
    "start\n"
    + "".join(f"[{i:04d}] it={i}:  objective = {4 - i / 100:.3f} speed=9\n" for i in range(1, 31))
    + "end\n"
)
TEMPLATE = "it={step}: objective = {loss} speed={_}"


def test_a_template_shows_what_it_takes_and_what_is_left(tmp_path: Path) -> None:
    """First, middle and last match, and the lines it does not take."""
    path = tmp_path / "mystery.log"
    path.write_text(LINES)
    trial = try_template(path, TEMPLATE)
    assert (trial.matched, trial.unmatched) == (30, 2)
    assert [match.place for match in trial.shown] == [2, 17, 31]
    assert trial.shown[1].taken == (("step", "16"), ("loss", "3.840"))
    assert trial.left_over == ((1, "start"), (32, "end"))


def test_a_saved_template_is_a_format_from_then_on(tmp_path: Path) -> None:
    """The file is sniffed and read like any other."""
    path = tmp_path / "mystery.log"
    path.write_text(LINES)
    assert discover([path]).found == []
    saved = save_template("mine", TEMPLATE)
    assert saved.name == "mine.toml"
    (found,) = discover([path]).found
    result = read_source(found, None)
    assert found.format == "mine" and result is not None
    points = result[0].parts[0].series["train"]
    assert list(points.step) == [float(i) for i in range(1, 31)]
    assert points.value[-1] == 3.7


def test_a_number_that_is_cut_is_no_match(tmp_path: Path) -> None:
    """The last line of a file that ends inside a number is left over."""
    path = tmp_path / "mystery.log"
    path.write_text("it=1 objective=3.25\nit=2 objective=3.1")
    trial = try_template(path, "it={step} objective={loss}")
    assert (trial.matched, trial.unmatched) == (1, 1)


def test_a_name_that_is_taken_is_not_overwritten() -> None:
    """What was taught before stays."""
    save_template("mine", TEMPLATE)
    with pytest.raises(UsageError, match="there is a format of that name"):
        save_template("mine", "step {step} loss {loss}")


@pytest.mark.parametrize(
    "template", ["it={step}", "objective={loss}", "{step} {step} {loss}", "{step} {los}", "nothing"]
)
def test_a_template_that_cannot_work_is_refused(template: str) -> None:
    """With the words that may be used."""
    with pytest.raises(UsageError):
        save_template("mine", template)


def test_a_name_cannot_lead_elsewhere() -> None:
    """The table is written into the user's folder and nowhere else."""
    with pytest.raises(UsageError):
        save_template("../mine", TEMPLATE)
