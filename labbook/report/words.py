"""The words for states, flags, counts and units, shared by reports and screens."""

import math

from labbook.quantities import format_size
from labbook.report.figures import DASH, bare, known, loss_figure
from labbook.scaling.values import Refusal, Regime
from labbook.summary import Count, Flag, LadderView, Level, RunView, Summary

SEVERITIES = ("crit", "warn", "info")

STATE_WORDS = {
    "ok": "training",
    "done": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
    "stalled": "no progress for too long",
    "nan": "loss is not a number",
    "diverged": "diverged",
    "spike-open": "spike, not recovered",
    "unknown": "the log does not say how it ended",
}

UNITS_SHORT = {"nats/token": "nats/tok", "nats/byte": "nats/B", "bits/token": "bits/tok", "bits/byte": "bits/B"}

KINDS = {
    "n_non_embedding": "non_embedding",
    "n_total": "total",
    "n_active": "active",
    "n_other": "other",
}
"""How the JSON names the kinds of N."""

KIND_WORDS = {
    "n_non_embedding": "N, non-embedding",
    "n_total": "N, total",
    "n_active": "N, active",
    "n_other": "N, of unknown kind",
    "tokens_seen": "tokens seen",
    "unique_tokens": "unique tokens",
    "tokens_per_step": "tokens per step",
}

SUPPLY = {
    "N": "n=...",
    "tokens per step": "tokens_per_step=...",
    "unique tokens": "unique_tokens=...",
    "planned steps": "planned_steps=...",
}
"""What `labbook set RUN ...` takes for each missing figure. The dots are no value: pasted as they are, they
are refused, where a made-up figure would be believed."""

ASSUMED = "assumed"
"""`RunView.unit_source` where nothing says the unit of the loss."""


def state_word(state: str) -> str:
    """A state in words: `spike-open` is `spike, not recovered`."""
    return STATE_WORDS.get(state, state)


def state_words(state: str) -> str:
    """The state and what it means, `ok: training`; a word that says it all stands alone."""
    word = state_word(state)
    return state if word == state else f"{state}: {word}"


def flag_words(flags: tuple[Flag, ...], state: str = "") -> str:
    """Ids of the open flags, worst first, without the one that already is the state."""
    open_ = [f for f in flags if f.cleared_step is None and f.id != state]
    open_.sort(key=lambda f: SEVERITIES.index(f.severity))
    return " ".join(dict.fromkeys(f.id for f in open_))


def flag_sentence(flag: Flag) -> str:
    """One flag with its evidence: `spike (warn) from step 812: ...; cleared at step 840`."""
    since = f" from step {flag.since_step:.0f}" if flag.since_step is not None else ""
    evidence = ""
    if flag.value is not None and flag.threshold is not None:
        evidence = f" [{bare(flag.value, 3)} against {bare(flag.threshold, 3)}]"
    window = f", window {flag.window} points" if flag.window is not None else ""
    cleared = f"; cleared at step {flag.cleared_step:.0f}" if flag.cleared_step is not None else ""
    head = flag_head(flag, flag.severity, since)
    return f"{head}{evidence}{window}{cleared}"


def flag_head(flag: Flag, severity: str, since: str = "") -> str:
    """`spike (warn) from step 812: 3 of 5 points ...`; a text that repeats the id says it once."""
    text = flag.text.strip()
    text = "" if text == flag.id else text.removeprefix(f"{flag.id}:").strip()
    return f"{flag.id} ({severity}){since}" + (f": {text}" if text else "")


def regime_word(regime: Regime | Refusal) -> str:
    """The label for a table cell, `data-limited (repeat, form-dependent)`; a dash for a refusal.

    The label stands first, so that a cropped cell still shows it.
    """
    if isinstance(regime, Refusal):
        return DASH
    notes = ["repeat"] if regime.repeat_limited else []
    notes += ["form-dependent"] if regime.form_dependent else []
    return f"{regime.label} ({', '.join(notes)})" if notes else regime.label


def count_word(found: Count | None) -> str:
    """`393K`, with `~` where it is approximate or rounded to two digits or fewer."""
    if found is None:
        return DASH
    rough = found.approximate or (found.digits is not None and found.digits <= 2)
    return ("~" if rough else "") + format_size(found.value)


def kind_word(kind: str) -> str:
    """`n_non_embedding` as `N, non-embedding`."""
    return KIND_WORDS.get(kind, kind.replace("_", " "))


def level_words(level: Level | None, unit: str, error: str = "") -> str:
    """`1.2345 +- .0012 nats/byte (val, min_val at step 1500)`.

    error: what the `+-` is, said after it.
    """
    if level is None:
        return "not known"
    se = f" +- {bare(level.se)}{error and ' ' + error}" if known(level.se) and level.se is not None else ""
    at = f" at step {level.step:.0f}" if level.step is not None and math.isfinite(level.step) else ""
    return f"{loss_figure(level.value)}{se} {unit} ({level.series}, {level.estimator}{at})"


_READINGS = ("last", "min_val")
"""Estimators that take one point as it is."""


def error_words(level: Level) -> tuple[str, str]:
    """What the error of a level is, in full and in a word: one reading has no error of a mean."""
    return ("noise of one reading", "noise") if level.estimator in _READINGS else ("standard error", "s.e.")


def unit_words(run: RunView) -> str:
    """The unit of the run's losses, with a note where nothing says it: `nats/token (unit assumed)`."""
    return f"{run.loss_unit} (unit assumed)" if is_assumed(run) else run.loss_unit


def is_assumed(run: RunView) -> bool:
    """True where the unit of the loss is a guess; `other` claims nothing."""
    return run.unit_source == ASSUMED and run.loss_unit != "other"


def shown_tokens(run: RunView, ladder: LadderView | None) -> Count | None:
    """The run's D as its ladder reads it: unique tokens or tokens seen."""
    if ladder is not None and ladder.d_reading == "unique" and run.unique_tokens is not None:
        return run.unique_tokens
    return run.tokens_seen


def reading_words(summary: Summary) -> str:
    """What a D column of mixed ladders holds."""
    readings = {ladder.d_reading for ladder in summary.ladders}
    if readings == {"unique"}:
        return "D in unique tokens"
    return "D in tokens seen" if "unique" not in readings else "D in unique tokens or tokens seen, by ladder"


def refusal_words(refused: Refusal) -> str:
    """A refusal's sentence and what would settle it; the dots of `n=...` stay."""
    text, remedy = without_stop(refused.text), without_stop(refused.remedy)
    if not remedy:
        return _ended(text)
    return f"{_ended(text)} {_ended(remedy)}" if remedy[0].isupper() else f"{text}; {_ended(remedy)}"


def without_stop(text: str) -> str:
    """The text without its full stop; the dots of `n=...` stay."""
    return text if text.endswith("...") else text.rstrip(".")


def _ended(text: str) -> str:
    return text if text.endswith("...") else f"{text}."
