"""Lock, then connect, then leave: the one way to a notebook's database file.

Two files are locked with flock: `gate`, a turnstile everybody passes one by one, and `lock`, shared by
readers and exclusive to a writer. Who waits for `lock` keeps the gate meanwhile, so a busy writer cannot
shut out a reader. The database file itself is never opened by hand: closing any descriptor of it would
drop DuckDB's own lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from labbook.errors import NotebookBusy, NotebookError
from labbook.store import holder
from labbook.store.folder import Unusable

LOCK_TIMEOUT = 60.0
"""Seconds until a waiting process gives up; LABBOOK_LOCK_TIMEOUT sets another."""
NOTIFY_AFTER = 2.0
_NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
_ALONE = threading.RLock()


def say_on_stderr(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr)


def timeout() -> float:
    """Seconds to wait for the lock. Raises NotebookError where LABBOOK_LOCK_TIMEOUT is no number."""
    text = os.environ.get("LABBOOK_LOCK_TIMEOUT", "")
    try:
        return float(text) if text else LOCK_TIMEOUT
    except ValueError:
        raise NotebookError(f"LABBOOK_LOCK_TIMEOUT is {text!r}", "give it a number of seconds") from None


@dataclass
class _Wait:
    """One process waiting: says so after a while, gives up in the end."""

    folder: Path
    on_wait: Callable[[str], None]
    limit: float
    began: float = field(default_factory=time.monotonic)
    has_spoken: bool = False

    def once(self) -> None:
        """Wait a little. Raises NotebookBusy where the time is over."""
        waited = time.monotonic() - self.began
        if waited >= self.limit:
            raise NotebookBusy(
                f"the notebook {self.folder} is kept busy by {self._who()}; gave up after {waited:.0f} s",
                "try again when it is done, or set LABBOOK_LOCK_TIMEOUT to wait longer",
            )
        if waited >= NOTIFY_AFTER and not self.has_spoken:
            self.has_spoken = True
            self.on_wait(f"waiting for the notebook {self.folder}, held by {self._who()}")
        # who has waited longer looks more often, and so is the next to get in
        time.sleep(max(0.001, 0.01 * (1 - waited)))

    def _who(self) -> str:
        fd = _open(self.folder / "lock")
        if fd is None:
            return "another process"
        try:
            return str(holder.read(fd) or "another process")
        finally:
            os.close(fd)


@contextmanager
def locked(folder: Path, *, exclusive: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """The notebook, to oneself (`exclusive`) or together with other readers, while the block runs.

    After 2 s of waiting `on_wait` hears who holds it. Raises NotebookBusy after `timeout()` seconds and
    NotebookError where the file system has no flock; LABBOOK_NO_LOCK=1 goes ahead without it.
    """
    if os.environ.get("LABBOOK_NO_LOCK") == "1":
        with _ALONE:  # the threads of this process still take turns
            yield
        return
    wait = _Wait(folder, on_wait, timeout())
    fd = _pass_gate(folder, exclusive, wait)
    if fd is None:  # nobody can lock here, so nobody writes here either
        if exclusive:
            raise Unusable(f"the notebook {folder} cannot be written: no permission", "name another --notebook")
        yield
        return
    me = holder.sign(fd, exclusive)
    try:
        yield
    finally:
        holder.unsign(fd, me)
        os.close(fd)


def _pass_gate(folder: Path, exclusive: bool, wait: _Wait) -> int | None:
    gate = _open(folder / "gate")
    if gate is None:
        return None
    try:
        _flock(gate, fcntl.LOCK_EX, wait)
        return _take(folder / "lock", exclusive, wait)
    finally:
        os.close(gate)


def _take(path: Path, exclusive: bool, wait: _Wait) -> int | None:
    fd = _open(path)
    if fd is None:
        return None
    try:
        _flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, wait)
        while (other := holder.read(fd)) and other.works_elsewhere(exclusive):
            wait.once()
    except BaseException:
        os.close(fd)
        raise
    return fd


def _flock(fd: int, kind: int, wait: _Wait) -> None:
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            wait.once()
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            raise Unusable(
                f"the file system of {wait.folder} cannot lock files ({os.strerror(error.errno)})",
                "name a --notebook on another one, or set LABBOOK_NO_LOCK=1 if no other labbook uses it",
            ) from error


def _open(path: Path) -> int | None:
    """A descriptor to lock, read-only where it cannot be written; None where there is no such file."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise NotebookError(f"cannot open {path}: {os.strerror(error.errno or 0)}") from error
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None
