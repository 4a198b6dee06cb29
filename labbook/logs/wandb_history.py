"""Rows of a W&B history to points, many at a time; which step counter the run declared for its loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from labbook.logs import names, wire
from labbook.logs.bulk import Group, put
from labbook.logs.numbers import number
from labbook.logs.rows import Rows
from labbook.records import Issue, RunPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.logs.wandb_bulk import Cells

MOST_WAITING = 1 << 20
"""Bytes of records gathered before they are put into the run."""
MOST_ROWS = 8192
COUNTER = "_step"
"""W&B's own counter of log calls."""
_HISTORY = 2
_ITEM, _STEP, _KEY, _NESTED, _JSON = 1, 2, 1, 2, 16


def items(message: bytes, number_: int) -> Iterator[tuple[str, bytes]]:
    """(key, JSON text) of the items in a field: history, configuration and summary share the shape.

    Raises wire.Damaged.
    """
    for field_, value in wire.fields(message):
        if field_ != number_:
            continue
        key, nested, raw = "", [], b""
        for inner, entry in wire.fields(wire.blob(value)):
            if inner == _KEY:
                key = wire.text(entry)
            elif inner == _NESTED:
                nested.append(wire.text(entry))
            elif inner == _JSON:
                raw = wire.blob(entry)
        yield key or ".".join(nested), raw


def value_of(raw: bytes) -> object:
    """The value of a JSON text. Raises ValueError, RecursionError."""
    return json.loads(raw.decode("utf-8", "replace"))


@dataclass(slots=True)
class Axes:
    """Step counters the run declared (`define_metric`). Kept as JSON between readings."""

    declared: list[list[str]] = field(default_factory=list)
    """[metric or pattern, its step counter], the later one wins."""
    losses: list[str] = field(default_factory=list)
    """Names met that are a training loss."""

    def counter_of(self, metric: str) -> str | None:
        """The step counter declared for a metric: by its own name, else by a pattern."""
        own = [axis for name, axis in self.declared if name == metric]
        matching = [axis for name, axis in self.declared if fnmatchcase(metric, name)]
        found = own or matching
        return found[-1] if found else None


class History:
    """Gathers rows and puts them into one run."""

    def __init__(self, part: RunPart, rows: Rows, issues: list[Issue], axes: Axes) -> None:
        self.part = part
        self.rows = rows
        self.issues = issues
        self.axes = axes
        self.by_hand = False
        """True: no row is taken the quick way."""
        self._records: list[bytes] = []
        self._places: list[int] = []
        self._waiting = 0
        """Bytes gathered."""
        self._met: set[str] = set()

    def add(self, record: bytes, place: int) -> None:
        """Take the row of a record."""
        self._records.append(record)
        self._places.append(place)
        self._waiting += len(record)
        if self._waiting >= MOST_WAITING or len(self._places) >= MOST_ROWS:
            self.flush()

    def define(self, metric: str, axis: str) -> None:
        """A metric, or all of a pattern, has a step counter of its own."""
        self.flush()
        self.axes.declared.append([metric, axis])
        for fresh in self._declarable([*self.axes.losses, "*"]):
            self.rows.declare(fresh)

    def flush(self) -> None:
        """Put the rows gathered so far into the run."""
        import numpy as np

        from labbook.logs.wandb_bulk import Cells, cells_of

        if not self._records:
            return
        records, places = self._records, np.array(self._places, np.int64)
        self._records, self._places, self._waiting = [], [], 0
        if self.by_hand:
            none = np.empty(0, np.int64)
            cells, others = Cells([], none, none, np.empty(0)), list(range(len(records)))
        else:
            cells, others = cells_of(records, COUNTER)
        cells = self._with_others(cells, others, records, places)
        begin = 0
        for row, name in _first_rows(cells):
            if name in self._met:
                continue
            self._met.add(name)
            if fresh := self._meet(name):
                self._put(cells, places, begin, row)
                begin = row
                for axis in fresh:
                    self.rows.declare(axis)
        self._put(cells, places, begin, len(records))

    def _with_others(
        self, cells: Cells, others: list[int], records: list[bytes], places: NDArray[np.int64]
    ) -> Cells:
        """The cells with those of the rows that are read by hand."""
        import numpy as np

        if not others:
            return cells
        codes = {name: code for code, name in enumerate(cells.keys)}
        found: list[tuple[int, int, float]] = []
        for row in others:
            try:
                pairs = list(_by_hand(records[row]))
            except wire.Damaged:
                place = f"byte {places[row]}"
                self.issues.append(Issue("bad-record", "a record that cannot be decoded", place))
                continue
            found += [(row, codes.setdefault(name, len(codes)), value) for name, value in pairs]
        rows = np.concatenate([cells.row, np.array([each[0] for each in found], np.int64)])
        key = np.concatenate([cells.key, np.array([each[1] for each in found], np.int64)])
        value = np.concatenate([cells.value, np.array([each[2] for each in found], np.float64)])
        order = np.argsort(rows, kind="stable")
        return type(cells)(list(codes), rows[order], key[order], value[order])

    def _meet(self, name: str) -> list[str]:
        """Remember a training loss; the counters that are to be taken from its first row on."""
        meaning = names.series_of(name) or names.series_of_tail(name)
        if meaning is None or meaning[0] != "train" or name in self.axes.losses:
            return []
        self.axes.losses.append(name)
        return self._declarable([name])

    def _declarable(self, metrics: list[str]) -> list[str]:
        """Counters that were declared for a training loss; those of other metrics are no steps."""
        axes = dict.fromkeys(axis for metric in metrics if (axis := self.axes.counter_of(metric)))
        return [axis for axis in axes if axis not in self.rows.declared and _counts(axis)]

    def _put(self, cells: Cells, places: NDArray[np.int64], begin: int, end: int) -> None:
        """Put the rows from `begin` up to `end` into the run."""
        import numpy as np

        first, last = np.searchsorted(cells.row, [begin, end])
        if first == last:
            return
        groups = _groups(cells, int(first), int(last), begin)
        before = len(self.part.series["train"]) if "train" in self.part.series else 0
        put(self.rows, self.part, groups, places[begin:end], self.issues)
        if "train" in self.part.series:
            self._keep_counter(groups, places[begin:end], before)

    def _keep_counter(self, groups: list[Group], places: NDArray[np.int64], before: int) -> None:
        """Keep W&B's own counter at the new training points where another one is the step."""
        import numpy as np

        train = self.part.series["train"]
        counted = np.full(len(places), np.nan)
        is_other = np.zeros(len(places), bool)
        for group in groups:
            if COUNTER in group.keys:
                column = group.columns[group.keys.index(COUNTER)]
                counted[group.at] = column[0] if isinstance(column, tuple) else column
                is_other[group.at] = self.rows.plan(group.keys).axis != COUNTER
        row = np.searchsorted(places, np.array(train.place[before:], np.int64))
        value, step = counted[row], np.array(train.step[before:])
        kept = np.flatnonzero((value == value) & (is_other[row] | (value != step)))
        if kept.size:
            columns = {
                name: np.array(getattr(train, name)[before:])[kept]
                for name in ("tokens", "epoch", "wall", "place", "segment")
            }
            self.part.points(COUNTER).extend(step[kept], value[kept], **columns)


