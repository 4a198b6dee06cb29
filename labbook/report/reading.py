# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""What reading did, and what one file is: the words and JSON of `labbook ingest` and `labbook sniff`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labbook.quantities import format_duration, format_size
from labbook.report.cells import crop_middle, finish, wrap
from labbook.report.figures import DASH, count, plural, share, significant
from labbook.report.objects import Object, count_object, whole
from labbook.report.table import Column, table
from labbook.report.words import count_word, kind_word
from labbook.summary import IngestReport

if TYPE_CHECKING:
    from labbook.logs.sniff import SniffReport

_LISTED = 12
"""Files, issues and lines of evidence listed; of the rest the number is given."""

_READ = (Column("read", least=16, middle=True), Column("format"), Column("new points", right=True))
_SERIES = (
    Column("run", least=6, middle=True, priority=2),
    Column("series", least=8),
    Column("points", right=True),
    Column("first step", right=True, priority=1),
    Column("last step", right=True),
    Column("last value", right=True),
    Column("not finite", right=True, priority=3),
)
_COUNTS = (
    Column("quantity", least=10),
    Column("value", right=True),
    Column("how", priority=1),
    Column("source", least=12),
)


def reading_text(report: IngestReport, width: int = 78, ascii: bool = False) -> str:
    """What was read, what was left and why."""
    lines = wrap(_reading_title(report), width)
    rows = [[path, format_, count(points)] for path, format_, points in report.read[:_LISTED]]
    lines += ["", *table(_READ, rows, width), *_more(len(report.read), width)] if rows else []
    lines += _pairs("could not be read", report.failed, width)
    lines += _pairs("no log", report.skipped, width)
    return finish(lines + _issues(report, width), ascii)


def _reading_title(report: IngestReport) -> str:
    formats = Counter(format_ for _, format_, _ in report.read)
    by_format = ", ".join(f"{n} {name}" for name, n in sorted(formats.items()))
    parts = [
        f"{plural(len(report.read), 'file')} read" + (f" ({by_format})" if by_format else ""),
        f"{format_size(report.points)} new points in {format_duration(report.seconds)}",
        f"{report.unchanged} unchanged",
        f"{len(report.failed)} could not be read",
        f"{len(report.skipped)} no log",
        plural(len(report.runs), "run"),
    ]
    return "; ".join(parts) + (". Stopped before the end." if report.interrupted else ".")


def _more(n: int, width: int) -> list[str]:
    return wrap(f"and {n - _LISTED} more", width) if n > _LISTED else []


def _pairs(title: str, pairs: tuple[tuple[str, str], ...], width: int) -> list[str]:
    if not pairs:
        return []
    lines = ["", *wrap(f"{plural(len(pairs), 'file')} {title}", width)]
    for path, reason in pairs[:_LISTED]:
        lines += wrap(f"{path}: {reason}", width, "  ", "    ")
    return lines + _more(len(pairs), width)


def _issues(report: IngestReport, width: int) -> list[str]:
    if not report.issues:
        return []
    total = sum(n for *_, n in report.issues)
    lines = ["", *wrap(f"{plural(total, 'issue')} survived", width)]
    for path, code, place, text, n in report.issues[:_LISTED]:
        lines += wrap(f"{code}{_where(path, place)}: {text}{_times(n)}", width, "  ", "    ")
    return lines + _more(len(report.issues), width)


def _where(path: str, place: str) -> str:
    return f" in {', '.join(x for x in (path, place) if x)}" if path or place else ""


def _times(n: int) -> str:
    return f" ({n} times)" if n > 1 else ""


