"""Running the command line as a person does, and folders to run it on."""

import io
import json
import os
import shutil
import sys
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


@pytest.fixture
def as_nobody(labbook: Labbook, tmp_path: Path) -> Labbook:
    """Runs `labbook WORDS...` in a child that is an ordinary user: root may read and write everything."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder.stat().st_mode & 0o755 != 0o755:
            folder.chmod(folder.stat().st_mode | 0o755)
    labbook("runs")  # whatever is imported late is imported now: the child may not read our interpreter

    def run(*words: object) -> Ran:
        out, err = tmp_path / "child.out", tmp_path / "child.err"
        child = os.fork()
        if child == 0:
            with out.open("w") as sys.stdout, err.open("w") as sys.stderr:
                os.setgroups([])
                os.setuid(65534)
                code = main([str(word) for word in words])
            os._exit(code)
        _, status = os.waitpid(child, 0)
        return Ran(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())

    return run
