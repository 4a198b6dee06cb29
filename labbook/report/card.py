# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""One run on one page: the answers first, then where every number comes from."""

from __future__ import annotations

import math
import shlex
from datetime import UTC, tzinfo

from labbook.conventions import CONVENTIONS
from labbook.quantities import flops, format_duration, format_size
from labbook.report.cells import crop, crop_apart, finish, first_fit, wrap
from labbook.report.figures import (
    DASH,
    ago,
    bare,
    count,
    done_share,
    known,
    left,
    loss_figure,
    plural,
    power,
    share,
    signed_percent,
    significant,
    when,
)
from labbook.report.forecast import end_words
from labbook.report.paint import paint
from labbook.report.table import Column, table
from labbook.report.verdict import regime_line
from labbook.report.words import (
    SEVERITIES,
    UNITS_SHORT,
    count_word,
    error_words,
    flag_head,
    flag_sentence,
    is_assumed,
    kind_word,
    level_words,
    refusal_words,
    state_words,
    unit_words,
)
from labbook.scaling.values import Refusal
from labbook.summary import Count, LadderView, RunView, SeriesInfo

_LABEL = 10
"""Cells of an answer's heading."""
SAME_STEP = 0.02
"""Levels whose steps differ by less of the training step are of one moment."""

_COUNTS = (
    Column("quantity", least=12),
    Column("value", right=True),
    Column("how"),
    Column("digits", right=True, priority=1),
    Column("source", least=10),
)
_SERIES = (
    Column("series"),
    Column("points", right=True, priority=2),
    Column("steps", right=True, priority=3),
    Column("first", right=True, priority=4),
    Column("last", right=True),
    Column("first value", right=True, priority=3),
    Column("last value", right=True),
    Column("unit", priority=1),
    Column("not finite", right=True, priority=5),
)
_OTHERS = 16
"""Series listed beside those everybody asks for."""
_LOSSES = ("train", "train_eval", "val", "lr", "grad_norm")
_TOKENS = ("tokens", "tokens_seen", "num_tokens", "total_tokens", "tokens_per_s", "tokens_per_second")
_TIMES = ("step_ms", "step_time", "step_time_s", "runtime", "train_runtime")
_LEAST_NAME = 16

_SOURCES = (
    Column("source", least=12, middle=True),
    Column("format"),
    Column("sure", right=True, priority=2),
    Column("bytes", right=True, priority=3),
    Column("read to", right=True, priority=1),
)


def card(
    run: RunView,
    ladder: LadderView | None,
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
    as_of: float | None = None,
    zone: tzinfo = UTC,
) -> str:
    """What is known of one run.

    as_of: the moment ages are counted from; without it times stand alone. zone: of every time printed.
    """
    lines = _title(run, width, color)
    for label, text in answers(run, ladder, width - _LABEL, as_of, zone):
        lines.append(paint(f"{label:<{_LABEL}}", "dim", color) + crop(text, width - _LABEL))
    lines += _flags(run, width, color)
    lines += _section("Where N, D and C come from", table(_COUNTS, count_rows(run, ladder), width), color)
    lines += _section("Recipe", _pairs(run, width), color)
    lines += _section("Series", _series(run, width), color)
    lines += _section("Sources", table(_SOURCES, source_rows(run), width) if run.sources else [], color)
    lines += _section("Issues", [x for row in issue_lines(run) for x in wrap(row, width, rest="  ")], color)
    return finish(lines, ascii)


def _title(run: RunView, width: int, color: bool) -> list[str]:
    lines = [paint(crop(run.name, width), "bold", color)]
    where = f"{run.path} ({', '.join(run.formats)})" if run.formats else run.path
    return [*lines, *wrap(where, width), *wrap(f"id {run.run_id}", width), ""]


def _section(title: str, body: list[str], color: bool) -> list[str]:
    return ["", paint(title, "bold", color), *body] if body else []


def answers(
    run: RunView, ladder: LadderView | None, width: int = 68, as_of: float | None = None, zone: tzinfo = UTC
) -> list[tuple[str, str]]:
    """(heading, answer) in the order they are asked, each at most one line of `width` cells."""
    rows = [
        ("alive", first_fit(_alive(run, as_of, zone), width)),
        ("broken", _broken(run)),
        ("done when", _done(run, as_of, zone)),
        ("speed", first_fit(_speed(run), width)),
        ("loss now", first_fit(_loss(run), width)),
        ("ends at", first_fit(end_words(run), width)),
        ("data", first_fit(_data(run), width)),
        ("ladder", _on_ladder(run, ladder)),
        ("limits", regime_line(run.regime, run, run.loss_unit, width)),
        ("do", run.advice or "nothing"),
    ]
    return [(label, crop(text, width)) for label, text in rows]


