"""What took long to compute, kept in memory and in the notebook under the digest of its inputs.

A digest holds the engine's version too, so a kept value is the value that would be computed again: a fit of an
unchanged ladder costs a look-up, in this process or in the next one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from labbook.store import Notebook

Value = TypeVar("Value")


class Results:
    """Frozen values by kind and digest; see `snapshot` for what may be kept."""

    def __init__(self, notebook: Notebook, clock: Callable[[], float]) -> None:
        self.notebook = notebook
        self.clock = clock
        self._held: dict[tuple[str, str], object] = {}
        self._absent: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def get(self, kind: str, digest: str, of: type[Value]) -> Value | None:
        """The value kept under the digest, None where there is none of this release."""
        self.fetch(kind, [digest], of)
        with self._lock:
            found = self._held.get((kind, digest))
        return found if isinstance(found, of) else None

    def fetch(self, kind: str, digests: Iterable[str], of: type[Value]) -> None:
        """Take what is kept under these digests into memory, in one visit to the notebook."""
        from labbook.snapshot import decode

        with self._lock:
            unknown = [d for d in digests if (kind, d) not in self._held and (kind, d) not in self._absent]
        if not unknown:
            return
        texts = self.notebook.cache_find(kind, unknown)
        found = {d: decode(texts[d]) for d in unknown if d in texts}
        with self._lock:
            for digest in unknown:
                if isinstance(found.get(digest), of):
                    self._held[kind, digest] = found[digest]
                else:
                    self._absent.add((kind, digest))

    def put(self, kind: str, digest: str, value: Value) -> Value:
        """Keep the value, and give it back."""
        from labbook.snapshot import encode

        with self._lock:
            self._held[kind, digest] = value
            self._absent.discard((kind, digest))
        now = self.clock()
        self.notebook.cache_put(kind, digest, encode(value), now if math.isfinite(now) else 0.0)
        return value

    def forget(self, kind: str, but: Collection[str]) -> None:
        """Let go of what is held in memory of a kind, except these digests; the notebook keeps it."""
        with self._lock:
            self._held = {k: v for k, v in self._held.items() if k[0] != kind or k[1] in but}
            self._absent = {k for k in self._absent if k[0] != kind or k[1] in but}

    def digests(self, kind: str) -> frozenset[str]:
        """What is held in memory of a kind."""
        with self._lock:
            return frozenset(digest for k, digest in self._held if k == kind)
