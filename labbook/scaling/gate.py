"""Whether a ladder can carry a verdict on what limits its runs (science.md 5.2)."""

from __future__ import annotations

import math

from labbook.quantities import format_size
from labbook.scaling import remedy
from labbook.scaling.form import FloatArray
from labbook.scaling.identify import SIZES_NEEDED, count_word
from labbook.scaling.laws import LAWS
from labbook.scaling.points import distinct
from labbook.scaling.values import Refusal

SPARE = 2
"""Rungs a form needs beyond its parameters before it has a voice."""
FORMS_NEEDED = 2
SEPARATE = "separate N and D"


def rungs_needed() -> int:
    """Rungs from which two forms have a voice."""
    return sorted(law.k + SPARE for law in LAWS if law.pooled)[FORMS_NEEDED - 1]


def regime_gate(N: FloatArray, D: FloatArray) -> Refusal | None:
    """Why no verdict can be given on these rungs, with the run that would change it; None where one can."""
    sizes = distinct(N)
    if sizes.size < SIZES_NEEDED:
        text = f"{count_word(sizes.size)} model size" + ("" if sizes.size == 1 else "s")
        run = remedy.new_size(N, D) if N.size else None
        return Refusal("unidentified", f"{text}: N side not identifiable", remedy.sentence(run, "add a size"))
    corr = remedy.correlation(N, D)
    if math.isnan(corr):
        run = remedy.separating_run(N, D)
        return Refusal(
            "unidentified", "one token count: D side not identifiable", remedy.sentence(run, SEPARATE)
        )
    if abs(corr) >= remedy.SEPARATED:
        return _confounded(N, D, sizes, corr)
    if N.size < rungs_needed():
        missing = rungs_needed() - N.size
        text = f"{count_word(N.size)} rungs, {count_word(rungs_needed())} are needed"
        run = remedy.separating_run(N, D)
        first = f"; the first at {format_size(run[0])} for {format_size(run[1])} tokens" if run else ""
        plural = "" if missing == 1 else "s"
        return Refusal("too-few-rungs", text, f"{count_word(missing).capitalize()} more run{plural}{first}.")
    return None


def _confounded(N: FloatArray, D: FloatArray, sizes: FloatArray, corr: float) -> Refusal:
    one_length = sizes.size == N.size
    what = "one D per N" if one_length else "N and D move together"
    run = remedy.separating_run(N, D)
    return Refusal("n-d-confounded", f"{what} (corr {corr:.2f})", remedy.sentence(run, SEPARATE))
