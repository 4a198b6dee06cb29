"""The app in a real terminal (a pty): what it sends, and that it sends nothing when nothing happens."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from labbook.tui.app import LabbookApp
from tests.tui.summaries import NOW, PlantedWalk, board, ladder_runs

class Triggered(PlantedWalk):
    def refresh(self, post, progress, stop, force):
        if Path(sys.argv[1]).exists():
            frac = float(Path(sys.argv[1]).read_text())
            Path(sys.argv[1]).unlink()
            runs = ladder_runs()
            runs[1] = replace(runs[1], step=2000 * frac, frac=frac)
            self.pending.append(board(runs))
        super().refresh(post, progress, stop, force)

app = LabbookApp(Triggered(board()), clock=lambda: NOW, poll_s=0.02)
app.run(mouse=False)
sys.exit(0 if app.join() else 9)
"""


class Terminal:
    """One app in a terminal of 80x24."""

    def __init__(self, trigger: Path, **env: str) -> None:
        self.trigger = trigger
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        root = Path(__file__).resolve().parents[2]
        settings = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(root), **env}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(trigger)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **settings},
        )
        os.close(slave)

    def read(self, quiet: float, limit: float = 20.0) -> bytes:
        """All bytes until the terminal is quiet for `quiet` seconds."""
        out, end = b"", time.monotonic() + limit
        while time.monotonic() < end and select.select([self.master], [], [], quiet)[0]:
            try:
                out += os.read(self.master, 65536)
            except OSError:  # Linux ends a pty with EIO
                break
        return out

    def start(self) -> bytes:
        """All bytes of the first frames."""
        return self.read(quiet=15.0, limit=0.1) + self.read(quiet=0.8)

    def send(self, keys: bytes, quiet: float = 0.5) -> bytes:
        """The answer to some keys."""
        os.write(self.master, keys)
        return self.read(quiet)

    def grow(self, frac: float) -> bytes:
        """What is sent when the training run has come that far."""
        half = self.trigger.with_suffix(".half")
        half.write_text(str(frac))
        half.rename(self.trigger)
        return self.read(quiet=1.0)

    def close(self) -> None:
        """End the app if it still runs."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A running app."""
    screen = Terminal(tmp_path / "grow")
    yield screen
    screen.close()


def test_nothing_is_sent_while_nothing_changes_and_a_change_costs_one_row(terminal: Terminal) -> None:
    """An idle board is silent though it polls; one run's progress sends that run's row and answers."""
    first = terminal.start()
    assert b"n100k-d200k" in first
    assert terminal.read(quiet=1.5) == b""
    terminal.grow(0.8)  # Textual repaints a widget once more after its first frame
    change = terminal.grow(0.81)
    assert b"81%" in change and b"n100k-d200k" not in change
    assert len(change) < 200
    terminal.send(b"q")
    assert terminal.process.wait(timeout=10) == 0


def test_terminal_is_asked_for_no_mouse_no_colours_but_its_own_and_no_escapes_of_a_name(
    terminal: Terminal,
) -> None:
    """No mouse reports on a slow link; light and dark backgrounds stay; hostile names stay names."""
    sent = terminal.start() + terminal.send(b"jj") + terminal.send(b"2") + terminal.send(b"3", quiet=1.0)
    assert b"\x1b[?1003h" not in sent and b"\x1b[?1000h" not in sent
    assert b"\x1b[38;2;" not in sent and b"48;2;" not in sent and b"48;5;" not in sent
    assert b"\x1b]0;" not in sent and "\u202e".encode() not in sent
    assert b"[red]x[/]" in sent


def test_no_color_sends_no_colour(tmp_path: Path) -> None:
    """NO_COLOR leaves bold, dim and reverse."""
    screen = Terminal(tmp_path / "grow", NO_COLOR="1")
    sent = screen.start() + screen.send(b"3", quiet=1.0)
    screen.close()
    assert b"stdlib bytes" in sent
    codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", sent) for code in found.split(b";")}
    assert not {c for c in codes if re.fullmatch(rb"(3|4|9|10)[0-7]", c)} and b"38" not in codes
