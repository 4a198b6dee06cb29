"""Approach 2 to the compute-optimal allocation: the size of least loss at each of several compute budgets.

Hoffmann et al. 2022, section 3.2 and appendix: at one budget C the loss over the size has a minimum; the
minima of several budgets lie on ln N* = ln k + a ln C. Two estimators of the minimum stand side by side, since
they err differently: a parabola through the runs near the lowest one, which is biased where the valley is not
symmetric, and Akima interpolation of all runs of the budget, which is not, and is noisier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import format_size
from labbook.scaling.codes import warned
from labbook.scaling.form import FloatArray
from labbook.scaling.points import Points, digest, generator, read_points
from labbook.scaling.repeats import DEFAULT_SEED_SD
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Approach, Budget, Refusal, Warned

LEVEL = 0.95
SAME_BUDGET = 1.1
"""Runs within this factor of C share a budget, and a wider cluster is none."""
SAME_SIZE = 1.01
WINDOW = 4.0
"""Sizes within this factor of the one of the lowest loss enter the parabola."""
LEAST_SIZES = 5
LEAST_BUDGETS = 3
WIDE = 16.0
DRAWS = 200
STREAM = 131
_PER_GAP = 20
"""Points the interpolant is read at between two sizes; its minimum is refined between those."""
_GIVEN = 10**6
"""Degrees of freedom of a noise that was not estimated."""
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Valley:
    """The runs of one budget, by size."""

    C: float
    """Median of the runs."""
    ends: tuple[float, float]
    """Least and greatest C."""
    x: FloatArray
    """ln N, ascending, (n,)."""
    y: FloatArray
    """ln L, (n,)."""
    sizes: FloatArray
    """ln N of each distinct size, (m,)."""
    means: FloatArray
    """Mean ln L of each distinct size, (m,)."""
    counts: FloatArray
    """Runs of each distinct size, (m,)."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """The minimum of one budget."""

    at: float
    """ln N."""
    log_loss: float
    se: float
    """Standard error of `at` from the noise of the runs."""
    gap_se: float
    """What interpolation adds to it; 0 of a parabola."""
    rss: float
    n: int
    method: str


def isoflop(N: ArrayLike, C: ArrayLike, L: ArrayLike) -> list[Approach]:
    """Approach 2 by both estimators: `isoflop` and `isoflop-akima`.

    N, C, L: (n,) parameters, training FLOP, loss of finished runs. Budgets are the clusters of C; each has its
    vertex or the reason why it has none. Fewer than three vertices: the approach is refused.
    Raises ValueError where shapes differ or an entry is not finite and positive.
    """
    points = read_points(N, C, L)
    valleys = _valleys(points)
    unscaled = [_parabola(v) if _refusal(v) is None else None for v in valleys]
    noise, dof = _noise(unscaled)
    parabolas = [None if p is None else replace(p, se=p.se * noise) for p in unscaled]
    seed = digest(points.N, points.D, points.L)
    interpolated = [
        _interpolated(v, noise, seed, i) if _refusal(v) is None else None for i, v in enumerate(valleys)
    ]
    first = [p if p is not None else q for p, q in zip(parabolas, interpolated, strict=True)]
    wide = _wide(valleys, parabolas)
    return [
        _approach("isoflop", valleys, first, dof, wide),
        _approach("isoflop-akima", valleys, interpolated, dof, ()),
    ]


def _valleys(points: Points) -> list[Valley]:
    """Clusters of C by gaps in ln C, of two sizes at least; one run at a budget is no budget."""
    if not points.N.size:
        return []
    order = np.lexsort((points.L, points.N, points.D))
    c = np.log(points.D[order])
    cuts = np.flatnonzero(np.diff(c) > math.log(SAME_BUDGET) + _EPSILON) + 1
    found = []
    for rows in np.split(order, cuts):
        rows = rows[np.lexsort((points.L[rows], points.N[rows]))]
        x, y, C = np.log(points.N[rows]), np.log(points.L[rows]), points.D[rows]
        same = np.concatenate([[0], np.cumsum(np.diff(x) > math.log(SAME_SIZE))])
        counts = np.bincount(same).astype(np.float64)
        if counts.size < 2:
            continue
        sizes, means = np.bincount(same, x) / counts, np.bincount(same, y) / counts
        ends = (float(C.min()), float(C.max()))
        found.append(Valley(float(np.median(C)), ends, x, y, sizes, means, counts))
    return found


def _refusal(valley: Valley) -> Refusal | None:
    """Why no minimum is looked for."""
    low, high = valley.ends
    if high > low * SAME_BUDGET * (1.0 + _EPSILON):
        text = warned("budgets-merged", c1=f"{low:.3g}", c2=f"{high:.3g}").text
        return Refusal("budgets-merged", text, "runs of equal compute, or budgets at least 20 % apart")
    if valley.sizes.size < LEAST_SIZES:
        text = f"No minimum for {valley.C:.3g}: {valley.sizes.size} of {LEAST_SIZES} sizes."
        return Refusal("isoflop-few", text, f"{LEAST_SIZES - valley.sizes.size} more at that compute")
    return None


def _parabola(valley: Valley) -> Vertex | None:
    """Vertex of ln L = b0 + b1 x + b2 x^2 over the sizes near the lowest; None where it has no minimum inside.

    The standard error is that of -b1/(2 b2) by the delta method, for noise of standard deviation 1 in ln L.
    """
    lowest = valley.sizes[valley.means.argmin()]
    near = np.abs(valley.x - lowest) <= math.log(WINDOW) + math.log(SAME_SIZE)
    within = np.abs(valley.sizes - lowest) <= math.log(WINDOW) + math.log(SAME_SIZE)
    if within.sum() < LEAST_SIZES:
        return None
    x, y = valley.x[near] - lowest, valley.y[near]
    X = np.vander(x, 3, increasing=True)
    (b0, b1, b2), *_ = np.linalg.lstsq(X, y)
    if not b2 > 0.0:
        return None
    at = -b1 / (2.0 * b2)
    if not x[0] < at < x[-1]:
        return None
    gradient = np.array([0.0, -1.0 / (2.0 * b2), b1 / (2.0 * b2**2)])
    variance = gradient @ np.linalg.solve(X.T @ X, gradient)
    rss = float(np.sum((y - X @ np.array([b0, b1, b2])) ** 2))
    value = float(b0 + 0.5 * b1 * at)
    return Vertex(float(at + lowest), value, math.sqrt(float(variance)), 0.0, rss, x.size, "parabola")


def _noise(parabolas: list[Vertex | None]) -> tuple[float, int]:
    """Standard deviation of one run in ln L about the parabolas of all budgets, and its degrees of freedom.

    The usual scatter of seeds where no budget has a parabola.
    One figure for all of them: with two degrees of freedom a budget's own would make a weight of chance.
    """
    found = [p for p in parabolas if p is not None]
    dof = sum(p.n - 3 for p in found)
    if dof == 0:
        return DEFAULT_SEED_SD, _GIVEN
    return max(math.sqrt(sum(p.rss for p in found) / dof), _EPSILON), dof


def _interpolated(valley: Valley, noise: float, seed: str, stream: int) -> Vertex | None:
    """Minimum of the Akima interpolant of ln L in ln N; None where it lies at the smallest or largest size.

    Its standard error: the spread of the minimum over redraws of the noise (it turns too sharply for the delta
    method), and in quadrature that of a uniform variable over one gap of the sizes, between which nothing was
    measured. None also where half of the redraws have their minimum at an end.
    """
    draws = generator(seed, STREAM, stream).standard_normal((DRAWS, valley.sizes.size))
    redrawn = valley.means + draws * noise / np.sqrt(valley.counts)
    at, value = _akima_minima(valley.sizes, np.vstack([valley.means, redrawn]))
    inside = (at > valley.sizes[0]) & (at < valley.sizes[-1])
    share = float(inside[1:].mean())
    if not inside[0] or share < 0.5:
        return None
    spread = math.sqrt(float(np.mean((at[1:][inside[1:]] - at[0]) ** 2))) / share
    above = int(np.searchsorted(valley.sizes, at[0]))
    gap = float(valley.sizes[above] - valley.sizes[above - 1])
    gap_se = gap / math.sqrt(12.0)
    return Vertex(float(at[0]), float(value[0]), spread, gap_se, 0.0, valley.x.size, "akima")


def _akima_minima(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Place and value of the least of the interpolant of each row of y (rows, n) over x, each (rows,)."""
    from scipy.interpolate import Akima1DInterpolator

    grid = np.linspace(x[0], x[-1], _PER_GAP * (x.size - 1) + 1)
    curve: FloatArray = np.asarray(Akima1DInterpolator(x, y.T)(grid)).T
    rows = np.arange(y.shape[0])
    lowest = curve.argmin(axis=1)
    middle = lowest.clip(1, grid.size - 2)
    left, here, right = (curve[rows, middle + step] for step in (-1, 0, 1))
    bend = left - 2.0 * here + right
    inside = (lowest == middle) & (bend > 0.0)
    shift = np.where(inside, 0.5 * (left - right) / np.where(inside, bend, 1.0), 0.0)
    value = np.where(inside, here - 0.25 * (left - right) * shift, curve[rows, lowest])
    return grid[lowest] + shift * (grid[1] - grid[0]), value


