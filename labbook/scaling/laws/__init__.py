"""The laws labbook can fit. A new one is a file here and a line in LAWS."""

from labbook.errors import NotFoundError, UsageError
from labbook.scaling.laws import (
    bounded_power,
    chinchilla,
    collapse,
    compute,
    general,
    kaplan,
    kaplan_c,
    kaplan_d,
    kaplan_floor,
    kaplan_n,
    kaplan_steps,
    logistic,
    multi_power,
    overtraining,
    repeated,
    repeated_sampling,
    saturating,
    tissue,
    tokens,
    width,
)
from labbook.scaling.laws.base import Described, Law

FAMILY: tuple[Law, ...] = (
    kaplan.LAW,
    kaplan_floor.LAW,
    chinchilla.LAW,
    general.LAW,
    overtraining.LAW,
    compute.LAW,
    kaplan_c.LAW,
    width.LAW,
    kaplan_n.LAW,
    tokens.LAW,
    kaplan_d.LAW,
    kaplan_steps.LAW,
)
"""Laws of a ladder's rungs that one solver fits, in the order tables show them; of laws that tie the earlier
one is named."""

LAWS: tuple[Described, ...] = (
    *FAMILY,
    repeated.LAW,
    logistic.LAW,
    bounded_power.LAW,
    repeated_sampling.LAW,
    saturating.LAW,
    tissue.LAW,
    multi_power.LAW,
    collapse.LAW,
)
"""Every law."""

_FITTED_BY = {
    "curve": "is a law of one run's curve: labbook fit RUN --law {name}",
    "metric": "is a law of a metric: labbook fit TABLE --law {name} --x COLUMN --y COLUMN",
    "ladder": "is fitted by itself: labbook fit LADDER --law {name}",
}


def described(name: str) -> Described:
    """The law of that name.

    Raises NotFoundError, which lists the known names.
    """
    for law in LAWS:
        if law.name == name:
            return law
    raise NotFoundError(f"no law named {name!r}", hint="known laws: " + ", ".join(law.name for law in LAWS))


def law_by_name(name: str) -> Law:
    """The law of that name, of those fitted to the rungs of a ladder by `scaling.fit`.

    Raises NotFoundError as `described`, UsageError for a law that is fitted to something else.
    """
    law = described(name)
    if isinstance(law, Law):
        return law
    raise UsageError(f"{name} {_FITTED_BY[law.subject].format(name=name)}")


__all__ = ["FAMILY", "LAWS", "Described", "Law", "described", "law_by_name"]
