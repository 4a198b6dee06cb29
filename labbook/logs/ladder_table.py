"""Tables with one row a finished run, as CSV, TSV or JSON lines: a whole ladder in one file."""

from __future__ import annotations

from pathlib import Path

from labbook.logs.column_map import columns_in, kept
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.ladder_rows import Ladder
from labbook.logs.run_columns import Form, columns_of, counter_of, form_of, may_hold_runs
from labbook.logs.table_rows import TableRows, sampled_rows
from labbook.records import Reading
from labbook.text import clean


def table_form(sample: Sample) -> Form | None:
    """What the rows of a sample are; rows of one curve are points where a person's map makes them so."""
    first = sampled_rows(sample, most=1)
    if first is None or not (first.is_mapped or may_hold_runs(first.keys, first.rows[0])):
        return None
    found = sampled_rows(sample)
    if found is None:
        return None
    form = form_of(found.keys, found.rows, is_json=found.is_json)
    columns = columns_of(found.keys)
    is_curve = found.is_mapped and bool(columns.losses) and counter_of(columns) is not None
    return form or ("long" if is_curve else None)


class LadderTable:
    """One row a run."""

    name = "ladder-table"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        if table_form(sample) != "ladder":
            return None
        return Sniffed(0.9, (Evidence("line 1", clean(sample.head_lines[0], 160)),))

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        columns = columns_in(state)
        table, ladder = TableRows(path, 0, {}, columns, final=True), Ladder(path.name)
        for line, row in table:
            ladder.add(row, line, f"row {table.count}")
        parts = ladder.close()
        return Reading(parts, table.offset, kept(columns), [*table.issues, *ladder.issues], replaces=True)
