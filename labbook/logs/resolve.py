"""What a run is: N, tokens, unit, recipe, each with where it comes from; cheap for thousands of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labbook.logs.evidence import Evidence
from labbook.logs.given import GIVEN_KEYS, check_given
from labbook.logs.names import is_loss
from labbook.logs.parameters import parameter_counts
from labbook.logs.tokens import planned_steps, planned_tokens, tokens_per_step, tokens_seen, updates_made
from labbook.records import Issue, Latest, Said
from labbook.summary import Count

__all__ = ["GIVEN_KEYS", "Resolved", "check_given", "resolve"]

_BYTES = frozenset({"bytes", "byte", "byte_level", "bytelevel", "utf8_bytes", "raw_bytes"})


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
    unit_source: str = "assumed"
    bytes_per_token: float | None = None
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


def resolve(said: Sequence[Said], latest: Sequence[Latest], given: Mapping[str, str]) -> Resolved:
    """Everything known of one run from all its sources.

    given: what a person said, by `GIVEN_KEYS`; it wins over `labbook.toml`, which wins over the logs.
    """
    known = Evidence(said, latest, given)
    unit, unit_source = _unit(known)
    seq_len = known.given_number("seq_len") or known.config.value("seq_len")
    per_step = tokens_per_step(known, seq_len)
    seen = tokens_seen(known, per_step, seq_len)
    made = updates_made(known)
    unique = known.single("unique_tokens")
    steps = planned_steps(known, per_step, known.single("planned_tokens"))
    counts = parameter_counts(known, seen)
    return Resolved(
        counts=counts,
        tokens_per_step=per_step,
        tokens_seen=seen,
        unique_tokens=unique,
        epochs=seen.value / unique.value if seen is not None and unique is not None else None,
        planned_steps=steps,
        planned_tokens=planned_tokens(known, per_step, steps),
        updates=made[0] if made is not None else None,
        seq_len=seq_len,
        unit=unit,
        unit_source=unit_source,
        bytes_per_token=known.given_number("bytes_per_token"),
        seed=known.text("seed"),
        peak_lr=known.given_number("learning_rate") or known.config.value("peak_lr"),
        batch=_batch(known),
        recipe=_recipe(known, unit, seq_len),
        missing=_missing(known, counts, (per_step, seen, unique, steps)),
        issues=tuple(known.issues),
    )


def _unit(known: Evidence) -> tuple[str, str]:
    """(unit, where from). A byte tokenizer makes nats per token nats per byte."""
    given = known.given.get("unit")
    if given is not None:
        return given
    tokenizer = (known.text("tokenizer") or "").lower().replace("-", "_")
    printed = [
        (one.units[name], one.format) for one in known.said for name in ("train", "val") if name in one.units
    ]
    if tokenizer in _BYTES and all(unit == "nats/token" for unit, _ in printed):
        return "nats/byte", f"tokenizer {tokenizer}: a token is a byte"
    return (printed[0][0], f"by format {printed[0][1]}") if printed else ("nats/token", "assumed")


def _batch(known: Evidence) -> float | None:
    configured = known.config.value("global_batch") or known.config.value("batch")
    return known.given_number("batch_size") or configured or known.figure("batch_size")


def _recipe(known: Evidence, unit: str, seq_len: float | None) -> dict[str, str]:
    words = {key: known.text(key) for key in ("dataset", "tokenizer", "family", "schedule")}
    given = known.given["recipe"][0] if "recipe" in known.given else None
    context = f"{seq_len:.0f}" if seq_len is not None else None
    found = {"recipe": given, **words, "context": context, "unit": unit}
    return {key: value for key, value in found.items() if value}


def _missing(
    known: Evidence,
    counts: Sequence[Count],
    tokens: tuple[Count | None, Count | None, Count | None, Count | None],
) -> tuple[str, ...]:
    per_step, seen, unique, steps = tokens
    chosen = known.given["loss"][0] if "loss" in known.given else None
    absent = {
        "N": not counts,
        "tokens per step": per_step is None and (seen is None or seen.how not in {"counter", "given"}),
        "unique tokens": unique is None,
        "planned steps": steps is None,
        "loss": not any(is_loss(row.series) or row.series == chosen for row in known.latest),
    }
    return tuple(name for name, is_absent in absent.items() if is_absent)
