"""A full disk stops the ingest with a clear line; what was committed before is kept."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labbook.errors import NotebookError
from labbook.store import Notebook, SourceWrite
from labbook.store import folder as places

Source = Callable[..., SourceWrite]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB; skips where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_nearly_full_disk_is_refused_before_the_ingest(small_disk: Path) -> None:
    """8 MB are less than the reserve: the notebook is not even made."""
    with pytest.raises(NotebookError, match="8 MB free; 64 MB are needed"):
        Notebook.open(small_disk / "notebook")


def test_a_disk_that_fills_up_keeps_what_was_committed(
    small_disk: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write that fails says so; every one before it is there, and with space again the rest follows."""
    monkeypatch.setattr(places, "RESERVE", -(2**40))
    written: list[str] = []

    def fill() -> None:
        for k in range(100):
            notebook.write([_large(source, k)], 1.0)
            written.append(f"/r/{k}.log")

    with Notebook.open(small_disk / "notebook") as notebook:
        with pytest.raises(NotebookError, match="is full") as caught:
            fill()
        assert "committed before is kept" in caught.value.hint
        assert written
        runs = {run.identity: run.latest[0].points for run in notebook.runs()}
        assert runs.keys() >= set(written)
        assert set(runs.values()) == {60_000}
        subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
        notebook.write([_large(source, 1000)], 1.0)
        assert len(notebook.runs()) == len(runs) + 1


def _large(source: Source, k: int) -> SourceWrite:
    return source(f"/r/{k}.log", train=[(i, (i * 7919 % 104729) / (k + 3.7)) for i in range(60_000)])
