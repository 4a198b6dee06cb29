"""nanoGPT's kin, llm.c, nanochat, minGPT, HF stdout, Keras, MLPerf, RWKV; and the keys their tables use."""

from __future__ import annotations

import csv
import math
import os
import re
import tomllib
from pathlib import Path

import pytest

from labbook.logs import text
from labbook.logs.patterns import BrokenPattern, parse_table
from labbook.logs.textlog import TextFormat
from labbook.records import Reading, RunPart

BY_MANIFEST = {
    "nanogpt-stdout": "nanogpt",
    "stdout-freeform": "nanogpt-kin",
    "build-nanogpt-log": "build-nanogpt-log",
    "build-nanogpt-slurm-out": "build-nanogpt",
    "llmc-main-log": "llmc-main",
    "llmc-stdout-slurm": "llmc",
    "nanochat-stdout": "nanochat",
    "mingpt-stdout": "mingpt",
    "hf-stdout": "hf-stdout",
    "keras-stdout": "keras",
    "mllog": "mlperf",
    "modded-nanogpt": "modded-nanogpt",
}


def read(tmp_path: Path, form: TextFormat | str, content: str, *, final: bool = False) -> Reading:
    path = tmp_path / "a.log"
    path.write_text(content, newline="")
    return (text(form) if isinstance(form, str) else form).read(path, 0, {}, final=final)


def table(content: str) -> TextFormat:
    raw = tomllib.loads(content)
    return TextFormat(parse_table("x", raw["x"], "x.toml"))


def points(part: RunPart, series: str) -> list[tuple[float, float]]:
    found = part.series[series]
    return list(zip(found.step, found.value, strict=True))


def tokens(part: RunPart, series: str = "train") -> list[float]:
    return list(part.series[series].tokens)


def figures(part: RunPart) -> dict[str, float]:
    return {figure.key: figure.value for figure in part.figures}


def _rows() -> list[dict[str, str]]:
    folder = os.environ.get("LABBOOK_LOGS")
    if not folder:
        return []
    with (Path(folder) / "MANIFEST.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["format"] in BY_MANIFEST]


def _ends(part: RunPart, series: str, axis: str) -> tuple[int, float, float, float]:
    """(points, first and last place on the axis, last value)."""
    found = part.series[series]
    at = getattr(found, axis)
    return len(found), at[0], at[-1], found.value[-1]


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["file"])
def test_a_real_log_is_read_to_the_last_digit(row: dict[str, str]) -> None:
    """Count, first and last step, last losses as logged; the run of a table that also reads llm.c's syntax."""
    path = Path(os.environ["LABBOOK_LOGS"]) / row["file"]
    name = BY_MANIFEST[row["format"]]
    if name == "modded-nanogpt" and path.suffix == ".log":
        name = "llmc-main"
    (part,) = text(name).read(path, 0, {}, final=True).parts
    axis = "epoch" if row["format"] == "hf-stdout" else "step"
    if row["expected_n_train_points"] == "0":
        assert "train" not in part.series
    else:
        n, first, last, value = _ends(part, "train", axis)
        expected = float(row["expected_last_train_loss"])
        assert (n, first, last) == (
            int(row["expected_n_train_points"]),
            float(row["expected_first_step"]),
            float(row["expected_last_step"]),
        )
        assert value == expected or (math.isnan(value) and math.isnan(expected))
    if match := re.search(r"n_val_points=(\d+); last_val_step=([\d.]+)", row["notes"]):
        n, _, last, value = _ends(part, "val", axis)
        expected = float(row["expected_last_val_loss"])
        assert (n, last) == (int(match[1]), float(match[2]))
        assert value == expected or (math.isnan(value) and math.isnan(expected))


def test_llmc_puts_a_validation_after_its_step_and_the_first_before_it(tmp_path: Path) -> None:
    """A resumed run validates the loaded checkpoint first; z-scores are no values; a glued end cancels."""
    lines = (
        "val loss 3.5\n"
        "step  101/200 | loss 3.4 (+nanz)| norm 1.0 (+0.2z)| lr 1e-4 | 20.0 ms | 30.0% bf16 MFU | 9 tok/s\n"
        "step  102/200 | train loss 3.3 | norm 0.9 | lr 1e-4 | 20.0 ms | 9 tok/s\nval loss 3.25\n"
        "step  103/200 | loss     nan (+nanz)| norm    nan (slurmstepd: error: *** JOB 7 ON g1 CANCELLED AT 1\n"
    )
    reading = read(tmp_path, "llmc", lines)
    (part,) = reading.parts
    assert points(part, "val") == [(100, 3.5), (102, 3.25)]
    assert points(part, "train")[:2] == [(101, 3.4), (102, 3.3)] and math.isnan(part.series["train"].value[2])
    assert points(part, "lr") == [(101, 1e-4), (102, 1e-4)]
    assert part.status == "cancelled"
    (issue,) = reading.issues
    assert (issue.code, issue.count, issue.place) == ("step-inferred", 2, "line 1")


