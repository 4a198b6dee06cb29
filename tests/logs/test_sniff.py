"""`sniff`: what a file is and what is read from it, or what was looked at and came nearest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.errors import ReadError
from labbook.logs import FORMATS
from labbook.logs.sniff import sniff


def test_a_known_log_is_explained(sample: Callable[[str], Path]) -> None:
    """Format, lines that say so, series, N, D and unit, each with its place."""
    report = sniff(sample("nanogpt"))
    assert (report.format, report.kind, report.encoding, report.ends, report.lines) == (
        "nanogpt",
        "text",
        "utf-8",
        "LF",
        23,
    )
    assert report.evidence[0][0] == "line 17"
    train = next(series for series in report.series if series.name == "train")
    assert (train.points, train.first_step, train.last_step, train.non_finite) == (4, 0, 29, 1)
    assert [(count.kind, count.value) for count in report.counts] == [
        ("n_non_embedding", 12 * 2 * 64),
        ("n_total", 1832),
        ("n_other", 1700),
    ]
    assert report.tokens_per_step is not None and report.tokens_per_step.source.startswith("line 13")
    assert (report.unit, report.unit_source) == ("nats/token", "by format nanogpt")
    assert report.missing == ("unique tokens",)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: str(form.name))
def test_every_report_is_json(form: object, sample: Callable[[str], Path]) -> None:
    """Also where losses are NaN."""
    name = str(getattr(form, "name", ""))
    report = sniff(sample(name))
    assert report.format == name
    assert json.loads(json.dumps(report.json(), allow_nan=False))["format"] == name


def test_an_unknown_log_shows_the_nearest_line(tmp_path: Path) -> None:
    """A counter without a known loss: the line, its number and what it lacks."""
    path = tmp_path / "mystery.log"
    path.write_text("hello\nit=1200 objective=3.41 speed=9.1\n")
    report = sniff(path)
    assert report.format is None and report.sentence is not None and report.looked_at is not None
    assert report.nearest == (
        'key/value: line 2 "it=1200 objective=3.41 speed=9.1" has a counter (it); no key is a known loss'
    )


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (b"", "empty", "nothing written yet"),
        (b"version https://git-lfs.github.com/spec/v1\n", "text", "Git LFS pointer"),
        (b"\x00\x01\x02" * 99, "binary", "binary"),
        (b"SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20" * 9, "binary", "SQLite"),
    ],
)
def test_negative_cases_have_their_sentence(tmp_path: Path, content: bytes, kind: str, sentence: str) -> None:
    """The same words as in the list of what an ingest left out."""
    path = tmp_path / "x.log"
    path.write_bytes(content)
    report = sniff(path)
    assert report.kind == kind
    assert sentence in (report.sentence or "")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The one case without a report."""
    with pytest.raises(ReadError, match="No such file"):
        sniff(tmp_path / "nowhere.log")
