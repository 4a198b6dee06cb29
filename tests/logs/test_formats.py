"""What the shapes of JSON lines, tables, event files and W&B files bring, beyond the contract."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.logs import FORMATS, recognise, take_sample
from labbook.logs.discover import discover
from labbook.logs.follow import read_source
from labbook.logs.lines import LONGEST_ROW
from labbook.records import Reading, RunPart

Write = Callable[..., bytes]


def read(path: Path, content: str | bytes) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = recognise(take_sample(path), FORMATS)
    assert found is not None, "no format claims it"
    return found[0].read(path, 0, {})


def values(part: RunPart, series: str) -> list[tuple[float, float]]:
    points = part.series[series]
    return list(zip(points.step, points.value, strict=True))


# tables


def test_an_empty_cell_is_missing_and_nan_is_a_value(tmp_path: Path) -> None:
    """Sparse rows bring no points; a printed NaN is one."""
    part = read(tmp_path / "a.csv", "step,train_loss,val_loss\n1,2.5,\n2,nan,\n3,,1.5\n4,NaN,inf\n").parts[0]
    assert [step for step, _ in values(part, "train")] == [1, 2, 4]
    assert math.isnan(part.series["train"].value[1])
    assert values(part, "val") == [(3, 1.5), (4, math.inf)]


@pytest.mark.parametrize(
    "content",
    [
        "step,loss\r\n1,2.5\r\n2,2.25\r\n",
        "\ufeffstep,loss\n1,2.5\n2,2.25\n",
        "step\tloss\n1\t2.5\n2\t2.25\n",
        "step;loss\n1;2,5\n2;2,25\n",
        '"step","loss"\n"1","2.5"\n"2","2.25"\n',
        "               step,      loss\n          1,       2.5\n          2,     2.25\n",
        "loss,step\n2.5,1\n2.25,2\n",
        ",loss\n1,2.5\n2,2.25\n",
    ],
    ids=["crlf", "bom", "tab", "decimal comma", "quoted", "padded", "loss first", "unnamed index"],
)
def test_tables_in_the_ways_people_write_them(tmp_path: Path, content: str) -> None:
    """Line ends, marks, separators, quotes and blanks make no difference."""
    points = read(tmp_path / "a.csv", content).parts[0].series["train"]
    axis = points.step if not math.isnan(points.step[0]) else points.epoch
    assert list(zip(axis, points.value, strict=True)) == [(1, 2.5), (2, 2.25)]


def test_utf16_tables_are_read(tmp_path: Path) -> None:
    """A spreadsheet's export names its encoding in the first two bytes."""
    part = read(tmp_path / "a.csv", "step,loss\n1,2.5\n2,2.25\n".encode("utf-16")).parts[0]
    assert values(part, "train") == [(1, 2.5), (2, 2.25)]


def test_a_row_of_another_width_is_counted_and_the_rest_read(tmp_path: Path) -> None:
    """One bad line stays one."""
    reading = read(tmp_path / "a.csv", "step,loss\n1,2.5\n2\n3,2.0\n")
    assert values(reading.parts[0], "train") == [(1, 2.5), (3, 2.0)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("bad-line", "line 3")]


