"""Which runs a person means: bare words over what a run is known by.

Every word must occur somewhere in the run's name, id, path, ladder, formats, state, flags or regime;
`-word` must not. Case does not matter. The command line and the app's `/` share this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labbook.scaling.values import Regime
from labbook.summary import RunView


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; the empty one lets everything through."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted)

    def matches(self, run: RunView) -> bool:
        """True where the run has every wanted word and no unwanted one."""
        if not self:
            return True
        text = haystack(run)
        return all(w in text for w in self.wanted) and not any(w in text for w in self.unwanted)

    def select(self, runs: Iterable[RunView]) -> tuple[RunView, ...]:
        """The runs that match, in their order."""
        return tuple(run for run in runs if self.matches(run))


def parse_filter(text: str) -> Filter:
    """`d128 -lr30x` as a Filter. Any text is valid."""
    words = text.lower().split()
    unwanted = tuple(w[1:] for w in words if w.startswith("-") and len(w) > 1)
    return Filter(tuple(w for w in words if not (w.startswith("-") and len(w) > 1)), unwanted)


def haystack(run: RunView) -> str:
    """All words a run is known by, in lower case."""
    regime = run.regime.label if isinstance(run.regime, Regime) else ""
    flags = " ".join(flag.id for flag in run.flags)
    paths = (run.path, *(source.path for source in run.sources))
    parts = (run.name, run.run_id, *paths, run.ladder or "", *run.formats, run.state, flags, regime)
    return " ".join(parts).lower()
