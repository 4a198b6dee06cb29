"""What a plan returns: where a budget goes by each law, and how far that can be trusted.

Frozen values that import nothing heavy, as `scaling.values`. Every interval is one of 90 %.
"""

from __future__ import annotations

from dataclasses import dataclass

from labbook.scaling.values import Interval, NextRuns, Refusal, Warned

POOLED = "pooled"
"""Stands where a law's name would: all laws together."""
LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 90 % interval, None where none can be stood behind."""

    value: float
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where the least loss is by one law, or by all of them. The given one of C, N, D has no interval."""

    law: str
    C: Estimate
    """Training FLOP, 6ND."""
    N: Estimate
    D: Estimate
    ratio: Estimate
    """D/N, tokens per parameter."""
    loss: Estimate
    """Of one new run there, its noise included."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What doubling a resource takes off the loss, in the loss unit."""

    of: str
    """tokens, params or compute. Each costs twice the compute; `compute` is spent as the law would spend it."""
    pooled: Estimate
    by_law: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Forecast:
    """One (N, D): its loss by every law, what the next doubling is worth there, how far off the runs it is."""

    N: float
    D: float
    C: float
    loss: Estimate
    """Pooled, of one new run."""
    by_law: dict[str, Estimate]
    excess: Estimate
    """Loss above the optimum of the same C, in the loss unit."""
    gains: tuple[Gain, ...]
    factor_N: float
    """N over the largest N of the ladder."""
    factor_D: float
    factor_C: float
    warnings: tuple[Warned, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """An allocation of the same C that is not the pooled optimum: how much loss it gives away."""

    name: str
    """`N x 0.5`, or the paper."""
    N: float
    D: float
    excess: Estimate
    """Above each law's own optimum at this C, in the loss unit: median and range over the pooled draws."""
    by_law: dict[str, float]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """The cheapest model of the loss that the training optimum reaches, counting what it will serve."""

    law: str
    N: Estimate
    D: Estimate
    loss: Estimate
    """Of one new run."""
    training: float
    """FLOP, 6ND."""
    serving: float
    """FLOP, 2N a token served."""
    saving: float
    """Share of the training optimum's total that goes, 0 to 1."""


@dataclass(frozen=True)
class Plan:
    """Where the next unit of a budget goes, by every admitted law that has an opinion and pooled."""

    given: str
    """compute, tokens or params."""
    amount: float
    laws: tuple[Allocation, ...]
    pooled: Allocation
    left_out: dict[str, str]
    """Admitted law to the reason it allocates nothing."""
    here: Forecast
    """At the pooled optimum."""
    beside: tuple[Beside, ...]
    """N smaller and larger at the same C."""
    published: tuple[Beside, ...]
    """Allocations of papers at the same C, for comparison only."""
    frontier: tuple[Allocation, ...]
    """Pooled, from the least C of the ladder to the budget in half decades."""
    at: Forecast | None = None
    served: float | None = None
    """Tokens to be served."""
    serving: tuple[Serving, ...] = ()
    """By law, the pooled one last."""
    next_runs: NextRuns | Refusal | None = None
    warnings: tuple[Warned, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class OneResource:
    """What is left where no allocation can be given: the loss by the one resource the ladder tells apart."""

    refused: Refusal
    law: str | None
    """None where the budget says nothing of that resource, or no law could be fitted."""
    equation: str
    N: float | None
    """None by a law of compute, which knows no division of it."""
    D: float | None
    C: float | None
    loss: Estimate | None
    """Of one new run."""
    warnings: tuple[Warned, ...] = ()
    digest: str = ""
