"""What the law in front owes to each group of rungs, as a part of a ladder's report (science.md 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

from labbook.report.figures import DASH, loss_figure, significant
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.scaling.values import Fit, Influence, Warned
from labbook.summary import LadderView

CODE = "influential-group"
_SCALES = frozenset(("A", "B", "a", "b", "k", "N_c", "D_c", "C_c", "S_c"))
"""Parameters that say little side by side: they move with the exponents."""
_DIGITS = 4


def is_influential(view: LadderView) -> bool:
    """True where leaving some group out moves the answer beyond its interval."""
    return bool(_warned(view))


def section(view: LadderView) -> Section | None:
    """Refits without each group, and without the largest losses and residuals; None where there are none."""
    fit = view.preferred
    refits = (*view.influence, *view.drops)
    if fit is None or not refits:
        return None
    names = [name for name in fit.params if name not in _SCALES]
    columns = (
        Column("left out", least=14),
        Column("n", right=True, priority=1),
        *(Column(name, right=True, priority=2) for name in names),
        Column("a", right=True),
        Column("prediction", right=True),
    )
    rows = [_row("nothing", len(view.rungs), fit.params, fit.derived.get("a"), _full(view), names)]
    rows += [
        _row(x.group, len(view.rungs) - len(x.left_out), x.params, x.a, x.prediction, names)
        for x in _cut(refits)
    ]
    return Section(f"Influence: {fit.law} without some rungs", columns, rows, _texts(view, fit))


def _cut(refits: Sequence[Influence]) -> list[Influence]:
    return [x for x in refits if x.left_out]


def _full(view: LadderView) -> float | None:
    """Of all rungs: the refit that leaves none out."""
    return next((x.prediction for x in view.drops if not x.left_out), None)


def _row(
    group: str,
    n: int,
    params: dict[str, float],
    a: float | None,
    prediction: float | None,
    names: Sequence[str],
) -> list[str]:
    figures = [significant(params[name], _DIGITS) for name in names]
    return [
        group,
        str(n),
        *figures,
        significant(a, _DIGITS) if a is not None else DASH,
        loss_figure(prediction),
    ]


def _texts(view: LadderView, fit: Fit) -> list[str]:
    target = dict(view.method).get("target")
    where = [f"The prediction is the loss in {view.loss_unit} at {target}."] if target else []
    found = [w.text for w in _warned(view)]
    if not found and {"a"} <= fit.derived.keys() & fit.intervals.keys():
        found = ["No group moves a by more than half its interval."]
    return found + where


def _warned(view: LadderView) -> list[Warned]:
    return [w for w in view.warnings if w.code == CODE]


def objects(view: LadderView) -> dict[str, object]:
    """The refits in full precision, with the runs each leaves out."""
    fit = view.preferred
    return {
        "law": fit.law if fit is not None else None,
        "target": dict(view.method).get("target"),
        "groups": [_object(view, x) for x in view.influence],
        "drops": [_object(view, x) for x in view.drops],
    }


def _object(view: LadderView, x: Influence) -> dict[str, object]:
    return {
        "left_out": x.group,
        "runs": [view.rungs[i].name for i in x.left_out],
        "n": len(view.rungs) - len(x.left_out),
        "params": dict(x.params),
        "a": x.a,
        "prediction": x.prediction,
    }
