# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Every law on every ladder in one table, as text and as JSON: which form which data prefer."""

from __future__ import annotations

from collections.abc import Sequence

from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, known, percent, plural
from labbook.report.method import all_warnings
from labbook.report.objects import Object, refused_law, warned_object
from labbook.report.paint import paint
from labbook.report.ranking import aicc_difference, law_order, preferred_by_aicc
from labbook.report.table import Column, table
from labbook.report.words import refusal_words
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal
from labbook.summary import LadderView

_A = "a"
"""The exponent of N in C at the compute optimum, among what follows from a fit."""
_COLUMNS = (
    Column("ladder", least=12, middle=True),
    Column("law", least=8),
    Column("n", right=True, priority=2),
    Column("k", right=True, priority=5),
    Column("rms %", right=True),
    Column("+AICc", right=True),
    Column("held out %", right=True, priority=1),
    Column("a, 95 %", priority=3),
    Column("status", least=9),
    Column("pooled", priority=1),
)
_FIGURES = ("n", "k", "rms_log", "aicc", "aicc_difference", "holdout_rms_log", "a", "a_interval")
_NOTE = (
    "rms and held out (rms on the largest N, fitted without it) in % of the loss; +AICc above the least of "
    "the ladder's laws; a: exponent of N in C at the compute optimum."
)


def overview_text(
    views: Sequence[LadderView],
    law: str | None = None,
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
) -> str:
    """One row a law and ladder, then which law each ladder prefers. law: only its rows."""
    rows = [row for view in views for row in overview_rows(view, law)]
    lines = wrap(f"Laws of {plural(len(views), 'ladder')}", width)
    if rows:
        lines += ["", *table(_COLUMNS, rows, width, color=color), "", *wrap(_NOTE, width)]
    lines += ["", paint("Preferred", "bold", color)]
    lines += [x for view in views for text in ladder_lines(view) for x in wrap(text, width, rest="  ")]
    return finish(lines, ascii)


def overview_rows(view: LadderView, law: str | None = None) -> list[list[str]]:
    """(ladder, law, n, k, rms, AICc difference, held out, a, status, pooled) as text; the ladder's key once."""
    comparison = view.comparison
    if comparison is None:
        found = [_no_fit(DASH, len(view.rungs), view.refused)]
    else:
        found = [_row(comparison, name) for name in law_order(comparison) if law in (None, name)]
        refused = {k: v for k, v in comparison.refused.items() if k not in comparison.fits and law in (None, k)}
        found += [_no_fit(name, len(view.rungs), why) for name, why in refused.items()]
    return [[view.key if i == 0 else "", *cells] for i, cells in enumerate(found)]


def _no_fit(law: str, n: int, why: Refusal | None) -> list[str]:
    return [law, str(n), DASH, DASH, DASH, DASH, DASH, why.code if why is not None else DASH, "no"]


def _row(comparison: Comparison, law: str) -> list[str]:
    fit = comparison.fits[law]
    if fit.status is FitStatus.NOT_CONVERGED:
        return [law, str(fit.n), str(fit.k), DASH, DASH, DASH, DASH, fit.status.value, "no"]
    difference = aicc_difference(comparison, law)
    return [
        law,
        str(fit.n),
        str(fit.k),
        percent(fit.rms_log),
        DASH if difference is None else f"{difference:.1f}",
        percent(comparison.holdout.get(law, (None, None))[0]),
        _exponent(fit),
        fit.status.value + (f" {','.join(fit.bound)}" if fit.bound else ""),
        _pooled(comparison, law),
    ]


def _exponent(fit: Fit) -> str:
    """`0.512 [0.481, 0.543]`; without the interval where the fit does not stand behind one."""
    value, ends = fit.derived.get(_A), fit.intervals.get(_A)
    if value is None or not known(value):
        return DASH
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends is not None else "")


def _pooled(comparison: Comparison, law: str) -> str:
    if law == comparison.preferred:
        return "preferred"
    return "yes" if law in comparison.admitted else "no"


