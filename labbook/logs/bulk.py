"""Many rows at once: columns of values to what `Rows.add` makes of them row by row.

Rows of several shapes may alternate, as training and validation rows do; what depends on the order of the rows
(the axis, restarts, which series comes first) follows their place in the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from labbook.logs import rows as rows_module
from labbook.records import Issue, RunPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labbook.logs.rows import Plan, Rows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Column = Floats | tuple[Floats, Bools]
    """Values, with a mask that is False where a cell is missing."""
    T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one shape among the rows of a block."""

    keys: tuple[str, ...]
    columns: Sequence[Column]
    """By key."""
    at: Ints
    """Which rows of the block these are, ascending."""


@dataclass(slots=True)
class _Metric:
    """The values of one metric in the rows of one group."""

    order: Ints
    """Place among all points of the block."""
    at: Ints
    """Rows of the group."""
    value: Floats
    laid: _Laid


@dataclass(slots=True)
class _Laid:
    """A group with its axes."""

    plan: Plan
    at: Ints
    cells: dict[str, tuple[Floats, Bools]]
    step: Floats
    tokens: Floats
    epoch: Floats
    wall: Floats
    metrics: list[tuple[str, Floats, Bools]]
    """(series, values, mask)."""
    strays: Bools
    """Rows with a metric and nothing to put it on; decided last."""


def put(
    rows: Rows,
    part: RunPart,
    groups: Sequence[Group],
    places: Ints,
    issues: list[Issue],
    stray: str = "",
) -> int:
    """Add the points of a block of rows; how many rows had a metric and nothing to put it on.

    places: of each row of the block, shape (m,). stray: text of the issue of each such row; none where empty.
    """
    import numpy as np

    groups = [group for group in groups if len(group.at)]
    if not groups:
        return 0
    laid = [_lay(rows, group) for group in sorted(groups, key=lambda group: int(group.at[0]))]
    _put_on_axis(rows, laid)
    for each in laid:
        each.strays = _strays(each)
    told = _put_points(rows, part, laid, places)
    astray = np.sort(np.concatenate([each.at[each.strays] for each in laid])).tolist()
    if stray:
        told += [(row, Issue("no-step", stray, f"line {places[row]}")) for row in astray]
    issues += [issue for _, issue in sorted(told, key=lambda one: one[0])]
    return len(astray)


def _lay(rows: Rows, group: Group) -> _Laid:
    import numpy as np

    plan, n = rows.plan(group.keys), len(group.at)
    cells = {
        key: column if isinstance(column, tuple) else (column, np.ones(n, bool))
        for key, column in zip(group.keys, group.columns, strict=True)
    }
    nothing = np.full(n, np.nan)
    tokens = nothing
    for key in reversed(plan.tokens):
        value, mask = cells[key]
        tokens = np.where(mask & (value > 0), value, tokens)
    epoch = nothing if plan.epoch is None else np.where(cells[plan.epoch][1], cells[plan.epoch][0], np.nan)
    wall = nothing if plan.wall is None else _clocks(*cells[plan.wall])
    metrics = [(name, *cells[key]) for key, name in plan.metrics]
    filled = np.zeros(n, bool)
    for _, _, mask in metrics:
        filled |= mask
    if not filled.all():
        metrics.append(("tokens", tokens, ~filled & (tokens == tokens)))
    return _Laid(plan, group.at, cells, nothing, tokens, epoch, wall, metrics, np.zeros(n, bool))


def _clocks(value: Floats, mask: Bools) -> Floats:
    """`rows.clock` of a column of numbers."""
    import numpy as np

    seconds = np.where(value > rows_module.LATEST, value / 1e3, value)
    fits = mask & (seconds > rows_module.EARLIEST) & (seconds < rows_module.LATEST)
    return np.where(fits, seconds, np.nan)


