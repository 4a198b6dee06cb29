"""What is wrong with a run, where it stands, how fast it goes, and what to do about it.

Pure functions of points, with the time passed in: `DETECTORS` find flags, `state.verdict` makes one word
of them, `level`, `speed`, `finished` and `advice` give the numbers and sentences beside it.
"""

from labbook.summary import Flag
from labbook.triage.diverged import Diverged
from labbook.triage.evidence import Detector, Evidence
from labbook.triage.nan import Nan
from labbook.triage.resumed import Resumed
from labbook.triage.spike import Spike
from labbook.triage.stalled import Stalled

__all__ = ["DETECTORS", "Detector", "Evidence", "find_flags"]

DETECTORS: tuple[Detector, ...] = (Nan(), Stalled(), Diverged(), Spike(), Resumed())
"""In the order of precedence of their flags."""


def find_flags(evidence: Evidence) -> list[Flag]:
    """The flags of every detector, by detector and then oldest first; cleared ones included."""
    return [flag for detector in DETECTORS for flag in detector.find(evidence)]
