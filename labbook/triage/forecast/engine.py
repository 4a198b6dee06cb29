"""The loss an unfinished run will end at, by the first mode that applies; else the reason there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labbook.triage.forecast.bins import Seen
from labbook.triage.forecast.interval import FALL_WITHIN, Width, width
from labbook.triage.forecast.mode_a import affine, nearest, trend
from labbook.triage.forecast.mode_a2 import median_map
from labbook.triage.forecast.mode_b import LEAST_Q, from_schedule
from labbook.triage.forecast.mode_c import power_law
from labbook.triage.forecast.reference import Kind, Progress, Reference
from labbook.triage.forecast.refusals import blocked, comparable, repeats_data, why_none
from labbook.triage.forecast.schedule import decay_done, halves_soon
from labbook.triage.forecast.sparse import applies, sparse
from labbook.triage.forecast.values import Forecast, Mode, NoForecast


def forecast(
    run: Progress, references: Sequence[Reference] = (), *, share: tuple[float, str] | None = None
) -> Forecast | NoForecast:
    """The final loss with its interval, or why there is none.

    references: finished runs, in any order. share: (c, the runs it was measured on) in place of the table's c
    of mode A.
    """
    if (stop := blocked(run)) is not None:
        return stop
    refs = comparable(run, references)
    found = _mode_a(run, refs)
    if found is None and not repeats_data(run) and not applies(run):
        found = _mode_c(run) or _mode_b(run) or _mode_a2(run, references)
    if found is None:
        return why_none(run, references)
    if share is not None and found.mode == "A":
        return _spread(found, Width(share[0], found.k, share[1]))
    return found


def _loss(run: Progress) -> tuple[Seen, Kind]:
    """The curve that is forecast: validation where there is any."""
    if run.val is not None:
        return run.val, "val"
    assert run.train is not None
    return run.train, "train"


def _mode_a(run: Progress, refs: Sequence[Reference]) -> Forecast | None:
    seen, kind = _loss(run)
    if applies(run):
        few = sparse(run, refs)
        if few is None:
            return None
        final, scatter, name = few
        return _built(run, "A", final, f"shape of {name}", (name,), noise=scatter, refs=refs, few=True)
    line = trend(run, seen, refs, kind)
    if line is not None:
        return _built(run, "A", *line, refs=refs)
    ref = nearest(run, [r for r in refs if r.curve(kind) is not None])
    track = ref.curve(kind) if ref is not None else None
    mapped = affine(seen, track, run.horizon or seen.now) if track is not None else None
    if ref is None or track is None or mapped is None:
        return None
    return _built(run, "A", mapped.at(track.final), f"shape of {ref.name}", (ref.name,), refs=refs)


def _mode_c(run: Progress) -> Forecast | None:
    if run.lr is None or not run.lr.is_constant or run.horizon is None:
        return None
    seen, _ = _loss(run)
    ends = power_law(seen, np.array([run.horizon]), run.lr.warm_up * run.horizon)
    return None if ends is None else _built(run, "C", float(ends[0]), "power law", ())


def _mode_b(run: Progress) -> Forecast | None:
    if run.lr is None or run.horizon is None:
        return None
    seen, _ = _loss(run)
    q = decay_done(run.lr, seen.now / run.horizon)
    if q is None or q < LEAST_Q:
        return None
    found = from_schedule(seen, run.lr, run.horizon, run.steps)
    if found is None:
        return None
    return _built(run, "B", found.final, "planned learning rate", (), gap=found.gap)


def _mode_a2(run: Progress, references: Sequence[Reference]) -> Forecast | None:
    seen, kind = _loss(run)
    found = median_map(run, seen, references, kind)
    return None if found is None else _built(run, "A2", *found)


def _built(
    run: Progress,
    mode: Mode,
    final: float,
    words: str,
    names: tuple[str, ...],
    *,
    gap: float = 0.0,
    noise: float | None = None,
    few: bool = False,
    refs: Sequence[Reference] = (),
) -> Forecast | None:
    """A forecast with the table's width; None where the loss is no number."""
    seen, kind = _loss(run)
    if not np.isfinite(final) or run.horizon is None:
        return None
    frac = seen.now / run.horizon
    plan = run.lr if run.lr is not None and run.lr.is_whole else next((r.lr for r in refs if r.lr), None)
    q = decay_done(run.lr, frac)
    size = width(mode, train=kind == "train", sparse=few, falls_soon=halves_soon(plan, frac, FALL_WITHIN), q=q)
    sd = (seen.noise or 0.0) if noise is None else noise
    half, floor = size.half(seen.level - final, seen.level, sd, gap)
    return Forecast(
        final=final,
        lo=final - half,
        hi=final + half,
        mode=mode,
        variant=f"{mode}: {words}",
        refs=names,
        loss_key=run.loss_key,
        level=seen.level,
        frac=frac,
        horizon=run.horizon,
        c=size.c,
        c_from=size.c_from,
        k=size.k,
        floor=floor,
        gap=gap,
        q=q,
    )


def _spread(found: Forecast, size: Width) -> Forecast:
    """The same forecast with another share of the drop."""
    half = float(np.hypot(size.c * found.remaining_drop, found.floor))
    return replace(found, lo=found.final - half, hi=found.final + half, c=size.c, c_from=size.c_from)
