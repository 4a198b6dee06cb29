# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""How forecasts would have done: error and coverage by mode and fraction, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, percent, plural
from labbook.report.paint import paint
from labbook.report.table import Column, table

if TYPE_CHECKING:
    from labbook.backtesting import Backtest, Past, Score

Object = dict[str, Any]

_SCORES = (
    Column("mode"),
    Column("done", right=True),
    Column("runs", right=True),
    Column("median error %", right=True),
    Column("p90 %", right=True),
    Column("+- %", right=True),
    Column("inside", right=True),
    Column("own +- %", right=True, priority=1),
    Column("own inside", right=True, priority=1),
)
_RUNS = (
    Column("run", least=12, middle=True),
    Column("done", right=True),
    Column("mode, or why none"),
    Column("error %", right=True),
    Column("+- %", right=True),
    Column("inside"),
    Column("own inside", priority=1),
)


def backtest_text(
    test: Backtest, width: int = 78, color: bool = False, ascii: bool = False, *, every: bool = False
) -> str:
    """The table of a ladder's back-test; every: a row for each forecast too."""
    lines = [paint(f"{test.ladder}: forecasts of its {plural(len(test.runs), 'finished run')}", "bold", color)]
    lines += wrap(
        f"Loss: {test.loss_key}. Each run is cut and forecast from its own points up to there and the whole "
        "curves of the others, whenever these were made.",
        width,
    )
    if test.scores:
        lines += ["", *table(_SCORES, [_score_row(s) for s in test.scores], width)]
    lines += ["", *(x for text in _sentences(test) for x in wrap(text, width, rest="  "))]
    if every:
        lines += ["", *table(_RUNS, [_past_row(p) for p in test.past], width)]
    return finish(lines, ascii)


def _score_row(s: Score) -> list[str]:
    own = f"{s.own_inside} of {s.own_n}" if s.own_n else DASH
    cells = [s.mode, f"{s.frac:.0%}", str(s.n), percent(s.median), percent(s.p90), percent(s.width)]
    return [*cells, f"{s.inside} of {s.n}", percent(s.own_width), own]


def _sentences(test: Backtest) -> list[str]:
    said = [_coverage(test)]
    if any(s.own_n for s in test.scores):
        said.append(
            "own: the width by the errors of the other runs at the same fraction, as a forecast on this ladder "
            "has it; each run is scored with a width it had no part in."
        )
    else:
        said.append("The width is that of the table: three runs that can be forecast would measure it here.")
    if test.refused:
        none = "; ".join(f"{code} {n} at {frac:.0%}" for frac, code, n in test.refused)
        said.append(f"No number: {none}.")
    held, given = test.bounds
    if given:
        said.append(f"Upper bounds given instead of a number: {held} of {given} held.")
    return said


def _coverage(test: Backtest) -> str:
    n, inside = sum(s.n for s in test.scores), sum(s.inside for s in test.scores)
    if not n:
        return "No run could be forecast at any of these fractions."
    nominal = f"{inside / n:.0%}; nominal {test.nominal:.0%}"
    text = f"Coverage: {inside} of {n} losses lay within their interval ({nominal})"
    own_n, own = sum(s.own_n for s in test.scores), sum(s.own_inside for s in test.scores)
    return text + (f", {own} of {own_n} ({own / own_n:.0%}) within the own one." if own_n else ".")


def _past_row(past: Past) -> list[str]:
    row = past.row
    held = {True: "yes", False: "no", None: DASH}
    error = DASH if row.error is None else f"{100 * row.error:+.2f}"
    cells = [row.run, f"{row.frac:.0%}", row.variant, error, percent(row.width)]
    return [*cells, held[row.inside], held[past.own_inside]]


def backtest_json(tests: Sequence[Backtest]) -> Object | list[Object]:
    """One ladder's back-test, or a list of them."""
    found = [_object(test) for test in tests]
    return found[0] if len(found) == 1 else found


def _object(test: Backtest) -> Object:
    return {
        "schema": "labbook.backtest/1",
        "ladder": test.ladder,
        "loss": test.loss_key,
        "nominal": test.nominal,
        "runs": list(test.runs),
        "scores": [
            {
                "mode": s.mode,
                "frac": s.frac,
                "n": s.n,
                "median_error": s.median,
                "p90_error": s.p90,
                "inside": s.inside,
                "coverage": s.inside / s.n,
                "half_width": s.width,
                "own": {"n": s.own_n, "inside": s.own_inside, "half_width": s.own_width},
            }
            for s in test.scores
        ],
        "refused": [{"frac": frac, "code": code, "n": n} for frac, code, n in test.refused],
        "bounds": {"held": test.bounds[0], "given": test.bounds[1]},
        "forecasts": [
            {
                "run": p.row.run,
                "frac": p.row.frac,
                "mode": p.row.mode,
                "variant": p.row.variant,
                "error": p.row.error,
                "half_width": p.row.width,
                "inside": p.row.inside,
                "own_half_width": p.own_width,
                "own_inside": p.own_inside,
                "at_most_held": p.row.at_most,
            }
            for p in test.past
        ],
    }
