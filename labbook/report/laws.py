# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""The laws of one ladder as text: parameters with intervals, which fits better, verdicts, method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labbook.quantities import format_size
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, bare, percent, plural, significant
from labbook.report.method import all_warnings, interval, method_rows
from labbook.report.paint import paint
from labbook.report.parts import part_lines
from labbook.report.ranking import aicc_difference, law_order, preferred_by_aicc, sentences
from labbook.report.table import Column, table
from labbook.report.verdict import regime_line
from labbook.report.words import refusal_words
from labbook.scaling.values import Comparison, Fit, FitStatus, Regime
from labbook.summary import Alternative, LadderView, RungView

_LAWS = (
    Column("law"),
    Column("k", right=True, priority=3),
    Column("rms %", right=True),
    Column("worst %", right=True, priority=2),
    Column("AICc", right=True, priority=1),
    Column("+AICc", right=True),
    Column("held out: rms %", right=True, priority=1),
    Column("worst %", right=True, priority=2),
    Column("status", least=9),
    Column("pooled"),
)
_PARAMS = (
    Column("law"),
    Column("parameter"),
    Column("value", right=True),
    Column("95 % interval", least=12),
    Column("method", priority=1, least=8),
)


def laws_text(
    view: LadderView, width: int = 78, color: bool = False, ascii: bool = False, whole: bool = False
) -> str:
    """Every law fitted to the ladder, the comparison, warnings, verdicts, alternatives and method block.

    whole: with the refits without some rungs where none of them matters, too.
    """
    lines = _comparison(view, width, color)
    lines += part_lines(view, width, color, whole)
    lines += _section("Warnings", warning_lines(view), width, color)
    lines += _verdicts(view, width, color)
    lines += _section("Other choices", alternative_lines(view), width, color)
    method = [f"{key}: {value}" for key, value in method_rows(view)]
    lines += _section("Method", method, width, color)
    return finish(lines, ascii)


def _section(title: str, texts: list[str], width: int, color: bool) -> list[str]:
    if not texts:
        return []
    return ["", paint(title, "bold", color), *(x for text in texts for x in wrap(text, width, rest="  "))]


def _comparison(view: LadderView, width: int, color: bool) -> list[str]:
    comparison = view.comparison
    title = f"Laws of {view.name} ({plural(len(view.rungs), 'rung')}, loss in {view.loss_unit})"
    lines = [paint(x, "bold", color) for x in wrap(title, width)]
    if comparison is None:
        why = refusal_words(view.refused) if view.refused is not None else "The fits are being computed."
        return lines + wrap(why, width)
    rows = [law_row(comparison, law) for law in law_order(comparison)]
    if rows:
        params = [row for law in law_order(comparison) for row in param_rows(comparison.fits[law])]
        lines += [*table(_LAWS, rows, width), "", *table(_PARAMS, params, width), ""]
    lines += [x for text in sentences(comparison) for x in wrap(text + ".", width, rest="  ")]
    lines += _section("No fit of", refused_lines(comparison), width, color)
    return lines + _section("Not pooled", pool_lines(comparison), width, color)


def law_row(comparison: Comparison, law: str) -> list[str]:
    """(law, k, rms, worst, AICc, difference, hold-out rms, hold-out worst, status, pooled) as text."""
    fit = comparison.fits[law]
    rms, worst = comparison.holdout.get(law, (None, None))
    usable = fit.status is not FitStatus.NOT_CONVERGED
    return [
        law,
        str(fit.k),
        percent(fit.rms_log) if usable else DASH,
        percent(fit.max_resid_log) if usable else DASH,
        _tenth(fit.aicc) if usable else DASH,
        _tenth(aicc_difference(comparison, law)) if usable else DASH,
        percent(rms),
        percent(worst),
        fit.status.value + (f" {','.join(fit.bound)}" if fit.bound else ""),
        _pooled(comparison, law),
    ]


def _tenth(value: float | None) -> str:
    return DASH if value is None else f"{value:.1f}"


def _pooled(comparison: Comparison, law: str) -> str:
    if law == preferred_by_aicc(comparison):
        return "preferred"
    return "yes" if law in comparison.admitted else "no"


