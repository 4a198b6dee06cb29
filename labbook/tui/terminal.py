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
