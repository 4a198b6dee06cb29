"""`.swanlab` files of both versions: scalars, configuration beside them, how a run ended."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from labbook.logs.format import take_sample
from labbook.logs.swanlab import SwanLab
from labbook.records import Reading, RunPart
from tests.logs.binary_writers import blocks, field, write_swanlab

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def read(path: Path, content: bytes, before: Reading | None = None, **how: object) -> Reading:
    path.write_bytes(content)
    state = json.loads(json.dumps(before.state, allow_nan=False)) if before is not None else {}
    return SwanLab().read(path, before.offset if before is not None else 0, state, **how)  # type: ignore[arg-type]


def values(part: RunPart, series: str) -> list[tuple[float, float]]:
    points = part.series[series]
    return list(zip(points.step, points.value, strict=True))


@VERSIONS
def test_scalars_have_their_own_steps(tmp_path: Path, version: int) -> None:
    """Both versions say the same; step 0 and a value of 0 are not written in the second."""
    scalars = [(0, "train/loss", 4.0), (1, "train/loss", 0.0), (1, "step", 9.0), (2, "val/loss", 3.5)]
    part = read(tmp_path / "run-a.swanlab", write_swanlab(scalars, version=version)).parts[0]
    assert values(part, "train") == [(0, 4.0), (1, 0.0)]
    assert values(part, "val") == [(2, 3.5)]
    assert (part.name, part.identity, part.config) == ("tiny", "abc12345", {"swanlab.project": "ladder"})
    assert part.series["train"].wall[0] == 1.7e9 + 0.5
    assert part.started == 1.7e9 + 0.5
    assert part.step_origin == 0


@VERSIONS
def test_what_is_not_finite_is_a_value_and_the_machine_is_no_metric(tmp_path: Path, version: int) -> None:
    """NaN comes back as NaN; metrics of processor and memory stay out."""
    scalars = [(1, "loss", math.nan), (2, "loss", math.inf), (2, "__swanlab__.cpu.pct", 50.0)]
    part = read(tmp_path / "run-a.swanlab", write_swanlab(scalars, version=version)).parts[0]
    assert repr(values(part, "train")) == "[(1.0, nan), (2.0, inf)]"
    assert set(part.series) == {"train"}


@VERSIONS
@pytest.mark.parametrize(("finish", "status"), [(1, "finished"), (2, "failed"), (None, "unknown")])
def test_the_last_record_says_how_the_run_ended(
    tmp_path: Path, version: int, finish: int | None, status: str
) -> None:
    """Without one nobody knows."""
    content = write_swanlab([(1, "loss", 2.5)], version=version, finish=finish)
    assert read(tmp_path / "run-a.swanlab", content).parts[0].status == status


@VERSIONS
def test_configuration_stands_beside_the_file(tmp_path: Path, version: int) -> None:
    """`files/config.yaml` with a value in each entry; a broken one is an issue and costs nothing else."""
    path = tmp_path / "run-a.swanlab"
    config = tmp_path / "files" / "config.yaml"
    config.parent.mkdir()
    config.write_text("n_layer:\n  desc: ''\n  sort: 0\n  value: 2\nlr:\n  desc: ''\n  sort: 1\n  value: 0.5\n")
    content = write_swanlab([(1, "loss", 2.5)], version=version)
    assert SwanLab().companions(path) == (config,)
    reading = read(path, content)
    assert reading.parts[0].config == {"swanlab.project": "ladder", "n_layer": 2, "lr": 0.5}
    config.write_bytes(b"a: [1, {\n\x00")
    assert len(read(path, content).parts[0].series["train"]) == 1


@VERSIONS
def test_figures_are_taken_from_the_terminal(tmp_path: Path, version: int) -> None:
    """The lines the tracker kept are read by the table of the trainer that printed them."""
    log = ["tokens per iteration will be: 1,024", "iter 0: loss 9.0000, time 12.00ms"]
    content = write_swanlab([(1, "loss", 2.5)], version=version, log=log)
    part = read(tmp_path / "run-a.swanlab", content).parts[0]
    assert [(figure.key, figure.value) for figure in part.figures] == [("tokens_per_step", 1024)]
    assert values(part, "train") == [(1, 2.5)]


@VERSIONS
@pytest.mark.parametrize("limit", [1, 700])
def test_a_limit_only_cuts_the_reading_into_pieces(tmp_path: Path, version: int, limit: int) -> None:
    """Each piece takes at least one record; together they are the file."""
    path = tmp_path / "run-a.swanlab"
    content = write_swanlab(
        [(step, "loss", 4.0 - step / 100) for step in range(300)], version=version, finish=1
    )
    reading = read(path, content, limit=limit)
    found = values(reading.parts[0], "train") if reading.parts[0].series else []
    while reading.more:
        before = reading.offset
        reading = read(path, content, reading, limit=limit)
        assert reading.offset > before
        found += values(reading.parts[0], "train") if reading.parts[0].series else []
    assert found == [(step, 4.0 - step / 100) for step in range(300)]
    assert reading.parts[0].status == "finished"


@pytest.mark.parametrize(
    "record", [b"{", b"[1]", b"\xff" * 9, b'{"model_type": "Scalar", "data": 3}', b"[" * 9000]
)
@VERSIONS
def test_a_record_that_cannot_be_decoded_is_an_issue(tmp_path: Path, version: int, record: bytes) -> None:
    """The others stand."""
    good = field(13, field(1, "loss") + field(2, 1) + field(5, b"\x09" + bytes(6) + b"\x04\x40"))
    if version == 1:
        metric = {"metric": {"data": 2.5}, "key": "loss", "step": 1}
        good = json.dumps({"model_type": "Scalar", "data": metric}).encode()
    content = b":SWL\xd6\xe1" + bytes([version]) + blocks([record, good])
    reading = read(tmp_path / "run-a.swanlab", content)
    assert values(reading.parts[0], "train") == [(1, 2.5)]
    assert [(issue.code, issue.place) for issue in reading.issues] == [("bad-record", "byte 7")]


def test_it_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """The name says nothing."""
    (tmp_path / "x").write_bytes(write_swanlab([]))
    claim = SwanLab().sniff(take_sample(tmp_path / "x"))
    assert claim is not None and claim.evidence[0].text == ":SWL, version 2"
