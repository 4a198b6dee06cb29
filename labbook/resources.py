"""Where `schemas/` and `sample_runs/` are: inside an installed wheel, or beside the package in a checkout."""

import os
from importlib.resources import files
from pathlib import Path


def resource_dir(name: str) -> Path:
    """The folder `name` ("schemas" or "sample_runs") of this installation.

    Raises FileNotFoundError where neither place has it.
    """
    packed = Path(str(files("labbook"))) / "_data" / name
    if packed.is_dir():
        return packed
    beside = Path(__file__).resolve().parents[1] / name
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"labbook's {name}/ is missing from this installation")


def user_folder() -> Path:
    """Where a person keeps tables of line patterns of their own."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "labbook" / "formats"
