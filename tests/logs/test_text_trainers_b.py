"""Tables of Megatron, NeoX, torchtitan, MaxText and nanotron: their syntax in the versions it is met in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.logs import FORMATS, recognise, take_sample, text
from labbook.records import Reading, RunPart

Make = Callable[[str], Path]
Pairs = list[tuple[float, float]]


def read(name: str, folder: Path, content: str) -> Reading:
    path = folder / "train.log"
    path.write_text(content)
    return text(name).read(path, 0, {})


def pairs(part: RunPart, series: str) -> Pairs:
    points = part.series[series]
    return list(zip(points.step, points.value, strict=True))


def tokens(part: RunPart, series: str = "train") -> list[float]:
    return list(part.series[series].tokens)


def figures(part: RunPart) -> dict[str, float]:
    return {figure.key: figure.value for figure in part.figures}


LOSSES = (4.852, 4.611, 4.402, 4.207)
SAMPLES: dict[str, tuple[Pairs, str, Pairs, dict[str, float]]] = {
    "megatron": (
        [(20, 4.87152), (30, 4.402113), (40, 4.198007)],
        "val",
        [(30, 4.390001), (40, 4.18025)],
        {"n_total": 10784, "planned_steps": 40},
    ),
    "neox": (
        [(10, 4.921007), (20, 4.5129), (30, 4.307455)],
        "val",
        [(20, 4.48011), (30, 4.2913)],
        {"n_total": 10784, "planned_steps": 30},
    ),
    "torchtitan": (
        [(1, 4.852), (10, 4.5107), (20, 4.3052), (30, 4.1903)],
        "val",
        [(20, 4.2871), (30, 4.1804)],
        {"n_total": 10784, "global_batch_size": 4, "seq_len": 8, "planned_steps": 30},
    ),
    "maxtext": (
        [(0, 4.852), (1, 4.61), (2, 4.399), (3, 4.207)],
        "val",
        [(1, 4.601), (3, 4.19)],
        {"n_total": 11000, "global_batch_size": 4, "seq_len": 8, "planned_steps": 4},
    ),
    "nanotron": (
        [(1, 4.85), (2, 4.61), (3, 4.4), (4, 4.21)],
        "lr",
        [(1, 0.00015), (2, 0.0003), (3, 0.000165), (4, 3e-05)],
        {"n_total": 10800, "global_batch_size": 4, "seq_len": 256, "planned_steps": 4},
    ),
    "olmo": (
        list(zip((1, 2, 3, 4), LOSSES, strict=True)),
        "val:c4_en_validation",
        [(3, 4.39)],
        {"n_total": 10784, "n_non_embedding": 8736, "planned_steps": 40},
    ),
    "composer": (
        [(1, 4.852), (2, 4.6108), (3, 4.4021), (4, 4.2071)],
        "val",
        [(2, 4.5908), (4, 4.1871)],
        {"n_total": 10784, "global_batch_size": 4, "planned_steps": 4},
    ),
    "composer-epoch": (
        [(0, 4.852), (1, 4.6108), (2, 4.4021), (3, 4.2071)],
        "val",
        [(1, 4.5908), (3, 4.1871)],
        {"n_total": 10784, "global_batch_size": 4},
    ),
    "fairseq": (
        [(10, 7.0), (20, 6.652), (30, 6.351)],
        "val",
        [(20, 6.602), (30, 6.301)],
        {"n_total": 10784, "tokens_per_step": 1024},
    ),
    "levanter": (list(enumerate(LOSSES)), "val", [(1, 4.591), (3, 4.187)], {"n_total": 10784}),
    "lingua": (
        [(10, 4.852), (20, 4.6113), (30, 4.4021)],
        "grad_norm",
        [(10, 1.2), (20, 0.991), (30, 0.874)],
        {"n_total": 10784},
    ),
    "torchtune": (
        [(1, 4.85200023651123), (2, 4.611300468444824), (3, 4.402100086212158), (4, 4.207099914550781)],
        "val",
        [(2, 4.6001), (4, 4.1904)],
        {},
    ),
    "litgpt": (
        list(zip((1, 2, 3, 4), LOSSES, strict=True)),
        "val",
        [(2, 4.6012), (4, 4.1904)],
        {"n_total": 10784},
    ),
    "verl": (list(zip((1, 2, 3, 4), LOSSES, strict=True)), "val", [(2, 4.6), (4, 4.19)], {}),
}
"""By sample: the training losses, another series with its values, the figures."""


@pytest.mark.parametrize("name", SAMPLES)
def test_losses_and_figures_of_the_sample(name: str, sample: Make) -> None:
    """Every record at its step, validation where the trainer's rule puts it, the printed figures exact."""
    train, series, values, said = SAMPLES[name]
    reading = text(name).read(sample(name), 0, {})
    (part,) = reading.parts
    assert pairs(part, "train") == train
    assert pairs(part, series) == values
    assert figures(part) == said


