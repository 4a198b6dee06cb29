"""N, D, unit and recipe from what logs and people say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from labbook.errors import UsageError
from labbook.logs.resolve import GIVEN_KEYS, Resolved, check_given, resolve
from labbook.records import NAN, Figure, Latest, Said
from labbook.summary import Count


def said(
    config: dict[str, Any] | None = None,
    figures: tuple[Figure, ...] = (),
    source: str = "log",
    form: str = "jsonl",
    **more: Any,
) -> Said:
    values: dict[str, Any] = {"units": {}, "step_kind": "optimizer", "step_origin": 1} | more
    return Said(
        source=source,
        format=form,
        part="",
        name=None,
        config=config or {},
        config_source="config.json",
        figures=figures,
        started=NAN,
        status="unknown",
        status_line="",
        **values,
    )


def latest(last: float, tokens: float = NAN, series: str = "train", source: str = "log") -> Latest:
    return Latest(series, source, 100, 0, 1, last, last, 4.0, 3.0, 3.0, last, tokens, NAN, NAN, NAN)


def value(count: Count | None) -> float | None:
    return count.value if count is not None else None


def n_of(known: Resolved, kind: str) -> tuple[float, str] | None:
    count = known.n(kind)
    return (count.value, count.how) if count is not None else None


def test_a_whole_number_beats_a_rounded_print() -> None:
    """393,216 in the configuration stands before `0.39M`; both are kept and agree."""
    printed = Figure("n_non_embedding", 390000.0, "line 15: number of parameters: 0.39M", 2)
    known = resolve([said({"non_embedding_params": 393216}, (printed,))], [], {})
    assert n_of(known, "n_non_embedding") == (393216, "config")
    assert [(count.value, count.digits) for count in known.counts] == [(393216, None), (390000, 2)]
    assert known.issues == ()


def test_what_is_given_comes_first_and_the_rest_is_kept() -> None:
    """A person's word wins over labbook.toml, that over the log; a disagreement is shown."""
    config = {"n_params": 100e6, "given.n_total": "124M"}
    known = resolve([said(config)], [], {})
    assert n_of(known, "n_total") == (124e6, "given")
    assert known.counts[0].source == "n_total (labbook.toml)"
    assert [issue.code for issue in known.issues] == ["n-disagrees"]
    again = resolve([said(config)], [], {"n_total": "100M"})
    assert n_of(again, "n_total") == (100e6, "given")
    assert again.issues == ()


@pytest.mark.parametrize(
    ("config", "non_embedding", "total"),
    [
        (
            {
                "model_type": "gpt2",
                "n_layer": 12,
                "n_embd": 768,
                "n_head": 12,
                "vocab_size": 50257,
                "n_ctx": 1024,
            },
            84934656,
            124439808,
        ),
        (
            {
                "model_type": "llama",
                "num_hidden_layers": 32,
                "hidden_size": 4096,
                "intermediate_size": 11008,
                "num_attention_heads": 32,
                "num_key_value_heads": 32,
                "vocab_size": 32000,
                "hidden_act": "silu",
                "tie_word_embeddings": False,
            },
            6476005376,
            6738415616,
        ),
        (
            {
                "model_type": "mistral",
                "num_hidden_layers": 32,
                "hidden_size": 4096,
                "intermediate_size": 14336,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "vocab_size": 32000,
                "hidden_act": "silu",
                "tie_word_embeddings": False,
            },
            6979321856,
            7241732096,
        ),
    ],
    ids=["gpt2", "llama-7b", "mistral-7b"],
)
def test_n_is_computed_from_the_architecture(config: dict[str, Any], non_embedding: int, total: int) -> None:
    """Published models come out exactly, by a formula that is named."""
    known = resolve([said(config)], [], {})
    assert n_of(known, "n_non_embedding") == (non_embedding, "computed")
    assert n_of(known, "n_total") == (total, "computed")
    assert not any(count.approximate for count in known.counts)


def test_an_architecture_with_keys_missing_is_approximate() -> None:
    """12 L h^2 of an unknown family is a guess and says so; depth and width may also be given."""
    known = resolve([said({"d_model": 64, "num_layers": 2})], [], {})
    assert n_of(known, "n_non_embedding") == (98304, "computed")
    assert known.counts[0].approximate and "12 L h^2" in known.counts[0].source
    given = resolve([said()], [], {"n_layer": "2", "n_embd": "128"})
    assert n_of(given, "n_non_embedding") == (393216, "computed")


