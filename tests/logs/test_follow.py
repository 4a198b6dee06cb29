"""Sources that grow, are cut, rotated, replaced, moved, or lose their permissions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labbook.logs.discover import Found, discover
from labbook.logs.follow import change, fingerprint, read_source
from labbook.records import Reading, SourceState


def line(step: int, loss: float) -> str:
    return json.dumps({"step": step, "train/loss": loss, "val/loss": None}) + "\n"


def source(path: Path) -> Found:
    (found,) = discover([path]).found
    return found


def again(found: Found, state: SourceState) -> tuple[Reading, SourceState] | None:
    """Read on from a state that went through the notebook's JSON."""
    state.state = json.loads(json.dumps(state.state, allow_nan=False))
    return read_source(found, state)


def steps(reading: Reading) -> list[float]:
    return [step for part in reading.parts if "train" in part.series for step in part.series["train"].step]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "log.jsonl"
    path.parent.mkdir()
    path.write_text(line(1, 4.0) + line(2, 3.5))
    return path


@pytest.fixture
def first(log: Path) -> tuple[Found, SourceState]:
    found = source(log)
    result = read_source(found, None)
    assert result is not None
    assert steps(result[0]) == [1, 2]
    return found, result[1]


def touch(path: Path) -> None:
    """Give the file another modification time, however coarse the clock of the file system is."""
    stat = path.stat()
    os.utime(path, (stat.st_atime, stat.st_mtime + 10))


def test_unchanged_is_no_news(first: tuple[Found, SourceState]) -> None:
    """Nothing is opened for reading twice."""
    assert again(*first) is None


@pytest.mark.parametrize("age", [0.0, 7200.0])
def test_a_last_line_without_an_end_is_read_at_once_where_nobody_writes_any_more(log: Path, age: float) -> None:
    """Of a file that is being written it is left; of an old one it counts, and reading again is no news."""
    log.write_text((line(1, 4.0) + line(2, 3.5)).rstrip("\n"))
    os.utime(log, (time.time() - age, time.time() - age))
    found = source(log)
    result = read_source(found, None)
    assert result is not None
    assert steps(result[0]) == ([1, 2] if age else [1])
    assert again(found, result[1]) is None


def test_only_what_was_appended_is_read(log: Path, first: tuple[Found, SourceState]) -> None:
    """A half line waits for its end."""
    found, state = first
    with log.open("a") as file:
        file.write(line(3, 3.0) + line(4, 2.5)[:20])
    grown = again(found, state)
    assert grown is not None
    assert steps(grown[0]) == [3] and not grown[0].replaces
    with log.open("a") as file:
        file.write(line(4, 2.5)[20:])
    rest = again(found, grown[1])
    assert rest is not None and steps(rest[0]) == [4]


def test_a_shorter_file_is_read_from_the_start(log: Path, first: tuple[Found, SourceState]) -> None:
    """Truncated in place: a new generation that replaces the old points."""
    log.write_text(line(1, 9.0))
    result = again(*first)
    assert result is not None
    assert steps(result[0]) == [1] and result[0].replaces
    assert list(result[0].parts[0].series["train"].value) == [9.0]


def test_another_file_of_the_same_name_is_read_from_the_start(
    log: Path, first: tuple[Found, SourceState]
) -> None:
    """Rotation: the name now belongs to a new file."""
    log.rename(log.with_name("log.jsonl.1"))
    log.write_text(line(1, 8.0) + line(2, 7.0) + line(3, 6.0))
    result = again(*first)
    assert result is not None
    assert steps(result[0]) == [1, 2, 3] and result[0].replaces


def test_a_copy_with_the_same_head_is_read_on(log: Path, first: tuple[Found, SourceState]) -> None:
    """rsync and editors write a new inode: same head, not smaller, so only the rest is new."""
    other = log.with_name("copy")
    other.write_text(log.read_text() + line(3, 3.0))
    other.replace(log)
    result = again(*first)
    assert result is not None
    assert steps(result[0]) == [3] and not result[0].replaces


def test_a_rewrite_of_the_same_size_is_noticed(log: Path, first: tuple[Found, SourceState]) -> None:
    """Same size, new time, other bytes: replaced. Same bytes: nothing new."""
    touch(log)
    same = again(*first)
    assert same is not None and steps(same[0]) == [] and not same[0].replaces
    log.write_text(line(1, 4.5) + line(2, 3.5))
    touch(log)
    result = again(*first)
    assert result is not None
    assert steps(result[0]) == [1, 2] and result[0].replaces


