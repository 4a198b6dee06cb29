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
    "total_tokens",
    "tokens",
    "tokens_seen",
    "train/tokens",
    "train/tokens_seen",
    "consumed_tokens",
    "optim/total_tokens",
    "throughput/total_tokens",
    "num_input_tokens_seen",
    "train/num_input_tokens_seen",
    "elapsed_tokens",
    "num_tokens",
    "train/num_tokens",
)
TABLE: dict[str, tuple[str, ...]] = {
    "n_non_embedding": (
        "n_no_emb",
        "n_no_embed",
        "params_no_emb",
        "params_no_embed",
        "n_non_embedding",
        "n_non_emb",
        "non_embedding_params",
        "non_embedding_parameters",
        "params_non_embedding",
        "n_params_non_embedding",
        "num_non_embedding_params",
    ),
    "n_active": ("n_active", "active_params", "n_active_params", "num_active_params", "activated_params"),
    "n_total": (
        "n",
        "params",
        "parameters",
        "n_params",
        "num_params",
        "n_parameters",
        "num_parameters",
        "model_params",
        "model_parameters",
        "model_size",
        "n_total",
        "params_total",
        "total_params",
        "total_parameters",
        "n_params_total",
        "param_count",
        "parameter_count",
    ),
    "tokens_seen": (
        "d",
        "tokens",
        "d_total",
        "n_tokens",
        "num_tokens",
        "token_num",
        "tokens_seen",
        "total_tokens",
        "train_tokens",
        "training_tokens",
        "tokens_trained",
        "consumed_tokens",
        "tokens_total",
    ),
    "unique_tokens": (
        "u",
        "u_unique",
        "unique_tokens",
        "dataset_tokens",
        "n_unique_tokens",
        "num_unique_tokens",
        "tokens_per_epoch",
    ),
    "compute": (
        "c",
        "flop",
        "flops",
        "train_flop",
        "train_flops",
        "training_flop",
        "training_flops",
        "compute",
        "compute_budget",
        "compute_flops",
        "budget_flop",
        "budget_flops",
        "flop_budget",
    ),
    "epochs": ("epochs", "n_epochs", "num_epochs"),
    "tokens_per_step": ("tokens_per_step", "tokens_per_iter", "tokens_per_batch", "batch_tokens"),
    "lr": ("lr_peak", "peak_lr", "max_lr"),
    "dataset": ("data", "dataset", "dataset_name", "train_dataset"),
    "run": (
        "run",
        "run_name",
        "run_id",
        "name",
        "model_name",
        "exp",
        "experiment",
        "experiment_name",
        "run_key",
    ),
}
"""What the columns of a table of runs mean, by names compared without blanks and separators."""
N_KINDS = ("n_total", "n_non_embedding", "n_active")
_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "millions": 1e6}
_SCALES |= {
    "b": 1e9,
    "bn": 1e9,
    "billion": 1e9,
    "billions": 1e9,
    "t": 1e12,
    "trillion": 1e12,
    "trillions": 1e12,
}
_SCALED = re.compile(
    r"(?P<name>.+?)[\s_]*[(\[]\s*(?:in\s+)?(?P<unit>[a-z]+)\s*[)\]]\Z|(?P<stem>.+?)[\s_](?P<tail>[a-z]+)\Z"
)
PERPLEXITY = re.compile(
    r"(?:metrics_)?(?:(?P<train>train|training)|(?P<held>val|valid|validation|eval|test|dev))?_?"
    r"(?:lm_loss_|loss_)?(?:ppl|perplexity|languageperplexity)\Z"
)
"""Names, as `plain` gives them, whose logarithm is a loss."""
_UNITS = {
    "bits/byte": ("bpb", "bits_per_byte"),
    "bits/char": ("bpc", "bits_per_char", "bits_per_character"),
    "bits/token": ("bpt", "bits_per_token"),
    "nats/byte": ("nats_per_byte",),
}
_UNIT = {name: unit for unit, listed in _UNITS.items() for name in listed} | {
    unit.replace("/", "_"): unit for unit in _UNITS
}
_IN_UNIT = re.compile(
    rf"(?:(?P<name>.+?)(?:_|_?[(\[]))?(?P<unit>{'|'.join(sorted(_UNIT, key=len, reverse=True))})[)\]]?\Z"
)
"""A loss with its unit behind it, as `plain` gives it."""
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


def _squeezed(name: str) -> str:
    return plain(name).replace("_", "")


def _ranks(names: tuple[str, ...]) -> dict[str, int]:
    return {plain(name): rank for rank, name in reversed(list(enumerate(names)))}


