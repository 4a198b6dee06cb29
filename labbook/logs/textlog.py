"""The one engine behind every trainer that prints lines: a table of patterns run over complete lines.

A header that comes after records belongs to a new run of the same file when the next record falls back to
the start, and to the same run when it does not; until that is known it is kept aside.
"""

from __future__ import annotations

import re
from pathlib import Path

from labbook.logs.carry import add_figure, load_part, put_config, save_part
from labbook.logs.endings import Endings
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.lines import Lines, pieces, unlabel
from labbook.logs.literal import literal
from labbook.logs.numbers import CUT, human, number
from labbook.logs.patterns import RecordPattern, Table
from labbook.logs.segments import Segments
from labbook.records import NAN, Figure, Issue, Reading, RunPart
from labbook.text import clean

_ENOUGH = 8
"""Lines that make a format certain."""
_AXES = frozenset({"step", "tokens", "epoch", "planned_steps"})


class TextFormat:
    """A trainer's stdout, read by its table."""

    whole = False

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table.name

    def sniff(self, sample: Sample) -> Sniffed | None:
        evidence: list[Evidence] = []
        hits = 0
        for place, bare in sample.bare_lines:
            if hits == _ENOUGH:
                break
            if any(pattern.search(bare) for pattern in self.table.detect):
                hits += 1
                if len(evidence) < 2:
                    evidence.append(Evidence(place, clean(bare, 160)))
        return Sniffed(min(0.97, 0.75 + 0.05 * hits), tuple(evidence)) if hits else None

    def read(self, path: Path, offset: int, state: dict[str, object], *, final: bool = False) -> Reading:
        lines = Lines(path, offset, state, final=final, bars=True)
        reader = LineReader(self.table, state)
        for place, line in lines:
            reader.line(line, place)
        if final:
            reader.close()
        if lines.long:
            text = "lines above 64 KiB are matched in their head"
            reader.issues.append(Issue("long-line", text, f"line {lines.long[0][0]}", len(lines.long)))
        return Reading(reader.parts(), lines.offset, lines.state() | reader.state(), reader.issues)


