"""Whole blocks of event files at once: events that differ in time, step and values alone are decoded together.

One event of a group is decoded by hand, which says where its numbers stand; an event of the same length whose
other bytes are all equal has them there too. Every other event is decoded by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labbook.logs import wire
from labbook.logs.events_decode import Event, decode
from labbook.logs.events_frames import Block
from labbook.logs.scalars import Scalars
from labbook.records import NAN, Issue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.uint8]
    """Events of one length, (n, bytes)."""
    Where = NDArray[np.int64]

FEW = 8
"""Groups of fewer events are not worth the columns."""
LONG = 2048
"""Longer events are decoded one by one: they are texts, graphs and images."""
_ROUNDS = 16
"""Shapes of events of one length that are tried."""


@dataclass(slots=True)
class Decoder:
    """Blocks of frames to columns. `tags` grows as tags are met."""

    tags: list[str] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    """(tag, text) of the last block, in file order."""
    plugins: list[bytes] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    first_wall: float = NAN
    """Of the first event of the last block that has one."""
    few: int = FEW
    _codes: dict[bytes, int] = field(default_factory=dict)

    def scalars(self, block: Block) -> Scalars:
        """All scalars of a block, by index of their tag in `tags`; texts and issues stand in the fields."""
        import numpy as np

        self.texts, self.plugins, self.issues, self.first_wall = [], [], [], NAN
        sizes = block.sizes
        found = _Columns(block)
        alone = [np.empty(0, np.int64)]
        order = np.argsort(sizes, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
            if len(group) < self.few or not 9 <= sizes[group[0]] <= LONG:
                alone.append(group)
            else:
                alone += self._one_length(found, group, int(sizes[group[0]]))
        singles: dict[int, Event] = {}
        for index in np.sort(np.concatenate(alone)).tolist():
            event = self._alone(block, index)
            if event is not None:
                singles[index] = event
                for scalar in event.scalars:
                    start = int(block.at[index]) + 12
                    code = self._code(block.data[start + scalar.tag[0] : start + scalar.tag[1]])
                    found.add_one(index, code, event, scalar.value)
        self._look_for_start(block, singles)
        return found.sorted()

    def _code(self, tag: bytes) -> int:
        code = self._codes.get(tag)
        if code is None:
            code = self._codes[tag] = len(self.tags)
            self.tags.append(tag.decode("utf-8", "replace"))
        return code

    def _alone(self, block: Block, index: int) -> Event | None:
        at = int(block.at[index])
        try:
            event = decode(block.data, at + 12, at + 12 + int(block.sizes[index]))
        except wire.Damaged:
            text = "an event that cannot be decoded"
            self.issues.append(Issue("bad-record", text, f"byte {block.start + at}"))
            return None
        self.texts += [(tag.decode("utf-8", "replace"), text) for tag, text in event.texts]
        self.plugins += event.plugins
        return event

    def _look_for_start(self, block: Block, singles: dict[int, Event]) -> None:
        """Find the time of the first event that has one."""
        for index in range(len(block.at)):
            event = singles.get(index)
            if event is None:
                at = int(block.at[index])
                try:
                    event = decode(block.data, at + 12, at + 12 + int(block.sizes[index]))
                except wire.Damaged:
                    continue
            if event.wall == event.wall:
                self.first_wall = event.wall
                return

    def _one_length(self, found: _Columns, group: Where, size: int) -> list[Where]:
        """Decode what can be decoded together of the events of one length; returns the others."""
        import numpy as np

        alone: list[Where] = []
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(found.block.data, np.uint8), size)
        rows = windows[found.block.at[group] + 12]
        widths = _step_widths(rows)
        for width in np.unique(widths).tolist():
            which = np.flatnonzero(widths == width)
            for _ in range(_ROUNDS):
                if len(which) < self.few:
                    break
                taken = self._one_shape(found, rows[which], group[which])
                alone.append(group[which[:1]][~taken[:1]])
                which = which[1:][~taken[1:]]
            alone.append(group[which])
        return alone

    def _one_shape(self, found: _Columns, rows: Rows, index: Where) -> NDArray[np.bool_]:
        """Decode the events that have the shape of the first one; says which were."""
        import numpy as np

        taken = np.zeros(len(rows), bool)
        shape = _shape(rows[0].tobytes())
        if shape is None:
            return taken
        words = _fixed(rows, shape.numbers)
        for which in _alike(words):
            if len(which) < self.few:
                continue
            which = which[_equals(words[which], words[which[0]])]
            payload = rows[which[0]].tobytes()
            same = _shape(payload)
            if same is not None and same.numbers == shape.numbers:
                taken[which] = True
                codes = [self._code(payload[slice(*tag)]) for tag in same.tags]
                found.add(index[which], rows[which], same, codes)
        return taken


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the numbers of an event stand."""

    wall: tuple[int, int]
    step: tuple[int, int] | None
    tags: tuple[tuple[int, int], ...]
    values: tuple[tuple[int, int], ...]

    @property
    def numbers(self) -> tuple[tuple[int, int], ...]:
        """All that may differ between two events of this shape."""
        return (self.wall, *((self.step,) if self.step else ()), *self.values)


