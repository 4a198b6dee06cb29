"""`sniff`: what a file is and what is read from it, or what was looked at and came nearest."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.errors import ReadError
from labbook.logs.discover import discover
from labbook.logs.sniff import sniff
from tests.logs.reads import WITH_SAMPLES

Sample = Callable[[str], Path]


def test_a_known_log_is_explained(sample: Sample) -> None:
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
    counts = {count.kind: count.value for count in report.counts}
    assert (counts["n_total"], counts["n_other"]) == (1832, 1700)
    assert report.tokens_per_step is not None and report.tokens_per_step.source.startswith("line 13")
    assert (report.unit, report.unit_source) == ("nats/token", "by format nanogpt")
    assert report.missing == ("unique tokens",)
    assert report.fix is not None and report.fix.endswith("train.log --set unique_tokens=...")
    assert report.readable


def test_each_series_shows_a_line_of_its_own(sample: Sample) -> None:
    """The line its first point stands on, so that a person sees what was taken for what."""
    report = sniff(sample("keyvalue"))
    examples = {series.name: series.example for series in report.series}
    assert report.series[0].name == "train"
    assert examples["train"] == examples["lr"]
    assert examples["train"] is not None and examples["train"][0] == "line 4"
    assert examples["val"] is not None and "validation loss: 3.75" in examples["val"][1]


@pytest.mark.parametrize("form", WITH_SAMPLES, ids=lambda form: str(form.name))
def test_every_report_is_json(form: object, sample: Sample) -> None:
    """Also where losses are NaN."""
    name = str(getattr(form, "name", ""))
    report = sniff(sample(name))
    assert report.format == name
    assert json.loads(json.dumps(report.json(), allow_nan=False))["format"] == name


def test_an_archive_says_so_and_reads_like_its_content(sample: Sample, tmp_path: Path) -> None:
    """Everything but the archive itself is said of what is inside."""
    plain = sample("nanogpt")
    packed = tmp_path / "train.log.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    report, inside = sniff(packed), sniff(plain)
    assert (report.archive, inside.archive) == ("gzip", None)
    assert report.size == packed.stat().st_size
    assert (report.format, report.lines) == (inside.format, inside.lines)
    assert repr(report.series) == repr(inside.series)


def test_several_runs_of_a_file_are_told_apart(tmp_path: Path) -> None:
    """Each series names its run, and N and D name the run they are of."""
    run = "model: {} parameters\n" + "".join(f"step {k} loss {4 - k / 10}\n" for k in range(1, 6))
    path = tmp_path / "x.log"
    path.write_text(run.format("1,000") + run.format("2,000"))
    report = sniff(path)
    assert (report.runs, report.counts_of) == (2, "#2")
    assert [(series.run, series.points) for series in report.series] == [("", 5), ("#2", 5)]
    assert [count.value for count in report.counts] == [2000]


def test_an_unknown_log_shows_the_nearest_line(tmp_path: Path) -> None:
    """A counter without a known loss: the line, its number and what it lacks."""
    path = tmp_path / "mystery.log"
    path.write_text("hello\nit=1200 objective=3.41 speed=9.1\n")
    report = sniff(path)
    assert report.format is None and not report.readable
    assert report.sentence == "no format known" and report.looked_at is not None
    assert report.nearest == (
        'key/value: line 2 "it=1200 objective=3.41 speed=9.1" has a counter (it); no key is a known loss'
    )
    assert report.teach is None


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("[{i:04d}] it={i}: objective={v} speed=9.1", "it={step}: objective={loss}"),
        ("10:00:0{i} objective {v} at it {i} of 900", "objective {loss} at it {step}"),
        ("[10/11] eta: 0:01:23  iter: {i}  total_loss: {v}  lr: 0.1{i}", "iter: {step} total_loss: {loss}"),
        ("{i} | nll: {v}", "{step} | nll: {loss}"),
        ("pass={i} [gpu 3] nll={v}", "pass={step} [gpu {_}] nll={loss}"),
    ],
)
def test_lines_that_look_alike_propose_their_own_template(line: str, template: str, tmp_path: Path) -> None:
    """And the proposed command reads them, each with its step and its loss."""
    from labbook.logs.template import try_template

    path = tmp_path / "mystery.log"
    path.write_text("start\n" + "".join(line.format(i=i, v=f"3.{9 - i}5") + "\n" for i in range(1, 9)))
    report = sniff(path)
    assert report.teach is not None and report.teach.endswith(f"--pattern '{template}'")
    trial = try_template(path, template)
    assert trial.matched == 8
    assert dict(trial.shown[-1].taken) == {"step": "8", "loss": "3.15"}


def test_columns_without_a_known_loss_are_listed(tmp_path: Path) -> None:
    """With the options by which a person says which is which; then they are read."""
    path = tmp_path / "m.jsonl"
    path.write_text(
        "".join(json.dumps({"it": i, "objective": 4 - i / 9, "note": "x"}) + "\n" for i in range(9))
    )
    report = sniff(path)
    assert report.columns == ("it", "objective")
    assert report.teach is not None and report.teach.endswith("--step KEY --loss KEY")
    given = sniff(path, {"step": "it", "loss": "objective"})
    assert given.readable
    assert (given.series[0].name, given.series[0].points, given.series[0].last_step) == ("train", 9, 8)
    assert given.keep is not None and given.keep.endswith("--columns step=it,loss=objective")


NEGATIVE = [
    ("x.log", b"", "nothing written yet"),
    ("x.log", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ("x.log", b"\x00\x01\x02" * 99, "binary"),
    ("x.db", b"SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20" * 9, "SQLite"),
    ("x.parquet", b"PAR1" + bytes(99) + b"PAR1", "Parquet file without a column of a loss"),
    ("x.zip", b"PK\x03\x04" + bytes(99), "a zip archive: unpack it first"),
    ("x.gz", gzip.compress(b"name".ljust(257, b"\x00") + b"ustar".ljust(255, b"\x00")), "tar archive"),
    ("x.log.gz", gzip.compress(b"step 1 loss 2\n" * 99)[:10], "a gzip archive that is empty, or cut"),
    ("x.log.gz", gzip.compress(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    ("sweep.jsonl", b'{"epoch": 1, "train_acc": 0.5}\n' * 9, "accuracies without a loss"),
    ("rl.jsonl", b'{"step": 1, "reward": 0.5}\n' * 9, "rewards without a loss"),
    ("data.jsonl", b'{"text": "a tale", "id": 1}\n' * 9, "JSON lines without a loss: data, not a log"),
    ("card.json", b'{"name": "m", "eval_metrics": {"arc_easy": 0.4}}', "card of results of one finished model"),
    ("config.json", b'{"n_layer": 2}', "JSON without log_history"),
    ("notes.txt", b"some words\n" * 9, "no format known"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), NEGATIVE, ids=[row[2][:30] for row in NEGATIVE])
def test_negative_cases_have_their_sentence(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    """The same words as in the list of what an ingest left out."""
    path = tmp_path / name
    path.write_bytes(content)
    report = sniff(path)
    assert not report.readable
    assert sentence in (report.sentence or "")
    ((_, reason),) = discover([path]).skipped
    assert sentence in reason


def test_a_known_format_without_a_loss_says_what_is_there(tmp_path: Path, events: Callable[..., bytes]) -> None:
    """A graph, or accuracies alone: the format is known, and it is no log of a loss."""
    path = tmp_path / "events.out.tfevents.1700000000.node"
    path.write_bytes(events([]))
    assert sniff(path).sentence == "no scalar in it: a graph, texts or images only"
    path.write_bytes(events([(1, "metrics/mAP", 0.5), (2, "metrics/mAP", 0.75)]))
    report = sniff(path)
    assert (report.format, report.readable) == ("tensorboard", False)
    assert report.sentence == "accuracies without a loss: metrics/mAP"
    assert report.fix is not None and "--set loss=metrics/mAP" in report.fix


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The one case without a report."""
    with pytest.raises(ReadError, match="No such file"):
        sniff(tmp_path / "nowhere.log")
