"""What the law in front owes to single choices: the fit without some rungs, and under another objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbook.scaling.compare import OBJECTIVE_SHIFT
from labbook.scaling.fit import try_fit
from labbook.scaling.influence import drop_curve, influential, leave_groups_out
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE
from labbook.scaling.solve import HUBER_FROM, LEAST_SQUARES, read_objective
from labbook.scaling.values import Fit, FitStatus, Influence, Warned

FloatArray = NDArray[np.float64]

UNDERTRAINED = "D/N < 1"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How firmly one fit stands."""

    influence: tuple[Influence, ...] = ()
    drops: tuple[Influence, ...] = ()
    robust: Fit | None = None
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rungs of a fit as arrays of one length."""

    N: FloatArray
    D: FloatArray
    L: FloatArray
    weights: list[float] | None
    """None where all rungs count alike."""


def sensitivity(best: Fit | None, rows: Rows, objective: str, target: tuple[float, float]) -> Sensitivity:
    """Everything of a law fitted by least squares in logs; nothing where its parameters are not to be shown.

    objective: of the second fit, as `scaling.solve.read_objective` reads it. target: N and D of a run whose
    loss each refit predicts.
    """
    if best is None or best.status in (FitStatus.UNIDENTIFIED, FitStatus.NOT_CONVERGED):
        return Sensitivity()
    groups = leave_groups_out(best, target)
    drops = (*drop_curve(best, "loss", target), *drop_curve(best, "residual", target))
    robust = second_fit(best, rows, objective)
    found = influential(best, groups) if best.status is FitStatus.CONVERGED else []
    found += _undertrained(best, groups) + _objective_sensitive(best, robust)
    warnings = tuple(Warned(w.code, f"{best.law}: {w.text}") for w in found)
    return Sensitivity(tuple(groups), drops, robust, warnings)


def second_fit(best: Fit, rows: Rows, objective: str) -> Fit | None:
    """The law under another objective, or None: `auto` has none below 12 rungs.

    Its own intervals are those of the engine; a robust objective has no standard error in closed form, so that
    where it is shown, `resampling` gives it those of a bootstrap.
    """
    if objective == "auto" and best.n < HUBER_FROM:
        return None
    name, _ = read_objective(objective, best.n)
    if name == LEAST_SQUARES:
        return None
    other = try_fit(best.law, rows.N, rows.D, rows.L, objective=name, weights=rows.weights)
    if not isinstance(other, Fit) or other.status in (FitStatus.UNIDENTIFIED, FitStatus.NOT_CONVERGED):
        return None
    return other


def _undertrained(best: Fit, groups: Sequence[Influence]) -> list[Warned]:
    """What the rungs below one token per parameter do to the exponent of compute."""
    group = next((x for x in groups if x.group == UNDERTRAINED), None)
    if group is None or group.a is None:
        return []
    text = f"Without {group.group}, a moves from {best.derived[EXPONENT_OF_COMPUTE]:.3f} to {group.a:.3f}."
    return [Warned("very-undertrained-points", text)]


def _objective_sensitive(best: Fit, robust: Fit | None) -> list[Warned]:
    """The Chinchilla form is watched by the comparison itself."""
    if robust is None or best.law == "chinchilla" or EXPONENT_OF_COMPUTE not in best.derived:
        return []
    a = [fit.derived[EXPONENT_OF_COMPUTE] for fit in (best, robust)]
    if abs(a[0] - a[1]) <= OBJECTIVE_SHIFT:
        return []
    text = f"The answer depends on the objective: a = {a[0]:.3f} or {a[1]:.3f}."
    return [Warned("objective-sensitive", text)]
