"""What fits and regimes return: frozen values that say how far they can be trusted.

This module imports nothing heavy, so screens and reports can speak of fits without numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Interval = tuple[float, float]


class FitStatus(Enum):
    """How a fit ended."""

    CONVERGED = "converged"
    AT_BOUND = "at-bound"
    """Best value on a bound; `Fit.bound` names the parameters."""
    NOT_CONVERGED = "not-converged"
    """Never shown as a result."""
    UNIDENTIFIED = "unidentified"
    """The points do not determine the parameters; predictions inside the hull stand."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning with its stable code (science.md section 10) and its sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no number, and what would settle it."""

    code: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Fit:
    """A law fitted to rungs. Values in the rungs' own loss unit, N and D as given."""

    law: str
    equation: str
    status: FitStatus
    n: int
    k: int
    params: dict[str, float]
    """By their paper names, full precision."""
    intervals: dict[str, Interval]
    """95 %, by the same names; absent where no interval can be stood behind (a bound, unidentified)."""
    interval_method: str
    """`delta-t` or why there is none."""
    objective: str
    """`least-squares-log` or `huber:0.001`."""
    objective_value: float
    """Sum over the points, not the mean."""
    rms_log: float
    max_resid_log: float
    aicc: float | None
    """None where n - k' - 1 <= 0."""
    residuals: tuple[float, ...]
    """ln L observed - ln L fitted, in the order of the points."""
    starts: int
    starts_at_best: int
    """Of those that ended; a start given up once most had met is not counted."""
    distinct_optima: int
    tolerance: float
    condition: float
    """Of the column-normalised centred Jacobian at the fit."""
    corr: float
    """Between ln N and ln D of the points."""
    bound: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    derived: dict[str, float] = field(default_factory=dict)
    """What follows from the parameters: `a`, the exponent of N in C at the compute optimum. Its interval stands
    in `intervals` under the same name."""
    handle: Any = field(default=None, repr=False, compare=False)
    """What `scaling.predict` needs: centred parameters, covariance. Not for others."""


@dataclass(frozen=True, slots=True)
class Gains:
    """Finite gains of one form or of the pool at one (N, D), in the loss unit: medians, 90 % intervals."""

    g_tokens: float
    """L(N, D) - L(N, 2D)."""
    g_tokens_interval: Interval
    g_params: float
    """L(N, D) - L(2N, D)."""
    g_params_interval: Interval
    p_data: float
    """P(rho > 1.5), rho = g_tokens / g_params."""
    p_balanced: float
    p_model: float
    """P(rho < 1/1.5)."""
    margin: float
    """Median of ln rho."""
    label: str
    """data-limited, model-limited, balanced or inconclusive (no probability reaches .8)."""
    tokens_from: str = "pool"
    """What g_tokens was read from: the `pool` of laws, or the run's own `curve`."""


@dataclass(frozen=True, slots=True)
class OwnGain:
    """What twice the tokens would buy a run at a constant learning rate, by its own curve."""

    g: float
    """L(D) - L(2D), in the loss unit."""
    interval: Interval
    """90 %."""
    n: int
    """Points of the curve it rests on."""


@dataclass(frozen=True, slots=True)
class Regime:
    """What limits a run at (N, D)."""

    label: str
    """data-limited, model-limited, balanced, under-trained or inconclusive."""
    N: float
    D: float
    pooled: Gains | None
    by_form: dict[str, Gains]
    data_share: float | None
    """s_D of the Kaplan form fitted to this ladder."""
    elasticity_N: float | None
    """-dlnL/dlnN of the preferred law."""
    elasticity_D: float | None
    form_dependent: bool
    repeat_limited: bool = False
    refused: Refusal | None = None
    remaining_drop: float | None = None
    """Of an unfinished run: its loss now less the pool's prediction at its horizon, in the loss unit."""
    settle: str = ""
    """Of an inconclusive verdict on a ladder that passes the gate: the run that could settle it."""

    @property
    def best_per_doubling(self) -> float | None:
        """Share of the loss that twice the compute takes off where it is best spent: 1 - 2^-max(e_N, e_D)."""
        if self.elasticity_N is None or self.elasticity_D is None:
            return None
        return float(1.0 - 2.0 ** -max(self.elasticity_N, self.elasticity_D))


