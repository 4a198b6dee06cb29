"""Looking up a run's configuration by the many names one quantity has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from labbook.logs.names import plain
from labbook.logs.numbers import human, number
from labbook.records import Said, Scalar

KEYS: dict[str, tuple[str, ...]] = {
    "n_non_embedding": (
        "non_embedding_params",
        "n_params_non_embedding",
        "n_non_embedding",
        "non_embedding_parameters",
        "num_non_embedding_params",
        "params_no_embed",
        "n_no_emb",
    ),
    "n_active": ("n_active", "active_params", "num_active_params", "activated_params", "n_active_params"),
    "n_total": (
        "n_total",
        "n_params",
        "num_params",
        "num_parameters",
        "n_parameters",
        "model_params",
        "total_params",
        "total_parameters",
        "n_params_total",
        "param_count",
    ),
    "tokens_per_step": ("tokens_per_step", "tokens_per_iter", "tokens_per_iteration", "tokens_per_batch"),
    "unique_tokens": ("unique_tokens", "dataset_tokens", "n_unique_tokens", "num_unique_tokens", "u_unique"),
    "planned_steps": (
        "max_iters",
        "max_steps",
        "total_steps",
        "num_training_steps",
        "max_train_steps",
        "num_train_steps",
        "train_steps",
        "training_steps",
        "train_iters",
        "num_iterations",
        "num_steps",
        "n_steps",
        "total_iters",
    ),
    "planned_tokens": ("planned_tokens", "token_budget", "train_tokens", "training_tokens", "max_tokens"),
    "seq_len": (
        "block_size",
        "seq_len",
        "seq_length",
        "sequence_length",
        "context_length",
        "max_seq_len",
        "max_seq_length",
        "ctx_len",
        "n_ctx",
        "context_size",
        "max_length",
        "n_positions",
        "max_position_embeddings",
    ),
    "global_batch": ("global_batch_size", "total_train_batch_size", "effective_batch_size"),
    "batch": (
        "batch_size",
        "train_batch_size",
        "per_device_train_batch_size",
        "micro_batch_size",
        "device_batch_size",
        "train_micro_batch_size_per_gpu",
    ),
    "accumulation": (
        "gradient_accumulation_steps",
        "grad_accum_steps",
        "accumulate_grad_batches",
        "grad_accumulation",
        "accumulation_steps",
        "gas",
    ),
    "world": ("world_size", "ddp_world_size", "num_gpus", "n_gpus", "num_processes", "global_num_gpus"),
    "peak_lr": ("learning_rate", "peak_lr", "max_lr", "base_lr", "lr", "optimizer.lr"),
    "layers": ("n_layer", "n_layers", "num_layers", "num_hidden_layers", "depth"),
    "width": ("n_embd", "hidden_size", "d_model", "n_embed", "model_dim", "embed_dim", "hidden_dim", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "n_kv_heads", "n_kv_head", "num_query_groups"),
    "head_dim": ("head_dim",),
    "ffn": ("intermediate_size", "ffn_hidden_size", "d_ff", "n_inner", "ffn_dim", "moe_intermediate_size"),
    "vocab": ("padded_vocab_size", "vocab_size", "n_vocab"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "experts_used": ("num_experts_per_tok", "moe_top_k", "top_k_experts"),
    "seed": ("seed", "random_seed", "manual_seed"),
    "dataset": ("dataset", "dataset_name", "data.dataset", "train_dataset", "data_name"),
    "tokenizer": ("tokenizer", "tokenizer_name", "tokenizer_type"),
    "family": ("model_type", "architecture", "architectures", "model_family", "arch"),
    "schedule": ("lr_schedule", "lr_scheduler_type", "lr_scheduler", "scheduler", "lr_decay_style", "schedule"),
    "activation": ("hidden_act", "activation", "activation_function", "hidden_activation"),
    "tied": ("tie_word_embeddings", "tie_embeddings", "tied_embeddings"),
}
"""Names by quantity, the first that is present wins; compared whole, then as the last part of a path."""

_PLAIN = {quantity: tuple(plain(name) for name in listed) for quantity, listed in KEYS.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration value and where it stands."""

    key: str
    value: Scalar
    source: str
    """File or record the configuration comes from."""

    @property
    def where(self) -> str:
        """`config non_embedding_params (config.json)`."""
        return f"config {self.key} ({self.source})" if self.source else f"config {self.key}"


class Config:
    """All configuration of one run, from every source that speaks of it."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._by_name: dict[str, list[Entry]] = {}
        self._by_tail: dict[str, list[Entry]] = {}
        """By the last part of a path: `model.n_layer` under `n_layer`."""
        for one in said:
            for key, value in one.config.items():
                if value is not None and not key.startswith("given."):
                    self._put(Entry(key, value, one.config_source))

    def _put(self, entry: Entry) -> None:
        self._by_name.setdefault(plain(entry.key), []).append(entry)
        tail = entry.key.replace("/", ".").rpartition(".")
        if tail[1]:
            self._by_tail.setdefault(plain(tail[2]), []).append(entry)

    def all(self, quantity: str) -> list[Entry]:
        """Every value of a quantity, the preferred name first."""
        names = _PLAIN[quantity]
        found = [entry for name in names for entry in self._by_name.get(name, ())]
        return found or [entry for name in names for entry in self._by_tail.get(name, ())]

    def number(self, quantity: str) -> tuple[float, int | None, Entry] | None:
        """(value, digits, entry) of the first positive number of a quantity."""
        return next(iter(self.numbers(quantity)), None)

    def numbers(self, quantity: str) -> list[tuple[float, int | None, Entry]]:
        """Every positive finite number of a quantity; digits where text rounds it."""
        found = []
        for entry in self.all(quantity):
            read = sized(entry.value)
            if read is not None and read[0] > 0 and math.isfinite(read[0]):
                found.append((read[0], read[1], entry))
        return found

    def value(self, quantity: str) -> float | None:
        """The first positive number of a quantity alone."""
        found = self.number(quantity)
        return found[0] if found else None

    def text(self, quantity: str) -> str | None:
        """The first text of a quantity."""
        return next((str(e.value) for e in self.all(quantity) if not isinstance(e.value, bool)), None)

    def flag(self, quantity: str) -> bool | None:
        """The first truth value of a quantity."""
        return next((e.value for e in self.all(quantity) if isinstance(e.value, bool)), None)


def sized(value: Scalar) -> tuple[float, int | None] | None:
    """(value, digits) of a number or a size such as `124M`."""
    plain_number = number(value)
    if plain_number is not None:
        return plain_number, None
    if isinstance(value, str) and value[:1].isdigit():
        return human(value) if value.strip()[-1:].lower() in {"k", "m", "b", "t"} else None
    return None
