"""DVCLive: one table of two columns for each metric below `plots/metrics`."""

from __future__ import annotations

from pathlib import Path

from labbook.logs import names
from labbook.logs.carry import put_config
from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Claim, Evidence, Sample, Sniffed
from labbook.logs.lossless import without_loss
from labbook.logs.metric_folder import (
    Measured,
    MetricFile,
    MetricFiles,
    files_under,
    inside,
    too_many,
)
from labbook.logs.sidecar import read_config
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_CURVES = (Path("plots", "metrics"), Path("scalars"))
"""Where the curves stand, the newer place first."""
_ANCHORS = ("metrics.json", "dvclive.json", "params.yaml")
"""Files that stand for the run; without one of them its first curve does."""
_OWN = frozenset({"plots", "scalars", "dvc.yaml", "report.html", "report.md", "report.ipynb", *_ANCHORS})
_PARAMS = "params.yaml"


class DvcLive:
    """The folder of one run. Its `metrics.json` holds last values only; the curves stand beside it."""

    name = "dvclive"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if sample.path.name not in _ANCHORS or sample.binary:
            return None
        folder = sample.path.parent
        found = _curves(folder)
        if not found or not any(_is_curve(file.path) for file in found[:8]):
            return None
        return Sniffed(0.97, (_evidence(folder, found),))

    def claim(self, folder: Path, names: frozenset[str]) -> Claim | None:
        if not names & {"plots", "scalars"}:
            return None
        found = _curves(folder)
        if not any(_is_curve(file.path) for file in found[:8]):
            return None
        first = str(found[0].path.relative_to(folder))
        anchor = next((name for name in _ANCHORS if name in names and inside(folder, name)), first)
        return Claim(anchor, names & _OWN, (_evidence(folder, found),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        folder = _home(path)
        params = folder / _PARAMS
        beside = (params,) if params.is_file() and params != path else ()
        return (*beside, *(file.path for file in _curves(folder) if file.path != path))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        folder = _home(path)
        found = _curves(folder)
        files = MetricFiles(state, found)
        issues: list[Issue] = []
        replaces = not state.get("files") or not files.is_continued()
        if replaces:
            files = MetricFiles(None, found)
            issues += too_many(found)
        part = RunPart()
        _configure(part, folder / _PARAMS, issues)
        files.read(part, _line, issues, final=final)
        if replaces:
            issues += without_loss([part], "DVCLive folder")
        kept_state = files.state() | kept(columns_in(state))
        return Reading([part], path.stat().st_size, kept_state, issues, replaces=replaces)


def _home(path: Path) -> Path:
    """The folder of the run a file of it stands in."""
    if path.name in _ANCHORS:
        return path.parent
    return next((above for above in path.parents if _curves(above)), path.parent)


def _curves(folder: Path) -> list[MetricFile]:
    places = (inside(folder, *place.parts) for place in _CURVES)
    found = next((found for place in places if place and (found := files_under(place, ".tsv"))), [])
    there = {file.metric for file in found}
    return [MetricFile(_metric(file.metric, there), file.path) for file in found]


def _metric(name: str, there: set[str]) -> str:
    """`train/step/loss` is the training loss and `val/epoch/loss` the validation loss; `train/epoch/loss` is a
    mean and `val/step/loss` a batch of the set: `train/loss_epoch`, `val/loss_step`."""
    split, _, rest = name.partition("/")
    kind, _, metric = rest.partition("/")
    if not metric or kind not in {"step", "epoch"}:
        return name
    counted = "epoch" if split in names.HELD_OUT else "step"
    plain = f"{split}/{metric}"
    return plain if kind == counted and plain not in there else f"{plain}_{kind}"


def _is_curve(path: Path) -> bool:
    """True for a table whose header names a step and something else."""
    with path.open("rb") as file:
        cells = file.readline(4096).decode("utf-8", "replace").rstrip("\r\n").split("\t")
    return len(cells) > 1 and "step" in cells


def _evidence(folder: Path, found: list[MetricFile]) -> Evidence:
    return Evidence(clean(str(found[0].path.relative_to(folder)), 120), f"{len(found)} tables with a step")


def _configure(part: RunPart, params: Path, issues: list[Issue]) -> None:
    try:
        if params.is_file() and not params.is_symlink():
            put_config(part, read_config(params), _PARAMS)
    except (ValueError, OSError) as error:
        issues.append(Issue("bad-sidecar", clean(f"{_PARAMS}: {error}", 160)))


def _line(line: str, header: dict[str, object]) -> Measured | None:
    """A row under the header, which is learnt from the first line."""
    cells = line.split("\t")
    columns = header.get("columns")
    if not isinstance(columns, list):
        _learn(cells, header)
        return None
    step, value, wall = columns
    if len(cells) <= max(columns):
        return None
    return Measured(cells[step], cells[value], cells[wall] if wall >= 0 else None)


def _learn(cells: list[str], header: dict[str, object]) -> None:
    """Keep the places of step, value and clock (-1 for none) where the line is a header."""
    step = next((at for at, cell in enumerate(cells) if cell == "step"), None)
    wall = next((at for at, cell in enumerate(cells) if names.is_wall(cell)), -1)
    value = next((at for at in reversed(range(len(cells))) if at not in (step, wall)), None)
    if step is not None and value is not None:
        header["columns"] = [step, value, wall]
