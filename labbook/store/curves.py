"""Points back as curves: the last written value of each step, many curves in one query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from labbook.duck import Connection
from labbook.records import Curve
from labbook.store import rows
from labbook.store.keys import pack_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CurveKey = tuple[str, str, str]
"""(run_id, series, path of the source)."""
_FLOATS = ("step", "value", "tokens", "epoch", "wall")
_KEYS = rows.columns_of(run_id="varchar", series="varchar", path="varchar", k="integer")
_QUERY = f"""
with wanted as (
  select {_KEYS}
), found as (
  select w.k, w.run_id, w.series, s.source_id from wanted w join sources s using (path)
)
select f.k, p.step, p.value, p.tokens, p.epoch, p.wall, p.segment
from points p join found f using (run_id, series, source_id)
order by f.k, p.seq
"""


def read(connection: Connection, wanted: Iterable[CurveKey]) -> dict[CurveKey, Curve]:
    """A curve for every key, empty where there are no such points.

    Points without a step repeat nothing: they all stay, behind the others.
    """
    import numpy as np

    keys = list(dict.fromkeys(wanted))
    if not keys:
        return {}
    run_ids, series, paths = zip(*keys, strict=True)
    parts = (run_ids, series, map(pack_path, paths), range(len(keys)))
    found = connection.execute(_QUERY, [rows.listed(part) for part in parts]).fetchnumpy()
    columns = {name: _plain(found[name]) for name in (*_FLOATS, "segment")}
    bounds = np.searchsorted(_plain(found["k"]), np.arange(len(keys) + 1))
    return {key: _curve(key[1], columns, slice(bounds[i], bounds[i + 1])) for i, key in enumerate(keys)}


def _plain(column: NDArray[np.generic]) -> NDArray[np.generic]:
    """The column with NaN where DuckDB has NULL."""
    import numpy as np

    return column.filled(np.nan) if isinstance(column, np.ma.MaskedArray) else column


def _curve(series: str, columns: Mapping[str, NDArray[np.generic]], part: slice) -> Curve:
    import numpy as np

    step = columns["step"][part].astype(np.float64)
    kept = _last_of_each_step(step)
    floats = {name: columns[name][part].astype(np.float64)[kept] for name in _FLOATS}
    return Curve(series=series, segment=columns["segment"][part].astype(np.int32)[kept], **floats)


def _last_of_each_step(step: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the last written point of each step is, by step; points without a step last. step: (n,)."""
    import numpy as np

    order = np.argsort(step, kind="stable")
    ordered = step[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)[: len(order)]
    kept: NDArray[np.intp] = order[is_last]
    return kept
