"""The further parts of a ladder's report, in their order, for text, Markdown and JSON alike."""

from __future__ import annotations

from labbook.report import approaches, influence, next_runs, repeated, resampled, robust
from labbook.report.objects import Object
from labbook.report.section import Of, section_lines, section_markdown
from labbook.summary import LadderView

PARTS: tuple[Of, ...] = (
    robust.section,
    resampled.section,
    approaches.section,
    repeated.section,
    influence.section,
    next_runs.section,
)


def part_lines(view: LadderView, width: int, color: bool, whole: bool = False) -> list[str]:
    """Every part the view has as lines of text, a blank line before each.

    The long table of refits without some rungs stands only where one of them moves the answer, or with `whole`.
    """
    wanted = [
        part for part in PARTS if whole or part is not influence.section or influence.is_influential(view)
    ]
    return [line for part in wanted for line in section_lines(part(view), width, color)]


def part_markdown(view: LadderView, level: int) -> list[str]:
    """Every part the view has as lines of Markdown."""
    return [line for part in PARTS for line in section_markdown(part(view), level)]


def part_objects(view: LadderView) -> Object:
    """Every part under its name, as `fit --json` prints it."""
    return {
        "robust": robust.objects(view),
        "resampled": resampled.objects(view),
        "approaches": approaches.objects(view),
        "repeated": repeated.objects(view),
        "influence": influence.objects(view),
        "next_runs": next_runs.objects(view),
    }
