"""`.wandb` files: many rows at once against row by row, whose step counts, and what the terminal adds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs.format import take_sample
from labbook.logs.rows import Rows
from labbook.logs.wandb import Wandb
from labbook.logs.wandb_history import Axes, History
from labbook.records import Issue, Reading, RunPart
from tests.logs.binary_writers import blocks, field

Write = Callable[..., bytes]
Row = dict[str, object]


def item(key: str, raw: str | bytes, *, nested: bool = False) -> bytes:
    name = b"".join(field(2, part) for part in key.split(".")) if nested else field(1, key)
    return field(1, name + field(16, raw))


def history(row: Row, number: int = 1, *, nested: bool = False, step: int | None = None) -> bytes:
    body = b"".join(item(key, json.dumps(value), nested=nested) for key, value in row.items())
    body += b"" if step is None else field(2, field(1, step) if step else b"")
    return field(1, number) + field(2, body)


def printed(text: str, stream: int = 1) -> bytes:
    return field(1, 1) + field(13, (field(1, stream) if stream else b"") + field(3, text))


def define(metric: str, axis: str) -> bytes:
    return field(1, 1) + field(12, field(2 if "*" in metric else 1, metric) + field(4, axis))


def whole(records: list[bytes]) -> bytes:
    return b":W&B\xe1\xbe\x00" + blocks(records)


def read(path: Path, content: bytes, before: Reading | None = None, **how: object) -> Reading:
    path.write_bytes(content)
    state = json.loads(json.dumps(before.state, allow_nan=False)) if before is not None else {}
    return Wandb().read(path, before.offset if before is not None else 0, state, **how)  # type: ignore[arg-type]


def values(part: RunPart, series: str) -> list[tuple[float, float]]:
    points = part.series[series]
    return list(zip(points.step, points.value, strict=True))


def rows_of(part: RunPart) -> dict[str, list[str]]:
    return {name: [repr(row) for row in points.rows()] for name, points in part.series.items()}


def taken(records: list[bytes], *, by_hand: bool, flush_every: int = 1 << 30) -> tuple[object, ...]:
    """What a history says of the records, read the quick way or by hand."""
    part, rows, issues, axes = RunPart(), Rows(), list[Issue](), Axes([["train/*", "my_step"]])
    gathered = History(part, rows, issues, axes)
    gathered.by_hand = by_hand
    for place, record in enumerate(records):
        gathered.add(record, place)
        if place % flush_every == flush_every - 1:
            gathered.flush()
    gathered.flush()
    return list(part.series), rows_of(part), rows.state(), axes, sorted(issue.place for issue in issues)


KEYS = st.sampled_from(
    ["_step", "my_step", "train/loss", "val/loss", "lr", "_timestamp", "tokens", "k" * 130, "ä"]
)
NUMBERS = st.one_of(st.floats(), st.integers(-(10**20), 10**20), st.just(0.0), st.integers(0, 9))
OTHERS = st.one_of(
    st.none(), st.booleans(), st.sampled_from(["text", "1.5", {"a": 1, "b": 2.5}, {"_type": "image"}])
)
ROWS = st.lists(st.dictionaries(KEYS, st.one_of(NUMBERS, NUMBERS, NUMBERS, OTHERS), max_size=7), max_size=25)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.data())
def test_rows_read_together_are_rows_read_by_hand(found: list[Row], data: st.DataObject) -> None:
    """Points, memory and issues are the same, whatever bytes are damaged and wherever a batch ends."""
    records = [
        history(row, number, step=data.draw(st.sampled_from([None, None, 0, number])))
        for number, row in enumerate(found)
    ]
    damage = st.tuples(st.integers(0, 24), st.integers(0, 120), st.integers(0, 255))
    for index, at, byte in data.draw(st.lists(damage, max_size=6)):
        if index < len(records) and at < len(records[index]):
            changed = bytearray(records[index])
            changed[at] = byte
            records[index] = bytes(changed)
    by_hand = taken(records, by_hand=True)
    assert taken(records, by_hand=False) == by_hand
    assert taken(records, by_hand=False, flush_every=data.draw(st.integers(1, 9)))[1:] == by_hand[1:]


def test_the_numbers_of_a_long_history_are_exact(tmp_path: Path) -> None:
    """Keys in any order, a number of seventeen digits: what was written comes back."""
    losses = [4.0 - step / 7e3 for step in range(3000)]
    records = []
    for step, loss in enumerate(losses):
        pairs = list(
            {"_step": step, "train/loss": loss, "lr": 1e-5 * step, "_timestamp": 1.7e9 + step / 3}.items()
        )
        records.append(history(dict(pairs[step % 4 :] + pairs[: step % 4]), step, step=step))
    reading = read(tmp_path / "run-a.wandb", whole(records))
    assert values(reading.parts[0], "train") == list(enumerate(losses))
    assert reading.issues == []


def test_a_step_beside_the_items_counts(tmp_path: Path) -> None:
    """Some versions write the step as a message and not among the items."""
    records = [history({"loss": 4.0 - step}, step=step) for step in range(3)]
    assert values(read(tmp_path / "run-a.wandb", whole(records)).parts[0], "train") == [
        (0, 4.0),
        (1, 3.0),
        (2, 2.0),
    ]


def test_nested_names_are_joined_and_pictures_left_out(tmp_path: Path) -> None:
    """A logged dictionary has dotted names; a picture's size is no metric."""
    row: Row = {
        "_step": 1,
        "train.loss": 2.5,
        "stats": {"mean": 0.5},
        "img": {"_type": "image-file", "width": 8},
    }
    part = read(tmp_path / "run-a.wandb", whole([history(row, nested=True)])).parts[0]
    assert set(part.series) == {"train", "stats.mean"}


