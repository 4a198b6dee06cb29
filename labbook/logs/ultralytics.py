"""`results.csv` of Ultralytics' trainers: padded names, the loss in parts, one row an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from labbook.logs.carry import load_part, save_part
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.numbers import number
from labbook.logs.rows import Rows
from labbook.logs.table_rows import TableRows, sampled_rows
from labbook.records import Issue, Reading, RunPart
from labbook.text import clean

_MARK = "train/box_loss"
_SPLITS = {"train": "train_loss", "val": "val_loss"}


class Ultralytics:
    """Losses of detection, segmentation and pose models, summed over their parts."""

    name = "ultralytics"
    whole = False

    def sniff(self, sample: Sample) -> Sniffed | None:
        if _MARK.encode() not in sample.head:
            return None
        found = sampled_rows(sample)
        if found is None or found.is_json or not {_MARK, "epoch"} <= set(found.keys):
            return None
        return Sniffed(0.95, (Evidence("line 1", clean(sample.head_lines[0], 160)),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        part = load_part(state.get("part"), RunPart(step_kind="epoch", step_origin=1))
        part.units |= dict.fromkeys(_SPLITS, "other")
        rows = Rows(state.get("rows"))
        table = TableRows(path, offset, state, {}, final=final, limit=limit)
        issues: list[Issue] = []
        for line, row in table:
            if not rows.add(part, _record(row), line, issues):
                issues.append(Issue("no-step", "a row without an epoch", f"line {line}"))
        after = table.state() | {"part": save_part(part), "rows": rows.state()}
        return Reading([part], table.offset, after, [*table.issues, *issues], more=table.more)


def _record(row: Mapping[str, object]) -> dict[str, object]:
    """The row with the sum of the parts of each split; the epoch is the step."""
    sums = {name: total for split, name in _SPLITS.items() if (total := _sum(_parts(row, split))) is not None}
    return {"step": row.get("epoch"), **sums, **row}


def _parts(row: Mapping[str, object], split: str) -> list[float | None]:
    return [number(cell) for key, cell in row.items() if key.startswith(f"{split}/") and key.endswith("_loss")]


def _sum(parts: Iterable[float | None]) -> float | None:
    """None where a part is missing: a sum without it would be another number."""
    found = list(parts)
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None
