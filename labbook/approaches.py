"""Every way to the compute-optimal allocation that a ladder allows, side by side (science.md 2.2).

Two approaches on one ladder differ by up to .10 in the exponent; one of them alone would hide that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbook.scaling.codes import warned
from labbook.scaling.envelope import NAME as ENVELOPE
from labbook.scaling.envelope import Curve, envelope
from labbook.scaling.isoflop import LEAST_SIZES, isoflop
from labbook.scaling.parametric import NAME as PARAMETRIC
from labbook.scaling.parametric import parametric
from labbook.scaling.values import Approach, Comparison, Refusal

SAME_CONVENTION = 1.1
"""Factor within which C/(6ND) may vary."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Whole training curves, for the lower envelope."""

    N: ArrayLike
    """(runs,)."""
    curves: Sequence[Curve]
    """Tokens seen and loss of each run."""
    decays: bool
    """The learning rate falls along a curve."""


def approaches_of(
    N: ArrayLike,
    C: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    comparison: Comparison,
    curves: Curves | None = None,
    *,
    repeated: bool = False,
) -> tuple[Approach, ...]:
    """Approach 1 where there are curves, approach 2 by both estimators, approach 3 by every law of N and D.

    N, C, D, L: (n,) of the rungs, C the training FLOP. A law that is not pooled is refused with the reason.
    repeated: D counts unique tokens that were seen more than once, so C/(6ND) varies whatever the convention.
    Raises ValueError for arrays that do not fit together, FitError for fits read back from a store.
    """
    found = [envelope(curves.curves, curves.N, decays=curves.decays)] if curves is not None else []
    found += _isoflop(N, C, L)
    if not repeated:
        found = _same_convention(found, N, C, D)
    return (*found, *_parametric(comparison))


def _isoflop(N: ArrayLike, C: ArrayLike, L: ArrayLike) -> list[Approach]:
    """Both estimators, or one refusal where neither has three budgets."""
    parabola, akima = isoflop(N, C, L)
    if parabola.refused is None or akima.refused is None:
        return [parabola, akima]
    if not any(b.n >= LEAST_SIZES for b in parabola.points):
        parabola = replace(parabola, points=())
    return [parabola]


def _same_convention(found: list[Approach], N: ArrayLike, C: ArrayLike, D: ArrayLike) -> list[Approach]:
    """The approaches by C, warned where C is not counted alike for all rungs."""
    ratio: FloatArray = np.asarray(C, float) / (6.0 * np.asarray(N, float) * np.asarray(D, float))
    if not ratio.size or ratio.max() <= SAME_CONVENTION * ratio.min():
        return found
    mixed = warned("flop-convention-mixed", share=f"{100 * (ratio.max() / ratio.min() - 1):.0f}")
    by_C = [x.name != ENVELOPE and x.a is not None for x in found]
    return [replace(x, warnings=(*x.warnings, mixed)) if y else x for x, y in zip(found, by_C, strict=True)]


def _parametric(comparison: Comparison) -> list[Approach]:
    """Of the pooled laws of N and D; of the others the reason why not. A law of one exponent fixes a at 1/2."""
    fits = {law: fit for law, fit in comparison.fits.items() if not fit.handle.law.form.tied}
    return [x if x.law in comparison.admitted else _not_pooled(x, comparison) for x in parametric(fits)]


def _not_pooled(found: Approach, comparison: Comparison) -> Approach:
    reason = comparison.left_out_of_pool.get(found.law, "not pooled")
    if found.refused is not None:
        return found
    refused = Refusal("not-pooled", f"{found.law}: {reason}")
    return Approach(PARAMETRIC, None, None, None, law=found.law, refused=refused)
