"""N from architecture keys: published models come out exactly, what cannot be known is marked."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from labbook.logs.carry import scalar
from labbook.logs.config_names import KEYS
from labbook.logs.resolve import Resolved, resolve
from labbook.records import NAN, Figure, Latest, Said
from labbook.summary import Count

Config = dict[str, Any]


def said(config: Config, figures: tuple[Figure, ...] = (), form: str = "jsonl") -> Said:
    return Said("log", form, "", None, config, "config.json", figures, {}, "optimizer", 1, NAN, "unknown", "")


def counted(config: Config, figures: tuple[Figure, ...] = (), form: str = "jsonl") -> Resolved:
    return resolve([said(config, figures, form)], [], {})


def of_kind(known: Resolved, kind: str) -> Count:
    count = known.n(kind)
    assert count is not None
    return count


def hf(kind: str, width: int, layers: int, heads: int, ffn: int, vocab: int, **more: Any) -> Config:
    """A config.json as the model library writes it."""
    return {
        "model_type": kind,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "vocab_size": vocab,
    } | more


def kv(heads: int, **more: Any) -> Config:
    return {"num_key_value_heads": heads} | more


GPT2 = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_embd": 768,
    "n_head": 12,
    "vocab_size": 50257,
    "n_positions": 1024,
}
LATENT = {
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
ROUTED = {
    "moe_intermediate_size": 1408,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
}
FIRST_DENSE = {"first_k_dense_replace": 1, "moe_layer_freq": 1}
QWEN_MOE = {"num_experts": 60, "num_experts_per_tok": 4, "decoder_sparse_step": 1, "mlp_only_layers": "[]"}
MEGATRON = {
    "tensor_model_parallel_size": 4,
    "pipeline_model_parallel_size": 4,
    "num_layers": 40,
    "hidden_size": 6144,
    "ffn_hidden_size": 24576,
    "num_attention_heads": 48,
    "max_position_embeddings": 1024,
    "padded_vocab_size": 50688,
}
PUBLISHED: dict[str, tuple[Config, int]] = {
    "gpt2": (GPT2, 124_439_808),
    "pythia-70m": (hf("gpt_neox", 512, 6, 8, 2048, 50304), 70_426_624),
    "pythia-160m": (hf("gpt_neox", 768, 12, 12, 3072, 50304), 162_322_944),
    "llama-2-7b": (hf("llama", 4096, 32, 32, 11008, 32000), 6_738_415_616),
    "llama-3-8b": (hf("llama", 4096, 32, 32, 14336, 128256, **kv(8)), 8_030_261_248),
    "tinyllama": (hf("llama", 2048, 22, 32, 5632, 32000, **kv(4)), 1_100_048_384),
    "mistral-7b": (hf("mistral", 4096, 32, 32, 14336, 32000, **kv(8)), 7_241_732_096),
    "qwen2-0.5b": (hf("qwen2", 896, 24, 14, 4864, 151936, **kv(2, tie_word_embeddings=True)), 494_032_768),
    "qwen2-7b": (hf("qwen2", 3584, 28, 28, 18944, 152064, **kv(4)), 7_615_616_512),
    "qwen3-0.6b": (
        hf("qwen3", 1024, 28, 16, 3072, 151936, **kv(8, head_dim=128, tie_word_embeddings=True)),
        596_049_920,
    ),
    "olmo-1b": (hf("olmo", 2048, 16, 16, 8192, 50304, tie_word_embeddings=True), 1_176_764_416),
    "olmo2-1b": (hf("olmo2", 2048, 16, 16, 8192, 100352), 1_484_916_736),
    "gemma-2b": (hf("gemma", 2048, 18, 8, 16384, 256000, **kv(1, head_dim=256)), 2_506_172_416),
    "gemma2-2b": (hf("gemma2", 2304, 26, 8, 9216, 256000, **kv(4, head_dim=256)), 2_614_341_888),
    "gemma3-1b": (hf("gemma3_text", 1152, 26, 4, 6912, 262144, **kv(1, head_dim=256)), 999_885_952),
    "phi-2": (hf("phi", 2560, 32, 32, 10240, 51200), 2_779_683_840),
    "phi-3-mini": (hf("phi3", 3072, 32, 32, 8192, 32064), 3_821_079_552),
    "stablelm-2-1.6b": (hf("stablelm", 2048, 24, 32, 5632, 100352, use_qkv_bias=True), 1_644_515_328),
    "opt-125m": (
        {"model_type": "opt", "hidden_size": 768, "num_hidden_layers": 12, "ffn_dim": 3072, "vocab_size": 50272}
        | {"max_position_embeddings": 2048, "word_embed_proj_dim": 768, "do_layer_norm_before": True},
        125_239_296,
    ),
    "bloom-560m": (
        {"model_type": "bloom", "hidden_size": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 250880},
        559_214_592,
    ),
    "gpt-j-6b": ({"model_type": "gptj", "n_embd": 4096, "n_layer": 28, "vocab_size": 50400}, 6_050_882_784),
    "gpt-neo-125m": (
        {"model_type": "gpt_neo", "hidden_size": 768, "num_layers": 12, "vocab_size": 50257}
        | {"max_position_embeddings": 2048},
        125_198_592,
    ),
    "falcon-7b": (
        {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71}
        | {"vocab_size": 65024, "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False},
        6_921_720_704,
    ),
    "mixtral-8x7b": (
        hf("mixtral", 4096, 32, 32, 14336, 32000, **kv(8, num_local_experts=8, num_experts_per_tok=2)),
        46_702_792_704,
    ),
    "qwen1.5-moe": (
        hf("qwen2_moe", 2048, 24, 16, 5632, 151936, moe_intermediate_size=1408)
        | {"shared_expert_intermediate_size": 5632}
        | QWEN_MOE,
        14_315_784_192,
    ),
    "qwen3-30b-a3b": (
        hf("qwen3_moe", 2048, 48, 32, 6144, 151936, **kv(4, head_dim=128, moe_intermediate_size=768))
        | QWEN_MOE
        | {"num_experts": 128, "num_experts_per_tok": 8},
        30_532_122_624,
    ),
    "deepseek-moe-16b": (
        hf("deepseek", 2048, 28, 16, 10944, 102400) | ROUTED | FIRST_DENSE,
        16_375_728_128,
    ),
    "deepseek-v2-lite": (
        hf("deepseek_v2", 2048, 27, 16, 10944, 102400) | LATENT | ROUTED | FIRST_DENSE,
        15_706_484_224,
    ),
    "olmoe-1b-7b": (
        hf("olmoe", 2048, 16, 16, 1024, 50304, num_experts=64, num_experts_per_tok=8),
        6_919_161_856,
    ),
    "mpt-7b by llm-foundry": (
        {"model.name": "mpt_causal_lm", "model.d_model": 4096, "model.n_layers": 32, "model.n_heads": 32}
        | {"model.vocab_size": 50432, "model.max_seq_len": 2048, "model.attn_config.alibi": True}
        | {"model.no_bias": True, "model.expansion_ratio": 4},
        6_649_286_656,
    ),
    "llama-3-8b by its authors": (
        {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256}
        | {"multiple_of": 1024, "ffn_dim_multiplier": 1.3},
        8_030_261_248,
    ),
    "llama-2-7b by lingua": (
        {"model.dim": 4096, "model.n_layers": 32, "model.n_heads": 32, "model.vocab_size": 32000}
        | {"model.multiple_of": 256},
        6_738_415_616,
    ),
    "llama-2-7b by nanotron": (
        {
            f"model.model_config.{key}": value
            for key, value in hf("", 4096, 32, 32, 11008, 32000).items()
            if value
        }
        | {"model.model_config.is_llama_config": True},
        6_738_415_616,
    ),
    "olmo-1b by its trainer": (
        {"model.d_model": 2048, "model.n_layers": 16, "model.n_heads": 16, "model.mlp_ratio": 8}
        | {"model.activation_type": "swiglu", "model.weight_tying": True, "model.embedding_size": 50304}
        | {"model.rope": True, "model.include_bias": False, "model.layer_norm_with_affine": False}
        | {"model.vocab_size": 50280, "model.layer_norm_type": "default", "model.max_sequence_length": 2048},
        1_176_764_416,
    ),
    "pythia-160m by litgpt": (
        {"name": "pythia-160m", "mlp_class_name": "GptNeoxMLP", "norm_class_name": "LayerNorm", "bias": True}
        | {"n_layer": 12, "n_head": 12, "n_embd": 768, "intermediate_size": 3072, "padded_vocab_size": 50304},
        162_322_944,
    ),
    "pythia-160m by gpt-neox": (
        {"gpt_j_residual": True, "pos_emb": "rotary", "norm": "layernorm", "no_weight_tying": True}
        | {"hidden_size": 768, "num_layers": 12, "num_attention_heads": 12, "padded_vocab_size": 50304},
        162_322_944,
    ),
    "gpt of 18b by megatron": (MEGATRON, 18_440_318_976),
    "llama-3-8b by megatron": (
        {"tensor_model_parallel_size": 1, "pipeline_model_parallel_size": 1, "num_layers": 32}
        | {"hidden_size": 4096, "ffn_hidden_size": 14336, "num_attention_heads": 32, "swiglu": True}
        | {"group_query_attention": "True", "num_query_groups": 8, "add_bias_linear": False}
        | {"position_embedding_type": "rope", "normalization": "RMSNorm", "padded_vocab_size": 128256}
        | {"untie_embeddings_and_output_weights": True, "max_position_embeddings": 8192},
        8_030_261_248,
    ),
    "nanogpt without biases": (
        {"model_type": "nanogpt", "n_layer": 8, "n_head": 8, "n_embd": 512, "block_size": 512}
        | {"vocab_size": 50304, "bias": False},
        51_192_320,
    ),
    "nanogpt with biases": (
        {"model_type": "nanogpt", "n_layer": 12, "n_head": 12, "n_embd": 768, "block_size": 1024}
        | {"vocab_size": 50304, "bias": True},
        124_475_904,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_total_of_published_models_is_exact(name: str) -> None:
    """To the last parameter, from the keys their configurations have."""
    config, total = PUBLISHED[name]
    count = of_kind(counted(config), "n_total")
    assert (count.value, count.how, count.approximate) == (total, "computed", False)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("gpt2", 85_056_000), ("pythia-70m", 18_915_328), ("llama-2-7b", 6_476_271_616)],
)
def test_embeddings_and_output_head_stand_apart(name: str, blocks: int) -> None:
    """Without token embedding, positions and head, norms and biases included."""
    count = of_kind(counted(PUBLISHED[name][0]), "n_non_embedding")
    assert (count.value, count.approximate) == (blocks, False)


def test_a_mixture_of_experts_has_active_parameters() -> None:
    """Without embeddings as a law counts them, and with them as the model cards do."""
    known = counted(PUBLISHED["mixtral-8x7b"][0])
    assert of_kind(known, "n_active").value == 12_879_925_248 - 2 * 32000 * 4096
    whole = of_kind(known, "n_other")
    assert (whole.value, "embeddings and output head included" in whole.source) == (12_879_925_248, True)
    assert known.issues == ()


def test_a_run_that_counts_weight_matrices_is_answered_in_kind() -> None:
    """12 L h^2 in the configuration is not contradicted by norms and biases, even in a tiny model."""
    tiny = GPT2 | {"n_layer": 2, "n_embd": 32, "n_head": 2, "non_embedding_params": 24576}
    known = counted(tiny)
    assert [c.value for c in known.counts if c.kind == "n_non_embedding"] == [24576, 24576]
    assert known.counts[1].source == "12 L h^2 from n_layer, n_embd"
    assert known.issues == ()
    wrong = counted(tiny | {"non_embedding_params": 30000})
    assert [issue.code for issue in wrong.issues] == ["n-disagrees"]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"d_model": 512, "n_layers": 6, "n_heads": 8}, "no family, no feed-forward"),
        (hf("llama", 512, 6, 8, 0, 32000), "no feed-forward width"),
        (hf("mistral", 512, 6, 8, 2048, 32000), "no key-value heads"),
        (hf("gemma", 512, 6, 8, 2048, 32000, **kv(1)), "no size of a head"),
        (hf("mixtral", 512, 6, 8, 2048, 32000, **kv(1, num_local_experts=8)), "experts used are not said"),
        (hf("something_new", 512, 6, 8, 2048, 32000, num_experts=8, num_experts_per_tok=2), "unknown experts"),
        (hf("llama", 512, 6, 8, 2048, 32000, kv_lora_rank=64), "latent attention where there is none"),
        ({"model_type": "nanogpt", "n_layer": 6, "n_embd": 384, "n_head": 6}, "biases are not said"),
        ({"a.model_type": "llama", "a.hidden_size": 512, "b.hidden_size": 256, "a.n_layers": 2}, "two widths"),
        (hf("gpt_neox", 512, 6, 8, 2048, 50304, global_parameter_scale=2), "sizes are scaled"),
    ],
)
def test_what_decides_and_is_absent_makes_n_approximate(config: Config, why: str) -> None:
    """A wrong N is worse than one marked as a guess."""
    known = counted(config)
    assert known.counts, why
    assert all(count.approximate for count in known.counts), why


@pytest.mark.parametrize(("stated", "approximate"), [(1_315_950_592, False), (1_330_000_001, True)])
def test_a_stated_total_bears_out_a_formula_that_had_to_guess(stated: int, approximate: bool) -> None:
    """llm-foundry's keys without the model's name; the printed total says that they were read rightly."""
    config = {"d_model": 2048, "n_layers": 24, "n_heads": 16, "expansion_ratio": 4, "vocab_size": 50368}
    known = counted(config | {"max_seq_len": 2048, "n_params": stated})
    assert of_kind(known, "n_non_embedding").value == 1_208_602_624
    assert of_kind(known, "n_non_embedding").approximate == approximate


def test_depth_and_width_from_a_person_count_weight_matrices() -> None:
    """Then every run of a ladder is counted alike, whatever else its log says of the model."""
    known = resolve([said({"model_type": "gpt2", "vocab_size": 128})], [], {"n_layer": "2", "n_embd": "32"})
    assert of_kind(known, "n_non_embedding").value == 24576


WEIRD = (
    0,
    -1,
    1,
    2,
    7,
    1e3,
    0.5,
    1e18,
    1e301,
    10**400,
    "1e999",
    "nan",
    "inf",
    "",
    "None",
    "[1, 2",
    "12M",
    "x" * 99,
)
WORDS = (
    "gpt2",
    "mixtral",
    "deepseek_v2",
    "falcon",
    "mpt",
    "['LlamaForCausalLM']",
    "gpt-nano",
    "none",
    True,
    False,
)


@pytest.mark.parametrize("seed", range(300))
def test_no_configuration_breaks_the_count(seed: int) -> None:
    """Any value may stand under any name; what comes out is a positive finite number or nothing."""
    rng = random.Random(seed)
    config: Config = {}
    for names in rng.sample(list(KEYS.values()), 60):
        prefix = rng.choice(("", "model.", "args/", "vision_config."))
        config[prefix + rng.choice(names)] = scalar(rng.choice((*WEIRD, *WORDS)))
    rows = [Latest("train", "log", 9, 0, 1, 9, 9, 4.0, 3.0, 3.0, 9, rng.choice((NAN, 1e300)), NAN, NAN, NAN)]
    known = resolve([said(config)], rows, {})
    found = (*known.counts, known.tokens_per_step)
    assert all(count is None or 0 < count.value < math.inf for count in found)


def test_other_models_in_the_configuration_are_not_counted() -> None:
    """A vision tower or a teacher has a width of its own."""
    config = {f"text_config.{k}": v for k, v in hf("llama", 4096, 32, 32, 11008, 32000).items()}
    config |= {"vision_config.hidden_size": 1024, "teacher.num_hidden_layers": 80}
    assert of_kind(counted(config), "n_total").value == 6_738_415_616


def test_a_rounded_number_in_the_configuration_yields_to_the_formula() -> None:
    """`n_params=1.32e+09` is a label; the layers beside it say 1,315,950,592."""
    config = {"cfg.model.name": "mpt_causal_lm", "cfg.model.d_model": 2048, "cfg.model.n_layers": 24}
    config |= {"cfg.model.n_heads": 16, "cfg.model.vocab_size": 50368, "cfg.model.max_seq_len": 2048}
    known = counted(config | {"cfg.n_params": 1.32e9})
    assert [(c.value, c.digits) for c in known.counts if c.kind == "n_total"] == [
        (1_315_950_592, None),
        (1.32e9, 3),
    ]
    assert known.issues == ()


RANKS = "line 210: number of parameters on model parallel rank, sum over 16 ranks"


def test_a_sum_over_ranks_yields_to_the_formula_that_bears_it_out() -> None:
    """Shared parts are counted on several ranks; both figures are kept, and it is no disagreement."""
    known = counted(MEGATRON, (Figure("n_total", 18_775_080_960, RANKS),))
    total = of_kind(known, "n_total")
    assert (total.value, total.how) == (18_440_318_976, "computed")
    assert "sum over 16 ranks" in total.source and "+1.8 %" in total.source
    assert of_kind(known, "n_other").value == 18_775_080_960
    assert known.issues == ()


def test_a_sum_over_ranks_far_from_the_formula_is_rough() -> None:
    """It counts shared parts several times: an exact formula stands before it, and the two disagree."""
    known = counted(MEGATRON, (Figure("n_total", 25e9, RANKS),))
    totals = [(c.value, c.approximate) for c in known.counts if c.kind == "n_total"]
    assert totals == [(18_440_318_976, False), (25e9, True)]
    assert [issue.code for issue in known.issues] == ["n-disagrees"]


def test_one_rank_is_the_whole_model() -> None:
    """Nothing is counted twice there."""
    known = counted({}, (Figure("n_total", 1_000_000, "line 9: ..., sum over 1 ranks"),))
    assert [(c.kind, c.value, c.approximate) for c in known.counts] == [("n_total", 1_000_000, False)]


CUT_MEGATRON = {
    "num_layers": 4,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "num_query_groups": 1,
    "ffn_hidden_size": 1408,
}


@pytest.mark.parametrize(
    ("more", "attention", "matrices"),
    [
        ({"group_query_attention": False, "swiglu": True}, 4 * 512**2, 3),
        ({"group_query_attention": "False", "swiglu": "False"}, 4 * 512**2, 2),
        ({"group_query_attention": True, "swiglu": True}, 2 * 512**2 + 2 * 512 * 64, 3),
    ],
)
def test_part_of_the_arguments_still_says_gated_and_grouped(
    more: Config, attention: int, matrices: int
) -> None:
    """Query groups count only where attention is grouped; the answer stays rough."""
    found = of_kind(counted(CUT_MEGATRON | more), "n_non_embedding")
    assert (found.value, found.approximate) == (4 * (attention + matrices * 512 * 1408), True)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_sum_over_ranks_is_a_lower_bound_of_a_mixture(ranks: int) -> None:
    """Experts lie on ranks that are not printed: the sum is no total and disagrees with nothing."""
    config = MEGATRON | {"num_experts": 8, "moe_router_topk": 2}
    alone = counted(config)
    known = counted(config, (Figure("n_total", 9e9, f"sum over {ranks} ranks"),))
    assert of_kind(known, "n_total") == of_kind(alone, "n_total")
    bound = next(count for count in known.counts if count.value == 9e9)
    assert (bound.kind, bound.approximate) == ("n_other", True)
    assert "at least" in bound.source
    assert known.issues == ()
