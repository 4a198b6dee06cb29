"""Trackio's database: one row a log call, its values as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from labbook.logs import sqlite
from labbook.logs.carry import flatten, put_config
from labbook.logs.format import Evidence, Sample, Sniffed
from labbook.logs.jsonl import flat_row
from labbook.logs.lossless import without_loss
from labbook.records import Issue, Reading
from labbook.text import clean

_COLUMNS = frozenset({"run_name", "step", "timestamp", "metrics"})
_LONGEST = 1 << 20
"""Characters of one record."""


class Trackio:
    """The database of a project, with one part a run."""

    name = "trackio"
    whole = True

    def sniff(self, sample: Sample) -> Sniffed | None:
        tables = sqlite.schema(sample)
        if not set(tables.get("metrics", ())) >= _COLUMNS or "configs" not in tables:
            return None
        return Sniffed(0.99, (Evidence("tables", "metrics(run_name, step, metrics), configs"),))

    def companions(self, path: Path) -> tuple[Path, ...]:
        return sqlite.beside(path)

    def read(
        self,
        path: Path,
        offset: int,
        state: dict[str, object],
        *,
        final: bool = False,
        limit: int | None = None,
    ) -> Reading:
        return sqlite.reading(path, offset, state, _read)


def _read(database: sqlite.Database, state: dict[str, object]) -> Reading:
    key = "run_id" if "run_id" in database.tables().get("metrics", ()) else "run_name"
    after = _after(database, state, key)
    runs = sqlite.Runs(state if after else {})
    issues: list[Issue] = []
    last, bad = after, 0
    wanted = ("rowid", key, "run_name", "step", "timestamp", "metrics")
    rest = "where rowid > ? order by rowid limit ?"
    for rowid, run, name, step, wall, text in database.select(
        "metrics", wanted, rest, (after, sqlite.MOST_ROWS)
    ):
        last = rowid if isinstance(rowid, int) else last
        values = _parsed(text)
        found = runs.of(clean(str(run), 80))
        if values is None or found is None:
            bad += 1
            continue
        found[0].name = clean(str(name)) or None
        row = {**flat_row(values), "step": step, "timestamp": wall}
        runs.add(found[0].key, row, last)
    _describe(database, runs, key)
    if bad:
        issues.append(Issue("bad-line", "rows without a JSON object of metrics", "", bad))
    issues += runs.issues + database.issues
    parts = runs.parts
    if not after:
        issues += without_loss(parts, "Trackio database")
        parts = parts if any(part.series for part in parts) else []
    kept = runs.state() | {"last": last, "mark": database.mark("metrics", last)}
    return Reading(parts, 0, kept, issues, replaces=not after, more=database.goes_on("metrics", last))


def _after(database: sqlite.Database, state: dict[str, object], key: str) -> int:
    """The row behind which the reading goes on; 0 where all is read again, as after a run was deleted."""
    after, before = database.continued("metrics", state), state.get("runs")
    for run in before if isinstance(before, dict) else ():
        if after and not list(database.select("metrics", ("rowid",), f"where {key} = ? limit 1", (run,))):
            return 0
    return after


def _describe(database: sqlite.Database, runs: sqlite.Runs, key: str) -> None:
    """Name and configuration of the runs."""
    for run, name, text in database.select("configs", (key, "run_name", "config")):
        found = runs.of(clean(str(run), 80))
        if found is not None:
            found[0].name = clean(str(name)) or None
            put_config(found[0], flatten(_parsed(text) or {}), "Trackio config")
            if key == "run_id":
                found[0].identity = found[0].key or None


def _parsed(raw: object) -> dict[str, object] | None:
    """The object of a JSON text, which is declared as text and stored as bytes."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