def test_hf_steps_come_from_the_bar_just_before(tmp_path: Path) -> None:
    """The bar of an evaluation is none of training; without a bar on the line the epoch is the axis."""
    bar = " 50%|#####     | {}/{} [00:04<00:04,  4.2it/s]\r          \r"
    lines = (
        bar.format(10, 40) + "{'loss': 4.0, 'grad_norm': np.float64(1.5), 'epoch': 0.5}\n"
        + bar.format(20, 40) + bar.format(3, 4) + "{'eval_loss': 3.5, 'eval_c4_loss': '3.75', 'epoch': 1.0}\n"
        + "unrelated\nunrelated\n{'loss': nan, 'epoch': 1.5}\n"
        + "{'train_runtime': 9.6, 'train_loss': 3.4, 'epoch': 2.0}\n"
    )  # fmt: skip
    (part,) = read(tmp_path, "hf-stdout", lines).parts
    train = part.series["train"]
    assert [train.step[0], train.epoch[0], train.epoch[1]] == [10, 0.5, 1.5] and math.isnan(train.step[1])
    assert points(part, "val") == [(20, 3.5)] and points(part, "val:c4") == [(20, 3.75)]
    assert points(part, "grad_norm") == [(10, 1.5)]
    assert figures(part)["planned_steps"] == 40
    assert "train_loss" not in part.series and len(train) == 2


def test_hf_records_with_a_clock_and_a_counter_are_records(tmp_path: Path) -> None:
    """Newer trainers print the seconds so far with each loss; the record of the end has no loss of a step."""
    record = "{{'loss': {}, 'num_input_tokens_seen': {}, 'train_runtime': 7.5, 'epoch': {}}}\n"
    lines = (
        record.format(5.25, 4096, 0.5)
        + record.format(4.75, 8192, 1.0)
        + "{'eval_loss': 4.5, 'eval_runtime': 1.5, 'num_input_tokens_seen': 8192, 'epoch': 1.0}\n"
        + "{'train_runtime': 16.0, 'train_samples_per_second': 8.1, 'train_loss': 5.0, 'epoch': 1.0}\n"
    )
    (part,) = read(tmp_path, "hf-stdout", lines).parts
    assert list(part.series["train"].value) == [5.25, 4.75]
    assert tokens(part) == [4096, 8192]
    assert list(part.series["val"].value) == [4.5]
    assert list(part.series["train_runtime"].value) == [7.5, 7.5] and "train_loss" not in part.series


@pytest.mark.parametrize(
    "bar",
    [
        "4/4 [==============================] - 1s 184ms/step - loss: {a} - acc: 0.1{v}",
        "\x1b[1m4/4\x1b[0m \x1b[32m━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 21ms/step - loss: {a}{v}",
        "4/4 - 1s - 300ms/step - acc: 0.1 - loss: {a}{v}",
        "4/4 - 1s - loss: {a}{v} - 1s/epoch - 300ms/step",
        "100/100 [====================] - 0s 83us/sample - loss: {a}{v}",
        "80000/80000 [==============================] - 11s - loss: {a}{v}",
    ],
)
def test_keras_has_one_record_an_epoch(tmp_path: Path, bar: str) -> None:
    """Bars of every version: of the full bar the first state counts, the validation comes with the last."""
    lines = "".join(
        f"Epoch {epoch}/3\n1/4 [=>....] - ETA: 0s - loss: 9.0\n"
        + bar.format(a=loss, v="") + "\x08" * 9 + "\r" + bar.format(a=loss, v=f" - val_loss: {loss + 1}") + "\n"
        for epoch, loss in ((1, 4.0), (2, 3.5), (3, 3.25))
    )  # fmt: skip
    (part,) = read(tmp_path, "keras", lines).parts
    assert points(part, "train") == [(1, 4.0), (2, 3.5), (3, 3.25)]
    assert points(part, "val") == [(1, 5.0), (2, 4.5), (3, 4.25)]
    assert part.step_kind == "epoch"


def test_rwkv_launches_without_a_record_are_no_runs(tmp_path: Path) -> None:
    """A launch that goes on where the last one ended is the same run, one that starts again is another."""
    record = "{} {} 20.0 0.0003 2024-01-01 00:00:00.000000 0\n"
    launch = "NEW RUN 2024-01-01\n{{'n_layer': 2, 'n_embd': {}}}\n"
    lines = launch.format(16) + launch.format(32) + record.format(0, 4.0) + launch.format(32)
    lines += record.format(1, 3.5) + launch.format(64) + launch.format(128) + record.format(0, 3.9)
    first, second = read(tmp_path, "rwkv", lines).parts
    assert points(first, "train") == [(0, 4.0), (1, 3.5)] and points(second, "train") == [(0, 3.9)]
    assert (first.config["n_embd"], second.config["n_embd"], second.key) == (32, 128, "#2")


