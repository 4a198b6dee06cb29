"""The family of forms the laws are members of, in centred logarithmic coordinates.

With n = ln N - mean and d = ln D - mean, a row theta = (a, p, b, q, e, gamma) means

    u = exp(a - p n)    v = exp(b - q d)    t = exp(e)    g = exp(gamma)
    ln f = g ln(u + v + t)                     the constant inside the bracket
    ln f = ln(exp(e) + exp(g ln(u + v)))       the constant outside it, a floor

A law says which coordinates are free and where its constant stands; the rest stays at the row's own values.
One family means one gradient, one Hessian and one solver for every law. The laws themselves, in the words
and constants of their papers, are in `labbook.scaling.laws`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

A, P, B, Q, E, GAMMA = range(6)
COORDINATES = ("a", "p", "b", "q", "e", "gamma")


class Constant(Enum):
    """Where the constant of a form stands."""

    NONE = "none"
    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Form:
    """Which member of the family a law is."""

    free: tuple[int, ...]
    """Coordinates the fit moves, in ascending order."""
    constant: Constant = Constant.NONE
    has_d: bool = True
    """False for a law of one resource: there is no second power term."""
    tied: bool = False
    """True where both terms share one power: q follows p and is not free."""

    @property
    def k(self) -> int:
        """Number of free coordinates."""
        return len(self.free)

    def complete(self, theta: FloatArray) -> FloatArray:
        """theta (..., 6) with the coordinates that follow others set; theta itself is changed."""
        if self.tied:
            theta[..., Q] = theta[..., P]
        return theta


@dataclass(slots=True)
class Shares:
    """What the objective and its derivatives are made of; every array is (rows, points)."""

    u: FloatArray
    """Share of the N term in the bracket."""
    v: FloatArray | None
    """Share of the D term, None for a law of one resource."""
    t: FloatArray | None
    """Share of the constant inside the bracket, None where there is none."""
    bracket: FloatArray
    """g ln s: ln f without the floor."""
    keep: FloatArray | None
    """What remains of f above the floor, as a share of f; None without a floor."""
    log_f: FloatArray
    g: FloatArray
    """(rows, 1)."""


def shares(form: Form, theta: FloatArray, n: FloatArray, d: FloatArray) -> Shares:
    """Terms of the form at the points (n, d), for every row of theta (rows, 6)."""
    column = theta[:, :, None]
    parts, log_s = _softmax(_terms(form, column, n, d))
    g = np.exp(column[:, GAMMA])
    bracket = g * log_s
    keep, log_f = (None, bracket) if form.constant is not Constant.OUTSIDE else _above(bracket, column[:, E])
    return Shares(
        u=parts[:, 0],
        v=parts[:, 1] if form.has_d else None,
        t=parts[:, -1] if form.constant is Constant.INSIDE else None,
        bracket=bracket,
        keep=keep,
        log_f=log_f,
        g=g,
    )


def _terms(form: Form, column: FloatArray, n: FloatArray, d: FloatArray) -> FloatArray:
    """Logarithms of the terms of the bracket, (rows, terms, points), of theta's columns (rows, 6, 1)."""
    has_constant = form.constant is Constant.INSIDE
    terms = np.empty((column.shape[0], 1 + form.has_d + has_constant, n.shape[-1]))
    np.multiply(column[:, P], -n, out=terms[:, 0])
    terms[:, 0] += column[:, A]
    if form.has_d:
        np.multiply(column[:, P if form.tied else Q], -d, out=terms[:, 1])
        terms[:, 1] += column[:, B]
    if has_constant:
        terms[:, -1] = column[:, E]
    return terms


def _softmax(terms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The share of each term in their sum, in the place of `terms`, and the logarithm of the sum."""
    top = terms.max(axis=1, keepdims=True)
    terms -= top
    np.exp(terms, out=terms)
    total = terms.sum(axis=1, keepdims=True)
    terms /= total
    return terms, (np.log(total) + top)[:, 0]


def _above(bracket: FloatArray, e: FloatArray) -> tuple[FloatArray, FloatArray]:
    log_f = np.logaddexp(bracket, e)
    return np.exp(bracket - log_f), log_f


def log_loss(form: Form, theta: FloatArray, n: FloatArray, d: FloatArray) -> FloatArray:
    """ln f at the points (n, d): (points,) for one row of theta, (rows, points) for several."""
    rows = np.atleast_2d(theta)
    result = shares(form, rows, n, d).log_f
    return result[0] if theta.ndim == 1 else result


def slopes(form: Form, part: Shares, n: FloatArray, d: FloatArray) -> FloatArray:
    """d (g ln s) / d theta, (rows, k, points), over the free coordinates; zero for a floor."""
    result = np.zeros((part.bracket.shape[0], form.k, part.bracket.shape[1]))
    for at, x, share in ((A, n, part.u), (B, d, part.v)):
        if share is not None and at in form.free:
            level = form.free.index(at)
            np.multiply(part.g, share, out=result[:, level])
            if at + 1 in form.free:
                np.multiply(result[:, level], -x, out=result[:, level + 1])
    if form.tied:
        result[:, form.free.index(P)] -= result[:, form.free.index(B)] * d
    if part.t is not None and E in form.free:
        result[:, form.free.index(E)] = part.g * part.t
    if GAMMA in form.free:
        result[:, form.free.index(GAMMA)] = part.bracket
    return result


def jacobian(form: Form, theta: FloatArray, n: FloatArray, d: FloatArray) -> FloatArray:
    """d ln f / d theta at the points, (points, k), over the free coordinates of one row of theta."""
    part = shares(form, theta[None, :], n, d)
    columns: FloatArray = slopes(form, part, n, d)[0]
    if part.keep is not None:
        columns *= part.keep[0]
        columns[form.free.index(E)] = 1.0 - part.keep[0]
    return columns.T


def elasticities(form: Form, theta: FloatArray, n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """-d ln f / d ln N and -d ln f / d ln D at the points, for one row of theta of a law of N and D."""
    part = shares(form, theta[None, :], n, d)
    slope = part.g[0] if part.keep is None else part.g[0] * part.keep[0]
    by_tokens = np.zeros_like(n) if part.v is None else slope * theta[Q] * part.v[0]
    return slope * theta[P] * part.u[0], by_tokens
