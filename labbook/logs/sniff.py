"""What a file is, which lines say so, what is read from it, and what came nearest where nothing fits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labbook.errors import ReadError
from labbook.logs import names, verdicts
from labbook.logs.discover import Found, discover
from labbook.logs.follow import read_source
from labbook.logs.format import Sample, take_sample
from labbook.logs.lines import Lines, unlabel
from labbook.logs.numbers import CUT, PIECES
from labbook.logs.outline import latest_of, said_of
from labbook.logs.resolve import Resolved, resolve
from labbook.records import Reading
from labbook.summary import Count
from labbook.text import clean

LOOKED_AT = (
    "head, middle and tail, and all of a text below 64 MB: no magic bytes of W&B or an event file, "
    "no JSON with log_history, no JSON lines and no table with a step and a loss, no line of a known trainer"
)
_PAIR = re.compile(rf"([A-Za-z_][\w./\-]*)\s*[=:]\s*({PIECES['num']})")
_COUNTERS = frozenset({"it", "itr", "iters", "update", "updates", "batch", "i", "n"})
_NEARBY = 20000
"""Lines looked through for a nearest miss."""


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
    evidence: tuple[tuple[str, str], ...]
    """(place, line)."""
    series: tuple[SeriesRead, ...] = ()
    counts: tuple[Count, ...] = ()
    """Every N found."""
    tokens_per_step: Count | None = None
    tokens_seen: Count | None = None
    unit: str | None = None
    unit_source: str | None = None
    missing: tuple[str, ...] = ()
    issues: tuple[tuple[str, str, str, int], ...] = ()
    """(code, place, text, count)."""
    sentence: str | None = None
    """Why it is no log, where it is none."""
    looked_at: str | None = None
    nearest: str | None = None
    """The line that came closest, where no format fits."""

    def json(self) -> dict[str, object]:
        """The report as JSON values: NaN and infinite numbers as text."""
        return {key: _json(value) for key, value in asdict(self).items()}


def sniff(path: Path) -> SniffReport:
    """The report on one file. Raises ReadError where it cannot be read at all."""
    try:
        sample = take_sample(path)
        return _report(path, sample)
    except OSError as error:
        raise ReadError(f"{clean(str(path), 400)}: {error.strerror or error}") from error


def _report(path: Path, sample: Sample) -> SniffReport:
    discovery = discover([path])
    about = _about(path, sample)
    if not discovery.found:
        return replace(
            about,
            sentence=verdicts.negative(sample),
            looked_at=LOOKED_AT if sample.size and not verdicts.is_lfs(sample) else None,
            nearest=None if sample.binary else _nearest(path),
        )
    found = discovery.found[0]
    result = read_source(found, None)
    reading = result[0] if result is not None else Reading([], 0, {})
    resolved = _resolved(found, reading)
    return replace(
        about,
        format=found.format,
        confidence=found.confidence,
        evidence=tuple((one.place, one.text) for one in found.evidence),
        series=tuple(_series(reading)),
        counts=resolved.counts,
        tokens_per_step=resolved.tokens_per_step,
        tokens_seen=resolved.tokens_seen,
        unit=resolved.unit,
        unit_source=resolved.unit_source,
        missing=resolved.missing,
        issues=tuple((i.code, i.place, i.text, i.count) for i in (*reading.issues, *resolved.issues)),
    )


def _about(path: Path, sample: Sample) -> SniffReport:
    """The report of what any file has: size, encoding, lines."""
    if sample.binary or not sample.size:
        kind = "binary" if sample.binary else "empty"
        return SniffReport(str(path), None, None, kind, None, None, None, sample.size, ())
    lines = Lines(path, 0, {}, final=True)
    count = sum(1 for _ in lines)
    return SniffReport(str(path), None, None, "text", lines.encoding, _ends(sample), count, sample.size, ())


def _ends(sample: Sample) -> str:
    text = sample.head.decode(sample.encoding, "replace")
    if "\r\n" in text:
        return "CRLF"
    return "LF" if "\n" in text or "\r" not in text else "CR"


def _resolved(found: Found, reading: Reading) -> Resolved:
    """N, D and unit of the last run of the file."""
    if not reading.parts:
        return Resolved()
    part = reading.parts[-1]
    latest = [latest_of(found.path, name, points) for name, points in part.series.items() if len(points)]
    return resolve([said_of(found.path, found.format, part)], latest, {})


def _series(reading: Reading) -> Iterator[SeriesRead]:
    for part in reading.parts:
        for name, points in part.series.items():
            yield SeriesRead(
                run=part.key,
                name=name,
                points=len(points),
                first_step=_known(points.step[0]),
                last_step=_known(points.step[-1]),
                last_value=points.value[-1],
                non_finite=sum(not math.isfinite(value) for value in points.value),
            )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _nearest(path: Path) -> str | None:
    """The first line with a counter among its key/value pairs, and what it lacks."""
    best: str | None = None
    for place, line in Lines(path, 0, {}, final=True):
        if place > _NEARBY:
            break
        bare = unlabel(line.removesuffix(CUT))[1]
        keys = [match[1] for match in _PAIR.finditer(bare[:2000])]
        counter = next((key for key in keys if _counts(key)), None)
        if counter is None:
            continue
        loss = next((key for key in keys if names.series_of(key) is not None), None)
        lack = "no key is a known loss" if loss is None else f"{loss} beside it"
        said = f'key/value: line {place} "{clean(bare, 100)}" has a counter ({counter}); {lack}'
        if loss is not None:
            return said
        best = best or said
    return best


def _counts(key: str) -> bool:
    return names.axis_rank(key) is not None or key.lower() in _COUNTERS


def _json(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _json(inner) for key, inner in value.items()}
    return [_json(inner) for inner in value] if isinstance(value, list | tuple) else value
