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
    from labbook.logs.sniff import SeriesRead, SniffReport
    from labbook.logs.template import Trial

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
        return finish(lines + _not_read(report, width), ascii)
    lines += ["", *wrap(f"format: {report.format}, {share(report.confidence)} sure, because of", width)]
    for place, text in report.evidence[:_LISTED]:
        lines += wrap(f"{place}: {text}" if place else text, width, "  ", "    ")
    if report.sentence is not None:
        lines += ["", *wrap(report.sentence, width)]
    return finish(lines + _read_from(report, width), ascii)


def _nature(report: SniffReport) -> str:
    lines = plural(report.lines, "line") if report.lines is not None else ""
    packed = f"{report.archive} archive" if report.archive else ""
    known = (packed, report.kind, report.encoding, report.ends, lines, f"{format_size(report.size)}B")
    return ", ".join(x for x in known if x)


def _not_read(report: SniffReport, width: int) -> list[str]:
    """Why it is no log, what was looked at, what came nearest and what may be tried."""
    lines = ["", *wrap(f"no log: {report.sentence}" if report.sentence else "no log", width)]
    lines += wrap(f"looked at: {report.looked_at}", width, rest="  ") if report.looked_at else []
    lines += wrap(f"nearest: {report.nearest}", width, rest="  ") if report.nearest else []
    more = f" and {len(report.columns) - _LISTED} more" if len(report.columns) > _LISTED else ""
    names = ", ".join(report.columns[:_LISTED]) + more
    lines += wrap(f"its names: {names}", width, rest="  ") if report.columns else []
    if report.teach is not None:
        lines += ["", "to read it", *wrap(report.teach, width, "  ", "    ")]
    if report.teach is not None and "--pattern" in report.teach:
        lines += wrap("and --save NAME keeps it for every command", width, "  ", "  ")
    return lines


def _read_from(report: SniffReport, width: int) -> list[str]:
    rows = [
        [
            s.run or DASH,
            s.name,
            count(s.points),
            _on(s.first_step, s.axis),
            _on(s.last_step, s.axis),
            significant(s.last_value, 6),
            count(s.non_finite) if s.non_finite else "",
        ]
        for s in report.series[:_LISTED]
    ]
    lines = ["", *table(_SERIES, rows, width), *_more(len(report.series), width)] if rows else []
    lines += _examples(report, width)
    counts = [*report.counts, report.tokens_per_step, report.tokens_seen]
    figures = [[kind_word(c.kind), count_word(c), c.how, c.source] for c in counts if c is not None]
    if report.runs > 1:
        lines += ["", *wrap(f"{report.runs} runs in it; N, D and unit are those of {report.counts_of}", width)]
    lines += ["", *table(_COUNTS, figures, width)] if figures else []
    why = f" ({report.unit_source})" if report.unit_source else ""
    lines += ["", *wrap(f"loss in {report.unit}{why}", width)] if report.unit else []
    lines += _missing(report, width)
    for code, place, text, n in report.issues[:_LISTED]:
        lines += wrap(f"{code}{f' at {place}' if place else ''}: {text}{_times(n)}", width, rest="  ")
    if report.keep is not None:
        lines += ["", "to keep this reading", *wrap(report.keep, width, "  ", "    ")]
    return lines


def _on(place: float | None, axis: str) -> str:
    """A step, or a place on the axis that stands for it: `epoch 3`."""
    if place is None or axis == "step":
        return count(place)
    return f"{axis} {format_size(place) if axis == 'tokens' else significant(place, 4)}"


def _examples(report: SniffReport, width: int) -> list[str]:
    """A line of each series, that a person can see what was taken for what."""
    shown = [(s.name, *s.example) for s in report.series[:_LISTED] if s.example is not None]
    lines: list[str] = []
    for text in dict.fromkeys(text for _, _, text in shown):
        names = ", ".join(name for name, _, other in shown if other == text)
        place = next(place for _, place, other in shown if other == text)
        lines += wrap(f"{names}: {place}: {text}", width, "  ", "    ")
    return ["", "first taken from", *lines] if lines else []


def _missing(report: SniffReport, width: int) -> list[str]:
    lines = [""] if report.missing and not report.unit else []
    lines += wrap(f"missing: {', '.join(report.missing)}", width) if report.missing else []
    return lines + (wrap(report.fix, width, "  ", "    ") if report.fix is not None else [])


def trial_text(path: str, trial: Trial, width: int = 78, ascii: bool = False) -> str:
    """What a pattern takes from a file, what it leaves, and where it was kept."""
    lines = [crop_middle(path, width), *wrap(f"pattern: {trial.template}", width, rest="  ")]
    verb = "matches" if trial.matched == 1 else "match"
    lines += wrap(f"{plural(trial.matched, 'line')} {verb}, {trial.unmatched} left over", width)
    for match in trial.shown:
        lines += ["", *wrap(f"line {match.place}: {match.line}", width, rest="  ")]
        lines += wrap(", ".join(f"{field} {text}" for field, text in match.taken), width, "  ", "  ")
    if trial.left_over:
        lines += ["", "left over"]
        for place, text in trial.left_over:
            lines += wrap(f"line {place}: {text}", width, "  ", "    ")
        more = trial.unmatched - len(trial.left_over)
        lines += [f"  and {more} more"] if more > 0 else []
    if trial.saved is not None:
        said = f"saved as {trial.saved}; every command reads such files from now on"
        lines += ["", *wrap(said, width, rest="  ")]
    elif trial.matched:
        lines += ["", *wrap("--save NAME keeps it for every command", width)]
    return finish(lines, ascii)


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
        "readable": report.readable,
        "archive": report.archive,
        "kind": report.kind,
        "encoding": report.encoding,
        "ends": report.ends,
        "lines": report.lines,
        "size": report.size,
        "evidence": [{"place": place or None, "text": text} for place, text in report.evidence],
        "runs": report.runs,
        "series": [_series_object(s) for s in report.series],
        "counts_of": report.counts_of,
        "counts": [count_object(c) for c in report.counts],
        "tokens_per_step": count_object(report.tokens_per_step) if report.tokens_per_step else None,
        "tokens_seen": count_object(report.tokens_seen) if report.tokens_seen else None,
        "unit": report.unit,
        "unit_source": report.unit_source,
        "missing": list(report.missing),
        "fix": report.fix,
        "issues": [
            {"code": code, "place": place or None, "text": text, "count": n}
            for code, place, text, n in report.issues
        ],
        "sentence": report.sentence,
        "looked_at": report.looked_at,
        "nearest": report.nearest,
        "columns": list(report.columns),
        "teach": report.teach,
        "keep": report.keep,
    }


def _series_object(s: SeriesRead) -> Object:
    place, text = s.example if s.example is not None else (None, None)
    return {
        "run": s.run or None,
        "name": s.name,
        "points": s.points,
        "axis": s.axis,
        "first_step": whole(s.first_step),
        "last_step": whole(s.last_step),
        "last_value": s.last_value,
        "non_finite": s.non_finite,
        "example": {"place": place, "text": text} if text is not None else None,
    }


def trial_json(path: str, trial: Trial) -> Object:
    """`labbook sniff --pattern --json`: what a pattern takes from one file."""
    return {
        "schema": "labbook.pattern/1",
        "path": path,
        "pattern": trial.template,
        "matched": trial.matched,
        "unmatched": trial.unmatched,
        "shown": [{"place": f"line {m.place}", "text": m.line, "taken": dict(m.taken)} for m in trial.shown],
        "left_over": [{"place": f"line {place}", "text": text} for place, text in trial.left_over],
        "saved": trial.saved,
    }
