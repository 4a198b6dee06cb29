"""What the name of a file promises: a log, something that is never one, or nothing."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

_SOURCES = {
    ".py",
    ".pyc",
    ".pyi",
    ".md",
    ".rst",
    ".ipynb",
    ".sh",
    ".c",
    ".cc",
    ".cpp",
    ".cu",
    ".h",
    ".hpp",
    ".js",
    ".jsx",
    ".tsx",
    ".rs",
    ".go",
    ".java",
    ".jl",
    ".r",
    ".sql",
    ".proto",
    ".pyx",
    ".cmake",
    ".mk",
    ".bat",
    ".patch",
    ".diff",
    ".slurm",
    ".sbatch",
    ".pbs",
    ".typed",
}
_SETTINGS = {".yaml", ".yml", ".toml", ".ini", ".cfg", ".lock", ".xml", ".html", ".css", ".ts", ".tex", ".bib"}
_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".mp4", ".webp", ".ttf", ".woff2"}
_WEIGHTS = {
    ".pt",
    ".pth",
    ".ckpt",
    ".safetensors",
    ".bin",
    ".onnx",
    ".pkl",
    ".pickle",
    ".h5",
    ".hdf5",
    ".model",
}
_DATA = {".npy", ".zip", ".tar", ".whl", ".so", ".o", ".a", ".vocab", ".arrow", ".idx"}
NO_LOGS = frozenset(_SOURCES | _SETTINGS | _PICTURES | _WEIGHTS | _DATA)
"""Endings that are never opened: counted, not listed."""
_LOG_LIKE = frozenset({".log", ".out", ".err", ".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".wandb"})
"""Endings that promise a log: scanned whole, and left out with a reason also while they are empty."""
_JOB_OUTPUT = re.compile(r"\.[oe]\d+(?:[-.]\d+)?\Z|\.(?:log|out|err)[.-]\d+\Z")
"""So do the endings that a scheduler gives: `train.o4711`, and those of rotation: `train.log.1`."""
_PACKED = re.compile(r"\.(?:gz|zst|zstd)\Z", re.IGNORECASE)
"""What an archive's name adds to that of the log in it."""
_SETTINGS_JSON = (
    "*config*.json",
    "tokenizer*",
    "vocab*",
    "merges*",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.index.json",
    "package*.json",
    "args.json",
    "params.json",
    "training_args.json",
    "wandb-*.json",
)
"""Names of files that set something up: counted, not listed. `config.json` is among them."""
_PROJECT = frozenset(
    {"license", "licence", "copying", "notice", "authors", "contributors", "readme", "changelog", "version"}
    | {"makefile", "dockerfile", "jenkinsfile", "procfile", "codeowners", "citation", "manifest"}
)
"""Names without an ending of what every repository has."""


def is_log_like(path: Path) -> bool:
    """True for a name that promises a log, packed or not."""
    name = _PACKED.sub("", path.name)
    return Path(name).suffix.lower() in _LOG_LIKE or _JOB_OUTPUT.search(name) is not None


def is_listed(path: Path, size: int) -> bool:
    """True for a text that no format claims and no name explains: a person may take it for a log."""
    if is_log_like(path):
        return True
    name = path.name.lower()
    if not size or name.startswith(".") or name in _PROJECT:
        return False
    return not any(fnmatchcase(name, pattern) for pattern in _SETTINGS_JSON)