def _alive(run: RunView, as_of: float | None, zone: tzinfo) -> list[str]:
    planned = f" of {count(run.planned_steps)}" if known(run.planned_steps) else ""
    step = f", step {count(run.step)}{planned}" if known(run.step) else ""
    frac = f" ({done_share(run.frac)})" if known(run.frac) else ""
    age = ago(run.last_seen, as_of) or (when(run.last_seen, zone) if known(run.last_seen) else "")
    last = f", last progress {age}" if age else ""
    if run.state == "done" and known(run.frac) and run.frac is not None and run.frac < 1:
        step, frac = f", {count(run.step)}{planned} steps logged", ""
    return [f"{state_words(run.state)}{step}{frac}{last}", f"{run.state}{step}{frac}{last}"]


def _broken(run: RunView) -> str:
    """The worst open flag with what it saw, then the others by name."""
    if not run.flags:
        return "nothing flagged"
    ordered = sorted(run.flags, key=lambda f: (f.cleared_step is not None, SEVERITIES.index(f.severity)))
    first = ordered[0]
    state = "cleared" if first.cleared_step is not None else first.severity
    others = [f"{f.id} ({'cleared' if f.cleared_step is not None else f.severity})" for f in ordered[1:]]
    return "; ".join([flag_head(first, state), *others])


def _done(run: RunView, as_of: float | None, zone: tzinfo) -> str:
    if isinstance(run.eta, Refusal):
        return "it is finished" if run.state == "done" else refusal_words(run.eta)
    wait = f"in {left(run.eta.finish_at, as_of)}, " if as_of is not None else ""
    half = (run.eta.hi - run.eta.lo) / 2
    margin = f" +- {format_duration(half)}" if math.isfinite(half) and half > 0 else ""
    return f"{wait}{when(run.eta.finish_at, zone)}{margin}"


def _speed(run: RunView) -> list[str]:
    """Pace with what it was measured from, and without where there is no room."""
    parts = [f"{format_size(run.tokens_per_s)} tokens/s"] if known(run.tokens_per_s) else []
    parts += [f"{significant(run.sec_per_step, 3)} s/step"] if known(run.sec_per_step) else []
    parts += [f.text for f in run.flags if f.id == "slow"]
    if not parts:
        return ["not known: the log has no times"]
    pace = ", ".join(parts)
    return [f"{pace}, {run.speed_source}", pace] if run.speed_source else [pace]


def _loss(run: RunView) -> list[str]:
    """The level now, fullest first: what the `+-` is, a shorter word for it, none, and no `+-`."""
    level = run.val or run.train or run.loss
    if level is None:
        return ["not known"]
    train = f"; train {loss_figure(run.train.value)}" if level is run.val and run.train is not None else ""
    unit, (full, short) = unit_words(run), error_words(level)
    brief = UNITS_SHORT.get(run.loss_unit, run.loss_unit)
    said = [level_words(level, unit, full), level_words(level, unit, short)]
    said += [] if is_assumed(run) else [level_words(level, brief, short)]
    least = f"{loss_figure(level.value)} {unit} ({level.series}, {level.estimator})"
    return [f"{text}{train}" for text in (*said, level_words(level, unit), least)]


def _data(run: RunView) -> list[str]:
    """Tokens, epochs and the gap between the losses; where there is no room its unit goes, then the gap."""
    parts = [f"{count_word(run.tokens_seen)} tokens seen" if run.tokens_seen else "tokens seen not known"]
    parts += [f"{count_word(run.unique_tokens)} unique"] if run.unique_tokens else []
    parts += [f"{significant(run.epochs, 3)} epochs"] if known(run.epochs) else []
    said, gap = ", ".join(parts), _gap(run)
    if gap is None:
        return [said]
    with_gap = f"{said}, val - train {bare(gap, 3)}"
    return [f"{with_gap} {UNITS_SHORT.get(run.loss_unit, run.loss_unit)}", with_gap, said]


def _gap(run: RunView) -> float | None:
    """Validation less training loss where both are of about one step; elsewhere it would hold progress too."""
    if run.val is None or run.train is None or run.val.step is None or run.train.step is None:
        return None
    if not abs(run.val.step - run.train.step) <= SAME_STEP * run.train.step:
        return None
    gap = run.val.value - run.train.value
    return gap if math.isfinite(gap) else None


def _on_ladder(run: RunView, ladder: LadderView | None) -> str:
    if ladder is None:
        return f"in no ladder: {run.role_reason}" if run.role_reason else "in no ladder"
    place = f"of {ladder.name}" if run.role == "rung" else f"left out of {ladder.name}: {run.role_reason}"
    law = ladder.preferred.law if ladder.preferred is not None else "the law"
    if not known(run.residual):
        return f"rung {place}; no residual" if run.role == "rung" else place
    residual = f"{signed_percent(run.residual)} % against {law}"
    rungs = plural(len(ladder.rungs), "rung")
    return f"{residual}, one of {rungs} {place}" if run.role == "rung" else f"{residual}, {place}"


