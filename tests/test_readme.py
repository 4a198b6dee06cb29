"""What the README shows is what the commands print."""

import re
from pathlib import Path

import pytest

from labbook.cli import main
from labbook.resources import resource_dir

README = Path(__file__).resolve().parents[1] / "README.md"
SHOWN = re.findall(r"^```\n\$ labbook ([^\n]*)\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample ladder, read."""
    folder = tmp_path_factory.mktemp("readme") / "notebook"
    assert main(["--notebook", str(folder), "ingest", "-q", str(resource_dir("sample_runs"))]) == 0
    return folder


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_output_in_the_readme_is_real(
    command: str, shown: str, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line stands in the output, in this order; `...` leaves lines out."""
    capsys.readouterr()
    main(["--notebook", str(notebook), *command.split(), "--width", "78"])
    printed = iter(capsys.readouterr().out.splitlines())
    for line in (x for x in shown.splitlines() if x != "..."):
        assert line in printed, f"not printed (in this order): {line}"


def test_the_readme_shows_something() -> None:
    """The check above has blocks to check."""
    assert len(SHOWN) >= 2
