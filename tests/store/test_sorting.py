"""Points are put in reading order by themselves, and space is given back on request."""

from collections.abc import Callable
from pathlib import Path

import pytest

from labbook.store import Notebook, SourceWrite, sorting

Source = Callable[..., SourceWrite]
ROWS = "select run_id, series, source_id, seq from points"
EITHER = pytest.mark.parametrize("notebook", ["folder", "memory"], indirect=True)


@EITHER
def test_points_sort_themselves_past_the_threshold(
    notebook: Notebook, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interleaved writes of live runs end up by run, series, source and place; nothing changes in a curve."""
    monkeypatch.setattr(sorting, "UNSORTED_ROWS", 400)
    for k in range(10):
        writes = [
            source(f"/r/{r}.log", train=[(k * 10 + i, r) for i in range(10)], offset=k + 1, base=(k, k))
            for r in range(5)
        ]
        notebook.write(writes, 1.0)
    sizes = notebook.sizes()
    assert (sizes.points, sizes.unsorted) == (500, 100)
    rows = notebook.query(ROWS).rows
    assert rows[:400] == sorted(rows[:400])
    for run in notebook.runs():
        key = (run.run_id, "train", run.sources[0].path)
        assert notebook.curves([key])[key].step.tolist() == list(range(100))


def test_compact_sorts_and_shrinks(folder: Path, source: Source) -> None:
    """Rewritten sources leave holes that DuckDB never returns; afterwards the file is smaller."""
    with Notebook.open(folder) as notebook:
        rows = [(k, (k * 7919 % 104729) / 3) for k in range(60_000)]
        for generation in range(6):
            base = (100, generation) if generation else (0, 0)
            notebook.write([source("/r/a.log", train=rows, base=base, replaces=True)], 1.0)
        before = notebook.sizes()
        after = notebook.compact()
        assert (after.points, after.unsorted) == (before.points, 0)
        assert after.bytes < before.bytes
        found = notebook.query(ROWS).rows
        assert found == sorted(found)
    assert not list(folder.glob("*.new*"))
