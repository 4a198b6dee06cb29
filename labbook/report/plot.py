"""Plots as text: values, width and height in; lines of characters out.

This module alone speaks plotext. It takes log10 itself, draws on linear rulers and sets its own ticks,
because plotext 6.1's log ruler loses points and breaks under explicit ticks; it clears before each
drawing and holds one lock, because the figure is shared state that crashes when two threads build at once.
The legend is text of our own above the plot, so it never covers a point. What series mean is decided by
their markers; colour only repeats it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labbook.quantities import format_size
from labbook.records import Curve
from labbook.report.axes import limits, thinned, ticks
from labbook.scaling.values import Fit
from labbook.summary import LadderView, RungView
from labbook.text import strip_escapes

FloatArray = NDArray[np.float64]
Law = Callable[[FloatArray, FloatArray], FloatArray]
"""Loss at (N, D), arrays of equal length."""
Band = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Lower and upper end of the interval of the loss at (N, D)."""
Axis = Literal["N", "D", "C"]

MIN_WIDTH, MIN_HEIGHT = 24, 6
MARKERS = ("●", "■", "▲", "◆", "▼", "★")
ASCII_MARKERS = {"●": "a", "■": "b", "▲": "c", "◆": "d", "▼": "e", "★": "f", "○": "o", "•": "*", "░": ":"}
COLORS = ("cyan", "green", "magenta", "yellow", "blue", "red")
_FRAME = str.maketrans("─│┌┐└┘┤├┬┴┼", "-|+++++++++")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Series:
    """One set of values of a plot. Bands lie under lines under points; of points the first is on top."""

    kind: Literal["points", "line", "band"]
    x: FloatArray
    y: FloatArray
    """Values, or the lower edge of a band."""
    label: str = ""
    """Its words in the legend; empty leaves it out of the legend."""
    marker: str = "●"
    """Of points; a line is drawn in braille dots."""
    color: str = ""
    top: FloatArray | None = None
    """Upper edge of a band."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A plot without its size."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    sizes: bool = True
    """x ticks as 1K 10M 2B instead of plain numbers."""


def draw(spec: Spec, width: int, height: int, *, color: bool, ascii: bool = False) -> list[str]:  # noqa: A002
    """The plot as exactly `height` lines of `width` cells; the same input gives the same lines.

    Values that are not finite, or not positive on a log axis, are left out. Lines hold terminal colours
    only with `color`. Too small a size, or nothing to draw, gives one line that says so.
    """
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return _sentence(f"a plot needs {MIN_WIDTH}x{MIN_HEIGHT}", width, height)
    cleaned = [_cleaned(s, spec) for s in spec.series]
    shown = [s for s in cleaned if len(s.x)]
    if not shown:
        return _sentence(f"{spec.title}: nothing to draw yet", width, height)
    title = [_fitted(spec.title, width)] if spec.title else []
    head = [*title, *_legend(shown, width, ascii=ascii)][: height - MIN_HEIGHT + 1]
    body = _canvas(spec, shown, width, height - len(head) - 1, color=color, ascii=ascii)
    foot = _fitted(f"{spec.y_label} against {spec.x_label}".rjust(width), width)
    lines = [*head, *body, foot]
    return [line.translate(_FRAME).replace("…", "~") for line in lines] if ascii else lines


def _sentence(text: str, width: int, height: int) -> list[str]:
    lines = [" " * width for _ in range(max(0, height))]
    if lines:
        lines[len(lines) // 2] = _fitted(text.center(width), width)
    return lines


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _cleaned(s: Series, spec: Spec) -> Series:
    """The series in axis units: log10 taken where asked, unusable values gone."""
    columns = [s.x, s.y] if s.top is None else [s.x, s.y, s.top]
    logs = (spec.log_x, spec.log_y, spec.log_y)
    keep = np.ones(len(s.x), dtype=bool)
    for values, log in zip(columns, logs, strict=False):
        with np.errstate(invalid="ignore"):
            keep &= np.isfinite(values) & ((values > 0) if log else True)
    out = [np.log10(v[keep]) if log else v[keep] for v, log in zip(columns, logs, strict=False)]
    return Series(s.kind, out[0], out[1], s.label, s.marker, s.color, out[2] if s.top is not None else None)


def _legend(series: Sequence[Series], width: int, *, ascii: bool) -> list[str]:  # noqa: A002
    """Markers and their words, as many lines as they take up to two."""
    samples = {"line": "..." if ascii else "⠒⠒", "band": "::" if ascii else "░░"}
    entries = [
        f"{samples.get(s.kind) or (ASCII_MARKERS.get(s.marker, s.marker) if ascii else s.marker)} {s.label}"
        for s in series
        if s.label
    ]
    lines: list[str] = []
    for entry in entries:
        if lines and len(lines[-1]) + 3 + len(entry) <= width:
            lines[-1] += f"   {entry}"
        else:
            lines.append(entry)
    return [_fitted(line, width) for line in lines[:2]]


def _canvas(
    spec: Spec,
    series: Sequence[Series],
    width: int,
    height: int,
    *,
    color: bool,
    ascii: bool,  # noqa: A002
) -> list[str]:
    """Frame, ticks and series as plotext draws them."""
    x_lim = limits([s.x for s in series], spec.log_x)
    y_lim = limits([v for s in series for v in (s.y, s.top) if v is not None], spec.log_y)
    import plotext

    with _LOCK:
        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear.all()
        figure.plot_size(width, height)
        figure.theme("colorless")
        figure.canvas("default")
        for s in _bottom_up(series):
            figure.draw(_signal(plotext, figure, s, x_lim, width, color=color, ascii=ascii))
        for name, lim, log, room in (
            ("x", x_lim, spec.log_x, max(2, width // 10)),
            ("y", y_lim, spec.log_y, max(3, height * 2 // 5)),
        ):
            figure.ruler(name).lim(*lim)
            figure.ruler(name).ticks(*ticks(*lim, log=log, room=room, sizes=spec.sizes and name == "x"))
        text = str(figure.build().string())
    lines = text.rstrip("\n").split("\n")
    return [line if color else strip_escapes(line) for line in lines][:height]


def _bottom_up(series: Sequence[Series]) -> list[Series]:
    """Bands, then lines, then points; of points the first stands on top."""
    bands, lines, points = ([s for s in series if s.kind == kind] for kind in ("band", "line", "points"))
    return [*bands, *lines, *reversed(points)]


def _signal(
    plotext: Any,
    figure: Any,
    s: Series,
    x_lim: tuple[float, float],
    width: int,
    *,
    color: bool,
    ascii: bool,  # noqa: A002
) -> Any:
    """One plotext signal for one series."""
    symbol = {"line": "braille", "band": "░"}.get(s.kind, s.marker)
    if ascii:
        symbol = "." if s.kind == "line" else ASCII_MARKERS.get(symbol, symbol)
    marker = plotext.marker(symbol, s.color) if color and s.color else plotext.marker(symbol)
    if s.kind == "band" and s.top is not None:
        grid = np.linspace(max(x_lim[0], s.x[0]), min(x_lim[1], s.x[-1]), 2 * width)
        low, high = (np.interp(grid, s.x, edge) for edge in (s.y, s.top))
        edge = figure.signal(grid.tolist(), low.tolist(), marker=marker)
        return figure.signal(grid.tolist(), high.tolist(), marker=marker).fill(edge).density("full")
    if s.kind == "points":
        return figure.signal(s.x.tolist(), s.y.tolist(), marker=marker)
    x, y = thinned(s.x, s.y, x_lim, 2 * width)
    signal = figure.signal(x.tolist(), y.tolist(), marker=marker).lines()
    return signal.density("full") if ascii else signal


def curve_spec(
    curves: Mapping[str, Curve],
    *,
    x: Literal["step", "tokens"] = "step",
    log_x: bool = False,
    log_y: bool = True,
    unit: str = "loss",
    title: str = "",
    flagged: Sequence[float] = (),
) -> Spec:
    """Loss of one run over step or tokens: training as a thin line, validation as points.

    flagged: steps at which something was noticed; each is marked on the training curve.
    """
    series: list[Series] = []
    for name in _loss_names(curves):
        curve = curves[name]
        across = curve.tokens if x == "tokens" else curve.step
        if name == "train":
            series.insert(0, Series("line", across, curve.value, name))
            series.append(_flags(curve, across, flagged))
        else:
            k = sum(s.kind == "points" and s.label != "flagged" for s in series) % len(MARKERS)
            series.append(Series("points", across, curve.value, name, MARKERS[k], COLORS[k]))
    return Spec(title, x, unit, tuple(series), log_x, log_y)


def _flags(curve: Curve, across: FloatArray, steps: Sequence[float]) -> Series:
    """A mark on the curve at each step, level with the last finite value there."""
    usable = np.flatnonzero(np.isfinite(curve.value) & np.isfinite(across))
    at = np.searchsorted(curve.step[usable], np.array(steps, dtype=np.float64), side="right") - 1
    rows = usable[np.clip(at, 0, None)] if len(usable) else usable
    return Series("points", across[rows], curve.value[rows], "flagged", "▼", "red")


def _loss_names(curves: Mapping[str, Curve]) -> list[str]:
    return [n for n in sorted(curves) if n in ("train", "train_eval") or n.split(":")[0] == "val"]


def rate_spec(
    curves: Mapping[str, Curve], *, x: Literal["step", "tokens"] = "step", log_x: bool = False
) -> Spec | None:
    """Learning rate of one run over the same x, or None where the log has none."""
    curve = curves.get("lr")
    if curve is None or not len(curve):
        return None
    across = curve.tokens if x == "tokens" else curve.step
    return Spec("", x, "lr", (Series("line", across, curve.value, color="green"),), log_x, False)


def ladder_spec(
    view: LadderView,
    x: Axis,
    law: Law | None = None,
    band: Band | None = None,
    *,
    log_x: bool = True,
    log_y: bool = True,
) -> Spec:
    """Loss of the rungs against N, D or C, with the preferred law at each group's other coordinate.

    One line for each D (against N) or N (against D and C), six at most; rungs of other groups are dots.
    `band` is drawn for the last line. Runs left out of the fit are open circles.
    """
    groups = _groups(view.rungs, "D" if x == "N" else "N")
    drawn = _spread(sorted(groups), len(MARKERS))
    series: list[Series] = []
    for k, at in enumerate(drawn):
        rungs, other = groups[at], "D" if x == "N" else "N"
        if law is not None:
            series += _law_lines(view.rungs, rungs, x, at, law, band if at == drawn[-1] else None, COLORS[k])
        label = f"{other} {format_size(at)}"
        series.append(_rung_points(rungs, x, label, MARKERS[k], COLORS[k]))
    rest = [r for at, rungs in groups.items() if at not in drawn for r in rungs]
    series.append(_rung_points(rest, x, "others", "•", ""))
    series.append(_left_out(view, x))
    order = {"band": 0, "line": 1, "points": 2}
    title = f"{view.name}: {view.preferred.law if view.preferred else 'no law yet'}"
    shown = tuple(sorted(series, key=lambda s: order[s.kind]))
    x_label = "C (FLOP)" if x == "C" else x
    return Spec(title, x_label, view.loss_unit, shown, log_x, log_y, sizes=x != "C")


def _groups(rungs: Sequence[RungView], by: Literal["N", "D"]) -> dict[float, list[RungView]]:
    """Rungs by their N or D where these agree within 3 %, under the group's geometric mean."""
    groups: list[list[RungView]] = []
    for rung in sorted(rungs, key=lambda r: float(getattr(r, by))):
        value = float(getattr(rung, by))
        if groups and value <= 1.03 * float(getattr(groups[-1][0], by)):
            groups[-1].append(rung)
        else:
            groups.append([rung])
    return {math.exp(sum(math.log(float(getattr(r, by))) for r in g) / len(g)): g for g in groups}


