"""Whether a ladder can carry a verdict on what limits its runs (science.md 5.2)."""

from __future__ import annotations

import math

from labbook.quantities import format_size
from labbook.scaling import remedy
from labbook.scaling.form import FloatArray
from labbook.scaling.identify import SIZES_NEEDED, count_word
from labbook.scaling.laws import FAMILY
from labbook.scaling.points import distinct
from labbook.scaling.values import Refusal

SPARE = 2
"""Rungs a form needs beyond its parameters before it has a voice."""
FORMS_NEEDED = 2


def rungs_needed() -> int:
    """Rungs from which two forms have a voice."""
    return sorted(law.k + SPARE for law in FAMILY if law.pooled)[FORMS_NEEDED - 1]


def regime_gate(N: FloatArray, D: FloatArray) -> Refusal | None:
    """Why no verdict can be given on these rungs, with the run that would change it; None where one can."""
    sizes = distinct(N)
    if sizes.size < SIZES_NEEDED:
        text = f"{count_word(sizes.size)} model size" + ("" if sizes.size == 1 else "s")
        settle = (
            remedy.sentence(remedy.new_size(N, D), "add a size") if N.size else "Finish runs of three sizes."
        )
        return Refusal("unidentified", f"{text}: N side not identifiable", settle)
    corr = remedy.correlation(N, D)
    if math.isnan(corr):
        text = "one token count: D side not identifiable"
        return Refusal("unidentified", text, remedy.separation(N, D))
    if abs(corr) >= remedy.SEPARATED:
        what = "one D per N" if sizes.size == N.size else "N and D move together"
        return Refusal("n-d-confounded", f"{what} (corr {corr:.2f})", remedy.separation(N, D))
    return _too_few(N, D) if N.size < rungs_needed() else None


def _too_few(N: FloatArray, D: FloatArray) -> Refusal:
    missing = rungs_needed() - N.size
    run = remedy.separating_run(N, D)
    first = f"; the first at {format_size(run[0])} for {format_size(run[1])} tokens" if run else ""
    plural = "" if missing == 1 else "s"
    return Refusal(
        "too-few-rungs",
        f"{count_word(N.size)} rungs, {count_word(rungs_needed())} are needed",
        f"{count_word(missing).capitalize()} more run{plural}{first}.",
    )