def _flags(run: RunView, width: int, color: bool) -> list[str]:
    return _section("Flags", [x for f in run.flags for x in wrap(flag_sentence(f), width, rest="  ")], color)


def count_rows(run: RunView, ladder: LadderView | None) -> list[list[str]]:
    """(quantity, value, how, digits, source) of every N, D and C; `*` marks what the ladder uses."""
    used = (run.n, run.unique_tokens if ladder and ladder.d_reading == "unique" else run.tokens_seen)
    counts = [*run.n_all, run.tokens_seen, run.unique_tokens, run.tokens_per_step]
    rows = [_count_row(c, any(c is u or c == u for u in used)) for c in counts if c is not None]
    if run.n is not None and run.n not in run.n_all:
        rows.insert(0, _count_row(run.n, True))
    others = [[f"C, {name}", power(C), "computed", "", CONVENTIONS[name]] for name, C in run.flops]
    return [*rows, *([flop] if (flop := _flop_row(run, ladder)) else []), *others]


def _count_row(found: Count, used: bool) -> list[str]:
    digits = "exact" if found.digits is None and not found.approximate else str(found.digits or "rough")
    value = significant(found.value, 12) if abs(found.value) < 1e12 else power(found.value, 5)
    return [kind_word(found.kind) + (" *" if used else ""), value, found.how, digits, found.source]


def _flop_row(run: RunView, ladder: LadderView | None) -> list[str] | None:
    """C of the run: the rung's where it is one, else 6 N D from the two counts it has."""
    rung = next((r for r in ladder.rungs if r.run_id == run.run_id), None) if ladder else None
    N = "6 N active" if any(count.kind == "n_active" for count in run.n_all) else "6 N"
    if rung is not None:
        return ["C, FLOP *", power(rung.C), "computed", "", f"{N} x tokens, as the ladder has it"]
    if run.n is None or run.tokens_seen is None:
        return None
    C = flops(run.n.value, run.tokens_seen.value)
    return ["C, FLOP", power(C), "computed", "", f"{N} x tokens seen"]


def _pairs(run: RunView, width: int) -> list[str]:
    pairs = list(run.recipe)
    pairs += [("seed", run.seed)] if run.seed is not None else []
    pairs += [("peak learning rate", significant(run.peak_lr, 4))] if run.peak_lr is not None else []
    return [x for key, value in pairs for x in wrap(f"{key}: {value}", width, rest="  ")]


def listed_series(run: RunView) -> tuple[SeriesInfo, ...]:
    """The series everybody asks for, then at most sixteen others, both in their order."""
    asked = [s for s in run.series if _is_asked_for(s.name)]
    others = [s for s in run.series if not _is_asked_for(s.name)]
    return (*asked, *others[:_OTHERS])


def _is_asked_for(name: str) -> bool:
    return name.startswith("val:") or name in _LOSSES or name.rpartition("/")[2] in _TOKENS + _TIMES


def more_series(run: RunView) -> str:
    """`and 60 more series (labbook show RUN --json)`; empty where all are listed."""
    more = len(run.series) - len(listed_series(run))
    return f"and {more} more series (labbook show {shlex.quote(run.name)} --json)" if more else ""


def _series(run: RunView, width: int) -> list[str]:
    if not run.series:
        return []
    rows = series_rows(run)
    names = crop_apart([row[0] for row in rows], max(_LEAST_NAME, width * 2 // 5))
    lines = table(_SERIES, [[name, *row[1:]] for name, row in zip(names, rows, strict=True)], width)
    return lines + (wrap(more, width) if (more := more_series(run)) else [])


def series_rows(run: RunView) -> list[list[str]]:
    """The series table, one row per series that is listed."""
    return [
        [
            s.name,
            count(s.points),
            count(s.distinct_steps),
            count(s.first_step),
            count(s.last_step),
            significant(s.first_value, 5),
            significant(s.last_value, 5),
            s.unit or DASH,
            count(s.non_finite) if s.non_finite else "",
        ]
        for s in listed_series(run)
    ]


def source_rows(run: RunView) -> list[list[str]]:
    """The table of sources, one row per file."""
    return [
        [
            s.path,
            s.format,
            share(s.confidence),
            format_size(s.bytes),
            "gone" if s.gone else format_size(s.offset),
        ]
        for s in run.sources
    ]


def issue_lines(run: RunView) -> list[str]:
    """One sentence per issue, with its place and count."""
    return [
        f"{code}{f' at {place}' if place else ''}: {text}{f' ({n} times)' if n > 1 else ''}"
        for code, place, text, n in run.issues
    ]