def _spread(values: Sequence[float], count: int) -> list[float]:
    """At most `count` of the values, both ends among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(k * (len(values) - 1) / (count - 1))] for k in range(count)]


def _rung_points(rungs: Sequence[RungView], x: Axis, label: str, marker: str, color: str) -> Series:
    across = np.array([float(getattr(r, x)) for r in rungs], dtype=np.float64)
    return Series("points", across, np.array([r.loss for r in rungs], dtype=np.float64), label, marker, color)


def _left_out(view: LadderView, x: Axis) -> Series:
    """Runs left out, where their place is known; C of a run that is no rung by 6ND."""
    nan = math.nan
    rows = [(run.N or nan, run.D or nan, run.loss or nan) for run in view.left_out]
    N, D, loss = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return Series("points", {"N": N, "D": D, "C": 6 * N * D}[x], loss, "left out", "○")


def _law_lines(
    every: Sequence[RungView],
    rungs: Sequence[RungView],
    x: Axis,
    at: float,
    law: Law,
    band: Band | None,
    color: str,
) -> list[Series]:
    """The law at the group's coordinate `at`, over the ladder's range of N or D, and its band."""
    swept: Literal["N", "D"] = "N" if x == "N" else "D"
    ends = [float(getattr(r, swept)) for r in every]
    grid = np.geomspace(min(ends) / 1.15, max(ends) * 1.15, 80)
    held = np.full_like(grid, at)
    N, D = (grid, held) if swept == "N" else (held, grid)
    # the ladder's own convention of C, not 6ND by force
    across = grid if x != "C" else float(np.median([r.C / (r.N * r.D) for r in rungs])) * N * D
    lines = [Series("line", across, np.asarray(law(N, D), dtype=np.float64), color=color)]
    if band is not None:
        low, high = band(N, D)
        words = f"95 % interval at {'D' if x == 'N' else 'N'} {format_size(at)}"
        lines.insert(0, Series("band", across, np.asarray(low), words, color="", top=np.asarray(high)))
    return lines


def preferred_law(view: LadderView) -> tuple[Law | None, Band | None]:
    """Curve and 95 % band of the ladder's preferred fit, for `ladder_spec`; None where there is none."""
    from labbook.analysis import drawable
    from labbook.scaling.predict import predict, predict_interval

    fit = drawable(view)
    if fit is None:
        return None, None

    chosen: Fit = fit

    def law(N: FloatArray, D: FloatArray) -> FloatArray:
        return np.asarray(predict(chosen, N, D), dtype=np.float64)

    def band(N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
        _, low, high = predict_interval(chosen, N, D, level=0.95, new_run=False)
        return np.asarray(low), np.asarray(high)

    return law, band if fit.handle is not None else None
