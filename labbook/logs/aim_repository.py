"""Aim's own reading of a repository, written down as JSON lines: `aim_repository.py ROOT OUT`.

A program of its own: RocksDB may end the process it runs in, and opening a repository writes to it, prints
and starts threads. ROOT holds a copy of the `.aim` folder without its index. Nothing but Aim is imported.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

Said = dict[str, object]
_TYPES = ("float", "float64", "int", "number")
"""What Aim calls the values of a metric."""


def runs(root: str) -> Iterator[Said]:
    """A line for every run and for each of its metrics; a line `bad` for a run that cannot be read."""
    aim = importlib.import_module("aim")
    repo = aim.Repo(root)
    readable = set(repo.meta_tree.subtree("chunks").keys())
    for key in sorted(repo.list_all_runs()):
        try:
            if key not in readable:
                raise ValueError("its record is damaged")
            run = aim.Run(key, repo=repo, read_only=True)
            yield {"run": key, "config": run.get(..., {}), "ended": run.end_time} | _props(run)
            yield from _metrics(run)
        except Exception as error:  # noqa: BLE001  whatever Aim and RocksDB raise is a sentence
            yield {"bad": key, "why": _reason(error, root)}


def _props(run: Any) -> Said:
    """Name and start, which stand in a database beside the run's; nothing where it has none."""
    try:
        return {"name": run.name, "started": run.creation_time}
    except Exception:  # noqa: BLE001
        return {}


def _metrics(run: Any) -> Iterator[Said]:
    """Columns of equal length by metric and context; Aim's own figures of the machine are left out."""
    for name, context, _ in run.iter_sequence_info_by_type(_TYPES):
        metric = None if name.startswith("__") else run.get_metric(name, context)
        if metric is not None:
            step, (value, epoch, wall) = metric.data.numpy()
            columns = {"step": step, "value": value, "epoch": epoch, "wall": wall}
            lists = {name: column.astype(float).tolist() for name, column in columns.items()}
            yield {"metric": name, "context": context.to_dict()} | lists


def _reason(error: Exception, root: str) -> str:
    return f"{type(error).__name__}: {error}".replace(f"{root}/", "")


def main(root: str, out: str) -> None:
    """Write the lines to `out`; the last one is `done` or `error`."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Aim keeps the files of all runs open
    with open(out, "w", encoding="utf-8") as file:
        try:
            for said in runs(root):
                file.write(json.dumps(said, default=str, skipkeys=True) + "\n")
            last: Said = {"done": True}
        except Exception as error:  # noqa: BLE001
            last = {"error": _reason(error, root)}
        file.write(json.dumps(last) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