@pytest.mark.parametrize("name", [*SAMPLES, "open-lm"])
def test_the_sample_is_recognised_among_all_formats(name: str, sample: Make) -> None:
    """The registry gives the file to this trainer, also when every line is labelled and coloured."""
    path = sample(name)
    claim = recognise(take_sample(path), FORMATS)
    assert claim is not None and claim[0].name == name
    path.write_text("".join(f"3: \x1b[32m{line}\x1b[0m\n" for line in path.read_text().splitlines()))
    coloured = recognise(take_sample(path), FORMATS)
    assert coloured is not None and coloured[0].name == name


@pytest.mark.parametrize("name", [*SAMPLES, "open-lm"])
def test_labels_and_colours_change_no_row(name: str, sample: Make) -> None:
    """srun's label and a terminal's colours leave series, figures and configuration as they are."""
    path = sample(name)
    plain = text(name).read(path, 0, {}).parts[0]
    path.write_text("".join(f"0: \x1b[1m{line}\x1b[0m\n" for line in path.read_text().splitlines()))
    (part,) = text(name).read(path, 0, {}).parts
    assert {key: pairs(part, key) for key in part.series} == {key: pairs(plain, key) for key in plain.series}
    assert figures(part) == figures(plain)
    assert part.config == plain.config


def test_megatron_arguments_are_the_configuration(sample: Make) -> None:
    """Numbers, words and truth values of the dump, and the padded vocabulary printed after it."""
    config = text("megatron").read(sample("megatron"), 0, {}).parts[0].config
    assert config["hidden_size"] == 16
    assert config["position_embedding_type"] == "rope"
    assert config["swiglu"] is False
    assert config["padded vocab"] == 128


def test_megatron_iteration_without_update_has_no_loss(sample: Make) -> None:
    """A skipped iteration is missing in the loss, counted in the skipped ones and seen in the samples."""
    (part,) = text("megatron").read(sample("megatron"), 0, {}).parts
    assert 10 not in part.series["train"].step
    assert pairs(part, "number of skipped iterations")[0] == (10, 10)
    assert pairs(part, "consumed_samples") == [(10, 40), (20, 80), (30, 120), (40, 160)]
    assert pairs(part, "grad_norm")[0] == (20, 1.204)


def test_megatron_deepspeed_counts_tokens_and_seconds(tmp_path: Path) -> None:
    """The fork's counter is the tokens, its time is in seconds, its validation says `valid`."""
    line = (
        "3:  iteration       {0}/    2000 | consumed samples:         {1} | consumed tokens:      {2} | "
        "elapsed time per iteration (s): 1.50 | learning rate: 3.0E-04 | global batch size:    48 | "
        "lm loss: {3}E+00 | loss scale: 1.0 | grad norm: 0.512 | number of skipped iterations:   0 | "
        "number of nan iterations:   2 | samples per second: 32.0 | TFLOPs: 30.1 |\n"
    )
    content = (
        "3: [2026-01-05 10:00:00,100] [INFO] [engine.py:145:__init__] RANK=0 STAGE=0 LAYERS=31 [0, 31) "
        "STAGE_PARAMS=5408 (0.005M) TOTAL_PARAMS=10816 (0.011M) UNIQUE_PARAMS=10784 (0.011M)\n"
        + line.format(50, 2400, 3686400, "6.51")
        + "3: valid loss at iteration 50 | lm loss value: 6.490000E+00 | lm loss PPL: 6.585234E+02 |\n"
        + line.format(100, 4800, 7372800, "5.92")
    )
    (part,) = read("megatron", tmp_path, content).parts
    assert pairs(part, "train") == [(50, 6.51), (100, 5.92)]
    assert tokens(part) == [3686400, 7372800]
    assert pairs(part, "step_time_s") == [(50, 1.5), (100, 1.5)]
    assert "step_ms" not in part.series
    assert pairs(part, "val") == [(50, 6.49)]
    assert pairs(part, "number of nan iterations") == [(50, 2), (100, 2)]
    assert figures(part)["n_total"] == 10784


