"""Crashed and cancelled runs say so, in every format with lines, until a record takes it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs import FORMATS, recognise, take_sample
from labbook.logs.endings import ending
from labbook.records import Reading

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "train.py", line 3, in <module>\n'
    "    loss = model(1, 2)\n"
    "           ^^^^^^^^^^^\n"
    "\n"
)
OOM = "RuntimeError: CUDA error: out of memory"
CHILD = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: "
EXITED = "srun: error: g1: task 3: Exited with exit code 1"
LIMIT = "slurmstepd: error: *** JOB 77 ON g1 CANCELLED AT 2026-01-05T10:00:00 DUE TO TIME LIMIT ***"
KILL = (
    "slurmstepd: error: Detected 1 oom_kill event in StepId=77.0. Some of the step tasks have been OOM Killed."
)


def records(name: str, first: int, last: int) -> str:
    """Lines of a log of that kind."""
    rows = [(step, 4.0 - step / 100) for step in range(first, last)]
    if name == "train.log":
        return "".join(f"iter {step}: loss {loss:.4f}, time 20.00ms, mfu 1.00%\n" for step, loss in rows)
    if name == "log.jsonl":
        return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in rows)
    return ("" if first else HEADERS[name]) + "".join(f"{step},{loss},0.5\n" for step, loss in rows)


HEADERS = {"curve.csv": "step,loss,lr\n", "metrics.csv": "step,loss,epoch\n"}
NAMES = ("train.log", "log.jsonl", "curve.csv", "metrics.csv")
EACH = pytest.mark.parametrize("name", NAMES)


def read(path: Path, before: Reading | None = None) -> Reading:
    found = recognise(take_sample(path), FORMATS)
    assert found is not None, "no format claims it"
    state = json.loads(json.dumps(before.state)) if before is not None else {}
    return found[0].read(path, before.offset if before is not None else 0, state)


@EACH
@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        (TRACE + OOM, "failed", OOM),
        (TRACE.rstrip(), "failed", "Traceback"),
        ("Segmentation fault (core dumped)", "failed", "Segmentation fault"),
        ("job.sh: line 7: 4711 Killed                  python train.py", "failed", "Killed"),
        ("Killed", "failed", "Killed"),
        (EXITED, "failed", "task 3"),
        ("slurmstepd: error: task 0 OUT_OF_MEMORY", "failed", "OUT_OF_MEMORY"),
        (KILL, "failed", "oom_kill"),
        (TRACE + CHILD, "failed", "ChildFailedError"),
        (LIMIT, "cancelled", "TIME LIMIT"),
        (TRACE + "KeyboardInterrupt", "cancelled", "KeyboardInterrupt"),
        (
            TRACE + OOM + "\n" + TRACE + CHILD + "\nsrun: error: g1: task 0: Exited with exit code 1",
            "failed",
            OOM,
        ),
        (TRACE + "RuntimeError: worker is killed\n" + KILL, "failed", "oom_kill"),
        (LIMIT + "\n" + TRACE + OOM + "\nsrun: error: g1: task 0: Killed", "cancelled", "TIME LIMIT"),
        (
            EXITED + "\nslurmstepd: error: *** STEP 77.0 ON g1 CANCELLED AT x",
            "failed",
            "task 3",
        ),
    ],
)
def test_the_end_of_a_run_stands_in_its_last_lines(
    tmp_path: Path, name: str, end: str, status: str, words: str
) -> None:
    """The most telling line is named; what a crash prints is no damage of the log."""
    path = tmp_path / name
    path.write_text(records(name, 0, 40) + end + "\n")
    reading = read(path)
    part = reading.parts[0]
    assert (part.status, len(part.series["train"])) == (status, 40)
    assert words in part.status_line and len(part.status_line) <= 140
    assert reading.issues == []


@EACH
def test_a_record_after_the_end_takes_it_back(tmp_path: Path, name: str) -> None:
    """A requeued job goes on in the same file."""
    path = tmp_path / name
    path.write_text(records(name, 0, 40) + TRACE + OOM + "\nKilled\n" + records(name, 40, 42))
    part = read(path).parts[0]
    assert (part.status, part.status_line, len(part.series["train"])) == ("unknown", "", 42)


@EACH
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_end_read_in_pieces_is_the_end_read_at_once(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """Also when a piece ends inside the traceback."""
    path = tmp_path / name
    content = records(name, 0, 9) + TRACE + OOM + "\n" + TRACE + CHILD + "\n"
    if data.draw(st.booleans()):
        content = records(name, 0, 5) + TRACE + OOM + "\n" + records(name, 5, 20) + LIMIT + "\n" + TRACE
    path.write_text(content)
    at_once = read(path)
    start = len(records(name, 0, 2))
    reading: Reading | None = None
    for size in [*sorted(data.draw(st.lists(st.integers(start, len(content)), max_size=6))), len(content)]:
        path.write_text(content[:size])
        reading = read(path, reading)
    assert reading is not None
    ends = [(part.status, part.status_line) for part in (reading.parts[0], at_once.parts[0])]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "line",
    [
        "error",
        "WARNING: an error was seen, going on",
        "step 3: error rate 0.5",
        "slurmstepd: error: could not open cgroup",
        "srun: error: g1: task 3: Exited with exit code 0",
        "srun: Job step creation temporarily disabled, retrying",
        "Killed 3 stale workers",
        "Segmentation fault handler installed",
        "INFO:torch.distributed.elastic.agent.server.api:[default] starting workers",
        "ValueError: seen in a comment",
    ],
)
def test_a_line_that_only_speaks_of_errors_is_no_end(line: str) -> None:
    """Nothing is concluded from a word."""
    assert ending(line) is None


def test_the_label_of_a_rank_does_not_hide_a_crash(tmp_path: Path) -> None:
    """torchrun puts the rank before every line of a traceback."""
    path = tmp_path / "train.log"
    labelled = "".join(f"[rank1]: {line}\n" for line in (TRACE + OOM).splitlines() if line)
    path.write_text(records("train.log", 0, 9) + labelled)
    part = read(path).parts[0]
    assert part.status == "failed"
    assert OOM in part.status_line
