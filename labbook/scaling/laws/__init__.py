"""The laws labbook can fit. A new one is a file here and a line in LAWS."""

from labbook.errors import NotFoundError
from labbook.scaling.laws import chinchilla, compute, general, kaplan, kaplan_floor
from labbook.scaling.laws.base import Law

LAWS: tuple[Law, ...] = (kaplan.LAW, kaplan_floor.LAW, chinchilla.LAW, general.LAW, compute.LAW)
"""In the order tables show them; where laws tie, the earlier one is named."""


def law_by_name(name: str) -> Law:
    """The law of that name.

    Raises NotFoundError, which lists the known names.
    """
    for law in LAWS:
        if law.name == name:
            return law
    raise NotFoundError(f"no law named {name!r}", hint="known laws: " + ", ".join(law.name for law in LAWS))


__all__ = ["LAWS", "Law", "law_by_name"]
