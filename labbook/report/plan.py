# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""A plan as text: where the budget goes by each law, what is given away beside it, and what to run next."""

from __future__ import annotations

from collections.abc import Callable

from labbook.method import D_WORDS, N_WORDS
from labbook.planning import PlanView
from labbook.quantities import format_size
from labbook.report.cells import finish, wrap
from labbook.report.figures import DASH, bare, loss_figure, plural, power, share, significant
from labbook.report.method import method_rows
from labbook.report.next_runs import next_section
from labbook.report.paint import paint
from labbook.report.section import Section, section_lines
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.planned import Allocation, Beside, Estimate, Forecast, OneResource, Plan, Serving

LEAST_SHOWN = 1e-4
_DOUBLING = "Each costs twice the compute; `compute` is divided anew between N and D by each law."
_METHOD = (
    "labbook",
    "numpy",
    "ladder",
    "n",
    "N",
    "D reading",
    "loss",
    "loss rule",
    "pooled laws",
    "data digest",
)
_ALLOCATION = (
    Column("law"),
    Column("C, FLOP", right=True, priority=1),
    Column("N", right=True),
    Column("90 %", priority=2),
    Column("D", right=True),
    Column("90 %", priority=4),
    Column("D/N", right=True),
    Column("loss", right=True),
    Column("90 %", priority=3),
    Column("GPU-h", right=True, priority=1),
)
_SERVING = (
    Column("law"),
    Column("N", right=True),
    Column("90 %", priority=1),
    Column("D", right=True),
    Column("loss", right=True),
    Column("90 %", priority=2),
    Column("total FLOP", right=True),
    Column("saved", right=True),
)
_BESIDE = (
    Column("allocation", least=12),
    Column("N", right=True),
    Column("D", right=True),
    Column("D/N", right=True, priority=2),
    Column("loss given away", right=True),
    Column("90 %"),
)


