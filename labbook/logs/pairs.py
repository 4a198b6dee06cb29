"""One pass over lines of names and numbers: from lines to points of runs, kept as JSON between readings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from labbook.logs import names
from labbook.logs.carry import add_figure, flatten, load_part, put_config, save_part
from labbook.logs.column_map import TARGETS, columns_in, kept
from labbook.logs.counting import Counting
from labbook.logs.endings import Endings
from labbook.logs.headline import figure_in
from labbook.logs.jsonl import flat_row
from labbook.logs.lane import (
    LONGEST_NUMBER,
    MOST,
    WORTH,
    Lane,
    Record,
    floats,
    has_lane,
    is_held_out,
    record_of,
)
from labbook.logs.lines import pieces, unlabel
from labbook.logs.numbers import CUT, number
from labbook.logs.objects import object_at_end
from labbook.logs.pair_memory import MOST as MOST_HELD
from labbook.logs.pair_memory import Memory, is_trained
from labbook.logs.rows import Rows
from labbook.logs.shapes import Shape, meaning, shape_of, speaks_of, split
from labbook.records import Figure, Issue, RunPart

if TYPE_CHECKING:
    from labbook.logs.bulk import Column

LONGEST = 1 << 14
"""Characters of a line that are looked at."""
_LANES = 64
_LONG_SHAPE = 100
"""Texts of a shape that is not worth remembering."""
_SHAPES = 4096
"""Shapes of lines remembered."""
_ROUND = 3
"""Steps after which the ranks that write here are known."""
_THROUGH = "the counter starts again with each epoch: steps are counted through"
_EPOCH = re.compile(r"\W{0,4}(?i:epoch)\b")


class PairReader:
    """Takes lines one by one; `parts` and `news` say what they brought."""

    def __init__(self, state: Mapping[str, object]) -> None:
        self.columns = columns_in(state)
        self.aliases = {
            names.plain(own): TARGETS[key][0] for key, own in self.columns.items() if key in TARGETS
        }
        losses = [own for own, known in self.aliases.items() if known in {"loss", "val_loss"}]
        self.needles = tuple({"loss", *(own.rsplit("_", 1)[-1] for own in losses)})
        """A line without any of them, in lower case, is no record."""
        self.part = load_part(state.get("part"), RunPart(step_origin=1))
        self.pending = load_part(state.get("pending"), RunPart())
        """What a header said after the last record."""
        self.rows = Rows(state.get("rows"))
        self.counting = Counting(state.get("counting"))
        self.endings = Endings(state.get("endings"))
        memory = state.get("pairs")
        self.memory = Memory(**memory) if isinstance(memory, dict) else Memory()
        self.done: list[RunPart] = []
        self.issues: list[Issue] = []
        self.guessed: dict[str, tuple[int, int]] = {}
        """By rule that filled in a step: (first line, times)."""
        self._shapes: dict[tuple[str, ...], Shape | None] = {}
        self._lanes: dict[tuple[str, ...], Lane] = {}
        self._lane: Lane | None = None
        """Of the line before."""
        self._quick: list[tuple[tuple[str, ...], int]] = []
        """(numbers, line) that went the quick way and are no points yet."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "part": save_part(self.part),
            "pending": save_part(self.pending),
            "rows": self.rows.state(),
            "counting": self.counting.state(),
            "endings": self.endings.state(),
            "pairs": asdict(self.memory),
            **kept(self.columns),
        }

    def parts(self) -> list[RunPart]:
        """Every run that was met, the one being read last."""
        return [*self.done, self.part]

    def news(self) -> list[Issue]:
        """What was met since `__init__`."""
        inferred = [
            Issue("step-inferred", rule, f"line {place}", times)
            for rule, (place, times) in self.guessed.items()
        ]
        return self.issues + inferred

    def line(self, line: str, place: int) -> None:
        """Take one line; a bar brings several states of it."""
        if self._lane is not None and (found := self._lane.match(line)) is not None:
            self._quick.append((found.groups(), place))
            if len(self._quick) == MOST:
                self.flush()
            return
        self.flush()
        cut = line.endswith(CUT)
        states = pieces(line.removesuffix(CUT))
        for index, piece in enumerate(states):
            rank, bare = unlabel(piece)
            is_cut = (cut and index == len(states) - 1) or len(bare) > LONGEST
            self._state(bare[:LONGEST] + CUT if is_cut else bare, rank, place)

    def is_likely(self, line: str) -> bool:
        """True where a line may be a record: it names what a loss is called."""
        low = line.lower()
        return any(needle in low for needle in self.needles)

    def _state(self, bare: str, rank: int | None, place: int) -> None:
        low = bare.lower()
        record = self._taken(bare) if any(needle in low for needle in self.needles) else None
        if record is None:
            self._other(bare, low, place)
        elif rank is None:
            self._record(record, place)
        else:
            self._ranked(record, rank, place)

    def close(self) -> None:
        """Nothing more will be written."""
        self.flush()
        self._choose_rank()

    def flush(self) -> None:
        """Turn what went the quick way into points."""
        lane, quick = self._lane, self._quick
        if lane is None or not quick:
            return
        self._quick = []
        if len(quick) >= WORTH and self._in_columns(lane, quick):
            return
        for numbers, place in quick:
            self._record(lane.record(numbers), place)

    def _in_columns(self, lane: Lane, quick: list[tuple[tuple[str, ...], int]]) -> bool:
        """Add the lines as columns. False, and nothing done, where a rule has to look at each of them."""
        columns = list(zip(*(numbers for numbers, _ in quick), strict=True))
        counter, total, epoch = lane.places()
        is_same = all(len(set(columns[at])) == 1 for at in (total, epoch) if at is not None)
        is_same = is_same and all(max(map(len, column)) <= LONGEST_NUMBER for column in columns)
        if self.pending.config or self.pending.figures or self.memory.waiting or not is_same:
            return False
        record = lane.record(quick[0][0])
        own, steps = _finite(record.epoch), floats(columns[counter])
        if not self.counting.rises(steps, self.memory.epoch if own is None else own):
            return False
        import numpy as np

        self._record(record, quick[0][1])
        self.counting.passed(steps)
        places = np.array([place for _, place in quick[1:]], np.int64)
        epochs = np.full(len(places), np.nan if own is None else own)
        step = np.array(steps[1:]) + self.counting.base
        found: list[Column] = [step, (epochs, np.isfinite(epochs))]
        repeats = any(map(is_trained, lane.names))
        for name, at in zip(lane.names, lane.metrics(), strict=True):
            texts, values = columns[at], np.array(floats(columns[at][1:]))
            if is_held_out(name):
                self.memory.is_news(name, texts[-1])
                fresh = [not repeats or was != now for was, now in pairwise(texts)]
                found.append((values, np.array(fresh)))
            else:
                found.append(values)
        self.rows.add_columns(self.part, ["step", "epoch", *lane.names], found, places, self.issues)
        self.memory.last = float(step[-1])
        if self.counting.inferred:
            self._guess(_THROUGH, quick[1][1], len(quick) - 1)
        return True

    def _taken(self, bare: str) -> Record | None:
        """The record of a line, None where it holds no loss."""
        found = object_at_end(bare)
        if found is not None:
            return self._from_object(*found)
        parts = split(bare)
        texts = tuple(parts[::2])
        is_known = texts in self._shapes
        shape = self._shape(texts)
        if shape is None or not shape.has_loss:
            return None
        self._lane = self._lane_of(texts, shape) if is_known else None  # a lane is dear and pays by the hundred
        return record_of(shape, parts[1::2])

    def _lane_of(self, texts: tuple[str, ...], shape: Shape) -> Lane | None:
        if texts not in self._lanes:
            if not has_lane(texts, shape):
                return None
            if len(self._lanes) >= _LANES:
                self._lanes.clear()
            self._lanes[texts] = Lane(texts, shape)
        return self._lanes[texts]

    def _shape(self, texts: tuple[str, ...]) -> Shape | None:
        if len(texts) > _LONG_SHAPE:
            return shape_of(texts, self.aliases)
        if texts not in self._shapes:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[texts] = shape_of(texts, self.aliases)
        return self._shapes[texts]

    def _from_object(self, before: str, tree: Mapping[str, object]) -> Record | None:
        """The record of an object at the end of a line; what stands before it may give the step."""
        row = {key: value for key, value in flat_row(tree).items() if number(value) is not None}
        roles = {key: meaning(key, self.aliases) for key in row}
        losses = [key for key, role in roles.items() if role is not None and role[0] == "loss"]
        if not losses or (names.is_ladder_row(row) and not before.strip()):
            return None
        parts = split(before)
        shape = self._shape(tuple(parts[::2])) or Shape()
        found = record_of(replace(shape, metrics=()), parts[1::2])
        which = speaks_of(before)
        for key, role in roles.items():
            kind, value = role[0] if role is not None else "", row[key]
            if kind == "epoch":
                found.epoch = str(value)
            elif kind != "axis":
                name = self.aliases.get(names.plain(key), key)
                name = f"{which} loss" if which and name == "loss" else name
                found.metrics[name] = str(value)
        axes = sorted((role[1], key) for key, role in roles.items() if role is not None and role[0] == "axis")
        if axes:
            found.counter, found.total, found.named = str(row[axes[0][1]]), None, True
        return found

    def _other(self, bare: str, low: str, place: int) -> None:
        """A line that is no record: an end, a header, an epoch."""
        text = bare.removesuffix(CUT)
        if self.endings.see(text, place, self.part):
            return
        if "epoch" in low and _EPOCH.match(bare) is not None:
            parts = split(bare)
            shape = self._shape(tuple(parts[::2]))
            if shape is not None and shape.epoch is not None and not bare.endswith(CUT):
                self.memory.epoch = _finite(parts[1::2][shape.epoch])
        if "param" in low or "tokens" in low:
            figure = figure_in(bare, place)
            if figure is not None:
                add_figure(self._into(), figure)
                return
        if (found := object_at_end(bare)) is not None and len(found[1]) > 1:
            put_config(self._into(), flatten(found[1]), f"line {place}")

    def _into(self) -> RunPart:
        return self.part if self.memory.first is None else self.pending

    def _ranked(self, record: Record, rank: int, place: int) -> None:
        """Records of several ranks: those of the lowest one count, once it is known."""
        memory = self.memory
        if memory.rank is not None:
            if rank <= memory.rank:
                memory.rank = rank
                self._record(record, place)
            return
        memory.held.append((rank, place, asdict(record)))
        steps = {str(kept["counter"]) for _, _, kept in memory.held}
        if rank == 0 or len(steps) >= _ROUND or len(memory.held) >= MOST_HELD:
            self._choose_rank()

    def _choose_rank(self) -> None:
        held, self.memory.held = self.memory.held, []
        if not held:
            return
        self.memory.rank = min(rank for rank, _, _ in held)
        for rank, place, record in held:
            if rank == self.memory.rank:
                self._record(Record(**record), place)

    def _record(self, record: Record, place: int) -> None:
        metrics = self._fresh(record) if record.is_bar else self.memory.unrepeated(record.metrics)
        own = _finite(record.epoch)
        epoch = own if own is not None else self.memory.epoch
        step = self._step(record, epoch) if metrics else None
        if not metrics:
            return
        if step is not None:
            self._settle(step)
            self._points({"step": step, "epoch": own, **metrics}, place)
            self._plan(record, place)
            if self.counting.inferred:
                self._guess(_THROUGH, place)
        elif self.memory.last is not None:
            self._beside(metrics, own, place)
        elif own is not None or any(names.tokens_rank(key) is not None for key in metrics):
            self._points({"epoch": own, **metrics}, place)
        else:
            held_out = [(key, value, place) for key, value in metrics.items() if is_held_out(key)]
            self.memory.waiting = [*self.memory.waiting, *held_out][-MOST_HELD:]

    def _fresh(self, record: Record) -> dict[str, str]:
        """What a state of a bar says that the one before did not. A bar at 0 shows what is not counted yet,
        and a loss of validation stays on it until the next."""
        if record.held_out:
            return {}
        at = f"{record.epoch} {record.counter}"
        done = record.epoch if record.counter is None else record.counter
        stale = at == self.memory.bar or (not record.named and number(done) == 0)
        fresh: dict[str, str] = {}
        for key, value in record.metrics.items():
            if not is_held_out(key):
                fresh |= {} if stale else {key: value}
            elif self.memory.is_news(key, value):
                fresh[key] = value
        self.memory.bar = at
        return fresh

    def _step(self, record: Record, epoch: float | None) -> float | None:
        printed, total = _finite(record.counter), _finite(record.total)
        if printed is None:
            return None
        if record.held_out:
            return self.counting.base + printed
        return self.counting.step(printed, total, epoch)

    def _beside(self, metrics: Mapping[str, str], epoch: float | None, place: int) -> None:
        """A line without a step after lines with one: a validation belongs to the last step; a loss of
        training is the mean of an epoch and no point."""
        held_out = {key: value for key, value in metrics.items() if is_held_out(key)}
        if held_out:
            self._guess("a validation without a step of its own stands at the step before it", place)
            self._points({"step": self.memory.last, "epoch": epoch, **held_out}, place)

    def _points(self, row: dict[str, object], place: int) -> None:
        waiting, self.memory.waiting = self.memory.waiting, []
        for key, value, line in waiting if "step" in row else ():
            self._guess("a validation before the first step stands at that step", int(str(line)))
            self.rows.add(self.part, {"step": row["step"], str(key): value}, int(str(line)), self.issues)
        before = self.rows.added
        self.rows.add(self.part, row, place, self.issues)
        if self.rows.added == before:
            return
        self.endings.take_back(self.part)
        step = number(row.get("step"))
        if step is not None:
            self.memory.first = step if self.memory.first is None else min(self.memory.first, step)
            self.memory.last = step

    def _settle(self, step: float) -> None:
        """Decide whose the pending header is: a fall to the start after it is a new run."""
        if not self.pending.config and not self.pending.figures:
            return
        pending, self.pending = self.pending, RunPart()
        memory = self.memory
        if memory.first is not None and memory.last is not None and step <= memory.first < memory.last:
            self.done.append(self.part)
            memory.runs += 1
            self.part = RunPart(key=f"#{memory.runs}", step_origin=1)
            self.rows, memory.first, memory.last = Rows(), None, None
        put_config(self.part, pending.config, pending.config_source)
        for figure in pending.figures:
            add_figure(self.part, figure)

    def _plan(self, record: Record, place: int) -> None:
        """Keep the n of `k/n` as the planned steps while it is that."""
        total = _finite(record.total)
        if total is None or record.held_out:
            return
        planned = self.counting.planned(total, _finite(record.epochs))
        known = next((f for f in self.part.figures if f.key == "planned_steps"), None)
        if known is None or known.value != planned:
            self.part.figures = [f for f in self.part.figures if f.key != "planned_steps"]
            if planned is not None and planned > 1:
                source = f"line {place}: {record.counter}/{record.total}"
                add_figure(self.part, Figure("planned_steps", planned, source))

    def _guess(self, rule: str, place: int, times: int = 1) -> None:
        first, before = self.guessed.get(rule, (place, 0))
        self.guessed[rule] = (first, before + times)


def _finite(text: str | None) -> float | None:
    value = number(text)
    return value if value is not None and math.isfinite(value) else None