def _wide(valleys: list[Valley], parabolas: list[Vertex | None]) -> tuple[Warned, ...]:
    wide = [
        f"{v.C:.3g}"
        for v, p in zip(valleys, parabolas, strict=True)
        if p is not None and v.sizes[-1] - v.sizes[0] > math.log(WIDE) + _EPSILON
    ]
    return (warned("isoflop-wide", about=", ".join(wide)),) if wide else ()


def _approach(
    name: str, valleys: list[Valley], found: list[Vertex | None], dof: int, warnings: tuple[Warned, ...]
) -> Approach:
    budgets = tuple(_budget(v, vertex, dof) for v, vertex in zip(valleys, found, strict=True))
    used = [(v.C, p) for v, p in zip(valleys, found, strict=True) if p is not None]
    if len(used) < LEAST_BUDGETS:
        have = f"{len(used)} compute budgets have" if used else "No compute budget has"
        text = f"{have} a minimum inside, a line needs {LEAST_BUDGETS}"
        remedy = f"{LEAST_SIZES} sizes at each of {LEAST_BUDGETS} budgets, on both sides of the lowest loss"
        return Approach(name, None, None, None, budgets, refused=Refusal("isoflop-few", text, remedy))
    a, ln_k, interval = allocation(
        np.log([C for C, _ in used]),
        np.array([p.at for _, p in used]),
        np.array([p.se for _, p in used]),
        np.array([p.gap_se for _, p in used]),
    )
    left_out = tuple(Warned(b.refused.code, b.refused.text) for b in budgets if b.refused is not None)
    return Approach(name, a, interval, ln_k, budgets, warnings=(*warnings, *left_out))


