# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""The runs of a ladder on one normalised curve, as text and JSON: which lie off it, a plot, method block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labbook import __version__
from labbook.quantities import format_size
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, plural, significant
from labbook.report.method import json_key
from labbook.report.objects import refused_law, warned_object
from labbook.report.paint import paint
from labbook.report.plot import MARKERS, Series, Spec, draw
from labbook.report.section import Section, section_lines
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.laws.base import Described

if TYPE_CHECKING:
    from labbook.collapsing import CollapseReport, Placed

_RUNS = (
    Column("run", least=12, middle=True),
    Column("N", right=True),
    Column("D/N", right=True, priority=2),
    Column("points", right=True, priority=3),
    Column("distance", right=True),
    Column("off beyond", right=True, priority=1),
    Column("on the curve"),
)
_NOTE = (
    "distance: rms of l(x) less that of the other runs, x from .2 to .95, over the height of their curve; off "
    "beyond: three times the spread of the others."
)
_MOST_OFF = len(MARKERS)
_SPACING = 5
"""Every fifth x of a run that is off has a marker."""


def collapse_text(
    law: Described,
    report: CollapseReport,
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
    plot: tuple[int, int] = (0, 0),
) -> str:
    """Runs and their distances, plot, what is off, runs left out and the method block; plot: its size."""
    on = f" on {report.ladder}" if report.ladder else ""
    title = f"{law.name}{on} ({plural(len(report.runs), 'run')}, loss {report.loss})"
    lines = [paint(x, "bold", color) for x in wrap(title, width)] + wrap(law.equation, width, rest="  ")
    lines += wrap(f"{law.source}; {_levels(report)}", width, rest="  ")
    sections = [
        Section("Runs against the curve of the others", _RUNS, [run_row(p) for p in report.runs], [_NOTE]),
        Section("Reading", texts=[verdict(report)]),
        Section("Left out", texts=[f"{x} ({why.code}): {refusal_words(why)}" for x, why in report.left_out]),
        Section("Warnings", texts=[f"{w.code}: {w.text}" for w in report.warnings]),
        Section("Method", texts=[f"{key}: {value}" for key, value in method_rows(law, report)]),
    ]
    lines += section_lines(sections[0], width, color)
    if plot[0]:
        drawn = draw(collapse_spec(report), *plot, color=color, ascii=ascii)
        lines += ["", *(line.rstrip() for line in drawn)]
    lines += [x for section in sections[1:] for x in section_lines(section, width, color)]
    return finish(lines, ascii)


def _levels(report: CollapseReport) -> str:
    found = report.found
    bound = " (at the end of its range)" if found.at_bound else ""
    return f"L0 {significant(found.L0, 4)}{bound}, spread {_share(found.spread)} of the curve's height"


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def run_row(placed: Placed) -> list[str]:
    """(run, N, D/N, points, distance, threshold, verdict) as text."""
    rung = placed.rung
    return [
        placed.name,
        DASH if placed.N is None else format_size(placed.N),
        significant(placed.ratio, 3),
        str(placed.points),
        _share(rung.distance),
        DASH if rung.threshold is None else _share(rung.threshold),
        {None: "not judged", False: "on", True: "off"}[rung.is_off],
    ]


def verdict(report: CollapseReport) -> str:
    """Which runs are off the curve, and what that means."""
    off = [p.name for p in report.runs if p.rung.is_off]
    if any(w.code == "ratio-mixed" for w in report.warnings):
        return "No run is judged: they differ in tokens per parameter."
    if all(p.rung.is_off is None for p in report.runs):
        return "No run is judged: the curve of so few others rests on L0 alone; four or more runs are judged."
    if not off:
        return "Every run lies on the common curve: learning rate, batch and decay fit every size."
    are, its = ("lies", "its") if len(off) == 1 else ("lie", "their")
    return f"{', '.join(off)} {are} off: learning rate, batch or decay does not fit {its} size."


def method_rows(law: Described, report: CollapseReport) -> list[tuple[str, str]]:
    """(key, value) of all that is needed to redo it."""
    notes: dict[str, list[str]] = {}
    for placed in report.runs:
        for note in placed.notes:
            notes.setdefault(note, []).append(placed.name)
    every = len(report.runs)
    read = [f"{note} ({'all' if len(who) == every else ', '.join(who)})" for note, who in notes.items()]
    ratios = [p.ratio for p in report.runs if p.ratio is not None]
    return [
        ("labbook", __version__),
        ("law", f"{law.name}: {law.equation}"),
        ("source", law.source),
        ("ladder", report.ladder or "none"),
        ("loss", report.loss),
        ("runs", ", ".join(f"{p.name} ({plural(p.points, 'point')})" for p in report.runs)),
        ("runs left out", "; ".join(f"{name} ({why.code})" for name, why in report.left_out) or "none"),
        ("tokens per parameter", f"{min(ratios):.3g} to {max(ratios):.3g}" if ratios else "not known"),
        ("curves read", "; ".join(read) or "as logged"),
        ("L0", "least spread of l between runs over the height of their mean, in [0, .98 of the least loss]"),
        ("off", "a run against the mean of the others, under the L0 of the others"),
        ("data digest", f"sha256 {report.digest}"),
        ("warnings", ", ".join(dict.fromkeys(w.code for w in report.warnings)) or "none"),
    ]


def collapse_spec(report: CollapseReport) -> Spec:
    """The common curve as a line, runs that lie off it as points."""
    x = np.array(report.found.x)
    off = [p for p in report.runs if p.rung.is_off][:_MOST_OFF]
    points = [
        Series("points", x[::_SPACING], np.array(p.rung.line)[::_SPACING], f"{p.name} (off)", marker)
        for p, marker in zip(off, MARKERS, strict=False)
    ]
    line = Series("line", x, np.array(report.found.common), "l(x), mean of all runs", color="cyan")
    return Spec(
        f"normalised curve of {plural(len(report.runs), 'run')}",
        "x, share of the steps",
        "l(x)",
        (*points, line),
        sizes=False,
    )


def collapse_json(law: Described, report: CollapseReport) -> dict[str, Any]:
    """`labbook fit LADDER --law collapse --json`."""
    found = report.found
    return {
        "schema": "labbook.collapse/1",
        "law": law.name,
        "equation": law.equation,
        "source": law.source,
        "ladder": report.ladder or None,
        "loss": report.loss,
        "L0": found.L0,
        "at_bound": found.at_bound,
        "spread": found.spread,
        "x": list(found.x),
        "common": list(found.common),
        "runs": [run_object(placed) for placed in report.runs],
        "off": [p.name for p in report.runs if p.rung.is_off],
        "digest": report.digest,
        "left_out": [{"run": name, **refused_law(why)} for name, why in report.left_out],
        "warnings": [warned_object(w) for w in report.warnings],
        "method": {json_key(key): value for key, value in method_rows(law, report)},
    }


def run_object(placed: Placed) -> dict[str, Any]:
    """One run against the curve of the others."""
    return {
        "run": placed.name,
        "run_id": placed.run_id,
        "N": placed.N,
        "tokens_per_parameter": placed.ratio,
        "points": placed.points,
        "distance": placed.rung.distance,
        "threshold": placed.rung.threshold,
        "is_off": placed.rung.is_off,
        "line": list(placed.rung.line),
        "notes": list(placed.notes),
    }