class LineReader:
    """One pass over the lines of one source. Kept as JSON between readings."""

    def __init__(self, table: Table, state: dict[str, object]) -> None:
        self.table = table
        self.part = load_part(state.get("part"), self._new_part(""))
        self.pending = load_part(state.get("pending"), self._new_part(""))
        """What a header said after the last record."""
        self.segments = Segments(state.get("segments"))
        self.endings = Endings(state.get("endings"))
        self.rank = _whole(state.get("rank"))
        self.runs = _whole(state.get("runs")) or 0
        self.first = _real(state.get("first"))
        self.last = _real(state.get("last"))
        self.sums = {str(k): _figures(v) for k, v in _mapping(state.get("sums")).items()}
        self.open = {str(k): str(v) for k, v in _mapping(state.get("open")).items()}
        """Groups of a record whose lines are not over."""
        self.waiting = [(s, float(v), int(p)) for s, v, p in _listed(state.get("waiting"))]
        """Values without a step, for the next one."""
        self.done: list[RunPart] = []
        self.issues: list[Issue] = []

    def _new_part(self, key: str) -> RunPart:
        table = self.table
        units = dict.fromkeys(("train", "train_eval", "val"), table.unit)
        return RunPart(key=key, step_kind=table.step_kind, step_origin=table.step_origin, units=units)

    def parts(self) -> list[RunPart]:
        """Every run of the source that was met, the one being read last."""
        return [*self.done, self.part]

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {
            "part": save_part(self.part),
            "pending": save_part(self.pending),
            "segments": self.segments.state(),
            "endings": self.endings.state(),
            "rank": self.rank,
            "runs": self.runs,
            "first": self.first,
            "last": self.last,
            "sums": self.sums,
            "open": self.open,
            "waiting": self.waiting,
        }

    def line(self, line: str, place: int) -> None:
        """Take one line; a bar brings several states of it."""
        cut = line.endswith(CUT)
        states = pieces(line.removesuffix(CUT))
        for index, piece in enumerate(states):
            rank, bare = unlabel(piece)
            last = index == len(states) - 1
            self._state(bare + CUT if cut and last else bare, rank, place)

    def _state(self, line: str, rank: int | None, place: int) -> None:
        if self.open and self._field(line):
            return
        for pattern in self.table.records:
            match = pattern.line.search(line)
            if match is not None:
                self._match(pattern, match, rank, place)
                return
        self.close()
        if not self.endings.see(line.removesuffix(CUT), place, self.part):
            self._header(line, place)

    def _field(self, line: str) -> bool:
        """Take an indented line of the open record."""
        if not line[:1].isspace():
            return False
        for record in self.table.records:
            for pattern in record.fields:
                if match := pattern.search(line):
                    self.open |= {k: v for k, v in match.groupdict().items() if v is not None}
        return True

    def _match(self, pattern: RecordPattern, match: re.Match[str], rank: int | None, place: int) -> None:
        self.close()
        if rank is not None and self.rank is not None and rank > self.rank:
            return
        self.rank = rank if rank is not None else self.rank
        groups = {key: value for key, value in match.groupdict().items() if value is not None}
        if pattern.fields:
            self.open = groups | {"place": str(place)}
        else:
            self._record(groups, place)

    def close(self) -> None:
        """End the open record: its lines are over."""
        if self.open:
            groups, self.open = self.open, {}
            self._record(groups, int(groups.pop("place")))

    def _record(self, groups: dict[str, str], place: int) -> None:
        values = {key: value for key, text in groups.items() if (value := number(text)) is not None}
        if "planned_steps" in values:
            source = f"line {place}: {int(values['planned_steps'])}"
            add_figure(self.part, Figure("planned_steps", values["planned_steps"], source))
        metrics = [(key, value) for key, value in values.items() if key not in _AXES]
        if "step" in values or "tokens" in values or "epoch" in values:
            self._points(metrics, values, place)
        elif self.table.val_step == "next":
            self.waiting += [(series, value, place) for series, value in metrics]
        elif self.last is not None:
            self._points(metrics, {"step": self.last}, place)

    def _points(self, metrics: list[tuple[str, float]], at: dict[str, float], place: int) -> None:
        step = at.get("step", NAN)
        if metrics:
            self._settle(step)
            self.endings.take_back(self.part)
        waiting, self.waiting = self.waiting, []
        for series, value, line in [*waiting, *((series, value, place) for series, value in metrics)]:
            segment = self.segments.of(series, step, self.issues)
            self.part.points(series).append(
                step,
                value,
                tokens=at.get("tokens", NAN),
                epoch=at.get("epoch", NAN),
                place=line,
                segment=segment,
            )
        if step == step:
            self.first = step if self.first is None else min(self.first, step)
            self.last = step

    def _settle(self, step: float) -> None:
        """Decide whose the pending header is: a fall to the start after it is a new run."""
        if not self.pending.config and not self.pending.figures:
            return
        pending, self.pending = self.pending, self._new_part("")
        if self.first is not None and self.last is not None and step <= self.first < self.last:
            self.done.append(self.part)
            self.runs += 1
            self.part = self._new_part(f"#{self.runs + 1}")
            self.segments, self.first, self.last = Segments(), None, None
        put_config(self.part, pending.config, pending.config_source)
        for figure in pending.figures:
            add_figure(self.part, figure)

    def _header(self, line: str, place: int) -> None:
        into = self.part if self.first is None else self.pending
        for pattern in self.table.config:
            match = pattern.search(line)
            value = literal(match["value"]) if match else None
            if match and value is not None:
                put_config(into, {clean(match["key"], 120): value[0]}, "echoed configuration")
                return
        for key, patterns in self.table.header.items():
            for pattern in patterns:
                if match := pattern.search(line):
                    self._figure(into, key, match["v"], f"line {place}: {clean(line, 120)}")
        for key, patterns in self.table.sums.items():
            for index, pattern in enumerate(patterns):
                if match := pattern.search(line):
                    self._addend(into, key, index, number(match["v"]), place)

    def _figure(self, into: RunPart, key: str, text: str, source: str) -> None:
        found = human(text)
        if found is not None:
            add_figure(into, Figure(key, found[0], source, found[1]))

    def _addend(self, into: RunPart, key: str, index: int, value: float | None, place: int) -> None:
        """Collect the addends of a sum; header repeats of other ranks say the same again."""
        if value is None:
            return
        found = self.sums.setdefault(key, {})
        found[str(index)] = value
        if len(found) == len(self.table.sums[key]):
            source = f"line {place}: sum of {len(found)} printed figures"
            add_figure(into, Figure(key, sum(found.values()), source))
            self.sums[key] = {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _mapping(value: object) -> dict[object, object]:
    return dict(value) if isinstance(value, dict) else {}


def _figures(value: object) -> dict[str, float]:
    return {str(key): float(str(found)) for key, found in _mapping(value).items()}


def _listed(value: object) -> list[tuple[str, str, str]]:
    return [(str(a), str(b), str(c)) for a, b, c in value] if isinstance(value, list) else []
