"""What a person may say of a run, by `labbook set`, `--set` or `labbook.toml`: the keys and their checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches

from labbook.errors import UsageError
from labbook.quantities import parse_size
from labbook.text import clean

UNITS = ("nats/token", "nats/byte", "bits/token", "bits/byte", "other")


def _size(value: str) -> None:
    found = parse_size(value)
    if not (found > 0 and math.isfinite(found)):
        raise ValueError("must be above zero")


def _unit(value: str) -> None:
    if value not in UNITS:
        raise ValueError(f"must be one of {', '.join(UNITS)}")


def _text(value: str) -> None:
    if not clean(value):
        raise ValueError("is empty")


SIZES = (
    "n",
    "n_non_embedding",
    "n_total",
    "n_active",
    "tokens_per_step",
    "tokens_seen",
    "unique_tokens",
    "planned_steps",
    "planned_tokens",
    "bytes_per_token",
    "learning_rate",
    "batch_size",
    "seq_len",
    "n_layer",
    "n_embd",
    "n_head",
    "vocab_size",
)
"""Numbers, written as 124M, 3e-4 or 4,096."""
TEXTS = ("seed", "dataset", "tokenizer", "family", "recipe", "schedule", "loss", "step", "format", "name")

_CHECKS: tuple[tuple[tuple[str, ...], Callable[[str], None]], ...] = (
    (SIZES, _size),
    (("unit",), _unit),
    (TEXTS, _text),
)
GIVEN_KEYS = {key: check for keys, check in _CHECKS for key in keys}
"""Every key a person may give, with its check."""


def check_given(key: str, value: str) -> None:
    """Raises UsageError where there is no such key, or the value does not fit it."""
    check = GIVEN_KEYS.get(key)
    if check is None:
        near = get_close_matches(key, GIVEN_KEYS, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"no such key: {clean(key, 60)}", f"{meant}known: {', '.join(GIVEN_KEYS)}")
    try:
        check(value)
    except ValueError as error:
        raise UsageError(f"{key}={clean(value, 60)}: {error}") from error
