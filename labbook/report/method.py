"""The method block: everything needed to redo a ladder's numbers (science.md section 9).

`LadderView.method` brings what only the workbook knows, versions and choices; what the ladder's own
values say beyond it is added here, under keys of its own. The JSON spells the same keys with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from labbook.report.figures import percent, significant
from labbook.report.ranking import by_aicc, by_holdout
from labbook.scaling.values import Comparison, Fit, Warned
from labbook.summary import LadderView

Pair = tuple[str, str]

_JSON_KEYS = {"N": "n_convention", "C": "c_convention"}


def json_key(key: str) -> str:
    """A key of the block as JSON spells it: `corr(ln N, ln D)` is `corr_ln_n_ln_d`."""
    return _JSON_KEYS.get(key) or re.sub(r"[^0-9A-Za-z]+", "_", key).strip("_").lower()


def method_rows(view: LadderView, extra: Iterable[Pair] = ()) -> list[Pair]:
    """(key, value) of the block in order, every key once: the first one given stands.

    extra: pairs only the caller knows, such as the date.
    """
    rows: dict[str, str] = {}
    for key, value in [*extra, *view.method, *_ladder(view), *_fits(view)]:
        rows.setdefault(key, value)
    return list(rows.items())


def _ladder(view: LadderView) -> list[Pair]:
    left_out = "; ".join(f"{x.name} ({x.code}: {x.reason})" for x in view.left_out)
    return [
        ("ladder", view.key),
        ("runs used", ", ".join(r.name for r in view.rungs) or "none"),
        ("runs left out", left_out or "none"),
        ("N", view.n_kind),
        ("D reading", f"{view.d_reading}: {view.d_reason}"),
        ("loss", f"{view.loss_unit}, {view.loss_series}"),
        ("loss rule", view.loss_rule),
        ("warnings", ", ".join(dict.fromkeys(w.code for w in all_warnings(view))) or "none"),
    ]


def all_warnings(view: LadderView) -> list[Warned]:
    """Warnings of the ladder, of its laws and of a law put in front by hand, each once with its law."""
    found = [*view.warnings]
    found += view.comparison.warnings if view.comparison is not None else ()
    front = view.preferred
    for warned in front.warnings if front is not None else ():
        if front is not None and not any(x.code == warned.code and x.text.endswith(warned.text) for x in found):
            found.append(Warned(warned.code, f"{front.law}: {warned.text}"))
    return list(dict.fromkeys(found))


def _fits(view: LadderView) -> list[Pair]:
    comparison = view.comparison
    if comparison is None:
        return [("status", f"{view.refused.code}: {view.refused.text}" if view.refused else "not computed yet")]
    rows = [
        ("data digest", f"sha256 {comparison.digest}"),
        ("seed sd", f"{significant(comparison.seed_sd)} ({comparison.seed_sd_source})"),
        ("pooled laws", ", ".join(comparison.admitted) or "none"),
        ("AICc", _per_law(by_aicc(comparison), lambda law: significant(comparison.fits[law].aicc))),
        ("hold-out", _per_law(by_holdout(comparison), lambda law: _holdout(comparison, law))),
    ]
    return rows + (_law(view.preferred) if view.preferred is not None else [("law", "none preferred")])


def _per_law(laws: list[str], figure: Callable[[str], str]) -> str:
    return "; ".join(f"{law} {figure(law)}" for law in laws) or "none"


def _holdout(comparison: Comparison, law: str) -> str:
    rms, worst = comparison.holdout[law]
    return f"rms {percent(rms, 3)} %, worst {percent(worst, 3)} %"


def _law(fit: Fit) -> list[Pair]:
    return [
        ("law", f"{fit.law}: {fit.equation}"),
        ("status", fit.status.value + (f" ({', '.join(fit.bound)})" if fit.bound else "")),
        ("objective", fit.objective),
        ("objective sum", significant(fit.objective_value)),
        ("starts", f"{fit.starts_at_best} of {fit.starts} at the best optimum, {fit.distinct_optima} distinct"),
        ("tolerance", significant(fit.tolerance)),
        ("interval method", fit.interval_method),
        ("rms", f"{percent(fit.rms_log, 6)} % of L"),
        ("largest residual", f"{percent(fit.max_resid_log, 6)} % of L"),
        ("condition", significant(fit.condition)),
        ("corr(ln N, ln D)", significant(fit.corr)),
        *_figures(fit),
    ]


def _figures(fit: Fit) -> list[Pair]:
    """Parameters and what follows from them, six significant digits with intervals."""
    values = fit.params | fit.derived
    return [(name, f"{significant(value)} {interval(fit, name)}") for name, value in values.items()]


def interval(fit: Fit, name: str) -> str:
    """The 95 % interval of a parameter in brackets, or why there is none."""
    bounds = fit.intervals.get(name)
    if bounds is not None:
        return f"[{significant(bounds[0])}, {significant(bounds[1])}]"
    return "no interval: at a bound" if name in fit.bound else "no interval"
