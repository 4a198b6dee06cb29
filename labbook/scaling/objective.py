"""Huber loss of log residuals with its exact gradient and Hessian, for many problems at once.

F(theta) = sum_i w_i rho(r_i), r_i = ln f_i - y_i, rho = r^2/2 up to delta and linear beyond. It is a sum, not
a mean: with a mean and customary tolerances a solver stops early and returns other constants. Rows are
problems (starts, bootstrap draws) that share points; the moments of one row cost a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labbook.scaling.form import GAMMA, A, B, BoolArray, E, FloatArray, Form, P, Shares, shares, slopes

CURVATURE_FLOOR = 1e-14


@dataclass(slots=True)
class Problems:
    """Points shared by all rows, and what differs between rows."""

    form: Form
    n: FloatArray
    """(points,) centred ln N."""
    d: FloatArray
    y: FloatArray
    """ln L: (points,), or (rows, points) where each row has its own losses."""
    weights: FloatArray
    """(points,) or (rows, points)."""

    def take(self, rows: slice | BoolArray) -> Problems:
        """The same points for some of the rows."""
        y = self.y[rows] if self.y.ndim == 2 else self.y
        weights = self.weights[rows] if self.weights.ndim == 2 else self.weights
        return Problems(self.form, self.n, self.d, y, weights)


@dataclass(slots=True)
class Evaluation:
    """Value and derivatives over the free coordinates at one theta per row."""

    value: FloatArray
    """(rows,)."""
    gradient: FloatArray
    """(rows, k)."""
    hessian: FloatArray
    """(rows, k, k)."""
    curvature: FloatArray
    """(rows, k) diagonal of the reweighted least-squares Hessian, always positive: the damping's measure."""

    def take(self, rows: BoolArray) -> Evaluation:
        """Some of the rows."""
        return Evaluation(self.value[rows], self.gradient[rows], self.hessian[rows], self.curvature[rows])

    def put(self, rows: BoolArray, other: Evaluation) -> None:
        """Replace the rows of a mask by the same rows of another evaluation."""
        self.value[rows] = other.value[rows]
        self.gradient[rows] = other.gradient[rows]
        self.hessian[rows] = other.hessian[rows]
        self.curvature[rows] = other.curvature[rows]


@dataclass(slots=True)
class _Pull:
    """First and second derivative of the objective by ln f, and the reweighted least-squares weight."""

    psi: FloatArray
    h: FloatArray
    irls: FloatArray


def evaluate(problems: Problems, theta: FloatArray, delta: float) -> Evaluation:
    """Value, gradient, Hessian and curvature of the objective at theta (rows, 6)."""
    form = problems.form
    part = shares(form, theta, problems.n, problems.d)
    value, pull = _huber(part.log_f - problems.y, problems.weights, delta)
    columns = slopes(form, part, problems.n, problems.d)
    inner = pull if part.keep is None else _below_floor(pull, part.keep)
    gradient = _dot(columns, inner.psi)
    hessian = _bracket(problems, part, columns, inner, gradient)
    curvature = _dot(columns * columns, inner.irls)
    if part.keep is not None and E in form.free:
        at = form.free.index(E)
        gradient[:, at], hessian[:, at], curvature[:, at] = _floor(columns, pull, part.keep, at)
        hessian[:, :, at] = hessian[:, at]
    return Evaluation(value, gradient, hessian, curvature + CURVATURE_FLOOR)


def _dot(columns: FloatArray, values: FloatArray) -> FloatArray:
    result: FloatArray = np.matmul(columns, values[:, :, None])[:, :, 0]
    return result


def _huber(r: FloatArray, weights: FloatArray, delta: float) -> tuple[FloatArray, _Pull]:
    if np.isinf(delta):
        psi = weights * r
        spread = np.atleast_2d(weights)
        return 0.5 * (psi * r).sum(axis=1), _Pull(psi, spread, spread)
    size = np.abs(r)
    bent = np.minimum(np.maximum(r, -delta), delta)
    psi = weights * bent
    value: FloatArray = (psi * (r - 0.5 * bent)).sum(axis=1)
    return value, _Pull(psi, weights * (size <= delta), weights * (delta / np.maximum(size, delta)))


def _below_floor(pull: _Pull, keep: FloatArray) -> _Pull:
    """The chain rule through ln(exp(e) + exp(bracket)): for the bracket's coordinates only these change."""
    psi = pull.psi * keep
    square = keep * keep
    return _Pull(psi, pull.h * square + psi * (1.0 - keep), pull.irls * square)


def _bracket(
    problems: Problems, part: Shares, columns: FloatArray, pull: _Pull, gradient: FloatArray
) -> FloatArray:
    """Hessian over the coordinates of the bracket g ln s.

    With J the first derivatives, sum psi d2(g ln s) = -sum (psi/g) J J' plus, for each term exp(level - power
    x), the moments 1, -x, x^2 of psi J_level; the first two of these are the gradient's own entries.
    """
    free, psi = problems.form.free, pull.psi
    hessian: FloatArray = np.matmul(columns * (pull.h - psi / part.g)[:, None, :], columns.transpose(0, 2, 1))
    for at, x in ((A, problems.n), (B, problems.d)):
        if at in free:
            level = free.index(at)
            hessian[:, level, level] += gradient[:, level]
            if problems.form.tied:
                _add_power(hessian, psi * columns[:, level], x, level, free.index(P))
            elif at + 1 in free:
                power = level + 1
                hessian[:, level, power] += gradient[:, power]
                hessian[:, power, level] += gradient[:, power]
                hessian[:, power, power] -= (psi * columns[:, power]) @ x
    if part.t is not None and E in free:
        e = free.index(E)
        hessian[:, e, e] += gradient[:, e]
    if GAMMA in free:
        gamma = free.index(GAMMA)
        hessian[:, gamma] = _dot(columns, pull.h * part.bracket + psi)
        hessian[:, :, gamma] = hessian[:, gamma]
    return hessian


def _add_power(hessian: FloatArray, pulled: FloatArray, x: FloatArray, level: int, power: int) -> None:
    """The moments -x and x^2 of one term whose power is shared with another term."""
    cross = pulled @ x
    hessian[:, level, power] -= cross
    hessian[:, power, level] -= cross
    hessian[:, power, power] += pulled @ (x * x)


def _floor(
    columns: FloatArray, pull: _Pull, keep: FloatArray, at: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradient, Hessian row and curvature of the floor's level: d ln f / d e = 1 - keep."""
    rest = 1.0 - keep
    row = _dot(columns, keep * rest * (pull.h - pull.psi))
    row[:, at] = (rest * (pull.h * rest + pull.psi * keep)).sum(axis=1)
    return (pull.psi * rest).sum(axis=1), row, (pull.irls * rest * rest).sum(axis=1)
