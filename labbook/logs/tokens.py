"""D of a run: tokens a step, tokens seen, tokens planned.

Tokens seen are given, else the log's own counter, else samples x length, else step x tokens per step; the
step counts as its trainer counts (`RunPart.step_origin`).
"""

from __future__ import annotations

import math

from labbook.logs.evidence import Evidence
from labbook.logs.names import is_loss
from labbook.quantities import format_size
from labbook.records import Issue, Latest
from labbook.summary import Count

DOUBTFUL = 0.01
"""A token counter that differs by more from step x tokens per step is an issue."""
_INDEXED = frozenset({"lightning-csv"})
"""Formats whose validation steps are indices like the training steps."""
_NO_STEPS = frozenset({"samples", "tokens", "epoch"})


def tokens_per_step(known: Evidence, seq_len: float | None) -> Count | None:
    """Given, printed, configured, a product of the configuration, or the counter over the steps."""
    found = known.single("tokens_per_step")
    if found is not None:
        return found
    product, counter = _product(known, seq_len), _counted_per_step(known)
    if product is not None and counter is not None and _differ(product.value, counter.value):
        text = (
            f"{product.source} gives {product.value:.0f} tokens a step, "
            f"the token counter {counter.value:.0f}; the counter is used"
        )
        known.issues.append(Issue("token-count-doubtful", text))
        return counter
    return product or counter


def _product(known: Evidence, seq_len: float | None) -> Count | None:
    """batch x accumulation x world x length from the configuration."""
    if seq_len is None:
        return None
    batch, words = known.given_number("batch_size") or known.config.value("global_batch"), ["batch"]
    if batch is None:
        batch = known.config.value("batch") or known.figure("batch_size")
        for quantity in ("accumulation", "world"):
            factor = known.config.value(quantity)
            if batch is not None and factor is not None:
                batch, words = batch * factor, [*words, quantity]
    if batch is None:
        return None
    return Count("tokens_per_step", batch * seq_len, "config", f"config {' x '.join([*words, 'length'])}")


def _counted_per_step(known: Evidence) -> Count | None:
    """The log's token counter over the updates made when it stood there."""
    for row in known.latest:
        updates = _updates(known, row)
        if row.series == "train" and row.max_tokens > 0 and updates is not None and updates > 0:
            return Count("tokens_per_step", row.max_tokens / updates, "counter", "token counter / steps")
    return None


def _updates(known: Evidence, row: Latest) -> float | None:
    """Updates made at the largest step of a series."""
    one = known.source_of(row)
    if one is None or not math.isfinite(row.max_step) or one.step_kind in _NO_STEPS:
        return None
    indexed = row.series == "train" or one.format in _INDEXED
    return row.max_step + (1 - one.step_origin if indexed else 0)


def tokens_seen(known: Evidence, per_step: Count | None, seq_len: float | None) -> Count | None:
    """Tokens of the steps logged so far."""
    given = known.given_count("tokens_seen", "tokens_seen")
    if given is not None:
        return given
    stepped = _by_axis(known, seq_len) or _by_step(known, per_step)
    counted = _counted(known)
    if counted is None:
        return stepped
    if stepped is not None and not stepped.approximate and _differ(stepped.value, counted.value):
        says, instead = format_size(counted.value, 4), format_size(stepped.value, 4)
        text = f"the token counter says {says}, {stepped.source} {instead}"
        known.issues.append(Issue("token-count-doubtful", text))
    return counted


def _counted(known: Evidence) -> Count | None:
    counters = [row.max_tokens for row in known.latest if row.max_tokens > 0]
    figures = [count.value for count in known.printed("tokens_seen")]
    if not counters and not figures:
        return None
    source = "the log's token counter" if counters else known.printed("tokens_seen")[0].source
    return Count("tokens_seen", max([*counters, *figures]), "counter", source)


def _by_axis(known: Evidence, seq_len: float | None) -> Count | None:
    """Where the step itself counts tokens or samples."""
    for one in known.said:
        steps = [
            row.max_step for row in known.latest if row.source == one.source and math.isfinite(row.max_step)
        ]
        if one.step_kind == "tokens" and steps:
            return Count("tokens_seen", max(steps), "counter", "the step counts tokens")
        if one.step_kind == "samples" and steps and seq_len is not None:
            return Count("tokens_seen", max(steps) * seq_len, "computed", "samples x length")
    return None


def updates_made(known: Evidence) -> tuple[float, bool] | None:
    """(updates made so far, False where the step may count log calls), over all series of losses."""
    sure: list[float] = []
    unsure: list[float] = []
    for row in known.latest:
        updates = _updates(known, row) if is_loss(row.series) else None
        one = known.source_of(row)
        if updates is not None and updates > 0 and one is not None:
            (sure if one.step_kind == "optimizer" else unsure).append(updates)
    return (max(sure or unsure), bool(sure)) if sure or unsure else None


def _by_step(known: Evidence, per_step: Count | None) -> Count | None:
    """step x tokens per step; approximate where the step may count log calls."""
    made = updates_made(known)
    if per_step is None or made is None:
        return None
    updates, is_sure = made
    source = f"step x tokens per step ({per_step.source})"
    return Count("tokens_seen", updates * per_step.value, "computed", source, None, not is_sure)


def planned_tokens(known: Evidence, per_step: Count | None, steps: Count | None) -> Count | None:
    """Given, printed or configured, else planned steps x tokens per step."""
    found = known.single("planned_tokens")
    if found is not None or per_step is None or steps is None:
        return found
    value = steps.value * per_step.value
    return Count("planned_tokens", value, "computed", "planned steps x tokens per step")


def planned_steps(known: Evidence, per_step: Count | None, tokens: Count | None) -> Count | None:
    """Given, printed or configured, else planned tokens / tokens per step."""
    found = known.single("planned_steps")
    if found is not None or per_step is None or tokens is None:
        return found
    return Count(
        "planned_steps", tokens.value / per_step.value, "computed", f"{tokens.source} / tokens per step"
    )


def _differ(a: float, b: float) -> bool:
    return abs(a - b) > DOUBTFUL * max(abs(a), abs(b))
