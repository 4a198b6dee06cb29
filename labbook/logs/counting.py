"""Steps that start again with each epoch, counted through."""

from __future__ import annotations

import math
from itertools import pairwise


class Counting:
    """Follows one counter. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.last: float | None = known.get("last")
        """As printed."""
        self.epoch: float | None = known.get("epoch")
        self.base = float(known.get("base", 0.0))
        """Steps of the epochs that are over, where the counter starts again with each."""
        self.stride = float(known.get("stride", 1.0))
        self.length: float | None = known.get("length")
        """Steps of an epoch, once the counter has started again."""
        self.goes_through = bool(known.get("goes_through", False))
        """True once an epoch changed and the counter went on."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return dict(vars(self))

    @property
    def inferred(self) -> bool:
        """True where steps are more than the log prints."""
        return self.length is not None

    def step(self, printed: float, total: float | None, epoch: float | None) -> float:
        """The step of a record that prints `printed` (of `total`) in `epoch`, counted through all epochs."""
        rise = 0
        if epoch is not None and self.epoch is not None and math.isfinite(epoch):
            rise = math.floor(epoch) - math.floor(self.epoch)
        if self.last is not None:
            self._turn(self.last, printed, total, rise, is_told=epoch is not None)
            if printed > self.last:
                self.stride = printed - self.last
        self.last = printed
        if epoch is not None and math.isfinite(epoch):
            self.epoch = epoch
        return self.base + printed

    def rises(self, printed: list[float], epoch: float | None) -> bool:
        """True where the counter only goes up from here, in the epoch it was in: there is nothing to infer."""
        before = -math.inf if self.last is None else self.last
        is_up = all(b > a for a, b in pairwise([before, *printed])) and math.isfinite(printed[-1])
        return is_up and (self.epoch is None or epoch is None or epoch == self.epoch)

    def passed(self, printed: list[float]) -> None:
        """Take over what `rises` found to go up; the first of it was given to `step`."""
        if len(printed) > 1:
            self.stride = printed[-1] - printed[-2]
            self.last = printed[-1]

    def _turn(self, last: float, printed: float, total: float | None, rise: int, *, is_told: bool) -> None:
        """Go over to another epoch where the counter says so."""
        again = printed < last or printed == last == total
        full = not is_told and total is not None and total > 1 and last >= total and printed < last
        if (rise > 0 and (again or self.inferred)) or full:
            self.length = total if total is not None else last + self.stride
            self.base += self.length * max(rise, 1)
        elif rise > 0:
            self.goes_through = True
        elif rise < 0 and self.length is not None:
            self.base = max(0.0, self.base + self.length * rise)

    def planned(self, total: float, epochs: float | None) -> float | None:
        """Steps of the whole plan where a record prints `k/total`; None where that cannot be told yet."""
        if self.length is not None:
            return None if epochs is None else total * epochs
        return total if self.epoch is None or self.goes_through else None
