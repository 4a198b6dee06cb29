"""One event of an event file: its step, its time, and the scalars and texts of its summary, with their places.

Absent means default: step 0 and a value of 0 are not written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from labbook.logs import wire
from labbook.records import NAN

_WIDTHS = {1: 4, 2: 8}
"""Bytes of a number by the tensor types that scalars have."""
_TEXT = 7
_TAG, _NODE, _SIMPLE, _TENSOR, _METADATA = 1, 7, 2, 8, 9


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number of a summary."""

    tag: tuple[int, int]
    """First byte of the tag and the byte after it, counted from the beginning of the event."""
    value: float
    place: tuple[int, int] | None
    """Where its 4 or 8 bytes stand; None where they were not written."""


@dataclass(slots=True)
class Event:
    """What an event says."""

    wall: float = NAN
    step: int = 0
    walls: tuple[int, int] | None = None
    """Where the time stands."""
    steps: tuple[int, int] | None = None
    scalars: list[Scalar] = field(default_factory=list)
    texts: list[tuple[bytes, str]] = field(default_factory=list)
    """(tag, text)."""
    plugins: list[bytes] = field(default_factory=list)
    """Contents of the hyperparameter plugin."""


def decode(data: bytes, at: int, end: int) -> Event:
    """The event between two bytes of `data`. Raises wire.Damaged."""
    event = Event()
    for number, kind, start, stop in wire.spans(data, at, end):
        if number == 1 and kind == 1:
            event.wall = float(struct.unpack_from("<d", data, start)[0]) or NAN
            event.walls = (start - at, stop - at)
        elif number == 2 and kind == 0:
            event.step = wire.signed(wire.varint(data, start, stop)[0])
            event.steps = (start - at, stop - at)
        elif number == 5 and kind == 2:
            for inner, inner_kind, a, b in wire.spans(data, start, stop):
                if inner == 1 and inner_kind == 2:
                    _value(data, (a, b), at, event)
    return event


def _value(data: bytes, span: tuple[int, int], origin: int, event: Event) -> None:
    """Add what one value of a summary says."""
    tag, simple, tensor, metadata, other = (0, 0), None, None, None, False
    for number, kind, start, stop in wire.spans(data, *span):
        if number == _TAG and kind == 2:
            tag = (start, stop)
        elif number == _SIMPLE and kind == 5:
            simple = (start, stop)
        elif number == _TENSOR and kind == 2:
            tensor = (start, stop)
        elif number == _METADATA and kind == 2:
            metadata = (start, stop)
        elif number not in (_TAG, _NODE):
            other = True
    if metadata is not None:
        event.plugins += _hyperparameters(data, *metadata)
    if tag[0] == tag[1]:
        return
    place, value = (tag[0] - origin, tag[1] - origin), None
    if simple is not None:
        value = Scalar(place, _number(data, *simple), (simple[0] - origin, simple[1] - origin))
    elif tensor is not None:
        value = _tensor(data, tensor, origin, place, event)
    elif metadata is None and not other:
        value = Scalar(place, 0.0, None)
    if value is not None:
        event.scalars.append(value)


def _tensor(
    data: bytes, span: tuple[int, int], origin: int, tag: tuple[int, int], event: Event
) -> Scalar | None:
    """The one number a tensor holds; None for a text, which is added to the event, and for anything larger."""
    kind_of, content, numbers, size = 0, None, [], 1
    text: tuple[int, int] | None = None
    for number, kind, start, stop in wire.spans(data, *span):
        if number == 1 and kind == 0:
            kind_of = wire.varint(data, start, stop)[0]
        elif number == 2 and kind == 2:
            size = _size(data, start, stop)
        elif number == 4 and kind == 2:
            content = (start, stop)
        elif number in (5, 6) and kind in (1, 2, 5):
            numbers.append((start, stop))
        elif number == 8 and kind == 2:
            text = text or (start, stop)
    if kind_of == _TEXT and text is not None:
        event.texts.append(
            (data[origin + tag[0] : origin + tag[1]], data[slice(*text)].decode("utf-8", "replace"))
        )
    width = _WIDTHS.get(kind_of)
    if width is None or size != 1:
        return None
    places = [content] if content is not None and content[0] < content[1] else numbers
    if not places:
        return Scalar(tag, 0.0, None)
    start, stop = places[0]
    if len(places) > 1 or stop - start != width:
        return None
    return Scalar(tag, _number(data, start, stop), (start - origin, stop - origin))


def _number(data: bytes, at: int, end: int) -> float:
    return float(struct.unpack_from("<f" if end - at == 4 else "<d", data, at)[0])


def _size(data: bytes, at: int, end: int) -> int:
    """Numbers a tensor of this shape holds; 0 for a shape that is not known."""
    size = 1
    for number, kind, start, stop in wire.spans(data, at, end):
        if number == 2 and kind == 2:
            dims = [
                wire.varint(data, a, b)[0] for n, k, a, b in wire.spans(data, start, stop) if (n, k) == (1, 0)
            ]
            size *= dims[-1] if dims else 0
        elif number == 3:
            size = 0
    return size


def _hyperparameters(data: bytes, at: int, end: int) -> Iterator[bytes]:
    """What the hyperparameter plugin keeps in the metadata of a value."""
    for number, kind, start, stop in wire.spans(data, at, end):
        if number == 1 and kind == 2:
            name, content = b"", b""
            for inner, inner_kind, a, b in wire.spans(data, start, stop):
                if inner_kind == 2 and inner in (1, 2):
                    name, content = (data[a:b], content) if inner == 1 else (name, data[a:b])
            if name == b"hparams":
                yield content
