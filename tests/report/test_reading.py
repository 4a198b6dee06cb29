"""The words and JSON of `labbook ingest` and `labbook sniff`."""

import math
from pathlib import Path

import pytest

from labbook.logs.sniff import SeriesRead, SniffReport, sniff
from labbook.report.cells import cell_width
from labbook.report.json import dumps, ingest_json, sniff_json
from labbook.report.reading import reading_text, sniff_text
from labbook.summary import IngestReport
from tests.report import values
from tests.report.golden import check_golden
from tests.report.test_json import validate

PASS = IngestReport(
    read=(("runs/a/train.log", "nanogpt", 1_234_567), ("runs/b/" + "x" * 90 + ".jsonl", "jsonl", 12)),
    unchanged=3,
    skipped=(("runs/notes.txt", values.HOSTILE),),
    failed=(("runs/c/run.wandb", "cannot be opened: permission denied"),),
    issues=(("runs/a/train.log", "bad-line", "line 412", "no number where the loss should be", 7),),
    runs=("id-a", "id-b"),
    points=1_234_579,
    seconds=2.4,
)
NOTHING = IngestReport((), 0, (), (), (), (), 0, 0.01, interrupted=True)
LOG = SniffReport(
    path="runs/a/train.log",
    format="nanogpt",
    confidence=0.97,
    kind="text",
    encoding="utf-8",
    ends="LF",
    lines=1600,
    size=123_456,
    evidence=(("line 15", "number of parameters: 0.42M"), ("line 65", f"step 0: {values.HOSTILE}")),
    series=(
        SeriesRead("", "train", 1562, 0.0, 1561.0, 1.1, 1),
        SeriesRead(values.WIDE, "val", 31, None, None, math.nan, 31),
    ),
    counts=(values.N, values.N_TOTAL),
    tokens_per_step=values.PER_STEP,
    tokens_seen=values.SEEN,
    unit="nats/byte",
    unit_source="vocab_size 128",
    missing=("unique tokens",),
    issues=(("cut-tail", "line 1600", "the last line is half written", 1),),
)
NO_LOG = SniffReport(
    path="core." + "1" * 200,
    format=None,
    confidence=None,
    kind="binary",
    encoding=None,
    ends=None,
    lines=None,
    size=77,
    evidence=(),
    sentence="a core dump",
    looked_at="magic bytes",
    nearest='key/value: line 3 "it=5" has a counter (it); no key is a known loss',
)


def test_reading_golden() -> None:
    """A pass that read, left out and failed; and both kinds of sniffed file."""
    check_golden("report_ingest.txt", reading_text(PASS, 78))
    check_golden("report_sniff.txt", sniff_text(LOG, 78) + "\n\n" + sniff_text(NO_LOG, 78))


@pytest.mark.parametrize("report", [PASS, NOTHING], ids=["pass", "nothing"])
def test_ingest_fits_and_validates(report: IngestReport) -> None:
    """No line wider than asked; the JSON keeps its schema."""
    for width in range(60, 161, 7):
        assert all(cell_width(line) <= width for line in reading_text(report, width).splitlines())
        assert reading_text(report, width, ascii=True).isascii()
    assert validate("ingest", dumps(ingest_json(report)))["points"] == report.points


@pytest.mark.parametrize("report", [LOG, NO_LOG], ids=["log", "no-log"])
def test_sniff_fits_and_validates(report: SniffReport) -> None:
    """No line wider than asked; the JSON keeps its schema."""
    for width in range(60, 161, 7):
        assert all(cell_width(line) <= width for line in sniff_text(report, width).splitlines())
        assert sniff_text(report, width, ascii=True).isascii()
    assert validate("sniff", dumps(sniff_json(report)))["format"] == report.format


def test_everything_left_out_is_named() -> None:
    """A file that failed and one that is no log stand with their reasons; a stopped pass says so."""
    text = " ".join(reading_text(PASS, 120).split())
    assert "runs/c/run.wandb: cannot be opened: permission denied" in text
    assert "bad-line in runs/a/train.log, line 412: no number where the loss should be (7 times)" in text
    assert "Stopped before the end." in reading_text(NOTHING)


def test_long_lists_say_how_many_more() -> None:
    """A thousand skipped files are a dozen lines and a number."""
    many = IngestReport((), 0, tuple((f"f{i}.txt", "no log") for i in range(1000)), (), (), (), 0, 0.0)
    text = reading_text(many)
    assert len(text.splitlines()) < 25
    assert "and 988 more" in text


def test_a_real_log_is_explained(sample_runs: Path) -> None:
    """What `sniff` finds in a shipped run prints and validates."""
    path = next(iter(sorted(sample_runs.rglob("*.jsonl"))))
    report = sniff(path)
    assert validate("sniff", dumps(sniff_json(report)))["format"] is not None
    assert "because of" in sniff_text(report)