def plan_text(found: PlanView, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """The whole plan, or why there is none and what is known all the same."""
    answer, view = found.answer, found.ladder
    title = f"Plan for {view.name} ({plural(len(view.rungs), 'rung')}, loss in {view.loss_unit})"
    lines = [paint(x, "bold", color) for x in wrap(title, width)]
    if isinstance(answer, OneResource):
        lines += [x for text in _one_resource(found, answer) for x in wrap(text, width, rest="  ")]
        sections: list[Section | None] = [_method(found)]
    else:
        lines += [x for text in _opening(found, answer) for x in wrap(text, width, rest="  ")]
        sections = _sections(found, answer)
    for section in sections:
        lines += section_lines(section, width, color)
    return finish(lines, ascii)


def _sections(found: PlanView, answer: Plan) -> list[Section | None]:
    return [
        _optimum(found, answer),
        Section("Warnings", texts=[f"{w.code}: {w.text}" for w in answer.warnings]),
        _gains("The next doubling, at the pooled optimum", answer.here, [_DOUBLING]),
        _beside(found, answer),
        *_asked(found, answer),
        _served(answer),
        _frontier(found, answer),
        next_section(answer.next_runs),
        _method(found),
    ]


def _asked(found: PlanView, answer: Plan) -> list[Section]:
    if answer.at is None:
        return []
    return [_proposed(found, answer.at), _gains("The next doubling there", answer.at, [])]


def _one_resource(found: PlanView, answer: OneResource) -> list[str]:
    lines = [refusal_words(answer.refused)]
    if answer.loss is not None and answer.C is not None:
        where = f"C = {power(answer.C)} FLOP ({found.budget})"
        if answer.N is not None:
            where += f", N = {format_size(answer.N)}, D = {format_size(answer.D)}"
        else:
            where += ", divided between N and D as this ladder does"
        lines.append(
            f"By {answer.law} alone, {answer.equation}: {loss_figure(answer.loss.value)} "
            f"{interval_of(answer.loss, loss_figure)} (90 %, one run) at {where}."
        )
    return lines


def _opening(found: PlanView, answer: Plan) -> list[str]:
    """What was asked, and how everything is counted."""
    pooled = answer.pooled
    if answer.given == "compute":
        asked = f"C = {power(answer.amount)} FLOP ({found.budget})"
    elif answer.given == "tokens":
        asked = f"D = {format_size(answer.amount)} tokens, with the N for which so many are the optimum"
    else:
        asked = f"N = {format_size(answer.amount)}, with the D for which that size is the optimum"
    hours = found.hours(pooled.C.value)
    gpu = f", {hours_word(hours)} GPU-hours" if hours is not None else ""
    times = f"Pooled, it costs {significant(answer.here.factor_C, 3)} x the ladder's largest run{gpu}."
    counted = f"N: {N_WORDS[found.ladder.n_kind]}; D: {D_WORDS[found.ladder.d_reading]}; C = 6ND."
    lines = [f"Budget: {asked}. {times}", counted]
    if found.passes is not None:
        lines.append(
            f"This C is 6 N x {found.ladder.d_reading} tokens, one pass, and not the compute spent: the runs "
            f"passed over them {significant(found.passes, 2)} times (median). `--reading seen` plans by tokens "
            "seen."
        )
    return lines


def _optimum(found: PlanView, answer: Plan) -> Section:
    rows = [_allocation_row(found, row, row.law, answer.given != "compute") for row in answer.laws]
    rows.append(_allocation_row(found, answer.pooled, "pooled", answer.given != "compute"))
    texts = [f"{law} has no vote: {reason}." for law, reason in answer.left_out.items()]
    return Section("Least loss by law, 90 % intervals", _ALLOCATION, rows, texts)


def _allocation_row(found: PlanView, row: Allocation, name: str, with_C: bool) -> list[str]:
    hours = found.hours(row.C.value)
    return [
        name,
        power(row.C.value) if with_C else "",
        format_size(row.N.value),
        interval_of(row.N, format_size),
        format_size(row.D.value),
        interval_of(row.D, format_size),
        ratio_word(row.ratio.value),
        loss_figure(row.loss.value),
        interval_of(row.loss, loss_figure),
        hours_word(hours),
    ]


def _frontier(found: PlanView, answer: Plan) -> Section:
    rows = [_allocation_row(found, row, power(row.C.value), False) for row in answer.frontier]
    columns = (Column("C, FLOP"), *_ALLOCATION[1:])
    return Section("Along the frontier, pooled", columns, rows)


def _gains(title: str, at: Forecast, texts: list[str]) -> Section:
    """The change of the loss by each law: what 2x of each resource brings."""
    laws = list(dict.fromkeys(law for gain in at.gains for law in gain.by_law))
    columns = (
        Column("2x"),
        Column("pooled", right=True),
        Column("90 %"),
        *(Column(law, right=True, priority=1) for law in laws),
    )
    rows = [
        [
            gain.of,
            change(gain.pooled),
            change_interval(gain.pooled),
            *(change(gain.by_law.get(x)) for x in laws),
        ]
        for gain in at.gains
    ]
    return Section(title, columns, rows, texts)


def _beside(found: PlanView, answer: Plan) -> Section:
    rows = [_beside_row(x) for x in (*answer.beside, *answer.published)]
    notes = "; ".join(f"{x.name}: {x.note}" for x in answer.published)
    apart = " They divide the compute spent, which this C is not." if found.passes is not None else ""
    texts = [
        "Above each law's own optimum: median and range of all laws. The pooled optimum itself: "
        f"{give_away(answer.here.excess)}.",
        f"published-constants: constants of papers, not fitted to these runs. {notes}.{apart}",
    ]
    return Section("Other divisions of the same C", _BESIDE, rows, texts)


def _beside_row(x: Beside) -> list[str]:
    ends = x.excess.interval
    return [
        x.name,
        format_size(x.N),
        format_size(x.D),
        ratio_word(x.D / x.N),
        small(x.excess.value),
        f"[{small(ends[0])}, {small(ends[1])}]" if ends else DASH,
    ]


def _proposed(found: PlanView, at: Forecast) -> Section:
    hours = found.hours(at.C)
    gpu = f", {hours_word(hours)} GPU-hours" if hours is not None else ""
    by_law = "; ".join(f"{law} {loss_figure(x.value)}" for law, x in at.by_law.items())
    texts = [
        f"Loss {loss_figure(at.loss.value)} {interval_of(at.loss, loss_figure)} of one run, pooled; {by_law}.",
        f"C = {power(at.C)} FLOP{gpu}. Against the largest of the ladder: compute x "
        f"{significant(at.factor_C, 3)}, N x {significant(at.factor_N, 3)}, D x {significant(at.factor_D, 3)}.",
        f"Above the optimum of that C: {give_away(at.excess)}.",
        *(f"{w.code}: {w.text}" for w in at.warnings),
    ]
    return Section(f"At N = {format_size(at.N)}, D = {format_size(at.D)}", texts=texts)


def _served(answer: Plan) -> Section | None:
    if answer.served is None:
        return None
    rows = [_serving_row(x) for x in answer.serving]
    texts = [
        "A smaller model trained longer: least training (6ND) and serving (2N a token) at the loss each law "
        f"predicts for the best use of C = {power(answer.pooled.C.value)}."
    ]
    if not any(x.law == "pooled" for x in answer.serving):
        texts.append("No number of tokens brings the pooled size to that loss.")
    return Section(f"To serve {format_size(answer.served)} tokens", _SERVING, rows, texts)


def _serving_row(x: Serving) -> list[str]:
    return [
        x.law,
        format_size(x.N.value),
        interval_of(x.N, format_size),
        format_size(x.D.value),
        loss_figure(x.loss.value),
        interval_of(x.loss, loss_figure),
        power(x.training + x.serving),
        share(x.saving),
    ]


def _method(found: PlanView) -> Section:
    known = dict(method_rows(found.ladder))
    texts = [f"{key}: {known[key]}" for key in _METHOD if key in known]
    texts += [f"{key}: {value}" for key, value in plan_method(found)]
    return Section("Method", texts=texts)


def plan_method(found: PlanView) -> list[tuple[str, str]]:
    """What only the plan knows of how it was made, as keys and values."""
    rows = [
        ("C", f"6 N D, without attention and head, D as read ({found.ladder.d_reading})"),
        ("allocation", "least loss of each law on C = 6ND, exact; delta method in ln N with t quantiles"),
        ("pool", "median of 60 draws a law, one vote each; interval from the least to the greatest end"),
        ("loss intervals", "of one new run, its noise included"),
        ("given away", "60 normal draws of each law's parameters, as wide as their t intervals"),
        ("seed", f"from the data digest, {found.answer.digest[:12]}"),
    ]
    if found.rate is not None:
        rows.append(("GPU-hours", f"at {significant(found.rate, 4)} FLOP/s achieved by one GPU"))
    return rows


def interval_of(x: Estimate, figure: Callable[[float | None], str]) -> str:
    """`[5.54B, 6.84B]`; a dash where there is none."""
    return DASH if x.interval is None else f"[{figure(x.interval[0])}, {figure(x.interval[1])}]"


def change(x: Estimate | None) -> str:
    """A gain as the change of the loss: `-.046`."""
    return DASH if x is None else bare(-x.value)


def change_interval(x: Estimate) -> str:
    """`[-.066, -.037]`."""
    return DASH if x.interval is None else f"[{bare(-x.interval[1])}, {bare(-x.interval[0])}]"


def give_away(x: Estimate) -> str:
    """`.0031 [<.0001, .013]`."""
    ends = f" [{small(x.interval[0])}, {small(x.interval[1])}]" if x.interval is not None else ""
    return f"{small(x.value)}{ends}"


def small(value: float) -> str:
    """A loss that is given away: below a ten-thousandth nobody can tell it from none."""
    return "<.0001" if value < LEAST_SHOWN else bare(value)


def hours_word(hours: float | None) -> str:
    """GPU-hours: `0.31`, `5000`, `1.2e8`; empty where the speed is not known."""
    if hours is None:
        return ""
    return f"{hours:.0f}" if 100 <= hours < 1e6 else significant(hours, 3)


def ratio_word(value: float) -> str:
    """Tokens per parameter: `74.2`, `1540`."""
    return f"{value:.0f}" if 100 <= value < 1e6 else significant(value, 3)
