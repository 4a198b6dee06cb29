"""Training compute by the conventions papers count it in.

Forward and backward take 6 FLOP per parameter and token; what conventions differ in is attention, which grows
with the context and not with N, and the output head (Kaplan et al. 2020, section 2.1).
"""

from __future__ import annotations

PF_DAY = 8.64e19
"""FLOP of a petaflop/s-day."""
CONVENTIONS = {
    "6ND": "6 N",
    "kaplan-attention": "6 N + 6 n_layer n_ctx d_model",
    "full-attention": "6 N + 12 n_layer n_ctx d_model",
    "with-head": "6 N + 6 V d_model, N without the output head",
}
"""Training FLOP per token by name; `logged`, the trainer's own counter, is no formula."""
_ATTENTION = {"6ND": 0.0, "kaplan-attention": 6.0, "full-attention": 12.0, "with-head": 0.0}
"""FLOP per layer, position and channel: one of the two score products, which is also the causal half of
both; or both whole."""


def training_flops(
    convention: str,
    N: float,
    D: float,
    *,
    n_layer: float | None = None,
    n_ctx: float | None = None,
    d_model: float | None = None,
    vocab: float | None = None,
) -> float | None:
    """Training FLOP of N parameters on D tokens; None where a size the convention needs is not known.

    n_ctx: tokens of a sequence. vocab: rows of the output head. Raises ValueError for no such convention.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"no such convention: {convention}; known: {', '.join(CONVENTIONS)}")
    per_token = 6.0 * N
    if _ATTENTION[convention]:
        if n_layer is None or n_ctx is None or d_model is None:
            return None
        per_token += _ATTENTION[convention] * n_layer * n_ctx * d_model
    if convention == "with-head":
        if vocab is None or d_model is None:
            return None
        per_token += 6.0 * vocab * d_model
    return per_token * D
