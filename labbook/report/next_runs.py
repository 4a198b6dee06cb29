"""What to run next to know more: the run that narrows the wanted quantity most, and the cheapest that helps."""

from __future__ import annotations

from labbook.quantities import format_size
from labbook.report.figures import power, share, significant
from labbook.report.objects import Object, refusal_object
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.values import NextRun, NextRuns, Refusal
from labbook.summary import LadderView

SHOWN = 5
_COLUMNS = (
    Column("run"),
    Column("N", right=True),
    Column("D", right=True),
    Column("D/N", right=True),
    Column("C, FLOP", right=True),
    Column("variance less", right=True),
    Column("within the ladder", priority=1),
)


def section(view: LadderView) -> Section | None:
    """The part of a ladder's report; None where nothing was worked out."""
    return next_section(view.next_runs)


def next_section(found: NextRuns | Refusal | None) -> Section | None:
    """The best runs in order, the cheapest by what it brings, in a table."""
    if found is None:
        return None
    title = "The next run"
    if isinstance(found, Refusal):
        return Section(title, texts=[refusal_words(found)])
    rows = [_row("best" if i == 0 else "", run) for i, run in enumerate(found.candidates[:SHOWN])]
    rows.append(_row("most a FLOP", found.cheapest))
    beyond = next((run for run in found.candidates if not run.is_inside), None)
    if beyond is not None and beyond not in found.candidates[:SHOWN]:
        rows.append(_row("best beyond", beyond))
    texts = [
        f"Wanted: {found.wanted}, known to {significant(found.sd, 2)} (standard deviation, "
        f"{found.law.partition(',')[0]}). What a run takes off its variance: mean of the laws that are pooled."
    ]
    return Section(title, _COLUMNS, rows, texts)


def _row(word: str, run: NextRun) -> list[str]:
    return [
        word,
        format_size(run.N),
        format_size(run.D),
        significant(run.D / run.N, 3),
        power(run.C),
        share(run.reduction),
        "yes" if run.is_inside else "no",
    ]


def objects(view: LadderView) -> Object | None:
    """`next_runs` of `fit --json`."""
    return next_object(view.next_runs)


def next_object(found: NextRuns | Refusal | None) -> Object | None:
    """The next run as JSON; None where nothing was worked out."""
    if found is None:
        return None
    if isinstance(found, Refusal):
        return refusal_object(found)
    return {
        "wanted": found.wanted,
        "laws": found.law.split(", "),
        "sd": found.sd,
        "best": _object(found.best),
        "cheapest": _object(found.cheapest),
        "candidates": [_object(run) for run in found.candidates],
    }


def _object(run: NextRun) -> Object:
    return {
        "N": run.N,
        "D": run.D,
        "C": run.C,
        "reduction": run.reduction,
        "per_flop": run.per_flop,
        "is_inside": run.is_inside,
    }
