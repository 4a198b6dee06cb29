"""What a trainer nobody described prints: lines of names and numbers, read by the names table.

The last resort of recognition. A line is a record where a loss stands beside a step, an epoch or the `k/n` of a
progress bar. Whatever a rule had to fill in (a step that starts again with each epoch, a validation without a
step) is counted in an issue.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from labbook.logs import names
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import Lines, unlabel
from labbook.logs.pairs import PairReader
from labbook.records import Issue, Reading
from labbook.text import clean

CONFIDENCE = 0.4
"""Below every format that knows its trainer."""
LEAST = 3
"""Records with a rising step that make a log."""
SHARE = 20
"""From the first record on, one line in so many is a record: trainers that print what the model writes keep to
that, a text that quotes a few lines of a log or a program that prints them does not."""
_SHOWN = 2
_LOOKED_AT = 400
"""Lines with something on them, from the first record on."""


class KeyValue:
    """Lines of `key: value`, `key=value` and `key value`, and progress bars."""

    name = "keyvalue"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.binary or not sample.head.strip() or sample.path.suffix.lower() == ".json":
            return None
        found = _records(sample)
        return Sniffed(CONFIDENCE, found) if found is not None else None

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        lines = Lines(path, offset, state, final=final, bars=True, limit=limit)
        reader = PairReader(state)
        for place, line in lines:
            reader.line(line, place)
        reader.flush()
        if final and not lines.more:
            reader.close()
        issues = reader.news()
        if lines.long:
            text = "lines above 64 KiB are matched in their head"
            issues.append(Issue("long-line", text, f"line {lines.long[0][0]}", len(lines.long)))
        return Reading(reader.parts(), lines.offset, lines.state() | reader.state(), issues, more=lines.more)


def _records(sample: Sample) -> tuple[Evidence, ...] | None:
    """The first records of a sample where there are enough of them."""
    reader = PairReader({"columns": dict(sample.columns)})
    evidence: list[Evidence] = []
    looked = hits = 0
    for place, line in sample.lines:
        if not hits and not reader.is_likely(line):
            continue
        looked += bool(line.strip())
        before = reader.rows.added
        reader.line(line, 0)
        reader.flush()
        if reader.rows.added > before:
            hits += 1
            evidence += [Evidence(place, clean(unlabel(line)[1], 160))] if hits <= _SHOWN else []
            if hits == LEAST and _claimed(sample):
                return None
        if looked == _LOOKED_AT and hits * SHARE >= looked:
            break
        if looked == _LOOKED_AT:  # lines that were quoted; the log may come later
            looked, hits, evidence = 0, 0, []
    reader.close()
    return tuple(evidence) if hits * SHARE >= looked and _rises(reader) else None


def _rises(reader: PairReader) -> bool:
    """True where a loss was read at enough places one after the other."""
    for part in reader.parts():
        for series, points in part.series.items():
            if names.is_loss(series):
                for axis in (points.step, points.tokens, points.epoch):
                    rises = sum(b > a for a, b in pairwise(axis))
                    if rises >= LEAST - 1:
                        return True
    return False


def _claimed(sample: Sample) -> bool:
    """True where a format that knows its trainer claims the file."""
    from labbook.logs import FORMATS

    return any(form.sniff(sample) is not None for form in FORMATS if not form.is_last)