def _by_hand(record: bytes) -> Iterator[tuple[str, float]]:
    """The numbers of any row: a number may stand in quotes, those of nested objects get dotted names.

    What is no number is left out, and so are pictures and tables. Raises wire.Damaged.
    """
    for field_, kind, start, stop in wire.spans(record, 0, len(record)):
        if field_ != _HISTORY or kind != 2:
            continue
        message = record[start:stop]
        has_step = False
        for key, raw in items(message, _ITEM):
            has_step = has_step or key == COUNTER
            yield from _numbers(key, raw)
        for inner, step in wire.fields(message):
            if inner == _STEP and not has_step:
                counted = dict(wire.fields(wire.blob(step)))
                yield COUNTER, float(wire.signed(counted.get(1, 0)))


def _numbers(key: str, raw: bytes) -> Iterator[tuple[str, float]]:
    try:
        value = value_of(raw)
    except (ValueError, RecursionError):
        return
    found = number(value)
    if found is not None:
        yield key, found
    elif isinstance(value, dict) and "_type" not in value:
        for inner, entry in value.items():
            if (found := number(entry)) is not None:
                yield f"{key}.{inner}", found


def _first_rows(cells: Cells) -> list[tuple[int, str]]:
    """(row, name) of the first cell of every name, in their order."""
    import numpy as np

    codes, first = np.unique(cells.key, return_index=True)
    order = np.argsort(first)
    return [(int(cells.row[first[index]]), cells.keys[int(codes[index])]) for index in order.tolist()]


def _counts(axis: str) -> bool:
    """True for a counter that may be of steps."""
    is_other = names.is_epoch(axis) or names.is_wall(axis) or names.tokens_rank(axis) is not None
    return not is_other and axis not in names.INTERNAL


def _groups(cells: Cells, first: int, last: int, begin: int) -> list[Group]:
    """Rows by the names they have, sorted; of a name that comes twice in a row the last value counts."""
    import numpy as np

    rank = np.empty(len(cells.keys), np.int64)
    by_name = sorted(range(len(rank)), key=cells.keys.__getitem__)
    rank[by_name] = np.arange(len(rank))
    row, key, value = cells.row[first:last], rank[cells.key[first:last]], cells.value[first:last]
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    counts = np.diff(np.append(starts, len(row)))
    found: list[Group] = []
    for count in np.unique(counts).tolist():
        where = starts[counts == count][:, None] + np.arange(count)
        order = np.argsort(key[where], axis=1, kind="stable")
        names_of = np.take_along_axis(key[where], order, axis=1)
        values = np.take_along_axis(value[where], order, axis=1)
        shapes, which = names_of[:1], np.zeros(len(where), np.int64)
        if not (names_of == names_of[0]).all():
            shapes, which = np.unique(names_of, axis=0, return_inverse=True)
            which = which.reshape(-1)
        for index, shape in enumerate(shapes):
            last_of = np.flatnonzero(np.append(shape[1:] != shape[:-1], True))
            rows = np.flatnonzero(which == index)
            keys = tuple(cells.keys[by_name[cell]] for cell in shape[last_of].tolist())
            found.append(Group(keys, list(values[np.ix_(rows, last_of)].T), row[where[rows, 0]] - begin))
    return found
