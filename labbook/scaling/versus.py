"""Two recipes compared by their predicted loss at equal compute, with a paired interval.

Two fits to the same design share most of what they miss by: rungs of equal N and D err alike. Their covariance
is estimated from the residuals of such pairs and carried through both fits, so that what is common cancels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import format_size
from labbook.scaling.form import FloatArray, jacobian, log_loss
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.laws import law_by_name
from labbook.scaling.optimum import frontier
from labbook.scaling.points import Points
from labbook.scaling.predict import POOL_DRAWS
from labbook.scaling.tquantile import t_quantile
from labbook.scaling.values import Fit, FitStatus, Refusal, Warned
from labbook.scaling.versus_values import AtBudget, AtEqual, Exponent, Gap, Least, Verdict, Versus

LEVEL = 0.90
PAIRED = 0.10
"""Relative difference in N and in D up to which two rungs are a pair."""
FAR = 10.0
BUDGETS = 5
MOST_CORRELATED = 0.99


@dataclass(frozen=True, slots=True)
class _Ray:
    """What one form says of one recipe at the budgets, (m,) each in ln L."""

    level: FloatArray
    gradient: FloatArray
    """By the free coordinates, (m, k)."""
    N: FloatArray
    """ln N; nan for a law of compute."""
    D: FloatArray


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both fits of one form, and the covariance of their coordinates."""

    name: str
    a: Handle
    b: Handle
    cross: FloatArray
    """(k_a, k_b); 0 where no rungs are pairs."""
    pairs: int
    correlation: float

    def gap(self, a: _Ray, b: _Ray) -> tuple[FloatArray, FloatArray]:
        """ln ratio of the losses and half its 90 % interval, (m,) each; nan where a fit has no covariance."""
        centre = a.level - b.level
        if self.a.covariance is None or self.b.covariance is None:
            return centre, np.full_like(centre, np.nan)
        of_a, of_b = _variance(self.a, a.gradient), _variance(self.b, b.gradient)
        shared = np.einsum("mi,ij,mj->m", a.gradient, self.cross, b.gradient)
        variance = np.maximum(of_a + of_b - 2.0 * shared, 0.0)
        if self.pairs:
            reach = np.full_like(centre, t_quantile(LEVEL, min(self.a.dof, self.b.dof)))
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                dof = (of_a + of_b) ** 2 / (of_a**2 / self.a.dof + of_b**2 / self.b.dof)
            reach = np.array([t_quantile(LEVEL, float(d)) if d > 0.0 else math.nan for d in np.round(dof, 6)])
        return centre, reach * np.sqrt(variance)


def versus(
    fits_a: Mapping[str, Fit], fits_b: Mapping[str, Fit], C: ArrayLike | None = None
) -> Versus | Refusal:
    """Recipes A and B at equal compute, by every law in both mappings.

    fits_a, fits_b: the admitted fits of each ladder by law name, of this session.
    C: (m,) budgets in FLOP, counted 6ND; without it the ends of the range both ladders cover and a geometric
    grid between them. Raises ValueError for a budget that is not positive, FitError for fits without handle.
    """
    names = [name for name in fits_a if name in fits_b and _usable(name, fits_a[name], fits_b[name])]
    if not names:
        return _no_common(fits_a, fits_b)
    forms = [_pair(name, handle_of(fits_a[name]), handle_of(fits_b[name])) for name in names]
    points = (forms[0].a.points, forms[0].b.points)
    spans = [_span(each) for each in points]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    budgets = _budgets(C, low, high)
    rays = [(_ray(form.a, budgets), _ray(form.b, budgets)) for form in forms]
    exponents = _exponents(names, fits_a, fits_b)
    paired = forms[0].pairs
    return Versus(
        forms=tuple(names),
        pairs=paired,
        correlation={form.name: form.correlation for form in forms} if paired else {},
        budgets=tuple(_at(i, float(budgets[i]), forms, rays, points) for i in range(budgets.size)),
        exponents=exponents,
        is_overlap=low < high,
        warnings=_warnings(exponents),
    )


