"""Whole outputs kept as files; LABBOOK_GOLDEN=write refreshes them."""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def check_golden(name: str, text: str) -> None:
    """Compare `text` with tests/golden/`name`, or write it there when asked to."""
    path = FOLDER / name
    if os.environ.get("LABBOOK_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    assert path.is_file(), f"no {path.name}; write it with LABBOOK_GOLDEN=write"
    assert text.rstrip("\n") + "\n" == path.read_text(encoding="utf-8")
