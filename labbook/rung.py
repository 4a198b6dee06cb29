"""A finished run reduced to the point a law is fitted to."""

from __future__ import annotations

import fnmatch
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from labbook.choices import DROP_RUN, MIN_RATIO, Rule
from labbook.summary import Level

SAME = 0.01
"""Relative difference below which two N, two D or two learning rates are the same."""
BIN = 2.0 * SAME
"""Of ln N and of ln D: what is the same lies in one bin or in neighbouring ones."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One finished run reduced to the point a law is fitted to."""

    run_id: str
    name: str
    N: float
    D: float
    """By the ladder's D reading."""
    C: float
    """6 N x tokens seen: what training cost, whatever D means; N active of a mixture of experts."""
    loss: float
    level: Level
    epochs: float | None = None
    """Tokens seen over unique tokens."""


class Placed(Protocol):
    """A run with its place on a ladder."""

    @property
    def run_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def N(self) -> float: ...
    @property
    def D(self) -> float: ...
    @property
    def epochs(self) -> float | None: ...


Of = TypeVar("Of", bound=Placed)


def cells(rungs: Sequence[Of]) -> list[list[Of]]:
    """Rungs with the same N, D and epochs within 1 %, cell by cell; epochs count where both are known."""
    found: list[list[Of]] = []
    by_bin: defaultdict[tuple[int, int], list[int]] = defaultdict(list)  # places in `found`
    for rung in sorted(rungs, key=lambda r: (r.N, r.D, r.name, r.run_id)):
        n, d = _bin(rung.N), _bin(rung.D)
        around = ((x, z) for x in (n - 1, n, n + 1) for z in (d - 1, d, d + 1))
        near = sorted(place for key in around for place in by_bin.get(key, ()))
        same = next((place for place in near if _same_cell(found[place][0], rung)), None)
        if same is None:
            by_bin[n, d].append(len(found))
            found.append([rung])
        else:
            found[same].append(rung)
    return found


def _bin(value: float) -> int:
    return math.floor(math.log(max(value, sys.float_info.min)) / BIN)


def _same_cell(a: Placed, b: Placed) -> bool:
    return close(a.N, b.N) and close(a.D, b.D) and same_epochs(a, b)


def repeats(rungs: Sequence[Placed]) -> tuple[tuple[int, ...], ...]:
    """Positions of the rungs that share N and D, cell by cell; a rung alone in its cell is in none."""
    index = {r.run_id: i for i, r in enumerate(rungs)}
    return tuple(tuple(index[r.run_id] for r in cell) for cell in cells(rungs) if len(cell) > 1)


def weights(rungs: Sequence[Placed], choice: str) -> list[float] | None:
    """Weight of each rung in the objective; None where all count alike.

    choice: `equal`, or `repeats` where every (N, D) counts once.
    """
    if choice == "equal":
        return None
    share = {r.run_id: 1.0 / len(cell) for cell in cells(rungs) for r in cell}
    return [share[r.run_id] for r in rungs]


def drop(rungs: Sequence[Rung], rules: Iterable[Rule]) -> tuple[list[Rung], list[tuple[Rung, Rule]]]:
    """The rungs that stay, and each that goes with the rule that takes it.

    Every rule sees what the ones before it left.
    """
    kept, gone = list(rungs), []
    for rule in rules:
        taken = {r.run_id for r in _taken(kept, rule)}
        gone += [(r, rule) for r in kept if r.run_id in taken]
        kept = [r for r in kept if r.run_id not in taken]
    return kept, gone


def _taken(rungs: Sequence[Rung], rule: Rule) -> list[Rung]:
    if rule.name == DROP_RUN:
        exact = [r for r in rungs if rule.argument in (r.run_id, r.name)]
        return exact or [r for r in rungs if fnmatch.fnmatchcase(r.name, rule.argument)]
    if rule.name == MIN_RATIO:
        least = float(rule.argument)
        return [r for r in rungs if least > r.D / r.N]
    by_loss = sorted(rungs, key=lambda r: (-r.loss, r.name, r.run_id))
    return by_loss[: int(rule.argument)]


def largest(rungs: Sequence[Of]) -> Of:
    """The rung of most compute, 6 N D; of equals the one of most parameters."""
    return max(rungs, key=lambda r: (r.N * r.D, r.N, r.name, r.run_id))


def same_epochs(a: Placed, b: Placed) -> bool:
    """Whether both went over their data as often, as far as that is known."""
    return a.epochs is None or b.epochs is None or close(a.epochs, b.epochs)


def close(a: float, b: float) -> bool:
    """Whether two figures are the same within 1 %."""
    return abs(a - b) <= SAME * max(abs(a), abs(b))


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b, c and 7 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
