"""One line that says what limits a run, with probability, data share and gains (science.md 5.5).

Gains are printed as the change of the loss they bring, medians with 90 % intervals. Without a unit they
are nats per token; any other unit stands at the end. Where a line would be too wide the parts give way
in a fixed order: the words `tokens` and `params` become D and N, then the interval goes, then the
smaller gain.
"""

from __future__ import annotations

from labbook.report.cells import first_fit
from labbook.report.figures import bare, chance, change, done_share, known, share
from labbook.report.words import UNITS_SHORT, without_stop
from labbook.scaling.values import Gains, Interval, Refusal, Regime
from labbook.summary import RunView

_P = {"data-limited": "p_data", "model-limited": "p_model", "balanced": "p_balanced"}
_EARLY = 0.95
"""A validation minimum before this share of the run lies in the past (science.md 5.4)."""


def probability(regime: Regime) -> float | None:
    """P of the regime's own label in the pool; None where it has none."""
    if regime.pooled is None or regime.label not in _P:
        return None
    value: float = getattr(regime.pooled, _P[regime.label])
    return value


def regime_line(regime: Regime | Refusal, run: RunView | None, unit: str, width: int = 78) -> str:
    """The verdict in one line of at most `width` cells; gains in `unit`."""
    return first_fit(_candidates(regime, run, unit), width)


def _candidates(regime: Regime | Refusal, run: RunView | None, unit: str) -> list[str]:
    """The line in words, fullest first."""
    if isinstance(regime, Refusal):
        return _refused("no regime", regime)
    if regime.label == "under-trained":
        return _under_trained(regime, run, unit)
    if regime.label == "inconclusive":
        return _inconclusive(regime, unit)
    if regime.repeat_limited:
        return _repeat_limited(regime, run, unit)
    return _limited(regime, unit)


def _refused(word: str, refusal: Refusal) -> list[str]:
    text, remedy = without_stop(refusal.text), without_stop(refusal.remedy)
    return [f"{word}: {text}; {remedy}", f"{word}: {text}"] if remedy else [f"{word}: {text}"]


def _under_trained(regime: Regime, run: RunView | None, unit: str) -> list[str]:
    done = f"{done_share(run.frac)} done, " if run is not None and known(run.frac) else ""
    drop = regime.remaining_drop
    amount = f" {change(drop)}" if drop is not None and known(drop) else ""
    line = f"under-trained: {done}own remaining drop{amount}"
    tail = " exceeds either doubling; wait"
    with_unit = line + (_suffix(unit) if amount else "")
    return [with_unit + tail, line + tail, f"{with_unit}; wait", f"{line}; wait"]


def _inconclusive(regime: Regime, unit: str) -> list[str]:
    if regime.refused is not None:
        return _refused("inconclusive", regime.refused)
    if regime.pooled is None:
        return ["inconclusive"]
    g = regime.pooled
    note = " (form-dependent)" if regime.form_dependent else ""
    shares = f"data {chance(g.p_data)}, balanced {chance(g.p_balanced)}, model {chance(g.p_model)}"
    p = f"inconclusive{note}: {shares}"
    gains = _gains(g, unit, interval=False, short=False)
    return [f"{p}; {gains}", f"{p}; {_gains(g, unit, interval=False, short=True)}", p]


def _title(regime: Regime) -> str:
    """`data-limited (93%), s_D .73`."""
    inside = [chance(p)] if (p := probability(regime)) is not None else []
    inside += ["form-dependent"] if regime.form_dependent else []
    note = f" ({', '.join(inside)})" if inside else ""
    return f"{regime.label}{note}{_data_share(regime)}"


def _data_share(regime: Regime) -> str:
    """`, s_D .73`; nothing where Kaplan's form is not pooled and so has no part in the verdict."""
    if regime.data_share is None or "kaplan" not in regime.by_form:
        return ""
    return f", s_D {bare(regime.data_share)}"


def _limited(regime: Regime, unit: str) -> list[str]:
    title = _title(regime)
    if regime.pooled is None:
        return [title]
    g = regime.pooled
    end = "; more compute helps" if regime.label == "balanced" else ""
    with_interval = regime.label != "balanced"
    first = _first(regime)
    lines = [
        f"{title}: {_gains(g, unit, interval=interval, short=short, first=first)}{end}"
        for interval in (with_interval, False)
        for short in (False, True)
    ]
    return [*lines, f"{title}: {_gain(g, first, interval=False, short=True)}{_suffix(unit)}", title]


def _first(regime: Regime) -> str:
    """The doubling that helps more by the label stands first."""
    return "params" if regime.label == "model-limited" else "tokens"


def _repeat_limited(regime: Regime, run: RunView | None, unit: str) -> list[str]:
    title = f"repeat-limited, {_title(regime)}"
    reason = _repeat_reason(run)
    head = f"{title}: {reason}" if reason else title
    if regime.pooled is None:
        return [head]
    join = "; " if reason else ": "
    first = _first(regime)
    both = _gains(regime.pooled, unit, interval=False, short=False, first=first, fresh=True)
    one = _gain(regime.pooled, first, interval=False, short=False, fresh=True) + _suffix(unit)
    return [f"{head}{join}{both}", f"{head}{join}{one}", head, title]


def _repeat_reason(run: RunView | None) -> str:
    """Why data is said to be repeated, by what the run's values hold."""
    if run is None:
        return ""
    least = run.minimum
    if least is not None and least.step is not None and run.step and least.step < _EARLY * run.step:
        return f"validation minimum at {share(least.step / run.step)} of run"
    return f"{run.epochs:.3g} epochs" if run.epochs is not None and run.epochs > 1 else ""


def _gains(
    g: Gains, unit: str, *, interval: bool, short: bool, first: str = "tokens", fresh: bool = False
) -> str:
    second = "params" if first == "tokens" else "tokens"
    leading = _gain(g, first, interval=interval, short=short, fresh=fresh)
    return f"{leading}, {_gain(g, second, interval=False, short=short, fresh=fresh)}{_suffix(unit)}"


def _gain(g: Gains, what: str, *, interval: bool, short: bool, fresh: bool = False) -> str:
    value, bounds = (g.g_tokens, g.g_tokens_interval) if what == "tokens" else (g.g_params, g.g_params_interval)
    word = {"tokens": "D", "params": "N"}[what] if short else what
    word = f"fresh {word}" if fresh and what == "tokens" else word
    return f"2x {word} {change(value)}" + (f" {_bounds(bounds)}" if interval else "")


def _bounds(interval: Interval) -> str:
    return f"[{change(interval[1])},{change(interval[0])}]"


def _suffix(unit: str) -> str:
    return "" if unit == "nats/token" else f" {UNITS_SHORT.get(unit, unit)}"
