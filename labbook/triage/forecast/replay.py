"""Finished runs forecast again at earlier moments, with only what was known then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labbook.triage.forecast.bins import FloatArray, see
from labbook.triage.forecast.engine import forecast
from labbook.triage.forecast.interval import measured_share
from labbook.triage.forecast.reference import Progress, Reference, track
from labbook.triage.forecast.schedule import schedule
from labbook.triage.forecast.values import Forecast, Mode, NoForecast

Columns = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Finished:
    """One finished run as it was logged; t in one unit throughout."""

    name: str
    loss_key: str
    horizon: float
    final: float
    """Its loss by its named estimator (science.md 1.4)."""
    train: Columns | None = None
    """(t, loss)"""
    val: Columns | None = None
    lr: Columns | None = None
    declared: str = ""
    N: float | None = None
    tokens: float | None = None
    steps: float | None = None
    epochs: float | None = None
    final_train: float | None = None
    """Of its training loss, where `final` is of its validation loss and both curves are given."""


@dataclass(frozen=True, slots=True)
class Row:
    """One forecast of the past beside what came of it."""

    run: str
    frac: float
    mode: Mode | None
    """None where it was refused."""
    variant: str
    """The forecast's, or the code of the refusal."""
    error: float | None = None
    """(forecast - loss) / loss."""
    drop: float | None = None
    """(loss then - forecast) / loss: the drop that was still expected."""
    width: float | None = None
    """Half the interval / loss."""
    inside: bool | None = None
    q: float | None = None
    at_most: bool | None = None
    """Whether a bound that was given held."""


Known = Callable[[Finished, Finished], bool]
"""(run, other): whether the other was finished when the run was forecast."""


def replay(
    runs: Sequence[Finished],
    fractions: Iterable[float],
    known: Known = lambda run, other: True,
    *,
    share: tuple[float, str] | None = None,
) -> tuple[Row, ...]:
    """Every run at every fraction, forecast from the others; the plan of its learning rate is known.

    share: as `forecast` takes it.
    """
    references = [as_reference(run) for run in runs]
    moments = [float(f) for f in fractions]
    rows = []
    for run in runs:
        refs = [
            ref for ref, other in zip(references, runs, strict=True) if other is not run and known(run, other)
        ]
        rows += [row_of(run, f, forecast(as_progress(run, f), refs, share=share)) for f in moments]
    return tuple(rows)


def as_reference(run: Finished) -> Reference:
    """A finished run as others are compared with it."""
    train_final = run.final_train if run.val is not None else run.final
    train = track(*run.train, run.horizon, train_final) if run.train and train_final is not None else None
    val = track(*run.val, run.horizon, run.final) if run.val else None
    lr = schedule(*run.lr, run.horizon, declared=run.declared) if run.lr else None
    return Reference(
        run.name, run.loss_key, run.horizon, train, val, lr, N=run.N, tokens=run.tokens, epochs=run.epochs
    )


def as_progress(run: Finished, frac: float) -> Progress:
    """The run as it stood at `frac` of its plan, which is known."""
    until = frac * run.horizon * (1.0 + 1e-9)
    lr = schedule(*run.lr, run.horizon, declared=run.declared) if run.lr else None
    after = lr.warm_up * run.horizon if lr else 0.0
    train = see(*run.train, after=after, until=until) if run.train else None
    val = see(*run.val, after=after, until=until) if run.val else None
    return Progress(
        run.name,
        run.loss_key,
        run.horizon,
        train,
        val,
        lr,
        N=run.N,
        tokens=run.tokens,
        steps=run.steps,
        epochs=run.epochs,
    )


def row_of(run: Finished, frac: float, found: Forecast | NoForecast) -> Row:
    """One forecast of the past beside what came of it."""
    if isinstance(found, NoForecast):
        held = None if found.at_most is None else run.final <= found.at_most
        return Row(run.name, frac, None, found.code, at_most=held)
    return Row(
        run.name,
        frac,
        found.mode,
        found.variant,
        error=(found.final - run.final) / run.final,
        drop=found.remaining_drop / run.final,
        width=(found.hi - found.lo) / (2.0 * run.final),
        inside=found.lo <= run.final <= found.hi,
        q=found.q,
    )


def own_share(rows: Sequence[Row]) -> tuple[float, str] | None:
    """(c of mode A, what it was measured on) from the replays of a ladder's finished runs at one fraction, in
    place of the table's; None below three."""
    pairs = [(r.error, r.drop) for r in rows if r.mode == "A" and r.error is not None and r.drop is not None]
    share = measured_share([error for error, _ in pairs], [drop for _, drop in pairs])
    return None if share is None else (share, f"{len(pairs)} finished runs")
