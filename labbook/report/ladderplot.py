# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""The one plot of a ladder that commands and exports print: loss against size, with the preferred law."""

from __future__ import annotations

from labbook.report.plot import Axis, draw, ladder_spec, preferred_law
from labbook.summary import LadderView


def ladder_plot(
    view: LadderView, width: int, height: int, *, color: bool = False, ascii: bool = False
) -> list[str]:
    """Log-log loss of the rungs against N, or against D where all rungs have one size, as lines of text."""
    law, band = preferred_law(view)
    return draw(ladder_spec(view, _axis(view), law, band), width, height, color=color, ascii=ascii)


def _axis(view: LadderView) -> Axis:
    return "N" if len({r.N for r in view.rungs}) > 1 else "D"
