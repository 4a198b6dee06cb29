"""Tables of OLMo, Composer, fairseq, Levanter, lingua, torchtune, litgpt, open_lm and verl: their syntax."""

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


def test_olmo_counts_tokens_and_keeps_each_evaluation_apart(sample: Make) -> None:
    """The counter has thousands commas; an evaluation belongs to the step before it, told as inferred."""
    reading = text("olmo").read(sample("olmo"), 0, {})
    (part,) = reading.parts
    assert tokens(part) == [1024, 2048, 3072, 4096]
    assert pairs(part, "val:pile_validation") == [(3, 4.512)]
    assert pairs(part, "grad_norm") == [(1, 1.204), (2, 0.991)]
    assert [issue.code for issue in reading.issues] == ["step-inferred"]


def test_olmo_core_names_its_metrics_with_blanks(tmp_path: Path) -> None:
    """`CE loss` and `total tokens`, an epoch and an estimate in the marker, evaluations without `eval/`."""
    content = (
        "2026-01-05 10:00:00.123\tnode1:0\tolmo_core.train:812\tINFO\t[step=10/???,epoch=1,eta=1d2h]\n"
        "    train/CE loss=3.912\n    train/PPL=50.00\n    train/Z loss=0.0012\n"
        "    optim/total grad norm=0.512\n"
        "    optim/LR (group 0)=0.0003\n    throughput/total tokens=41,943,040\n"
        "2026-01-05 10:00:09.123\tnode1:0\tolmo_core:812\tINFO\tFinished lm evals in 3.1 seconds. Metrics:\n"
        "    c4_en-validation/CE loss=3.801\n    c4_en-validation/PPL=44.75\n"
        "2026-01-05 10:00:12.123\tnode1:0\tolmo_core.train:812\tINFO\t[step=20/40,epoch=1]\n"
        "    train/CE loss=3.701\n    throughput/total tokens=83,886,080\n"
        "2026-01-05 10:00:12.123\tnode1:0\tolmo_core.train:812\tINFO\tdone\n"
    )
    (part,) = read("olmo", tmp_path, content).parts
    assert pairs(part, "train") == [(10, 3.912), (20, 3.701)]
    assert tokens(part) == [41943040, 83886080]
    assert pairs(part, "val:c4_en_validation") == [(10, 3.801)]
    assert pairs(part, "lr") == [(10, 0.0003)]
    assert figures(part) == {"planned_steps": 40}
    claim = recognise(take_sample(tmp_path / "train.log"), FORMATS)
    assert claim is not None and claim[0].name == "olmo"


def test_olmo_last_record_need_not_wait_for_the_line_after_it(tmp_path: Path) -> None:
    """It comes with its counter and its loss; what is written later comes once, at the same step and tokens."""
    block = "INFO\t[step={}/30,epoch=1]\n    throughput/total tokens={},000\n    train/CE loss={}\n"
    late = "    train/PPL=1,000\n    optim/LR=0.0002\n"
    first, second = block.format(10, 10, 6.5) + late, block.format(20, 20, 6.25)
    path = tmp_path / "train.log"
    path.write_text(first + second)
    before = text("olmo").read(path, 0, {})
    assert pairs(before.parts[0], "train") == [(10, 6.5), (20, 6.25)]
    assert pairs(before.parts[0], "lr") == [(10, 0.0002)]
    path.write_text(first + second + late + "done\n")
    (part,) = text("olmo").read(path, before.offset, before.state).parts
    assert "train" not in part.series and pairs(part, "lr") == [(20, 0.0002)]
    assert tokens(part, "lr") == [20000]


@pytest.mark.parametrize("name", ["composer", "composer-epoch"])
def test_composer_counter_stands_one_batch_behind(name: str, sample: Make) -> None:
    """Batch 1 says 0: a batch adds as much as the one before it, of the first nothing is known."""
    (part,) = text(name).read(sample(name), 0, {}).parts
    first, *others = tokens(part)
    assert math.isnan(first)
    assert others == [64, 96, 128]


def test_composer_evaluations_name_their_set(tmp_path: Path, sample: Make) -> None:
    """A labelled evaluation is a series of its own; a task without a cross entropy is none."""
    content = sample("composer").read_text() + (
        "[Eval batch=2/2] Eval on c4 data:\n\t Eval metrics/c4/LanguageCrossEntropy: 4.1000\n"
        "[Eval batch=2/2] Eval on lambada/0-shot data:\n"
        "\t Eval metrics/lambada/0-shot/InContextLearningLMAccuracy: 0.2500\n"
    )
    (part,) = read("composer", tmp_path, content + "done\n").parts
    assert pairs(part, "val:c4") == [(4, 4.1)]
    assert {key for key in part.series if key.startswith("val")} == {"val", "val:c4"}


def test_composer_configuration_of_the_model(sample: Make) -> None:
    """The dump before training gives the shape; a reference to another key is no value."""
    config = text("composer").read(sample("composer"), 0, {}).parts[0].config
    assert (config["d_model"], config["n_heads"], config["n_layers"], config["max_seq_len"]) == (16, 2, 2, 8)


