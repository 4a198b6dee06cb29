"""D of a run: tokens a step, tokens seen, tokens planned.

Tokens seen are given, else the log's own counter, else samples x length, else step x tokens per step; the
step counts as its trainer counts (`RunPart.step_origin`). Where the batch grows during a run, step x tokens per
step is not what was seen.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from labbook.logs.evidence import Evidence
from labbook.logs.names import is_loss, plain
from labbook.quantities import format_size
from labbook.records import Issue, Latest
from labbook.summary import Count

DOUBTFUL = 0.01
"""A token counter that differs by more from step x tokens per step is an issue."""
_INDEXED = frozenset({"lightning-csv", "json-run"})
"""Formats whose validation steps are indices like the training steps."""
_STEP_TOKENS = frozenset({"tokens_per_step", "wpb"})
"""Series that say how many tokens a step had."""
_BATCHES = frozenset({"batch", "global_batch_size", "batch_size"})
"""Series that say how many sequences a step had."""
_SAMPLES = re.compile(r"(?:^|_)(?:consumed(?:_train)?_samples|samples_seen)\Z|^samples\Z")
_NO_STEPS = frozenset({"samples", "tokens", "epoch"})


def sequence_length(known: Evidence) -> float | None:
    """Tokens of one sequence in training: given, printed or configured.

    A model's greatest length is another thing and is not taken for it.
    """
    return known.given_number("seq_len") or known.figure("seq_len") or known.config.value("seq_len")


def tokens_per_step(known: Evidence, seq_len: float | None) -> Count | None:
    """Given, printed, configured, logged with each step, a product of the batch, a counter over the steps."""
    found = known.single("tokens_per_step") or _logged(known)
    if found is not None:
        return found
    product, counter = _product(known, seq_len), _counted_per_step(known, seq_len)
    if product is not None and counter is not None and _differ(product.value, counter.value):
        if product.approximate or has_ramp(known):
            return counter if product.approximate else product
        text = (
            f"{product.source} gives {product.value:.0f} tokens a step, "
            f"{counter.source} {counter.value:.0f}; the counter is used"
        )
        known.issues.append(Issue("token-count-doubtful", text))
        return counter
    return product or counter


def _logged(known: Evidence) -> Count | None:
    """The tokens of a step as a metric of their own; approximate where they vary."""
    for row in known.latest:
        if plain(row.series) in _STEP_TOKENS and row.last_value > 0 and math.isfinite(row.last_value):
            varies = row.first_value != row.last_value
            return Count("tokens_per_step", row.last_value, "printed", row.series, None, varies)
    return None


def has_ramp(known: Evidence) -> bool:
    """True where the batch grows during the run: the configuration says so, or the logged batch does."""
    stated = known.config.text("ramp")
    logged = any(plain(row.series) in _BATCHES and row.first_value < row.last_value for row in known.latest)
    return logged or any(letter.isdigit() for letter in stated or "")


def _product(known: Evidence, seq_len: float | None) -> Count | None:
    """batch x accumulation x world x length, printed or configured."""
    found = _whole_batch(known) or _batch_of_one_device(known)
    if seq_len is None or found is None or not math.isfinite(found[0] * seq_len):
        return None
    batch, source, is_sure = found
    how = "printed" if source.startswith("printed") else "config"
    assumed = "" if is_sure else "; how many devices is not known, one assumed"
    return Count("tokens_per_step", batch * seq_len, how, f"{source} x length{assumed}", None, not is_sure)


def _whole_batch(known: Evidence) -> tuple[float, str, bool] | None:
    """(sequences of one step, where from, True) where they are said as such.

    DeepSpeed's train_batch_size is the whole batch where the batch of one device stands beside it.
    """
    config = known.config
    pair = config.value("train_batch") if config.has("device_batch") else None
    found = {
        "config batch": known.given_number("batch_size"),
        "printed batch": known.figure("global_batch_size"),
        "config global batch": config.value("global_batch") or pair,
    }
    return next(((value, source, True) for source, value in found.items() if value is not None), None)


def _batch_of_one_device(known: Evidence) -> tuple[float, str, bool] | None:
    """(sequences of one step, where from, False where one device is assumed) from the parts of a batch."""
    config = known.config
    each = config.value("device_batch") or config.value("train_batch")
    batch, words, printed = config.value("batch") or each, ["config batch"], known.figure("batch_size")
    if batch is None and printed is not None:
        batch, words = printed, ["printed batch"]
    if batch is None:
        return None
    factors = {"accumulation": config.value("accumulation"), "world": _data_parallel(known)}
    for quantity, factor in factors.items():
        if factor is not None:
            batch, words = batch * factor, [*words, quantity]
    return batch, " x ".join(words), config.value("batch") is not None or factors["world"] is not None


def _data_parallel(known: Evidence) -> float | None:
    """Devices that work on different sequences: all of them over those that share a model."""
    world = known.config.value("world") or known.figure("world_size")
    if world is None:
        return None
    shared = (known.config.value("tensor_parallel") or 1.0) * (known.config.value("pipe_parallel") or 1.0)
    return world / shared if shared < world else 1.0 if shared == world else world


def _counted_per_step(known: Evidence, seq_len: float | None) -> Count | None:
    """The log's counter of tokens or samples over the updates made when it stood there."""
    for row in known.latest:
        updates = _updates(known, row)
        if row.series == "train" and row.max_tokens > 0 and updates is not None and updates > 0:
            return Count("tokens_per_step", row.max_tokens / updates, "counter", "token counter / steps")
    for row in _sample_counters(known):
        updates = row.last_step
        if seq_len is not None and updates > 0 and math.isfinite(updates):
            value = row.last_value * seq_len / updates
            return Count("tokens_per_step", value, "counter", "sample counter x length / steps")
    return None