def ladder_lines(view: LadderView) -> list[str]:
    """What a ladder prefers, which laws it refuses and why, and the codes of its warnings."""
    lines = [preference(view)]
    if view.comparison is not None:
        laws: dict[str, list[str]] = {}
        for law, why in view.comparison.refused.items():
            laws.setdefault(refusal_words(why), []).append(law)
        lines += [f"- {', '.join(names)}: {words}" for words, names in laws.items()]
    codes = dict.fromkeys(w.code for w in all_warnings(view))
    return lines + ([f"- warnings: {', '.join(codes)}"] if codes else [])


def preference(view: LadderView) -> str:
    """`olmo: 30 rungs; AICc prefers general, the hold-out of the largest N general.`"""
    start = f"{view.key}: {plural(len(view.rungs), 'rung')}; "
    comparison = view.comparison
    if comparison is None or comparison.preferred is None:
        refused = view.refused
        return start + (f"no fit: {refusal_words(refused)}" if refused is not None else "no fit.")
    by_aicc, by_holdout = preferred_by_aicc(comparison), comparison.preferred_by_holdout
    first = f"AICc prefers {by_aicc}" if by_aicc else f"no AICc, least rms {comparison.preferred}"
    second = f"the hold-out of the largest N {by_holdout}" if by_holdout else "no hold-out"
    doubt = f"; no regimes: {refusal_words(comparison.gate)}" if comparison.gate is not None else "."
    return f"{start}{first}, {second}{doubt}"


def overview_json(views: Sequence[LadderView], law: str | None = None) -> Object:
    """`labbook fit --overview --json`: the same figures in full precision."""
    return {"schema": "labbook.overview/1", "ladders": [_ladder_object(view, law) for view in views]}


def _ladder_object(view: LadderView, law: str | None) -> Object:
    comparison = view.comparison
    gate = comparison.gate if comparison is not None else None
    return {
        "ladder": view.key,
        "name": view.name,
        "n": len(view.rungs),
        "left_out": len(view.left_out),
        "loss_unit": view.loss_unit,
        "d_reading": view.d_reading,
        "preferred": comparison.preferred if comparison is not None else None,
        "preferred_by": {
            "aicc": preferred_by_aicc(comparison) if comparison is not None else None,
            "holdout": comparison.preferred_by_holdout if comparison is not None else None,
        },
        "refused": refused_law(view.refused) if view.refused is not None else None,
        "gate": refused_law(gate) if gate is not None else None,
        "warnings": [warned_object(w) for w in all_warnings(view)],
        "laws": _law_objects(comparison, law) if comparison is not None else [],
    }


def _law_objects(comparison: Comparison, law: str | None) -> list[Object]:
    fitted = [_law_object(comparison, comparison.fits[name]) for name in law_order(comparison)]
    refused: list[Object] = [
        {**dict.fromkeys(_FIGURES), "law": name, "status": "refused", "refused": refused_law(why)}
        | {"bound": [], "admitted": False}
        for name, why in comparison.refused.items()
        if name not in comparison.fits
    ]
    return [found for found in fitted + refused if law in (None, found["law"])]


def _law_object(comparison: Comparison, fit: Fit) -> Object:
    shown = fit.status is not FitStatus.NOT_CONVERGED
    ends = fit.intervals.get(_A)
    return {
        "law": fit.law,
        "status": fit.status.value,
        "bound": list(fit.bound),
        "n": fit.n,
        "k": fit.k,
        "rms_log": fit.rms_log if shown else None,
        "aicc": fit.aicc if shown else None,
        "aicc_difference": aicc_difference(comparison, fit.law) if shown else None,
        "holdout_rms_log": comparison.holdout.get(fit.law, (None, None))[0],
        "a": fit.derived.get(_A) if shown else None,
        "a_interval": list(ends) if shown and ends is not None else None,
        "admitted": fit.law in comparison.admitted,
        "refused": None,
    }
