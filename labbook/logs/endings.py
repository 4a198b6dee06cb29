"""Lines by which a job says that it crashed or was cancelled, whatever the format around them.

Only lines that mean an end are known here: the word `error` in a line is none. The first kind of end stands,
because each brings lines of the other kind with it (a killed step of a crashed task, the traceback of a
cancelled one); a record after it takes it back, as after a requeue.
"""

from __future__ import annotations

import re
from typing import Literal

from labbook.records import RunPart
from labbook.text import clean, strip_escapes

End = Literal["failed", "cancelled"]
_CAUSE, _CONSEQUENCE = 2, 1
"""A cause is not replaced by its consequences, which come after it."""
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?::(?:\s|\Z)|\Z)")
"""The line that ends a traceback: `torch.OutOfMemoryError: CUDA out of memory.`"""
_SIGNALLED = re.compile(r"KeyboardInterrupt\b|[\w.]*SignalException: .*signal: (?:2|15)\b")
_LAUNCHER = re.compile(r"torch[./]distributed[./]elastic\b.*(?:ChildFailedError|failed \(exitcode)")
_DIED = re.compile(
    r"(?:[^:]+: line \d+: +\d+ )?(?:Segmentation fault|Bus error|Aborted|Killed)(?: \(core dumped\))?(?=\Z|  )"
    r"|Fatal Python error: "
)
"""What a shell or the interpreter prints of a process that died: alone, or before the command of a script."""
_SCHEDULER: tuple[tuple[re.Pattern[str], End, int], ...] = (
    (re.compile(r"(?:slurmstepd: )?error: \*\*\* (?:JOB|STEP) \S+ ON \S+ CANCELLED"), "cancelled", _CAUSE),
    (re.compile(r"=>> PBS: job killed: walltime "), "cancelled", _CAUSE),
    (
        re.compile(
            r"slurmstepd: error: .*(?:oom[_-]kill|OUT_OF_MEMORY|OOM Killed|exceeded .*memory limit)"
            r"|error: Detected \d+ oom[_-]kill event"
        ),
        "failed",
        _CAUSE,
    ),
    (re.compile(r"srun: error: .*tasks? [\d,\-\[\]]+: Terminated\b"), "cancelled", _CONSEQUENCE),
    (
        re.compile(
            r"srun: error: .*tasks? [\d,\-\[\]]+: "
            r"(?:Exited with exit code [1-9]|Killed|Out Of Memory|Segmentation fault|Aborted|Bus error)"
        ),
        "failed",
        _CONSEQUENCE,
    ),
)
_SCHEDULERS = ("slurmstepd: ", "srun: ", "PBS: ", "error: *** ", "error: Detected ")


def may_end(line: str) -> bool:
    """True where a scheduler's words stand in a line, as they do behind a record that was cut short."""
    return any(word in line for word in _SCHEDULERS)


def ending(line: str) -> tuple[End, int, str] | None:
    """(what ended, how telling it is, the words) of a bare line that stands for itself; else None."""
    for word in _SCHEDULERS:
        if word in line:  # such a line may be glued to one cut short
            found = ((p.search(line), end, weight) for p, end, weight in _SCHEDULER)
            return next(((end, weight, line[m.start() :]) for m, end, weight in found if m), None)
    if "elastic" in line and (match := _LAUNCHER.search(line)):
        return "failed", _CONSEQUENCE, line[match.start() :]
    return ("failed", _CAUSE, line) if _DIED.match(line.rstrip()) else None


class Endings:
    """Watches the lines that are no records. Kept as JSON between readings."""

    def __init__(self, state: object = None) -> None:
        known = state if isinstance(state, dict) else {}
        self.weight = int(known.get("weight", 0))
        """Of the line that stands for the end, 0 where there is none."""
        self.inside = bool(known.get("inside"))
        """True from the head of a traceback to the exception it ends with."""

    def state(self) -> dict[str, object]:
        """What `__init__` needs to go on."""
        return {"weight": self.weight, "inside": self.inside}

    def see(self, line: str, place: int, part: RunPart) -> bool:
        """True where a bare line speaks of an end or belongs to a traceback; the part's status follows it."""
        line = strip_escapes(line)
        if line.startswith(_TRACEBACK):
            self.inside = True
            self._end("failed", _CONSEQUENCE, line, place, part)
            return True
        if self.inside and (not line.strip() or line[0].isspace()):
            return True
        found = ending(line) or (self._exception(line) if self.inside else None)
        if found is not None:
            self._end(*found, place, part)
        return found is not None

    def take_back(self, part: RunPart) -> None:
        """A record came: whatever ended, the run went on."""
        if self.weight or self.inside:
            self.weight, self.inside = 0, False
            part.status, part.status_line = "unknown", ""

    def _exception(self, line: str) -> tuple[End, int, str] | None:
        """The exception of the open traceback; one that a launcher or a signal raised is a consequence."""
        if _EXCEPTION.match(line) is None:
            return None
        self.inside = False
        return ("cancelled" if _SIGNALLED.match(line) else "failed"), _CAUSE, line

    def _end(self, end: End, weight: int, line: str, place: int, part: RunPart) -> None:
        is_interrupt = end == "cancelled" and self.weight == _CONSEQUENCE and _SIGNALLED.match(line) is not None
        if part.status not in (end, "unknown", "running") and not is_interrupt:
            return
        if weight >= self.weight or is_interrupt:
            self.weight = weight
            part.status, part.status_line = end, f"line {place}: {clean(line, 120)}"
