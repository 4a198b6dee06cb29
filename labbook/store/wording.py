"""What a source says of a run, as one row of `said`: written as JSON, read back, and added to."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

from labbook.records import Figure, RunPart, Said, Scalar, Status, StepKind
from labbook.store.keys import known, or_nan, storable
from labbook.text import clean

COLUMNS = (
    "source_id, part, run_id, name, config, config_source, figures, units, "
    "step_kind, step_origin, started, status, status_line"
)


@dataclass(slots=True)
class Wording:
    """One row of `said`."""

    source_id: str
    part: str
    run_id: str
    name: str | None = None
    config: dict[str, Scalar] = field(default_factory=dict)
    config_source: str = ""
    figures: tuple[Figure, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    step_kind: StepKind = "optimizer"
    step_origin: int = 0
    started: float = math.nan
    status: Status = "unknown"
    status_line: str = ""

    def row(self) -> tuple[object, ...]:
        """Values in the order of COLUMNS."""
        figures = [[f.key, f.value, f.source, f.digits] for f in self.figures]
        return (
            self.source_id,
            self.part,
            self.run_id,
            self.name,
            json.dumps(self.config),
            storable(self.config_source),
            json.dumps(figures),
            json.dumps(self.units),
            self.step_kind,
            self.step_origin,
            known(self.started),
            self.status,
            self.status_line,
        )

    def said(self, path: str, format: str) -> Said:  # noqa: A002
        """The stored half of a `RunPart`, as `records` has it."""
        return Said(
            source=path,
            format=format,
            part=self.part,
            name=self.name,
            config=self.config,
            config_source=self.config_source,
            figures=self.figures,
            units=self.units,
            step_kind=self.step_kind,
            step_origin=self.step_origin,
            started=self.started,
            status=self.status,
            status_line=self.status_line,
        )


def from_part(source_id: str, run_id: str, part: RunPart) -> Wording:
    """What the part says, clean and ready to be stored."""
    return Wording(
        source_id=source_id,
        part=storable(part.key),
        run_id=run_id,
        name=None if part.name is None else clean(part.name),
        config=dict(part.config),
        config_source=part.config_source,
        figures=tuple(dict.fromkeys(part.figures)),
        units={clean(series): unit for series, unit in part.units.items()},
        step_kind=part.step_kind,
        step_origin=part.step_origin,
        started=part.started,
        status=part.status,
        status_line=clean(part.status_line, 1000),
    )


def from_row(row: tuple[Any, ...]) -> Wording:
    """The wording of a row with the columns of COLUMNS."""
    return Wording(
        source_id=row[0],
        part=row[1],
        run_id=row[2],
        name=row[3],
        config=json.loads(row[4]),
        config_source=row[5],
        figures=tuple(Figure(*each) for each in json.loads(row[6])),
        units=json.loads(row[7]),
        step_kind=row[8],
        step_origin=row[9],
        started=or_nan(row[10]),
        status=row[11],
        status_line=row[12],
    )


def added(old: Wording, new: Wording, has_points: bool) -> Wording:
    """What stands after the source said more.

    The rest of a file repeats little of its head, so what is unsaid now keeps its earlier value. A run that
    was cancelled or failed and then brings points without a word about its end goes on: `unknown` again.
    """
    status, line = new.status, new.status_line
    goes_on = has_points and old.status in ("cancelled", "failed")
    if new.status == "unknown" and not goes_on:
        status, line = old.status, old.status_line
    return replace(
        new,
        name=new.name if new.name is not None else old.name,
        config=old.config | new.config,
        config_source=new.config_source or old.config_source,
        figures=tuple(dict.fromkeys(old.figures + new.figures)),
        units=old.units | new.units,
        step_kind=new.step_kind if new.step_kind != "optimizer" else old.step_kind,
        step_origin=new.step_origin or old.step_origin,
        started=new.started if math.isnan(old.started) else old.started,
        status=status,
        status_line=line,
    )