def test_headers_say_n_and_d(tmp_path: Path) -> None:
    """nanochat's five kinds of N, bits per byte; nanoGPT's kin echo a dict."""
    header = "lm_head                 : 1,024\ntotal                   : 4,096\n"
    header += "Total batch size 2,048 => gradient accumulation steps: 1\n"
    lines = (
        header
        + "Step 00000 | Validation bpb: 3.2\n"
        + "step 00000/00040 (0.00%) | loss: 6.2 | lrm: 1.00 | dt: 9ms | tok/sec: 1,024\n"
    )
    (part,) = read(tmp_path, "nanochat", lines).parts
    assert figures(part) == {"n_other": 1024, "n_total": 4096, "tokens_per_step": 2048, "planned_steps": 40}
    assert (part.units["train"], part.units["val"]) == ("nats/token", "bits/byte")
    assert points(part, "tokens_per_sec") == [(0, 1024)]
    kin = "{'batch_size': 4, 'note': 'x', 'deep': {'a': 1}}\nparameters: 10.81M\n"
    kin += "step 0: train loss 3.7 | val loss 3.8 |\n"
    (part,) = read(tmp_path, "nanogpt-kin", kin).parts
    assert part.config == {"batch_size": 4, "note": "x", "deep.a": 1}
    assert figures(part) == {"n_other": 10_810_000}


BLOCKS = r"""
[x]
detect = ['^it \d+']
step_origin = 1
val_step = "last"
units = {val = "bits/byte"}
series = {ppl = "perplexity"}
config = ['^ +(?P<key>\w+) \.\.\.+ (?P<value>\S.*)$']
new_run = ['^launch']
[x.header]
n_total = ['params: (?P<v>{human})', 'params in billions: (?P<billions>{num})']
[x.sum_by]
n_other = ['rank \((?P<k>\d+, \d+)\): (?P<v>{int})']
[x.text]
name = ['^run (?P<v>\S+)']
[[x.record]]
start = '^it (?P<step>\d+)'
fields = ['loss=(?P<train>{num})', 'spent=(?P<tokens_step>{human})', 'before=(?P<tokens_before>{human})']
[[x.record]]
line = '^ +eval(?:/(?P<set>\w+))? (?P<val>{num}) ppl (?P<ppl>{num})'
[[x.record]]
line = [
  '^epoch (?P<epoch>\d+) of (?P<per_epoch>\d+) ',
  'at (?P<step>\d+) (?P<train>{num}) in (?P<step_s>{raw})s batch (?P<batch_size>{int})',
]
"""


def test_blocks_give_a_record_once_their_known_fields_are_there(tmp_path: Path) -> None:
    """A live log need not wait for the line after a block; the tokens of records add up."""
    block = "it {}\n  loss={}\n  spent=1.5K\n"
    form = table(BLOCKS)
    lines = block.format(1, 4.0) + block.format(2, 3.5)
    part = read(tmp_path, form, lines).parts[0]
    assert points(part, "train") == [(1, 4.0), (2, 3.5)]
    assert tokens(part) == [1500, 3000]
    gap = read(tmp_path, form, lines + block.format(5, 3.0) + block.format(6, 2.9)).parts[0]
    assert tokens(gap)[:2] == [1500, 3000] and all(math.isnan(value) for value in tokens(gap)[2:])


def test_a_header_in_the_words_of_nanogpts_relatives(tmp_path: Path) -> None:
    """`tokens per iteration` without `will be`, all parameters with commas; those of one optimizer are no N."""
    lines = (
        "tokens per iteration: 65536\ntotal params: 124,337,664 parameters\n"
        "  AdamW (others): 12 tensors, 38,597,376 parameters\niter 0: loss 10.9375, time 812.50ms\n"
    )
    (part,) = read(tmp_path, "nanogpt", lines).parts
    assert figures(part) == {"tokens_per_step": 65536, "n_total": 124337664}


def test_a_counter_one_record_behind_is_extended_by_its_last_difference(tmp_path: Path) -> None:
    """Composer counts the tokens before the batch; the first record's are not known."""
    block = "it {}\n  before={}\n  loss=3.0\n"
    lines = "".join(block.format(step, 256 * (step - 1)) for step in (1, 2, 3)) + "end\n"
    found = tokens(read(tmp_path, table(BLOCKS), lines).parts[0])
    assert math.isnan(found[0]) and found[1:] == [512, 768]