_SERIES = {name: (series, rank) for series, names in SERIES.items() for name, rank in _ranks(names).items()}
_AXES = {name: rank for rank, name in enumerate(AXES)}
_TOKENS, _EPOCHS, _WALLS = _ranks(TOKENS), _ranks(EPOCHS), _ranks(WALLS)
_COLUMNS = {plain(name).replace("_", ""): role for role, listed in TABLE.items() for name in listed}
_SIZED = frozenset({*N_KINDS, "tokens_seen", "unique_tokens", "tokens_per_step"})
_LAST = frozenset({"final", "last", "end"})
_NO_SET = frozenset(
    {"scale", "std", "stderr", "se", "var", "sd", "norm", "weight", "delta", "diff", "fn", "ratio"}
    | {"box", "obj", "cls", "dfl", "seg", "policy", "value", "critic", "actor", "entropy"}
)
"""Words that make `<word>_loss` a part of a loss or something about it, not the loss on a set."""
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


@lru_cache(maxsize=4096)
def column_role(name: str) -> tuple[str, float] | None:
    """(what a column of a table of runs means, the factor its name states), None for any other column.

    `Params (M)` is n_total in millions. A name under a path counts by its last part.
    """
    flat = name.strip().lower()
    role = _COLUMNS.get(_squeezed(flat))
    if role is not None:
        return role, 1.0
    scaled = _SCALED.match(flat)
    if scaled is not None:
        stem, unit = scaled["name"] or scaled["stem"], scaled["unit"] or scaled["tail"]
        role, scale = _COLUMNS.get(_squeezed(stem)), _SCALES.get(unit)
        if role in _SIZED and scale is not None:
            return role, scale
    last = re.split(r"[./]", flat)[-1]
    return (_COLUMNS[_squeezed(last)], 1.0) if last != flat and len(last) > 1 and _is_size(last) else None


def _is_size(name: str) -> bool:
    return _COLUMNS.get(_squeezed(name)) in {*N_KINDS, "tokens_per_step", "unique_tokens"}


@lru_cache(maxsize=4096)
def table_series(name: str) -> tuple[str, int] | None:
    """What a loss column of a table of runs means: as in any log, `loss_<set>`, `<set>_loss`, `final_loss`."""
    found = series_of(name) or series_of_tail(name)
    if found is not None:
        return found
    words = plain(name).split("_")
    if words[0] in _LAST and len(words) > 1:
        later = table_series("_".join(words[1:]))
        return (later[0], later[1] + 200) if later is not None else None
    if len(words) < 2 or "loss" not in (words[0], words[-1]) or set(words) & (_PARTS | _NO_SET):
        return None
    which = words[1:] if words[0] == "loss" else words[:-1]
    if which[0] in {"train", "training"}:
        return None
    held_out = which[1:] if len(which) > 1 and which[0] in HELD_OUT - {"test"} else which
    return f"val:{'_'.join(held_out)}", 0


@lru_cache(maxsize=4096)
def series_in_unit(name: str) -> tuple[str, str] | None:
    """(series, unit) of a loss column of a table of runs that names its unit: `val_bpb`, `loss (bpc)`."""
    found = _IN_UNIT.match(plain(name))
    if found is None:
        return None
    stem = found["name"] or ""
    if not stem or stem in {"train", "training", "final"}:
        return "train", _UNIT[found["unit"]]
    series = table_series(stem) or table_series(f"{stem}_loss")
    return (series[0], _UNIT[found["unit"]]) if series is not None and is_loss(series[0]) else None


def with_unit(loss: str, column: str) -> str:
    """`val_bpb` for a `val_loss` in a column of bits per byte, `val_ppl` where it is a perplexity."""
    prefix = "val_" if loss == "val_loss" else ""
    told = series_in_unit(column)
    if told is not None:
        prefix = "val_" if told[0] != "train" else prefix
        return f"{prefix}{_UNITS[told[1]][0]}"
    found = PERPLEXITY.match(plain(column))
    return loss if found is None else f"{'val_' if found['held'] else prefix}ppl"


def is_run_table(keys: Collection[str]) -> bool:
    """True for rows that state N, D or C of whole runs beside a loss or a perplexity."""
    roles = {role[0] for key in keys if (role := column_role(key)) is not None}
    known = bool(roles & set(N_KINDS)) + ("tokens_seen" in roles) + ("compute" in roles)
    return known >= 2 and any(_measures(key) for key in keys)


def _measures(key: str) -> bool:
    found = table_series(key)
    if found is not None and is_loss(found[0]):
        return True
    return series_in_unit(key) is not None or PERPLEXITY.match(plain(key)) is not None


def is_ladder_row(keys: Collection[str]) -> bool:
    """True for a row of a table of runs: it has an N and no step."""
    roles = {role[0] for key in keys if (role := column_role(key)) is not None}
    has_n = bool(roles & set(N_KINDS)) or {"compute", "tokens_seen"} <= roles
    return has_n and all(axis_rank(key) is None for key in keys)


def is_loss(series: str) -> bool:
    """True for a series a ladder may use."""
    return series in {"train", "val"} or series.startswith("val:")
