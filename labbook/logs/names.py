"""Which of a log's own names mean the loss, the step, the tokens: matched whole, never by "contains".

Names are compared after lower-casing, with blank, `_`, `/`, `.` and `-` taken as equal.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

_SEPARATORS = re.compile(r"[\s_/.\-]+")

SERIES: dict[str, tuple[str, ...]] = {
    "train": (
        "train/loss",
        "train_loss",
        "training_loss",
        "lm loss",
        "train/lm_loss",
        "train/CrossEntropyLoss",
        "loss/train/total",
        "loss/train",
        "loss/out",
        "reduced_train_loss",
        "train_loss_step",
        "loss",
    ),
    "val": (
        "val/loss",
        "val_loss",
        "eval/loss",
        "eval_loss",
        "valid_loss",
        "validation/loss",
        "validation_loss",
        "loss/val",
        "loss/validation",
        "loss/valid",
        "loss/eval",
        "lm loss value",
    ),
    "val:test": ("test/loss", "loss/test"),
    "lr": ("lr", "learning_rate", "train/lr", "train/learning_rate", "lrate"),
    "grad_norm": ("grad_norm", "gradient_norm", "train/grad_norm", "train/gradient_norm", "gnorm"),
}
"""Names by series, the first that is present wins."""

AXES = (
    "train/global_step",
    "trainer/global_step",
    "*/update_step",
    "global_step",
    "current_steps",
    "num_updates",
    "update_step",
    "iteration",
    "iter",
    "step",
    "_step",
)
"""Names of the step counter, the first that is present wins."""

TOKENS = (
    "tokens",
    "tokens_seen",
    "train/tokens",
    "train/tokens_seen",
    "consumed_tokens",
    "total_tokens",
    "num_input_tokens_seen",
    "train/num_input_tokens_seen",
    "elapsed_tokens",
)
_N_NAMES = frozenset(
    {"n", "params", "n_params", "num_params", "num_parameters", "n_parameters", "model_params", "model_size"}
    | {"total_params", "non_embedding_params", "n_non_embedding", "params_no_embed", "n_no_emb"}
)
EPOCHS = ("epoch", "train/epoch")
WALLS = ("_timestamp", "timestamp", "wall_time", "wall")
INTERNAL = frozenset({"_runtime", "_wandb", "_wandb_runtime"})

HELD_OUT = frozenset({"val", "valid", "validation", "eval", "evaluation", "test", "dev", "heldout"})
_PARTS = frozenset(
    {"aux", "z", "moe", "gate", "router", "balance", "kl", "reg"}
    | {"best", "final", "min", "max", "avg", "mean", "running", "ema"}
)
"""Words that make `eval_<word>_loss` a part or a summary of a loss, not a set."""
_SET = re.compile(
    r"(?:eval[_/](?P<eval>[^/]+)[_/]loss|(?P<split>val|valid|validation|test|dev)(?P<by>[_/])(?P<set>[^/]+)(?P=by)loss)\Z"
)
"""`eval_c4_loss`, `eval/c4_loss`, `val_c4_loss`, `val/c4/loss`; `val/box_loss` is a part of a loss, no set."""


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """The name as names are compared: `Train/LM-Loss` is `train_lm_loss`."""
    return _SEPARATORS.sub("_", name.strip().lower()).strip("_")


def _ranks(names: tuple[str, ...]) -> dict[str, int]:
    return {plain(name): rank for rank, name in reversed(list(enumerate(names)))}


_SERIES = {name: (series, rank) for series, names in SERIES.items() for name, rank in _ranks(names).items()}
_AXES = {name: rank for rank, name in enumerate(AXES)}
_TOKENS, _EPOCHS, _WALLS = _ranks(TOKENS), _ranks(EPOCHS), _ranks(WALLS)
_OPTIMIZER_LR = re.compile(r"lr_[a-z0-9]+(_group0|_pg1)?\Z")


@lru_cache(maxsize=4096)
def axis_rank(name: str) -> int | None:
    """Place of a step counter in the order of preference, None for any other name."""
    if name.strip() == "_step":
        return _AXES["_step"]
    if name.strip() in _AXES:
        return _AXES[name.strip()]
    flat = plain(name)
    if flat.endswith("_update_step"):
        return _AXES["*/update_step"]
    return next((rank for known, rank in _AXES.items() if known != "_step" and plain(known) == flat), None)


def tokens_rank(name: str) -> int | None:
    """Place of a counter of tokens seen in the order of preference, None for any other name and for rates."""
    return _TOKENS.get(plain(name))


def is_epoch(name: str) -> bool:
    """True for the epoch."""
    return plain(name) in _EPOCHS


def is_wall(name: str) -> bool:
    """True for a clock."""
    return plain(name) in _WALLS


@lru_cache(maxsize=4096)
def series_of(name: str) -> tuple[str, int] | None:
    """(series, rank within its list) of a metric's name, None where it keeps its own."""
    flat = plain(name)
    if flat in _SERIES:
        return _SERIES[flat]
    if _OPTIMIZER_LR.match(flat):
        return "lr", len(SERIES["lr"])
    held_out = _SET.match(name.strip().lower().replace(".", "/"))
    if held_out is None:
        return None
    which = plain(held_out["eval"] or held_out["set"])
    if set(which.split("_")) & _PARTS:
        return None
    return f"val:test_{which}" if held_out["split"] == "test" else f"val:{which}", 0


@lru_cache(maxsize=4096)
def series_of_tail(name: str) -> tuple[str, int] | None:
    """What the last path part of `Task/train_loss` means, where the part before it allows that."""
    before, slash, last = name.strip().rpartition("/")
    if not slash or plain(last) == "loss" or set(plain(before).split("_")) & (HELD_OUT | _PARTS):
        return None
    found = series_of(last)
    return (found[0], found[1] + 100) if found and found[0] in {"train", "val", "lr", "grad_norm"} else None


def is_ladder_row(keys: Collection[str]) -> bool:
    """True for a row that is a whole run: it has an N and no step."""
    flat = {plain(key) for key in keys}
    return bool(flat & _N_NAMES) and all(axis_rank(key) is None for key in keys)


def is_loss(series: str) -> bool:
    """True for a series a ladder may use."""
    return series in {"train", "val"} or series.startswith("val:")
