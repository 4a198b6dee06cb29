"""What a reader knows of a run besides its points, kept as JSON from one reading to the next.

Every reading says all of it again (configuration, figures, units, status), so that the last one stands
for the source as a whole; only points and issues are news.
"""

from __future__ import annotations

import math
from typing import Any

from labbook.records import NAN, Figure, RunPart, Scalar
from labbook.text import clean

LEFT_OUT = "table.leave_out"
"""Configuration key of what a run's own row of a table says against using it: a state, a missing loss."""
MOST_KEYS = 4000
"""Configuration entries kept of one run."""
DEEPEST = 12


def save_part(part: RunPart) -> dict[str, object]:
    """The part without its points, as JSON."""
    return {
        "key": part.key,
        "identity": part.identity,
        "name": part.name,
        "config": dict(part.config),
        "config_source": part.config_source,
        "figures": [[f.key, f.value, f.source, f.digits] for f in part.figures],
        "units": dict(part.units),
        "step_kind": part.step_kind,
        "step_origin": part.step_origin,
        "started": None if math.isnan(part.started) else part.started,
        "status": part.status,
        "status_line": part.status_line,
    }


def load_part(saved: object, default: RunPart) -> RunPart:
    """The part `save_part` kept, without points; `default` where nothing was kept."""
    if not isinstance(saved, dict):
        return default
    known: dict[str, Any] = dict(saved)
    started = known.pop("started")
    figures = [Figure(*row) for row in known.pop("figures")]
    known["config"], known["units"] = dict(known["config"]), dict(known["units"])
    return RunPart(**known, figures=figures, started=NAN if started is None else started)


def add_figure(part: RunPart, figure: Figure) -> None:
    """Add a figure once: headers repeat with every rank and every restart."""
    if all((known.key, known.value) != (figure.key, figure.value) for known in part.figures):
        part.figures.append(figure)


def put_config(part: RunPart, values: dict[str, Scalar], source: str) -> None:
    """Merge flat configuration into the part, later values winning."""
    for key, value in values.items():
        if key in part.config or len(part.config) < MOST_KEYS:
            part.config[key] = value
    if values and not part.config_source:
        part.config_source = source


def flatten(tree: object, prefix: str = "", depth: int = 0) -> dict[str, Scalar]:
    """Nested configuration as flat `a.b.c` keys with clean scalar values; W&B's `{"value": x}` is x.

    Keys that begin with `_` are the trackers' own and are left out, lists stand as text.
    """
    if not isinstance(tree, dict):
        return {prefix: scalar(tree)} if prefix else {}
    if prefix and "value" in tree and set(tree) <= {"value", "desc", "sort"}:
        return flatten(tree["value"], prefix, depth + 1)
    flat: dict[str, Scalar] = {}
    for key, value in tree.items():
        name = clean(str(key), 120)
        if name and not name.startswith("_") and depth < DEEPEST and len(flat) < MOST_KEYS:
            flat |= flatten(value, f"{prefix}.{name}" if prefix else name, depth + 1)
    return flat


def scalar(value: object) -> Scalar:
    """The value as a configuration holds it: JSON scalars, everything else as clean text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 62 else float(min(max(value, -(1 << 1000)), 1 << 1000))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return clean(str(value))