def test_experts_count_apart() -> None:
    """All experts are in the model, a few are used for a token."""
    config = {
        "model_type": "mixtral",
        "num_hidden_layers": 2,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    }
    known = resolve([said(config)], [], {})
    assert n_of(known, "n_non_embedding") == (2 * (4 * 64 + 8 * 3 * 8 * 16), "computed")
    assert n_of(known, "n_active") == (2 * (4 * 64 + 2 * 3 * 8 * 16), "computed")


def test_total_flos_give_n_where_tokens_are_known() -> None:
    """transformers writes 6 N D; either of them gives the other, approximately."""
    known = resolve([said(figures=(Figure("total_flos", 6.0 * 1000 * 5120, "x"),))], [latest(20, 5120)], {})
    assert n_of(known, "n_non_embedding") == (1000, "flos")
    assert known.counts[0].approximate


def test_tokens_per_step_in_their_order() -> None:
    """Given, printed, configured, product of the configuration, the counter."""
    config = {"batch_size": 8, "block_size": 16, "gradient_accumulation_steps": 2}
    printed = Figure("tokens_per_step", 300, "line 1")
    assert value(resolve([said(config, (printed,))], [], {"tokens_per_step": "4,096"}).tokens_per_step) == 4096
    assert value(resolve([said(config, (printed,))], [], {}).tokens_per_step) == 300
    product = resolve([said(config)], [], {}).tokens_per_step
    assert product is not None
    assert (product.value, product.source) == (256, "config batch x accumulation x length")
    assert value(resolve([said()], [latest(10, 5120)], {}).tokens_per_step) == 512


def test_a_counter_that_disagrees_is_an_issue_and_stands() -> None:
    """A batch ramp or a forgotten factor: the log's own count is used, and the doubt is said."""
    known = resolve([said({"batch_size": 8, "block_size": 16})], [latest(10, 5120)], {})
    assert value(known.tokens_per_step) == 512
    assert value(known.tokens_seen) == 5120
    assert {issue.code for issue in known.issues} == {"token-count-doubtful"}


@pytest.mark.parametrize(
    ("origin", "form", "series", "seen"),
    [
        (0, "nanogpt", "train", 50 * 256),
        (0, "nanogpt", "val", 49 * 256),
        (1, "hf-trainer-state", "train", 49 * 256),
        (0, "lightning-csv", "val", 50 * 256),
    ],
)
def test_a_step_stands_for_as_many_updates_as_its_trainer_means(
    origin: int, form: str, series: str, seen: float
) -> None:
    """`iter 49` of an index is the fiftieth update; a validation before it comes after 49."""
    printed = (Figure("tokens_per_step", 256, "line 1"),)
    known = resolve([said(figures=printed, form=form, step_origin=origin)], [latest(49, series=series)], {})
    assert value(known.tokens_seen) == seen
    assert known.tokens_seen is not None and known.tokens_seen.how == "computed"


def test_log_calls_are_no_steps() -> None:
    """A tracker's own counter is used only where nothing better is there, and then approximately."""
    tracker = said(source="w", form="wandb", step_kind="log_call")
    printed = said(figures=(Figure("tokens_per_step", 256, "line 1"),))
    both = resolve([printed, tracker], [latest(10), latest(900, source="w")], {})
    assert value(both.tokens_seen) == 2560
    alone = resolve([tracker], [latest(900, source="w")], {"tokens_per_step": "256"})
    assert alone.tokens_seen is not None and alone.tokens_seen.approximate


def test_a_step_may_count_tokens_or_samples() -> None:
    """MLPerf's step is tokens."""
    assert value(resolve([said(step_kind="tokens")], [latest(4096)], {}).tokens_seen) == 4096
    config = {"seq_length": 128}
    assert value(resolve([said(config, step_kind="samples")], [latest(32)], {}).tokens_seen) == 4096


