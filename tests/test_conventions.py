"""Compute by the conventions of papers, against figures that are published or follow by hand."""

import pytest

from labbook.conventions import CONVENTIONS, PF_DAY, training_flops
from labbook.logs.architecture import counts_of, shape_of
from labbook.logs.config import Config
from labbook.records import Said, Scalar

SMALL = {"n_layer": 12, "n_ctx": 1024, "d_model": 768, "vocab": 50257}
"""The 12-layer model of science.md 1.1; its N by 12 L d^2 is 84,934,656."""


def counted(config: dict[str, Scalar]) -> dict[str, float]:
    """N by kind of a model of that configuration."""
    said = Said("log", "x", "", None, config, "", (), {}, "optimizer", 0, 0.0, "unknown", "")
    shape = shape_of(Config([said]), str(config["model_type"]))
    assert shape is not None
    return {count.kind: count.value for count in counts_of(shape)}


@pytest.mark.parametrize(
    ("convention", "per_token"),
    [
        ("6ND", 509.6e6),
        ("kaplan-attention", 509.6e6 + 56.6e6),
        ("full-attention", 509.6e6 + 113.2e6),
        ("with-head", 741.2e6),
    ],
)
def test_compute_per_token_of_the_twelve_layer_model(convention: str, per_token: float) -> None:
    """509.6M by 6N, 56.6M more for one score product, 113.2M for both, 741.2M with the head: 45 % apart."""
    D = 3e9
    found = training_flops(convention, 84_934_656, D, **SMALL)
    assert found == pytest.approx(per_token * D, rel=2e-4)


def test_kaplan_attention_is_three_times_his_forward_pass() -> None:
    """(2.2): forward 2 N + 2 n_layer n_ctx d_model a token; backward costs twice that."""
    forward = 2 * 84_934_656 + 2 * 12 * 1024 * 768
    assert training_flops("kaplan-attention", 84_934_656, 1.0, **SMALL) == 3 * forward


def test_a_size_that_is_not_known_gives_no_compute() -> None:
    """Missing is None, never 6ND under another name; an unknown convention is an error."""
    assert training_flops("6ND", 1e9, PF_DAY / 6e9) == pytest.approx(PF_DAY)
    for convention in set(CONVENTIONS) - {"6ND"}:
        assert training_flops(convention, 1e9, 1e9, n_layer=12) is None
    with pytest.raises(ValueError, match="6ND"):
        training_flops("8ND", 1e9, 1e9)


def test_sizes_of_the_check_models() -> None:
    """Pre-norm GPT with biases, Llama with and without grouped queries, a SwiGLU stack without norms."""
    gpt: dict[str, Scalar] = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12}
    gpt |= {"vocab_size": 50257, "n_positions": 1024}
    assert counted(gpt) == {"n_non_embedding": 85_056_000, "n_total": 124_439_808}
    llama: dict[str, Scalar] = {"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096}
    llama |= {"num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000}
    assert counted(llama)["n_total"] == 6_738_415_616
    llama |= {"intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 128256}
    assert counted(llama)["n_total"] == 8_030_261_248
    olmo: dict[str, Scalar] = {"model_type": "olmo", "num_hidden_layers": 24, "hidden_size": 1024}
    olmo |= {
        "num_attention_heads": 16,
        "intermediate_size": 2816,
        "vocab_size": 50432,
        "tie_word_embeddings": True,
    }
    assert counted(olmo) == {"n_non_embedding": 308_281_344, "n_total": 359_923_712}
