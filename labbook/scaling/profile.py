"""The interval of the constant by profile likelihood: honest where the delta method is not, at its bounds."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import GAMMA, Constant, E, FloatArray, Form, log_loss
from labbook.scaling.intervals import LAW_LEVEL, Handle, handle_of
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.solve import START_TOLERANCE
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Fit, Interval

GRID = 40
HIGHEST = 0.995
"""Of the least loss."""


def profile_constant(fit: Fit, level: float = LAW_LEVEL) -> Interval | None:
    """Interval of the constant E; its lower end is 0 where the points do not exclude that.

    Keeps the E at which RSS(E) <= RSS_min (1 + t^2/(n - k)), the others refitted, on a grid from 0 to just
    below the least loss with straight lines between. None for a law without a constant, or whose constant is no
    coordinate of its own (general), and for a Huber fit. Raises FitError where the fit cannot be refitted.
    """
    handle = handle_of(fit)
    form = handle.law.form
    bent = form.constant is Constant.INSIDE and GAMMA in form.free
    if form.constant is Constant.NONE or bent or math.isfinite(handle.delta):
        return None
    points = handle.points
    least = float(points.L[points.weights > 0.0].min())
    levels = np.linspace(0.0, HIGHEST * least, GRID)
    residuals = handle.centred.y - log_loss(form, handle.theta, handle.centred.n, handle.centred.d)
    value = 0.5 * float(points.weights @ residuals**2)
    allowed = value * (1.0 + t_quantile(level, handle.dof) ** 2 / handle.dof)
    values = _refit(handle, levels)
    best = math.exp(handle.theta[E])
    at = int(np.searchsorted(levels, best))
    levels, values = np.insert(levels, at, best), np.insert(values, at, value)
    return _edge(levels, values, allowed, range(at, -1, -1)), _edge(
        levels, values, allowed, range(at, levels.size)
    )


def _refit(handle: Handle, levels: FloatArray) -> FloatArray:
    form, points = handle.law.form, handle.centred
    fixed = Form(tuple(c for c in form.free if c != E), form.constant, form.has_d, form.tied)
    start = np.repeat(handle.theta[None, :], levels.size, axis=0)
    with np.errstate(divide="ignore"):
        start[:, E] = np.log(levels)
    problems = Problems(fixed, points.n, points.d, points.y, points.weights)
    return minimise(problems, start, math.inf, tolerance=START_TOLERANCE).value


def _edge(levels: FloatArray, values: FloatArray, allowed: float, walk: range) -> float:
    """Where the profile first exceeds what is allowed on a walk from the best level, else the last level."""
    last = walk[0]
    for index in walk[1:]:
        if not values[index] <= allowed:
            part = (
                (allowed - values[last]) / (values[index] - values[last]) if np.isfinite(values[index]) else 0.0
            )
            return float(levels[last] + part * (levels[index] - levels[last]))
        last = index
    return float(levels[last])
