"""The engine of last resort: lines of names and numbers of trainers that nobody described."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labbook.logs.format import take_sample
from labbook.logs.keyvalue import KeyValue
from labbook.logs.sniff import sniff
from labbook.records import Points, Reading, RunPart

LOSSES = (4.125, 3.5, 3.0, 2.75, 2.5, 2.25)
STEPS = range(10, 70, 10)
PLAIN = list(zip(STEPS, LOSSES, strict=True))

STEPPED = {
    "slashes": "Epoch 1/10, Step @k/500, Loss: @v, LR: 0.0003, Grad Norm: 0.51",
    "loguru": "2024-10-11 13:00:@k.123 | INFO     | __main__:train:42 - step @k | loss @v | lr 3.00e-04",
    "absl": "I0813 17:24:@k.422194 13999 loop.py:226] finished step: @k, seconds: 7.5, loss: @v",
    "logging": "2024-10-11 13:00:@k,123 - trainer - INFO - iteration=@k loss=@v lr=1e-4",
    "average in brackets": "[epoch 3][ @k/500] loss @v (avg 2.31)",
    "mmengine": "2024/10/11 13:00:@k - mmengine - INFO - Iter(train) [ @k/1000]  eta: 0:01:23  loss: @v",
    "PaddleNLP": "[13:00:@k,123] [    INFO] - global step @k, epoch: 0, batch: 9@k, loss: @v, ips: 18.1",
    "step last": "[    INFO] - loss: @v, learning_rate: 3e-05, global_step: @k, interval_runtime: 8.2",
    "NeMo": "Training epoch 0, iteration @k/999 | lr: 1e-06 | global_step: @k | reduced_train_loss: @v",
    "DeepSpeed": "[Rank 0] step=@k, skipped=0, lr=[0.0003], mom=[(0.9, 0.95)]\n"
    "steps: @k loss: @v iter time (s): 0.512 samples/sec: 31.2",
    "Python dict": "INFO:root:step @k {'loss': @v, 'lr': 0.1, 'x': {'a': 1}}",
    "JSON": 'worker | {"step": @k, "loss": "@v", "done": false}',
    "best and final": "step @k | best loss: 1.0 | final loss: 9.0 | loss: @v | max steps: 9 | sec per step: 1",
    "colours": "\x1b[32mstep\x1b[0m @k \x1b[1mloss\x1b[0m @v",
    "labels of ranks": "2: step=@k loss=9@v\n0: step=@k loss=@v\n1: step=@k loss=8@v",
}
"""A line a record, with `@k` for the step and `@v` for the loss."""
BARS = {
    "tqdm": "\r @k%|####      | @k/100 [00:01<00:09,  9.50it/s, loss=@v, lr=1e-4]" * 2,
    "tqdm without an end": "\r@kit [00:01, 9.50it/s, loss=@v]",
    "Lightning": "\rEpoch 0:  @k%|█▌        | @k/100 [00:10<01:30,  9.50it/s, loss=@v, v_num=0]",
    "NeMo": "\rEpoch 0: :   2%|▏    | 9@k/1000 [00:30<12:00, reduced_train_loss=@v, global_step=@k.00]",
    "rich": "\rEpoch 0/9 ━━━━━╸     @k/1000 0:00:10 • 0:01:30 9.5it/s loss: @v ",
}
"""A state a record."""
EPOCHS = {
    "pytorch examples": "Epoch: [@e][   @k/30]\tTime  0.5 ( 0.6)\tLoss @v (6.9e+00)\tAcc@1   0.00 (  0.10)",
    "timm": "Train: @e [  @k/30 ( 33%)]  Loss: @v (6.95)  Time: 0.512s,  500.11/s  LR: 1.0e-05",
    "mmengine": "Epoch(train)  [@e][@k/30]  lr: 2.0000e-04  eta: 0:01:23  loss: @v",
    "a header for each": "Epoch @e\n-----\nloss: @v  [ @k/30]",
    "bars": "Epoch [@e/3]:  50%|##   | @k/30 [00:10<01:30,  9.5it/s, Loss=@v]",
    "bars without a word": " 50%|##   | @k/30 [00:10<01:30,  9.5it/s, loss=@v]",
}
"""With `@e` for the epoch."""


def _said(style: str, rows: list[tuple[int, float]], epoch: int = 0) -> str:
    texts = (style.replace("@k", str(k)).replace("@v", str(v)).replace("@e", str(epoch)) for k, v in rows)
    return "".join(text if text.startswith("\r") else f"{text}\n" for text in texts)


def _epochs(style: str) -> str:
    return _said(style, PLAIN[:3], 1) + _said(style, PLAIN[:3], 2)


def _read(path: Path, text: str, *, final: bool = True) -> Reading:
    path.write_text(text)
    return KeyValue().read(path, 0, {}, final=final)


def _train(reading: Reading) -> Points:
    (part,) = reading.parts
    return part.series["train"]


def _columns(points: Points) -> list[tuple[float, float]]:
    return list(zip(points.step, points.value, strict=True))


@pytest.mark.parametrize("style", STEPPED)
def test_styles_of_lines_are_read(style: str, tmp_path: Path) -> None:
    """Each is claimed, and its step and loss are taken for what they are."""
    path = tmp_path / "x.log"
    reading = _read(path, _said(STEPPED[style], PLAIN))
    assert _columns(_train(reading)) == PLAIN
    assert KeyValue().sniff(take_sample(path)) is not None


@pytest.mark.parametrize("style", BARS)
def test_styles_of_bars_are_read(style: str, tmp_path: Path) -> None:
    """A state with a new step is a record, a state drawn again is none, and at 0 nothing is done yet."""
    path = tmp_path / "x.log"
    reading = _read(path, _said(BARS[style], [(0, 4.125), *PLAIN] if "NeMo" not in style else PLAIN) + "\n")
    assert _columns(_train(reading)) == PLAIN
    assert KeyValue().sniff(take_sample(path)) is not None


@pytest.mark.parametrize("style", EPOCHS)
def test_a_counter_that_starts_again_with_each_epoch_is_counted_through(style: str, tmp_path: Path) -> None:
    """Not a restart: the steps go on, and an issue says that they were inferred."""
    reading = _read(tmp_path / "x.log", _epochs(EPOCHS[style]))
    points = _train(reading)
    assert list(points.step) == [10, 20, 30, 40, 50, 60]
    assert set(points.segment) == {0}
    assert [issue.count for issue in reading.issues if issue.code == "step-inferred"] == [3]


def test_a_counter_that_goes_on_through_the_epochs_is_left_alone(tmp_path: Path) -> None:
    """Its end is the plan, once that can be told; nothing is inferred."""
    lines = [f"Epoch {1 + k // 40}/2 Step {k}/60 Loss {v}" for k, v in PLAIN]
    reading = _read(tmp_path / "x.log", "\n".join(lines) + "\n")
    assert _columns(_train(reading)) == PLAIN
    assert [(f.key, f.value) for f in reading.parts[0].figures] == [("planned_steps", 60)]
    assert not reading.issues


def test_a_step_that_falls_without_a_new_epoch_is_a_restart(tmp_path: Path) -> None:
    """Resumed from a checkpoint: another segment, no counting through."""
    steps = [10, 20, 30, 20, 30, 40]
    lines = [f"epoch 1 step {k} loss {v}" for k, v in zip(steps, LOSSES, strict=True)]
    points = _train(_read(tmp_path / "x.log", "\n".join(lines) + "\n"))
    assert list(points.step) == steps
    assert list(points.segment) == [0, 0, 0, 1, 1, 1]


def test_losses_of_validation_never_enter_training(tmp_path: Path) -> None:
    """A bare loss is of what its line speaks of; without a step it stands at the one before."""
    text = (
        "[train] step=10 loss=4.0\n[eval] step=10 loss=4.5\n[train] step=20 loss=3.5\n"
        "Validation | loss: 3.75\nIter(val) [30/30] loss: 3.5\nTest: loss 9.0\n[train] step=30 loss=3.0\n"
        "Validation:  50%|##   | 5/10 [00:01<00:01, 5it/s, loss=7.0]\n"
    )
    (part,) = _read(tmp_path / "x.log", text).parts
    assert _columns(part.series["train"]) == [(10, 4.0), (20, 3.5), (30, 3.0)]
    assert _columns(part.series["val"]) == [(10, 4.5), (20, 3.75), (20, 3.5)]
    assert _columns(part.series["val:test"]) == [(20, 9.0)]


def test_a_validation_before_the_first_step_waits_for_it(tmp_path: Path) -> None:
    """And says that its step was inferred."""
    reading = _read(tmp_path / "x.log", "val loss: 9.5\nstep 1: loss 9.25\nstep 2: loss 9.0\n")
    assert _columns(reading.parts[0].series["val"]) == [(1, 9.5)]
    assert [(i.code, i.place) for i in reading.issues] == [("step-inferred", "line 1")]


def test_a_validation_loss_that_stays_on_a_bar_counts_once(tmp_path: Path) -> None:
    """Lightning shows the last one until the next."""
    states = [
        f"Epoch {e}:  10%|█    | {k}/30 [00:10<01:30,  9.50it/s, loss=2.5, val_loss={3.0 - e}]"
        for e in (1, 2)
        for k in (10, 20, 30)
    ]
    (part,) = _read(tmp_path / "x.log", "\r".join(states) + "\n").parts
    assert _columns(part.series["val"]) == [(10, 2.0), (40, 1.0)]


def test_a_validation_loss_that_training_lines_repeat_counts_once(tmp_path: Path) -> None:
    """NeMo shows the last one on every line; a line of validation alone may say the same again."""
    line = "Training epoch 0, iteration {}/999 | global_step: {} | reduced_train_loss: {} | val_loss: {}"
    shown = [(k, 3.5 - k / 100, 4.125 if k < 40 else 3.75) for k in range(20, 80)]
    text = "".join(line.format(k, k, loss, val) + "\n" for k, loss, val in shown)
    (part,) = _read(tmp_path / "x.log", text).parts
    assert _columns(part.series["val"]) == [(20, 4.125), (40, 3.75)]
    assert len(part.series["train"]) == 60
    (part,) = _read(tmp_path / "y.log", "step 1 loss 4.5\nstep 2 val_loss 4.0\nstep 3 val_loss 4.0\n").parts
    assert _columns(part.series["val"]) == [(2, 4.0), (3, 4.0)]


def test_means_of_an_epoch_are_no_points_beside_steps(tmp_path: Path) -> None:
    """A line without a step after lines with one gives its validation only."""
    text = "step 10 loss 4.0\nstep 20 loss 3.5\nEpoch 1: train loss 3.75, val loss 3.6\nstep 30 loss 3.0\n"
    (part,) = _read(tmp_path / "x.log", text).parts
    assert _columns(part.series["train"]) == [(10, 4.0), (20, 3.5), (30, 3.0)]
    assert _columns(part.series["val"]) == [(20, 3.6)]


def test_epochs_alone_are_an_axis(tmp_path: Path) -> None:
    """One line an epoch."""
    lines = [f"Epoch {e}: train loss {v}, val loss {v + 0.5}, acc 0.5" for e, v in enumerate(LOSSES, 1)]
    points = _train(_read(tmp_path / "x.log", "\n".join(lines) + "\n"))
    assert list(points.epoch) == [1, 2, 3, 4, 5, 6]
    assert all(math.isnan(step) for step in points.step)


def test_ranks_in_any_order_give_the_lowest_one(tmp_path: Path) -> None:
    """Also where rank 0 writes elsewhere; nothing is given out while it is not known who writes."""
    path = tmp_path / "x.out"
    lines = [f"[rank{rank}]: step {k} loss {v + rank}" for k, v in PLAIN for rank in (3, 1, 2)]
    assert _columns(_train(_read(path, "\n".join(lines) + "\n"))) == [(k, v + 1) for k, v in PLAIN]
    assert not _read(path, "\n".join(lines[:1]) + "\n", final=False).parts[0].series


def test_the_header_gives_parameters_and_tokens(tmp_path: Path) -> None:
    """With their lines; a second header before a fall to the start is another run of the file."""
    run = "model has 12,345,678 trainable parameters\ntokens per step: 4,096\n" + "".join(
        f"step {k} loss {v}\n" for k, v in PLAIN
    )
    reading = _read(tmp_path / "x.log", run + run.replace("12,345,678", "24.5M"))
    assert [part.key for part in reading.parts] == ["", "#2"]
    figures = [[(f.key, f.value, f.digits) for f in part.figures] for part in reading.parts]
    assert figures == [
        [("n_other", 12345678.0, None), ("tokens_per_step", 4096.0, None)],
        [("n_other", 24.5e6, 3), ("tokens_per_step", 4096.0, None)],
    ]


def test_a_dict_of_settings_is_the_configuration(tmp_path: Path) -> None:
    """As scripts print it before they begin."""
    (part,) = _read(tmp_path / "x.log", "args: {'n_layer': 6, 'opt': {'lr': 0.1}}\nstep 1 loss 2.0\n").parts
    assert part.config == {"n_layer": 6, "opt.lr": 0.1}


@pytest.mark.parametrize(
    "text",
    [
        "We train for 100 steps and the loss is 3.2 at step 5.\nThe loss at step 10 is 3.1\n" * 9,
        "for step in range(100):\n    print(f'step {step} loss {loss}')\nstep = 1; loss = 2.0\n" * 9,
        "steps: 100\nloss: mse\nlr: 0.1\nloss_weight: 1.0\nstep: 1\n" * 9,
        "Namespace(steps=100, loss_weight=0.5, epochs=3, lr=0.1)\n" * 9,
        "step 5: loss 3.1\n" * 9,
        "step,loss\n1,2.0\n2,1.9\n3,1.8\n",
        "words of a page\n" * 30 + "step 1: loss 3\nstep 2: loss 2.5\nstep 3: loss 2.4\n" + "more words\n" * 80,
        '{"n_params": 1000, "tokens": 20000, "loss": 3.5}\n{"n_params": 2000, "tokens": 40000, "loss": 3.2}\n'
        * 3,
        '{"text": "the loss of 1 step", "id": 1}\n{"text": "a loss of 2 steps", "id": 2}\n' * 9,
    ],
    ids=["prose", "code", "settings", "arguments", "one step", "table", "quoted", "ladder", "data"],
)
def test_what_is_no_log_is_not_claimed(text: str, tmp_path: Path) -> None:
    """Prose, programs, settings, tables and a page that quotes a few lines of a log."""
    path = tmp_path / "x.txt"
    path.write_text(text)
    assert KeyValue().sniff(take_sample(path)) is None


def test_a_page_that_quotes_lines_before_a_log_does_not_hide_it(tmp_path: Path) -> None:
    """A program that is echoed with examples in it comes before many a log."""
    path = tmp_path / "x.log"
    quoted = "# step 1: loss 3\n# step 2: loss 2.5\n# step 3: loss 2.4\n" + "x = 1\n" * 900
    path.write_text(quoted + "".join(f"step {k} loss {v}\n" for k, v in PLAIN))
    assert KeyValue().sniff(take_sample(path)) is not None


def test_names_a_person_gave_are_read(tmp_path: Path) -> None:
    """Step and loss under any name; the state keeps them for the next reading."""
    path = tmp_path / "x.log"
    path.write_text("".join(f"[{k}] pass={k} objective={v}\n" for k, v in PLAIN))
    state: dict[str, object] = {"columns": {"step": "pass", "loss": "objective"}}
    reading = KeyValue().read(path, 0, state)
    assert _columns(_train(reading)) == PLAIN
    with path.open("a") as file:
        file.write("[70] pass=70 objective=2.0\n")
    kept = json.loads(json.dumps(reading.state, allow_nan=False))
    assert _columns(_train(KeyValue().read(path, reading.offset, kept))) == [(70, 2.0)]


def test_a_reading_in_pieces_equals_one_at_once(tmp_path: Path) -> None:
    """Bars, epochs, ranks and validation between them, cut anywhere."""
    texts = [_said(style, PLAIN) for style in (*BARS.values(), *STEPPED.values())]
    texts += map(_epochs, EPOCHS.values())
    for text in texts:
        whole = _read(tmp_path / "whole.log", text, final=False)
        data, path = text.encode(), tmp_path / "pieces.log"
        parts: list[RunPart] = []
        offset, state = 0, dict[str, object]()
        for size in (len(data) // 7, len(data) // 3, len(data) // 2 + 1, len(data)):
            path.write_bytes(data[:size])
            reading = KeyValue().read(path, offset, state)
            offset, state = reading.offset, json.loads(json.dumps(reading.state, allow_nan=False))
            parts += reading.parts
        pieced = [row for part in parts if "train" in part.series for row in _columns(part.series["train"])]
        assert pieced == _columns(_train(whole))


LONG = {
    "rising": [f"step {k} loss {4 - k / 99:.4f} lr 1e-4" for k in range(200)],
    "restarts": [f"step {k} loss {4 - k / 99:.4f}" for k in (*range(90), *range(60, 150), *range(40))],
    "numbers": [
        f"[13:00:{k:02}] step={k:,} loss={'nan' if k % 7 == 3 else k / 99} n=1,024" for k in range(980, 1090)
    ],
    "validation": [
        line
        for k in range(100)
        for line in (f"step {k}/100 loss 2.5", *([f"val loss 3.{k}"] if k % 25 == 24 else []))
    ],
    "epochs": [f"Epoch {1 + k // 40}/5 step {1 + k % 40}/40 loss {4 - k / 99:.4f}" for k in range(200)],
    "headers of epochs": [
        line for e in range(4) for line in (f"Epoch {e}", *(f"step {k} loss {4 - k / 99}" for k in range(40)))
    ],
    "two runs": [
        line for n in (1, 2) for line in (f"{n},000 parameters", *(f"step {k} loss {n}.5" for k in range(50)))
    ],
    "a validation shown again": [
        f"step {k} train_loss {4 - k / 99} | val_loss {3 - k // 25 * 0.25}" for k in range(150)
    ],
    "changing shapes": [
        f"step {k} loss 2.{k}" + (f" lr 1e-{k % 9}" if k // 30 % 2 else "") for k in range(150)
    ],
}


@pytest.mark.parametrize("name", LONG)
def test_many_lines_at_once_equal_a_few_at_a_time(name: str, tmp_path: Path) -> None:
    """Columns bring what rows do: points, segments, places, figures and issues."""
    path, lines = tmp_path / "x.log", LONG[name]
    whole = _read(path, "\n".join(lines) + "\n", final=False)
    few: list[Reading] = []
    for size in range(5, len(lines) + 5, 5):
        path.write_text("\n".join(lines[:size]) + "\n")
        state = json.loads(json.dumps(few[-1].state, allow_nan=False)) if few else {}
        few.append(KeyValue().read(path, few[-1].offset if few else 0, state))
    assert _rows(few) == _rows([whole])
    figures = [(f.key, f.value, f.source) for f in whole.parts[-1].figures]
    assert [(f.key, f.value, f.source) for f in few[-1].parts[-1].figures] == figures
    assert _told(few) == _told([whole])


@pytest.mark.parametrize("name", LONG)
def test_a_limit_stops_at_a_line_and_goes_on(name: str, tmp_path: Path) -> None:
    """Piece by piece the same rows; every piece but the last says that there is more."""
    path = tmp_path / "x.log"
    whole = _read(path, "\n".join(LONG[name]) + "\n")
    pieces = [KeyValue().read(path, 0, {}, final=True, limit=700)]
    while pieces[-1].more:
        state = json.loads(json.dumps(pieces[-1].state, allow_nan=False))
        pieces.append(KeyValue().read(path, pieces[-1].offset, state, final=True, limit=700))
    assert len(pieces) > 2
    assert _rows(pieces) == _rows([whole])


def _rows(readings: list[Reading]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for reading in readings:
        for part in reading.parts:
            for series, points in part.series.items():
                found.setdefault((part.key, series), []).extend(map(repr, points.rows()))
    return found


def _told(readings: list[Reading]) -> dict[str, int]:
    counts = Counter[str]()
    for reading in readings:
        for issue in reading.issues:
            counts[issue.text] += issue.count
    return dict(counts)


FRAGMENTS = st.sampled_from(
    [
        *("step ", "step=", "epoch ", "Epoch: [", "loss ", "loss=", "val loss: ", "eval | loss ", "tokens="),
        *("1", "2", "30", "1,000", "nan", "-inf", "1e400", "0.5", "9" * 40, "/", "/100", "[", "]", " (", ") "),
        *(", ", " | ", ": ", " 10%|#   | ", "it [", "{", "}", "{'loss': ", "'step': ", '{"loss": ', "params: "),
        *("\n", "\n", "\n", "\r", "\x08", "\x00", "0: ", "1: ", "[rank2]: ", "\x1b[31m", "\x9b", "━━╸ "),
        *("Validation ", "best ", "Traceback (most recent call last):\n"),
    ]
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fragments=st.lists(FRAGMENTS, max_size=80), cut=st.integers(0, 400))
def test_any_mixture_of_what_logs_hold_is_survived(fragments: list[str], cut: int, tmp_path: Path) -> None:
    """Nothing raises, the state is JSON, and two readings give what one does."""
    path, data = tmp_path / "x.log", "".join(fragments).encode()
    path.write_bytes(data)
    KeyValue().sniff(take_sample(path))
    sniff(path)
    whole = KeyValue().read(path, 0, {})
    path.write_bytes(data[:cut])
    first = KeyValue().read(path, 0, {})
    path.write_bytes(data)
    state = json.loads(json.dumps(first.state, allow_nan=False))
    assert _rows([first, KeyValue().read(path, first.offset, state)]) == _rows([whole])
    json.dumps(KeyValue().read(path, 0, {}, final=True).state, allow_nan=False)


REAL = ("keyvalue_freeform.log", "tqdm_cr.log", "slurm-mixed-ranks-4711.out", "rotated.log")


@pytest.mark.parametrize("name", REAL)
def test_reads_real_lines_as_an_independent_reader_did(name: str, real_logs: Path) -> None:
    """Count, first and last step, and the last loss as far as it was printed."""
    with (real_logs / "MANIFEST.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["file"] == f"generated-text/{name}")
    points = _train(KeyValue().read(real_logs / row["file"], 0, {}, final=True))
    assert len(points) == int(row["expected_n_train_points"])
    assert points.step[0] == float(row["expected_first_step"])
    assert points.step[-1] == float(row["expected_last_step"])
    assert points.value[-1] == pytest.approx(float(row["expected_last_train_loss"]), abs=5e-5)