def _budget(valley: Valley, vertex: Vertex | None, dof: int) -> Budget:
    refused = _refusal(valley)
    if vertex is None:
        refused = refused or _at_edge(valley)
        return Budget(valley.C, valley.x.size, None, None, None, "", refused)
    half = t_quantile(LEVEL, dof) * math.hypot(vertex.se, vertex.gap_se)
    ends = (math.exp(vertex.at - half), math.exp(vertex.at + half))
    loss = math.exp(vertex.log_loss)
    return Budget(valley.C, vertex.n, math.exp(vertex.at), ends, loss, vertex.method)


def _at_edge(valley: Valley) -> Refusal:
    lowest = int(valley.means.argmin())
    side = "smaller" if lowest < valley.sizes.size / 2 else "larger"
    text = f"The minimum for {valley.C:.3g} is outside the runs."
    end = format_size(math.exp(valley.sizes[0 if side == "smaller" else -1]))
    return Refusal("isoflop-edge", text, f"a run {side} than {end} at that compute")


def allocation(
    ln_C: FloatArray, ln_N: FloatArray, se: FloatArray, gap_se: FloatArray
) -> tuple[float, float, tuple[float, float]]:
    """a, ln k and the 95 % t interval of a in ln N = ln k + a ln C, by weighted least squares.

    ln_C, ln_N: (m,), m >= 3. se, gap_se: (m,), standard errors of ln N from noise and from interpolation; both
    make the weights. The interval rests on the noise alone, or on the scatter of the points about the line
    where that is larger: what interpolation adds is a bound, and would make it too wide.
    """
    w = 1.0 / (se**2 + gap_se**2)
    middle = (w @ ln_C / w.sum(), w @ ln_N / w.sum())
    x, y = ln_C - middle[0], ln_N - middle[1]
    spread = w @ x**2
    a = float(w @ (x * y) / spread)
    dof = ln_C.size - 2
    by_noise = float((w * x) ** 2 @ se**2) / spread**2
    by_scatter = float(w @ (y - a * x) ** 2) / dof / spread
    half = t_quantile(LEVEL, dof) * math.sqrt(max(by_noise, by_scatter))
    return a, float(middle[1] - a * middle[0]), (a - half, a + half)
