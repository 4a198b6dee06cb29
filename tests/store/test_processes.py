"""Several labbooks at once, and labbooks that die: every committed point once, never half a write."""

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

from labbook.store import Notebook


def write_log(path: Path, lines: int) -> None:
    """Distinct steps, with the step in the loss."""
    path.write_text("".join(f"{step} {1 + step / 1e6}\n" for step in range(lines)))


def check_whole(notebook: Notebook, path: Path, lines: int) -> None:
    """The notebook has the first `lines` lines of the log, each of them once, in both series."""
    run = next(run for run in notebook.runs() if run.identity == str(path))
    keys = [(run.run_id, series, str(path)) for series in ("train", "lr")]
    found = notebook.curves(keys)
    assert found[keys[0]].step.tolist() == list(range(lines))
    assert found[keys[0]].value.tolist() == [1 + step / 1e6 for step in range(lines)]
    assert len(found[keys[1]]) == lines
    assert [latest.points for latest in run.latest] == [lines, lines]
    rows = notebook.query(
        f"select count(*), count(distinct seq) from points where run_id = '{run.run_id}'"
    ).rows
    assert rows == [(2 * lines, lines)]


def test_four_processes_read_the_same_logs_once(following: ModuleType, folder: Path, tmp_path: Path) -> None:
    """Together they store each line once, and a reader beside them sees whole writes only, never fewer."""
    logs = [tmp_path / f"{k}.log" for k in range(3)]
    for log in logs:
        write_log(log, 360)
    command = [sys.executable, str(following.__file__), "follow", str(folder), "60", *map(str, logs)]
    seen: list[int] = []
    with Notebook.open(folder) as notebook:
        pipe = subprocess.PIPE
        writers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        while any(writer.poll() is None for writer in writers):
            run_points = [latest.points for run in notebook.runs() for latest in run.latest]
            assert all(points % 60 == 0 for points in run_points)
            seen.append(sum(run_points))
            time.sleep(0.02)
        skipped = [int(writer.communicate()[0]) for writer in writers]
        assert seen == sorted(seen)
        assert all(writer.returncode == 0 for writer in writers)
        assert sum(skipped) > 0, "the four never met; nothing was tried"
        for log in logs:
            check_whole(notebook, log, 360)


def test_kill_in_the_middle_of_writes_loses_nothing(
    following: ModuleType, folder: Path, tmp_path: Path
) -> None:
    """Killed ten times at a random moment: what was acknowledged is there, and points and offset agree."""
    log, acks = tmp_path / "a.log", tmp_path / "acks"
    write_log(log, 10_000)
    command = [sys.executable, str(following.__file__), "killed", str(folder), "10", str(acks), str(log)]
    subprocess.run(command, check=True)
    acknowledged = [int(line) for line in acks.read_text().split()]
    with Notebook.open(folder) as notebook:
        offset = notebook.sources()[str(log)].offset
        lines = log.read_bytes()[:offset].count(b"\n")
        assert len(acknowledged) >= 10
        assert offset >= acknowledged[-1] > 0
        assert lines % 50 == 0
        check_whole(notebook, log, lines)
        notebook.compact()
        check_whole(notebook, log, lines)
        following.follow(notebook, [log], 10**6)
        check_whole(notebook, log, 10_000)


def test_a_growing_file_is_read_once(following: ModuleType, folder: Path, tmp_path: Path) -> None:
    """Half a line waits for its end; reading again without growth writes nothing."""
    log = tmp_path / "a.log"
    log.write_text("0 1.0\n1 1.0000")
    with Notebook.open(folder) as notebook:
        assert following.follow(notebook, [log], 100) == 0
        assert notebook.runs()[0].latest[0].points == 1
        with log.open("a") as file:
            file.write("01\n2 1.000002\n")
        following.follow(notebook, [log], 100)
        check_whole(notebook, log, 3)
        stamp = notebook.stamp()
        following.follow(notebook, [log], 100)
        assert notebook.stamp() == stamp
        check_whole(notebook, log, 3)
