"""What a person chooses of a fit: reading of D, rungs to drop by rule, objective, weights.

The defaults are the documented ones. Whatever differs from them changes a ladder's digest and stands in its
method block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from labbook.errors import UsageError

DROP_RUN = "drop-run"
MIN_RATIO = "min-tokens-per-param"
TOP_LOSSES = "drop-top-losses"
RULES = {
    DROP_RUN: "name, id or glob",
    MIN_RATIO: "D/N",
    TOP_LOSSES: "how many",
}
"""Outlier rules by name in the order they are applied, each with what follows its colon."""
WEIGHTS = ("equal", "repeats")


@dataclass(frozen=True, slots=True)
class Rule:
    """An outlier rule with its argument, spelt the one canonical way."""

    name: str
    """Of RULES."""
    argument: str

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}"


@dataclass(frozen=True, slots=True)
class Choices:
    """How a ladder is read and fitted."""

    reading: str | None = None
    """D as `unique` or `seen`; None where the runs decide."""
    drop: tuple[Rule, ...] = ()
    """Each once, in the order of RULES."""
    objective: str = "auto"
    """Of the fit shown beside the least-squares one; `auto` is Huber's from 12 rungs on."""
    weights: str = "equal"
    """`repeats` lets every (N, D) count once, however many runs it has."""

    def __str__(self) -> str:
        rules = " ".join(map(str, self.drop)) or "none"
        return f"reading {self.reading}; drop {rules}; objective {self.objective}; weights {self.weights}"


DEFAULT = Choices()
"""What is done where nobody chooses."""


def parse_rules(texts: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of a command line, each once, in the order they are applied.

    Raises UsageError for one that is not known or whose argument cannot be read.
    """
    found = dict.fromkeys(parse_rule(text) for text in texts)
    order = list(RULES)
    return tuple(sorted(found, key=lambda rule: (order.index(rule.name), rule.argument)))


def parse_rule(text: str) -> Rule:
    """`drop-top-losses:3` as a Rule.

    Raises UsageError for a rule that is not known or an argument that cannot be read.
    """
    name, _, argument = (part.strip() for part in text.partition(":"))
    if name not in RULES:
        known = ", ".join(f"{rule}:<{what}>" for rule, what in RULES.items())
        raise UsageError(f"no outlier rule {text!r}", f"known: {known}")
    if not argument:
        raise UsageError(f"{name} needs {RULES[name]} after a colon", f"such as {_EXAMPLES[name]}")
    return Rule(name, argument if name == DROP_RUN else _number(name, argument))


_EXAMPLES = {
    DROP_RUN: "drop-run:190M-1xC or drop-run:'*-rerun'",
    MIN_RATIO: "min-tokens-per-param:1",
    TOP_LOSSES: "drop-top-losses:3",
}


def _number(name: str, argument: str) -> str:
    try:
        value = float(argument)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf or (name == TOP_LOSSES and value != int(value)):
        kind = "a whole number above 0" if name == TOP_LOSSES else "a number above 0"
        raise UsageError(f"{name} takes {kind}, not {argument!r}", f"such as {_EXAMPLES[name]}")
    return f"{value:.12g}"
