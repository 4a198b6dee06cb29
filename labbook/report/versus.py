# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Two recipes at equal compute as text and JSON."""

from __future__ import annotations

import math

from labbook.against import Rivals
from labbook.quantities import format_size
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, loss_figure, plural, power, signed_percent, significant
from labbook.report.objects import Object, refused_law, warned_object
from labbook.report.paint import paint
from labbook.report.table import Column, table
from labbook.report.words import kind_word, refusal_words
from labbook.scaling.values import Interval, Warned
from labbook.scaling.versus_values import AtBudget, Exponent, Gap, Least, Versus

_BUDGETS = (
    Column("C", right=True),
    Column("loss A", right=True),
    Column("loss B", right=True),
    Column("A - B, %", right=True),
    Column("90 %", right=True),
    Column("verdict"),
)
_SIZES = (
    Column("C", right=True),
    Column("N A", right=True),
    Column("D A", right=True),
    Column("N B", right=True),
    Column("D B", right=True),
    Column("at equal N", right=True),
    Column("A - B, %", right=True),
    Column("90 %", right=True),
)
_EXPONENTS = (
    Column("law"),
    Column("exponent"),
    Column("A", right=True),
    Column("95 % of A"),
    Column("B", right=True),
    Column("95 % of B"),
    Column("overlap"),
)


