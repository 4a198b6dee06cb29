"""The law in front under a second objective, as a part of a ladder's report (science.md 3.1)."""

from __future__ import annotations

from labbook.report.figures import percent, significant
from labbook.report.method import interval
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.scaling.values import Fit
from labbook.summary import LadderView


def section(view: LadderView) -> Section | None:
    """Parameters under both objectives side by side; None where there is no second fit."""
    fit, robust = view.preferred, view.robust
    if fit is None or robust is None:
        return None
    columns = (
        Column("parameter"),
        Column(fit.objective, right=True),
        Column("95 % interval", priority=2),
        Column(robust.objective, right=True),
        Column("95 % interval", priority=1),
    )
    values, others = fit.params | fit.derived, robust.params | robust.derived
    rows = [
        [name, significant(value), interval(fit, name), significant(others[name]), interval(robust, name)]
        for name, value in values.items()
    ]
    rows.append(["rms %", percent(fit.rms_log), "", percent(robust.rms_log), ""])
    return Section(f"Under another objective: {fit.law}", columns, rows, _texts(fit, robust))


def _texts(fit: Fit, robust: Fit) -> list[str]:
    how = (
        f"Intervals of {fit.objective}: {fit.interval_method}; of {robust.objective}: {robust.interval_method}."
    )
    if "a" not in fit.derived:
        return [how]
    a = [f"{each.derived['a']:.3f} under {each.objective}" for each in (fit, robust)]
    return [f"a is {a[0]}, {a[1]}.", how]


def objects(view: LadderView) -> dict[str, object] | None:
    """The second fit in full precision."""
    robust = view.robust
    if robust is None:
        return None
    return {
        "law": robust.law,
        "objective": robust.objective,
        "status": robust.status.value,
        "params": dict(robust.params),
        "derived": dict(robust.derived),
        "intervals": {name: list(ends) for name, ends in robust.intervals.items()},
        "interval_method": robust.interval_method,
        "objective_value": robust.objective_value,
        "rms_log": robust.rms_log,
        "max_resid_log": robust.max_resid_log,
    }
