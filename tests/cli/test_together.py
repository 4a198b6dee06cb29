"""Several labbooks at once on one notebook, and labbooks that are killed: nothing lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labbook.store import Notebook
from labbook.summary import Summary
from labbook.workbook import Workbook

POINTS = 44725
"""Of the sample ladder, by every source on its own."""


def start(notebook: Path, *words: str) -> subprocess.Popen[str]:
    """One labbook process."""
    command = [sys.executable, "-m", "labbook", "--notebook", str(notebook), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(notebook: Path) -> list[tuple[str, ...]]:
    """Every point of a notebook, sorted."""
    with Notebook.open(notebook) as opened:
        query = "select run_id, series, source_id, seq, step, value from points order by all"
        return [tuple(map(repr, row)) for row in opened.query(query).rows]


@pytest.fixture(scope="module")
def expected(sample_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """The points one undisturbed reading gives."""
    notebook = tmp_path_factory.mktemp("alone") / "notebook"
    done = start(notebook, "ingest", str(sample_runs))
    assert done.wait(60) == 0
    for stream in (done.stdout, done.stderr):
        stream.close()
    found = content(notebook)
    assert len(found) == POINTS
    return found


def watched(notebook: Path, root: Path, stop: threading.Event, seen: list[Summary]) -> Iterator[None]:
    """What the app's loader does, until told to stop."""
    with Workbook(Notebook.open(notebook), roots=[root]) as book:
        while not stop.is_set():
            book.refresh(seen.append, stop=stop)
            yield
            time.sleep(0.05)


def test_four_ingests_and_an_open_app_share_a_notebook(
    sample_runs: Path, tmp_path: Path, expected: list[tuple[str, ...]]
) -> None:
    """No error, 34 runs, nothing lost or doubled, and the app ends on the full board."""
    notebook = tmp_path / "notebook"
    stop, seen, errors = threading.Event(), [], []

    def app() -> None:
        try:
            for _ in watched(notebook, sample_runs, stop, seen):
                pass
        except Exception as error:
            errors.append(error)  # the thread would swallow it
            raise

    loader = threading.Thread(target=app)
    loader.start()
    readers = [start(notebook, "ingest", str(sample_runs)) for _ in range(4)]
    ended = [(reader.communicate(timeout=120), reader.returncode) for reader in readers]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (seen and len(seen[-1].runs) == 34 and seen[-1].ladders[0].rungs):
        time.sleep(0.1)
    stop.set()
    loader.join(60)
    assert errors == []
    assert [code for _, code in ended] == [0, 0, 0, 0]
    assert not any("rror" in err for (_, err), _ in ended)
    assert len(seen[-1].runs) == 34
    assert content(notebook) == expected


def test_killed_ingests_leave_every_committed_point_once(
    sample_runs: Path, tmp_path: Path, expected: list[tuple[str, ...]]
) -> None:
    """kill -9 at any moment, several times; the next start goes on and ends where one reading would have."""
    notebook, chance = tmp_path / "notebook", random.Random(7)
    for _ in range(6):
        reader = start(notebook, "ingest", str(sample_runs))
        time.sleep(chance.uniform(0.3, 1.6))
        reader.send_signal(signal.SIGKILL)
        reader.communicate(timeout=30)
    last = start(notebook, "ingest", str(sample_runs))
    out, err = last.communicate(timeout=120)
    assert (last.returncode, err) == (0, ""), out
    assert content(notebook) == expected


def test_an_interrupted_reading_keeps_what_it_read_and_goes_on(sample_runs: Path, tmp_path: Path) -> None:
    """ctrl+c: one line, exit code 130, and the next reading reads only the rest."""
    notebook = tmp_path / "notebook"
    reader = start(notebook, "ingest", str(sample_runs))
    time.sleep(1.0)
    reader.send_signal(signal.SIGINT)
    _, err = reader.communicate(timeout=30)
    assert reader.returncode in (0, 130)
    assert "Traceback" not in err
    again = start(notebook, "ingest", str(sample_runs))
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0, out
    with Notebook.open(notebook) as opened:
        assert opened.sizes().points == POINTS


def test_a_moved_row_is_seen_within_two_polls(sample_runs: Path, tmp_path: Path) -> None:
    """A line appended to a followed log changes the run in the next Summary; nothing else is posted."""
    root = tmp_path / "runs"
    root.mkdir()
    log = root / "train.log"
    log.write_bytes((sample_runs / "pyloop" / "d16-D0.1M" / "train.log").read_bytes()[:9000])
    seen: list[Summary] = []
    with Workbook(Notebook.open(":memory:"), roots=[root]) as book:
        book.refresh(seen.append)
        before = len(seen)
        book.refresh(seen.append)
        assert len(seen) == before
        with log.open("a") as f:
            f.write("\niter 9000: loss 1.2345, time 40.00ms, mfu -100.00%\n")
        os.utime(log)
        book.refresh(seen.append)
    assert len(seen) > before
    assert seen[-1].runs[0].step == 9001
