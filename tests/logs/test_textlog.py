"""The text engine: labels, bars, encodings, restarts, several runs in one file, records of several lines."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from labbook.logs import take_sample, text
from labbook.logs.patterns import parse_table
from labbook.logs.textlog import TextFormat
from labbook.records import Reading

NANOGPT = text("nanogpt")
HEAD = "tokens per iteration will be: 256\nnumber of parameters: 0.0017M\n"


def read(path: Path, content: str | bytes, *, final: bool = False) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return NANOGPT.read(path, 0, {}, final=final)


def iters(*pairs: tuple[int, float]) -> str:
    return "".join(f"iter {step}: loss {loss:.4f}, time 20.00ms, mfu 1.00%\n" for step, loss in pairs)


def train(reading: Reading, part: int = 0) -> list[tuple[float, float]]:
    points = reading.parts[part].series["train"]
    return list(zip(points.step, points.value, strict=True))


def test_configuration_is_echoed_with_comments_and_products(tmp_path: Path) -> None:
    """Literals, comments and `5 * 8` are values; a list or a call is no number of anything."""
    echoed = (
        "n_layer = 2 # two\nbatch_size = 5 * 8\nlr = 6e-4\nname = 'a'\nx = open('/etc/passwd')\nflag = True\n"
    )
    config = read(tmp_path / "a.log", echoed + HEAD + iters((0, 4.0))).parts[0].config
    assert config == {"n_layer": 2, "batch_size": 40, "lr": 6e-4, "name": "a", "flag": True}


def test_parameters_of_both_tensor_lines_add_up(tmp_path: Path) -> None:
    """The two lines of nanoGPT's optimizer give the exact total, once, also when every rank prints them."""
    lines = (
        "num decayed parameter tensors: 10, with 1,792 parameters\n"
        "num non-decayed parameter tensors: 5, with 40 parameters\n"
    )
    figures = read(tmp_path / "a.log", HEAD + lines * 3 + iters((0, 4.0))).parts[0].figures
    totals = [(figure.value, figure.digits) for figure in figures if figure.key == "n_total"]
    assert totals == [(1832.0, None)]
    printed = next(figure for figure in figures if figure.key == "n_other")
    assert (printed.value, printed.digits) == (1700.0, 2)
    assert printed.source.startswith("line 2: number of parameters")


@pytest.mark.parametrize("label", ["3: ", "[rank3]: ", "[default3]:", "\x1b[32m", "(worker pid=77) "])
def test_labels_and_colours_before_a_line_are_no_part_of_it(tmp_path: Path, label: str) -> None:
    """srun, torchrun, ray and terminals put things before a line."""
    lines = "".join(label + line + "\n" for line in iters((0, 4.0), (10, 3.5)).splitlines())
    assert train(read(tmp_path / "a.log", lines)) == [(0, 4.0), (10, 3.5)]


def test_one_rank_of_several_is_read(tmp_path: Path) -> None:
    """Two ranks print the same steps with their own losses; only the lowest stands."""
    lines = [f"{rank}: {iters((step, 4.0 - rank / 10)).strip()}\n" for step in (0, 10, 20) for rank in (0, 1)]
    assert train(read(tmp_path / "a.log", "".join(lines))) == [(0, 4.0), (10, 4.0), (20, 4.0)]


