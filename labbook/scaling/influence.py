"""What the answer owes to one group of rungs: refits without it (science.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from labbook.quantities import format_size
from labbook.scaling.form import BoolArray, FloatArray, P, Q, log_loss
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE, Handle, handle_of
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Points
from labbook.scaling.remedy import SAME
from labbook.scaling.solve import START_TOLERANCE
from labbook.scaling.values import Fit, Influence, Warned

BANDS = (0.0, 1.0, 5.0, 20.0, 100.0, np.inf)
"""Edges of the groups by tokens per parameter."""
MOST_DROPPED = 8


def leave_groups_out(fit: Fit, at: tuple[float, float] | None = None) -> list[Influence]:
    """The fit without each size, each compute budget of several runs, and each band of tokens per parameter.

    at: (N, D) of a target whose loss is predicted each time. Groups whose absence leaves too few rungs, or no
    optimum, are not listed. Raises FitError where the fit cannot be refitted.
    """
    handle = handle_of(fit)
    return _refits(handle, list(_groups(handle.points)), at)


def drop_curve(fit: Fit, by: str = "loss", at: tuple[float, float] | None = None) -> list[Influence]:
    """The fit without the 0 to 8 rungs of the largest `loss` or largest |`residual`|.

    Raises ValueError for another `by`, FitError as `leave_groups_out`.
    """
    handle = handle_of(fit)
    points = handle.points
    if by == "loss":
        score, words = points.L, ("largest loss", "largest losses")
    elif by == "residual":
        score = np.abs(np.array(fit.residuals)[points.order])
        words = ("largest residual", "largest residuals")
    else:
        raise ValueError(f"drop by loss or residual, not {by!r}")
    worst = np.argsort(-score, kind="stable")
    groups = []
    for count in range(MOST_DROPPED + 1):
        mask = np.zeros(points.N.size, dtype=bool)
        mask[worst[:count]] = True
        groups.append((f"{count} {words[count != 1]}", mask))
    return _refits(handle, groups, at)


def influential(fit: Fit, influences: list[Influence]) -> list[Warned]:
    """The warning of every group that moves `a` by more than its own half-interval."""
    interval = fit.intervals.get(EXPONENT_OF_COMPUTE)
    if interval is None or EXPONENT_OF_COMPUTE not in fit.derived:
        return []
    full, half = fit.derived[EXPONENT_OF_COMPUTE], 0.5 * (interval[1] - interval[0])
    return [
        Warned("influential-group", f"Without {each.group}, a moves from {full:.3f} to {each.a:.3f}.")
        for each in influences
        if each.a is not None and abs(each.a - full) > half
    ]


def _groups(points: Points) -> Iterator[tuple[str, BoolArray]]:
    yield from (("N = " + format_size(value), mask) for value, mask in _clusters(points.N))
    C = 6.0 * points.N * points.D
    yield from (
        (f"C = {value:.3g}".replace("e+", "e"), mask)
        for value, mask in _clusters(C)
        if np.count_nonzero(mask) > 1
    )
    ratio = points.D / points.N
    for low, high in pairwise(BANDS):
        mask = (ratio >= low) & (ratio < high)
        if mask.any():
            name = (
                f"D/N < {high:g}"
                if low == 0.0
                else f"D/N >= {low:g}"
                if np.isinf(high)
                else f"D/N {low:g}-{high:g}"
            )
            yield name, mask


def _clusters(values: FloatArray) -> Iterator[tuple[float, BoolArray]]:
    """Groups of values within 10 % of their neighbours."""
    order = np.argsort(values, kind="stable")
    breaks = np.flatnonzero(values[order][1:] > SAME * values[order][:-1]) + 1
    for members in np.split(order, breaks):
        mask = np.zeros(values.size, dtype=bool)
        mask[members] = True
        yield float(np.median(values[members])), mask


def _refits(
    handle: Handle, groups: list[tuple[str, BoolArray]], at: tuple[float, float] | None
) -> list[Influence]:
    weights = handle.points.weights
    kept = [(name, mask) for name, mask in groups if np.count_nonzero(weights[~mask]) > handle.law.k]
    if not kept:
        return []
    points = handle.centred
    rows = np.array([weights * ~mask for _, mask in kept])
    problems = Problems(handle.law.form, points.n, points.d, points.y, rows)
    start = np.repeat(handle.theta[None, :], len(kept), axis=0)
    ended = minimise(problems, start, handle.delta, tolerance=START_TOLERANCE)
    return [
        _influence(handle, name, mask, theta, at)
        for (name, mask), theta, good in zip(kept, ended.theta, ended.has_converged, strict=True)
        if good
    ]


def _influence(
    handle: Handle, group: str, mask: BoolArray, theta: FloatArray, at: tuple[float, float] | None
) -> Influence:
    law = handle.law
    prediction = None
    if at is not None:
        where = handle.coordinates(np.array([at[0]]), np.array([at[1]]))
        prediction = float(np.exp(log_loss(law.form, theta, *where))[0])
    params = law.to_params(theta[None, :], handle.centred.centre)[0]
    return Influence(
        group=group,
        left_out=tuple(sorted(int(i) for i in handle.points.order[mask])),
        params=dict(zip(law.names, map(float, params), strict=True)),
        a=float(theta[Q] / (theta[P] + theta[Q])) if law.allocates else None,
        prediction=prediction,
    )
