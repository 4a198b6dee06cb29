"""What a detector may look at: the series of one run, the clock it is given, and what the log says.

Nothing here reads a file or a clock, so a detector is a pure function and can be replayed at any moment.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from labbook.records import Curve, Status
from labbook.summary import Flag, Severity

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """One run at one moment. Times are Unix seconds; a None was not logged or is not known."""

    train: Curve | None = None
    val: Curve | None = None
    grad_norm: Curve | None = None
    now: float = float("nan")
    last_progress: float | None = None
    """When the step counter last moved; not when the file last changed."""
    planned_steps: float | None = None
    frac: float | None = None
    """Share of the plan that is done."""
    finished: bool = False
    status: Status = "unknown"
    gaps: Sequence[float] | FloatArray | None = None
    """Seconds between progress where known, oldest first."""
    lr: Curve | None = None
    nan_iterations: Curve | None = None
    """The trainer's own counter of iterations whose loss was not a number."""
    epochs: float | None = None
    """Tokens seen / unique tokens."""

    @property
    def loss(self) -> Curve | None:
        """The curve whose level is judged: training loss where there is any, else validation loss."""
        return self.train if self.train is not None and len(self.train) else self.val

    @property
    def has_ended(self) -> bool:
        """True where nothing more is to come from this run."""
        return self.finished or self.status in ("finished", "cancelled", "failed")


class Detector(Protocol):
    """One rule over one run."""

    @property
    def id(self) -> str:
        """Stable, kebab-case; the id of its flags unless the rule says otherwise."""

    @property
    def severity(self) -> Severity:
        """Of its most severe flag."""

    @property
    def rule(self) -> str:
        """The rule in one sentence."""

    def explain(self) -> str:
        """The rule, its windows and its thresholds, in lines of at most 78 columns."""

    def find(self, evidence: Evidence) -> list[Flag]:
        """The flags this rule raises, oldest first; also those that have cleared."""


def explain(detector: Detector, *sentences: str) -> str:
    """The text of `Detector.explain`: name and severity, then the rule and its thresholds, each indented."""
    wrapped = [
        textwrap.fill(text, 78, initial_indent="  ", subsequent_indent="    ")
        for text in (detector.rule, *sentences)
    ]
    return "\n".join((f"{detector.id} ({detector.severity})", *wrapped))
