"""MLflow's file store: `mlruns/<experiment>/<run>/` with a file for each metric, parameter and tag."""

from __future__ import annotations

import re
from pathlib import Path

from labbook.logs.carry import put_config
from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Claim, Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import (
    Measured,
    MetricFiles,
    files_under,
    inside,
    short_text,
    texts_of,
    too_many,
)
from labbook.logs.mlflow import seconds, tell
from labbook.logs.numbers import number
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_META = "meta.yaml"
_FOLDERS = frozenset({"metrics", "params", "tags"})
_OWN = _FOLDERS | {_META, "inputs", "outputs"}
_IDS = ("run_id", "run_uuid")
_PAIR = re.compile(r"([a-z_]+): *'?([^'\r\n]*)'?\r?\n")
_NUMBERED = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
"""What `status: 1` and so on stand for."""
DELETED = "deleted in MLflow"


class MlflowFiles:
    """The folder of one run, known by its `meta.yaml`."""

    name = "mlflow-files"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.path.name != _META or not sample.whole:
            return None
        pairs = _pairs(sample.head.decode("utf-8", "replace"))
        found = next((key for key in _IDS if pairs.get(key)), None)
        if found is None or "lifecycle_stage" not in pairs:
            return None
        return Sniffed(0.97, (Evidence(_META, f"{found}: {clean(pairs[found], 80)}"),))

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        if _META not in names or not names & _FOLDERS:
            return None
        pairs = _pairs(short_text(folder / _META))
        run = next((pairs[key] for key in _IDS if pairs.get(key)), None)
        if run is None:
            return None
        return Claim(_META, names & _OWN, (Evidence(_META, f"run {clean(run, 80)}"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        folder = path.parent
        beside = [each for name in ("metrics", "params", "tags") if (each := folder / name).is_dir()]
        return (*beside, *(file.path for file in files_under(folder / "metrics")))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        folder, size = path.parent, path.stat().st_size
        pairs = _pairs(short_text(path))
        columns = kept(columns_in(state))
        if pairs.get("lifecycle_stage") == "deleted":
            return Reading([], size, columns, [Issue("no-points", DELETED)], replaces=True)
        found = files_under(folder / "metrics")
        files = MetricFiles(state, found)
        issues: list[Issue] = []
        replaces = not state.get("files") or not files.is_continued()
        if replaces:
            files = MetricFiles(None, found)
            issues += too_many(found)
        part = RunPart(step_origin=1)
        _describe(part, folder, pairs)
        files.read(part, _line, issues, final=final)
        if replaces:
            issues += without_loss([part], "MLflow run")
        return Reading([part], size, files.state() | columns, issues, replaces=replaces)


def _pairs(text: str) -> dict[str, str]:
    """The plain `key: value` lines of a `meta.yaml`; a last line without its end is not taken."""
    return {match[1]: match[2] for match in _PAIR.finditer(text)}


def _describe(part: RunPart, folder: Path, pairs: dict[str, str]) -> None:
    part.identity = clean(next((pairs[key] for key in _IDS if pairs.get(key)), folder.name), 80) or None
    tag = inside(folder, "tags", "mlflow.runName")
    name = (short_text(tag) if tag is not None else "") or pairs.get("run_name", "")
    part.name = clean(name) or None
    part.started = seconds(pairs.get("start_time"))
    status = pairs.get("status")
    if status is not None:
        numbered = int(status) if status.isascii() and status.isdigit() and len(status) < 3 else 0
        tell(part, _NUMBERED[numbered - 1] if 0 < numbered <= len(_NUMBERED) else status)
    put_config(part, dict(texts_of(folder / "params")), "MLflow params")


def _line(line: str, header: dict[str, object]) -> Measured | None:
    """`timestamp_ms value step`; a store of before steps has no third column, and MLflow takes it for 0."""
    cells = line.split()
    if not 2 <= len(cells) <= 5 or number(cells[1]) is None:
        return None
    return Measured(cells[2] if len(cells) > 2 else 0, cells[1], cells[0])