def test_ragged_rows_are_counted_and_the_good_ones_read(tmp_path: Path) -> None:
    """Half of the rows lack a cell; one has a separator at its end, which is no cell."""
    content = "step,loss,lr\n1,2.5\n2,2.25,0.1\n3,2.0,0.1,\n4,1.5\n5,1.25,0.1,7\n"
    reading = read(tmp_path / "a.csv", content)
    assert values(reading.parts[0], "train") == [(2, 2.25), (3, 2.0)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [
        ("bad-line", "line 2"),
        ("bad-line", "line 5"),
        ("bad-line", "line 6"),
    ]


def test_of_two_columns_with_one_name_the_first_is_read_and_an_issue_says_so(tmp_path: Path) -> None:
    """Once, for the header."""
    reading = read(tmp_path / "a.csv", "step,loss,loss\n1,2.5,9\n2,2.25,9\n")
    assert values(reading.parts[0], "train") == [(1, 2.5), (2, 2.25)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("repeated-column", "line 1")]
    assert "several columns are called loss" in reading.issues[0].text


def test_running_means_are_not_the_loss(tmp_path: Path) -> None:
    """Lightning writes a step's loss and the epoch's mean beside each other."""
    part = read(
        tmp_path / "metrics.csv", "epoch,step,train_loss_epoch,train_loss_step\n0,9,,3.5\n0,19,3.75,\n"
    ).parts[0]
    assert values(part, "train") == [(9, 3.5)]
    assert values(part, "train_loss_epoch") == [(19, 3.75)]
    assert part.step_origin == 0


def test_parts_of_a_loss_are_never_taken_for_one(tmp_path: Path) -> None:
    """A detector's table has two losses, neither of them is the run's, and nobody said that they add up."""
    path = tmp_path / "results.csv"
    path.write_text("epoch,train/cls_loss,train/reg_loss,val/cls_loss,val/reg_loss\n0,1.5,2.5,3.5,4.5\n")
    assert recognise(take_sample(path), FORMATS) is None


# JSON lines


def test_bad_lines_are_counted_and_the_rest_read(tmp_path: Path) -> None:
    """A broken line keeps its number."""
    good = '{"step": 1, "loss": 2.5}\n'
    reading = read(tmp_path / "a.jsonl", good * 20 + "{broken\n" + '{"step": 2, "loss": 2.0}\n')
    assert len(reading.parts[0].series["train"]) == 21
    assert [(issue.code, issue.place) for issue in reading.issues] == [("bad-line", "line 21")]


def test_numbers_in_quotes_count_and_words_do_not(tmp_path: Path) -> None:
    """fairseq writes numbers as text; null, n/a and words are missing; out of range is infinite."""
    lines = (
        '{"num_updates": "10", "loss": "2.5", "lr": "1,024", "note": "x", "big": 1e400}\n'
        '{"num_updates": 20, "loss": null, "val_loss": "n/a"}\n'
    )
    part = read(tmp_path / "a.jsonl", lines).parts[0]
    assert {name: values(part, name) for name in part.series} == {
        "train": [(10, 2.5)],
        "lr": [(10, 1024)],
        "big": [(10, math.inf)],
    }


def test_control_characters_never_reach_a_name(tmp_path: Path) -> None:
    """A metric's name may hold escape sequences, tabs and direction marks."""
    line = '{"step": 1, "loss": 2.5, "\\u001b[31mred\\u0007\\u202e\\n": 1.0, "\\u0001": 2.0}\n'
    part = read(tmp_path / "a.jsonl", line).parts[0]
    assert set(part.series) == {"train", "red"}


def test_a_metric_called_like_a_series_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """A key `val` is somebody's number, not the validation loss."""
    part = read(tmp_path / "a.jsonl", '{"step": 1, "loss": 2.5, "val": 0.9, "val:x": 1.0}\n').parts[0]
    assert set(part.series) == {"train", "val_", "val:x_"}


def test_clocks_tokens_and_epochs_stand_beside_the_step(tmp_path: Path) -> None:
    """ISO times, seconds and milliseconds are one clock; a counter of 0 is no count."""
    lines = (
        '{"step": 1, "loss": 2.5, "tokens": 0, "epoch": 0.5, "timestamp": "2026-01-05T10:00:00Z"}\n'
        '{"step": 2, "loss": 2.4, "tokens": 512, "tokens_per_second": 9, "timestamp": 1767607201}\n'
        '{"step": 3, "loss": 2.3, "tokens": 768, "timestamp": 1767607202000}\n'
    )
    points = read(tmp_path / "a.jsonl", lines).parts[0].series["train"]
    assert [wall - points.wall[0] for wall in points.wall] == [0, 1, 2]
    assert math.isnan(points.tokens[0]) and list(points.tokens[1:]) == [512, 768]
    assert points.epoch[0] == 0.5


def test_nested_metrics_lose_their_wrapping_alone(tmp_path: Path) -> None:
    """Levanter wraps everything in `metrics`."""
    line = '{"event": "log", "step": 5, "metrics": {"train/loss": 2.5, "eval": {"c4": {"loss": 3.5}}}}\n'
    part = read(tmp_path / "a.jsonl", line).parts[0]
    assert set(part.series) == {"train", "val:c4"}


def test_a_log_that_has_just_begun_is_recognised(tmp_path: Path) -> None:
    """One whole line and half of the next."""
    reading = read(tmp_path / "a.jsonl", '{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert values(reading.parts[0], "train") == [(1, 2.5)]


def test_a_row_of_hundreds_of_metrics_is_read(tmp_path: Path) -> None:
    """Parsing does not stall on long lines as a pattern might; nor does a text of megabytes in a record."""
    row = {"step": 1, "loss": 2.5, **{f"probe/layer_{i}/activation_norm": i / 8 for i in range(1900)}}
    long = {"step": 2, "loss": 2.0, "text": "x" * (1 << 21)}
    content = "".join(json.dumps(line) + "\n" for line in (row, long, {"step": 3, "loss": 1.5}))
    assert len(json.dumps(row)) > 1 << 16
    reading = read(tmp_path / "a.jsonl", content)
    assert values(reading.parts[0], "train") == [(1, 2.5), (2, 2.0), (3, 1.5)]
    assert values(reading.parts[0], "probe/layer_1899/activation_norm") == [(1, 1899 / 8)]
    assert reading.issues == []


@pytest.mark.parametrize("extra", [1, 5 << 20], ids=["in one block", "over several"])
def test_a_line_too_long_to_parse_is_named_with_its_size(tmp_path: Path, extra: int) -> None:
    """It is neither cut nor broken; the records around it stand."""
    long = json.dumps({"step": 2, "loss": 2.0, "text": "x" * (LONGEST_ROW + extra)}) + "\n"
    reading = read(tmp_path / "a.jsonl", '{"step": 1, "loss": 2.5}\n' + long + '{"step": 3, "loss": 1.5}\n')
    assert values(reading.parts[0], "train") == [(1, 2.5), (3, 1.5)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("long-line", "line 2")]
    assert f"{len(long)} bytes" in reading.issues[0].text or f"{len(long) - 1} bytes" in reading.issues[0].text


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_step_that_repeats_is_no_restart_and_no_second_writer(tmp_path: Path, name: str) -> None:
    """Several log calls of one step: 0, 0, 20, 20 in one segment, also with values that differ."""
    pairs = [(20 * (i // 2), 4.0 - i / 100) for i in range(60)]
    if name.endswith("csv"):
        content = "step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in pairs)
    else:
        content = "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in pairs)
    reading = read(tmp_path / name, content)
    assert values(reading.parts[0], "train") == pairs
    assert set(reading.parts[0].series["train"].segment) == {0}
    assert reading.issues == []


# event files


def test_tensors_and_simple_values_are_the_same_scalars(tmp_path: Path, events: Write) -> None:
    """TF2 writes scalars as tensors; step 0 and value 0 are not written at all."""
    rows = [(0, "loss", 4.0), (1, "loss", 0.0), (2, "loss", 2.5)]
    simple = read(tmp_path / "a.tfevents", events(rows)).parts[0]
    tensors = read(tmp_path / "b.tfevents", events(rows, tensors=True)).parts[0]
    assert values(simple, "train") == values(tensors, "train") == [(0, 4.0), (1, 0.0), (2, 2.5)]
    assert simple.series["train"].wall[2] == 1.7e9 + 2
    assert simple.step_origin == 0


def test_one_tag_in_two_folders_is_train_and_validation(tmp_path: Path, events: Write) -> None:
    """TF2's and Keras' way: the folder says which split."""
    for split in ("train", "validation"):
        folder = tmp_path / "run" / split
        folder.mkdir(parents=True)
        (folder / "events.out.tfevents.1.node").write_bytes(events([(1, "epoch_loss", 2.5), (2, "loss", 2.0)]))
    found = discover([tmp_path]).found
    names = [set(result[0].parts[0].series) for source in found if (result := read_source(source, None))]
    assert names == [{"train"}, {"val"}]
    assert {source.folder for source in found} == {tmp_path / "run"}


def test_a_tag_called_like_a_step_counter_is_no_axis(tmp_path: Path, events: Write) -> None:
    """The event's own step is the axis, whatever tags there are; a token counter counts."""
    rows = [
        (5, "global_step", 5.0),
        (5, "train/loss", 2.5),
        (5, "tokens", 1280.0),
        (6, "train/loss vs samples", 9.0),
    ]
    part = read(tmp_path / "a.tfevents", events(rows)).parts[0]
    assert values(part, "train") == [(5, 2.5)]
    assert part.series["tokens"].tokens[0] == 1280


def test_a_file_with_a_graph_only_says_so(tmp_path: Path, events: Write) -> None:
    """No scalar is no error, and no run either."""
    (tmp_path / "events.out.tfevents.1.node").write_bytes(events([]))
    (found,) = discover([tmp_path]).found
    result = read_source(found, None)
    assert result is not None
    assert [issue.text for issue in result[0].issues] == ["no scalar in it: a graph, texts or images only"]


def test_an_absurd_length_ends_the_file_there(tmp_path: Path, events: Write) -> None:
    """A frame cannot be found again after damage; what came before stands."""
    whole = events([(1, "loss", 4.0), (2, "loss", 3.0)])
    reading = read(tmp_path / "a.tfevents", whole + b"\xff" * 64)
    assert values(reading.parts[0], "train") == [(1, 4.0), (2, 3.0)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("bad-frame", f"byte {len(whole)}")]


# W&B


def test_records_over_several_blocks_are_joined(tmp_path: Path, wandb: Write) -> None:
    """A record longer than 32 KiB comes in pieces."""
    long = {"_step": 1, "train/loss": 3.5, **{f"probe/{i}": i / 8 for i in range(1500)}}
    part = read(
        tmp_path / "run-a.wandb",
        wandb([{"_step": 0, "train/loss": 4.0}, long, {"_step": 2, "train/loss": 3.0}]),
    ).parts[0]
    assert values(part, "train") == [(0, 4.0), (1, 3.5), (2, 3.0)]
    assert values(part, "probe/1499") == [(1, 1499 / 8)]


@pytest.mark.parametrize("at", range(40000, 40060, 4))
def test_a_damaged_record_costs_its_block_and_no_more(tmp_path: Path, wandb: Write, at: int) -> None:
    """The checksum tells; reading goes on at the next 32 KiB."""
    rows = [{"_step": i, "train/loss": 4.0 - i / 1000} for i in range(2000)]
    content = bytearray(wandb(rows))
    content[at] ^= 0xFF
    reading = read(tmp_path / "run-a.wandb", bytes(content))
    steps = list(reading.parts[0].series["train"].step)
    assert steps[0] == 0 and steps[-1] == 1999 and 1000 < len(steps) < 2000
    assert [issue.code for issue in reading.issues] == ["bad-crc"]


def test_define_metric_names_the_axis(tmp_path: Path, wandb: Write) -> None:
    """`_step` counts log calls; the declared counter is the step, also for rows without it."""
    rows = [
        {"_step": 0, "my_step": 10, "train/loss": 4.0},
        {"_step": 1, "my_step": 20, "train/loss": 3.5},
        {"_step": 2, "val/loss": 3.75},
    ]
    part = read(tmp_path / "run-a.wandb", wandb(rows, axis="my_step")).parts[0]
    assert values(part, "train") == [(10, 4.0), (20, 3.5)]
    assert values(part, "val") == [(20, 3.75)]
    assert part.step_kind == "optimizer"


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (1, "failed"), (None, "unknown")])
def test_the_exit_record_ends_a_run(tmp_path: Path, wandb: Write, code: int | None, status: str) -> None:
    """Without one the run may go on or was killed: nobody knows."""
    part = read(tmp_path / "run-a.wandb", wandb([{"_step": 0, "loss": 4.0}], exit_code=code)).parts[0]
    assert part.status == status
    assert (part.identity, part.name) == ("abc123", "tiny")


def test_configuration_is_flat_and_without_the_trackers_own(tmp_path: Path, wandb: Write) -> None:
    """Nested values get dots, wrapped values lose their wrapping, `_wandb` is dropped."""
    config = {
        "lr": {"value": 0.5, "desc": None},
        "model": {"n_layer": 2},
        "text": '{"n_embd": 8}',
        "_wandb": {"host": "secret"},
        "bad\u001b[31m": 1,
    }
    part = read(tmp_path / "run-a.wandb", wandb([{"_step": 0, "loss": 4.0}], config=config)).parts[0]
    assert part.config == {"lr": 0.5, "model.n_layer": 2, "text.n_embd": 8, "bad": 1}