def _sample_counters(known: Evidence) -> list[Latest]:
    """Series that count the samples seen."""
    return [
        row
        for row in known.latest
        if _SAMPLES.search(plain(row.series)) and math.isfinite(row.last_value) and row.last_value > 0
    ]


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
    sampled = _by_axis(known, seq_len) or _by_samples(known, seq_len)
    stepped = sampled or _by_step(known, per_step)
    counted = _counted(known)
    if counted is None:
        if stepped is not None and sampled is None and has_ramp(known):
            text = "the batch grows during the run: step x tokens per step is not the tokens seen"
            known.issues.append(Issue("token-count-doubtful", text))
            return replace(stepped, approximate=True)
        return stepped or _rounded(known)
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


def _rounded(known: Evidence) -> Count | None:
    """A counter printed with a few digits and a size letter, where nothing better is known."""
    for row in known.latest:
        if plain(row.series) == "consumed_tokens" and row.last_value > 0 and math.isfinite(row.last_value):
            return Count("tokens_seen", row.last_value, "counter", f"{row.series}, rounded", 3, True)
    return None


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


def _by_samples(known: Evidence, seq_len: float | None) -> Count | None:
    """A counter of samples, or the axis of a metric logged against samples or tokens, times the length."""
    for row in known.latest:
        name = plain(row.series)
        if name.endswith("_vs_tokens") and row.max_step > 0 and math.isfinite(row.max_step):
            return Count("tokens_seen", row.max_step, "counter", f"axis of {row.series}")
        if name.endswith("_vs_samples") and seq_len is not None and math.isfinite(row.max_step):
            return Count("tokens_seen", row.max_step * seq_len, "computed", f"axis of {row.series} x length")
    counters = _sample_counters(known)
    if not counters or seq_len is None:
        return None
    most = max(counters, key=lambda row: row.last_value)
    return Count("tokens_seen", most.last_value * seq_len, "computed", f"{most.series} x length")


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
    unsure = not is_sure or per_step.approximate
    return Count("tokens_seen", updates * per_step.value, "computed", source, None, unsure)


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
