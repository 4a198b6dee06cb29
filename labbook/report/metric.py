# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Fits of a metric as text and JSON: parameters, comparison, predictions, a plot over ln x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labbook.metricfit import GroupFit, MetricReport
from labbook.quantities import format_size
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, plural, significant
from labbook.report.objects import Object, refusal_object, refused_law, warned_object, whole
from labbook.report.paint import paint
from labbook.report.plot import COLORS, Series, Spec, draw
from labbook.report.table import Column, table
from labbook.report.words import refusal_words
from labbook.scaling.metric_predict import curve
from labbook.scaling.metric_values import MetricFit, Predicted, Reached
from labbook.scaling.values import Interval

_LAWS = (
    Column("law"),
    Column("equation", priority=2, least=12),
    Column("k", right=True, priority=3),
    Column("rms", right=True),
    Column("worst", right=True, priority=1),
    Column("AICc", right=True),
    Column("status", least=9),
)
_PARAMS = (Column("law"), Column("parameter"), Column("value", right=True), Column("95 % interval", least=12))
_AT = (
    Column("law"),
    Column("x", right=True),
    Column("p", right=True),
    Column("95 %, the law"),
    Column("95 %, one more reading", priority=1),
)
_REACH = (Column("law"), Column("p", right=True), Column("x", right=True), Column("95 %"))
_LISTED = 6
_GRID = 120


def metric_text(
    report: MetricReport,
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
    plot: tuple[int, int] = (0, 0),
) -> str:
    """Every fit of the table; plot: columns and rows of each plot, (0, 0) for none."""
    asked = report.asked
    title = f"{asked.y} against {asked.x} ({report.table}): {asked.law}"
    lines = [paint(line, "bold", color) for line in wrap(title, width)]
    lines += wrap(bounds_words(report), width, rest="  ")
    for group in report.groups:
        lines += ["", *_group(report, group, width, color, ascii, plot)]
    texts = [f"{warned.code}: {warned.text}" for warned in report.warnings] + _missing(report)
    lines += ["", *(line for text in texts for line in wrap(text, width, rest="  "))] if texts else []
    return finish(lines, ascii)


def bounds_words(report: MetricReport) -> str:
    """Which bounds are known, and who says so; the unit of the table where it is percent."""
    asked = report.asked
    words = []
    for name, value, given in (("lo", report.lo, asked.lo_is_given), ("hi", report.hi, asked.hi_is_given)):
        if value is None:
            words.append(f"{name} fitted")
        else:
            words.append(f"{name} {significant(value, 4)} ({'given' if given else f'assumed; else --{name}'})")
    percent = " Readings are percent and were divided by 100." if report.scale > 1.0 else ""
    return f"Bounds: {', '.join(words)}.{percent}"


def _missing(report: MetricReport) -> list[str]:
    if not report.missing:
        return []
    reasons: dict[str, list[str]] = {}
    for place, reason in report.missing:
        reasons.setdefault(reason, []).append(place)
    parts = [f"{reason} ({_places(places)})" for reason, places in reasons.items()]
    return [f"{plural(len(report.missing), 'row')} without a reading: {'; '.join(parts)}."]


def _places(places: list[str]) -> str:
    """`row 3, row 4 and 7 more`."""
    more = f" and {len(places) - _LISTED} more" if len(places) > _LISTED else ""
    return ", ".join(places[:_LISTED]) + more


def _group(
    report: MetricReport, group: GroupFit, width: int, color: bool, ascii: bool, plot: tuple[int, int]
) -> list[str]:
    comparison = group.comparison
    lines = (
        [paint(f"{group.name} ({plural(len(comparison.x), 'reading')})", "bold", color)] if group.name else []
    )
    if comparison.fits:
        if plot[0]:
            spec = metric_spec(report, group)
            lines += [*(line.rstrip() for line in draw(spec, *plot, color=color, ascii=ascii)), ""]
        order = _order(group)
        fits = [comparison.fits[name] for name in order]
        lines += [*table(_LAWS, [_law_row(fit) for fit in fits], width), ""]
        lines += table(_PARAMS, [row for fit in fits for row in _param_rows(fit)], width)
        lines += _predictions(group, order, width)
    lines.append("")
    for text in _sentences(group):
        lines += wrap(text, width, rest="  ")
    return lines


