"""Families of transformers: which of a model's parts its configuration need not say.

The configuration classes of the model libraries leave out what every model of a type has (whether the
feed-forward is gated, where biases stand, how many norms a layer has). This is that knowledge, by
`model_type` and for the arguments of trainers that build their own model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from labbook.logs.config import Config

_GATED = frozenset({"silu", "swish", "swiglu", "geglu", "reglu", "liglu", "glu", "gelu_pytorch_tanh_gated"})


@dataclass(frozen=True, slots=True)
class Family:
    """What every model of a family has. The defaults are those of Llama."""

    name: str
    gated: bool = True
    ffn_ratio: float | None = None
    """Feed-forward width over model width where the configuration does not say it."""
    norm: int = 1
    """Numbers a channel of a norm has: 0 none, 1 a weight, 2 weight and bias."""
    norms: int = 2
    """Norms of a layer, those of queries and keys apart."""
    ends_in_norm: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: str = ""
    """`head`: one norm of a head's size, `full`: over all heads; empty: none."""
    tied: bool = False
    positions: int | None = None
    """Rows a table of positions has beyond the greatest length; None where there is no table."""
    head_bias: bool = False
    embedding_norm: bool = False
    shared_gate: bool = False
    """True where the shared expert has a gate of its own."""
    needs: tuple[str, ...] = ()
    """Quantities without which the count is a guess."""
    sizes: dict[str, float | None] = field(default_factory=dict)
    """Sizes worked out from the family's own arguments, by quantity."""
    is_sure: bool = True
    """False where an argument says that the model is not quite of this family."""


_LLAMA = Family("llama", needs=("ffn",))
_GPT = Family(
    "gpt2",
    gated=False,
    ffn_ratio=4.0,
    norm=2,
    qkv_bias=True,
    out_bias=True,
    mlp_bias=True,
    tied=True,
    positions=0,
)
_GROUPED = ("ffn", "kv_heads")
_SIZED = (*_GROUPED, "head_dim")
_MIXTURE = ("ffn", "experts", "experts_used")
_FIXED: dict[str, Family] = {
    family.name: family
    for family in (
        _LLAMA,
        _GPT,
        replace(_LLAMA, name="mistral", needs=_GROUPED),
        replace(_LLAMA, name="mixtral", needs=("kv_heads", *_MIXTURE)),
        replace(_LLAMA, name="qwen2", qkv_bias=True),
        replace(_LLAMA, name="qwen2_moe", qkv_bias=True, shared_gate=True, needs=("expert_ffn", "shared_ffn")),
        replace(_LLAMA, name="qwen3", qk_norm="head", needs=_SIZED),
        replace(_LLAMA, name="qwen3_moe", qk_norm="head", needs=(*_SIZED, "expert_ffn")),
        replace(_LLAMA, name="olmo", norm=0),
        replace(_LLAMA, name="olmo2", qk_norm="full"),
        replace(_LLAMA, name="olmo3", qk_norm="full"),
        replace(_LLAMA, name="olmoe", qk_norm="full", needs=_MIXTURE),
        replace(_LLAMA, name="gemma", tied=True, needs=_SIZED),
        replace(_LLAMA, name="gemma2", tied=True, norms=4, needs=_SIZED),
        replace(_LLAMA, name="gemma3_text", tied=True, norms=4, qk_norm="head", needs=_SIZED),
        replace(_LLAMA, name="phi3"),
        replace(_LLAMA, name="deepseek", needs=("ffn", "expert_ffn")),
        replace(_LLAMA, name="deepseek_v2", needs=("ffn", "expert_ffn", "kv_rank")),
        replace(_LLAMA, name="stablelm", norm=2),
        replace(_GPT, name="gpt_neox", tied=False, positions=None),
        replace(_GPT, name="gpt_neo", qkv_bias=False),
        replace(
            _GPT,
            name="gptj",
            qkv_bias=False,
            out_bias=False,
            norms=1,
            tied=False,
            positions=None,
            head_bias=True,
        ),
        replace(_GPT, name="phi", norms=1, tied=False, positions=None, head_bias=True),
        replace(_GPT, name="opt", positions=2, needs=("ffn",)),
        replace(_GPT, name="bloom", positions=None, embedding_norm=True),
        replace(_GPT, name="mingpt", tied=False),
    )
}
_MOST_TIMES = 100.0
"""Beyond it a factor of the feed-forward width is none."""
_ALIASES = {
    "gptneox": "gpt_neox",
    "pythia": "gpt_neox",
    "llama2": "llama",
    "llama3": "llama",
    "gptneo": "gpt_neo",
    "gpt_j": "gptj",
    "gemma3": "gemma3_text",
    "olmo_2": "olmo2",
    "gpt": "",
}
MIXED = frozenset(
    {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "deepseek", "deepseek_v2", "megatron", "litgpt"}
)
"""Families whose mixture of experts is counted exactly."""
_MINGPT = re.compile(r"(openai_gpt|gopher_44m|gpt_(mini|micro|nano))\Z")
_CLASS = re.compile(r"([A-Za-z0-9]+?)(?:ForCausalLM|LMHeadModel|Model)\b")


