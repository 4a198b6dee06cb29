"""One run's losses with the learning rate of each of its steps, and how far a law lies from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.curve_values import CurveScore
from labbook.scaling.form import FloatArray, IntArray
from labbook.scaling.laws.base import Params
from labbook.scaling.laws.curve import CurveLaw
from labbook.scaling.learning_rate import end_of_rise

AnyLaw: TypeAlias = CurveLaw[Any]

MOST_POINTS = 1000
"""Points of a curve that are used; more are averaged in bins."""


@dataclass(frozen=True)
class LossCurve:
    """One run's losses and the learning rate of each of its steps."""

    name: str
    step: IntArray
    """(n,), strictly increasing."""
    loss: FloatArray
    """(n,)"""
    lr: FloatArray
    """(steps,) of every step from 0 on; it may go on beyond the last loss."""
    notes: tuple[str, ...] = ()
    """How it was read."""


def read_curve(
    name: str, step: ArrayLike, loss: ArrayLike, lr: ArrayLike, notes: Sequence[str] = ()
) -> LossCurve:
    """A curve ready to be fitted: points within the warm-up or the steps of lr left out, the rest thinned.

    step: (n,) whole, strictly increasing. loss: (n,). lr: (steps,), of every step from 0 on.
    Raises ValueError for shapes that differ, steps out of order, a loss that is not positive and finite, or a
    rate that is negative.
    """
    s, y, rate = np.asarray(step, float), np.asarray(loss, float), np.asarray(lr, float)
    if s.ndim != 1 or s.shape != y.shape or rate.ndim != 1:
        raise ValueError(f"step and loss must have one length, not {s.shape} and {y.shape}")
    if not (np.isfinite(y) & (y > 0.0)).all():
        raise ValueError("loss must be positive and finite; leave out points without a value")
    if not (np.isfinite(rate) & (rate >= 0.0)).all() or not rate.any():
        raise ValueError("lr must be finite, not negative, and not all of it 0")
    if (s != np.floor(s)).any() or (np.diff(s) <= 0.0).any() or (s < 0.0).any():
        raise ValueError("step must be whole, not negative, and increasing")
    warm = end_of_rise(rate)
    kept = (s >= warm) & (s < rate.size) & (np.cumsum(rate)[np.minimum(s, rate.size - 1).astype(int)] > 0.0)
    said = list(notes)
    early, late = int((s < warm).sum()), int((s >= rate.size).sum())
    said += [f"{_points(early)} within the warm-up left out (to step {warm})"] if early else []
    said += [f"{_points(late)} beyond the schedule left out"] if late else []
    s, y, bins = _thinned(s[kept], y[kept])
    said += [bins] if bins else []
    return LossCurve(name, s.astype(np.intp), y, rate, tuple(said))


def _points(n: int) -> str:
    return f"{n} point{'' if n == 1 else 's'}"


def _thinned(step: FloatArray, loss: FloatArray) -> tuple[FloatArray, FloatArray, str]:
    """At most MOST_POINTS points: means of as many neighbours, at the logged step in their middle."""
    each = math.ceil(step.size / MOST_POINTS)
    if each <= 1:
        return step, loss, ""
    first = np.arange(0, step.size, each)
    sizes = np.diff(np.append(first, step.size))
    means = np.add.reduceat(loss, first) / sizes
    return step[first + sizes // 2], means, f"{step.size} points as means of {each} neighbours"


def curve_digest(curve: LossCurve) -> str:
    """sha256 of a curve's points and schedule to 12 digits, whatever it is called."""
    rows = [f"{s} {y:.12g}" for s, y in zip(curve.step, curve.loss, strict=True)]
    rows += [f"{value:.12g}" for value in curve.lr]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def score_law(law: AnyLaw, params: Params, curve: LossCurve) -> CurveScore:
    """How far the law lies from a curve, by the paper's sums. Raises ValueError for a curve without points."""
    if not curve.step.size:
        raise ValueError(f"{curve.name} has no point after its warm-up")
    error = law.formula(curve.lr, curve.step, params) - curve.loss
    relative = error / curve.loss
    worst = int(np.abs(relative).argmax())
    variance = float(((curve.loss - curve.loss.mean()) ** 2).sum())
    return CurveScore(
        name=curve.name,
        n=curve.step.size,
        mae=float(np.abs(error).mean()),
        rmse=math.sqrt(float((error**2).mean())),
        r2=1.0 - float((error**2).sum()) / variance if variance > 0.0 else None,
        mean_relative=float(np.abs(relative).mean()),
        rms_relative=math.sqrt(float((relative**2).mean())),
        worst_relative=float(np.abs(relative).max()),
        worst_step=int(curve.step[worst]),
        end_relative=float(relative[-1]),
        notes=curve.notes,
    )
