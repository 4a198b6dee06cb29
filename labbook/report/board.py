# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""The triage board and the table of runs, as text."""

from __future__ import annotations

import shlex
from collections import Counter

from labbook.quantities import format_size
from labbook.report.cells import cell_width, crop_middle, finish, wrap
from labbook.report.figures import DASH, count, done_share, known, left, loss_figure, plural, significant, when
from labbook.report.forecast import end_cell
from labbook.report.table import Column, table
from labbook.report.words import (
    SUPPLY,
    UNITS_SHORT,
    count_word,
    flag_words,
    is_assumed,
    reading_words,
    regime_word,
    shown_tokens,
)
from labbook.scaling.values import Refusal
from labbook.summary import RunView, Summary

_NAMED = 4
"""Runs and files listed by name in a foot line; of the rest the number is given."""
_NAME_CELLS = 24
_TYPED = 2
"""Runs named in a command; of more the first stands for all."""
_TYPED_CELLS = 60

_BOARD = (
    Column("state", tinted=True),
    Column("run", least=16, middle=True),
    Column("done", right=True),
    Column("loss", right=True),
    Column("end", right=True, priority=4),
    Column("unit", priority=4),
    Column("tok/s", right=True, priority=6),
    Column("ETA", right=True, priority=3),
    Column("N", right=True, priority=5),
    Column("D", right=True, priority=5),
    Column("regime", priority=1, least=14, tinted=True),
    Column("flags", priority=2, least=10, tinted=True),
)
_RUNS = (
    Column("run", least=16, middle=True),
    Column("state", tinted=True),
    Column("format", priority=5, least=6),
    Column("step", right=True, priority=4),
    Column("planned", right=True, priority=6),
    Column("N", right=True),
    Column("tokens", right=True, priority=2),
    Column("unique", right=True, priority=4),
    Column("epochs", right=True, priority=6),
    Column("loss", right=True),
    Column("unit", priority=3),
    Column("regime", priority=2, least=14, tinted=True),
    Column("ladder", priority=1, least=6),
    Column("role", priority=3, least=8),
)


def board(
    summary: Summary, width: int = 78, color: bool = False, limit: int | None = None, ascii: bool = False
) -> str:
    """One row per run, most severe first, with what is missing and how to supply it below.

    limit: rows at most; how many more there are is said.
    """
    shown = summary.runs if limit is None else summary.runs[:limit]
    lines = header(summary, width)
    if shown:
        mixed = len({r.loss_unit for r in shown if r.loss is not None}) > 1
        lines += ["", *table(_BOARD, [_board_row(summary, r, mixed) for r in shown], width, color=color)]
    if len(shown) < len(summary.runs):
        lines += wrap(f"and {plural(len(summary.runs) - len(shown), 'more run')}", width)
    if not summary.runs:
        lines += wrap(NO_RUNS, width)
    return finish(lines + foot(summary, width), ascii)


NO_RUNS = "no run yet: `labbook ingest PATH` reads logs, `labbook demo` shows a ladder that ships with labbook"


def runs_table(
    summary: Summary, width: int = 78, color: bool = False, limit: int | None = None, ascii: bool = False
) -> str:
    """What is known of each run: counts, loss and its unit, ladder and role."""
    shown = summary.runs if limit is None else summary.runs[:limit]
    lines = wrap(f"{plural(len(summary.runs), 'run')}{_scope(summary)}", width)
    if shown:
        lines += ["", *table(_RUNS, [_runs_row(r) for r in shown], width, color=color)]
    else:
        lines += wrap(NO_RUNS, width)
    if len(shown) < len(summary.runs):
        lines += wrap(f"and {plural(len(summary.runs) - len(shown), 'more run')}", width)
    return finish(lines, ascii)


def header(summary: Summary, width: int) -> list[str]:
    """Runs by state, the board's age, and in what the columns are counted."""
    states = Counter(r.state for r in summary.runs)
    counts = ", ".join(f"{n} {state}" for state, n in states.items())
    total = plural(len(summary.runs), "run") + _scope(summary) + (f": {counts}" if counts else "")
    lines = wrap(total, width)
    parts = [f"as of {when(summary.as_of)}", plural(len(summary.ladders), "ladder")]
    parts += _unit(summary)
    lines += wrap("; ".join([*parts, reading_words(summary)]) if summary.runs else parts[0], width)
    if summary.stale:
        lines += wrap("This is the last known board; the logs are being read again.", width)
    if not summary.runs:
        lines += wrap("No training log was found. `labbook sniff FILE` says what a file looks like.", width)
    return lines


