"""N from the shape of a transformer, and which formula said so.

A layer has attention of 2 h d_q + 2 h d_kv weights (d_q = heads x head size, d_kv = key-value heads x head
size), a feed-forward of 2 h f, or 3 h f where it is gated (SwiGLU), biases and norms; Kaplan et al. 2020,
section 2.1, count 12 L h^2 of it. Embeddings, positions and the output head stand apart.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from labbook.logs.config import Config
from labbook.logs.config_names import MODEL
from labbook.logs.families import MIXED, Family, family_of, unknown_family
from labbook.summary import Count

_DECIDE = (
    "layers",
    "width",
    "heads",
    "kv_heads",
    "head_dim",
    "ffn",
    "vocab",
    "experts",
    "expert_ffn",
    "kv_rank",
)
"""Sizes that must not contradict each other."""
_MOST_LAYERS, _MOST_WIDTH = 10_000, 10_000_000
"""Beyond them a number is no size of a model."""
_WHOLE = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Experts:
    """The mixture of experts of a model."""

    count: float
    used: float | None
    f: float
    """Width of one expert."""
    shared_f: float
    """Width of what every token passes through beside them, 0 where there is none."""
    layers: float
    """Layers that have experts; the others are dense."""


@dataclass(frozen=True, slots=True)
class Latent:
    """Attention through low-rank keys and values (DeepSeek)."""

    kv_rank: float
    q_rank: float | None
    nope: float
    rope: float
    v: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What the configuration says of the model, and what its family adds."""

    L: int
    h: int
    heads: float | None
    kv_heads: float | None
    head_dim: float | None
    f: float
    vocab: float | None
    positions: float | None
    experts: Experts | None
    latent: Latent | None
    family: Family
    is_known: bool
    """False where something that decides the count is absent: the answer is then approximate."""

    @property
    def attention(self) -> float:
        """Weights of one layer's attention, biases and the norms inside it included."""
        if self.latent is not None:
            return self._latent_attention(self.latent)
        q, kv = self._attention_widths()
        family = self.family
        bias = (q + 2 * kv if family.qkv_bias else 0.0) + (self.h if family.out_bias else 0.0)
        normed = {"head": 2 * q / (self.heads or 1.0), "full": q + kv}.get(family.qk_norm, 0.0)
        return 2.0 * self.h * (q + kv) + bias + family.norm * normed

    def _attention_widths(self) -> tuple[float, float]:
        """(d_q, d_kv)."""
        if self.heads is None:
            return float(self.h), float(self.h)
        size = self.head_dim or self.h / self.heads
        return self.heads * size, (self.kv_heads or self.heads) * size

    def _latent_attention(self, one: Latent) -> float:
        heads, query = self.heads or 0.0, one.nope + one.rope
        if one.q_rank is None:
            q = self.h * heads * query
        else:
            q = self.h * one.q_rank + one.q_rank + one.q_rank * heads * query
        kv = self.h * (one.kv_rank + one.rope) + one.kv_rank + one.kv_rank * heads * (one.nope + one.v)
        return q + kv + heads * one.v * self.h

    def feed_forward(self, f: float) -> float:
        """Weights of one feed-forward block of width f, biases included."""
        matrices = 3 if self.family.gated else 2
        bias = (matrices - 1) * f + self.h if self.family.mlp_bias else 0.0
        return matrices * self.h * f + bias

    def stack(self, experts_used: float | None) -> float:
        """All layers and the norms around them; of each layer's experts so many."""
        family, h = self.family, self.h
        value = self.L * (self.attention + family.norms * family.norm * h)
        value += family.norm * h * (family.ends_in_norm + family.embedding_norm)
        if self.experts is None or experts_used is None:
            return value + self.L * self.feed_forward(self.f)
        one = self.experts
        mixed = experts_used * self.feed_forward(one.f) + h * one.count
        if one.shared_f:
            mixed += self.feed_forward(one.shared_f) + (h if family.shared_gate else 0)
        return value + one.layers * mixed + (self.L - one.layers) * self.feed_forward(self.f)

    @property
    def embeddings(self) -> float | None:
        """Token embedding, output head and positions; None where the vocabulary or the length is not known."""
        family = self.family
        if self.vocab is None or (family.positions is not None and self.positions is None):
            return None
        rows = self.vocab * (1 if family.tied else 2) + (
            self.positions + family.positions if self.positions and family.positions is not None else 0
        )
        return rows * self.h + (self.vocab if family.head_bias else 0)

    @property
    def is_plain(self) -> bool:
        """True where 12 L h^2 are the weight matrices."""
        q, kv = self._attention_widths()
        return (
            self.latent is None
            and self.experts is None
            and q == kv == self.h
            and self.f * (3 if self.family.gated else 2) == 8 * self.h
        )

    @property
    def matrices(self) -> Shape:
        """The same model without biases and norms, as 12 L h^2 counts it."""
        bare = replace(
            self.family,
            norm=0,
            qkv_bias=False,
            out_bias=False,
            mlp_bias=False,
        )
        return replace(self, family=bare)


