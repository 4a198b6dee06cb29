"""Quantiles of Student's t and tails of F without SciPy: both are the incomplete beta function."""

from __future__ import annotations

import math
from functools import lru_cache

TINY = 1e-300
EPSILON = 1e-16


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), for a, b > 0 and x in [0, 1].

    Continued fraction by Lentz's method, on the side where it converges fast (Abramowitz and Stegun 26.5.8).
    """
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    log_front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            result *= c * d
        if abs(c * d - 1.0) < EPSILON:
            break
    return result


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY


def t_tail(t: float, dof: float) -> float:
    """P(T > t) of Student's t with `dof` degrees of freedom, for t >= 0."""
    return 0.5 * incomplete_beta(0.5 * dof, 0.5, dof / (dof + t * t))


@lru_cache(maxsize=256)
def t_quantile(level: float, dof: float) -> float:
    """The t that holds `level` (in (0, 1)) of Student's t with `dof` degrees of freedom between -t and t.

    Raises ValueError where level or dof is out of range.
    """
    if not 0.0 < level < 1.0 or not dof > 0.0:
        raise ValueError(f"no t quantile of level {level} with {dof} degrees of freedom")
    tail = 0.5 * (1.0 - level)
    high = 1.0
    while t_tail(high, dof) > tail:
        high *= 2.0
    low, t = 0.0, 0.5 * high
    while high - low > 1e-14 * high:
        excess = t_tail(t, dof) - tail
        low, high = (t, high) if excess > 0.0 else (low, t)
        guess = t + excess / _density(t, dof)
        moved = guess if low < guess < high else 0.5 * (low + high)
        if abs(moved - t) <= 1e-15 * high:
            break
        t = moved
    return t


def _density(t: float, dof: float) -> float:
    log_front = math.lgamma(0.5 * (dof + 1.0)) - math.lgamma(0.5 * dof) - 0.5 * math.log(dof * math.pi)
    return math.exp(log_front - 0.5 * (dof + 1.0) * math.log1p(t * t / dof))


def f_tail(F: float, dof1: float, dof2: float) -> float:
    """P(F' > F) of Fisher's F with dof1 and dof2 degrees of freedom."""
    return incomplete_beta(0.5 * dof2, 0.5 * dof1, dof2 / (dof2 + dof1 * F)) if F > 0.0 else 1.0
