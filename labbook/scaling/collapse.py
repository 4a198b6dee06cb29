"""Normalised loss curves of a well-scaled ladder fall on one (Qiu et al. 2025, arXiv:2507.02119).

l(x) = (L(xT) - L0) / (L(T) - L0) against the share x = step/T of one schedule shape. A rung off the curve of
the others has a learning rate, batch or decay that does not fit its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbook.scaling.curve_values import Collapse, RungCollapse
from labbook.scaling.form import FloatArray
from labbook.scaling.laws.collapse import normalised
from labbook.scaling.loss_curve import LossCurve
from labbook.scaling.values import Refusal, Warned

SHARES = np.linspace(0.2, 0.95, 76)
"""Where curves are compared: after the warm-up, before the end, at which all are 1."""
SAME_SHAPE = 0.05
"""Of the peak: rates that differ by less anywhere have one shape."""
HIGHEST = 0.98
"""L0 lies below this share of the least loss."""
CANDIDATES = 981
AT_ONCE = 200_000
"""Numbers in one array while values of L0 are tried."""
TIMES = 3.0
"""A rung further off than so many times the spread of the others is off."""
FEWEST_OTHERS = 3
"""Two others can be brought on each other by L0 alone: their spread tells nothing."""
LEAST_SPREAD = 0.005
"""Of the curve's height: noise of the end points; a lesser spread of the others is taken as this."""


@dataclass(frozen=True)
class Rung:
    """One finished run on the common grid of x."""

    name: str
    loss: FloatArray
    """(shares,)"""
    end: float
    shape: FloatArray
    """(shares,) learning rate as a share of its peak."""


def read_rung(curve: LossCurve) -> Rung:
    """A finished run, whose schedule ends with its last step. Raises ValueError for under two points."""
    if curve.step.size < 2:
        raise ValueError(f"{curve.name} has fewer than two points")
    T = float(curve.lr.size - 1)
    return Rung(
        name=curve.name,
        loss=np.interp(SHARES * T, curve.step, curve.loss),
        end=float(curve.loss[-1]),
        shape=np.interp(SHARES * T, np.arange(curve.lr.size), curve.lr) / float(curve.lr.max()),
    )


def collapse(curves: Sequence[LossCurve]) -> Collapse | Refusal:
    """The common curve of finished rungs of one schedule shape, and how far each lies off the others'."""
    rungs = sorted(map(read_rung, curves), key=lambda r: (r.name, r.end))
    if len(rungs) < 2:
        return Refusal("too-few-rungs", "One finished rung has nothing to fall on.", "two or more sizes")
    shapes = np.stack([rung.shape for rung in rungs])
    apart = np.abs(shapes - shapes[0]).max(axis=1)
    if (apart > SAME_SHAPE).any():
        other = rungs[int(apart.argmax())]
        text = f"{rungs[0].name} and {other.name} differ in the shape of their learning rate."
        return Refusal("schedule-mixed", text, "compare rungs of one schedule shape")
    if any((rung.loss <= rung.end).all() for rung in rungs):
        return Refusal("no-descent", "A rung does not descend to its end.", "leave it out")
    highest = HIGHEST * min(min(float(rung.loss.min()), rung.end) for rung in rungs)
    L0, at_bound, spread = _least_spread(rungs, highest)
    lines = [normalised(rung.loss, rung.end, L0) for rung in rungs]
    return Collapse(
        L0=L0,
        at_bound=at_bound,
        spread=spread,
        x=tuple(map(float, SHARES)),
        common=tuple(map(float, np.mean(lines, axis=0))),
        rungs=tuple(
            _against(rung, [r for r in rungs if r is not rung], highest, line)
            for rung, line in zip(rungs, lines, strict=True)
        ),
        warnings=_warnings(at_bound, L0),
    )


def _height(line: FloatArray) -> float:
    """How far a normalised curve stands above its end, rms over x."""
    return math.sqrt(float(((line - 1.0) ** 2).mean()))


def _spreads(rungs: Sequence[Rung], L0: FloatArray) -> FloatArray:
    """Standard deviation of l between rungs over the height of their mean, free of the scale L0 gives l.

    L0: (n,) to try. Returns (n,).
    """
    losses, ends = np.stack([rung.loss for rung in rungs]), np.array([[rung.end] for rung in rungs])
    floor = L0[:, None, None]
    lines = (losses - floor) / (ends - floor)
    heights = np.sqrt(((lines.mean(axis=1) - 1.0) ** 2).mean(axis=1))
    return np.asarray(np.sqrt(lines.var(axis=1, ddof=1).mean(axis=1)) / heights)


def _least_spread(rungs: Sequence[Rung], highest: float) -> tuple[float, bool, float]:
    """(L0, whether it lies on an end of its range, the spread there), L0 in [0, highest]."""
    tried = np.linspace(0.0, highest, CANDIDATES)
    parts = np.array_split(tried, max(1, len(rungs) * CANDIDATES * SHARES.size // AT_ONCE))
    spreads = np.concatenate([_spreads(rungs, part) for part in parts])
    best = int(np.argmin(spreads))
    return float(tried[best]), best in (0, CANDIDATES - 1), float(spreads[best])


def _against(rung: Rung, others: Sequence[Rung], highest: float, line: FloatArray) -> RungCollapse:
    """The rung against the mean of the others, under the L0 of the others; line: its l under the L0 of all."""
    if len(others) < 2:
        L0, spread = _least_spread([rung, *others], highest)[0], None
    else:
        L0, _, spread = _least_spread(others, highest)
    mean = np.mean([normalised(other.loss, other.end, L0) for other in others], axis=0)
    apart = normalised(rung.loss, rung.end, L0) - mean
    distance = math.sqrt(float((apart**2).mean())) / _height(mean)
    shown = tuple(map(float, line))
    if spread is None or len(others) < FEWEST_OTHERS:
        return RungCollapse(rung.name, distance, None, None, shown)
    threshold = TIMES * max(spread, LEAST_SPREAD)
    return RungCollapse(rung.name, distance, threshold, distance > threshold, shown)


def _warnings(at_bound: bool, L0: float) -> tuple[Warned, ...]:
    if not at_bound:
        return ()
    return (Warned("at-bound", f"L0 lies at an end of its range ({L0:.4g}): these rungs do not fix it."),)
