"""The words of `labbook sniff` where a file is an archive, holds several runs, is taught or lacks a loss."""

from __future__ import annotations

import pytest

from labbook.logs.sniff import SeriesRead, SniffReport
from labbook.logs.template import Match, Trial
from labbook.report.cells import cell_width
from labbook.report.json import dumps, sniff_json
from labbook.report.reading import sniff_text, trial_json, trial_text
from tests.report import values
from tests.report.golden import check_golden
from tests.report.test_json import validate

SEVERAL = SniffReport(
    path="runs/all.log.gz",
    format="keyvalue",
    confidence=0.4,
    kind="text",
    encoding="utf-8",
    ends="LF",
    lines=9000,
    size=41_000,
    evidence=(("line 4", "step 5/30, loss: 4.125"),),
    archive="gzip",
    runs=2,
    series=(
        SeriesRead(
            "", "train", 600, 5.0, 3000.0, 2.5, 0, "step", ("line 4", "step 5/30, loss: 4.125, lr: 1e-4")
        ),
        SeriesRead("", "lr", 600, 5.0, 3000.0, 1e-4, 0, "step", ("line 4", "step 5/30, loss: 4.125, lr: 1e-4")),
        SeriesRead("#2", "train", 3, 1e9, 3e9, 2.25, 0, "tokens"),
        SeriesRead(values.WIDE, "val", 3, 1.0, 3.0, 2.75, 0, "epoch", ("line 9", values.HOSTILE)),
    ),
    counts_of="#2",
    counts=(values.N,),
    unit="nats/token",
    unit_source="assumed",
    missing=("tokens per step", "unique tokens"),
    fix="labbook ingest runs/all.log.gz --set tokens_per_step=... --set unique_tokens=...",
    keep="labbook ingest runs/all.log.gz --columns step=it,loss=objective",
)
NO_LOSS = SniffReport(
    path="events.out.tfevents.1",
    format="tensorboard",
    confidence=0.99,
    kind="binary",
    encoding=None,
    ends=None,
    lines=None,
    size=9000,
    evidence=(("byte 23", "brain.Event:"),),
    runs=1,
    series=(SeriesRead("", "metrics/mAP", 2, 1.0, 2.0, 0.75, 0),),
    missing=("loss",),
    fix="labbook ingest events.out.tfevents.1 --set loss=metrics/mAP",
    sentence="accuracies without a loss: metrics/mAP",
)
COLUMNS = SniffReport(
    path="metrics.jsonl",
    format=None,
    confidence=None,
    kind="text",
    encoding="utf-8",
    ends="LF",
    lines=30,
    size=900,
    evidence=(),
    sentence="JSON lines without a loss: data, not a log",
    looked_at="head, middle and tail",
    columns=("it", "objective", *(f"metric_{i}" for i in range(20))),
    teach="labbook sniff metrics.jsonl --step KEY --loss KEY",
)
TRIAL = Trial(
    template="it={step} objective={loss}",
    matched=30,
    unmatched=5,
    shown=(
        Match(2, "[0001] it=1 objective=3.99", (("step", "1"), ("loss", "3.99"))),
        Match(17, f"it=16 objective=3.84 {values.HOSTILE}", (("step", "16"), ("loss", "3.84"))),
        Match(31, "it=30 objective=3.7", (("step", "30"), ("loss", "3.7"))),
    ),
    left_over=((1, "start"), (32, "end")),
    saved="/home/me/.config/labbook/formats/mine.toml",
)
NOTHING = Trial("it={step} objective={loss}", 0, 1, (), ((1, "start"),))


def test_golden() -> None:
    """Archive, several runs and axes; metrics without a loss; columns; a pattern that is kept."""
    texts = [sniff_text(report, 78) for report in (SEVERAL, NO_LOSS, COLUMNS)]
    texts += [trial_text("runs/mystery.log", trial, 78) for trial in (TRIAL, NOTHING)]
    check_golden("report_sniff_more.txt", "\n\n".join(texts))


@pytest.mark.parametrize("report", [SEVERAL, NO_LOSS, COLUMNS], ids=["several", "no-loss", "columns"])
def test_reports_fit_and_validate(report: SniffReport) -> None:
    """No line wider than asked; the JSON keeps its schema."""
    for width in range(60, 161, 7):
        assert all(cell_width(line) <= width for line in sniff_text(report, width).splitlines())
        assert sniff_text(report, width, ascii=True).isascii()
    assert validate("sniff", dumps(sniff_json(report)))["readable"] == report.readable


@pytest.mark.parametrize("trial", [TRIAL, NOTHING], ids=["some", "none"])
def test_patterns_fit_and_validate(trial: Trial) -> None:
    """The same of what a pattern takes."""
    for width in range(60, 161, 7):
        assert all(cell_width(line) <= width for line in trial_text("x.log", trial, width).splitlines())
        assert trial_text("x.log", trial, width, ascii=True).isascii()
    assert validate("pattern", dumps(trial_json("x.log", trial)))["matched"] == trial.matched