def versus_text(rivals: Rivals, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """The verdict at each budget, the allocations behind it, the exponents, and what to doubt."""
    title = f"A {rivals.a.name} ({rivals.a.key}) against B {rivals.b.name} ({rivals.b.key})"
    lines = [paint(line, "bold", color) for line in wrap(title, width)]
    found = rivals.found
    if not isinstance(found, Versus):
        return finish([*lines, *wrap(f"{found.code}: {refusal_words(found)}", width)], ascii)
    lines += wrap(_given(rivals), width)
    lines += ["", *table(_BUDGETS, [_budget_row(each) for each in found.budgets], width)]
    sizes = [_size_row(each) for each in found.budgets if each.a.N is not None or each.b.N is not None]
    if sizes:
        lines += ["", paint("By which N and D", "bold", color), *table(_SIZES, sizes, width)]
    exponents = [_exponent_row(each) for each in found.exponents]
    if exponents:
        lines += ["", paint("Exponents", "bold", color), *table(_EXPONENTS, exponents, width)]
    lines.append("")
    for text in _sentences(found):
        lines += wrap(text, width, rest="  ")
    return finish(lines, ascii)


def _given(rivals: Rivals) -> str:
    a, b = rivals.a, rivals.b
    kinds = kind_word(a.n_kind) if a.n_kind == b.n_kind else f"{kind_word(a.n_kind)} and {kind_word(b.n_kind)}"
    rungs = f"{plural(len(a.rungs), 'rung')} and {plural(len(b.rungs), 'rung')}"
    return f"Loss {a.loss_series} in {a.loss_unit} of {rungs}; {kinds}; C = 6ND."


def _percent(gap: Gap) -> list[str]:
    """The gap and its interval as percent of B's loss."""
    if gap.interval is None:
        return [signed_percent(gap.gap), "no interval"]
    low, high = (signed_percent(end) for end in gap.interval)
    return [signed_percent(gap.gap), f"{low} to {high}"]


def _budget_row(at: AtBudget) -> list[str]:
    return [power(at.C), loss_figure(at.a.loss), loss_figure(at.b.loss), *_percent(at.gap), at.verdict]


def _size_row(at: AtBudget) -> list[str]:
    equal = [format_size(at.equal.N), *_percent(at.equal.gap)] if at.equal is not None else [DASH, DASH, ""]
    return [
        power(at.C),
        *(_size(at.a, at.a.N), _size(at.a, at.a.D)),
        *(_size(at.b, at.b.N), _size(at.b, at.b.D)),
        *equal,
    ]


def _size(side: Least, value: float | None) -> str:
    """`124M`, in brackets where the ladder has no run near it."""
    return f"({format_size(value)})" if side.is_inside is False else format_size(value)


def _exponent_row(each: Exponent) -> list[str]:
    overlap = {None: DASH, True: "yes", False: "no"}[each.overlaps]
    ends = [_ends(interval) for interval in (each.a_interval, each.b_interval)]
    return [each.law, each.name, significant(each.a, 4), ends[0], significant(each.b, 4), ends[1], overlap]


def _ends(ends: Interval | None) -> str:
    return DASH if ends is None else f"[{significant(ends[0], 4)}, {significant(ends[1], 4)}]"


def _sentences(found: Versus) -> list[str]:
    pooled = f"Pooled laws: {', '.join(found.forms)}."
    if found.pairs:
        said = ", ".join(f"{value:.2f} ({name})" for name, value in found.correlation.items())
        count = plural(found.pairs, "pair")
        paired = f"Paired: {count} of rungs share N and D; their residuals correlate by {said}."
    else:
        paired = "Not paired: no rungs share N and D within 10 %, so both ladders count as independent."
    texts = [pooled, paired]
    if not found.is_overlap:
        texts.append("The ranges of C of both ladders do not overlap; the grid spans the gap between them.")
    if any(side.is_inside is False for each in found.budgets for side in (each.a, each.b)):
        texts.append("In brackets: no run of that ladder near it.")
    texts += [f"{warned.code}: {warned.text}" for warned in found.warnings]
    return texts + _of_budgets(found)


def _of_budgets(found: Versus) -> list[str]:
    """Warnings of single budgets, each once with the budgets it is true of; the bracketed sizes say theirs."""
    at: dict[Warned, list[str]] = {}
    for each in found.budgets:
        for warned in each.warnings:
            if warned.code != "outside-hull":
                at.setdefault(warned, []).append(power(each.C))
    return [f"{warned.code} at C {', '.join(budgets)}: {warned.text}" for warned, budgets in at.items()]


def versus_json(rivals: Rivals) -> Object:
    """`labbook fit LADDER --against LADDER --json`."""
    found = rivals.found
    shared: Object = {
        "schema": "labbook.versus/1",
        "a": rivals.a.key,
        "b": rivals.b.key,
        "loss_series": [rivals.a.loss_series, rivals.b.loss_series],
        "loss_unit": [rivals.a.loss_unit, rivals.b.loss_unit],
        "n_kind": [rivals.a.n_kind, rivals.b.n_kind],
    }
    if not isinstance(found, Versus):
        return {**shared, "refused": refused_law(found), "budgets": [], "exponents": [], "warnings": []}
    return {
        **shared,
        "refused": None,
        "forms": list(found.forms),
        "pairs": found.pairs,
        "correlation": found.correlation,
        "ranges_overlap": found.is_overlap,
        "budgets": [_budget_object(each) for each in found.budgets],
        "exponents": [_exponent_object(each) for each in found.exponents],
        "warnings": [warned_object(warned) for warned in found.warnings],
    }


def _budget_object(at: AtBudget) -> Object:
    equal = at.equal
    return {
        "C": at.C,
        "verdict": at.verdict,
        "a": _least_object(at.a),
        "b": _least_object(at.b),
        "difference": at.a.loss - at.b.loss,
        **_gap_object(at.gap),
        "by_form": {name: _gap_object(gap) for name, gap in at.by_form.items()},
        "equal": None if equal is None else {"N": equal.N, "D": equal.D, **_gap_object(equal.gap)},
        "warnings": [warned_object(warned) for warned in at.warnings],
    }


def _gap_object(gap: Gap) -> Object:
    """In percent of the loss of B."""
    ends = None if gap.interval is None else [100.0 * math.expm1(min(end, 700.0)) for end in gap.interval]
    return {"gap_pct": 100.0 * math.expm1(gap.gap), "interval_pct": ends}


def _least_object(side: Least) -> Object:
    return {
        "N": side.N,
        "D": side.D,
        "loss": side.loss,
        "interval": None if side.interval is None else list(side.interval),
        "factor": side.factor,
        "inside": side.is_inside,
    }


def _exponent_object(each: Exponent) -> Object:
    return {
        "law": each.law,
        "name": each.name,
        "a": each.a,
        "b": each.b,
        "a_interval": None if each.a_interval is None else list(each.a_interval),
        "b_interval": None if each.b_interval is None else list(each.b_interval),
        "overlaps": each.overlaps,
    }
