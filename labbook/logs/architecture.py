"""N from the shape of a transformer, and which formula said so.

Plain GPT: 12 L h^2 without embeddings (Kaplan et al. 2020, section 2.1). In general L (attention +
feed-forward) with attention 2 h d_q + 2 h d_kv, d_q = heads x head size, d_kv = key-value heads x head size,
and feed-forward 2 h f, or 3 h f where it is gated (SwiGLU).
"""

from __future__ import annotations

from dataclasses import dataclass

from labbook.logs.config import Config
from labbook.summary import Count

_LLAMA = frozenset(
    {"llama", "mistral", "mixtral", "olmo", "olmo2", "qwen2", "qwen3", "gemma", "phi3", "stablelm"}
)
_GATED = frozenset({"silu", "swish", "swiglu", "geglu", "glu", "gelu_pytorch_tanh_gated"})
_NORMED = frozenset({"llama", "mistral"})
"""Families whose total is exact here: no biases, two norms a layer and one at the end."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the configuration says of the model."""

    L: int
    h: int
    heads: float | None
    kv_heads: float | None
    head_dim: float | None
    f: float | None
    vocab: float | None
    positions: float | None
    experts: float | None
    experts_used: float | None
    gated: bool
    tied: bool | None
    family: str

    @property
    def attention(self) -> float:
        """Weights of one layer's attention."""
        if self.heads is None or (self.kv_heads in (None, self.heads) and self.head_dim is None):
            return 4.0 * self.h * self.h
        size = self.head_dim or self.h / self.heads
        kv = self.kv_heads or self.heads
        return 2.0 * self.h * size * (self.heads + kv)

    @property
    def feed_forward(self) -> float:
        """Weights of one feed-forward block."""
        return (3.0 if self.gated else 2.0) * self.h * (self.f or 4.0 * self.h)

    @property
    def is_plain(self) -> bool:
        """True where 12 L h^2 holds."""
        return self.attention == 4.0 * self.h**2 and self.feed_forward == 8.0 * self.h**2 and not self.experts

    @property
    def is_known(self) -> bool:
        """False where a key that decides the formula is absent: the answer is then approximate."""
        return self.family in {"gpt2", "nanogpt"} or (self.f is not None and self.heads is not None)


def shape_of(config: Config, family: str | None) -> Shape | None:
    """The model's shape, None without layers and width."""
    layers, width = config.value("layers"), config.value("width")
    if layers is None or width is None or layers != int(layers) or width != int(width):
        return None
    name = (family or "").lower()
    activation = (config.text("activation") or "").lower()
    return Shape(
        L=int(layers),
        h=int(width),
        heads=config.value("heads"),
        kv_heads=config.value("kv_heads"),
        head_dim=config.value("head_dim"),
        f=config.value("ffn"),
        vocab=config.value("vocab"),
        positions=config.value("seq_len"),
        experts=config.value("experts"),
        experts_used=config.value("experts_used"),
        gated=activation in _GATED or name in _LLAMA,
        tied=config.flag("tied"),
        family=name,
    )


def counts_of(shape: Shape) -> list[Count]:
    """Every N the shape gives, non-embedding first."""
    found = [_non_embedding(shape)]
    if shape.experts and shape.experts_used:
        active = shape.L * (shape.attention + shape.experts_used * shape.feed_forward)
        found.append(Count("n_active", active, "computed", "L (attention + used experts)", None, True))
    total = _total(shape, found[0].value)
    return [*found, total] if total is not None else found


def _non_embedding(shape: Shape) -> Count:
    if shape.is_plain:
        source = "12 L h^2 from n_layer, n_embd"
    elif shape.experts:
        source = f"L (attention + {shape.experts:.0f} experts)"
    else:
        kv = " with grouped queries" if shape.attention != 4.0 * shape.h**2 else ""
        source = f"L (attention{kv} + {'3' if shape.gated else '2'} h f)"
    value = shape.L * (shape.attention + (shape.experts or 1.0) * shape.feed_forward)
    return Count("n_non_embedding", value, "computed", source, None, not shape.is_known)


def _total(shape: Shape, blocks: float) -> Count | None:
    if shape.vocab is None or shape.experts:
        return None
    L, h, V = shape.L, shape.h, shape.vocab
    if shape.family == "gpt2" and shape.positions is not None:
        norms = L * (9 * h + (shape.f or 4 * h)) + 2 * h  # biases 3h + h, f + h, norms 4h; last norm 2h
        value = blocks + V * h + shape.positions * h + norms
        return Count("n_total", value, "computed", "GPT-2: V h + T h + L (12 h^2 + 13 h) + 2 h", None, False)
    if shape.gated and shape.tied is not None:
        value = blocks + V * h * (1 if shape.tied else 2) + 2 * L * h + h
        exact = shape.family in _NORMED and shape.is_known
        source = f"blocks + {'' if shape.tied else '2 '}V h + norms"
        return Count("n_total", value, "computed", source, None, not exact)
    positions = (shape.positions or 0) * h
    return Count("n_total", blocks + V * h + positions, "computed", "blocks + V h + T h", None, True)
