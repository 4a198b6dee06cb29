"""A step that stands on a line of its own: a progress bar, `Epoch 3/10`. What is printed next belongs to it."""

from __future__ import annotations

import math
from collections.abc import Mapping

_NEAR = 1
"""Lines from a progress bar to a record whose step it tells."""
_SKEW = 0.02
"""Difference in steps an epoch above which a bar is another one."""
_KEPT = ("step", "total", "planned_steps")


class StepLine:
    """The last such line. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.known: dict[str, float] = {str(key): float(value) for key, value in known.items()}
        """Its step, total or planned steps, line number, and the steps an epoch so far."""

    def __bool__(self) -> bool:
        return "step" in self.known

    @property
    def step(self) -> float:
        """The step that stands there."""
        return self.known["step"]

    @property
    def planned(self) -> float | None:
        """Steps in all, None where the line does not say."""
        return self.known.get("total", self.known.get("planned_steps"))

    def take(self, axes: Mapping[str, float], place: int) -> None:
        """Take such a line. Of several bars the one with the largest `total` counts steps."""
        if math.isfinite(axes["step"]) and not axes.get("total", math.inf) < self.known.get("total", 0.0):
            told = {key: axes[key] for key in _KEPT if key in axes and math.isfinite(axes[key])}
            per_epoch = {key: self.known[key] for key in ("per_epoch",) if key in self.known}
            self.known = per_epoch | told | {"place": float(place)}

    def tells(self, epoch: float, place: int) -> bool:
        """True where a bar stands just before the line, and its step agrees with the epoch printed there."""
        if not self or place - self.known["place"] > _NEAR or not epoch > 0:
            return False
        per_epoch = self.step / max(epoch, 1e-9)
        known = self.known.setdefault("per_epoch", per_epoch)
        rounding = 0.01 * per_epoch / epoch
        return abs(per_epoch - known) <= _SKEW * known + rounding
