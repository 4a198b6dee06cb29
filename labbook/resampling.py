"""Bootstrap intervals (science.md 4.1): of every law for an export, of a second fit wherever it is shown."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from labbook.analysis import ENGINE, able, columns
from labbook.errors import FitError
from labbook.results import Results
from labbook.scaling.bootstrap import bootstrap
from labbook.scaling.values import Fit, FitStatus, Resampled
from labbook.summary import LadderView

BOOTSTRAP_FROM = 12
"""Rungs from which resampling them covers what it claims."""
DRAWS, SCREEN_DRAWS = 2000, 500
KIND = "resampled"


def resample(results: Results, view: LadderView) -> LadderView:
    """The view with bootstrap intervals of the admitted laws, the law in front and its second fit.

    None below 12 rungs. A law without parameters to show, or without an optimum on any resample, is not listed.
    """
    comparison = view.comparison
    if comparison is None:
        return view
    fits = [comparison.fits[law] for law in comparison.admitted]
    fits += [fit for fit in (view.preferred,) if fit is not None and fit not in fits]
    fits += [view.robust] if view.robust is not None else []
    found = (_recall(results, view, fit, DRAWS) for fit in fits)
    return replace(settle(results, view, DRAWS), resampled=tuple(each for each in found if each is not None))


def settle(results: Results, view: LadderView, draws: int = SCREEN_DRAWS) -> LadderView:
    """The view with bootstrap intervals on its second fit, from 12 rungs on."""
    fit = view.robust
    found = _recall(results, view, fit, draws) if fit is not None else None
    if fit is None or found is None:
        return view
    intervals = {name: found.intervals[name] for name in fit.intervals}
    method = f"bootstrap ({found.draws} draws, {found.failed} failed)"
    return replace(view, robust=replace(fit, intervals=intervals, interval_method=method))


def _recall(results: Results, view: LadderView, fit: Fit, draws: int) -> Resampled | None:
    """Out of what is kept, where the same rungs were resampled for this law and objective before."""
    if len(view.rungs) < BOOTSTRAP_FROM or view.comparison is None:
        return None
    parts = (ENGINE, draws, view.comparison.digest, view.choices.weights, fit.law, fit.objective)
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
    kept = results.get(KIND, digest, Resampled)
    if kept is not None:
        return kept
    drawn = _resampled(view, fit, draws)
    return results.put(KIND, digest, drawn) if drawn is not None else None


def _resampled(view: LadderView, kept: Fit, draws: int) -> Resampled | None:
    fit = able(view, kept)
    if fit is None or fit.status in (FitStatus.UNIDENTIFIED, FitStatus.NOT_CONVERGED):
        return None
    try:
        drawn = bootstrap(fit, *columns(view.rungs), draws)
    except FitError:
        return None
    return Resampled(
        law=fit.law,
        objective=fit.objective,
        intervals=drawn.intervals(),
        draws=drawn.draws,
        failed=drawn.failed,
        strata=drawn.strata,
        seed=drawn.seed,
    )
