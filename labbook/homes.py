"""Which run a source belongs to: the one it already feeds, a run of the same folder, or a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labbook.logs.discover import Found
from labbook.logs.identity import Place, continues, same_run, twins
from labbook.records import Curve, Points
from labbook.shelf import Shelf
from labbook.store import Notebook, StoredRun

KEPT_ENDS = 200
"""Points of either end of a series by which the pieces and records of one run are known."""
_LOSSES = ("train", "val")


@dataclass(slots=True)
class _Home:
    """A run of some folder, as far as it is known while sources are being assigned."""

    identity: str
    places: list[Place]
    losses: Callable[[], dict[str, Points]]


class Homes:
    """The runs of one notebook while sources are being assigned to them."""

    def __init__(self, notebook: Notebook, shelf: Shelf) -> None:
        self.notebook = notebook
        self.shelf = shelf
        self.by_source: dict[tuple[str, str], str] = {}
        self.by_folder: dict[tuple[str, str], list[_Home]] = {}
        """By folder and part."""
        self.is_loaded = False

    def _load(self) -> None:
        """The runs of the notebook, when the first source with news asks for them."""
        self.is_loaded = True
        for run in self.shelf.runs().values():
            for said in run.said:
                self.by_source[said.source, said.part] = run.identity
            places = [Place(Path(run.folder), source.format, source.path) for source in run.sources]
            part = run.said[0].part if run.said else ""
            home = _Home(run.identity, places, lambda run=run: self._stored(run))  # type: ignore[misc]
            self.by_folder.setdefault((run.folder, part), []).append(home)

    def identity(self, found: Found, part: str, series: dict[str, Points]) -> str:
        """The identity of the run that `part` of the source belongs to."""
        if not self.is_loaded:
            self._load()
        key = (str(found.path), part)
        if key in self.by_source:
            return self.by_source[key]
        place = Place(found.folder, found.format, str(found.path))
        homes = self.by_folder.setdefault((str(found.folder), part), [])
        losses = {name: _ends(series[name]) for name in _LOSSES if name in series}
        for home in homes:
            if self._fits(place, home, losses):
                home.places.append(place)
                self.by_source[key] = home.identity
                return home.identity
        taken = {home.identity for home in homes}
        mark = part if part.startswith("#") or not part else f"#{part}"
        base = f"{found.folder}{mark}"
        identity = base if base not in taken else f"{found.path}{mark}"
        homes.append(_Home(identity, [place], lambda: losses))
        self.by_source[key] = identity
        return identity

    def _fits(self, place: Place, home: _Home, losses: dict[str, Points]) -> bool:
        known = home.losses()
        agree, goes_on = twins(losses, known), continues(losses, known)
        return all(same_run(place, other, agree, goes_on) for other in home.places)

    def _stored(self, run: StoredRun) -> dict[str, Points]:
        """The losses of a run that is in the notebook, from the first source that has them."""
        wanted = {
            row.series: (run.run_id, row.series, row.source) for row in run.latest if row.series in _LOSSES
        }
        curves = self.notebook.curves(wanted.values())
        return {name: _as_points(curves[key]) for name, key in wanted.items()}


def _ends(points: Points) -> Points:
    """Enough of a series to know it by: its first and last points."""
    if len(points) <= 2 * KEPT_ENDS:
        return points
    few = Points()
    few.step = points.step[:KEPT_ENDS] + points.step[-KEPT_ENDS:]
    few.value = points.value[:KEPT_ENDS] + points.value[-KEPT_ENDS:]
    return few


def _as_points(curve: Curve) -> Points:
    points = Points()
    for step, value in zip(curve.step.tolist(), curve.value.tolist(), strict=True):
        points.append(step, value)
    return points