def test_fairseq_is_base_two_and_keeps_the_gate_apart(sample: Make) -> None:
    """The unit is bits, the perplexity bears it out, and the loss with the gate's term keeps its own name."""
    (part,) = text("fairseq").read(sample("fairseq"), 0, {}).parts
    assert part.units["train"] == part.units["val"] == "bits/token"
    assert part.series["ppl"].value[0] == pytest.approx(2 ** part.series["train"].value[0])
    assert pairs(part, "loss") == [(10, 7.2), (20, 6.852), (30, 6.551)]
    assert list(part.series["train"].epoch) == [0.25, 0.5, 0.75]


def test_fairseq_means_of_an_epoch_are_no_points(sample: Make) -> None:
    """The `train` line at the end of the epoch has the last step and another loss."""
    (part,) = text("fairseq").read(sample("fairseq"), 0, {}).parts
    assert 6.674 not in part.series["train"].value
    assert len(part.series["train"]) == 3


@pytest.mark.parametrize(
    "head", ["2026-01-05 10:00:00 | INFO | {} | ", "[2026-01-05 10:00:00,000][{}][INFO] - "]
)
def test_fairseq_under_hydra_and_of_several_sets(head: str, tmp_path: Path) -> None:
    """Both layouts of the logger; metaseq names each validation set in front of its keys."""
    inner = '{"epoch": 1, "update": 0.1, "loss": "9.512", "ppl": "730.1", "wpb": "512", "num_updates": "100"}\n'
    one = '{"epoch": 1, "valid_loss": "9.1", "valid_ppl": "549", "valid_num_updates": "100"}\n'
    two = '{"epoch": 1, "valid/Books_loss": "9.3", "valid/Books_num_updates": "100"}\n'
    content = head.format("train_inner") + inner + head.format("valid") + one + head.format("valid/Books") + two
    (part,) = read("fairseq", tmp_path, content).parts
    assert pairs(part, "train") == [(100, 9.512)]
    assert pairs(part, "val") == [(100, 9.1)]
    assert pairs(part, "val:books") == [(100, 9.3)]
    assert figures(part) == {"tokens_per_step": 512}


def test_fairseq_simple_bars(tmp_path: Path) -> None:
    """The layout without JSON, in its old and its newer wording."""
    content = (
        "2026-01-05 10:00:00 | INFO | train_inner | epoch 001:    100 / 2798 loss=8.413, ppl=340.86, "
        "ups=1.4, wpb=73680, bsz=23, num_updates=100, lr=0.000174, gnorm=0.249, train_wall=70, wall=90\n"
        "| epoch 001:   200 / 2798 loss=8.013, nll_loss=8.013, ppl=258.3, num_updates=200, lr=0.000274\n"
        "| epoch 001 | loss 8.2 | nll_loss 8.2 | ppl 294 | wpb 73680 | num_updates 2798 | lr 0.0005\n"
        "| epoch 001 | valid on 'valid' subset | loss 7.599 | nll_loss 7.599 | ppl 193.89 | num_updates 2798\n"
        "| epoch 001 | valid on 'test' subset | loss 7.701 | nll_loss 7.701 | ppl 208.08 | num_updates 2798\n"
    )
    (part,) = read("fairseq", tmp_path, content).parts
    assert pairs(part, "train") == [(100, 8.413), (200, 8.013)]
    assert pairs(part, "lr") == [(100, 0.000174), (200, 0.000274)]
    assert pairs(part, "val") == [(2798, 7.599)]
    assert pairs(part, "val:test") == [(2798, 7.701)]


def test_fairseq_experts_are_told_apart(tmp_path: Path, sample: Make) -> None:
    """With experts on many ranks the two prints add up to nobody's total: each is kept as printed."""
    prefix = "2026-01-05 10:00:00 | INFO | fairseq_cli.train | "
    content = (
        f"{prefix}num. non-expert model params: 908,423,168 (num. trained: 908,423,168)\n"
        f"{prefix}num. expert model params: 402,776,064 (num. trained: 402,776,064)\n"
        + "".join(sample("fairseq").read_text().splitlines(keepends=True)[2:])
    )
    found = [(f.key, f.value) for f in read("fairseq", tmp_path, content).parts[0].figures if f.key[:2] == "n_"]
    assert found == [("n_other", 908423168), ("n_other", 402776064)]


def test_levanter_configuration_tokens_and_sets(sample: Make) -> None:
    """`hparams` is the configuration, the throughput has the counter."""
    (part,) = text("levanter").read(sample("levanter"), 0, {}).parts
    assert tokens(part) == [32, 64, 96, 128]
    assert pairs(part, "grad_norm")[0] == (0, 1.2)
    config = {key.rpartition(".")[2]: value for key, value in part.config.items()}
    assert (config["hidden_dim"], config["num_layers"], config["train_batch_size"]) == (16, 2, 4)


