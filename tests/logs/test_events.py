"""Event files: every way a scalar is written, whole blocks against event by event, and what damage costs."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs.events import Events
from labbook.logs.events_bulk import Decoder
from labbook.logs.events_frames import LARGEST, Block, Frames, masked_crc
from labbook.logs.events_text import text_config
from labbook.logs.format import take_sample
from labbook.records import Reading, RunPart
from tests.logs.binary_writers import field

Write = Callable[..., bytes]
NAME = "events.out.tfevents.1700000000.node"


def frame(payload: bytes, *, checksum: int | None = None) -> bytes:
    head = struct.pack("<Q", len(payload))
    crc = masked_crc(head) if checksum is None else checksum
    return head + struct.pack("<I", crc) + payload + bytes(4)


def event(step: int, *values: bytes, wall: float = 1.7e9) -> bytes:
    summary = b"".join(field(1, value) for value in values)
    return b"\x09" + struct.pack("<d", wall) + (field(2, step) if step else b"") + field(5, summary)


def simple(tag: str, value: float) -> bytes:
    return field(1, tag) + b"\x15" + struct.pack("<f", value)


def tensor(tag: str, body: bytes) -> bytes:
    return field(1, tag) + field(8, body)


def read(path: Path, content: bytes, **how: object) -> Reading:
    path.write_bytes(content)
    return Events().read(path, 0, {}, **how)  # type: ignore[arg-type]


def values(part: RunPart, series: str) -> list[tuple[float, float]]:
    points = part.series[series]
    return list(zip(points.step, points.value, strict=True))


def columns(payloads: list[bytes], few: int) -> tuple[object, ...]:
    """All that a decoder says of one block; `few` decides from how many on events are decoded together."""
    data = b"".join(map(frame, payloads))
    sizes = np.array([len(payload) for payload in payloads], np.int64)
    at = np.cumsum(sizes + 16) - sizes - 16
    decoder = Decoder(few=few)
    found = decoder.scalars(Block(data, 0, at, sizes))
    tags = [decoder.tags[code] for code in found.tag.tolist()]
    numbers = [column.tobytes() for column in (found.step, found.wall, found.value, found.place)]
    return (
        tags,
        numbers,
        decoder.texts,
        decoder.plugins,
        [i.place for i in decoder.issues],
        repr(decoder.first_wall),
    )


TAGS = st.sampled_from(["loss", "lr", "a/b", "c" * 40])
REALS = st.floats(width=32)
SHAPES = st.one_of(
    st.builds(simple, TAGS, REALS),
    st.builds(lambda tag, x: tensor(tag, field(1, 1) + field(4, struct.pack("<f", x))), TAGS, REALS),
    st.builds(lambda tag, x: tensor(tag, field(1, 2) + field(6, struct.pack("<d", x))), TAGS, st.floats()),
    st.builds(lambda tag: tensor(tag, field(1, 1)), TAGS),
    st.builds(lambda tag: field(1, tag), TAGS),
    st.builds(lambda tag: tensor(tag, field(1, 7) + field(8, "text")), TAGS),
)
EVENTS = st.builds(
    lambda step, shapes, wall: event(step, *shapes, wall=wall),
    st.one_of(st.integers(0, 300), st.integers(-(1 << 63), (1 << 63) - 1)),
    st.lists(SHAPES, min_size=1, max_size=3),
    st.sampled_from([1.7e9, 0.0]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=8), st.data())
def test_decoded_together_is_decoded_one_by_one(kinds: list[bytes], data: st.DataObject) -> None:
    """Steps, values, times, texts and issues are those of each event alone, damaged events included."""
    payloads = [kinds[index] for index in data.draw(st.lists(st.integers(0, len(kinds) - 1), max_size=60))]
    for index, at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, 59), st.integers(0, 60), st.integers(0, 255)), max_size=12)
    ):
        if index < len(payloads) and at < len(payloads[index]):
            changed = bytearray(payloads[index])
            changed[at] = byte
            payloads[index] = bytes(changed)
    assert columns(payloads, 2) == columns(payloads, 1 << 40)


def test_steps_and_values_of_a_long_run_are_exact() -> None:
    """Thousands of events, of which most are decoded together: the numbers that were written come back."""
    rows = [(step, tag, step / 7) for step in range(2000) for tag in ("train/loss", "lr", "val/loss")]
    decoder = Decoder()
    payloads = [event(step, simple(tag, value)) for step, tag, value in rows]
    data = b"".join(map(frame, payloads))
    sizes = np.array([len(payload) for payload in payloads], np.int64)
    found = decoder.scalars(Block(data, 100, np.cumsum(sizes + 16) - sizes - 16, sizes))
    assert found.step.tolist() == [step for step, _, _ in rows]
    assert [decoder.tags[code] for code in found.tag.tolist()] == [tag for _, tag, _ in rows]
    assert found.value.tolist() == [float(np.float32(value)) for _, _, value in rows]
    assert found.place[0] == 100


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2999), max_size=6), st.lists(st.integers(0, 40), min_size=1, max_size=9))
def test_frames_are_found_where_they_stand(tmp_path: Path, odd: list[int], cycle: list[int]) -> None:
    """Lengths that repeat are leapt over, and a frame of another length in between is not missed."""
    sizes = [cycle[index % len(cycle)] + (3 if index in odd else 0) for index in range(3000)]
    path = tmp_path / "x"
    path.write_bytes(b"".join(frame(bytes(size)) for size in sizes))
    with path.open("rb") as file:
        blocks = list(Frames(file, 0))
    assert [size for block in blocks for size in block.sizes.tolist()] == sizes
    starts = [block.start + at for block in blocks for at in block.at.tolist()]
    assert starts == [sum(sizes[:index]) + 16 * index for index in range(3000)][: len(starts)]


@pytest.mark.parametrize("limit", [1, 100, 5000])
def test_a_limit_only_cuts_the_reading_into_pieces(tmp_path: Path, events: Write, limit: int) -> None:
    """Each piece ends with a whole event and takes at least one; together they are the file."""
    path = tmp_path / NAME
    content = events(
        [(step, tag, 2.5 - step / 1000) for step in range(300) for tag in ("loss", "lr vs samples", "lr")]
    )
    whole = read(path, content).parts[0]
    found: dict[str, list[tuple[float, ...]]] = {}
    reading = Reading([], 0, {}, more=True)
    while reading.more:
        before = reading.offset
        state = json.loads(json.dumps(reading.state, allow_nan=False))
        reading = Events().read(path, before, state, limit=limit)
        assert before < reading.offset <= before + limit + 200
        for name, points in reading.parts[0].series.items():
            found.setdefault(name, []).extend(points.rows())
    assert reading.offset == len(content)
    assert {name: [repr(row) for row in rows] for name, rows in found.items()} == {
        name: [repr(row) for row in points.rows()] for name, points in whole.series.items()
    }


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (field(1, 1) + field(2, b"") + field(4, struct.pack("<f", 2.5)), 2.5),
        (field(1, 1) + b"\x2d" + struct.pack("<f", 2.5), 2.5),
        (field(1, 1) + field(5, struct.pack("<f", 2.5)), 2.5),
        (field(1, 2) + b"\x31" + struct.pack("<d", 2.7), 2.7),
        (field(1, 2) + field(6, struct.pack("<d", 2.7)), 2.7),
        (field(1, 1) + field(2, field(2, field(1, 1))) + field(4, struct.pack("<f", 2.5)), 2.5),
        (field(1, 1), 0.0),
        (field(1, 1) + field(2, field(2, field(1, 2))) + field(4, struct.pack("<ff", 1, 2)), None),
        (field(1, 1) + field(2, field(2, b"")), None),
        (field(1, 9) + field(4, struct.pack("<q", 3)), None),
    ],
)
def test_every_way_a_tensor_holds_one_number(tmp_path: Path, body: bytes, value: float | None) -> None:
    """As raw content or as a list, packed or not; a tensor of more or of none is no scalar."""
    part = read(tmp_path / NAME, frame(event(3, tensor("loss", body)))).parts[0]
    assert ([(3, value)] if value is not None else []) == (values(part, "train") if part.series else [])


def test_samples_seen_are_kept_once_for_each_step(tmp_path: Path, events: Write) -> None:
    """Megatron's twins under a batch ramp: the samples at a step; a twin is no series of its own."""
    rows: list[tuple[int, str, float]] = []
    for step, samples in ((1, 4), (2, 8), (3, 16), (4, 32)):
        for tag in ("learning-rate", "lm loss"):
            rows += [(step, tag, 9.0 / step), (samples, f"{tag} vs samples", 9.0 / step)]
    rows += [
        (4, "lm loss validation", 5.0),
        (32, "lm loss validation vs samples", 5.0),
        (7, "other vs samples", 1.0),
    ]
    part = read(tmp_path / NAME, events(rows)).parts[0]
    assert values(part, "consumed_samples") == [(1, 4), (2, 8), (3, 16), (4, 32)]
    assert [step for step, _ in values(part, "train")] == [1, 2, 3, 4]
    assert values(part, "val") == [(4, 5.0)]
    assert not any("samples" in name for name in set(part.series) - {"consumed_samples"})