@pytest.mark.parametrize(
    "line",
    [
        " iteration      100/  320000 | elapsed time per iteration (ms): 523.1 | learning rate 1.500E-05 | "
        "lm loss 9.500000E+00 | loss scale 8192.0 |",
        " [2026-01-05 10:00:00.123456] iteration      100/  320000 | consumed samples:        25600 | "
        "elapsed time per iteration (ms): 523.1 | throughput per GPU (TFLOP/s/GPU): 200.3 | "
        "learning rate: 1.500000E-05 | global batch size:   256 | lm loss: 9.500000E+00 | "
        "load_balancing_loss: 1.000203E+00 | loss scale: 1.0 | grad norm: 2.870 | "
        "number of skipped iterations:   0 | number of nan iterations:   0 |",
        "[20260105 10:00:00][rank-7/8][INFO ] [--------trainer.py:2560] : iteration 100/ 320000 | "
        "consumed samples: 25600 | elapsed time per iteration (ms): 523.1/530.0 | learning rate: 1.5E-05 | "
        "global batch size: 256 | lm loss: 9.500000E+00 | loss scale: 1.0 | grad norm: 0.003 |",
        "[2026-01-05 10:00:00.123456][INFO][training_log:661] -  iteration=     100/  320000 | "
        "consumed_samples=  25600 | consumed_tokens=    52428800 | elapsed_time_per_iteration_ms=523.1 | "
        "learning_rate=1.5e-05 | global_batch_size=256 | lm loss=9.500000 | loss_scale=1.0 | grad_norm=6.363 | "
        "actual_seqlen= 2048 | number_of_skipped_iterations=  0 | number_of_nan_iterations=  0 | TFLOPs=1.2 |",
    ],
    ids=["2020", "core", "primus", "equals"],
)
def test_megatron_of_other_years(line: str, tmp_path: Path) -> None:
    """Without colons, with a date in front, averages after a slash or equal signs: the same record."""
    reading = read("megatron", tmp_path, line + "\n")
    (part,) = reading.parts
    assert pairs(part, "train") == [(100, 9.5)]
    assert pairs(part, "lr") == [(100, 1.5e-05)]
    assert pairs(part, "step_ms") == [(100, 523.1)]
    claim = recognise(take_sample(tmp_path / "train.log"), FORMATS)
    assert claim is not None and claim[0].name == "megatron"


def test_megatron_further_losses_are_series_of_their_own(tmp_path: Path) -> None:
    """A mixture of experts and further predicted tokens; none of them is the loss."""
    content = (
        " iteration        7/      40 | consumed samples:   448 | elapsed time per iteration (ms): 812.5 | "
        "learning rate: 3.000000E-04 | global batch size:    64 | lm loss: 5.125000E+00 | "
        "mtp_1 loss: 5.500000E+00 | mtp_2 loss: 5.750000E+00 | load_balancing_loss: 1.250000E+00 | "
        "z_loss: 2.500000E-01 | loss scale: 1.0 | grad norm: 0.750 | number of skipped iterations:   0 |\n"
    )
    (part,) = read("megatron", tmp_path, content).parts
    found = {name: pairs(part, name) for name in ("train", "mtp loss", "load_balancing_loss", "z_loss")}
    assert found == {
        "train": [(7, 5.125)],
        "mtp loss": [(7, 5.5)],
        "load_balancing_loss": [(7, 1.25)],
        "z_loss": [(7, 0.25)],
    }


