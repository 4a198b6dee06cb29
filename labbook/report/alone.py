# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""A law that is fitted by itself, as text: head, parameters, method; and the law of repeated data so shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labbook.method import N_WORDS
from labbook.repeats import STILL_COUNTS
from labbook.report import repeated
from labbook.report.cells import finish, wrap
from labbook.report.figures import percent, plural, significant
from labbook.report.method import json_key, method_rows
from labbook.report.objects import Object, refused_law
from labbook.report.paint import paint
from labbook.report.section import Section, section_lines
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.laws.base import Described
from labbook.scaling.values import Interval, Refusal, RepeatedFit
from labbook.summary import LadderView

Pair = tuple[str, str]
_PARAMS = (Column("parameter"), Column("value", right=True), Column("95 % interval", least=12))
_OF_LADDER = ("labbook", "numpy", "ladder", "outlier rule")


def head_lines(law: Described, view: LadderView, n: int, width: int, color: bool) -> list[str]:
    """Law, ladder and equation with its source; n: runs it is fitted to."""
    title = f"{law.name} on {view.name} ({plural(n, 'run')}, loss in {view.loss_unit})"
    lines = [paint(x, "bold", color) for x in wrap(title, width)]
    return lines + wrap(law.equation, width, rest="  ") + wrap(f"{law.source}.", width, rest="  ")


def refused_lines(law: Described, view: LadderView, why: Refusal, width: int, color: bool) -> list[str]:
    """The law and why it is not fitted to this ladder."""
    lines = [paint(x, "bold", color) for x in wrap(f"{law.name} on {view.name}: no fit", width)]
    return lines + wrap(f"{why.code}: {refusal_words(why)}", width, rest="  ")


def parameters(
    params: Mapping[str, float], intervals: Mapping[str, Interval], texts: Sequence[str] = ()
) -> Section:
    """Every parameter with its interval."""
    rows = [[name, significant(value), brackets(intervals.get(name))] for name, value in params.items()]
    return Section("Parameters", _PARAMS, rows, texts)


def brackets(ends: Interval | None, digits: int = 6) -> str:
    """`[1.2, 1.4]`, or that there is no interval."""
    return (
        "no interval" if ends is None else f"[{significant(ends[0], digits)}, {significant(ends[1], digits)}]"
    )


def method_pairs(view: LadderView, own: Iterable[Pair], counting: Sequence[str] = ()) -> list[Pair]:
    """The method block of a law by itself: what holds for the ladder, then its own rows.

    counting: codes of runs that are left out of the ladder and not of this law.
    """
    left_out = [f"{x.name} ({x.code}: {x.reason})" for x in view.left_out if x.code not in counting]
    known = dict(method_rows(view))
    rows = [(key, known[key]) for key in _OF_LADDER if key in known]
    count = N_WORDS.get(view.n_kind, view.n_kind)
    return [
        *rows,
        ("runs left out", "; ".join(left_out) or "none"),
        ("N", f"{count} ({view.n_kind})"),
        *own,
    ]


def method_section(pairs: Sequence[Pair]) -> Section:
    """The method block as lines."""
    return Section("Method", texts=[f"{key}: {value}" for key, value in pairs])


def method_object(pairs: Sequence[Pair]) -> Object:
    """The method block as JSON."""
    return {json_key(key): value for key, value in pairs}


def repeated_text(
    law: Described,
    view: LadderView,
    found: RepeatedFit | Refusal,
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
) -> str:
    """The law of repeated data on one ladder: parameters, what repeats are worth, warnings, method."""
    if isinstance(found, Refusal):
        return finish(refused_lines(law, view, found, width, color), ascii)
    sections = [
        _parameters(found),
        repeated.section(view),
        method_section(_method(law, view, found)),
    ]
    lines = head_lines(law, view, found.n, width, color)
    return finish(lines + [x for each in sections for x in section_lines(each, width, color)], ascii)


def _parameters(found: RepeatedFit) -> Section:
    text = f"{found.status.value}; rms {percent(found.rms_log)} % of L by {found.objective}."
    return parameters(found.params, found.intervals, [text])


def _method(law: Described, view: LadderView, found: RepeatedFit) -> list[Pair]:
    own = [
        ("n", f"{plural(found.n, 'finished run')}, {found.n_repeated} of more than one epoch"),
        ("D", "tokens seen, and U unique tokens of the training set"),
        ("loss", f"{view.loss_unit}, final loss of each run"),
        ("law", f"{law.name}: {law.equation}"),
        ("status", found.status.value),
        ("objective", found.objective),
        ("objective sum", significant(found.objective_value)),
        ("weights", "equal"),
        ("interval method", f"bootstrap over runs by size, percentile; {found.draws} draws"),
        ("failed draws", str(found.failed)),
        ("seed", f"from the digest of N, D, U, L: {found.seed[:12]}"),
        ("rms", f"{percent(found.rms_log, 6)} % of L"),
    ]
    figures = found.params.items()
    own += [(name, f"{significant(value)} {brackets(found.intervals.get(name))}") for name, value in figures]
    own.append(("warnings", ", ".join(dict.fromkeys(x.code for x in found.warnings)) or "none"))
    return method_pairs(view, own, STILL_COUNTS)


def repeated_json(law: Described, view: LadderView, found: RepeatedFit | Refusal) -> Object:
    """`labbook fit LADDER --law repeated --json`."""
    return {
        "schema": "labbook.repeated/1",
        "ladder": view.key,
        "name": view.name,
        "loss_unit": view.loss_unit,
        "law": law.name,
        "equation": law.equation,
        "source": law.source,
        "refused": refused_law(found) if isinstance(found, Refusal) else None,
        "fit": None if isinstance(found, Refusal) else repeated.objects(view),
        "method": {} if isinstance(found, Refusal) else method_object(_method(law, view, found)),
    }
