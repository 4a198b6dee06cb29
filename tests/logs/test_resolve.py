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


def counted(series: str, last: float, first: float = 1.0) -> Latest:
    """A series whose values count or measure something, over 100 steps."""
    return Latest(series, "log", 100, 0, 1, 100, 100, first, last, first, 1, NAN, NAN, NAN, NAN)


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


def test_an_architecture_with_keys_missing_is_approximate() -> None:
    """12 L h^2 of an unknown family is a guess and says so; depth and width may also be given."""
    known = resolve([said({"d_model": 64, "num_layers": 2})], [], {})
    assert n_of(known, "n_non_embedding") == (98304, "computed")
    assert known.counts[0].approximate and "12 L h^2" in known.counts[0].source
    given = resolve([said()], [], {"n_layer": "2", "n_embd": "128"})
    assert n_of(given, "n_non_embedding") == (393216, "computed")


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


def test_samples_times_length_stand_before_steps() -> None:
    """Megatron's batch grows at the start: 12,800 samples in 100 steps, though the batch is 256 by now."""
    config = {"seq_length": 1024, "global_batch_size": 256, "rampup_batch_size": "['16', '16', '5000']"}
    rows = [latest(100), counted("consumed_samples", 12800), counted("batch", 256, first=16)]
    known = resolve([said(config)], rows, {})
    assert value(known.tokens_seen) == 12800 * 1024
    assert known.tokens_seen is not None and not known.tokens_seen.approximate
    assert value(known.tokens_per_step) == 256 * 1024
    assert known.issues == ()


def test_a_growing_batch_makes_step_times_tokens_doubtful() -> None:
    """Without a counter there is nothing better, and it is said."""
    config = {"seq_length": 1024, "global_batch_size": 256, "rampup_batch_size": "['16', '16', '5000']"}
    known = resolve([said(config)], [latest(100)], {})
    assert known.tokens_seen is not None and known.tokens_seen.approximate
    assert [issue.code for issue in known.issues] == ["token-count-doubtful"]
    assert resolve([said(config | {"rampup_batch_size": "None"})], [latest(100)], {}).issues == ()


def test_samples_that_contradict_the_batch_are_an_issue() -> None:
    """A forgotten factor between the configuration and the counter."""
    config = {"seq_length": 1024, "global_batch_size": 256}
    known = resolve([said(config)], [latest(100), counted("consumed_samples", 51200)], {})
    assert value(known.tokens_per_step) == 512 * 1024
    assert [issue.code for issue in known.issues] == ["token-count-doubtful"]


@pytest.mark.parametrize(
    ("series", "seen"),
    [("lm-loss-training/lm loss vs samples", 640 * 1024), ("lm-loss-training/lm loss vs tokens", 640)],
)
def test_a_metric_logged_against_samples_or_tokens_counts_them(series: str, seen: float) -> None:
    """The twin scalars of Megatron, wherever they were exported to."""
    known = resolve([said({"seq_length": 1024})], [latest(640, series=series), latest(10)], {})
    assert value(known.tokens_seen) == seen


@pytest.mark.parametrize(
    ("config", "per_step", "approximate"),
    [
        ({"batch_size": 4, "gas": 2, "global_num_gpus": 8, "seq_length": 2048}, 4 * 2 * 8 * 2048, False),
        (
            {"batch_size": 4, "gas": 2, "global_num_gpus": 8, "seq_length": 2048, "model_parallel_size": 2},
            4 * 2 * 4 * 2048,
            False,
        ),
        ({"train_batch_size": 64, "train_micro_batch_size_per_gpu": 4, "seq_length": 2048}, 64 * 2048, False),
        (
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "max_seq_length": 512},
            4 * 2 * 512,
            True,
        ),
        (
            {"per_device_train_batch_size": 4, "world_size": 8, "max_seq_length": 512},
            4 * 8 * 512,
            False,
        ),
        ({"training.local_batch_size": 2, "training.seq_len": 4096}, 2 * 4096, True),
        ({"data.global_train_batch_size": 512, "model.max_sequence_length": 2048}, 512 * 2048, False),
        ({"per_device_train_batch_size": 4, "max_position_embeddings": 32768}, None, False),
        ({"batch_size": 8, "n_positions": 1024}, None, False),
    ],
    ids=["neox", "neox-mp2", "deepspeed", "hf", "hf-world", "torchtitan", "olmo", "greatest", "gpt2-greatest"],
)
def test_tokens_per_step_from_the_arguments_of_trainers(
    config: dict[str, Any], per_step: float | None, approximate: bool
) -> None:
    """Where the number of devices is not said one is assumed; a greatest length is no length."""
    found = resolve([said(config)], [latest(10)], {}).tokens_per_step
    assert value(found) == per_step
    assert (found is not None and found.approximate) == approximate
    assert (found is not None and "one assumed" in found.source) == approximate


