"""The walk from logs to a `Summary`, written down once; screens and commands are thin callers of it.

    paths -> intake -> notebook -> resolve, measure -> ladders -> analysis -> Summary

What was computed is kept by what it was computed from: a run is measured again when it has new points, a
ladder is fitted again when a rung changes. The last board is kept in the notebook, so that the next start
draws it before anything is read.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from labbook import __version__
from labbook.choices import DEFAULT, Choices
from labbook.errors import NotFoundError
from labbook.filter import Filter
from labbook.intake import Intake
from labbook.ladder import Ladder, ladders
from labbook.logs.discover import Found
from labbook.logs.streams import joined_curve, leading_of
from labbook.records import Curve
from labbook.results import Results
from labbook.shelf import Shelf
from labbook.store import Notebook, StoredRun
from labbook.summary import IngestReport, LadderView, LeftOut, Progress, RungView, RunView, Summary
from labbook.twins import fold

if TYPE_CHECKING:
    from labbook.analysis import Analysis
    from labbook.forecast_inputs import Columns
    from labbook.lineup import LineUp
    from labbook.logs.resolve import Resolved
    from labbook.measure import Measured
    from labbook.snapshot import Snapshot
    from labbook.views import Known

DISCOVER_EVERY_S = 2.0
"""New files are looked for this often, less where looking itself takes long."""
DISCOVER_SHARE = 0.05
"""Share of the time that may go into looking for new files."""
CLOCK_EVERY_S = 10.0
"""States that depend on the time alone (stalled) are decided anew this often."""
INTERIM_S = 1.0
"""A reading longer than this shows the board as it grows, at most this often."""
INTERIM_SHARE = 0.2
"""Share of a reading's time that may go into showing it."""
SNAPSHOT_EVERY_S = 30.0
BOARD, ANALYSIS = "board", "analysis"


