"""What goes into the notebook and what comes out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from labbook.records import Issue, Latest, RunPart, Said, SourceState


@dataclass(slots=True)
class StoredSource(SourceState):
    """A source as the notebook remembers it, with the revision a reading starts from."""

    generation: int = 0
    """How often this source has been written: one more after every write; 0 for a source never stored."""
    first_read: float = math.nan
    last_read: float = math.nan


@dataclass(slots=True)
class SourceWrite:
    """The news of one source, to be stored whole or, where another process was faster, not at all."""

    source: SourceState
    """After the reading: the new offset, parser state and fingerprint."""
    parts: list[tuple[str, str, str, RunPart]]
    """(identity, name, folder, part): which run each part belongs to, and what that run is called."""
    issues: list[Issue] = field(default_factory=list)
    replaces: bool = False
    """True: what the source said before is replaced; False: this is added to it."""
    base_offset: int = 0
    """Offset of the stored source the reading started from; 0 for a new source."""
    base_generation: int = 0
    """`StoredSource.generation` the reading started from; 0 for a new source."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """All the notebook knows of one run, without its points."""

    run_id: str
    identity: str
    name: str
    folder: str
    said: tuple[Said, ...]
    latest: tuple[Latest, ...]
    given: dict[str, str]
    """What a person typed; the newest value of each key."""
    sources: tuple[StoredSource, ...]
    issues: tuple[Issue, ...]
    created: float
    last_progress: float
    """Unix seconds; NaN where no source tells."""


Revision = tuple[int, int, int, int]
"""Changes whenever anything of a run does: digest of its name, folder and last progress, how often its sources
were written, digest of where they lie, and number of what was typed last."""


@dataclass(frozen=True, slots=True)
class Given:
    """One thing a person typed, when; an empty value takes the key back."""

    key: str
    value: str
    at: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the notebook weighs."""

    bytes: int
    """On disk; 0 in memory."""
    points: int
    unsorted: int
    """Points written since the last sorting."""
    runs: int
    sources: int
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a query."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
