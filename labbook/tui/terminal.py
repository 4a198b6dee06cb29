"""What the terminal can do, asked before anything is drawn."""

from __future__ import annotations

import os
import sys

LEAST_WIDTH, LEAST_HEIGHT = 40, 10


def can_draw() -> bool:
    """True where a person sits at a terminal that understands cursor movement.

    The app draws to stderr and reads stdin; with either piped it would never end.
    """
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def speaks_unicode() -> bool:
    """True where the locale can show more than ASCII."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in names if name), "")
    # without LC_ALL Python itself turns a C locale into C.UTF-8, and most terminals can do that
    if locale in ("C", "POSIX"):
        return False
    return "utf" in (sys.stderr.encoding or "").lower()