def test_megatron_test_set_is_no_validation(tmp_path: Path, sample: Make) -> None:
    """The losses after training are told apart by their set."""
    content = sample("megatron").read_text() + (
        " validation loss at iteration 40 on validation set | lm loss value: 4.1000E+00 | lm loss PPL: 6E+1 |\n"
        " validation-1 loss at iteration 40 on validation set | lm loss value: 4.2E+00 | lm loss PPL: 67 |\n"
        " validation loss at iteration 40 on test set | lm loss value: 4.300000E+00 | lm loss PPL: 7.4E+01 |\n"
    )
    (part,) = read("megatron", tmp_path, content).parts
    assert pairs(part, "val")[-1] == (40, 4.1)
    assert pairs(part, "val:1") == [(40, 4.2)]
    assert pairs(part, "val:test") == [(40, 4.3)]


def test_megatron_ranks_that_print_at_once_are_all_counted(tmp_path: Path, sample: Make) -> None:
    """Two ranks may write into one line; each is one addend, however often it is printed."""
    one = " > number of parameters on (tensor, pipeline) model parallel rank ({}, 0): {}"
    content = one.format(0, 10) + one.format(1, 20) + "\n" + one.format(0, 10) + "\n"
    iteration = next(
        line for line in sample("megatron").read_text().splitlines() if "iteration       20/" in line
    )
    (part,) = read("megatron", tmp_path, content + iteration + "\n").parts
    figure = next(figure for figure in part.figures if figure.key == "n_total")
    assert figure.value == 30
    assert "2 ranks" in figure.source


def test_megatron_on_one_rank_of_several(tmp_path: Path, sample: Make) -> None:
    """Interleaved copies of the output under srun's labels are read once, from the lowest rank."""
    lines = [line for line in sample("megatron").read_text().splitlines() if "| lm loss" in line]
    content = "".join(f"{rank}: {line}\n" for line in lines for rank in (1, 0, 2))
    (part,) = read("megatron", tmp_path, content).parts
    assert list(part.series["train"].step)[-3:] == [20, 30, 40]
    assert set(part.series["train"].segment) == {0}


def test_neox_arguments_end_in_who_set_them(sample: Make) -> None:
    """`updated` and `default` after the dots are no part of the value."""
    config = text("neox").read(sample("neox"), 0, {}).parts[0].config
    assert (config["batch_size"], config["gas"], config["global_num_gpus"], config["seq_length"]) == (
        4,
        2,
        2,
        8,
    )
    assert config["lr_decay_style"] == "cosine"


def test_neox_last_validation_belongs_to_the_last_step(sample: Make) -> None:
    """It has no step of its own; the rule that filled it in is told, for the loss and its perplexity."""
    reading = text("neox").read(sample("neox"), 0, {})
    assert pairs(reading.parts[0], "val")[-1] == (30, 4.2913)
    assert [(issue.code, issue.count) for issue in reading.issues] == [("step-inferred", 2)]


def test_neox_prints_each_step_twice_and_is_read_once(sample: Make) -> None:
    """DeepSpeed's own `steps: 10 loss:` is a single batch and no record."""
    (part,) = text("neox").read(sample("neox"), 0, {}).parts
    assert 4.8123 not in part.series["train"].value


def test_torchtitan_with_colour_between_key_and_value(tmp_path: Path) -> None:
    """On a terminal every value has a colour of its own; older versions have no gradient norm."""
    content = (
        "[rank0]:[titan] 2026-01-05 10:00:02,512 - root - INFO - \x1b[34mModel llama3 8B "
        "\x1b[31msize: 8,030,261,248 total parameters\x1b[39m\n"
        "[rank0]:2026-01-05 10:00:02,512 - root - INFO - Training starts at step 1, with local batch size 8, "
        "global batch size 64, sequence length 2048, total steps 10 (warmup 2)\n"
        "[rank0]:2026-01-05 10:00:03,512 - root - INFO - \x1b[31mstep: \x1b[32m 1  \x1b[32m"
        "loss: \x1b[1m 8.0123  \x1b[33mmemory:  0.94GiB(0.99%)  \x1b[34mwps: 1,204\x1b[39m\n"
    )
    (part,) = read("torchtitan", tmp_path, content).parts
    assert pairs(part, "train") == [(1, 8.0123)]
    assert figures(part) == {
        "n_total": 8030261248,
        "global_batch_size": 64,
        "seq_len": 2048,
        "planned_steps": 10,
    }