def test_a_redrawn_bar_does_not_hide_the_record(tmp_path: Path) -> None:
    """What a bar left on the line by carriage returns and backspaces is cut off."""
    line = iters((0, 4.0)).strip()
    reading = read(
        tmp_path / "a.log", f" 10%|#   |\r 20%|##  |\r{line}\n 30%|\b\b\b\b{line.replace('0:', '1:')}\n"
    )
    assert train(reading) == [(0, 4.0), (1, 4.0)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_and_line_ends_of_other_systems(tmp_path: Path, encoding: str) -> None:
    """A byte order mark names the encoding; CRLF ends a line like LF."""
    content = (HEAD + iters((0, 4.0), (10, 3.5))).replace("\n", "\r\n")
    raw = b"\xfe\xff" + content.encode(encoding) if encoding == "utf-16-be" else content.encode(encoding)
    reading = read(tmp_path / "a.log", raw)
    assert train(reading) == [(0, 4.0), (10, 3.5)]
    assert [figure.key for figure in reading.parts[0].figures] == ["tokens_per_step", "n_other"]
    assert reading.offset == len(raw)


def test_a_resume_into_the_middle_is_a_segment_of_the_same_run(tmp_path: Path) -> None:
    """The step falls back after a second launch: one run, two segments, nothing dropped."""
    reading = read(
        tmp_path / "a.log", HEAD + iters((0, 4.0), (10, 3.5), (20, 3.0)) + HEAD + iters((10, 3.4), (20, 2.9))
    )
    assert len(reading.parts) == 1
    assert list(reading.parts[0].series["train"].segment) == [0, 0, 0, 1, 1]


def test_a_fall_to_the_start_after_a_header_is_a_new_run(tmp_path: Path) -> None:
    """Two launches into one file are two runs, each with the configuration printed before it."""
    first = "learning_rate = 0.1\n" + HEAD + iters((0, 4.0), (10, 3.5))
    second = "learning_rate = 0.2\n" + HEAD + iters((0, 4.2), (10, 3.7))
    reading = read(tmp_path / "a.log", first + second)
    assert [part.key for part in reading.parts] == ["", "#2"]
    assert [part.config["learning_rate"] for part in reading.parts] == [0.1, 0.2]
    assert [train(reading, part) for part in (0, 1)] == [[(0, 4.0), (10, 3.5)], [(0, 4.2), (10, 3.7)]]


def test_a_launch_without_records_is_no_run(tmp_path: Path) -> None:
    """A crash before the first step leaves a header and nothing else."""
    reading = read(tmp_path / "a.log", HEAD + HEAD + iters((0, 4.0), (10, 3.5)) + HEAD)
    assert len(reading.parts) == 1


def test_two_writers_are_named_and_not_taken_for_restarts(tmp_path: Path) -> None:
    """Two processes appending to one file step back all the time."""
    both = "".join(iters((step, 4.0), (step - 5, 4.1)) for step in range(10, 500, 10))
    reading = read(tmp_path / "a.log", both)
    assert [issue.code for issue in reading.issues] == ["two-writers"]
    assert max(reading.parts[0].series["train"].segment) <= 6


def test_a_cancelled_job_says_so_until_it_goes_on(tmp_path: Path) -> None:
    """slurmstepd's line cancels the run; records after a requeue take that back."""
    cut = "iter 30: loss 3.1(slurmstepd: error: *** JOB 77 ON g1 CANCELLED AT 2026-01-05T10:00:00 ***\n"
    cancelled = read(tmp_path / "a.log", iters((0, 4.0)) + cut)
    assert cancelled.parts[0].status == "cancelled"
    assert "JOB 77" in cancelled.parts[0].status_line
    assert train(cancelled) == [(0, 4.0)]
    resumed = read(tmp_path / "a.log", iters((0, 4.0)) + cut + iters((30, 3.1)))
    assert resumed.parts[0].status == "unknown"


def test_a_megabyte_in_one_line_is_survived(tmp_path: Path) -> None:
    """Neither a long line nor one without an end stops the reading or counts as a number."""
    long = "x" * (1 << 20) + " iter 5: loss 1.0, time 2.00ms\n"
    reading = read(tmp_path / "a.log", iters((0, 4.0)) + long + iters((10, 3.5)))
    assert train(reading) == [(0, 4.0), (10, 3.5)]
    endless = read(tmp_path / "b.log", iters((0, 4.0)) + "y" * (3 << 20))
    assert train(endless) == [(0, 4.0)]


def test_holes_of_a_truncated_file_are_skipped(tmp_path: Path) -> None:
    """A log emptied under a writer begins with NUL bytes."""
    path = tmp_path / "a.log"
    reading = read(path, b"\x00" * 5000 + iters((10, 3.5), (20, 3.0)).encode())
    assert train(reading)[-1] == (20, 3.0)
    assert NANOGPT.sniff(take_sample(path)) is not None


def test_a_record_of_several_lines_and_values_without_step(tmp_path: Path) -> None:
    """OLMo's indented blocks, and a validation line that belongs to the next step."""
    raw = tomllib.loads(
        r"""
        [block]
        detect = ['\[step=\d+/\d+\]']
        val_step = "next"
        [[block.record]]
        start = '\[step=(?P<step>\d+)/(?P<planned_steps>\d+)\]'
        fields = ['^\s+train/loss=(?P<train>{num})', '^\s+throughput/total_tokens=(?P<tokens>{int})']
        [[block.record]]
        line = '^validation loss: (?P<val>{num})'
        """
    )
    form = TextFormat(parse_table("block", raw["block"], "test"))
    lines = (
        "validation loss: 9.5\n[step=1/40]\n    train/loss=9.0\n    throughput/total_tokens=4,096\n"
        "    other=1\n[step=2/40]\n    train/loss=8.5\ndone\n"
    )
    path = tmp_path / "a.log"
    path.write_text(lines)
    part = form.read(path, 0, {}).parts[0]
    assert list(part.series["train"].step) == [1, 2]
    assert list(part.series["train"].value) == [9.0, 8.5]
    assert part.series["train"].tokens[0] == 4096
    assert (part.series["val"].step[0], part.series["val"].value[0]) == (1, 9.5)
    assert [(figure.key, figure.value) for figure in part.figures] == [("planned_steps", 40)]
