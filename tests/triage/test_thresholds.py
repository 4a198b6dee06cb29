"""All thresholds stand in one file, and triage starts without scipy."""

import subprocess
import sys

from labbook.triage import DETECTORS
from labbook.triage.thresholds import thresholds


def test_every_threshold_is_read_once():
    """The same frozen value each time."""
    assert thresholds() is thresholds()


def test_detectors_follow_the_file():
    """No detector has limits of its own."""
    own = {d.id: getattr(d, "limits", None) for d in DETECTORS}
    assert own == {name: getattr(thresholds(), name) for name in own}


def test_triage_imports_no_heavy_library():
    """In a fresh interpreter, with every module of the package in."""
    modules = "advice, finished, level, severity, speed, state"
    code = f"import sys; from labbook.triage import {modules}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"scipy", "duckdb", "textual", "plotext"} & set(loaded)
