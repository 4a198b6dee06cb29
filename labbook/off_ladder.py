"""A finished run that stands far off the law of its ladder."""

from __future__ import annotations

import math

from labbook.summary import Flag, LadderView

OFF_LADDER_Z = 4.0
OFF_LADDER_FLOOR = 0.002
"""science.md section 7, detector 9: residual above 4 sd, the fit's rms and 0.2 % of L in quadrature."""


def off_ladder(residual: float | None, ladder: LadderView) -> tuple[Flag, ...]:
    """A finished run that is no rung and stands far above or below the law of those that are."""
    fit = ladder.preferred
    if residual is None or fit is None:
        return ()
    sd = math.hypot(fit.rms_log, OFF_LADDER_FLOOR)
    z = residual / sd
    if abs(z) <= OFF_LADDER_Z:
        return ()
    side = "above" if residual > 0 else "below"
    text = f"{100 * math.expm1(abs(residual)) if residual > 0 else -100 * math.expm1(residual):.1f} % {side} "
    text += f"{fit.law} of {len(ladder.rungs)} rungs (z {z:+.0f})"
    return (Flag("off-ladder", "warn", text, value=z, threshold=OFF_LADDER_Z, window=len(ladder.rungs)),)
