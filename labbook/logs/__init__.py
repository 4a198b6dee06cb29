"""Logs to records: which formats there are, what a file is, and what it says.

A text trainer is one `schemas/formats/<trainer>.toml` and one `text(...)` line below; any other format is
one file here and one line below.
"""

from __future__ import annotations

from labbook.logs.csvlog import Csv, LightningCsv
from labbook.logs.events import Events
from labbook.logs.format import Evidence, Format, Sample, Sniffed, take_sample
from labbook.logs.hf import TrainerState
from labbook.logs.jsonl import Jsonl
from labbook.logs.patterns import shipped, user_tables
from labbook.logs.textlog import TextFormat
from labbook.logs.wandb import Wandb
from labbook.records import Issue


def text(name: str) -> Format:
    """The text format of `schemas/formats/<name>.toml`."""
    return TextFormat(shipped(name))


FORMATS: tuple[Format, ...] = (
    # most specific first: magic bytes, then shapes, then lines of one trainer, then the general tables
    Wandb(),
    Events(),
    TrainerState(),
    LightningCsv(),
    text("nanogpt"),
    Jsonl(),
    Csv(),
)


def formats() -> tuple[tuple[Format, ...], tuple[Issue, ...]]:
    """Every format, the user's own pattern tables first, and an issue for each table that is broken."""
    tables, issues = user_tables()
    own = tuple(TextFormat(table) for table in tables)
    taken = {format_.name for format_ in own}
    return (*own, *(known for known in FORMATS if known.name not in taken)), tuple(issues)


def recognise(sample: Sample, known: tuple[Format, ...]) -> tuple[Format, Sniffed] | None:
    """The surest format of a sample, None where none claims it; ties go to the earlier one."""
    claims = [(format_, found) for format_ in known if (found := format_.sniff(sample)) is not None]
    return max(claims, key=lambda claim: claim[1].confidence, default=None)


__all__ = [
    "FORMATS",
    "Evidence",
    "Format",
    "Sample",
    "Sniffed",
    "formats",
    "recognise",
    "take_sample",
    "text",
]