def test_sets_ranks_names_and_figures(tmp_path: Path) -> None:
    """Validation sets are series, ranks add up once, an argument dump is the configuration."""
    lines = (
        "run tiny-1\n  hidden_size ......... 64\n  kind ......... rope\n  shared ......... False\n"
        + "rank (0, 0): 1,000 rank (0, 1): 500\nrank (0, 1): 500\nparams in billions: 0.353824768\n" * 2
        + "it 1\n  loss=4.0\n  eval/c4_en 3.0 ppl 8.0\n"
        + "  eval 3.5 ppl 9\nit 2\n  loss=3.9\ndone\n  eval 3.25 ppl 7\n"
    )
    reading = read(tmp_path, table(BLOCKS), lines, final=True)
    (part,) = reading.parts
    assert part.name == "tiny-1"
    assert part.config == {"hidden_size": 64, "kind": "rope", "shared": False}
    assert figures(part) == {"n_total": 353_824_768, "n_other": 1500}
    assert next(f.source for f in part.figures if f.key == "n_other") == "sum over 2 ranks"
    assert points(part, "val:c4_en") == [(1, 3.0)] and points(part, "val") == [(1, 3.5), (2, 3.25)]
    assert len(part.series["perplexity"]) == 3
    assert [(i.code, i.count) for i in reading.issues] == [("step-inferred", 2)]


def test_a_step_inside_an_epoch_and_seconds_a_step(tmp_path: Path) -> None:
    """The step stored goes on over the epochs; seconds become milliseconds; a figure is told once."""
    lines = "epoch 2 of 100 at 7 3.5 in 1.5s batch 8\nepoch 3 of 100 at 1 3.25 in 1.5s batch 16\n"
    (part,) = read(tmp_path, table(BLOCKS), lines).parts
    assert points(part, "train") == [(207, 3.5), (301, 3.25)]
    assert points(part, "step_ms")[0] == (207, 1500)
    assert figures(part) == {"batch_size": 8}


def test_several_launches_of_one_file_are_runs_where_the_steps_start_again(tmp_path: Path) -> None:
    """A banner alone is no run, and a launch that goes on is the same one."""
    block = "it {}\n  loss=3.0\n"
    lines = (
        "launch\n"
        + block.format(1)
        + "launch\nlaunch\n"
        + block.format(2)
        + "launch\n"
        + block.format(1)
        + "end\n"
    )
    assert [len(part.series["train"]) for part in read(tmp_path, table(BLOCKS), lines).parts] == [2, 1]


def test_the_lowest_rank_is_read_whichever_prints_first(tmp_path: Path) -> None:
    """Lines of several ranks in any order give the lowest one's points and no others."""
    line = "{}: iter {}: loss {}, time 2ms\n"
    shuffled = "".join(line.format(rank, step, 4 + rank) for step in (0, 1, 2) for rank in (2, 0, 1))
    (part,) = read(tmp_path, "nanogpt", shuffled).parts
    assert points(part, "train") == [(0, 4), (1, 4), (2, 4)]
    (part,) = read(tmp_path, "nanogpt", "".join(line.format(3, step, 7) for step in (0, 1))).parts
    assert points(part, "train") == [(0, 7), (1, 7)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("unknown = 1", "unknown key 'unknown'"),
        ("unit = 'nats'", "unit must be one of"),
        ("once = 1", "once must be true or false"),
        ("units = {val = 'x'}", "units.val must be one of"),
        ("hint = [1]", "hint must be text"),
        ("config = ['a']", "has no group (?P<key>...)"),
        ("header = {n_totals = 'x'}", "unknown key 'n_totals'"),
        ("header = {n_total = 'x'}", "has no group (?P<v>...)"),
        ("sum_by = {n_total = '(?P<v>1)'}", "has no group (?P<k>...)"),
        ("record = [{line = '('}]", "missing ), unterminated subpattern"),
        ("record = [{line = 'a'}]", "names no field"),
        ("record = [{object = true}]", "needs `keys`"),
        ("record = [{line = '(?P<a>1)', where = {a = 'b'}}]", "where needs `object = true`"),
        ("record = [{lines = 'a'}]", "unknown key 'lines'"),
    ],
)
def test_a_broken_table_says_what_is_wrong(change: str, said: str) -> None:
    """File, table and key stand in the sentence."""
    good = {"detect": "'a'", "record": "[{line = '(?P<train>1)'}]"}
    good |= dict([change.split(" = ", 1)])
    raw = tomllib.loads("[x]\n" + "".join(f"{key} = {value}\n" for key, value in good.items()))
    with pytest.raises(BrokenPattern, match=re.escape(said)) as caught:
        parse_table("x", raw["x"], "mine.toml")
    assert str(caught.value).startswith("mine.toml: [x]")
