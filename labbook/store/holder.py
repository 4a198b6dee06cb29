"""Who holds the notebook's lock: one line of JSON inside the lock file.

The record is a courtesy to whoever waits, with one exception. On some cluster file systems flock is only
kept within one machine; then a fresh record of another host is the only sign that it is at work.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

_STARTED = time.time()
FRESH = 30.0
"""Seconds for which another host's record counts as work in progress."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the lock."""

    host: str
    pid: int
    started: float
    """Unix seconds at which the process first used a notebook."""
    since: float
    """Unix seconds at which it took the lock."""
    writing: bool

    def __str__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(self.since))
        doing = "writing" if self.writing else "reading"
        return f"process {self.pid} on {self.host} ({doing} since {clock})"

    def works_elsewhere(self, exclusive: bool) -> bool:
        """True where this is another host at work now, in the way of an `exclusive` or shared use."""
        fresh = abs(time.time() - self.since) < FRESH
        return self.host != socket.gethostname() and fresh and (exclusive or self.writing)


def sign(fd: int, writing: bool) -> Holder:
    """Write this process into the lock file."""
    me = Holder(socket.gethostname(), os.getpid(), _STARTED, time.time(), writing)
    with suppress(OSError):  # a full disk must not keep anyone from reading
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(asdict(me)).encode() + b"\n", 0)
    return me


def unsign(fd: int, me: Holder) -> None:
    """Take this process out again, unless another reader has signed since."""
    if read(fd) == me:
        with suppress(OSError):
            os.ftruncate(fd, 0)


def read(fd: int) -> Holder | None:
    """Who signed last; None where nobody has it or the record is half written."""
    try:
        return Holder(**json.loads(os.pread(fd, 4096, 0)))
    except (OSError, ValueError, TypeError):
        return None
