"""What a person may say of a run, by `labbook set`, `--set` or `labbook.toml`: the keys and their checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches

from labbook.errors import UsageError
from labbook.logs.config_names import SIZES as NAMES
from labbook.logs.names import plain
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


SIZES = {
    "n": "parameters, of the kind the ladder counts (without embeddings where nothing is known)",
    "n_non_embedding": "parameters without embeddings and output head",
    "n_total": "all parameters",
    "n_active": "parameters one token passes through (mixture of experts)",
    "tokens_per_step": "tokens of one optimizer step",
    "tokens_seen": "tokens seen so far",
    "unique_tokens": "tokens of the training set",
    "planned_steps": "optimizer steps of the whole plan",
    "planned_tokens": "tokens of the whole plan",
    "bytes_per_token": "to bring a loss per byte to a loss per token",
    "learning_rate": "peak learning rate",
    "batch_size": "sequences of one step",
    "seq_len": "tokens of one sequence",
    "n_layer": "layers; with n_embd it gives N",
    "n_embd": "width",
    "n_head": "attention heads",
    "vocab_size": "entries of the vocabulary",
}
"""Numbers, written as 124M, 3e-4 or 4,096, and what they mean."""
TEXTS = {
    "seed": "of the run",
    "dataset": "runs of different data are different ladders",
    "tokenizer": "likewise",
    "family": "architecture family, likewise",
    "schedule": "shape of the learning rate schedule, likewise",
    "recipe": "a name of your own: runs that share it are one ladder, others are not in it",
    "loss": "the series a run is judged by, by its own name",
    "leave_out": "keeps the run out of every fit; the value is the reason",
}
"""Words, and what they mean."""
READING = {
    "format": "the format the run's log is read by, where it was taken for another",
    "step": "the name of the log's own step counter, where it is not known",
}
"""What is needed before a log is read, so that only labbook.toml beside the log can say it."""
MEANINGS = {**SIZES, "unit": f"of the loss: {', '.join(UNITS)}", **TEXTS}

_CHECKS: tuple[tuple[tuple[str, ...], Callable[[str], None]], ...] = (
    (tuple(SIZES), _size),
    (("unit",), _unit),
    (tuple(TEXTS), _text),
)
GIVEN_KEYS = {key: check for keys, check in _CHECKS for key in keys}
"""Every key a person may give, with its check."""


RUN_COLUMNS = ("run", "run_id", "run_name", "name", "id")
"""Headings of the column that names the run, in a table of given values."""
_HEADINGS = {
    "n": ("params", "parameters", "model_size", "size"),
    "tokens_seen": ("d", "tokens", "training_tokens", "train_tokens"),
    "unique_tokens": ("u",),
    "learning_rate": ("lr",),
}


def given_key(heading: str) -> str | None:
    """The key a table's heading stands for: `N`, `Params` and `n_params` are known too; None for others."""
    name = plain(heading)
    if name in GIVEN_KEYS:
        return name
    listed = {key: (*_HEADINGS.get(key, ()), *NAMES.get(key, ())) for key in GIVEN_KEYS}
    return next((key for key, names in listed.items() if name in names), None)


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
