"""Several laws of a metric on the same points, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.laws.metric import MetricLaw
from labbook.scaling.metric import fit_metric
from labbook.scaling.metric_predict import predict, reach
from labbook.scaling.metric_values import MetricComparison, MetricFit
from labbook.scaling.points import digest
from labbook.scaling.values import Refusal


def compare_metric(
    laws: Sequence[MetricLaw],
    x: ArrayLike,
    p: ArrayLike,
    items: ArrayLike | None = None,
    *,
    lo: float | None = 0.0,
    hi: float | None = 1.0,
    least_squares: bool = False,
    at: Sequence[float] = (),
    levels: Sequence[float] = (),
) -> MetricComparison:
    """The laws fitted to shares p at resources x, (n,) each, with what each says `at` x and for `levels` of p.

    Arguments and ValueError as `fit_metric`. The preferred law has the least AICc.
    """
    x_, p_ = np.asarray(x, float), np.asarray(p, float)
    m_ = None if items is None else np.broadcast_to(np.asarray(items, float), x_.shape)
    results = {law.name: fit_metric(law, x_, p_, m_, lo=lo, hi=hi, least_squares=least_squares) for law in laws}
    fits = {name: result for name, result in results.items() if isinstance(result, MetricFit)}
    return MetricComparison(
        x=tuple(map(float, x_)),
        p=tuple(map(float, p_)),
        items=None if m_ is None else tuple(map(float, m_)),
        fits=fits,
        refused={name: result for name, result in results.items() if isinstance(result, Refusal)},
        preferred=_preferred(fits),
        predicted={name: tuple(predict(fit, value) for value in at) for name, fit in fits.items()},
        reached={name: tuple(reach(fit, value) for value in levels) for name, fit in fits.items()},
        digest=digest(x_, np.ones_like(x_) if m_ is None else m_, p_),
    )


def _preferred(fits: dict[str, MetricFit]) -> str | None:
    """Law of least AICc; of least rms where one has none, or where they were not fitted alike."""
    alike = len({(fit.objective, fit.n) for fit in fits.values()}) == 1
    scores = {name: fit.aicc for name, fit in fits.items() if fit.aicc is not None}
    if alike and len(scores) == len(fits) and scores:
        return min(scores, key=lambda name: scores[name])
    return min(fits, key=lambda name: fits[name].rms, default=None)