def test_epochs_are_passes_over_the_unique_tokens() -> None:
    """Not what a trainer calls an epoch."""
    known = resolve([said({"dataset_tokens": 1024})], [latest(10, 5120)], {})
    assert (value(known.unique_tokens), known.epochs) == (1024, 5)
    assert resolve([said()], [latest(10, 5120)], {}).epochs is None


def test_planned_steps_and_tokens_give_each_other() -> None:
    """A budget in tokens is a number of steps."""
    known = resolve([said({"tokens_per_step": 256, "max_iters": 100})], [], {})
    assert (value(known.planned_steps), value(known.planned_tokens)) == (100, 25600)
    budget = resolve([said({"tokens_per_step": 256, "token_budget": "25.6K"})], [], {})
    assert (value(budget.planned_steps), value(budget.planned_tokens)) == (100, 25600)


@pytest.mark.parametrize(
    ("config", "units", "given", "unit"),
    [
        ({}, {}, {}, "nats/token"),
        ({"tokenizer": "bytes"}, {"train": "nats/token"}, {}, "nats/byte"),
        ({"tokenizer": "byte-level"}, {}, {}, "nats/byte"),
        ({"tokenizer": "gpt2"}, {"train": "bits/token"}, {}, "bits/token"),
        ({"tokenizer": "bytes"}, {}, {"unit": "bits/byte"}, "bits/byte"),
    ],
)
def test_the_unit_of_the_loss(
    config: dict[str, Any], units: dict[str, str], given: dict[str, str], unit: str
) -> None:
    """Given, by the tokenizer, by the format, assumed: and it says which."""
    known = resolve([said(config, units=units)], [], given)
    assert known.unit == unit
    assert known.unit_source


def test_a_recipe_holds_what_stays_the_same_and_no_sizes() -> None:
    """Width and depth change along a ladder; what is unknown is absent."""
    config = {
        "dataset": "poems",
        "n_layer": 2,
        "n_embd": 8,
        "n_head": 2,
        "block_size": 16,
        "lr_scheduler_type": "cosine",
        "optimizer.lr": 0.5,
        "seed": 7,
    }
    known = resolve([said(config)], [latest(10)], {})
    assert known.recipe == {"dataset": "poems", "schedule": "cosine", "context": "16", "unit": "nats/token"}
    assert (known.seed, known.peak_lr, known.seq_len) == ("7", 0.5, 16)
    assert resolve([said(config)], [], {"recipe": "mine", "dataset": "prose"}).recipe["dataset"] == "prose"


def test_what_a_person_could_supply_is_listed() -> None:
    """Nothing is 0 for missing."""
    nothing = resolve([said()], [latest(10, series="lr")], {})
    assert nothing.missing == ("N", "tokens per step", "unique tokens", "planned steps", "loss")
    assert nothing.tokens_seen is None and nothing.counts == ()
    given = {"n": "1M", "tokens_per_step": "1K", "unique_tokens": "1B", "planned_steps": "100"}
    assert resolve([said()], [latest(10)], given).missing == ()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("n", "124M"),
        ("unit", "bits/byte"),
        ("learning_rate", "3e-4"),
        ("dataset", "poems"),
        ("planned_steps", "4,096"),
    ],
)
def test_given_values_are_taken(key: str, text: str) -> None:
    """Sizes, units and words."""
    check_given(key, text)
    assert key in GIVEN_KEYS


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("n_totl", "124M", "n_totl"),
        ("n", "big", "n=big"),
        ("n", "-5", "n=-5"),
        ("unit", "nats", "must be one of"),
        ("dataset", "\x1b[2J", "is empty"),
    ],
)
def test_given_values_that_make_no_sense_are_refused(key: str, text: str, words: str) -> None:
    """The message names the key and what would do."""
    with pytest.raises(UsageError, match=words.replace("=", "=")) as caught:
        check_given(key, text)
    assert "\x1b" not in caught.value.message


def test_nothing_infinite_or_absurd_in_a_configuration_becomes_a_count() -> None:
    """A configuration may hold anything."""
    config = {
        "n_params": "inf",
        "n_layer": -3,
        "n_embd": "wide",
        "block_size": 0,
        "batch_size": None,
        "max_iters": "x",
    }
    known = resolve([said(config)], [latest(math.inf)], {"n": "nonsense"})
    assert known.counts == ()
    assert known.tokens_seen is None
