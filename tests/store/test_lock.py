"""Processes and threads take turns, and who waits is told for whom."""

import errno
import fcntl
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from labbook.errors import NotebookBusy, NotebookError
from labbook.store import Notebook, SourceWrite, lock

Source = Callable[..., SourceWrite]


@contextmanager
def held_elsewhere(following: ModuleType, folder: Path, seconds: float) -> Iterator[int]:
    """Another process has the lock for so long; its pid."""
    command = [sys.executable, str(following.__file__), "hold", str(folder), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield int(other.stdout.readline())
        other.kill()


def test_a_long_wait_names_the_holder(
    following: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After NOTIFY_AFTER seconds, once, with pid and host; then the work is done."""
    monkeypatch.setattr(lock, "NOTIFY_AFTER", 0.3)
    heard: list[str] = []
    with Notebook.open(folder, on_wait=heard.append) as notebook, held_elsewhere(following, folder, 0.8) as pid:
        notebook.give(["x"], {"n": "1"}, 1.0)
        assert notebook.given() == {"x": {"n": "1"}}
    (line,) = heard
    assert f"held by process {pid} on {socket.gethostname()} (writing since" in line


def test_giving_up_is_busy_and_says_who(
    following: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LABBOOK_LOCK_TIMEOUT sets after how long."""
    monkeypatch.setenv("LABBOOK_LOCK_TIMEOUT", "0.3")
    with Notebook.open(folder) as notebook, held_elsewhere(following, folder, 30) as pid:
        with pytest.raises(NotebookBusy, match=f"process {pid}") as caught:
            notebook.runs()
        assert "LABBOOK_LOCK_TIMEOUT" in caught.value.hint


def test_a_killed_holder_frees_the_lock(following: ModuleType, folder: Path) -> None:
    """The record it left does not stop anybody on the same host."""
    with held_elsewhere(following, folder, 30):
        pass
    assert json.loads((folder / "lock").read_text())["writing"] is True
    with Notebook.open(folder, on_wait=pytest.fail) as notebook:
        notebook.give(["x"], {"n": "1"}, 1.0)
    assert (folder / "lock").read_text() == ""


def test_a_timeout_that_is_no_number_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not taken for 0."""
    monkeypatch.setenv("LABBOOK_LOCK_TIMEOUT", "soon")
    with pytest.raises(NotebookError, match="LABBOOK_LOCK_TIMEOUT is 'soon'"):
        Notebook.open(folder)


@pytest.mark.parametrize(
    ("writing", "age", "write_waits", "read_waits"),
    [(True, 0, True, True), (False, 0, True, False), (True, 3600, False, False)],
)
def test_fresh_work_of_another_host_is_respected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, writing: bool, age: int, write_waits: bool, read_waits: bool
) -> None:
    """Where flock stays within a machine, the record in the lock file is all there is of another's work."""
    monkeypatch.setenv("LABBOOK_LOCK_TIMEOUT", "0.1")
    now = time.time()
    record = {"host": "node-17", "pid": 5, "started": now - 10, "since": now - age, "writing": writing}
    with Notebook.open(folder) as notebook:
        for waits, visit in (
            (read_waits, notebook.runs),
            (write_waits, lambda: notebook.give(["x"], {"n": "1"}, 1.0)),
        ):
            (folder / "lock").write_text(json.dumps(record))
            if waits:
                with pytest.raises(NotebookBusy, match="process 5 on node-17"):
                    visit()
            else:
                visit()
        monkeypatch.setenv("LABBOOK_NO_LOCK", "1")
        notebook.give(["x"], {"n": "1"}, 1.0)


@pytest.mark.parametrize(("where", "no_lock"), [("folder", ""), ("folder", "1"), (":memory:", "")])
def test_threads_of_one_app_take_turns(
    folder: Path, source: Source, monkeypatch: pytest.MonkeyPatch, where: str, no_lock: str
) -> None:
    """Loader, screen and forms call at once; nothing is lost and nobody meets an open connection."""
    monkeypatch.setenv("LABBOOK_NO_LOCK", no_lock)
    failures: list[BaseException] = []
    with Notebook.open(folder if where == "folder" else where) as notebook:

        def work(k: int) -> None:
            try:
                for n in range(2):
                    notebook.write([source(f"/r/{k}-{n}.log", train=[(1, k), (2, n)])], 1.0)
                    notebook.give([f"run-{k}"], {"n": str(n)}, 1.0)
                    keys = [(r.run_id, "train", r.sources[0].path) for r in notebook.runs()]
                    assert all(len(curve) == 2 for curve in notebook.curves(keys).values())
            except BaseException as error:  # noqa: BLE001  told to the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(notebook.runs()) == 6
        assert {values["n"] for values in notebook.given().values()} == {"1"}


def test_readers_do_not_wait_for_readers(folder: Path) -> None:
    """Two screens look at once: the second is in before the first has left."""
    inside = threading.Barrier(2, timeout=10)
    with Notebook.open(folder) as notebook:

        def look() -> None:
            with notebook._door.reading() as connection:
                connection.execute("from runs").fetchall()
                inside.wait()

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not inside.broken


def test_a_file_system_without_flock_is_named(
    folder: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the override; an app works in memory meanwhile and says so."""
    with Notebook.open(folder) as notebook:
        notebook.write([source("/r/a.log", train=[(1, 1.0)])], 1.0)

    def no_flock(fd: int, kind: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_flock)
    with pytest.raises(NotebookError, match="cannot lock files") as caught:
        Notebook.open(folder)
    assert "LABBOOK_NO_LOCK=1" in caught.value.hint
    with Notebook.open(folder, fallback_memory=True) as notebook:
        assert "cannot lock files" in notebook.note and "empty notebook in memory" in notebook.note
        assert notebook.runs() == []
    monkeypatch.setenv("LABBOOK_NO_LOCK", "1")
    with Notebook.open(folder) as notebook:
        assert len(notebook.runs()) == 1