def test_torchtitan_experts_used_of_all(tmp_path: Path) -> None:
    """A mixture prints its active parameters; a dense model repeats its total there, which is no news."""
    line = "[titan] 2026-01-05 - root - INFO - Total parameter count: dense 751,632,384, sparse {}, active {}\n"
    step = "[titan] x - root - INFO - step:  1  loss:     nan  grad_norm:     nan  memory:  0.12GiB(0.15%)\n"
    mixture = read("torchtitan", tmp_path, line.format("1,000,000", "752,000,000") + step).parts[0]
    assert figures(mixture) == {"n_active": 752000000}
    assert math.isnan(mixture.series["train"].value[0])
    assert figures(read("torchtitan", tmp_path, line.format("0", "751,632,384") + step).parts[0]) == {}


def test_maxtext_adds_up_the_tokens_of_its_steps(sample: Make) -> None:
    """`total_weights` are the tokens of one step; padding makes some steps smaller."""
    (part,) = text("maxtext").read(sample("maxtext"), 0, {}).parts
    assert tokens(part) == [32, 63, 95, 127]
    assert pairs(part, "loss")[1] == (1, 4.62)
    assert part.config["base_emb_dim"] == 16
    assert part.config["decoder_block"] == "llama2"


def test_maxtext_of_other_years(tmp_path: Path) -> None:
    """The first versions print neither tokens nor a prefix; evaluations have been worded in three ways."""
    content = (
        "number parameters: 1.091 billion\n"
        "completed step: 0, seconds: 3.702, TFLOP/s/device: 48.782, loss: 9.568\n"
        "completed step: 1, seconds: 25.826, TFLOP/s/device: 6.993, loss: 9.568\n"
        "average loss after step=1: eval_step_count=10, eval_loss=9.41, total_weights=75264.0\n"
        "completed step: 2, seconds: 1.080, TFLOP/s/device: 167.172, loss: nan\n"
        "eval metrics after step: 2, loss=9.420, total_weights=75264.0\n"
    )
    (part,) = read("maxtext", tmp_path, content).parts
    assert [pair[0] for pair in pairs(part, "train")] == [0, 1, 2]
    assert math.isnan(part.series["train"].value[2])
    assert all(math.isnan(count) for count in tokens(part))
    assert pairs(part, "val") == [(1, 9.41), (2, 9.42)]
    (figure,) = part.figures
    assert (figure.key, figure.value, figure.digits) == ("n_total", 1.091e9, 4)


def test_nanotron_reads_sizes_and_does_not_trust_its_rounded_counter(sample: Make) -> None:
    """`4.71K` ms are 4710; the counter of three digits is kept apart, tokens are left to batch x length."""
    (part,) = text("nanotron").read(sample("nanotron"), 0, {}).parts
    assert pairs(part, "step_ms")[0] == (1, 4710)
    assert pairs(part, "consumed_tokens")[-1] == (4, 4100)
    assert all(math.isnan(count) for count in tokens(part))


def test_nanotron_newer_names_and_billions(tmp_path: Path) -> None:
    """The time lost a word of its name, an estimate of the end came in."""
    content = (
        "01/05/2026 10:00:06 [INFO|DP=0|PP=0|TP=0|lrank=0]: iteration: 5 / 40 | consumed_tokens: 1.05B | "
        "time_per_iteration_ms: 1.2K | tokens_per_sec: 86.8K | tokens_per_sec_per_gpu: 86.8K | "
        "global_batch_size: 1.05M | lm_loss: 3.91 | lr: 0.0003 | model_tflops_per_gpu: 310 | eta: 1:02:03 | "
        "grad_norm: 1.02K\n"
    )
    (part,) = read("nanotron", tmp_path, content).parts
    assert pairs(part, "train") == [(5, 3.91)]
    assert pairs(part, "consumed_tokens") == [(5, 1.05e9)]
    assert pairs(part, "grad_norm") == [(5, 1020)]