def _shape(payload: bytes) -> _Shape | None:
    """The shape of an event that is nothing but scalars; None for any other."""
    try:
        event = decode(payload, 0, len(payload))
    except wire.Damaged:
        return None
    places = [scalar.place for scalar in event.scalars if scalar.place is not None]
    if event.walls is None or event.texts or event.plugins or not places or len(places) < len(event.scalars):
        return None
    if event.steps is not None and event.steps[0] != 10:
        return None
    return _Shape(event.walls, event.steps, tuple(scalar.tag for scalar in event.scalars), tuple(places))


def _step_widths(rows: Rows) -> NDArray[np.int64]:
    """Bytes of each event's step, (n,); 0 where none stands behind the time."""
    import numpy as np

    later = rows[:, 10:20] >= 0x80
    widths = np.argmin(later, axis=1) + 1 if later.shape[1] else np.ones(len(rows), np.int64)
    has_step = (rows[:, 0] == 9) & (rows[:, 9] == 16) if rows.shape[1] > 9 else np.zeros(len(rows), bool)
    found: NDArray[np.int64] = np.where(has_step, widths, 0)
    return found


def _fixed(rows: Rows, numbers: tuple[tuple[int, int], ...]) -> NDArray[np.uint64]:
    """The bytes that do not belong to numbers, as (n, words)."""
    import numpy as np

    n, size = rows.shape
    fixed = np.zeros((n, -(-size // 8) * 8), np.uint8)
    fixed[:, :size] = rows
    for start, stop in numbers:
        fixed[:, start:stop] = 0
    return fixed.view(np.uint64)


def _alike(words: NDArray[np.uint64]) -> list[Where]:
    """Rows by a checksum of theirs, each group in order: rows of two groups differ, those of one may."""
    import numpy as np

    factors = np.random.default_rng(7).integers(1, 1 << 62, words.shape[1], np.uint64)
    sums = np.zeros(len(words), np.uint64)
    for column, factor in enumerate(factors * np.uint64(2) + np.uint64(1)):
        sums += words[:, column] * factor
    order = np.argsort(sums, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(sums[order])) + 1)


def _equals(words: NDArray[np.uint64], one: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows are equal to one."""
    import numpy as np

    same = np.ones(len(words), bool)
    for column in range(words.shape[1]):
        same &= words[:, column] == one[column]
    return same


class _Columns:
    """Scalars as they are found, out of order."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._parts: list[
            tuple[Where, Where, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
        ] = []
        """(order, tag, step, wall, value)."""
        self._ones: list[tuple[int, int, float, float, float]] = []

    def add_one(self, index: int, code: int, event: Event, value: float) -> None:
        """One scalar of one event."""
        self._ones.append((index, code, float(event.step), event.wall, value))

    def add(self, index: Where, rows: Rows, shape: _Shape, codes: list[int]) -> None:
        """All scalars of events of one shape."""
        import numpy as np

        wall = _real(rows, shape.wall)
        wall[wall == 0] = NAN
        step = _varint(rows, shape.step) if shape.step else np.zeros(len(rows))
        for code, place in zip(codes, shape.values, strict=True):
            tag = np.full(len(rows), code, np.int64)
            self._parts.append((index, tag, step, wall, _real(rows, place)))

    def sorted(self) -> Scalars:
        """All scalars in file order."""
        import numpy as np

        ones = np.array(self._ones, np.float64).reshape(-1, 5)
        parts = [*self._parts, (ones[:, 0].astype(np.int64), ones[:, 1].astype(np.int64), *ones[:, 2:].T)]
        index, tag, step, wall, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(index, kind="stable")  # values of one event stay in their order
        place = self.block.at[index[order]] + self.block.start
        return Scalars(tag[order], step[order], wall[order], value[order], place)


def _real(rows: Rows, place: tuple[int, int]) -> NDArray[np.float64]:
    import numpy as np

    start, stop = place
    raw = np.ascontiguousarray(rows[:, start:stop]).view("<f4" if stop - start == 4 else "<f8")
    return raw[:, 0].astype(np.float64)


def _varint(rows: Rows, place: tuple[int, int]) -> NDArray[np.float64]:
    """Steps of one width; those of 2^63 and more are negative."""
    import numpy as np

    found = np.zeros(len(rows), np.uint64)
    for shift, column in enumerate(range(*place)):
        found |= (rows[:, column] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * shift)
    return found.view(np.int64).astype(np.float64)
