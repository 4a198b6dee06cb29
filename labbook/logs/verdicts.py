"""Why a file is no log labbook reads: one sentence for each case, the same in `sniff` and in `ingest`."""

from __future__ import annotations

from labbook.logs import names
from labbook.logs.csvlog import header_of, uneven
from labbook.logs.format import Sample
from labbook.logs.jsonl import flat_row, parse_line

EMPTY = "nothing written yet"
LFS = "a Git LFS pointer: the log itself is not here; git lfs pull"
_LFS_HEAD = b"version https://git-lfs.github.com/spec/v1"
_PACKED = {
    b"\x1f\x8b": "gzip archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd archive; unpack it first",
    b"SQLite format 3\x00": "SQLite database; not among the formats read so far",
    b"PAR1": "Parquet file; not among the formats read so far",
    b":SWL": "SwanLab file; not among the formats read so far",
    b"\x93NUMPY": "NumPy array; not among the formats read so far",
    b"PK\x03\x04": "zip archive; unpack it first",
}
LADDER = "a table with one row a run; not among the formats read so far"
JSON = "JSON without log_history: settings, data or a summary, not among the formats read so far"
UNKNOWN = "no format known; labbook sniff says what was looked at"


def is_lfs(sample: Sample) -> bool:
    """True for a pointer that stands for a file kept elsewhere."""
    return sample.head.startswith(_LFS_HEAD)


def negative(sample: Sample) -> str:
    """The sentence for a file no format claims."""
    if sample.size == 0:
        return EMPTY
    if is_lfs(sample):
        return LFS
    packed = next((text for magic, text in _PACKED.items() if sample.head.startswith(magic)), None)
    if packed is not None:
        return packed
    if sample.binary:
        return "binary, and none of the formats labbook reads"
    if sample.path.suffix.lower() == ".json":
        return JSON
    return _json_lines(sample) or _table(sample) or UNKNOWN


def _json_lines(sample: Sample) -> str | None:
    rows = [row for line in sample.head_lines[:50] if (row := parse_line(line)) is not None]
    if not rows or len(rows) < 0.5 * min(50, len(sample.head_lines)):
        return None
    keys = {key for row in rows for key in flat_row(row)}
    if names.is_ladder_row(keys):
        return LADDER
    if not _losses(keys):
        return _without_loss(keys) or "JSON lines without a loss: data, not a log"
    return "JSON lines with a loss but no step, tokens or epoch beside it"


def _table(sample: Sample) -> str | None:
    header = header_of(sample.head_lines[0]) if sample.head_lines else None
    if header is None or len(header[1]) < 2 or sample.path.suffix.lower() not in {".csv", ".tsv"}:
        return None
    if names.is_ladder_row(header[1]):
        return LADDER
    if not _losses(set(header[1])):
        return _without_loss(set(header[1])) or "a table without a column of a loss"
    odd = uneven(sample.head_lines, header)
    if odd is not None:
        return f"a table with uneven rows, none of which can be read; {odd}"
    return "a table with a loss but no column of steps, tokens or epochs"


def _losses(keys: set[str]) -> bool:
    found = (names.series_of(key) or names.series_of_tail(key) for key in keys)
    return any(meaning is not None and names.is_loss(meaning[0]) for meaning in found)


def _without_loss(keys: set[str]) -> str | None:
    parts = {part for key in keys for part in names.plain(key).split("_")}
    if parts & {"acc", "accuracy", "bleu", "f1"}:
        return "accuracies without a loss"
    return "rewards without a loss" if parts & {"reward", "rewards", "return"} else None
