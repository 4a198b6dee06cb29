"""Why a file is no log labbook reads: one sentence for each case, the same in `sniff` and in `ingest`."""

from __future__ import annotations

import json

from labbook.logs import names
from labbook.logs.csvlog import header_of, uneven
from labbook.logs.format import Sample
from labbook.logs.jsonl import flat_row, parse_line
from labbook.logs.opening import packing

EMPTY = "nothing written yet"
LFS = "a Git LFS pointer: the log itself is not here; git lfs pull"
_LFS_HEAD = b"version https://git-lfs.github.com/spec/v1"
_KINDS = {
    b"SQLite format 3\x00": "a SQLite database without a table of a run's metrics",
    b"PAR1": "a Parquet file without a column of a loss: data, not a log",
    b":SWL": "a SwanLab file with nothing but its header",
    b":W&B": "a W&B file with nothing but its header",
    b"\x93NUMPY": "a NumPy array; name it itself to read it as a curve",
    b"\x89HDF\r\n": "an HDF5 file: weights or data, not a log",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\x7fELF": "a program",
}
_ZIP = b"PK\x03\x04"
_TAR_AT, _TAR = 257, b"ustar"
ZIP = "a zip archive: unpack it first"
LADDER = "a table with one row a run, of which no N, D and loss can be read; --columns says which is which"
CARD = "a card of results of one finished model: scores, no loss by step"
JSON = "JSON without log_history or another list of losses: settings, data or a summary"
UNKNOWN = "no format known; labbook sniff says what was looked at"
_ACCURACIES = frozenset({"acc", "accuracy", "bleu", "f1", "map", "precision", "recall", "rouge"})
_REWARDS = frozenset({"reward", "rewards", "return", "returns"})
_RESULTS = ("eval_metrics", "results", "scores", "benchmarks", "downstream")
_JSON_READ = 4 << 20


def is_lfs(sample: Sample) -> bool:
    """True for a pointer that stands for a file kept elsewhere."""
    return sample.head.startswith(_LFS_HEAD)


def negative(sample: Sample) -> str:
    """The sentence for a file no format claims. Raises OSError."""
    if sample.size == 0:
        kind = packing(sample.path)
        return EMPTY if kind is None else f"a {kind} archive that is empty, or cut or damaged at its beginning"
    if is_lfs(sample):
        return LFS
    found = next((text for magic, text in _KINDS.items() if sample.head.startswith(magic)), None)
    if found is not None:
        return found
    if sample.head.startswith(_ZIP):
        is_npz = sample.path.suffix.lower() == ".npz"
        return "a NumPy archive without arrays of steps and losses" if is_npz else ZIP
    if sample.head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "a tar archive: unpack it first"
    if sample.binary:
        return "binary, and none of the formats labbook reads"
    if sample.path.suffix.lower() == ".json":
        return _json(sample)
    return _json_lines(sample) or _table(sample) or UNKNOWN


def _json(sample: Sample) -> str:
    if sample.size > _JSON_READ or not sample.whole:
        return JSON
    try:
        tree = json.loads(sample.head.decode(sample.encoding, "replace").lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return "JSON that is cut or damaged"
    if isinstance(tree, dict) and any(isinstance(tree.get(key), dict) for key in _RESULTS):
        return CARD
    return JSON


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
    if parts & _ACCURACIES:
        return "accuracies without a loss"
    return "rewards without a loss" if parts & _REWARDS else None