def test_a_second_launch_with_the_same_long_header_is_noticed(tmp_path: Path) -> None:
    """The head digest sees 4 KiB; a rewritten file may share them and differ after."""
    path = tmp_path / "train.log"
    header = "".join(f"key_{i} = {i}\n" for i in range(600))
    path.write_text(header + "".join(f"iter {i}: loss 3.5000, time 1.00ms\n" for i in range(3)))
    found = source(path)
    result = read_source(found, None)
    assert result is not None
    path.write_text(header + "".join(f"iter {i}: loss 2.5000, time 1.00ms\n" for i in range(9)))
    replaced = again(found, result[1])
    assert replaced is not None and replaced[0].replaces
    assert list(replaced[0].parts[0].series["train"].value) == [2.5] * 9


def test_change_names_the_three_cases(log: Path, first: tuple[Found, SourceState]) -> None:
    """same, grown and replaced, from fingerprints of the same head length."""
    _, state = first
    head = state.fingerprint.head_len
    assert change(state, fingerprint(log, head)) == "same"
    log.write_text(log.read_text() + line(3, 3.0))
    assert change(state, fingerprint(log, head)) == "grown"
    log.write_text("x" + log.read_text()[1:])
    assert change(state, fingerprint(log, head)) == "replaced"


def test_a_missing_file_is_an_issue_and_keeps_the_state(log: Path, first: tuple[Found, SourceState]) -> None:
    """Gone is not empty: the points stay."""
    log.unlink()
    result = again(*first)
    assert result is not None
    reading, state = result
    assert [issue.code for issue in reading.issues] == ["unreadable"]
    assert reading.parts == [] and not reading.replaces
    assert state.offset == first[1].offset


def test_a_changed_sidecar_is_read_again(tmp_path: Path) -> None:
    """What a person writes into labbook.toml counts without a new line in the log."""
    folder = tmp_path / "d12-a"
    folder.mkdir()
    (folder / "log.jsonl").write_text(line(1, 4.0))
    (folder / "config.json").write_text('{"model": {"n_layer": 2}}')
    (tmp_path / "labbook.toml").write_text('[run."d12-*"]\nn_total = "124M"\nnonsense = 1\n')
    (found,) = discover([tmp_path]).found
    result = read_source(found, None)
    assert result is not None
    config = result[0].parts[0].config
    assert config == {"model.n_layer": 2, "given.n_total": "124M"}
    assert result[0].issues == []
    assert again(found, result[1]) is None
    (tmp_path / "labbook.toml").write_text('[run."d12-*"]\nn_total = "125M"\n')
    changed = again(found, result[1])
    assert changed is not None
    assert steps(changed[0]) == [] and not changed[0].replaces
    assert changed[0].parts[0].config["given.n_total"] == "125M"


def test_a_checkpoint_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path, sample_runs: Path) -> None:
    """A half-written trainer_state.json changes nothing; the whole one replaces what was there."""
    whole = (sample_runs / "hf" / "d32-D0.1M" / "trainer_state.json").read_text()
    path = tmp_path / "trainer_state.json"
    path.write_text(whole)
    found = source(path)
    result = read_source(found, None)
    assert result is not None and result[0].replaces
    path.write_text(whole[: len(whole) // 2])
    half = again(found, result[1])
    assert half is not None and half[0].parts == [] and not half[0].replaces
    issues = [(issue.code, issue.text) for issue in half[0].issues]
    assert issues == [("cut-tail", "not whole JSON; read again when it is complete")]
    path.write_text(whole)
    touch(path)
    back = again(found, half[1])
    assert back is not None and back[0].replaces and len(steps(back[0])) == 390


def test_a_second_process_that_writes_in_pieces_loses_nothing(tmp_path: Path) -> None:
    """A live writer flushes in the middle of lines; at the end every record was read once."""
    path = tmp_path / "log.jsonl"
    path.write_text(line(0, 5.0))
    program = (
        "import json, sys, time\n"
        "text = ''.join(json.dumps({'step': i, 'train/loss': i / 7}) + '\\n' for i in range(1, 400))\n"
        "with open(sys.argv[1], 'a') as f:\n"
        "    for at in range(0, len(text), 37):\n"
        "        f.write(text[at:at + 37]); f.flush(); time.sleep(0.0005)\n"
    )
    found = source(path)
    state: SourceState | None = None
    seen: list[float] = []
    with subprocess.Popen([sys.executable, "-c", program, str(path)]) as writer:
        running = True
        while running:
            running = writer.poll() is None
            result = read_source(found, state)
            if result is not None:
                seen += steps(result[0])
                state = result[1]
            time.sleep(0.005)
    assert seen == [float(step) for step in range(400)]