def _order(group: GroupFit) -> list[str]:
    """The preferred law first, then by rms."""
    fits = group.comparison.fits
    return sorted(fits, key=lambda name: (name != group.comparison.preferred, fits[name].rms))


def _law_row(fit: MetricFit) -> list[str]:
    status = fit.status.value + (f" {','.join(fit.bound)}" if fit.bound else "")
    aicc = DASH if fit.aicc is None else f"{fit.aicc:.1f}"
    return [
        fit.law,
        fit.equation,
        str(fit.k),
        significant(fit.rms, 3),
        significant(fit.max_resid, 3),
        aicc,
        status,
    ]


def _param_rows(fit: MetricFit) -> list[list[str]]:
    return [
        [
            fit.law if at == 0 else "",
            name,
            significant(value),
            "known" if name in fit.known else _ends(fit.intervals.get(name)),
        ]
        for at, (name, value) in enumerate(fit.params.items())
    ]


def _ends(ends: Interval | None, digits: int = 6) -> str:
    return (
        "no interval" if ends is None else f"[{significant(ends[0], digits)}, {significant(ends[1], digits)}]"
    )


def _predictions(group: GroupFit, order: list[str], width: int) -> list[str]:
    comparison, lines = group.comparison, []
    ahead = [_ahead_row(name, each) for name in order for each in comparison.predicted[name]]
    if ahead:
        lines += ["", *table(_AT, ahead, width)]
    back = [_back_row(name, each) for name in order for each in comparison.reached[name]]
    if back:
        lines += ["", *table(_REACH, back, width)]
    return lines


def _ahead_row(law: str, found: Predicted) -> list[str]:
    ends = [_ends(found.interval, 4), _ends(found.reading, 4)]
    return [law, format_size(found.x), significant(found.p, 4), *ends]


def _back_row(law: str, found: Reached) -> list[str]:
    low, high = (format_size(end) if end is not None else "not bounded" for end in (found.low, found.high))
    ends = "" if found.refused is not None else f"{low} to {high}"
    return [law, significant(found.p, 4), format_size(found.x), ends]


def _sentences(group: GroupFit) -> list[str]:
    comparison = group.comparison
    found = []
    if len(comparison.fits) > 1 and comparison.preferred:
        found.append(f"Preferred: {comparison.preferred} ({_why_preferred(comparison.fits)}).")
    by_law: dict[str, list[str]] = {}
    for name, fit in comparison.fits.items():
        by_law.setdefault(f"{fit.objective}; intervals: {fit.interval_method}.", []).append(name)
        for warned in fit.warnings:
            by_law.setdefault(f"{warned.code}: {warned.text}", []).append(name)
        for text in _place_sentences(comparison.predicted[name], comparison.reached[name]):
            by_law.setdefault(text, []).append(name)
    found += [f"{', '.join(names)}: {text}" for text, names in by_law.items()]
    found += [
        f"{name}: {refused.code}: {refusal_words(refused)}" for name, refused in comparison.refused.items()
    ]
    chance = next((fit.at_chance for fit in comparison.fits.values()), ())
    if chance:
        places = _places([group.places[at] for at in chance])
        found.append(f"Left out, not above chance by two standard errors: {places}.")
    return found


def _place_sentences(ahead: Sequence[Predicted], back: Sequence[Reached]) -> list[str]:
    """What is doubtful or refused at an amount or a level that was asked for."""
    told = [(f"x {format_size(each.x)}", each.warnings) for each in ahead]
    told += [(f"p {significant(each.p, 4)}", each.warnings) for each in back]
    found = [f"{warned.code} at {at}: {warned.text}" for at, warnings in told for warned in warnings]
    refused = [each.refused for each in back if each.refused is not None]
    return found + [f"{why.code}: {refusal_words(why)}" for why in refused]


def _why_preferred(fits: dict[str, MetricFit]) -> str:
    return "least rms" if any(fit.aicc is None for fit in fits.values()) else "least AICc"