def family_of(config: Config, word: str | None) -> Family | None:
    """The family a configuration belongs to, None where nothing says it for sure.

    word: what a person, the configuration or the trainer calls it.
    """
    for looks_so, build in _BY_ARGUMENTS:
        if looks_so(config):
            return build(config)
    name = _plain_name(word or "")
    if name == "nanogpt":
        return _nanogpt(config)
    if name == "falcon":
        return _falcon(config)
    if name == "mpt":
        return _mpt(config)
    family = _FIXED.get(name)
    return _with_flags(family, config) if family is not None else None


def unknown_family(config: Config, word: str | None) -> Family:
    """Weight matrices alone, for a model nobody knows; gated where its arguments say so."""
    activation = (config.text("activation") or "").lower().rpartition(".")[2]
    gated = activation in _GATED or config.flag("swiglu") is True
    return Family(
        _plain_name(word or ""),
        gated,
        4.0,
        norm=0,
        ends_in_norm=False,
        tied=_tied(config, True),
        needs=("ffn", "heads", "kv_heads"),
        sizes={"kv_heads": config.value("heads")} if config.flag("grouped") is False else {},
    )


def _plain_name(word: str) -> str:
    named = _CLASS.search(word)
    name = (named[1] if named else word).lower().replace("-", "_").strip("[]'\" ")
    if _MINGPT.match(name):
        return "mingpt"
    return _ALIASES.get(name, name)


def _with_flags(family: Family, config: Config) -> Family:
    """The family with what its configuration says beside the sizes."""
    attention, mlp, qkv = (config.flag(f) for f in ("attention_bias", "mlp_bias", "qkv_bias"))
    sure = family.is_sure
    if attention is not None:
        family = replace(family, qkv_bias=attention, out_bias=attention)
    if mlp is not None:
        family = replace(family, mlp_bias=mlp)
    if qkv is not None:
        family = replace(family, qkv_bias=qkv)
    if family.name == "stablelm":
        sure = not config.flag("qk_norm") and not config.flag("parallel")
    if family.name == "opt":
        width, projected = config.value("width"), config.value("proj_dim")
        sure = config.flag("norm_first") is not False and projected in (None, width)
    if config.value("kv_rank") and family.name != "deepseek_v2":
        sure = False
    if (config.value("scale") or 1.0) != 1.0:  # MaxText scales the sizes it prints
        sure = False
    return replace(family, tied=_tied(config, family.tied), is_sure=sure)


def _tied(config: Config, default: bool) -> bool:
    untied = config.flag("untied")
    stated = config.flag("tied")
    if stated is not None:
        return stated
    return default if untied is None else not untied


def _nanogpt(config: Config) -> Family:
    """nanoGPT: biases everywhere or nowhere, in its norms too; without the key it cannot be known."""
    bias = config.flag("bias")
    has = bias is True
    return replace(
        _GPT,
        name="nanogpt",
        norm=2 if has else 1,
        qkv_bias=has,
        out_bias=has,
        mlp_bias=has,
        is_sure=bias is not None,
    )


def _falcon(config: Config) -> Family:
    new = config.flag("new_decoder") is True
    bias, alibi = config.flag("bias") is True, config.flag("alibi") is True
    multi = config.flag("multi_query") is not False
    kv = config.value("kv_heads") if new else 1.0 if multi else config.value("heads")
    one_norm = config.flag("parallel") is not False and not new
    return replace(
        _GPT,
        name="falcon",
        qkv_bias=bias,
        out_bias=bias,
        mlp_bias=bias,
        norms=1 if one_norm else 2,
        tied=_tied(config, True),
        positions=None,
        needs=("heads",),
        sizes={"kv_heads": kv},
        is_sure=not alibi or not multi,
    )


def _mpt(config: Config) -> Family:
    """MPT of Composer's llm-foundry."""
    no_bias = config.flag("no_bias") is True
    rotary = config.flag("alibi") is True or config.flag("rope") is True
    learned = config.flag("learned")
    rms = "rms" in (config.text("normalization") or "")
    width, ratio = config.value("width"), config.value("expansion") or 4.0
    return replace(
        _GPT,
        name="mpt",
        gated="glu" in (config.text("ffn_type") or ""),
        norm=1 if rms or no_bias else 2,
        qkv_bias=not no_bias,
        out_bias=not no_bias,
        mlp_bias=not no_bias,
        qk_norm="full" if config.flag("qk_norm") else "",
        tied=_tied(config, True),
        positions=None if (rotary if learned is None else not learned) else 0,
        sizes={} if width is None or config.has("ffn") else {"ffn": ratio * width},
        is_sure=_is_mpt(config) or (config.text("family") or "") == "mpt",
    )


