"""Logs to records: which formats there are, what a file is, and what it says.

A text trainer is one `schemas/formats/<trainer>.toml` and one `text(...)` line below; any other format is
one file here and one line below.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from labbook.logs.format import Evidence, Format, Sample, Sniffed, take_sample
from labbook.logs.listed import Listed, reader, text
from labbook.records import Issue
from labbook.resources import user_folder

if TYPE_CHECKING:
    from labbook.logs.patterns import Table

MET_OFTEN = 0.95
"""Confidence of a table of patterns that several lines speak for."""
SURE = 0.98
"""Confidence of a format that is known by its first bytes: no other is asked."""

FORMATS: tuple[Listed, ...] = (
    # most specific first: magic bytes, then shapes, then lines of one trainer, then the general tables
    reader("wandb", "wandb:Wandb", "binary"),
    reader("swanlab", "swanlab:SwanLab", "binary"),
    reader("tensorboard", "events:Events", "binary"),
    reader("mlflow", "mlflow:Mlflow", "binary"),
    reader("trackio", "trackio:Trackio", "binary"),
    reader("swanlab-folder", "swanlab_folder:SwanLabFolder", "binary", ("runs.swanlab",)),
    reader("aim", "aim:Aim", "binary", ("run_metadata.sqlite",)),
    reader("sqlite", "own_sqlite:OwnSqlite", "binary"),
    reader("mlflow-files", "mlflow_files:MlflowFiles", "any", ("meta.yaml",)),
    reader("dvclive", "dvclive:DvcLive", "any", ("plots", "scalars")),
    reader("sacred", "sacred:Sacred"),
    reader("hf-trainer-state", "hf:TrainerState"),
    reader("parquet", "parquet:Parquet", "binary"),
    reader("numpy", "arrays:Arrays", "binary"),
    reader("json-run", "jsonruns:JsonRuns"),
    reader("ultralytics", "ultralytics:Ultralytics"),
    reader("wandb-panel", "panel:Panel"),
    reader("ladder-table", "ladder_table:LadderTable"),
    reader("long-table", "long_table:LongTable"),
    reader("lightning-csv", "csvlog:LightningCsv"),
    text("nanogpt"),
    text("modded-nanogpt"),
    text("build-nanogpt"),
    text("build-nanogpt-log"),
    text("llmc"),
    text("llmc-main"),
    text("nanochat"),
    text("mingpt"),
    text("nanogpt-kin"),
    text("mlperf"),
    text("keras"),
    text("rwkv"),
    text("hf-stdout"),
    text("megatron"),
    text("neox"),
    text("torchtitan"),
    text("maxtext"),
    text("nanotron"),
    text("olmo"),
    text("composer"),
    text("composer-epoch"),
    text("fairseq"),
    text("levanter", objects=True),
    text("lingua"),
    text("torchtune"),
    text("litgpt"),
    text("open-lm"),
    text("verl"),
    reader("jsonl", "jsonl:Jsonl"),
    reader("csv", "csvlog:Csv"),
    reader("columns", "columns:ColumnFile"),
    reader("keyvalue", "keyvalue:KeyValue", is_last=True),  # whatever prints names and numbers
)

_own: tuple[object, tuple[Format, ...], tuple[Issue, ...]] = (None, (), ())
"""The user's tables as they were last read."""


def formats() -> tuple[tuple[Format, ...], tuple[Issue, ...]]:
    """Every format, the user's own pattern tables first, and an issue for each table that is broken."""
    own, issues = _user_formats()
    taken = {format_.name for format_ in own}
    return (*own, *(known for known in FORMATS if known.name not in taken)), issues


def by_name(name: str) -> Format | None:
    """The format of that name, the user's own before one that is shipped; None where there is none."""
    own, _ = _user_formats()
    return next((format_ for format_ in (*own, *FORMATS) if format_.name == name), None)


def tables(known: Iterable[Format]) -> tuple[Table, ...]:
    """The line patterns of the text formats among them, in their order."""
    from labbook.logs.textlog import TextFormat

    texts = (form.format if isinstance(form, Listed) and form.is_table else form for form in known)
    return tuple(form.table for form in texts if isinstance(form, TextFormat))


def _user_formats() -> tuple[tuple[Format, ...], tuple[Issue, ...]]:
    """The user's tables, read again only where one of their files changed."""
    global _own
    look = _look(user_folder())
    if _own[0] != look:
        if look:
            from labbook.logs.patterns import user_tables
            from labbook.logs.textlog import TextFormat

            tables, issues = user_tables()
            _own = look, tuple(TextFormat(table) for table in tables), tuple(issues)
        else:
            _own = look, (), ()
    return _own[1], _own[2]


def _look(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """(path, size, time of change) of every file in a folder; of the folder where it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.path, entry.stat()) for entry in entries]
    except FileNotFoundError:
        return ()
    except OSError:
        return ((str(folder), -1, -1),)
    return tuple(sorted((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats))


def recognise(
    sample: Sample, known: Iterable[Format], likely: Format | None = None
) -> tuple[Format, Sniffed] | None:
    """The surest format of a sample, None where none claims it; ties go to the earlier one.

    likely: the format of a file before this one. A table of line patterns that is met on several lines is taken
    at once, because no two tables know the same lines; a folder of runs mostly comes from one trainer.
    """
    if isinstance(likely, Listed) and likely.is_table:
        found = likely.sniff(sample)
        if found is not None and found.confidence >= MET_OFTEN:
            return likely, found
    best: tuple[Format, Sniffed] | None = None
    last: list[Listed] = []
    for format_ in known:
        if isinstance(format_, Listed) and format_.is_last:
            last.append(format_)
            continue
        found = format_.sniff(sample)
        if found is not None and (best is None or found.confidence > best[1].confidence):
            best = format_, found
            if found.confidence >= SURE:
                return best
    if best is not None:
        return best
    return next(((form, found) for form in last if (found := form.sniff(sample)) is not None), None)


__all__ = [
    "FORMATS",
    "Evidence",
    "Format",
    "Listed",
    "Sample",
    "Sniffed",
    "by_name",
    "formats",
    "recognise",
    "tables",
    "take_sample",
    "text",
]