def test_the_counter_of_log_calls_is_kept_beside_a_better_step(tmp_path: Path) -> None:
    """Nothing is lost where micro-batches are counted too."""
    records = [
        history({"_step": 8 * step, "train/update_step": step, "train/loss": 4.0 - step}) for step in range(4)
    ]
    part = read(tmp_path / "run-a.wandb", whole([*records, history({"_step": 32, "val/loss": 3.5})])).parts[0]
    assert values(part, "train") == [(step, 4.0 - step) for step in range(4)]
    assert values(part, "_step") == [(step, 8 * step) for step in range(4)]
    assert values(part, "val") == [(3, 3.5)]


@pytest.mark.parametrize("pattern", ["train/*", "*", "train/loss"])
def test_the_counter_declared_for_the_loss_is_the_step(tmp_path: Path, pattern: str) -> None:
    """By the metric's own name or by a pattern; those of other metrics are no steps of the run."""
    records = [define("system/*", "system/hour"), define("val/*", "epoch"), define(pattern, "my_count")]
    records.append(history({"_step": 0, "system/hour": 7, "system/gpu": 0.5}))
    records += [
        history({"_step": i, "my_count": 10 * i, "epoch": i, "train/loss": 4.0 - i}) for i in range(1, 4)
    ]
    records.append(history({"_step": 4, "epoch": 1, "val/loss": 3.5}))
    reading = read(tmp_path / "run-a.wandb", whole(records))
    assert values(reading.parts[0], "train") == [(10, 3.0), (20, 2.0), (30, 1.0)]
    assert values(reading.parts[0], "val") == [(30, 3.5)]
    assert reading.parts[0].step_kind == "optimizer"


NANOGPT = "tokens per iteration will be: 1,024\nnumber of parameters: 0.01M\n"


def test_figures_are_taken_from_the_terminal(tmp_path: Path) -> None:
    """The trainer printed N and tokens a step, in pieces and in two streams; the history has the losses."""
    lines = [printed(piece) for piece in (NANOGPT[:30], NANOGPT[30:], "iter 0: loss 9.0000, time 12.00ms")]
    lines[1:1] = [printed("a warning\n", 0)]
    records = [*lines, printed("\n"), history({"_step": 0, "train/loss": 4.0})]
    part = read(tmp_path / "run-a.wandb", whole(records)).parts[0]
    assert {figure.key: figure.value for figure in part.figures} == {"tokens_per_step": 1024, "n_other": 10_000}
    assert all(figure.source.startswith("printed, line ") for figure in part.figures)
    assert values(part, "train") == [(0, 4.0)]


def test_losses_are_taken_from_the_terminal_only_where_the_history_has_none(tmp_path: Path) -> None:
    """Read while it grows or at once, the run ends the same: the history's losses replace the printed ones."""
    lines = [printed(f"iter {step}: loss {4.0 - step / 10:.4f}, time 12.00ms\n") for step in range(5)]
    start = [printed(NANOGPT), *(history({"_step": step, "lr": 0.5}, step) for step in range(3)), *lines]
    path = tmp_path / "run-a.wandb"
    first = read(path, whole(start))
    assert values(first.parts[0], "train") == [(step, round(4.0 - step / 10, 4)) for step in range(5)]
    assert first.parts[0].step_kind == "optimizer" and not first.replaces
    records = [*start, history({"_step": 5, "train/loss": 3.25}, 9)]
    then = read(path, whole(records), first)
    at_once = read(path, whole(records))
    assert then.replaces
    assert rows_of(then.parts[0]) == rows_of(at_once.parts[0])
    assert values(then.parts[0], "train") == [(5, 3.25)]
    later = read(path, whole([*records, printed("iter 6: loss 1.0000, time 12.00ms\n")]), then)
    assert later.parts[0].series == {} and not later.replaces


