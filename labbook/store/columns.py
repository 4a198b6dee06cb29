"""Points on their way into the table, as one set of numpy columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labbook.duck import Connection
from labbook.records import Points
from labbook.store import rows, sorting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLUMNS = (
    ("segment", "int32"),
    ("step", "float64"),
    ("tokens", "float64"),
    ("epoch", "float64"),
    ("wall", "float64"),
    ("value", "float64"),
    ("place", "int64"),
)
# DuckDB reads a NaN of a numpy column as NULL: right for what the log does not say, wrong for a printed nan
_KEYS = rows.columns_of(k="integer", run_id="varchar", series="varchar", source_id="varchar")
_INSERT = f"""
insert into points
select k.run_id, k.series, k.source_id, p.seq, {{segment}}, {{step}}, {{tokens}}, {{epoch}}, {{wall}},
       coalesce(p.value, 'nan'::double), nullif(p.place, -1)
from batch p
join (select {_KEYS}) k using (k)
"""
_MAY_BE_EMPTY = ("step", "tokens", "epoch", "wall")


@dataclass
class Columns:
    """The points of many series, each under its (run_id, series, source_id)."""

    pieces: list[tuple[tuple[str, str, str], Points, int]] = field(default_factory=list)

    def add(self, key: tuple[str, str, str], points: Points, first_seq: int) -> None:
        """The points that follow `first_seq` earlier ones of their series."""
        self.pieces.append((key, points, first_seq))

    def store(self, connection: Connection) -> None:
        """Append all of them in one statement and count them as not yet sorted in."""
        if not self.pieces:
            return
        self.pieces.sort(key=lambda piece: piece[0])  # cheaper here than of the rows in the statement
        batch = self._columns()  # DuckDB finds it by its name
        keys = [key for key, *_ in self.pieces]
        words = {name: f"p.{name}" if name in batch else "null" for name in _MAY_BE_EMPTY}
        words["segment"] = "p.segment" if "segment" in batch else "0"
        parameters = [rows.listed(c) for c in (range(len(keys)), *zip(*keys, strict=True))]
        connection.execute(_INSERT.format(**words), parameters)
        loose = (len(points) for _, points, _ in self.pieces if len(points) < sorting.TOGETHER)
        sorting.count_unsorted(connection, sum(loose))

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        """The columns of all pieces; one that says nothing (no number, no restart) is left out."""
        import numpy as np

        lengths = [len(points) for _, points, _ in self.pieces]
        columns: dict[str, NDArray[np.generic]] = {
            name: np.concatenate([np.frombuffer(getattr(p, name), dtype) for _, p, _ in self.pieces])
            for name, dtype in _COLUMNS
        }
        for name in _MAY_BE_EMPTY:
            if np.isnan(columns[name]).all():
                del columns[name]
        if not columns["segment"].any():
            del columns["segment"]
        columns["k"] = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        columns["seq"] = np.concatenate([first + np.arange(len(p)) for _, p, first in self.pieces])
        return columns
