"""What a file is, which lines say so, what is read from it, and what came nearest where nothing fits."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from labbook.errors import ReadError
from labbook.logs import names, verdicts
from labbook.logs.csvlog import header_of
from labbook.logs.discover import Found, discover
from labbook.logs.follow import read_source
from labbook.logs.format import Sample, take_sample
from labbook.logs.jsonl import flat_row, parse_line
from labbook.logs.lines import Lines
from labbook.logs.lossless import without_loss
from labbook.logs.nearest import Nearest, nearest
from labbook.logs.numbers import CUT, number
from labbook.logs.opening import packing
from labbook.logs.outline import latest_of, said_of
from labbook.logs.resolve import Resolved, resolve
from labbook.records import Reading, RunPart
from labbook.summary import Count
from labbook.text import PATH_LIMIT, clean

LOOKED_AT = (
    "head, middle and tail, and all of a text below 64 MB: no JSON, JSON lines or table with a step and a "
    "loss, no event file, block log, database or Parquet, no line of a known trainer"
)
_SAID = frozenset({"no-points", "no-loss"})
"""Issues that the report's own sentence stands for."""
_EXAMPLES = 12
"""Series of which a line is shown."""
_FIXES = {
    "N": "n=...",
    "tokens per step": "tokens_per_step=...",
    "planned steps": "planned_steps=...",
    "unique tokens": "unique_tokens=...",
}
"""What a person writes of each quantity; the dots are no value and are refused as one."""


@dataclass(frozen=True, slots=True)
class SeriesRead:
    """One series of one run, in counts."""

    run: str
    name: str
    points: int
    first_step: float | None
    last_step: float | None
    last_value: float | None
    non_finite: int
    axis: str = "step"
    """What first and last count: step, tokens or epoch."""
    example: tuple[str, str] | None = None
    """(place, line) of its first point, where it stands on a line."""


_WITH_PATH = ("path", "fix", "teach", "keep")
"""Fields of a report in which the file's path stands."""


@dataclass(frozen=True, slots=True)
class SniffReport:
    """Everything `labbook sniff` prints."""

    path: str
    format: str | None
    confidence: float | None
    kind: str
    """text or binary."""
    encoding: str | None
    ends: str | None
    """LF, CRLF or CR."""
    lines: int | None
    size: int
    """Bytes of the file as it lies there."""
    evidence: tuple[tuple[str, str], ...]
    """(place, line)."""
    archive: str | None = None
    """gzip or zstd; everything else is said of what is inside."""
    runs: int = 0
    """Runs with points in it."""
    series: tuple[SeriesRead, ...] = ()
    counts_of: str | None = None
    """The run N, D and unit are of, where there are several."""
    counts: tuple[Count, ...] = ()
    """Every N found."""
    tokens_per_step: Count | None = None
    tokens_seen: Count | None = None
    unit: str | None = None
    unit_source: str | None = None
    missing: tuple[str, ...] = ()
    fix: str | None = None
    """The command that supplies what is missing."""
    issues: tuple[tuple[str, str, str, int], ...] = ()
    """(code, place, text, count)."""
    sentence: str | None = None
    """Why it is no log, or one without a loss."""
    looked_at: str | None = None
    nearest: str | None = None
    """The line that came closest, where no format fits."""
    columns: tuple[str, ...] = ()
    """Names of its columns or keys, where no format fits."""
    teach: str | None = None
    """The command that reads it after all."""
    keep: str | None = None
    """The command that keeps what a person said its names mean."""

    @property
    def readable(self) -> bool:
        """True for a log with a loss in it."""
        return self.format is not None and self.sentence is None

    def json(self) -> dict[str, object]:
        """The report as JSON values: NaN and infinite numbers as text."""
        return {key: _json(value) for key, value in asdict(self).items()}


def sniff(path: Path, columns: Mapping[str, str] | None = None) -> SniffReport:
    """The report on one file. columns: what a person says its names mean, as `column_map` has it.

    Raises ReadError where it cannot be read at all.
    """
    try:
        report = _report(path, take_sample(path), columns or {})
        report = replace(report, keep=_kept(path, columns)) if columns and report.format else report
    except OSError as error:
        raise ReadError(f"{clean(str(path), 400)}: {error.strerror or error}") from error
    shown: dict[str, Any] = {k: clean(said, PATH_LIMIT) for k in _WITH_PATH if (said := getattr(report, k))}
    return replace(report, **shown)


def _kept(path: Path, columns: Mapping[str, str]) -> str:
    words = ",".join(f"{key}={name}" for key, name in columns.items())
    return f"labbook ingest {shlex.quote(str(path))} --columns {shlex.quote(words)}"


def _report(path: Path, sample: Sample, columns: Mapping[str, str]) -> SniffReport:
    discovery = discover([path], columns=columns)
    about = _about(path, sample)
    if not discovery.found:
        return _no_log(path, sample, about)
    found = discovery.found[0]
    result = read_source(found, None)
    reading = result[0] if result is not None else Reading([], 0, {})
    parts = [part for part in reading.parts if any(len(points) for points in part.series.values())]
    resolved, chosen = _resolved(found, parts)
    told = [issue.text for issue in reading.issues if issue.code in _SAID]
    issues = (*reading.issues, *resolved.issues)
    without = without_loss(parts, found.format)
    every = dict.fromkeys(name for part in parts for name in part.series)
    return replace(
        about,
        format=found.format,
        confidence=found.confidence,
        evidence=tuple((one.place, one.text) for one in found.evidence),
        runs=len(parts),
        series=tuple(_series(found.path, parts, _is_by_line(reading))),
        counts_of=(chosen.name or chosen.key) if chosen is not None and len(parts) > 1 else None,
        counts=resolved.counts,
        tokens_per_step=resolved.tokens_per_step,
        tokens_seen=resolved.tokens_seen,
        unit=resolved.unit if parts else None,
        unit_source=resolved.unit_source if parts else None,
        missing=resolved.missing,
        fix=_fix(path, resolved.missing, every) if parts else None,
        issues=tuple((i.code, i.place, i.text, i.count) for i in issues if i.code not in _SAID),
        sentence=(told or [without[0].text])[0] if without else None,
    )