def _usable(name: str, *fits: Fit) -> bool:
    """Whether the law has a least loss at a budget: a law of N and D, or of compute."""
    law = law_by_name(name)
    by_compute = law.resources == ("C",)
    return (law.form.has_d or by_compute) and all(fit.status is not FitStatus.NOT_CONVERGED for fit in fits)


def _no_common(fits_a: Mapping[str, Fit], fits_b: Mapping[str, Fit]) -> Refusal:
    said = "; ".join(
        f"{side} admits {', '.join(fits) or 'none'}" for side, fits in (("A", fits_a), ("B", fits_b))
    )
    text = f"No law is admitted on both ladders: {said}."
    return Refusal("no-common-law", text, "runs at other tokens per parameter, on the ladder that has one")


def _span(points: Points) -> tuple[float, float]:
    """Least and greatest 6ND."""
    C = 6.0 * points.N * points.D
    return float(C.min()), float(C.max())


def _budgets(C: ArrayLike | None, low: float, high: float) -> FloatArray:
    if C is None:
        return np.geomspace(min(low, high), max(low, high), BUDGETS)
    budgets = np.unique(np.atleast_1d(np.asarray(C, float)))
    if not ((budgets > 0.0) & np.isfinite(budgets)).all():
        raise ValueError("a budget must be positive and finite")
    return budgets


def _variance(handle: Handle, gradient: FloatArray) -> FloatArray:
    assert handle.covariance is not None
    variance: FloatArray = np.maximum(np.einsum("mi,ij,mj->m", gradient, handle.covariance, gradient), 0.0)
    return variance


def _ray(handle: Handle, C: FloatArray) -> _Ray:
    """Least loss at each budget: on the law's compute-optimal line, or of a law that knows C only."""
    if handle.law.form.has_d:
        line = frontier(handle, "compute", C)
        return _Ray(line.L, line.L_gradient, line.N, line.D)
    nowhere = np.full(C.size, np.nan)
    ray = _at_sizes(handle, C / 6.0, np.ones(C.size))
    return _Ray(ray.level, ray.gradient, nowhere, nowhere)


def _at_sizes(handle: Handle, N: FloatArray, D: FloatArray) -> _Ray:
    n, d = handle.coordinates(N, D)
    level = log_loss(handle.law.form, handle.theta, n, d)
    return _Ray(level, jacobian(handle.law.form, handle.theta, n, d), np.log(N), np.log(D))


def _pair(name: str, a: Handle, b: Handle) -> _Pair:
    """Both fits with the covariance of their coordinates, from the residuals of rungs that are pairs.

    To first order theta errs by A e with A = (J'WJ)^-1 J'W, so the covariance of both is c A P B' where P marks
    the pairs and c is the covariance of their errors; residuals are M e with M = I - J A, so the products of
    residuals over the pairs have the mean c tr(P'(M_a P M_b')).
    """
    P = _pairs(a.points, b.points)
    nothing = _Pair(name, a, b, np.zeros((a.law.k, b.law.k)), 0, 0.0)
    if not P.any() or a.covariance is None or b.covariance is None:
        return nothing
    onto_a, miss_a = _hat(a)
    onto_b, miss_b = _hat(b)
    expected = float(np.sum(P * (miss_a @ P @ miss_b.T)))
    products = float(_residuals(a) @ P @ _residuals(b))
    most = MOST_CORRELATED * a.noise * b.noise / float(np.linalg.norm(P, 2))
    shared = min(max(products / expected, -most), most) if expected > 0.0 else 0.0
    cross = shared * onto_a @ P @ onto_b.T
    noise = a.noise * b.noise
    return _Pair(name, a, b, cross, int(P.sum()), shared / noise if noise > 0.0 else 0.0)


