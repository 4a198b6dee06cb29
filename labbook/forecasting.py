"""The forecast of every unfinished run of a notebook, from its own curve and the finished runs of its ladder.

    Known runs, ladders -> curves of those that changed -> Progress, References -> Forecast or Refusal

A forecast is kept by the digest of the run and of the finished runs it may use. References are binned once; the
share of the drop that sets the width is measured on the ladder's finished runs, at a twentieth of the run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labbook.forecast_inputs import CURVE, as_finished, as_progress, finished_runs, logged, value_of
from labbook.ladder import Ladder
from labbook.measure import run_status
from labbook.results import Results
from labbook.scaling.values import Refusal
from labbook.store import Notebook
from labbook.triage.forecast import Finished, Forecast, Reference, as_reference, forecast, own_share, replay

if TYPE_CHECKING:
    from labbook.views import Known

ENGINE = "1"
"""Part of every kept forecast's key: raised whenever the same points may give another one."""
KIND, SHARE = "forecasts", "forecast-share"
ALSO = frozenset({"other-epochs", "epochs-high", "no-tokens"})
"""Why a finished run may be no rung and still show how a loss ends."""
LEAST_SHARE_RUNS = 3
MOST_REPLAYED = 40
"""Finished runs a width is measured on; of more those spread evenly over N and D."""
FRACTIONS = 20
"""A width is measured at the twentieth of the plan the run has passed."""

Found = Forecast | Refusal

COMPUTING = Refusal("computing", "the forecast is being computed")


@dataclass(frozen=True)
class Outcomes:
    """Forecasts by the digest of what they were made from, as they are kept."""

    found: dict[str, Found]


@dataclass(frozen=True)
class Share:
    """The share of the drop that the errors of a ladder's finished runs show, as it is kept."""

    c: float | None
    """None below three runs that could be forecast."""
    words: str = ""


@dataclass
class _Group:
    """Unfinished runs and the finished ones they may be compared with."""

    kind: str
    """Of N; empty for runs in no ladder."""
    due: list[Known]
    finished: list[Known]


class Forecaster:
    """Forecasts of one notebook; only what changed is computed."""

    def __init__(self, notebook: Notebook, results: Results) -> None:
        self.notebook = notebook
        self.results = results
        self._facts: dict[str, tuple[Known, str]] = {}
        """By run id, what it was made of, and the digest of all a forecast takes from it."""
        self._outcomes: dict[str, Found] = {}
        self.found: dict[str, Found] = {}
        """What the last look-up gave, by run id."""
        self._compared: dict[str, tuple[str, list[Known]]] = {}
        """By ladder, its kind of N and the finished runs of it."""
        self._references: dict[str, Reference | None] = {}
        """By digest; None for a finished run that has no curve."""

    def find(self, ladders: Sequence[Ladder], known: Mapping[str, Known], *, compute: bool) -> dict[str, Found]:
        """By id, the forecast of every run of `known` that has not ended, or why there is none.

        compute: False for what is kept alone; the others are `COMPUTING`.
        """
        self._compared = {x.key: (x.n_kind, comparable(x, known)) for x in ladders}
        found: dict[str, Found] = {}
        live: dict[str, Found] = {}
        kept: set[str] = set()
        wanted: list[tuple[_Group, dict[str, str], str]] = []
        for group in self._groups(ladders, known):
            for k in group.due:
                found[k.run.run_id] = why_not(k) or COMPUTING
            group.due = [k for k in group.due if found[k.run.run_id] is COMPUTING]
            if group.due:
                keys = self._keys(group)
                wanted.append((group, keys, _sha(keys.values())))
        self.results.fetch(KIND, (whole for _, _, whole in wanted), Outcomes)
        for group, keys, whole in wanted:
            kept.add(whole)
            self._recall(whole, keys.values())
            if compute:
                self._compute(group, keys, whole)
            for run_id, key in keys.items():
                if key in self._outcomes:
                    found[run_id] = live[key] = self._outcomes[key]
        if compute:
            self._outcomes = live
            self.results.forget(KIND, kept)
        self.found = found
        return found

    def finished(self, key: str) -> list[Finished]:
        """The finished runs of a ladder of the last look-up that show how its losses end, at most forty."""
        kind, runs = self._compared[key]
        return spread(finished_runs(self.notebook, runs, kind))

    @property
    def is_behind(self) -> bool:
        """Whether the last look-up left a forecast to be computed."""
        return any(outcome is COMPUTING for outcome in self.found.values())

    def _groups(self, ladders: Sequence[Ladder], known: Mapping[str, Known]) -> list[_Group]:
        """The ladders that have an unfinished run, and the unfinished runs that are in none."""
        lone = {i: k for i, k in known.items() if not k.measured.finished}
        groups = []
        for ladder in ladders:
            due = [lone.pop(m.run_id) for m in ladder.members if m.run_id in lone]
            if due:
                groups.append(_Group(ladder.n_kind, due, self._compared[ladder.key][1]))
        return [*groups, _Group("", [lone[i] for i in sorted(lone)], [])]

    def _keys(self, group: _Group) -> dict[str, str]:
        """By run id, the digest of all that its forecast depends on."""
        refs = self._refs_digest(group)
        return {k.run.run_id: _sha([ENGINE, group.kind, self._digest(k), refs]) for k in group.due}

    def _refs_digest(self, group: _Group) -> str:
        return _sha(sorted(self._digest(k) for k in group.finished))

    def _digest(self, k: Known) -> str:
        before = self._facts.get(k.run.run_id)
        if before is None or before[0] is not k:
            before = self._facts[k.run.run_id] = k, _digest(k)
        return before[1]

    def _recall(self, whole: str, keys: Collection[str]) -> None:
        """Take over what an earlier process found."""
        if all(key in self._outcomes for key in keys):
            return
        known = self.results.get(KIND, whole, Outcomes)
        if known is not None:
            self._outcomes |= known.found

    def _compute(self, group: _Group, keys: Mapping[str, str], whole: str) -> None:
        due = [k for k in group.due if keys[k.run.run_id] not in self._outcomes]
        if not due:
            return
        fresh = [k for k in group.finished if self._digest(k) + group.kind not in self._references]
        curves = logged(self.notebook, [*due, *fresh])
        for k in fresh:
            run = as_finished(k, curves[k.run.run_id], group.kind)
            self._references[self._digest(k) + group.kind] = as_reference(run) if run is not None else None
        refs = [r for k in group.finished if (r := self._references[self._digest(k) + group.kind]) is not None]
        for k in due:
            live = as_progress(k, curves[k.run.run_id], group.kind)
            found = forecast(live, refs)
            if isinstance(found, Forecast) and found.mode == "A" and len(refs) >= LEAST_SHARE_RUNS:
                share = self._share(group, math.floor(found.frac * FRACTIONS) / FRACTIONS)
                found = forecast(live, refs, share=share) if share is not None else found
            self._outcomes[keys[k.run.run_id]] = found
        self.results.put(KIND, whole, Outcomes({key: self._outcomes[key] for key in keys.values()}))

    def _share(self, group: _Group, frac: float) -> tuple[float, str] | None:
        """(c, the runs it was measured on) from the group's finished runs at a fraction."""
        key = _sha([ENGINE, group.kind, self._refs_digest(group), repr(frac)])
        known = self.results.get(SHARE, key, Share)
        if known is None:
            found = own_share(replay(spread(finished_runs(self.notebook, group.finished, group.kind)), [frac]))
            known = self.results.put(SHARE, key, Share(None) if found is None else Share(*found))
        return None if known.c is None else (known.c, known.words)