def sniff_text(report: SniffReport, width: int = 78, ascii: bool = False) -> str:
    """What the file is, which lines say so, what is read from it, and what to do if nothing is."""
    lines = [crop_middle(report.path, width), *wrap(_nature(report), width)]
    if report.format is None:
        lines += ["", *wrap(f"no log: {report.sentence}" if report.sentence else "no log", width)]
        lines += wrap(f"looked at: {report.looked_at}", width, rest="  ") if report.looked_at else []
        lines += wrap(f"nearest: {report.nearest}", width, rest="  ") if report.nearest else []
        return finish(lines, ascii)
    lines += ["", *wrap(f"format: {report.format}, {share(report.confidence)} sure, because of", width)]
    for place, text in report.evidence[:_LISTED]:
        lines += wrap(f"{place}: {text}" if place else text, width, "  ", "    ")
    return finish(lines + _read_from(report, width), ascii)


def _nature(report: SniffReport) -> str:
    lines = plural(report.lines, "line") if report.lines is not None else ""
    known = (report.kind, report.encoding, report.ends, lines, f"{format_size(report.size)}B")
    return ", ".join(x for x in known if x)


def _read_from(report: SniffReport, width: int) -> list[str]:
    rows = [
        [
            s.run or DASH,
            s.name,
            count(s.points),
            count(s.first_step),
            count(s.last_step),
            significant(s.last_value, 6),
            count(s.non_finite) if s.non_finite else "",
        ]
        for s in report.series[:_LISTED]
    ]
    lines = ["", *table(_SERIES, rows, width), *_more(len(report.series), width)] if rows else []
    counts = [*report.counts, report.tokens_per_step, report.tokens_seen]
    figures = [[kind_word(c.kind), count_word(c), c.how, c.source] for c in counts if c is not None]
    lines += ["", *table(_COUNTS, figures, width)] if figures else []
    why = f" ({report.unit_source})" if report.unit_source else ""
    lines += ["", *wrap(f"loss in {report.unit}{why}", width)] if report.unit else []
    lines += wrap(f"missing: {', '.join(report.missing)}", width) if report.missing else []
    for code, place, text, n in report.issues[:_LISTED]:
        lines += wrap(f"{code}{f' at {place}' if place else ''}: {text}{_times(n)}", width, rest="  ")
    return lines


def ingest_json(report: IngestReport) -> Object:
    """`labbook ingest --json`: what one reading pass did."""
    return {
        "schema": "labbook.ingest/1",
        "read": [{"path": path, "format": form, "points": points} for path, form, points in report.read],
        "unchanged": report.unchanged,
        "skipped": [{"path": path, "reason": reason} for path, reason in report.skipped],
        "failed": [{"path": path, "reason": reason} for path, reason in report.failed],
        "issues": [
            {"path": path or None, "code": code, "place": place or None, "text": text, "count": n}
            for path, code, place, text, n in report.issues
        ],
        "runs": list(report.runs),
        "points": report.points,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
    }


def sniff_json(report: SniffReport) -> Object:
    """`labbook sniff --json`: what one file is and what is read from it."""
    return {
        "schema": "labbook.sniff/1",
        "path": report.path,
        "format": report.format,
        "confidence": report.confidence,
        "kind": report.kind,
        "encoding": report.encoding,
        "ends": report.ends,
        "lines": report.lines,
        "size": report.size,
        "evidence": [{"place": place or None, "text": text} for place, text in report.evidence],
        "series": [
            {
                "run": s.run or None,
                "name": s.name,
                "points": s.points,
                "first_step": whole(s.first_step),
                "last_step": whole(s.last_step),
                "last_value": s.last_value,
                "non_finite": s.non_finite,
            }
            for s in report.series
        ],
        "counts": [count_object(c) for c in report.counts],
        "tokens_per_step": count_object(report.tokens_per_step) if report.tokens_per_step else None,
        "tokens_seen": count_object(report.tokens_seen) if report.tokens_seen else None,
        "unit": report.unit,
        "unit_source": report.unit_source,
        "missing": list(report.missing),
        "issues": [
            {"code": code, "place": place or None, "text": text, "count": n}
            for code, place, text, n in report.issues
        ],
        "sentence": report.sentence,
        "looked_at": report.looked_at,
        "nearest": report.nearest,
    }
