"""Tokens seen, where a trainer prints those of each record alone, or a counter that is a record behind."""

from __future__ import annotations

import math

from labbook.records import NAN


class TokenCount:
    """Turns such figures into the counter at each record. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.step = _real(known.get("step"))
        """Of the last record."""
        self.total = _real(known.get("total"))
        """Tokens up to it, None once a record is missing."""
        self.before = _real(known.get("before"))
        """What the counter said there."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {"step": _real(self.step), "total": _real(self.total), "before": _real(self.before)}

    def add(self, step: float, tokens: float, origin: int) -> float:
        """Tokens after a record that had `tokens`; NaN where a step before it is missing.

        A step printed twice counts once. origin: the number of the first step.
        """
        last, self.step = self.step, step
        if step == origin and last != step:
            self.total = tokens
        elif last is None:
            self.total = None
        elif self.total is not None and step != last:
            self.total = self.total + tokens if step == last + 1 else None
        return NAN if self.total is None else self.total

    def ahead(self, step: float, before: float) -> float:
        """Tokens after a record whose counter says those `before` it: extended by the last difference.

        NaN where that is not known, as at the first record and after a restart.
        """
        last, known = self.step, self.before
        self.step, self.before = step, before
        if last is None or known is None or step <= last or before < known:
            return NAN
        return before + (before - known) / (step - last)


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
