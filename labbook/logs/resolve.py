"""What a run is: N, tokens, unit, recipe, each with where it comes from; cheap for thousands of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labbook.logs.carry import LEFT_OUT
from labbook.logs.evidence import Evidence
from labbook.logs.given import GIVEN_KEYS, check_given
from labbook.logs.ladder_rows import RECIPE
from labbook.logs.names import is_loss
from labbook.logs.parameters import KINDS, parameter_counts, total_flos, with_flos
from labbook.logs.tokens import (
    planned_steps,
    planned_tokens,
    sequence_length,
    tokens_per_step,
    tokens_seen,
    updates_made,
)
from labbook.logs.units import Units, units_of
from labbook.records import Issue, Latest, Said
from labbook.summary import Count

__all__ = ["GIVEN_KEYS", "Resolved", "check_given", "resolve"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """One run in numbers. A missing number is None; what a person could supply stands in `missing`."""

    counts: tuple[Count, ...] = ()
    """Every N found, the one that stands for its kind first."""
    tokens_per_step: Count | None = None
    tokens_seen: Count | None = None
    unique_tokens: Count | None = None
    epochs: float | None = None
    """Passes over the unique tokens."""
    planned_steps: Count | None = None
    planned_tokens: Count | None = None
    updates: float | None = None
    """Optimizer updates made so far, the trainer's way of counting taken into account."""
    seq_len: float | None = None
    unit: str = "nats/token"
    """Of the loss the run is judged by, as logged."""
    unit_source: str = "assumed"
    train_unit: str = "nats/token"
    """Of the training loss, as logged."""
    perplexity: dict[str, str] = field(default_factory=dict)
    """By role (train, val) the perplexity whose logarithm stands for the loss."""
    bytes_per_token: float | None = None
    judged_by: str | None = None
    """The series a person chose to judge the run by."""
    leave_out: str | None = None
    """A person's reason to keep it out of every fit."""
    seed: str | None = None
    peak_lr: float | None = None
    """From the configuration; the greatest logged learning rate is the caller's to add."""
    batch: float | None = None
    """Sequences a step, as configured."""
    recipe: dict[str, str] = field(default_factory=dict)
    """recipe, dataset, tokenizer, family, schedule, context, unit; a key is absent where it is unknown."""
    missing: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()

    def n(self, kind: str) -> Count | None:
        """The N of that kind that stands."""
        return next((count for count in self.counts if count.kind == kind), None)

    @property
    def leading_n(self) -> Count | None:
        """N active where there are experts, as C needs it; else an exact N before a rough one, then by kind."""
        found = [count for kind in KINDS if (count := self.n(kind)) is not None]
        return self.n("n_active") or min(found, key=lambda count: count.approximate, default=None)


def resolve(said: Sequence[Said], latest: Sequence[Latest], given: Mapping[str, str]) -> Resolved:
    """Everything known of one run from all its sources.

    given: what a person said, by `GIVEN_KEYS`; it wins over `labbook.toml`, which wins over the logs.
    """
    known = Evidence(said, latest, given)
    units = units_of(known)
    seq_len = sequence_length(known)
    per_step = tokens_per_step(known, seq_len)
    counts = parameter_counts(known)
    seen = tokens_seen(known, per_step, seq_len) or _tokens_by_flos(known, counts)
    counts = with_flos(known, counts, seen)
    made = updates_made(known)
    unique = known.single("unique_tokens")
    steps = planned_steps(known, per_step, known.single("planned_tokens"))
    context = seq_len or known.config.value("positions")
    return Resolved(
        counts=counts,
        tokens_per_step=per_step,
        tokens_seen=seen,
        unique_tokens=unique,
        epochs=seen.value / unique.value if seen is not None and unique is not None else None,
        planned_steps=steps,
        planned_tokens=planned_tokens(known, per_step, steps),
        updates=made[0] if made is not None else None,
        seq_len=context,
        unit=units.unit,
        unit_source=units.source,
        train_unit=units.train,
        perplexity=dict(units.perplexity),
        bytes_per_token=known.given_number("bytes_per_token"),
        judged_by=known.word("loss"),
        leave_out=_left_out(known),
        seed=known.text("seed"),
        peak_lr=known.given_number("learning_rate") or known.config.value("peak_lr"),
        batch=_batch(known),
        recipe=_recipe(known, units.unit, context),
        missing=_missing(known, counts, (per_step, seen, unique, steps), units),
        issues=tuple(known.issues),
    )


def _tokens_by_flos(known: Evidence, counts: Sequence[Count]) -> Count | None:
    """Tokens from total_flos = 6 N D where N without embeddings is known and nothing counts the tokens."""
    count = next((c for c in counts if c.kind == "n_non_embedding"), None)
    flos = total_flos(known)
    if count is None or not flos > 0:
        return None
    return Count("tokens_seen", flos / 6 / count.value, "flos", "total_flos / 6 / N", None, True)


def _batch(known: Evidence) -> float | None:
    config = known.config
    configured = config.value("global_batch") or config.value("batch") or config.value("train_batch")
    printed = known.figure("global_batch_size") or known.figure("batch_size")
    return known.given_number("batch_size") or configured or config.value("device_batch") or printed


def _left_out(known: Evidence) -> str | None:
    """Why the run is kept out of every fit: a person's words, or what its row of a table says."""
    word = known.word("leave_out")
    if word is not None:
        return f"by hand: {word}"
    return next((str(one.config[LEFT_OUT]) for one in known.said if LEFT_OUT in one.config), None)


def _recipe(known: Evidence, unit: str, seq_len: float | None) -> dict[str, str]:
    words = {key: known.text(key) for key in ("dataset", "tokenizer", "family", "schedule")}
    context = f"{seq_len:.0f}" if seq_len is not None else None
    told = next((str(one.config[RECIPE]) for one in known.said if RECIPE in one.config), None)
    found = {"recipe": known.word("recipe") or told, **words, "context": context, "unit": unit}
    return {key: value for key, value in found.items() if value}


def _missing(
    known: Evidence,
    counts: Sequence[Count],
    tokens: tuple[Count | None, Count | None, Count | None, Count | None],
    units: Units,
) -> tuple[str, ...]:
    per_step, seen, unique, steps = tokens
    chosen = known.word("loss")
    absent = {
        "N": not counts,
        "tokens per step": per_step is None and (seen is None or seen.how not in {"counter", "given"}),
        "unique tokens": unique is None,
        "planned steps": steps is None,
        "loss": not units.perplexity
        and not any(is_loss(row.series) or row.series == chosen for row in known.latest),
    }
    return tuple(name for name, is_absent in absent.items() if is_absent)