def test_what_is_said_of_the_run_is_configuration(tmp_path: Path) -> None:
    """Project, group, resumption and the summary's sizes; never host, entity or e-mail."""
    about = (
        field(1, "id1")
        + field(2, "entity")
        + field(3, "ladder")
        + field(6, "width")
        + field(13, "host")
        + field(18, 1)
    )
    update = field(1, item("n_params", "124439808") + item("loss", "2.5"))[2:]
    records = [field(17, about), history({"_step": 0, "loss": 4.0}), field(3, update)]
    part = read(tmp_path / "run-a.wandb", whole(records)).parts[0]
    assert part.config == {
        "wandb.project": "ladder",
        "wandb.group": "width",
        "wandb.resumed": True,
        "n_params": 124439808,
    }
    assert part.identity == "id1"


@pytest.mark.parametrize("limit", [1, 500, 40000])
def test_a_limit_only_cuts_the_reading_into_pieces(tmp_path: Path, wandb: Write, limit: int) -> None:
    """Each piece ends with a whole record and takes at least one; together they are the file."""
    rows = [{"_step": step, "train/loss": 4.0 - step / 1000, "long": "x" * (step % 7)} for step in range(400)]
    rows.append({"_step": 400, "train/loss": 1.0, **{f"probe/{i}": i for i in range(1200)}})
    content = wandb(rows, exit_code=0)
    path = tmp_path / "run-a.wandb"
    at_once = read(path, content).parts[0]
    found: dict[str, list[str]] = {}
    reading = Reading([], 0, {}, more=True)
    while reading.more:
        before = reading.offset
        reading = read(path, content, reading, limit=limit)
        assert before < reading.offset
        assert reading.offset - before <= limit + 200 or "probe/0" in reading.parts[0].series
        for name, lines in rows_of(reading.parts[0]).items():
            found.setdefault(name, []).extend(lines)
    assert reading.offset == len(content)
    assert found == rows_of(at_once)
    assert reading.parts[0].status == "finished"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 70000), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_never_invents_a_point(tmp_path: Path, wandb: Write, damage: list[tuple[int, int]]) -> None:
    """Checksums tell: what is read of a damaged file stands in the whole one too."""
    content = wandb([{"_step": step, "train/loss": 4.0 - step / 1000} for step in range(1100)])
    complete = set(values(read(tmp_path / "run-a.wandb", content).parts[0], "train"))
    changed = bytearray(content)
    for at, byte in damage:
        changed[11 + at % (len(content) - 11)] = byte
    part = read(tmp_path / "run-a.wandb", bytes(changed)).parts[0]
    assert set(values(part, "train") if "train" in part.series else []) <= complete


def test_a_killed_run_ends_with_an_empty_block(tmp_path: Path, wandb: Write) -> None:
    """Zeros up to the end of a block are no cut record; nobody knows how the run ended."""
    content = wandb([{"_step": step, "loss": 4.0} for step in range(3)])
    reading = read(tmp_path / "run-a.wandb", content + bytes(32768 - len(content)), final=True)
    assert reading.issues == []
    assert (reading.offset, reading.parts[0].status) == (len(content), "unknown")


def test_an_archive_reads_like_the_file_in_it(tmp_path: Path, wandb: Write) -> None:
    """Offsets count unpacked bytes."""
    content = wandb([{"_step": step, "loss": 4.0 - step} for step in range(3)], exit_code=1)
    packed = read(tmp_path / "run-a.wandb.gz", gzip.compress(content))
    assert values(packed.parts[0], "train") == [(0, 4.0), (1, 3.0), (2, 2.0)]
    assert (packed.offset, packed.parts[0].status) == (len(content), "failed")
    assert Wandb().sniff(take_sample(tmp_path / "run-a.wandb.gz")) is not None


def test_checksums_of_another_kind_are_not_checked(tmp_path: Path, wandb: Write) -> None:
    """Where the first two records disagree the file is read without them, and that is said once."""
    content = bytearray(wandb([{"_step": step, "loss": 4.0 - step} for step in range(3)]))
    at = 7
    while at < len(content):
        content[at] ^= 0xFF
        at += 7 + int.from_bytes(content[at + 4 : at + 6], "little")
    reading = read(tmp_path / "run-a.wandb", bytes(content))
    assert values(reading.parts[0], "train") == [(0, 4.0), (1, 3.0), (2, 2.0)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("bad-crc", "byte 7")]


def test_a_damaged_first_record_costs_itself(tmp_path: Path, wandb: Write) -> None:
    """The second one shows that the file has checksums."""
    content = bytearray(wandb([{"_step": step, "loss": 4.0 - step} for step in range(3)]))
    content[16] ^= 0xFF
    reading = read(tmp_path / "run-a.wandb", bytes(content))
    assert values(reading.parts[0], "train") == [(0, 4.0), (1, 3.0), (2, 2.0)]
    assert (reading.parts[0].identity, [issue.code for issue in reading.issues]) == (None, ["bad-crc"])