def test_tokens_seen_come_from_their_twin(tmp_path: Path, events: Write) -> None:
    """`<tag> vs tokens` says the tokens at a step."""
    rows = [row for step in (1, 2) for row in ((step, "lm loss", 9.0), (step * 1000, "lm loss vs tokens", 9.0))]
    part = read(tmp_path / NAME, events(rows)).parts[0]
    assert list(part.series["tokens"].tokens) == [1000, 2000]
    assert list(part.series["tokens"].step) == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        '{"n_layer": 2, "lr": 0.5, "name": "x"}',
        '```json\n{"n_layer": 2, "lr": 0.5, "name": "x"}\n```',
        "<pre>{&quot;n_layer&quot;: 2, &quot;lr&quot;: 0.5, &quot;name&quot;: &quot;x&quot;}</pre>",
        "{'n_layer': 2, 'lr': 0.5, 'name': 'x'}",
        "Namespace(n_layer=2, lr=0.5, name='x')",
        "|key|value|\n|---|---|\n|n_layer|2|\n|lr|0.5|\n|name|x|",
    ],
)
def test_configuration_is_found_in_a_text(text: str) -> None:
    """As JSON, in a fence, as a printed dictionary or namespace, as a table."""
    assert text_config("config/text_summary", text) == {"n_layer": 2, "lr": 0.5, "name": "x"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("24", 24), ("True", True), ("None", None), ("0.1", 0.1), ("GPT2BPE", "GPT2BPE"), ("NaN", "nan")],
)
def test_an_argument_is_one_text(text: str, value: object) -> None:
    """Megatron's way: every argument is a text summary of its own."""
    assert text_config("num_layers/text_summary", text) == {"num_layers": value}
    assert text_config("num_layers", text) == {"num_layers": value}


