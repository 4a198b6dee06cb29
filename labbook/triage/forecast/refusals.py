"""Why there is no forecast, and what would settle it (science.md 6.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from labbook.triage.forecast.bins import Seen
from labbook.triage.forecast.interval import width
from labbook.triage.forecast.mode_b import LEAST_Q
from labbook.triage.forecast.mode_c import power_law
from labbook.triage.forecast.reference import MOST_N_RATIO, Progress, Reference
from labbook.triage.forecast.schedule import decay_done, same_shape
from labbook.triage.forecast.sparse import applies
from labbook.triage.forecast.values import Ahead, NoForecast

LEAST_FRAC = 0.1
LEAST_POINTS, LEAST_EVALS = 30, 10
MOST_EPOCHS = 4.0
SAME_EPOCHS = 1.25
BOUND_FROM = 0.25
FACTORS = (1.1, 1.5, 2.0)
RISING_BINS, RISING_SD, RISING_SHARE = 3, 3.0, 0.002


def blocked(run: Progress) -> NoForecast | None:
    """What forbids any forecast of this run, whatever finished runs there are."""
    if not run.is_loss:
        return NoForecast("non-loss-metric", f"{run.loss_key} is no loss.", "choose a loss to forecast")
    if run.unstable:
        text = f"{run.unstable}: no forecast while it is open."
        return NoForecast("unstable", text, "wait until it has cleared")
    if run.changed:
        text = f"{run.changed} changed inside the run; what came before does not tell what follows."
        return NoForecast("plan-changed", text, "a finished run with the same change")
    seen = run.val if run.val is not None else run.train
    if seen is None:
        return NoForecast("too-early", "No loss is logged yet.", "wait for the first values")
    if not float(seen.y.min()) > 0.0:
        text = f"{run.loss_key} is not above 0 throughout; shares of it mean nothing."
        return NoForecast("non-loss-metric", text, "choose a loss to forecast")
    if run.horizon is None or not run.horizon > 0.0:
        return _no_horizon(run, seen)
    return _too_early(run, seen, seen.now / run.horizon)


def _too_early(run: Progress, seen: Seen, frac: float) -> NoForecast | None:
    what, least = ("evaluations", LEAST_EVALS) if run.val is not None else ("points", LEAST_POINTS)
    if frac < LEAST_FRAC:
        text = f"{frac:.0%} of the run is done; a forecast needs {LEAST_FRAC:.0%}."
    elif seen.points < least and not applies(run):
        text = f"{seen.points} {what} after the warm-up; a forecast needs {least}."
    else:
        return None
    return NoForecast("too-early", text, "wait")


def _no_horizon(run: Progress, seen: Seen) -> NoForecast:
    text = "The planned number of steps is not known."
    remedy = "give the planned steps, or a configuration that has them"
    if run.lr is None or not run.lr.is_constant or seen.points < LEAST_EVALS:
        return NoForecast("no-horizon", text, remedy)
    ends = power_law(seen, seen.now * np.array(FACTORS))
    if ends is None:
        return NoForecast("no-horizon", text, remedy)
    size = width("C", train=run.val is None, sparse=False, falls_soon=False, q=1.0)
    ahead = []
    for factor, loss in zip(FACTORS, map(float, ends), strict=True):
        half, _ = size.half(seen.level - loss, seen.level, seen.noise or 0.0, 0.0)
        ahead.append(Ahead(factor, loss, (loss - half, loss + half)))
    return NoForecast("no-horizon", text, remedy, ahead=tuple(ahead))


def repeats_data(run: Progress) -> bool:
    """More than four epochs planned, or a validation loss that rises: only a run of the same plan tells."""
    return (run.epochs is not None and run.epochs > MOST_EPOCHS) or rises(run.val)


def rises(val: Seen | None) -> bool:
    """Whether the last three bins of a validation loss each lie higher than the one before, and clearly above
    the least."""
    if val is None or val.noise is None or val.y.size < 2 * RISING_BINS:
        return False
    tail = val.y[-RISING_BINS - 1 :]
    clear = max(RISING_SD * val.noise, RISING_SHARE * val.level)
    return bool((np.diff(tail) > 0.0).all() and tail[1:].min() > val.y.min() + clear)


def comparable(run: Progress, references: Sequence[Reference]) -> list[Reference]:
    """The finished runs mode A may use, by name."""
    found = [ref for ref in _of_ladder(run, references) if _near(run, ref) and same_shape(run.lr, ref.lr)]
    if repeats_data(run):
        found = [ref for ref in found if _same_epochs(run, ref)]
    return sorted(found, key=lambda ref: ref.name)


def _of_ladder(run: Progress, references: Sequence[Reference]) -> list[Reference]:
    return [ref for ref in references if ref.same_ladder and ref.loss_key == run.loss_key]


def _near(run: Progress, ref: Reference) -> bool:
    if run.N is None or ref.N is None:
        return False
    return abs(math.log(run.N / ref.N)) <= math.log(MOST_N_RATIO)


def _same_epochs(run: Progress, ref: Reference) -> bool:
    if run.epochs is None or ref.epochs is None:
        return run.epochs is ref.epochs
    return abs(math.log(run.epochs / ref.epochs)) <= math.log(SAME_EPOCHS)


def why_none(run: Progress, references: Sequence[Reference]) -> NoForecast:
    """The reason that no mode applies."""
    if repeats_data(run):
        text = "The run repeats its data; only a finished run of the same plan tells where its loss goes."
        return NoForecast("multi-epoch", text, "a finished run of the same recipe and as many epochs")
    ladder = _of_ladder(run, references)
    if ladder and run.N is None:
        text = "The parameters of this run are not known, so no finished run can be called near it."
        return NoForecast("no-reference", text, "give its number of parameters")
    near = [ref for ref in ladder if _near(run, ref)]
    shapes = [same_shape(run.lr, ref.lr) for ref in near]
    if any(shapes):
        return NoForecast("too-early", "Too few points in common with the finished runs.", "wait")
    if applies(run):
        text = "Too few evaluations, and no finished run to take the shape from."
        return NoForecast("too-early", text, f"wait for {LEAST_EVALS} evaluations")
    at_most = _bound(run)
    if False in shapes:
        text = "Finished runs have a learning rate of another shape; one of them would mislead by 2 to 4 %."
        return NoForecast("schedule-mismatch", text + _words(at_most), _finished(), at_most)
    if run.lr is None or not run.lr.is_whole:
        if ladder and not near:
            text = "No finished run within 16 times the parameters, and the learning-rate plan is not known."
            return NoForecast("no-reference", text, _finished())
        text = "How the learning rate goes on is not known, and no finished run shows it."
        return NoForecast("no-schedule", text, "give the schedule, or finish one run of this ladder")
    if at_most is not None or _q(run) < LEAST_Q:
        text = "The learning rate has still to fall, and no finished run shows what that brings."
        return NoForecast("decay-unseen", text + _words(at_most), _finished(), at_most)
    return NoForecast("no-reference", "Nothing to compare with, and too few points to go by.", _finished())


def _finished() -> str:
    return "finish one run of this ladder with the same schedule, however small"


def _words(at_most: float | None) -> str:
    return "" if at_most is None else f" final <= {at_most:.3g} (power law without the LR drop)"


def _q(run: Progress) -> float:
    seen = run.val if run.val is not None else run.train
    if seen is None or run.horizon is None:
        return 1.0
    q = decay_done(run.lr, seen.now / run.horizon)
    return 1.0 if q is None else q


def _bound(run: Progress) -> float | None:
    """Loss at the end by a power law, before a quarter of the planned decay is done and after a quarter of the
    run; None otherwise."""
    seen = run.val if run.val is not None else run.train
    if run.lr is None or seen is None or run.horizon is None or seen.now < BOUND_FROM * run.horizon:
        return None
    if not _q(run) < LEAST_Q:
        return None
    ends = power_law(seen, np.array([run.horizon]), run.lr.warm_up * run.horizon)
    return None if ends is None else float(ends[0])