def _put_on_axis(rows: Rows, laid: Sequence[_Laid]) -> None:
    """Give every row its step, as `Rows.step` does in the order of the rows."""
    import numpy as np

    stepped = [each for each in laid if each.plan.axis is not None]
    if len({each.plan.axis for each in stepped}) > 1:
        _put_on_axes(rows, stepped)
        return
    last = -1
    is_lesser = any(rows.is_lesser(each.plan) for each in stepped)
    for each in stepped:
        if is_lesser:
            each.step = np.full(len(each.at), np.nan if rows.last_step is None else rows.last_step)
            continue
        value, mask = each.cells[str(each.plan.axis)]
        finite = mask & np.isfinite(value)
        each.step = np.where(finite, value, np.nan)
        known = np.flatnonzero(finite)
        if known.size and int(each.at[known[-1]]) > last:
            last = int(each.at[known[-1]])
            rows.axis, rows.last_step = each.plan.axis, float(value[known[-1]])


def _put_on_axes(rows: Rows, laid: Sequence[_Laid]) -> None:
    """The same where rows count on several counters: one by one."""
    order: list[tuple[int, int, int, float | None]] = []
    for number, each in enumerate(laid):
        column, mask = each.cells[str(each.plan.axis)]
        each.step = column.copy()
        known = zip(each.at.tolist(), column.tolist(), mask.tolist(), strict=True)
        order += [(row, number, index, x if there else None) for index, (row, x, there) in enumerate(known)]
    for _, number, index, value in sorted(order, key=lambda one: one[0]):
        laid[number].step[index] = rows.step(laid[number].plan, value)


def _strays(each: _Laid) -> Bools:
    """Rows with a metric, and neither step nor tokens nor epoch."""
    import numpy as np

    nowhere = np.isnan(each.step) & np.isnan(each.tokens)
    if each.plan.epoch is not None:
        nowhere &= ~each.cells[each.plan.epoch][1]
    filled = np.zeros(len(nowhere), bool)
    for _, _, mask in each.metrics:
        filled |= mask
    strays: Bools = nowhere & filled
    return strays


def _put_points(rows: Rows, part: RunPart, laid: Sequence[_Laid], places: Ints) -> list[tuple[int, Issue]]:
    """Append the points of all groups, series by series; the issues with the row they belong to."""
    import numpy as np

    width = max(len(each.metrics) for each in laid)
    found: dict[str, list[_Metric]] = {}
    for each in laid:
        on_axis = ~each.strays
        for index, (name, value, mask) in enumerate(each.metrics):
            at = np.flatnonzero(mask & on_axis)
            if at.size:
                metric = _Metric(each.at[at] * width + index, at, value[at], each)
                found.setdefault(name, []).append(metric)
    stretches = []
    for _, name in sorted((min(int(m.order[0]) for m in metrics), name) for name, metrics in found.items()):
        if name in part.series or len(part.series) < rows_module.MOST_SERIES:
            part.points(name)
            stretches.append(_joined(name, found[name], places))
    issues: list[Issue] = []
    segments, told = rows.segments.of_columns([(one.name, one.order, one.step) for one in stretches], issues)
    for one, segment in zip(stretches, segments, strict=True):
        if one.name == "train" and (one.step == 0).any():
            part.step_origin = 0
        part.series[one.name].extend(
            one.step,
            one.value,
            tokens=one.tokens,
            epoch=one.epoch,
            wall=one.wall,
            place=one.place,
            segment=segment,
        )
    return [(-1 if told is None else told // width, issue) for issue in issues]


@dataclass(slots=True)
class _Stretch:
    """The points of one series in the block, in file order."""

    name: str
    order: Ints
    step: Floats
    value: Floats
    tokens: Floats
    epoch: Floats
    wall: Floats
    place: Ints


def _joined(name: str, metrics: Sequence[_Metric], places: Ints) -> _Stretch:
    import numpy as np

    def column(pieces: list[NDArray[T]]) -> NDArray[T]:
        return pieces[0] if order is None else np.concatenate(pieces)[order]

    order = None if len(metrics) == 1 else np.argsort(np.concatenate([m.order for m in metrics]))
    return _Stretch(
        name,
        order=column([m.order for m in metrics]),
        step=column([m.laid.step[m.at] for m in metrics]),
        value=column([m.value for m in metrics]),
        tokens=column([m.laid.tokens[m.at] for m in metrics]),
        epoch=column([m.laid.epoch[m.at] for m in metrics]),
        wall=column([m.laid.wall[m.at] for m in metrics]),
        place=column([places[m.laid.at[m.at]] for m in metrics]),
    )