def param_rows(fit: Fit) -> list[list[str]]:
    """(law, parameter, value, interval, method) as text; none where the fit did not converge.

    Of parameters the points do not determine there is no value to quote, and the row says that.
    """
    if fit.status is FitStatus.NOT_CONVERGED:
        return []
    if fit.status is FitStatus.UNIDENTIFIED:
        return [[fit.law, "all", DASH, "none: not determined", ""]]
    return [
        [
            fit.law if i == 0 else "",
            name,
            significant(value),
            interval(fit, name),
            fit.interval_method if i == 0 else "",
        ]
        for i, (name, value) in enumerate((fit.params | fit.derived).items())
    ]


def refused_lines(comparison: Comparison) -> list[str]:
    """`chinchilla: five points for five parameters. Two more sizes.`"""
    return [f"{law}: {refusal_words(refused)}" for law, refused in comparison.refused.items()]


def pool_lines(comparison: Comparison) -> list[str]:
    """Why a fitted law is not pooled."""
    return [f"{law}: {reason}" for law, reason in comparison.left_out_of_pool.items()]


def warning_lines(view: LadderView) -> list[str]:
    """Every warning of the ladder and its laws once, code first."""
    return [f"{warned.code}: {warned.text}" for warned in all_warnings(view)]


def _verdicts(view: LadderView, width: int, color: bool) -> list[str]:
    if view.comparison is None or not view.rungs:
        return []
    lines = ["", paint("What limits each rung", "bold", color)]
    if view.comparison.gate is not None:
        return lines + wrap(f"inconclusive: {refusal_words(view.comparison.gate)}", width, rest="  ")
    lines += wrap(note, width) if (note := slopes_note(view)) else []
    for rungs in same_verdict(view.rungs):
        place = f"N {format_size(rungs[0].N)}, D {format_size(rungs[0].D)}{slopes(rungs[0].regime)}"
        lines += wrap(f"{names_of(rungs)} ({place}):", width)
        lines.append(regime_line(rungs[0].regime, None, view.loss_unit, width))
        lines += wrap(rungs[0].regime.settle, width, "  ", "  ") if rungs[0].regime.settle else []
    return lines


def slopes_note(view: LadderView) -> str:
    """What e_N and e_D beside a verdict are; empty where none has them."""
    if not any(slopes(r.regime) for r in view.rungs):
        return ""
    law = view.preferred.law if view.preferred is not None else "the law"
    return f"e_N = -dlnL/dlnN and e_D = -dlnL/dlnD of {law}; the verdict compares finite gains of all laws."


def slopes(regime: Regime) -> str:
    """`; e_N .051, e_D .12`; nothing where the law in front gives none."""
    if regime.elasticity_N is None or regime.elasticity_D is None:
        return ""
    return f"; e_N {bare(regime.elasticity_N)}, e_D {bare(regime.elasticity_D)}"


def names_of(rungs: Sequence[RungView]) -> str:
    """The first by name, and how many repeats it has."""
    return rungs[0].name + (f" and {plural(len(rungs) - 1, 'repeat')}" if len(rungs) > 1 else "")


def same_verdict(rungs: Iterable[RungView]) -> list[list[RungView]]:
    """Rungs by their verdict and place, in order of N and D: repeats stand together."""
    groups: list[list[RungView]] = []
    for rung in sorted(rungs, key=lambda r: (r.N, r.D, r.name)):
        if groups and groups[-1][0].regime == rung.regime:
            groups[-1].append(rung)
        else:
            groups.append([rung])
    return groups


def alternative_lines(view: LadderView) -> list[str]:
    """What another choice would have said, and which verdicts would change."""
    return [line for other in view.alternatives for line in _alternative(other)]


def _alternative(other: Alternative) -> list[str]:
    law = other.preferred or "no law"
    rms = f" with rms {percent(other.rms_log)} %" if other.rms_log is not None else ""
    note = f" {other.note.rstrip('.')}." if other.note else ""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, now, then in other.changes:
        groups.setdefault((now, then), []).append(name)
    changes = [f"- {now} -> {then}: {', '.join(names)}" for (now, then), names in groups.items()]
    n = len(other.changes)
    verdicts = f"{plural(n, 'verdict')} would change" if n else "no verdict would change"
    return [f"{other.title}: {plural(other.n, 'rung')}, {law}{rms}; {verdicts}.{note}", *changes]