def _unit(summary: Summary) -> list[str]:
    """The unit of the losses where it is one, and how many of the runs do not say it."""
    runs = [r for r in summary.runs if r.loss is not None]
    if len({r.loss_unit for r in runs}) != 1:
        return []
    assumed = sum(is_assumed(r) for r in runs)
    note = "" if not assumed else "assumed" if assumed == len(runs) else f"assumed in {plural(assumed, 'run')}"
    return [f"loss in {runs[0].loss_unit}" + (f" ({note})" if note else "")]


def foot(summary: Summary, width: int) -> list[str]:
    """What a person could supply, and what was not read."""
    lines: list[str] = []
    lacking: dict[tuple[str, ...], list[RunView]] = {}
    for run in summary.runs:
        if run.missing:
            lacking.setdefault(run.missing, []).append(run)
    for words, runs in lacking.items():
        lines += wrap(
            _missing_line(words, runs, _targets(summary, runs), _word(summary, runs[0])), width, rest="  "
        )
    if summary.skipped:
        lines += wrap(f"{plural(len(summary.skipped), 'file')} not read:", width)
        for path, reason in summary.skipped[:_NAMED]:
            lines += wrap(f"{path}: {reason}", width, "  ", "    ")
        if len(summary.skipped) > _NAMED:
            lines += wrap(f"and {len(summary.skipped) - _NAMED} more", width, "  ")
    return ["", *lines] if lines else []


def _targets(summary: Summary, runs: list[RunView]) -> str:
    """What to type for these runs: their ladder where it has no others, else their names, at most a few."""
    keys = {r.ladder for r in runs}
    key = keys.pop() if len(keys) == 1 else None
    if len(runs) > 1 and key is not None and sum(r.ladder == key for r in summary.runs) == len(runs):
        return shlex.quote(key)
    return " ".join(_word(summary, r) for r in (runs if len(runs) <= _TYPED else runs[:1]))


def _word(summary: Summary, run: RunView) -> str:
    """The run's name as a shell takes it; its id where the name is long or means other runs too."""
    is_plain = cell_width(run.name) <= _TYPED_CELLS and sum(r.name == run.name for r in summary.runs) == 1
    return shlex.quote(run.name if is_plain else run.run_id)


def _missing_line(words: tuple[str, ...], runs: list[RunView], target: str, shown: str) -> str:
    """What these runs lack, and the command that supplies it or shows what was read."""
    names = ", ".join(crop_middle(r.name, _NAME_CELLS) for r in runs[:_NAMED])
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    values = " ".join(SUPPLY[word] for word in words if word in SUPPLY)
    ways = [f"labbook set {target} {values}"] if values else []
    ways += [f"labbook show {shown} lists what was read"] if any(w not in SUPPLY for w in words) else []
    return f"{', '.join(words)} missing in {plural(len(runs), 'run')} ({names}{more}): {'; '.join(ways)}"


def _scope(summary: Summary) -> str:
    return f" in {summary.scope}" if summary.scope else ""


def _board_row(summary: Summary, run: RunView, mixed_units: bool) -> list[str]:
    flags = flag_words(run.flags, run.state)
    return [
        run.state,
        run.name,
        progress(run),
        loss_figure(run.loss.value if run.loss is not None else None),
        end_cell(run),
        UNITS_SHORT.get(run.loss_unit, run.loss_unit) if mixed_units and run.loss is not None else "",
        format_size(run.tokens_per_s),
        _eta(run, summary.as_of),
        count_word(run.n),
        count_word(shown_tokens(run, summary.ladder(run.ladder))),
        regime_word(run.regime),
        flags,
    ]


def progress(run: RunView) -> str:
    """Share of the plan, rounded down; the step where no plan is known."""
    if known(run.frac):
        return done_share(run.frac)
    return f"{format_size(run.step)} st" if known(run.step) else DASH


def _eta(run: RunView, now: float) -> str:
    if isinstance(run.eta, Refusal):
        return DASH
    return left(run.eta.finish_at, now)


def _runs_row(run: RunView) -> list[str]:
    return [
        run.name,
        run.state,
        ",".join(run.formats),
        count(run.step),
        count(run.planned_steps),
        count_word(run.n),
        count_word(run.tokens_seen),
        count_word(run.unique_tokens),
        significant(run.epochs, 3),
        loss_figure(run.loss.value if run.loss is not None else None),
        UNITS_SHORT.get(run.loss_unit, run.loss_unit) if run.loss is not None else "",
        regime_word(run.regime),
        run.ladder or DASH,
        run.role,
    ]