@dataclass(frozen=True)
class Comparison:
    """Every law fitted to the same rungs, and which may be pooled."""

    fits: dict[str, Fit]
    """Least-squares log fits by law name; those that could be made."""
    refused: dict[str, Refusal]
    admitted: tuple[str, ...]
    """Pooled for forecasts and regimes (science.md 4.2)."""
    left_out_of_pool: dict[str, str]
    """Law name to the reason it is not pooled."""
    preferred: str | None
    """Admitted law of least AICc."""
    preferred_by_holdout: str | None
    holdout: dict[str, tuple[float, float]]
    """Law name to (rms, worst) log error on the largest N when fitted without it."""
    seed_sd: float
    seed_sd_source: str
    """`12 runs in 5 repeats` or `default`."""
    gate: Refusal | None
    """Why no regime can be given, or None."""
    warnings: tuple[Warned, ...]
    digest: str
    """sha256 of the rows N, D, L to 12 digits, sorted: seeds everything random."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The least loss at one compute budget, found among the runs of that budget (isoFLOP)."""

    C: float
    """Training FLOP, by the ladder's convention: median of the runs."""
    n: int
    """Runs of this budget that were used."""
    N: float | None
    """Size of least loss: the fitted vertex, never the nearest run; None where `refused`."""
    N_interval: Interval | None
    """95 %."""
    loss: float | None
    method: str
    """parabola, akima or envelope."""
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Approach:
    """One way to the compute-optimal allocation: ln N_opt = ln_k + a ln C (science.md 2.2)."""

    name: str
    """envelope (approach 1), isoflop (approach 2), isoflop-akima or parametric (approach 3)."""
    a: float | None
    """Exponent of N_opt in C; b = 1 - a is that of D_opt. None where `refused`."""
    a_interval: Interval | None
    """95 %."""
    ln_k: float | None
    points: tuple[Budget, ...] = ()
    law: str = ""
    """Of approach 3: the law whose parameters give it."""
    warnings: tuple[Warned, ...] = ()
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Influence:
    """A fit without some of its rungs."""

    group: str
    """What was left out: `N = 190M`, `C = 1.2e19`, `D/N < 1`, `3 largest losses`."""
    left_out: tuple[int, ...]
    """Positions in the caller's arrays."""
    params: dict[str, float]
    a: float | None
    """Exponent of N in C at the compute optimum; None for a law of compute."""
    prediction: float | None
    """Loss at the target, where one was given."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """Bootstrap intervals of one law's parameters (science.md 4.1)."""

    law: str
    objective: str
    intervals: dict[str, Interval]
    """95 % percentile interval by parameter name, and of `a`."""
    draws: int
    failed: int
    strata: int
    seed: str


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run that does not exist yet, and how much it would narrow a wanted quantity (science.md 4.5)."""

    N: float
    D: float
    C: float
    reduction: float
    """Share of the variance of the wanted quantity that goes, 0 to 1."""
    per_flop: float
    """Share per training FLOP."""
    is_inside: bool
    """Within the sizes and tokens of the ladder."""


@dataclass(frozen=True, slots=True)
class NextRuns:
    """What to run next: the wanted quantity, the run that narrows it most, and the cheapest that does."""

    wanted: str
    """In words: `ln rho at 124M, 7.5B`."""
    law: str
    sd: float
    """Standard deviation of the wanted quantity now, with the prior."""
    best: NextRun
    cheapest: NextRun
    """Largest reduction per FLOP."""
    candidates: tuple[NextRun, ...]
    """All of them, the best first."""


@dataclass(frozen=True, slots=True)
class RepeatedFit:
    """What repeating data costs on this ladder (science.md 2.8): the law of repeated data refitted to it."""

    n: int
    n_repeated: int
    """Rungs of more than one epoch."""
    params: dict[str, float]
    """E, A, B, alpha, beta, R_D, R_N by their paper names, full precision; held ones are in `held`."""
    held: tuple[str, ...]
    intervals: dict[str, Interval]
    """95 % by bootstrap over runs."""
    rms_log: float
    objective: str
    objective_value: float
    status: FitStatus
    worth: tuple[tuple[float, float], ...]
    """(epochs, D'/U): what tokens seen at that many epochs are worth, in units of the unique tokens."""
    draws: int
    failed: int
    seed: str
    warnings: tuple[Warned, ...] = ()