def _megatron(config: Config) -> Family:
    """The arguments of Megatron-LM and what descends from it."""
    gated = config.flag("swiglu") is True or (config.text("glu") or "none").lower() in _GATED
    bias = config.flag("linear_bias") is not False and config.flag("no_linear_bias") is not True
    norm = 1 if "rms" in (config.text("normalization") or "").lower() else 2
    position = (config.text("position_type") or "").lower()
    learned = "absolute" in position if position else config.flag("rope") is not True
    grouped = config.flag("grouped")
    return replace(
        _GPT,
        name="megatron",
        gated=gated,
        ffn_ratio=None if gated else 4.0,
        norm=norm,
        qkv_bias=bias or config.flag("qkv_bias") is True,
        out_bias=bias,
        mlp_bias=bias,
        qk_norm="head" if config.flag("qk_norm") else "",
        tied=_tied(config, True),
        positions=0 if learned else None,
        embedding_norm=config.flag("embedding_norm") is True,
        sizes={"kv_heads": config.value("heads")} if grouped is not True else {},
    )


def _neox(config: Config) -> Family:
    """The arguments of GPT-NeoX."""
    rms = (config.text("normalization") or "layernorm").lower() != "layernorm"
    gated = (config.text("activation") or "gelu").lower() in _GATED
    position = (config.text("position_type") or "learned").lower()
    return replace(
        _FIXED["gpt_neox"],
        gated=gated,
        norm=1 if rms else 2,
        norms=1 if config.flag("shared_norm") else 2,
        tied=_tied(config, True),
        positions=0 if position == "learned" else None,
        is_sure=not rms and not gated,  # their feed-forward width and biases vary between versions
    )


def _litgpt(config: Config) -> Family:
    """The configuration of litgpt."""
    gated = "neox" not in (config.text("mlp_class") or "").lower()
    norm = 1 if "rms" in (config.text("norm_class") or "").lower() else 2
    bias = config.flag("bias")
    attention = config.flag("qkv_bias")
    return replace(
        _GPT,
        name="litgpt",
        gated=gated,
        norm=norm,
        norms=1 if config.flag("shared_norm") else 2,
        qkv_bias=bias is True or attention is True,
        out_bias=bias is True,
        mlp_bias=bias is True,
        head_bias=config.flag("head_bias") is True,
        tied=_tied(config, False),
        positions=None,
        needs=("ffn",),
        is_sure=bias is not None and config.flag("qk_norm") is not True,
    )


def _olmo(config: Config) -> Family:
    """OLMo's own configuration, whose mlp_ratio counts both halves of a gated feed-forward."""
    gated = (config.text("activation") or "").lower() in _GATED
    width, ratio = config.value("width"), config.value("mlp_ratio")
    whole = config.value("mlp_hidden") or (width * ratio if width and ratio else None)
    affine, bias = config.flag("norm_affine"), config.flag("bias")
    kind = (config.text("normalization") or "default").lower()
    norm = 1 if kind == "rms" else 2 if bias else 1
    positions = None if config.flag("rope") or config.flag("alibi") else 0
    heads = 1.0 if config.flag("multi_query") else config.value("kv_heads") or config.value("heads")
    return replace(
        _GPT,
        name="olmo",
        gated=gated,
        norm=0 if affine is False else norm,
        qkv_bias=bias is True,
        out_bias=bias is True,
        mlp_bias=bias is True,
        qk_norm="full" if config.flag("qk_norm") else "",
        tied=_tied(config, True),
        positions=positions,
        sizes={"ffn": (whole / 2 if gated else whole) if whole else None, "kv_heads": heads},
        needs=("ffn",),
        is_sure=affine is not None and bias is not None,
    )


def _meta_llama(config: Config) -> Family:
    """Llama as its authors, torchtitan and lingua write it: the feed-forward width is rounded up."""
    sizes: dict[str, float | None] = {}
    width, step = config.value("width"), config.value("multiple_of")
    if width and step and not config.has("ffn"):
        raw = math.floor(2 * 4 * width / 3)
        raw = math.floor(min(config.value("ffn_multiplier") or 1.0, _MOST_TIMES) * raw)
        sizes["ffn"] = step * math.ceil(raw / step)
    return replace(_LLAMA, tied=_tied(config, False), sizes=sizes)


def _has(*quantities: str) -> Callable[[Config], bool]:
    return lambda config: all(config.has(quantity) for quantity in quantities)


def _is_mpt(config: Config) -> bool:
    return "mpt_causal_lm" in (config.text("model_name") or "")


def _is_neox(config: Config) -> bool:
    return config.has("neox_residual")


_BY_ARGUMENTS: tuple[tuple[Callable[[Config], bool], Callable[[Config], Family]], ...] = (
    (_is_neox, _neox),
    (_has("tensor_parallel", "pipe_parallel", "ffn"), _megatron),
    (_has("mlp_class", "norm_class"), _litgpt),
    (lambda config: _is_mpt(config) or config.has("expansion"), _mpt),
    (_has("mlp_ratio", "norm_affine"), _olmo),
    (_has("multiple_of"), _meta_llama),
    (_has("is_llama"), lambda config: _with_flags(_LLAMA, config)),
)
"""What tells a trainer's arguments apart, the most telling first."""