class Workbook:
    """One notebook, the paths that are followed, and what has been computed so far.

    `refresh` belongs to one thread at a time; `curves` may be called from any.
    """

    def __init__(
        self,
        notebook: Notebook,
        roots: Sequence[Path] = (),
        clock: Callable[[], float] = time.time,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        from labbook.forecasting import Forecaster

        self.notebook = notebook
        self.columns = columns
        """What the columns of followed tables mean."""
        self.roots = tuple(roots)
        self.clock = clock
        self._shelf = Shelf(notebook)
        self.intake = Intake(notebook, clock, self._shelf)
        self._resolved: dict[str, tuple[StoredRun, Resolved]] = {}
        self._measured: dict[str, Measured] = {}
        self.results = Results(notebook, clock)
        """Fits, and what else took long to compute."""
        self.forecaster = Forecaster(notebook, self.results)
        self._known: list[Known] = []
        self._views: dict[str, tuple[Known, float, RunView]] = {}
        """By run id, what it was made of, when, and the view."""
        self._lined_up: dict[str, tuple[Ladder, str]] = {}
        """Of the last summary: ladder and digest by key."""
        self._stamp: object = None
        self._posted: Summary | None = None
        self._found: list[Found] = []
        self._skipped: tuple[tuple[str, str], ...] = ()
        self._discover_at = 0.0
        self._clock_at = 0.0
        self._snapshot_at = 0.0
        self._snapshot_read = False
        self._kept: frozenset[str] = frozenset()

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the notebook."""
        self.notebook.close()

    # reading

    def ingest(
        self,
        paths: Sequence[Path],
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        dry: bool = False,
        columns: Mapping[str, str] | None = None,
    ) -> IngestReport:
        """Read what is new under the paths; a dry run stores nothing. Raises NotebookError.

        columns: what the columns of tables mean, by `column_map`; remembered for these sources.
        """
        report = self.intake.take(paths, progress, should_stop, dry=dry, columns=columns)
        self._skipped = report.skipped + report.failed
        return report

    def give(self, run_ids: Sequence[str], values: Mapping[str, str]) -> None:
        """Keep what a person says of the runs; an empty value takes a key back."""
        self.notebook.give(run_ids, values, self.clock())

    def refresh(
        self,
        post: Callable[[Summary], None],
        progress: Callable[[Progress], None] = lambda _: None,
        stop: threading.Event | None = None,
        force: bool = False,
    ) -> None:
        """Read what is new under the followed paths; post a Summary for each real change, nothing otherwise.

        The board comes first, the fits of changed ladders follow.
        """
        should_stop = stop.is_set if stop is not None else lambda: False
        self._follow(post, progress, should_stop, force)
        now = self.clock()
        stamp = self.notebook.stamp()
        if stamp != self._stamp or self._posted is None or force:
            self._load()
            self._stamp = stamp
        elif now - self._clock_at < CLOCK_EVERY_S:
            return
        self._clock_at = now
        self._post(post, now, should_stop)

    def _follow(
        self,
        post: Callable[[Summary], None],
        progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        force: bool,
    ) -> None:
        """Look for new files where that is due, and read what has grown; a long reading shows what it has."""
        if not self.roots:
            return
        started = time.monotonic()
        next_interim = started + INTERIM_S

        def stored() -> None:
            nonlocal next_interim
            begun = time.monotonic()
            if begun > next_interim:
                self._load()
                self._post_changed(post, self._summary(self.clock(), self._line_up(), compute=False))
                took = time.monotonic() - begun
                next_interim = begun + took + max(INTERIM_S, took / INTERIM_SHARE)

        if force or started >= self._discover_at:
            found, known = self.intake.find(self.roots, should_stop, columns=self.columns)
            self._found = found.found
            self._skipped = (*found.skipped, *((issue.place, issue.text) for issue in found.issues))
            took = time.monotonic() - started
            is_new = any(str(each.path) not in known for each in found.found)  # then looking into it took long
            wait = DISCOVER_EVERY_S if is_new else max(DISCOVER_EVERY_S, took / DISCOVER_SHARE)
            self._discover_at = time.monotonic() + wait
        else:
            known = self.intake.sources()
        changed = self.intake.grown(self._found)
        if force or changed:
            self.intake.read(self._found if force else changed, known, progress, should_stop, stored)

    def _post(self, post: Callable[[Summary], None], now: float, should_stop: Callable[[], bool]) -> None:
        lined_up = self._line_up()
        if self.forecaster.is_behind or any(self._recall(digest) is None for _, _, digest in lined_up):
            self._post_changed(post, self._summary(now, lined_up, compute=False))
        if should_stop():
            return
        lined_up = self._ahead([ladder for ladder, _, _ in lined_up], self._known, compute=True)
        summary = self._summary(now, lined_up, compute=True)
        self._post_changed(post, summary)
        self._keep(summary)

    def _post_changed(self, post: Callable[[Summary], None], summary: Summary) -> None:
        if self._posted is None or replace(summary, as_of=self._posted.as_of) != self._posted:
            self._posted = summary
            post(summary)

    # computing

    def summary(self, *, fits: bool = True, choices: Choices = DEFAULT, only: Filter | None = None) -> Summary:
        """Everything, now, fitted as chosen; `only` lets no other run into the ladders."""
        self._load()
        now = self.clock()
        lined_up = self._line_up(choices, only, compute=True) if fits else []
        summary = self._summary(now, lined_up, compute=True)
        if fits and choices == DEFAULT and only is None:
            self._keep(summary)
        return summary

    def _load(self) -> None:
        """Runs from the notebook, measured where they are new or have changed."""
        from labbook.logs.size_names import Named, sizes_by_name, with_size
        from labbook.measure import measure_all, measured_digest
        from labbook.views import known

        self._revive()
        folded = fold(self._shelf.runs().values())
        copies = {run.run_id: twins for run, twins in folded}
        stored = {run.run_id: self._resolve(run) for run, _ in folded}
        due = {
            run_id: pair
            for run_id, pair in stored.items()
            if self._resolved.get(run_id) is not pair
            and (run_id not in self._measured or self._measured[run_id].digest != measured_digest(*pair))
        }
        self._resolved = stored
        self._measured |= measure_all(self.notebook, due)
        self._measured = {run_id: self._measured[run_id] for run_id in stored}
        sizes = sizes_by_name(Named(i, run.name, run.folder, r) for i, (run, r) in stored.items())
        before = {k.run.run_id: k for k in self._known}
        self._known = []
        for i, (run, resolved) in stored.items():
            fresh = known(run, with_size(resolved, sizes.get(i)), self._measured[i], copies[i])
            self._known.append(before[i] if i in before and before[i] == fresh else fresh)

    def _resolve(self, run: StoredRun) -> tuple[StoredRun, Resolved]:
        """The run with what is known of it; resolved again only where the notebook has news of it."""
        from labbook.views import resolve_run

        before = self._resolved.get(run.run_id)
        return before if before is not None and before[0] is run else (run, resolve_run(run))

    def _line_up(
        self, choices: Choices = DEFAULT, only: Filter | None = None, *, compute: bool = False
    ) -> LineUp:
        """Ladders with what their analysis is made from; `compute` makes forecasts that are not kept."""
        from labbook.views import candidate, view

        chosen = [k for k in self._known if k.has_loss and (not only or only.matches(view(k, 0.0)))]
        return self._ahead(ladders(map(candidate, chosen), choices), chosen, compute=compute)

    def _ahead(self, found: Sequence[Ladder], runs: Sequence[Known], *, compute: bool) -> LineUp:
        """The ladders with the planned ends of their unfinished runs, as these are forecast."""
        from labbook.lineup import line_up

        known = {k.run.run_id: k for k in runs if k.has_loss}
        return line_up(found, known, self.forecaster.find(found, known, compute=compute))

    def _summary(self, now: float, lined_up: LineUp, *, compute: bool) -> Summary:
        from labbook.analysis import Analysis, analyse, bare_view
        from labbook.lineup import by_severity
        from labbook.views import in_ladder

        self._lined_up = {ladder.key: (ladder, digest) for ladder, _, digest in lined_up}
        runs = {k.run.run_id: self._view(k, now) for k in self._known}
        runs |= {i: replace(runs[i], forecast=x) for i, x in self.forecaster.found.items() if i in runs}
        shown: list[LadderView] = []
        self.results.fetch(ANALYSIS, (digest for _, _, digest in lined_up), Analysis)
        for ladder, horizons, digest in lined_up:
            analysis = self._recall(digest)
            if analysis is None and compute:
                analysis = self.results.put(ANALYSIS, digest, analyse(ladder, horizons))
            shown.append(analysis.view if analysis else bare_view(ladder))
            places: tuple[RungView | LeftOut, ...] = (*shown[-1].rungs, *shown[-1].left_out)
            for place in places:
                regime = analysis.regimes.get(place.run_id) if analysis else None
                runs[place.run_id] = in_ladder(runs[place.run_id], shown[-1], place, regime)
        if compute:
            self.results.forget(ANALYSIS, {digest for _, _, digest in lined_up})
        ordered = by_severity(runs.values())
        return Summary(now, ordered, tuple(shown), self.notebook.where, __version__, skipped=self._skipped)

    def _recall(self, digest: str) -> Analysis | None:
        """What was computed of the ladder of that digest, here or by an earlier process."""
        from labbook.analysis import Analysis

        return self.results.get(ANALYSIS, digest, Analysis)

    def _view(self, k: Known, now: float) -> RunView:
        """The run by itself; made anew where it has news, or where its clock has gone on."""
        from labbook.views import view

        before = self._views.get(k.run.run_id)
        if before is None or before[0] is not k or not before[1] <= now < before[1] + CLOCK_EVERY_S:
            before = self._views[k.run.run_id] = k, now, view(k, now)
        return before[2]

    def completed(self, view: LadderView) -> LadderView:
        """A ladder with what only a report says; as it is without fits, or of another summary than the last."""
        from labbook.completion import complete

        if view.comparison is None or view.key not in self._lined_up:
            return view
        return complete(self.results, *self._lined_up[view.key], view, self._tokens_and_loss)

    def ladder(self, view: LadderView) -> Ladder:
        """The runs behind a ladder of the last summary."""
        return self._lined_up[view.key][0]

    def _tokens_and_loss(self, run_id: str, series: str) -> Columns | None:
        """The curve of a run over tokens seen, in the ladder's unit, averaged into steps of ln t."""
        from labbook.measure import over_tokens

        k = next(k for k in self._known if k.run.run_id == run_id)
        curve = self.curves(run_id).get(series)
        per_step = k.resolved.tokens_per_step
        if curve is None or k.resolved.perplexity:
            return None
        return over_tokens(curve, per_step.value if per_step is not None else None, k.factor)

    # the last board

    def last_known(self) -> Summary | None:
        """The board as it was last computed, without reading a log or a point; None where there is none."""
        kept = self._revive()
        return replace(kept.summary, stale=True) if kept is not None else None

    def _revive(self) -> Snapshot | None:
        """Take over what an earlier process computed, once."""
        from labbook.snapshot import Snapshot, decode

        if self._snapshot_read:
            return None
        self._snapshot_read = True
        text = self.notebook.cache_get(BOARD, "last")
        kept = decode(text) if text is not None else None
        if not isinstance(kept, Snapshot):
            return None
        self._measured = dict(kept.measured)
        self._kept = self._content()
        return kept

    def _keep(self, summary: Summary) -> None:
        """Store the board for the next start where anything in it was computed anew, now and then."""
        from labbook.snapshot import Snapshot, encode

        now, content = time.monotonic(), self._content()
        if content == self._kept or now < self._snapshot_at:
            return
        self.notebook.cache_put(BOARD, "last", encode(Snapshot(summary, self._measured)), self.clock())
        self._kept, self._snapshot_at = content, now + SNAPSHOT_EVERY_S

    def _content(self) -> frozenset[str]:
        """What the board was computed from: the digests of its runs and ladders."""
        return frozenset(m.digest for m in self._measured.values()) | self.results.digests(ANALYSIS)

    # one run

    def curves(self, run_id: str) -> dict[str, Curve]:
        """Every series of a run from the files that lead it.

        Raises NotFoundError for an unknown run.
        """
        run = next(iter(self.notebook.runs([run_id])), None)
        if run is None:
            raise NotFoundError(f"no run {run_id}", "see: labbook runs")
        keys = {
            series: [(run_id, series, path) for path in stream.paths]
            for series, stream in leading_of(run).items()
        }
        found = self.notebook.curves(key for pieces in keys.values() for key in pieces)
        return {series: joined_curve([found[key] for key in pieces]) for series, pieces in keys.items()}

    def detailed(self, run: RunView) -> RunView:
        """The run with its series counted step by step."""
        from labbook.views import series_infos

        known = next(k for k in self._known if k.run.run_id == run.run_id)
        curves = self.curves(run.run_id)
        paths = [source.path for each in (known.run, *known.copies) for source in each.sources]
        sources = tuple(
            replace(s, gone=not os.path.exists(path)) for s, path in zip(run.sources, paths, strict=True)
        )
        return replace(run, series=series_infos(known, curves), sources=sources)
