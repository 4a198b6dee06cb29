"""What a log says, before anybody interprets it.

A reader turns one source (a log file) into one `RunPart` for each run it speaks of: columns of points
by series, the figures its header prints, its configuration, and the issues met on the way. Nothing here
is derived: tokens are what the log says, never step times something.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAN = math.nan

Scalar = str | int | float | bool | None
"""A configuration value. Nested configuration is flattened with dots."""

Status = Literal["running", "finished", "cancelled", "failed", "unknown"]
"""What the log itself says of the run's end."""

StepKind = Literal["optimizer", "micro", "log_call", "samples", "tokens", "epoch"]


@dataclass(frozen=True, slots=True)
class Issue:
    """Something a reader met and survived: a bad line, a rule that had to guess."""

    code: str
    """Stable, kebab-case: `bad-line`, `cut-tail`, `bad-crc`, `unreadable`, `not-a-log` ..."""
    text: str
    """One clean sentence for a person."""
    place: str = ""
    """Line number (`line 412`), byte offset (`byte 8192`) or empty."""
    count: int = 1


class Points:
    """The values of one metric of one run in file order, as columns of equal length.

    step, tokens, epoch and wall are NaN where the log does not give them; value may be NaN or infinite
    because the trainer printed so. A missing value is not a point and is never appended.
    """

    __slots__ = ("epoch", "place", "segment", "step", "tokens", "value", "wall")

    def __init__(self) -> None:
        self.step = array("d")
        """Step as logged, in the trainer's own counting."""
        self.tokens = array("d")
        """Tokens seen, only where the log has a counter for them."""
        self.epoch = array("d")
        self.wall = array("d")
        """Unix seconds."""
        self.value = array("d")
        """As logged, in the series' own unit."""
        self.place = array("q")
        """Line number or byte offset, by the format."""
        self.segment = array("i")
        """Number of the restart, from 0."""

    def append(
        self,
        step: float,
        value: float,
        *,
        tokens: float = NAN,
        epoch: float = NAN,
        wall: float = NAN,
        place: int = -1,
        segment: int = 0,
    ) -> None:
        """Add one point after the last."""
        self.step.append(step)
        self.value.append(value)
        self.tokens.append(tokens)
        self.epoch.append(epoch)
        self.wall.append(wall)
        self.place.append(place)
        self.segment.append(segment)

    def extend(
        self,
        step: NDArray[np.float64],
        value: NDArray[np.float64],
        *,
        tokens: NDArray[np.float64] | float = NAN,
        epoch: NDArray[np.float64] | float = NAN,
        wall: NDArray[np.float64] | float = NAN,
        place: NDArray[np.int64] | int = -1,
        segment: NDArray[np.int32] | int = 0,
    ) -> None:
        """Add many points after the last, as columns of shape (n,) or one number for all of them."""
        import numpy as np

        n = len(value)
        columns = (step, value, tokens, epoch, wall, place, segment)
        names = ("step", "value", "tokens", "epoch", "wall", "place", "segment")
        for name, column in zip(names, columns, strict=True):
            into: array[float] | array[int] = getattr(self, name)
            filled = np.broadcast_to(np.asarray(column, into.typecode), n)
            into.frombytes(np.ascontiguousarray(filled).view(np.uint8).data)

    def __len__(self) -> int:
        return len(self.value)

    def rows(self) -> Iterator[tuple[float, float, float, float, float, int, int]]:
        """(step, value, tokens, epoch, wall, place, segment), point by point."""
        return zip(
            self.step, self.value, self.tokens, self.epoch, self.wall, self.place, self.segment, strict=True
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """A number the log prints about the run as a whole, with its words."""

    key: str
    """n_total, n_non_embedding, n_active, n_other, tokens_per_step, planned_steps, planned_tokens,
    unique_tokens, seq_len, batch_size, total_flos, train_flop, tokens_seen, last_lr, top_lr."""
    value: float
    source: str
    """Where it stands: `line 15: number of parameters: 0.0061M`."""
    digits: int | None = None
    """Significant digits printed, where the print rounds; None for exact."""


@dataclass(slots=True)
class RunPart:
    """All that one source says, or newly says, of one run."""

    key: str = ""
    """Which run of the source; empty where the source holds one."""
    identity: str | None = None
    """An id the log carries (a W&B run id), else None: the path is the identity."""
    name: str | None = None
    """The name the log carries, else None: the path names it."""
    series: dict[str, Points] = field(default_factory=dict)
    """By name: `train`, `train_eval`, `val` or `val:<set>`, `lr`, `grad_norm`, `step_ms`, others as logged."""
    config: dict[str, Scalar] = field(default_factory=dict)
    """Flat configuration as the log has it."""
    config_source: str = ""
    """File name the configuration stands in."""
    figures: list[Figure] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    """Unit by loss series where the format or its figures say so: nats/token, nats/byte, bits/token,
    bits/byte, other. Absent: not said."""
    step_kind: StepKind = "optimizer"
    step_origin: int = 0
    """What a step number stands for: a training record of step s is taken after s - step_origin + 1
    updates when the trainer counts from an index (0), after s updates when it counts updates (1)."""
    started: float = NAN
    """Unix seconds of the start where the log says so."""
    status: Status = "unknown"
    status_line: str = ""
    """The line or field that says so."""

    def points(self, series: str) -> Points:
        """The columns of `series`, made on first use."""
        found = self.series.get(series)
        if found is None:
            found = self.series[series] = Points()
        return found


@dataclass(slots=True)
class Reading:
    """What one call of a reader returns: the news since `offset`, and where to go on."""

    parts: list[RunPart]
    offset: int
    """Bytes consumed. Always at the end of a complete line or record."""
    state: dict[str, object]
    """The parser's memory, as JSON: last step, segment, an open record."""
    issues: list[Issue] = field(default_factory=list)
    replaces: bool = False
    """True where a whole-file format was read again: these points replace all earlier ones of the source."""
    more: bool = False
    """True where the reader stopped at its `limit` and the file goes on."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How a source is known again after rotation, truncation, copying or moving."""

    device: int
    inode: int
    size: int
    mtime: float
    head_len: int
    """Bytes the head digest covers: min(4096, size)."""
    head_digest: str


@dataclass(slots=True)
class SourceState:
    """One source as the notebook remembers it."""

    path: str
    format: str
    fingerprint: Fingerprint
    offset: int = 0
    state: dict[str, object] = field(default_factory=dict)
    confidence: float = 1.0
    source_id: str = ""
    """Made by the store from the path."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says of one run besides its points: the stored half of a `RunPart`."""

    source: str
    """Path of the source."""
    format: str
    part: str
    """`RunPart.key`."""
    name: str | None
    config: dict[str, Scalar]
    config_source: str
    figures: tuple[Figure, ...]
    units: dict[str, str]
    step_kind: StepKind
    step_origin: int
    started: float
    status: Status
    status_line: str


@dataclass(frozen=True, slots=True)
class Latest:
    """A series of a run as one source has it, without its points."""

    series: str
    source: str
    """Path of the source."""
    points: int
    """In file order, repeats included."""
    non_finite: int
    first_step: float
    last_step: float
    max_step: float
    first_value: float
    last_value: float
    min_value: float
    """Least finite value; NaN where there is none."""
    min_step: float
    max_tokens: float
    """NaN where the log has no counter."""
    max_epoch: float
    first_wall: float
    last_wall: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of one run from its leading source; the last written value of a step stands.

    Columns of equal length sorted by step: float64, NaN where the log does not say. `value` is as logged.
    """

    series: str
    step: NDArray[np.float64]
    value: NDArray[np.float64]
    tokens: NDArray[np.float64]
    epoch: NDArray[np.float64]
    wall: NDArray[np.float64]
    segment: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.value)
