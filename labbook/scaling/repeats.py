"""What repeated runs say: the noise between seeds, and whether a law misses by more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbook.scaling.form import FloatArray
from labbook.scaling.tquantile import f_tail
from labbook.scaling.values import Fit, Warned

DEFAULT_SEED_SD = 0.0005
RUNS_NEEDED = 4
REJECTED_AT = 0.01


@dataclass(frozen=True, slots=True)
class PureError:
    """Scatter of ln L between runs of one (N, D) and recipe."""

    sum_of_squares: float
    dof: int
    runs: int
    groups: int

    @property
    def is_known(self) -> bool:
        """Whether enough runs stand in repeats to speak of a scatter."""
        return self.runs >= RUNS_NEEDED and self.dof > 0

    @property
    def sd(self) -> float:
        """Pooled standard deviation of ln L, or the usual one where there are too few repeats."""
        return float(np.sqrt(self.sum_of_squares / self.dof)) if self.is_known else DEFAULT_SEED_SD

    @property
    def source(self) -> str:
        """`12 runs in 5 repeats` or `default`."""
        return f"{self.runs} runs in {self.groups} repeats" if self.is_known else "default"


def pure_error(L: FloatArray, repeats: Sequence[Sequence[int]]) -> PureError:
    """Pooled over groups of positions in L (n,); groups of one run say nothing.

    Raises ValueError where a position is out of range or stands in two groups.
    """
    groups = [sorted(set(group)) for group in repeats if len(set(group)) > 1]
    flat = [index for group in groups for index in group]
    if len(flat) != len(set(flat)) or any(not 0 <= index < L.size for index in flat):
        raise ValueError("repeats must be groups of positions in the rungs, each in one group only")
    squares = sum(float(np.sum((np.log(L[group]) - np.log(L[group]).mean()) ** 2)) for group in groups)
    return PureError(squares, len(flat) - len(groups), len(flat), len(groups))


def lack_of_fit(fit: Fit, error: PureError) -> Warned | None:
    """The warning of a law the repeats reject at 1 %, or None: both halves, rejected and how accurate."""
    dof = fit.n - fit.k - error.dof
    if not error.is_known or dof <= 0 or error.sum_of_squares <= 0.0:
        return None
    rss = fit.rms_log**2 * fit.n
    F = max(rss - error.sum_of_squares, 0.0) / dof / (error.sum_of_squares / error.dof)
    if f_tail(F, dof, error.dof) >= REJECTED_AT:
        return None
    text = f"{fit.law}: rejected by the repeats (F {F:.3g}), yet accurate to {100 * fit.rms_log:.2g} %."
    return Warned("lack-of-fit", text)