def metric_spec(report: MetricReport, group: GroupFit) -> Spec:
    """Readings and laws over x on a log axis, with the band of the first law."""
    comparison = group.comparison
    x, p = np.array(comparison.x), np.array(comparison.p)
    asked = [found.x for found in next(iter(comparison.predicted.values()), ())]
    grid = np.geomspace(min(x.min(), *asked, x.min()) / 1.15, max(x.max(), *asked, x.max()) * 1.15, _GRID)
    bands, lines = [], []
    for at, name in enumerate(_order(group)):
        middle, low, high = curve(comparison.fits[name], grid)
        if at == 0:
            bands.append(Series("band", grid, low, f"{name}, 95 % interval", top=high))
        lines.append(Series("line", grid, middle, "" if at == 0 else name, color=COLORS[at % len(COLORS)]))
    left = set(next(iter(comparison.fits.values())).at_chance)
    used = np.array([at not in left for at in range(x.size)])
    points = [Series("points", x[used], p[used], report.asked.y, "●", "cyan")]
    points += [Series("points", x[~used], p[~used], "at chance", "○")] if left else []
    return Spec("", report.asked.x, report.asked.y, (*bands, *lines, *points), log_x=True)


def metric_json(report: MetricReport) -> Object:
    """`labbook fit TABLE --law ... --json`."""
    asked = report.asked
    return {
        "schema": "labbook.metricfit/1",
        "table": report.table,
        "law": asked.law,
        "x": asked.x,
        "y": asked.y,
        "lo": report.lo,
        "lo_given": asked.lo_is_given,
        "hi": report.hi,
        "hi_given": asked.hi_is_given,
        "scale": report.scale,
        "groups": [_group_object(group) for group in report.groups],
        "missing": [{"place": place, "reason": reason} for place, reason in report.missing],
        "warnings": [warned_object(warned) for warned in report.warnings],
    }


def _group_object(group: GroupFit) -> Object:
    comparison = group.comparison
    items = comparison.items or (None,) * len(comparison.x)
    return {
        "group": group.name or None,
        "n": len(comparison.x),
        "digest": comparison.digest,
        "points": [
            {"place": place, "x": x, "p": p, "items": whole(m)}
            for place, x, p, m in zip(group.places, comparison.x, comparison.p, items, strict=True)
        ],
        "preferred": comparison.preferred,
        "laws": {name: _law_object(group, fit) for name, fit in comparison.fits.items()},
        "refused": {name: refused_law(refused) for name, refused in comparison.refused.items()},
    }


def _law_object(group: GroupFit, fit: MetricFit) -> Object:
    comparison = group.comparison
    return {
        "equation": fit.equation,
        "status": fit.status.value,
        "n": fit.n,
        "k": fit.k,
        "params": fit.params,
        "intervals": {name: list(ends) for name, ends in fit.intervals.items()},
        "known": list(fit.known),
        "bound": list(fit.bound),
        "objective": fit.objective,
        "objective_value": fit.objective_value,
        "interval_method": fit.interval_method,
        "dispersion": fit.dispersion,
        "rms": fit.rms,
        "max_resid": fit.max_resid,
        "aicc": fit.aicc,
        "ceiling_share": fit.ceiling_share,
        "residuals": list(fit.residuals),
        "at_chance": [group.places[at] for at in fit.at_chance],
        "predicted": [_ahead_object(each) for each in comparison.predicted[fit.law]],
        "reached": [_back_object(each) for each in comparison.reached[fit.law]],
        "warnings": [warned_object(warned) for warned in fit.warnings],
    }


def _ahead_object(found: Predicted) -> Object:
    return {
        "x": found.x,
        "p": found.p,
        "interval": _pair(found.interval),
        "reading_interval": _pair(found.reading),
        "warnings": [warned_object(warned) for warned in found.warnings],
    }


def _back_object(found: Reached) -> Object:
    return {
        "p": found.p,
        "x": found.x,
        "low": found.low,
        "high": found.high,
        "warnings": [warned_object(warned) for warned in found.warnings],
        **(refusal_object(found.refused) if found.refused is not None else {"refused": None}),
    }


def _pair(ends: Interval | None) -> list[float] | None:
    return None if ends is None else list(ends)