@pytest.mark.parametrize(
    "text", ["{" * 5000, "{1: ", "Namespace(" + "(" * 3000, "|a|b|c|\n|1|2|3|", "9" * 6000, "x" * 300]
)
def test_other_texts_are_no_configuration(text: str) -> None:
    """Nothing is raised and nothing is guessed."""
    assert text_config("note/text_summary", text) == {}


def test_hyperparameters_of_the_plugin_are_configuration(tmp_path: Path) -> None:
    """They stand in the metadata of a value without a number."""

    def pair(key: str, value: bytes) -> bytes:
        return field(1, field(1, key) + field(2, value))

    number = pair("n_layer", b"\x11" + struct.pack("<d", 2.0)) + pair("lr", b"\x11" + struct.pack("<d", 0.5))
    words = pair("name", field(3, "x\x1b[31m")) + pair("tied", field(4, 1))
    plugin = field(1, field(1, "hparams") + field(2, field(3, number + words)))
    part = read(
        tmp_path / NAME, frame(event(0, field(1, "_hparams_/session_start_info") + field(9, plugin)))
    ).parts[0]
    assert part.config == {"n_layer": 2, "lr": 0.5, "name": "x", "tied": True}
    assert part.series == {}


def test_a_file_without_a_version_record_is_known_by_its_first_frame(tmp_path: Path) -> None:
    """Some writers leave it out; the name and the checksum of the length say what it is."""
    path = tmp_path / NAME
    assert values(read(path, frame(event(1, simple("loss", 2.5)))).parts[0], "train") == [(1, 2.5)]
    assert Events().sniff(take_sample(path)) is not None


def test_a_wrong_length_ends_the_file_there(tmp_path: Path) -> None:
    """What follows a damaged length is not read as events, even where the length is possible."""
    frames = [frame(event(step, simple("loss", 2.5))) for step in range(1, 6)]
    damaged = bytearray(frames[2])
    damaged[0] ^= 1
    reading = read(tmp_path / NAME, b"".join([*frames[:2], bytes(damaged), *frames[3:]]))
    assert [step for step, _ in values(reading.parts[0], "train")] == [1, 2]
    assert [(issue.code, issue.place) for issue in reading.issues] == [
        ("bad-frame", f"byte {2 * len(frames[0])}")
    ]
    assert reading.state["stopped"] is True


def test_a_writer_without_checksums_is_read(tmp_path: Path) -> None:
    """Where the first length has none, none is checked."""
    content = b"".join(frame(event(step, simple("loss", 2.5)), checksum=0) for step in range(1, 6))
    assert len(values(read(tmp_path / NAME, content).parts[0], "train")) == 5


def test_a_huge_event_is_passed_over(tmp_path: Path) -> None:
    """An image of many MiB is not taken into memory; it waits until it is whole, and reading goes on behind."""
    path = tmp_path / NAME
    size = LARGEST + (1 << 20)
    head = struct.pack("<Q", size)
    before = frame(event(1, simple("loss", 2.5)))
    with path.open("wb") as file:
        file.write(before + head + struct.pack("<I", masked_crc(head)))
        file.truncate(len(before) + 12 + size)
    reading = Events().read(path, 0, {}, final=True)
    assert (reading.offset, [issue.code for issue in reading.issues]) == (len(before), ["cut-tail"])
    with path.open("r+b") as file:
        file.truncate(len(before) + 16 + size)
        file.seek(0, 2)
        file.write(frame(event(2, simple("loss", 2.0))))
    reading = Events().read(path, 0, {}, final=True)
    assert values(reading.parts[0], "train") == [(1, 2.5), (2, 2.0)]
    assert [issue.code for issue in reading.issues] == ["long-record"]


def test_an_archive_reads_like_the_file_in_it(tmp_path: Path, events: Write) -> None:
    """Offsets count unpacked bytes."""
    content = events([(step, "loss", 2.5) for step in range(50)])
    plain, packed = read(tmp_path / NAME, content), read(tmp_path / f"{NAME}.gz", gzip.compress(content))
    assert values(packed.parts[0], "train") == values(plain.parts[0], "train")
    assert packed.offset == len(content)
    assert Events().sniff(take_sample(tmp_path / f"{NAME}.gz")) is not None