def _pairs(a: Points, b: Points) -> FloatArray:
    """1 where a rung of A and one of B share N and D, (n_a, n_b)."""
    near = math.log1p(PAIRED)
    by_N = np.abs(np.log(a.N)[:, None] - np.log(b.N)[None, :]) <= near
    by_D = np.abs(np.log(a.D)[:, None] - np.log(b.D)[None, :]) <= near
    counted = (a.weights > 0.0)[:, None] & (b.weights > 0.0)[None, :]
    pairs: FloatArray = (by_N & by_D & counted).astype(float)
    return pairs


def _residuals(handle: Handle) -> FloatArray:
    centred = handle.centred
    residuals: FloatArray = centred.y - log_loss(handle.law.form, handle.theta, centred.n, centred.d)
    return residuals


def _hat(handle: Handle) -> tuple[FloatArray, FloatArray]:
    """What an error of each rung does to the coordinates (k, n), and to each residual (n, n)."""
    assert handle.covariance is not None
    centred = handle.centred
    J = jacobian(handle.law.form, handle.theta, centred.n, centred.d)
    onto = handle.covariance / max(handle.noise, 1e-300) ** 2 @ (J * centred.weights[:, None]).T
    return onto, np.eye(J.shape[0]) - J @ onto


def _at(
    i: int,
    C: float,
    forms: Sequence[_Pair],
    rays: Sequence[tuple[_Ray, _Ray]],
    points: tuple[Points, Points],
) -> AtBudget:
    gaps = [form.gap(_row(a, i), _row(b, i)) for form, (a, b) in zip(forms, rays, strict=True)]
    found = [(float(centre[0]), float(half[0])) for centre, half in gaps]
    dofs = [min(form.a.dof, form.b.dof) for form in forms]
    pooled = _pool(found, dofs)
    sides = [
        _least(
            [(form.a, form.b)[side] for form in forms], [_row(ray[side], i) for ray in rays], C, points[side]
        )
        for side in (0, 1)
    ]
    by_form = {form.name: _gap(*each) for form, each in zip(forms, found, strict=True)}
    factor = min(side.factor for side in sides)
    least = min(_span(each)[0] for each in points)
    is_beyond = factor > FAR or least > FAR * C
    return AtBudget(
        C=C,
        a=sides[0],
        b=sides[1],
        gap=pooled,
        by_form=by_form,
        equal=_equal(forms, sides, C, points, dofs),
        verdict=_verdict(pooled, is_beyond),
        warnings=_budget_warnings(sides, by_form),
    )


def _row(ray: _Ray, i: int) -> _Ray:
    at = slice(i, i + 1)
    return _Ray(ray.level[at], ray.gradient[at], ray.N[at], ray.D[at])


def _gap(centre: float, half: float) -> Gap:
    return Gap(centre, (centre - half, centre + half) if math.isfinite(half) else None)


def _pool(found: Sequence[tuple[float, float]], dofs: Sequence[int]) -> Gap:
    """Median of the forms' draws, equal weight each; from the least lower to the greatest upper end."""
    spread = np.array([NormalDist().inv_cdf((i + 0.5) / POOL_DRAWS) for i in range(POOL_DRAWS)])
    known = [
        (centre, half, dof)
        for (centre, half), dof in zip(found, dofs, strict=True)
        if math.isfinite(centre + half)
    ]
    if not known:
        return Gap(float(np.median([centre for centre, _ in found])), None)
    draws = np.concatenate([centre + half / t_quantile(LEVEL, dof) * spread for centre, half, dof in known])
    low = min(centre - half for centre, half, _ in known)
    high = max(centre + half for centre, half, _ in known)
    return Gap(float(np.median(draws)), (low, high))


