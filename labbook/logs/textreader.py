"""One pass over the lines of one source by a table of patterns, record by record.

A header that comes after records belongs to a new run of the same file when the next record falls back to
the start, and to the same run when it does not; until that is known it is kept aside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from labbook.logs import names
from labbook.logs.carry import add_figure, load_part, put_config, save_part
from labbook.logs.endings import Endings, may_end
from labbook.logs.lines import pieces, unlabel
from labbook.logs.numbers import CUT, human
from labbook.logs.patterns import AXES, FIGURES, Table
from labbook.logs.segments import Segments
from labbook.logs.stepline import StepLine
from labbook.logs.textfields import groups_of, is_whole, named, size
from labbook.logs.textheader import Header, put_figure
from labbook.logs.tokencount import TokenCount
from labbook.records import NAN, Figure, Issue, RunPart
from labbook.text import clean

_PLACED = ("step", "tokens", "epoch")
_RULES = {
    "next": "a value printed without a step is the next record's",
    "previous": "a value printed without a step is the last record's",
    "last": "a value printed without a step is the last record's",
    "own": "a value printed without a step is the last record's",
    "bar": "the step is the one of the progress bar before it",
}


class LineReader:
    """One pass over the lines of one source. Kept as JSON between readings."""

    def __init__(self, table: Table, state: dict[str, object]) -> None:
        self.table = table
        self.part = load_part(state.get("part"), self._new_part(""))
        self.pending = load_part(state.get("pending"), self._new_part(""))
        """What a header said after the last record."""
        self.header = Header(table, state.get("header"))
        self.segments = Segments(state.get("segments"))
        self.endings = Endings(state.get("endings"))
        self.count = TokenCount(state.get("count"))
        self.rank = _whole(state.get("rank"))
        self.held = [(str(line), int(place)) for line, place in _listed(state.get("held"))]
        """A record of a higher rank, until it is known that no lower one prints."""
        self.runs = _whole(state.get("runs")) or 0
        self.launched = bool(state.get("launched"))
        """True after the banner of a launch, until its first record."""
        self.first = _real(state.get("first"))
        """Least step of the run, or least epoch where it has no step."""
        self.last = _reals(state.get("last"))
        """Step, tokens and epoch of the last record."""
        self.stepline = StepLine(state.get("stepline"))
        self.open: dict[str, object] = _mapping(state.get("open"))
        """A record whose lines are not over: its pattern, line, groups and what of it was passed on."""
        self.shapes: dict[str, object] = _mapping(state.get("shapes"))
        """By pattern of several lines, the groups of its last record."""
        self.waiting = [(str(s), float(v), int(p)) for s, v, p in _listed(state.get("waiting"))]
        """Values without a step, for the next one."""
        self.put_off: tuple[Callable[[], None], frozenset[str]] | None = None
        """What adds the points that a block of lines has not added yet, and their series."""
        self.done: list[RunPart] = []
        self.issues: list[Issue] = []
        self.inferred: dict[str, tuple[int, int]] = {}
        """By rule, (line of the first, number of) values whose step it filled in."""

    def _new_part(self, key: str) -> RunPart:
        table = self.table
        units = dict.fromkeys(("train", "train_eval", "val"), table.unit) | dict(table.units)
        return RunPart(key=key, step_kind=table.step_kind, step_origin=table.step_origin, units=units)

    def parts(self) -> list[RunPart]:
        """Every run of the source that was met, the one being read last."""
        return [*self.done, self.part]

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "part": save_part(self.part),
            "pending": save_part(self.pending),
            "header": self.header.state(),
            "segments": self.segments.state(),
            "endings": self.endings.state(),
            "count": self.count.state(),
            "rank": self.rank,
            "held": self.held,
            "runs": self.runs,
            "launched": self.launched,
            "first": self.first,
            "last": self.last,
            "stepline": self.stepline.known,
            "open": self.open,
            "shapes": self.shapes,
            "waiting": [(series, repr(value), place) for series, value, place in self.waiting],
        }

    def is_settled(self) -> bool:
        """True where the next record changes nothing but its own series."""
        pending, endings = self.pending, self.endings
        waits = self.open or self.held or self.waiting or self.launched or self.header.ranks
        told = pending.config or pending.figures or pending.name
        return not (waits or told or endings.weight or endings.inside)

    def line(self, line: str, place: int) -> None:
        """Take one line; a bar brings several states of it."""
        cut = line.endswith(CUT)
        states = pieces(line.removesuffix(CUT))
        for index, piece in enumerate(states):
            rank, bare = unlabel(piece)
            last = index == len(states) - 1
            self._state(bare + CUT if cut and last else bare, rank, place)

    def _state(self, line: str, rank: int | None, place: int) -> None:
        if self._is_other(rank):
            if all(groups_of(pattern, line) is None for pattern in self.table.records):
                self._between(line, place)
            return
        if self.open and line[:1].isspace() and self._field(line, place):
            return
        for index, pattern in enumerate(self.table.records):
            groups = groups_of(pattern, line)
            if groups is not None:
                self.close()
                if self._is_read(rank, line, place, bool(pattern.fields)):
                    self._take(index, groups, place)
                if may_end(line):
                    self.endings.see(line.removesuffix(CUT), place, self.part)
                return
        self.close()
        self._between(line, place)

    def _between(self, line: str, place: int) -> None:
        """Take a line that is no record."""
        if self.endings.see(line.removesuffix(CUT), place, self.part):
            return
        if self.header.is_launch(line):
            self._launch()
        self.header.see(line, place, self.part if self.first is None else self.pending)

    def _launch(self) -> None:
        """A banner: what earlier launches said that came to no record is no run's."""
        if self.first is None:
            self.part = self._new_part(self.part.key)
        else:
            self.pending, self.launched = self._new_part(""), True

    def _is_other(self, rank: int | None) -> bool:
        return rank is not None and self.rank is not None and rank > self.rank

    def _is_read(self, rank: int | None, line: str, place: int, opens: bool) -> bool:
        """True where the record is of the rank that is read: the lowest. A higher one waits for its second,
        unless it `opens` a record of several lines."""
        if rank is None:
            return True
        if self.rank is None or rank < self.rank:
            self.rank, self.held = rank, []
            if rank > 0 and not opens:
                self.held = [(line, place)]
                return False
        self._release()
        return True

    def _release(self) -> None:
        held, self.held = self.held, []
        for line, place in held:
            self._state(line, None, place)

    def _field(self, line: str, place: int) -> bool:
        """Take an indented line of the open record; one of its own there has the open record's step."""
        index = int(str(self.open["pattern"]))
        groups = _mapping(self.open["groups"])
        found: dict[str, object] = {}
        for inner in self.table.records[index].fields:
            if match := inner.search(line):
                found |= {key: text for key, text in match.groupdict().items() if text is not None}
        if found:
            self.open["groups"] = groups | found
            last = None if self.open["passed"] else self.shapes.get(str(index))
            if is_whole(self.table.records[index], {*groups, *found}, last):
                self._pass_on()
            return True
        for pattern in self.table.records:
            own = None if pattern.fields else groups_of(pattern, line)
            if own is not None:
                self._record({key: groups[key] for key in AXES if key in groups} | own, place)
                return True
        return True

    def _pass_on(self) -> None:
        """Make a record of what the open one has and did not pass on."""
        groups = _mapping(self.open["groups"])
        passed = {str(key) for key in _items(self.open["passed"])}
        self.open["passed"] = sorted(groups)
        news = {key: value for key, value in groups.items() if key not in passed}
        if not passed or set(news) - AXES:
            at_ = {key: groups[key] for key in _PLACED if key in groups}
            self._record(at_ | news, int(str(self.open["place"])))

    def close(self) -> None:
        """End the open record: its lines are over."""
        if self.open:
            self._pass_on()
            self.shapes[str(self.open["pattern"])] = sorted(_mapping(self.open["groups"]))
            self.open = {}

    def end(self) -> None:
        """Nothing more will be written; a record without the tokens it would have had is cut short."""
        self._release()
        if self.open:
            index = int(str(self.open["pattern"]))
            fields = self.table.records[index].fields
            awaited = AXES & {group for pattern in fields for group in pattern.groupindex}
            shape = self.shapes.get(str(index))
            told = awaited & set(_items(shape)) if isinstance(shape, list) else awaited
            if told <= set(_mapping(self.open["groups"])):
                self.close()

    def _take(self, index: int, groups: dict[str, object], place: int) -> None:
        if self.table.records[index].fields:
            self.open = {"pattern": index, "place": place, "groups": groups, "passed": []}
        else:
            self._record(groups, place)

    def _record(self, groups: Mapping[str, object], place: int) -> None:
        """Take a record's fields, as text or as numbers."""
        axes: dict[str, float] = {}
        metrics: list[tuple[str, float]] = []
        for key, raw in groups.items():
            if key == "set":
                continue
            value = size(raw)
            if value is None:
                continue
            if key in AXES:
                axes[key] = value if math.isfinite(value) else NAN
            elif key in FIGURES:
                self._figure(key, raw, value, place)
            else:
                series, value = named(key, value)
                metrics.append((self.table.series.get(series, series), value))
        if set_name := names.plain(clean(str(groups.get("set", "")), 80)):
            metrics = [(f"val:{set_name}" if key == "val" else key, value) for key, value in metrics]
        if metrics:
            self._located(metrics, axes, place)
        elif "step" in axes:
            self.stepline.take(axes, place)

    def _figure(self, key: str, raw: object, value: float, place: int) -> None:
        """A figure printed with a record, as it was the first time."""
        if all(figure.key != key for figure in self.part.figures):
            found = human(raw) if isinstance(raw, str) else (value, None)
            put_figure(self.part, key, found, f"line {place}: {clean(str(raw), 40)}")

    def _located(self, metrics: list[tuple[str, float]], axes: dict[str, float], place: int) -> None:
        """Find the place of a record's values on the axes and add them."""
        if (planned := axes.get("planned_steps")) is not None and math.isfinite(planned):
            add_figure(self.part, Figure("planned_steps", planned, f"line {place}: {int(planned)}"))
        if "step" in axes and "epoch" in axes and "per_epoch" in axes:
            axes["step"] += axes["epoch"] * axes["per_epoch"]
        if "step" not in axes and "epoch" in axes and self.stepline.tells(axes["epoch"], place):
            axes |= self._at_bar(place)
            self._infer("bar", place, len(metrics))
        rule = self.table.val_step
        if any(key in axes for key in _PLACED):
            self._points(metrics, axes, place)
        elif self.stepline:
            self._points(metrics, self._at_bar(place), place)
        elif rule == "next" or (rule == "previous" and not self.last):
            self.waiting += [(series, value, place) for series, value in metrics]
        elif self.last:
            self._infer(rule, place, len(metrics))
            self._points(metrics, self.last, place)

    def _at_bar(self, place: int) -> dict[str, float]:
        """The step that stands on a line of its own; its total is what is planned."""
        total = self.stepline.planned
        if total is not None:
            add_figure(self.part, Figure("planned_steps", total, f"line {place}: {int(total)}"))
        return {"step": self.stepline.step}

    def _infer(self, rule: str, place: int, count: int) -> None:
        first, before = self.inferred.get(rule, (place, 0))
        self.inferred[rule] = first, before + count

    def inferences(self) -> list[Issue]:
        """An issue for each rule that filled in steps."""
        return [
            Issue("step-inferred", _RULES[rule], f"line {place}", count)
            for rule, (place, count) in self.inferred.items()
        ]

    def _points(self, metrics: list[tuple[str, float]], axes: Mapping[str, float], place: int) -> None:
        step = axes.get("step", NAN)
        x = next((axes[key] for key in _PLACED if key in axes and axes[key] == axes[key]), NAN)
        self._settle(x)
        self.endings.take_back(self.part)
        at_ = {"step": step, "tokens": self._tokens(step, axes), "epoch": axes.get("epoch", NAN)}
        self._wait_over(step, at_)
        for series, value in metrics:
            self._point(series, value, at_, place)
        if x == x and math.isfinite(x):
            self.first = x if self.first is None else min(self.first, x)
            self.last = {key: value for key, value in at_.items() if math.isfinite(value)}

    def _wait_over(self, step: float, at_: Mapping[str, float]) -> None:
        """Add the values that waited for a step: with the next record, or as of the update before it."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            self._infer(self.table.val_step, waiting[0][2], len(waiting))
        if self.table.val_step == "previous" and step == step:
            at_ = {"step": max(step - self.table.step_origin, 0.0)}
        for series, value, place in waiting:
            self._point(series, value, at_, place)

    def _point(self, series: str, value: float, at_: Mapping[str, float], place: int) -> None:
        step = at_.get("step", NAN)
        if self.table.once:
            top = self.segments.seen.get(series)
            if top is not None and top.segment == self.segments.current and top.step == step:
                return
        if self.put_off is not None and series in self.put_off[1]:
            self.put_off[0]()
        segment = self.segments.of(series, step, self.issues)
        self.part.points(series).append(
            step,
            value,
            tokens=at_.get("tokens", NAN),
            epoch=at_.get("epoch", NAN),
            place=place,
            segment=segment,
        )

    def _tokens(self, step: float, axes: Mapping[str, float]) -> float:
        if "tokens_step" in axes:
            return self.count.add(step, axes["tokens_step"], self.table.step_origin)
        if "tokens_before" in axes:
            return self.count.ahead(step, axes["tokens_before"])
        return axes.get("tokens", NAN)

    def _settle(self, x: float) -> None:
        """Decide whose the pending header is: a fall to the start after it is a new run."""
        self.header.settle(self.part if self.first is None else self.pending)
        pending = self.pending
        if not (self.launched or pending.config or pending.figures or pending.name):
            return
        self.pending = self._new_part("")
        last = next((self.last[key] for key in _PLACED if key in self.last), NAN)
        if self.first is not None and x <= self.first and (self.launched or self.first < last):
            self._next_run()
        self.launched = False
        put_config(self.part, pending.config, pending.config_source)
        for figure in pending.figures:
            add_figure(self.part, figure)
        self.part.name = pending.name or self.part.name

    def _next_run(self) -> None:
        if self.put_off is not None:
            self.put_off[0]()
        self.done.append(self.part)
        self.runs += 1
        self.part = self._new_part(f"#{self.runs + 1}")
        self.segments, self.count, self.first, self.last = Segments(), TokenCount(), None, {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _reals(value: object) -> dict[str, float]:
    return {str(k): float(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _mapping(value: object) -> dict[str, object]:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _listed(value: object) -> list[tuple[str, ...]]:
    return [tuple(str(entry) for entry in row) for row in value] if isinstance(value, list) else []
