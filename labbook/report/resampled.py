"""Bootstrap intervals beside those of the delta method, as a part of a ladder's report (science.md 4.1)."""

from __future__ import annotations

from labbook.report.figures import plural, significant
from labbook.report.method import interval
from labbook.report.ranking import law_order
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.scaling.values import Fit, Resampled
from labbook.summary import LadderView

_COLUMNS = (
    Column("law"),
    Column("parameter"),
    Column("value", right=True, priority=3),
    Column("delta-t, 95 %", priority=2),
    Column("bootstrap, 95 %"),
)


def section(view: LadderView) -> Section | None:
    """Every resampled law, those compared in the order of the laws' table; None where nothing was resampled."""
    if not view.resampled:
        return None
    found = sorted(view.resampled, key=lambda each: _place(view, each))
    rows = [row for each in found for row in _rows(view, each)]
    return Section("Intervals by bootstrap", _COLUMNS, rows, [_words(each) for each in found])


def _place(view: LadderView, each: Resampled) -> tuple[bool, int]:
    order = law_order(view.comparison) if view.comparison is not None else []
    return _is_second(view, each), order.index(each.law) if each.law in order else len(order)


def _is_second(view: LadderView, each: Resampled) -> bool:
    return view.robust is not None and each.objective == view.robust.objective


def _fit(view: LadderView, each: Resampled) -> Fit | None:
    if _is_second(view, each):
        return view.robust
    return view.comparison.fits.get(each.law) if view.comparison is not None else None


def _rows(view: LadderView, each: Resampled) -> list[list[str]]:
    fit = _fit(view, each)
    if fit is None:
        return []
    by_delta = fit.interval_method.startswith("delta-t")
    is_second = _is_second(view, each)
    return [
        [
            _heading(each, is_second)[i] if i < 2 else "",
            name,
            significant(value),
            interval(fit, name) if by_delta else "",
            _ends(each, name),
        ]
        for i, (name, value) in enumerate((fit.params | fit.derived).items())
    ]


def _heading(each: Resampled, is_second: bool) -> tuple[str, str]:
    return each.law, each.objective if is_second else ""


def _ends(each: Resampled, name: str) -> str:
    ends = each.intervals.get(name)
    return "" if ends is None else f"[{significant(ends[0])}, {significant(ends[1])}]"


def _words(each: Resampled) -> str:
    share = 100 * each.failed / each.draws
    drawn = f"{each.draws} draws within {plural(each.strata, 'stratum').replace('stratums', 'strata')} of size"
    return f"{each.law}, {each.objective}: {drawn}, {share:.1f} % failed, seed {each.seed[:12]}."


def objects(view: LadderView) -> list[dict[str, object]]:
    """The intervals in full precision."""
    return [
        {
            "law": each.law,
            "objective": each.objective,
            "intervals": {name: list(ends) for name, ends in each.intervals.items()},
            "draws": each.draws,
            "failed": each.failed,
            "strata": each.strata,
            "seed": each.seed,
        }
        for each in view.resampled
    ]