def _least(handles: Sequence[Handle], rays: Sequence[_Ray], C: float, points: Points) -> Least:
    halves = []
    for handle, ray in zip(handles, rays, strict=True):
        if handle.covariance is None:
            halves.append(math.nan)
        else:
            halves.append(t_quantile(LEVEL, handle.dof) * math.sqrt(float(_variance(handle, ray.gradient)[0])))
    levels = [float(ray.level[0]) for ray in rays]
    pooled = _pool(list(zip(levels, halves, strict=True)), [handle.dof for handle in handles])
    sizes = [float(ray.N[0]) for ray in rays if math.isfinite(float(ray.N[0]))]
    N = math.exp(float(np.median(sizes))) if sizes else None
    D = None if N is None else C / (6.0 * N)
    ends = pooled.interval
    return Least(
        N=N,
        D=D,
        loss=math.exp(pooled.gap),
        interval=None if ends is None else (math.exp(ends[0]), math.exp(min(ends[1], 700.0))),
        factor=C / _span(points)[1],
        is_inside=None if N is None or D is None else _holds(points, N, D),
    )


def _holds(points: Points, N: float, D: float) -> bool:
    """Whether N and D lie within the ladder's ranges."""
    return bool(points.N.min() <= N <= points.N.max() and points.D.min() <= D <= points.D.max())


def _equal(
    forms: Sequence[_Pair], sides: Sequence[Least], C: float, points: tuple[Points, Points], dofs: Sequence[int]
) -> AtEqual | None:
    """Both at the geometric mean of their optimal sizes, where both ladders hold it."""
    if sides[0].N is None or sides[1].N is None:
        return None
    N = math.sqrt(sides[0].N * sides[1].N)
    D = C / (6.0 * N)
    if not all(_holds(each, N, D) for each in points):
        return None
    at = (np.array([N]), np.array([D]))
    found = [form.gap(_at_sizes(form.a, *at), _at_sizes(form.b, *at)) for form in forms]
    return AtEqual(N, D, _pool([(float(centre[0]), float(half[0])) for centre, half in found], dofs))


def _verdict(gap: Gap, is_beyond: bool) -> Verdict:
    if is_beyond:
        return "beyond both ladders"
    if gap.interval is None or gap.interval[0] <= 0.0 <= gap.interval[1]:
        return "cannot tell"
    return "A better" if gap.interval[1] < 0.0 else "B better"


def _budget_warnings(sides: Sequence[Least], by_form: Mapping[str, Gap]) -> tuple[Warned, ...]:
    found = []
    for name, side in zip("AB", sides, strict=True):
        if side.factor > FAR:
            text = f"{format_size(side.factor, 2)} times beyond the largest run of {name}."
            found.append(Warned("far-extrapolation", text))
        if side.is_inside is False:
            found.append(Warned("outside-hull", f"No run of {name} near its optimal N and D."))
    sure = {form: _verdict(gap, False) for form, gap in by_form.items()}
    if {"A better", "B better"} <= set(sure.values()):
        said = ", ".join(f"{form} {word}" for form, word in sure.items())
        found.append(Warned("form-dependent", f"The forms disagree: {said}."))
    return tuple(found)


def _exponents(names: Sequence[str], a: Mapping[str, Fit], b: Mapping[str, Fit]) -> tuple[Exponent, ...]:
    found = []
    for law in names:
        wanted = [each.name for each in law_by_name(law).parameters if not each.is_scale and each.name != "g"]
        for name in (*wanted, *a[law].derived):
            values = [{**fits[law].params, **fits[law].derived}[name] for fits in (a, b)]
            ends = [fits[law].intervals.get(name) for fits in (a, b)]
            found.append(Exponent(law, name, values[0], values[1], ends[0], ends[1]))
    return tuple(found)


def _warnings(exponents: Sequence[Exponent]) -> tuple[Warned, ...]:
    alike: dict[str, list[str]] = {}
    for each in exponents:
        if each.overlaps:
            alike.setdefault(each.law, []).append(each.name)
    if not alike:
        return ()
    named = "; ".join(f"{law} {', '.join(names)}" for law, names in alike.items())
    text = f"The intervals overlap ({named}); compared at equal C instead."
    return (Warned("overlapping-exponents", text),)
