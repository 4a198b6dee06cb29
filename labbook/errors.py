"""The errors a user may see, each with what to try next and an exit code.

LabbookError
├── UsageError        64  the command line or an argument is wrong
├── NotFoundError     64  no run, ladder, file or law of that name
├── ReadError          2  nothing of what was asked for could be read
├── NotebookError      2  the notebook cannot be opened or written
│   └── NotebookBusy   2  another process kept it locked for too long
├── FitError           2  no usable result where one was asked for
└── Interrupted      130  a person stopped a long reading

`labbook.cli` is the one place that turns them into a line on stderr and an exit code. A soft outcome
(a fit at a bound, a refused regime, a bad line) is a value and never one of these.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    ATTENTION = 1
    FAILED = 2
    USAGE = 64
    INTERRUPTED = 130


class LabbookError(Exception):
    """What happened, in one line; `hint` says what to try next."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LabbookError):
    """The command line or one of its arguments is wrong."""

    exit_code = Exit.USAGE


class NotFoundError(LabbookError):
    """No run, ladder, file or law answers to that name."""

    exit_code = Exit.USAGE


class ReadError(LabbookError):
    """Nothing of what was asked for could be read."""


class NotebookError(LabbookError):
    """The notebook cannot be opened or written."""


class NotebookBusy(NotebookError):
    """Another process kept the notebook locked for longer than we wait."""


class FitError(LabbookError):
    """No usable result where one was asked for."""


class Interrupted(LabbookError):
    """A person stopped a long reading; what was read is kept."""

    exit_code = Exit.INTERRUPTED