def shape_of(config: Config, word: str | None) -> Shape | None:
    """The model's shape, None without layers and width.

    word: what a person, the configuration or the trainer calls the model's family.
    """
    layers, width = config.value("layers"), config.value("width")
    if layers is None or width is None or layers != int(layers) or width != int(width):
        return None
    if layers > _MOST_LAYERS or width > _MOST_WIDTH:
        return None
    known = family_of(config, word)
    family = known or unknown_family(config, word)
    size = {quantity: family.sizes.get(quantity, config.value(quantity)) for quantity in MODEL}
    f = size["ffn"] or (family.ffn_ratio or (8 / 3 if family.gated else 4.0)) * width
    latent = _latent(config)
    has_all = all(size[need] is not None for need in family.needs) and (
        bool(size["ffn"]) or bool(family.ffn_ratio)
    )
    clear = not any(config.contradicts(quantity) for quantity in _DECIDE)
    experts = _experts(config, int(layers), f)
    known_enough = known is not None or config.has("activation")
    counts_experts = experts is None or family.name in MIXED
    return Shape(
        L=int(layers),
        h=int(width),
        heads=size["heads"],
        kv_heads=size["kv_heads"],
        head_dim=size["head_dim"],
        f=f,
        vocab=size["vocab"],
        positions=config.value("positions") or config.value("seq_len"),
        experts=experts,
        latent=latent,
        family=family,
        is_known=has_all and clear and family.is_sure and known_enough and counts_experts,
    )


def _experts(config: Config, layers: int, f: float) -> Experts | None:
    count = config.value("experts")
    if count is None or count <= 1:
        return None
    one = config.value("expert_ffn") or f
    shared = config.value("shared_ffn") or (config.value("shared_experts") or 0.0) * one
    first = int(config.value("first_dense") or 0)
    every = int(config.value("sparse_step") or 0)
    pattern = _listed(config.text("moe_frequency")) or [1]
    dense = set(_listed(config.text("dense_layers")))
    sparse = [
        index
        for index in range(layers)
        if index >= first
        and index not in dense
        and (not every or (index + 1) % every == 0)
        and (pattern[index] if len(pattern) == layers > 1 else index % max(1, pattern[0]) == 0)
    ]
    return Experts(count, config.value("experts_used"), one, shared, len(sparse))


def _listed(text: str | None) -> list[int]:
    """Whole numbers of a list that stands as text."""
    return [int(word) for word in _WHOLE.findall(text or "")]


def _latent(config: Config) -> Latent | None:
    rank, nope, rope, v = (config.value(q) for q in ("kv_rank", "nope_dim", "rope_dim", "v_dim"))
    if rank is None or nope is None or rope is None or v is None:
        return None
    return Latent(rank, config.value("q_rank"), nope, rope, v)


def counts_of(shape: Shape) -> list[Count]:
    """Every N the shape gives, non-embedding first."""
    every = shape.experts.count if shape.experts else None
    used = shape.experts.used if shape.experts else None
    unsure, words = not shape.is_known, _words(shape)
    blocks = shape.stack(every)
    found = [Count("n_non_embedding", blocks, "computed", words, None, unsure)]
    outside = shape.embeddings
    if used is not None:
        active = shape.stack(used)
        found.append(Count("n_active", active, "computed", f"{words}, {used:.0f} used", None, unsure))
        if outside is not None:
            said = f"{words}, {used:.0f} used, embeddings and output head included"
            found.append(Count("n_other", active + outside, "computed", said, None, unsure))
    if outside is not None:
        tables = "V h + T h" if shape.family.positions is not None else "V h"
        words = f"{words} + {tables if shape.family.tied else '2 ' + tables}"
        found.append(Count("n_total", blocks + outside, "computed", words, None, unsure))
    return found if all(math.isfinite(count.value) for count in found) else []


def _words(shape: Shape) -> str:
    """The formula, by what was known: `llama, L 32 h 4096 f 14336, 8 key-value heads`."""
    family = shape.family
    if family.norm == 0 and shape.is_plain:
        return "12 L h^2 from n_layer, n_embd"
    parts = [f"L {shape.L} h {shape.h} f {shape.f:.0f}"]
    if shape.kv_heads is not None and shape.heads is not None and shape.kv_heads != shape.heads:
        parts.append(f"{shape.kv_heads:.0f} key-value heads")
    if shape.experts is not None:
        parts.append(f"{shape.experts.count:.0f} experts")
    return ", ".join([family.name, *parts] if family.name else parts)