def _no_log(path: Path, sample: Sample, about: SniffReport) -> SniffReport:
    """The report on a file that no format claims."""
    is_text = bool(sample.size) and not sample.binary and not verdicts.is_lfs(sample)
    columns = _columns(sample) if is_text else ()
    near = nearest(path) if is_text and not columns else Nearest()
    teach = None
    if near.template is not None:
        teach = f"labbook sniff {shlex.quote(str(path))} --pattern {shlex.quote(near.template)}"
    elif columns:
        teach = f"labbook sniff {shlex.quote(str(path))} --step KEY --loss KEY"
    return replace(
        about,
        sentence=verdicts.negative(sample).partition("; labbook sniff")[0],
        looked_at=LOOKED_AT if is_text else None,
        nearest=near.line,
        columns=columns,
        teach=teach,
    )


def _columns(sample: Sample) -> tuple[str, ...]:
    """Names of the numbers of JSON lines, or of the columns of a table."""
    rows = [row for line in sample.head_lines[:50] if (row := parse_line(line)) is not None]
    if rows and len(rows) * 2 >= len(sample.head_lines[:50]):
        flat = [item for row in rows for item in flat_row(row).items()]
        return tuple(dict.fromkeys(clean(key, 60) for key, value in flat if number(value) is not None))
    if sample.path.suffix.lower() in {".csv", ".tsv"} and sample.head_lines:
        header = header_of(sample.head_lines[0])
        return tuple(clean(name, 60) for name in header[1]) if header is not None else ()
    return ()


def _about(path: Path, sample: Sample) -> SniffReport:
    """The report of what any file has: size, encoding, lines."""
    packed, size = packing(path), path.stat().st_size
    if sample.binary or not sample.size:
        kind = "binary" if sample.binary else "empty"
        return SniffReport(str(path), None, None, kind, None, None, None, size, (), archive=packed)
    lines = Lines(path, 0, {}, final=True)
    count = sum(1 for _ in lines)
    return SniffReport(
        str(path), None, None, "text", lines.encoding, _ends(sample), count, size, (), archive=packed
    )


def _ends(sample: Sample) -> str:
    text = sample.head.decode(sample.encoding, "replace")
    if "\r\n" in text:
        return "CRLF"
    return "LF" if "\n" in text or "\r" not in text else "CR"


def _resolved(found: Found, parts: list[RunPart]) -> tuple[Resolved, RunPart | None]:
    """N, D and unit of the last run of the file that has a loss, and that run."""
    having = [part for part in parts if any(names.is_loss(name) for name in part.series)]
    if not parts:
        return Resolved(), None
    part = (having or parts)[-1]
    latest = [latest_of(found.path, name, points) for name, points in part.series.items() if len(points)]
    return resolve([said_of(found.path, found.format, part)], latest, {}), part


def _is_by_line(reading: Reading) -> bool:
    """True where the places of points are line numbers."""
    parser = reading.state.get("parser")
    return isinstance(parser, dict) and "line" in parser


def _series(path: Path, parts: list[RunPart], by_line: bool) -> Iterator[SeriesRead]:
    """Every series, the losses of a run first."""
    every = [
        (part, name)
        for part in parts
        for name in sorted(part.series, key=lambda name: (not names.is_loss(name), name != "train"))
        if len(part.series[name])
    ]
    wanted = {part.series[name].place[0] for part, name in every[:_EXAMPLES]} if by_line else set()
    texts = _lines_at(path, wanted)
    for part, name in every:
        points = part.series[name]
        axis = next((word for word in ("step", "tokens", "epoch") if _known(getattr(points, word)[0])), "step")
        column = getattr(points, axis)
        place = points.place[0]
        yield SeriesRead(
            run=part.name or part.key,
            name=name,
            points=len(points),
            first_step=_known(column[0]),
            last_step=_known(column[-1]),
            last_value=points.value[-1],
            non_finite=sum(not math.isfinite(value) for value in points.value),
            axis=axis,
            example=(f"line {place}", texts[place]) if place in texts else None,
        )


def _lines_at(path: Path, places: Iterable[int]) -> dict[int, str]:
    """The lines of those numbers."""
    wanted, found = set(places), dict[int, str]()
    for place, line in Lines(path, 0, {}, final=True, bars=True) if wanted else ():
        if place in wanted and line.strip() and place not in found:
            found[place] = clean(line.removesuffix(CUT), 160)
        if place > max(wanted):
            break
    return found


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _fix(path: Path, missing: tuple[str, ...], series: Iterable[str]) -> str | None:
    """The command for what is missing; of several metrics without a known loss the first stands for all."""
    words = [_FIXES[quantity] for quantity in missing if quantity in _FIXES]
    metric = next(iter(series), None)
    if "loss" in missing and metric is not None:
        words.insert(0, f"loss={clean(metric, 60)}")
    if not words:
        return None
    return f"labbook ingest {shlex.quote(str(path))} " + " ".join(
        f"--set {shlex.quote(word)}" for word in words
    )


def _json(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _json(inner) for key, inner in value.items()}
    return [_json(inner) for inner in value] if isinstance(value, list | tuple) else value
