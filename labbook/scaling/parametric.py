"""Approach 3 to the compute-optimal allocation: what the laws of N and D say.

Hoffmann et al. 2022, section 3.3. At C = 6ND the optimum of every law of the family is a power law,
N_opt = k C^a (`scaling.optimum`), so a and k hold at every C; the intervals of a are those of the fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from labbook.scaling.intervals import EXPONENT_OF_COMPUTE, handle_of
from labbook.scaling.optimum import optimum
from labbook.scaling.values import Approach, Fit, FitStatus, Refusal, Warned

NAME = "parametric"


def parametric(fits: Mapping[str, Fit]) -> list[Approach]:
    """One approach a law of N and D, in the order of `fits`; laws of one resource have none.

    A fit that did not converge, or whose points do not determine it, is refused.
    Raises FitError for a fit read back from a store.
    """
    found = []
    for law, fit in fits.items():
        handle = handle_of(fit)
        if handle.law.form.has_d:
            found.append(_of(law, fit))
    return found


def _of(law: str, fit: Fit) -> Approach:
    if fit.status is FitStatus.NOT_CONVERGED:
        return _refused(law, fit.status.value, "no optimum was found", "")
    if fit.status is FitStatus.UNIDENTIFIED:
        return _refused(law, fit.status.value, "the rungs do not determine it", "several D/N at several sizes")
    handle = handle_of(fit)
    middle = math.log(6.0) + math.fsum(handle.centred.centre)
    N, _, _ = optimum(handle, np.exp([middle, middle + 1.0]))
    here, there = (float(x) for x in np.log(N))
    a = there - here
    if not math.isfinite(a):
        return _refused(law, "at-bound", "N or D does not lower the loss: no optimum", "a wider range of D/N")
    interval = None if handle.law.form.tied else fit.intervals.get(EXPONENT_OF_COMPUTE)
    warnings = tuple(Warned(w.code, f"{law}: {w.text}") for w in fit.warnings if w.code.startswith("at-bound"))
    return Approach(NAME, a, interval, here - a * middle, law=law, warnings=warnings)


def _refused(law: str, code: str, why: str, remedy: str) -> Approach:
    return Approach(NAME, None, None, None, law=law, refused=Refusal(code, f"{law}: {why}", remedy))
