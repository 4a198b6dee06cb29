"""Reading a source in a test, once or on, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path

from labbook import logs
from labbook.logs.format import Format, take_sample
from labbook.records import Reading, RunPart

ELSEWHERE = frozenset({"aim"})
"""Formats whose sample only a package of its own can write: their own tests keep what the others promise."""
WITH_SAMPLES = tuple(form for form in logs.FORMATS if form.name not in ELSEWHERE)


def first(form: Format, path: Path) -> Reading:
    """The first reading of a source."""
    return form.read(path, 0, {})


def next_(form: Format, path: Path, before: Reading) -> Reading:
    """The next one; the state goes through JSON as the notebook keeps it."""
    return form.read(path, before.offset, json.loads(json.dumps(before.state, allow_nan=False)))


def steps(reading: Reading, part: str, series: str) -> list[float]:
    """Steps of a series of one of the runs."""
    found = next(each for each in reading.parts if each.key == part)
    return found.series[series].step.tolist() if series in found.series else []


def values(reading: Reading, series: str) -> list[tuple[float, float]]:
    """(step, value) of a series of the only run."""
    (part,) = reading.parts
    points = part.series.get(series)
    return list(zip(points.step, points.value, strict=True)) if points is not None else []


def codes(reading: Reading) -> list[str]:
    """Codes of the issues."""
    return [issue.code for issue in reading.issues]


def issues(reading: Reading) -> list[tuple[str, str, int]]:
    """(code, text, count) of the issues."""
    return [(issue.code, issue.text, issue.count) for issue in reading.issues]


def read(path: Path, columns: dict[str, str] | None = None) -> tuple[str, Reading]:
    """(format, all of the file) as discovery and the first reading have it."""
    sample = take_sample(path)
    sample.columns = columns or {}
    claim = logs.recognise(sample, logs.FORMATS)
    assert claim is not None
    return claim[0].name, claim[0].read(path, 0, {"columns": dict(columns)} if columns else {})


def table(tmp_path: Path, text: str, name: str = "runs.csv") -> Path:
    """A new file of this text."""
    path = tmp_path / name
    path.write_text(text)
    return path


def figures(part: RunPart) -> dict[str, float]:
    """Value by key of a run's figures."""
    return {figure.key: figure.value for figure in part.figures}
