"""Ways to the compute-optimal allocation of a ladder side by side: what each says of N_opt = k C^a."""

from __future__ import annotations

import math

from labbook.quantities import format_size
from labbook.report.figures import DASH, bare, plural, power, significant
from labbook.report.objects import Object, refused_law
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.codes import warned
from labbook.scaling.values import Approach, Budget, Interval
from labbook.summary import LadderView

TITLE = "Compute-optimal allocation"
_PAPERS = "Kaplan et al. 2020 (a .73) and Hoffmann et al. 2022 (a .50, .49, .46 by approach 1, 2, 3)"
_COLUMNS = (
    Column("approach"),
    Column("from", least=8),
    Column("a", right=True),
    Column("95 % interval"),
    Column("b", right=True, priority=2),
    Column("N_opt", right=True, priority=1),
    Column("D/N", right=True, priority=1),
)
_TO_BE_EXPECTED = 0.10
"""By how much two approaches on one data set differ (science.md 2.2)."""


def section(view: LadderView) -> Section | None:
    """a with its interval, b, and the allocation at the ladder's largest compute; None without approaches."""
    if not view.approaches:
        return None
    C = largest_compute(view)
    shown = [x for x in view.approaches if x.a is not None]
    texts = [f"N_opt = k C^a, D_opt ~ C^b; N_opt and D/N at the largest C, {power(C)}."] if shown else []
    return Section(TITLE, _COLUMNS, [_row(x, C) for x in shown], texts + _texts(view, shown))


def largest_compute(view: LadderView) -> float | None:
    """C of the ladder's largest run as the laws count it: 6 N D with D as read; None without a rung."""
    if view.d_reading == "unique":
        return max((6.0 * r.N * r.D for r in view.rungs), default=None)
    return max((r.C for r in view.rungs), default=None)


def _row(found: Approach, C: float | None) -> list[str]:
    N = size_at(found, C)
    return [
        found.name,
        source(found),
        _exponent(found.a),
        _brackets(found.a_interval),
        _exponent(None if found.a is None else 1.0 - found.a),
        format_size(N),
        significant(None if N is None or C is None else C / (6.0 * N * N), 3),
    ]


def source(found: Approach) -> str:
    """What an approach rests on: its law, or how many budgets or sizes."""
    if found.law:
        return found.law
    if found.name == "envelope":
        return plural(len(found.points), "size")
    return f"{sum(b.refused is None for b in found.points)} of {plural(len(found.points), 'budget')}"


def size_at(found: Approach, C: float | None) -> float | None:
    """N_opt at C training FLOP; None where the approach has no line."""
    if C is None or found.a is None or found.ln_k is None:
        return None
    return math.exp(min(found.ln_k + found.a * math.log(C), 700.0))


def _exponent(a: float | None) -> str:
    return DASH if a is None else f"{a:.3f}"


def _brackets(ends: Interval | None) -> str:
    return "no interval" if ends is None else f"[{ends[0]:.3f}, {ends[1]:.3f}]"


def _texts(view: LadderView, shown: list[Approach]) -> list[str]:
    texts = _spread(shown)
    if view.d_reading == "unique" and shown:
        texts.append("D counts unique tokens: a law's optimum is for data seen once, C = 6ND.")
    texts += [text for x in shown for text in _interpolated(x)]
    texts += [f"{', '.join(names)}: {why}" for why, names in _refused(view.approaches).items()]
    texts += [f"{', '.join(names)}: {why}" for why, names in _warned(shown).items()]
    if shown:
        texts.append(f"published-constants: {warned('published-constants', paper=_PAPERS).text}")
    return texts


def _spread(shown: list[Approach]) -> list[str]:
    """How far the approaches lie apart, beside how far they usually do."""
    exponents = sorted((x.a, _label(x)) for x in shown if x.a is not None)
    if len(exponents) < 2:
        return []
    (low, least), (high, most) = exponents[0], exponents[-1]
    apart = f"from {bare(low, 3)} ({least}) to {bare(high, 3)} ({most})"
    usual = f"two approaches on one set of runs differ by up to {_TO_BE_EXPECTED:.2f}".replace("0.", ".")
    more = "more than usual: " if high - low > _TO_BE_EXPECTED else ""
    return [f"a runs {apart}; {more}{usual}."]


def _label(found: Approach) -> str:
    return found.law or found.name


def _interpolated(found: Approach) -> list[str]:
    """Budgets of the parabola that had to be interpolated."""
    budgets = [power(b.C) for b in found.points if b.method == "akima"]
    if found.name != "isoflop" or not budgets:
        return []
    return [f"isoflop: no parabola fits at {', '.join(budgets)}; Akima interpolation stands in."]


def _refused(approaches: tuple[Approach, ...]) -> dict[str, list[str]]:
    """Reason to the approaches it keeps out."""
    found: dict[str, list[str]] = {}
    for x in approaches:
        if x.refused is not None:
            why = refusal_words(x.refused).removeprefix(f"{x.law}: ") if x.law else refusal_words(x.refused)
            found.setdefault(why, []).append(_label(x))
    return found


def _warned(shown: list[Approach]) -> dict[str, list[str]]:
    """Warning to the approaches it is about; budgets left out, one sentence each."""
    found: dict[str, list[str]] = {}
    for x in shown:
        for w in x.warnings:
            text = w.text.removeprefix(f"{x.law}: ") if x.law else w.text
            found.setdefault(f"{w.code}: {text}", []).append(_label(x))
    return found


def objects(view: LadderView) -> list[Object]:
    """Every approach at full precision, the refused ones with their reason."""
    C = largest_compute(view)
    return [_object(x, C) for x in view.approaches]


def _object(found: Approach, C: float | None) -> Object:
    return {
        "approach": found.name,
        "law": found.law or None,
        "a": found.a,
        "a_interval": None if found.a_interval is None else list(found.a_interval),
        "b": None if found.a is None else 1.0 - found.a,
        "ln_k": found.ln_k,
        "c_max": C,
        "n_opt_at_c_max": size_at(found, C),
        "budgets": [_budget(b) for b in found.points],
        "warnings": [{"code": w.code, "text": w.text} for w in found.warnings],
        "refused": None if found.refused is None else refused_law(found.refused),
    }


def _budget(budget: Budget) -> Object:
    return {
        "c": budget.C,
        "n_runs": budget.n,
        "n_opt": budget.N,
        "n_opt_interval": None if budget.N_interval is None else list(budget.N_interval),
        "loss": budget.loss,
        "method": budget.method or None,
        "refused": None if budget.refused is None else refused_law(budget.refused),
    }