def test_lingua_metrics_file_is_jsonl(tmp_path: Path) -> None:
    """metrics.jsonl is opened for append: a resumed run goes on in the same file."""
    row = (
        '{{"global_step": {0}, "acc_step": 0, "optim/grad_norm": 1.2, "optim/lr": 0.0001, '
        '"optim/total_tokens": {1}, "loss/out": {2}, "created_at": "2026-01-05T10:00:00+00:00"}}\n'
    )
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        "".join(row.format(step, step * 32, loss) for step, loss in ((10, 4.8), (20, 4.6), (15, 4.7)))
    )
    claim = recognise(take_sample(path), FORMATS)
    assert claim is not None and claim[0].name == "jsonl"
    (part,) = claim[0].read(path, 0, {}).parts
    assert pairs(part, "train") == [(10, 4.8), (20, 4.6), (15, 4.7)]
    assert list(part.series["train"].segment) == [0, 0, 1]


def test_torchtune_one_metric_a_line(tmp_path: Path) -> None:
    """`log` writes one metric a line where `log_dict` writes all."""
    content = "Step 1 | lr:2e-05\nStep 1 | loss:1.5\nStep 2 | loss:1.25\nStep 2 | tokens_per_second:99.5\n"
    (part,) = read("torchtune", tmp_path, content).parts
    assert pairs(part, "train") == [(1, 1.5), (2, 1.25)]
    assert pairs(part, "lr") == [(1, 2e-05)]


def test_torchtune_bar_of_a_recipe(tmp_path: Path) -> None:
    """The bar draws a step several times and is read once."""
    content = (
        "  0%|          | 0/200 [00:00<?, ?it/s]\r"
        "1|1|Loss: 1.5:   0%|          | 1/200 [00:01<03:19,  1.00s/it]\r"
        "1|1|Loss: 1.5:   1%|          | 2/200 [00:02<03:18,  1.00s/it]\r"
        "1|2|Loss: 1.25:   1%|          | 2/200 [00:02<03:18,  1.00s/it]\n"
    )
    (part,) = read("torchtune", tmp_path, content).parts
    assert pairs(part, "train") == [(1, 1.5), (2, 1.25)]


def test_litgpt_repeated_validation_is_no_point(sample: Make) -> None:
    """The `val:` of a training line says the last validation again."""
    (part,) = text("litgpt").read(sample("litgpt"), 0, {}).parts
    assert pairs(part, "val") == [(2, 4.6012), (4, 4.1904)]


def test_litgpt_of_tinyllama_and_of_adapters(tmp_path: Path) -> None:
    """The forerunner's layout; of an adapter's parameters the two printed parts make the total."""
    content = (
        "Number of trainable parameters: 1,784\nNumber of non-trainable parameters: 9,000\n"
        "iter 2 step 1: loss 4.8520, iter time: 31.20ms (optimizer.step) remaining time: 0.01 hours. \n"
        "iter 4 step 2: loss 4.6110, iter time: 30.75ms (optimizer.step) remaining time: 0.01 hours. \n"
        "step 4: val loss 4.6012, val time: 12.40ms\nFinal evaluation | val loss: 4.590 | val ppl: 98.494\n"
    )
    (part,) = read("litgpt", tmp_path, content).parts
    assert pairs(part, "train") == [(1, 4.852), (2, 4.611)]
    assert pairs(part, "val") == [(2, 4.6012), (2, 4.59)]
    assert figures(part) == {"n_other": 1784, "n_total": 10784}


def test_open_lm_counts_samples_over_the_epochs(sample: Make) -> None:
    """The bracket starts again with each epoch; the axis goes on. Its loss is a mean and no point."""
    (part,) = text("open-lm").read(sample("open-lm"), 0, {}).parts
    assert part.step_kind == "samples"
    assert pairs(part, "train_mean") == [(4, 4.852), (80, 4.611), (160, 4.402), (240, 4.207), (320, 4.101)]
    assert pairs(part, "val") == [(160, 4.3905), (320, 4.0904)]
    assert "train" not in part.series
    assert figures(part)["n_total"] == 10784
    assert (part.config["seq_len"], part.config["global_batch_size"]) == (8, 4)


def test_verl_reinforcement_has_no_loss(tmp_path: Path) -> None:
    """The policy's terms cross zero and keep their own names."""
    content = "".join(
        f"step:{step} - global_seqlen/min:100.000 - actor/entropy:0.512 - actor/pg_loss:{loss:.3f} - "
        f"actor/grad_norm:0.100 - actor/lr:0.000 - critic/score/mean:0.250 - critic/score/max:1.000\n"
        for step, loss in ((1, 0.01), (2, -0.02))
    )
    (part,) = read("verl", tmp_path, content).parts
    assert pairs(part, "actor/pg_loss") == [(1, 0.01), (2, -0.02)]
    assert pairs(part, "critic/score/mean") == [(1, 0.25), (2, 0.25)]
    assert "train" not in part.series
    claim = recognise(take_sample(tmp_path / "train.log"), FORMATS)
    assert claim is not None and claim[0].name == "verl"