def comparable(ladder: Ladder, known: Mapping[str, Known]) -> list[Known]:
    """The finished runs of a ladder that show how a loss of its recipe ends: no variant, none that broke."""
    ids = {r.run_id for r in ladder.rungs} | {s.run_id for s in ladder.left_out if s.code in ALSO}
    found = [known[m.run_id] for m in ladder.members if m.run_id in ids and m.run_id in known]
    return [k for k in found if k.measured.finished]


def spread(runs: Sequence[Finished]) -> list[Finished]:
    """At most forty of the runs, evenly over N and D."""
    ordered = sorted(runs, key=lambda r: (r.N or 0.0, r.tokens or 0.0, r.name, r.final))
    if len(ordered) <= MOST_REPLAYED:
        return ordered
    at = np.linspace(0, len(ordered) - 1, MOST_REPLAYED).round().astype(int)
    return [ordered[i] for i in at]


def why_not(k: Known) -> Refusal | None:
    """Why a run that has not ended by its plan has no forecast at all; None where its curve may give one."""
    status = run_status(k.run)
    if status in ("failed", "cancelled"):
        return Refusal("ended", f"the log says it {'was ' * (status == 'cancelled')}{status}", "resume it")
    if k.run.latest and max(x.points for x in k.run.latest) < CURVE:
        return Refusal("no-curve", "no curve is logged, only its last values", "read the log of the run")
    if k.measured.train is None and k.measured.val is None:
        return Refusal("too-early", "no loss is logged yet", "wait for the first values")
    return None


def _digest(k: Known) -> str:
    """Of a run's points and of all that is known of its plan and size."""
    r = k.resolved
    rows: list[object] = [k.run.name, k.measured.digest, k.unit, k.factor, k.train_unit, k.train_factor]
    rows += [(c.kind, c.value) for c in r.counts] + [value_of(r.planned_tokens), value_of(r.tokens_seen)]
    rows += [value_of(r.unique_tokens), r.recipe.get("schedule"), sorted(r.perplexity.items()), r.judged_by]
    rows += [sorted(map(str, said.config.items())) for said in k.run.said]
    return _sha(map(repr, rows))


def _sha(rows: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()
