"""The learning rate as the configuration plans it: where it ends, how long it warms up and decays."""

from __future__ import annotations

import math
from dataclasses import dataclass

from labbook.logs.config import Config
from labbook.logs.names import plain
from labbook.logs.numbers import number

_DECAYING = frozenset({"cosine", "cosine_decay", "cosine_annealing", "linear", "linear_decay"})
"""Names of schedules that fall to the last step of the plan."""
_CONSTANT = frozenset({"constant", "constant_with_warmup", "none"})


@dataclass(frozen=True, slots=True)
class Planned:
    """Of one run; None where the configuration does not say. Lengths in updates."""

    end_lr: float | None = None
    warmup: float | None = None
    decay: float | None = None
    """Update at which the decay ends, warm-up included."""


def planned_schedule(config: Config, steps: float | None) -> Planned:
    """What the configuration plans; steps: updates of the whole plan."""
    word = plain(config.text("schedule") or "")
    warmup = _first(config, "warmup")
    if not warmup and steps is not None and (share := _first(config, "warmup_share")):
        warmup = share * steps
    if word in _CONSTANT or config.flag("decays") is False:
        return Planned(None, warmup, None)
    end = _first(config, "end_lr")
    peak, share = config.value("peak_lr"), _first(config, "end_share")
    if end is None and peak is not None and share is not None and share <= 1:
        end = share * peak
    return Planned(end, warmup, _first(config, "lr_decay") or (steps if word in _DECAYING else None))


def _first(config: Config, quantity: str) -> float | None:
    """The first finite number of a quantity that is not below zero."""
    values = (number(entry.value) for entry in config.all(quantity))
    return next((v for v in values if v is not None and 0 <= v < math.inf), None)