def test_printed_batch_and_length_give_tokens_per_step() -> None:
    """`global batch size 24 ... sequence length 4096`, printed by the trainer."""
    figures = (Figure("global_batch_size", 24, "line 8"), Figure("seq_len", 4096, "line 8"))
    known = resolve([said(figures=figures)], [latest(10)], {})
    assert value(known.tokens_per_step) == 24 * 4096
    assert (value(known.tokens_seen), known.seq_len, known.batch) == (10 * 24 * 4096, 4096, 24)


def test_tokens_of_a_step_may_be_logged_with_it() -> None:
    """fairseq's words per batch."""
    known = resolve([said()], [latest(10), counted("tokens_per_step", 65536, first=65536)], {})
    assert value(known.tokens_seen) == 655360
    varying = resolve([said()], [latest(10), counted("wpb", 65536, first=65000)], {}).tokens_seen
    assert varying is not None and varying.approximate


def test_total_flos_give_tokens_where_n_is_known() -> None:
    """6 N D the other way round, only where nothing counts the tokens."""
    flos = (Figure("total_flos", 6.0 * 1000 * 5120, "x"),)
    known = resolve([said({"n_non_embedding": 1000}, flos)], [latest(20)], {})
    assert (value(known.tokens_seen), known.tokens_seen and known.tokens_seen.how) == (5120, "flos")
    assert known.tokens_seen is not None and known.tokens_seen.approximate


@pytest.mark.parametrize(("n_total", "issues"), [(1500, 0), (1010, 1)])
def test_total_flos_may_count_an_output_head(n_total: int, issues: int) -> None:
    """An N between those without and with embeddings bears them out, one outside is a disagreement."""
    flos = (Figure("total_flos", 6.0 * 1200 * 5120, "x"),)
    config = {"n_non_embedding": 1000, "n_total": n_total}
    known = resolve([said(config, flos)], [latest(20, 5120)], {})
    assert n_of(known, "n_non_embedding") == (1000, "config")
    assert [issue.code for issue in known.issues] == ["n-disagrees"] * issues


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


@pytest.mark.parametrize(("config", "n"), [({"N": 31430}, 31430), ({"N": 12}, None), ({"n": 31430}, None)])
def test_a_bare_capital_n_is_the_number_of_parameters(config: dict[str, Any], n: float | None) -> None:
    """As people who study scaling write it; small ones and a small letter count other things."""
    assert value(resolve([said(config)], [], {}).n("n_total")) == n


@pytest.mark.parametrize(
    "key",
    ["task_specific_params.text-generation.max_length", "generation.max_seq_len", "max_length", "cutoff_len"],
)
def test_a_length_of_something_else_makes_no_tokens(key: str) -> None:
    """Of generated text, or the greatest of padded ones."""
    assert resolve([said({"batch_size": 8, key: 50})], [latest(10)], {}).tokens_per_step is None


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


@pytest.mark.parametrize(
    ("config", "figures", "kind", "shown"),
    [
        ({"n_layer": 4, "n_embd": 64}, (Figure("n_total", 250_000, "line 1"),), "n_total", 250_000),
        (
            {"n_params_non_embedding": 196_608},
            (Figure("n_total", 250_000, "line 1"),),
            "n_non_embedding",
            196_608,
        ),
        ({"n_active": 3e9, "n_params_non_embedding": 15e9}, (), "n_active", 3e9),
    ],
)
def test_the_n_that_is_shown_is_active_else_exact_else_without_embeddings(
    config: dict[str, Any], figures: tuple[Figure, ...], kind: str, shown: float
) -> None:
    """A formula that had to guess does not stand before a printed total."""
    found = resolve([said(config, figures)], [], {}).leading_n
    assert found is not None
    assert (found.kind, found.value) == (kind, shown)
    assert resolve([said()], [], {}).leading_n is None


@pytest.mark.parametrize(("printed", "digits"), [("46.70", 4), ("0.26", 2), ("1.234567890123", None)])
def test_billions_with_few_decimals_are_rounded(printed: str, digits: int | None) -> None:
    """46.70 billion is known to four digits; a double printed in full is exact."""
    source = f"line 3: Total number of parameters in billions: {printed}"
    known = resolve([said(figures=(Figure("n_total", float(printed) * 1e9, source),))], [], {})
    assert [count.digits for count in known.counts] == [digits]


def test_a_recipe_told_by_a_table_yields_to_a_person() -> None:
    """The words of a row name the recipe until somebody says otherwise."""
    run = said({"table.recipe": "base long", "recipe": "not this"})
    assert resolve([run], [], {}).recipe["recipe"] == "base long"
    assert resolve([run], [], {"recipe": "mine"}).recipe["recipe"] == "mine"
