"""`trainer_state.json` of Hugging Face Transformers and the trainers built on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from labbook.logs.carry import add_figure
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.numbers import number
from labbook.logs.opening import opened
from labbook.logs.rows import Rows
from labbook.records import Figure, Issue, Reading, RunPart
from labbook.text import clean

_FIGURES = {
    "max_steps": "planned_steps",
    "total_flos": "total_flos",
    "num_input_tokens_seen": "tokens_seen",
    "train_batch_size": "batch_size",
}
_SPEEDS = ("_runtime", "_per_second")
_CLOCK = "train_runtime"
"""Seconds since the start, which newer trainers log beside each loss."""


class TrainerState:
    """One JSON object with a list `log_history`, rewritten at every checkpoint."""

    name = "hf-trainer-state"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.binary or not sample.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return None
        if b"log_history" not in sample.head + sample.middle + sample.tail and sample.encoding == "utf-8":
            return None
        for place, line in sample.lines or (("line 1", sample.head.decode("utf-8", "replace")),):
            if '"log_history"' in line:
                at = line.index('"log_history"')
                return Sniffed(0.98, (Evidence(place, clean(line[at : at + 80], 80)),))
        if b'"log_history"' not in sample.head + sample.middle + sample.tail:
            return None
        return Sniffed(0.98, (Evidence("", '"log_history"'),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        with opened(path) as file:
            data = file.read()
        try:
            tree = json.loads(data.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):  # a checkpoint is being written
            text = "not whole JSON; read again when it is complete"
            return Reading([], offset, state, [Issue("cut-tail", text, f"byte {len(data)}")])
        if not isinstance(tree, dict) or not isinstance(tree.get("log_history"), list):
            return Reading([], len(data), {}, [Issue("not-a-log", "no log_history in it")], replaces=True)
        issues: list[Issue] = []
        return Reading([_part(tree, issues)], len(data), {}, issues, replaces=True)


def _part(tree: Mapping[str, object], issues: list[Issue]) -> RunPart:
    part = RunPart(step_origin=1)
    for key, figure in _FIGURES.items():
        value = number(tree.get(key))
        if value is not None and value > 0:
            add_figure(part, Figure(figure, value, f"{key} (trainer_state.json)"))
    rows = Rows()
    history = tree["log_history"]
    for index, record in enumerate(history if isinstance(history, list) else ()):
        if not isinstance(record, dict):
            issues.append(Issue("bad-line", "an entry that is no object", f"log_history[{index}]"))
        elif "train_loss" in record and "train_runtime" in record and "loss" not in record:
            _end(record, index, part)
        else:
            _record(record, index, rows, part, issues)
    part.step_origin = 1
    return part


def _record(record: Mapping[str, object], index: int, rows: Rows, part: RunPart, issues: list[Issue]) -> None:
    row = {key: value for key, value in record.items() if key == _CLOCK or not key.endswith(_SPEEDS)}
    if not rows.add(part, row, index, issues):
        issues.append(Issue("no-step", "an entry without step or epoch", f"log_history[{index}]"))


def _end(record: Mapping[str, object], index: int, part: RunPart) -> None:
    """The record the trainer adds when training is over: `train_loss` in it is the run's mean, no point."""
    part.status = "finished"
    part.status_line = f"log_history[{index}]: train_runtime {clean(str(record['train_runtime']), 40)}"
    flos = number(record.get("total_flos"))
    if flos:
        add_figure(part, Figure("total_flos", flos, f"log_history[{index}] total_flos"))
