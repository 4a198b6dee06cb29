"""Running the command line as a person does, and folders to run it on."""

import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labbook.cli import main


@dataclass(frozen=True)
class Ran:
    """What one command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Labbook = Callable[..., Ran]


@pytest.fixture
def labbook(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Labbook:
    """Runs `labbook WORDS...` on a notebook of this test's own."""
    monkeypatch.setenv("LABBOOK_NOTEBOOK", str(tmp_path / "notebook"))

    def run(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def ladder_copy(sample_runs: Path, tmp_path: Path) -> Path:
    """A copy of the sample ladder that may be changed."""
    copy = tmp_path / "runs"
    for trainer in ("pyloop", "hf", "lightning", "wandb"):
        shutil.copytree(sample_runs / trainer, copy / trainer)
    return copy


@pytest.fixture(scope="session")
def ladder_notebook(sample_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook that holds the sample ladder, fitted; for tests that only read it."""
    folder = tmp_path_factory.mktemp("ladder") / "notebook"
    with redirect_stdout(io.StringIO()):
        assert main(["--notebook", str(folder), "ingest", str(sample_runs)]) == 0
        assert main(["--notebook", str(folder), "fit", "--no-plot"]) == 0
    return folder


@pytest.fixture
def on_ladder(labbook: Labbook, ladder_notebook: Path) -> Labbook:
    """Runs `labbook WORDS...` on the sample ladder's notebook."""
    return lambda *words: labbook("--notebook", ladder_notebook, *words)
