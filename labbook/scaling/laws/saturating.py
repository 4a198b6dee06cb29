"""Every law of a bounded metric at once: logistic, bounded power, repeated sampling."""

from __future__ import annotations

from labbook.scaling.laws import bounded_power, logistic, repeated_sampling
from labbook.scaling.laws.metric import MetricLaws

LAW = MetricLaws(
    name="saturating",
    title="Saturating laws, compared",
    source="each law's own",
    laws=(logistic.LAW, bounded_power.LAW, repeated_sampling.LAW),
)
