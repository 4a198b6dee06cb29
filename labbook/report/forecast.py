# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""Where an unfinished run will end: one line, one cell, one page, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labbook.report.cells import crop, finish, wrap
from labbook.report.figures import (
    DASH,
    bare,
    change,
    count,
    known,
    loss_figure,
    share,
    signed_percent,
    significant,
)
from labbook.report.paint import paint
from labbook.report.table import Column, table
from labbook.report.words import UNITS_SHORT, count_word, refusal_words, unit_words
from labbook.scaling.values import Refusal
from labbook.summary import RunView

if TYPE_CHECKING:
    from labbook.opinion import Opinion
    from labbook.triage.forecast.values import Forecast, NoForecast

Object = dict[str, Any]

_LABEL = 10
IN_THE_FIELD = "In the field about 85 % of such intervals hold; `labbook backtest` measures yours."
SAY = {
    "no-horizon": "labbook set {} planned_steps=...",
    "no-schedule": "labbook set {} schedule=constant says that the rate stays as it is",
}
"""What a person may say, by the code of a refusal."""
_SHORT = 10.0
_REFERENCES = (
    Column("finished run", least=14, middle=True),
    Column("N", right=True),
    Column("tokens", right=True, priority=1),
    Column("loss at its end", right=True),
)
_AHEAD = (Column("tokens", right=True), Column("loss", right=True), Column("90 % interval", right=True))


def end_words(run: RunView) -> list[str]:
    """The loss at the end with its interval and mode, fullest first; why there is none otherwise."""
    found = run.forecast
    if isinstance(found, Refusal):
        return ["it is finished"] if found.code == "finished" else [refusal_words(found), found.text]
    interval = f"[{loss_figure(found.lo)}, {loss_figure(found.hi)}]"
    brief = UNITS_SHORT.get(run.loss_unit, run.loss_unit)
    drop = f"; {change(found.remaining_drop)} to come"
    head = loss_figure(found.final)
    return [
        f"{head} {brief} {interval} 90 % ({found.variant}){drop}",
        f"{head} {interval} 90 % ({found.variant}){drop}",
        f"{head} {interval} 90 % ({found.variant})",
        f"{head} {interval} ({found.mode})",
    ]


def end_cell(run: RunView) -> str:
    """The forecast for a table, with a decimal less than the loss; a dash where there is none."""
    if isinstance(run.forecast, Refusal):
        return DASH
    final = run.forecast.final
    return f"{final:.3f}" if known(final) and abs(final) < _SHORT else loss_figure(final)


def forecast_text(
    run: RunView,
    references: Sequence[RunView],
    width: int = 78,
    color: bool = False,
    ascii: bool = False,
    *,
    law: Opinion | None = None,
) -> str:
    """One forecast explained, or why there is none and what would settle it.

    references: the finished runs it rests on. law: what the ladder says of that end.
    """
    found = run.forecast
    lines = [paint(crop(f"{run.name}: where it ends", width), "bold", color), ""]
    rows = _refused(run, found) if isinstance(found, Refusal) else _explained(run, found)
    rows += [("laws", _law_words(law))] if law is not None else []
    for label, text in rows:
        parts = wrap(text, width - _LABEL)
        lines += [paint(f"{label:<{_LABEL}}", "dim", color) + parts[0]]
        lines += [" " * _LABEL + part for part in parts[1:]]
    if references:
        lines += ["", paint("The finished runs it rests on", "bold", color)]
        lines += table(_REFERENCES, [_reference_row(r) for r in references], width)
    ahead = getattr(found, "ahead", ())
    if ahead:
        lines += ["", paint("If it goes on at this learning rate", "bold", color)]
        lines += table(_AHEAD, [_ahead_row(each) for each in ahead], width)
    return finish(lines, ascii)


def _refused(run: RunView, found: Refusal) -> list[tuple[str, str]]:
    rows = [("forecast", "it is finished" if found.code == "finished" else f"none ({found.code})")]
    rows += [("why", found.text)] if found.code != "finished" else []
    rows += [("settle it", found.remedy)] if found.remedy else []
    rows += [("", SAY[found.code].format(run.run_id))] if found.code in SAY else []
    at_most = getattr(found, "at_most", None)
    if known(at_most):
        text = f"at most {loss_figure(at_most)} {unit_words(run)}: a power law of its own curve, without what "
        rows.append(("bound", text + "the fall of the learning rate brings. 97 % of such runs end lower."))
    level = run.val or run.train
    return rows + ([("now", f"{loss_figure(level.value)} {unit_words(run)}")] if level is not None else [])


def _explained(run: RunView, found: Forecast) -> list[tuple[str, str]]:
    unit = unit_words(run)
    drop = found.remaining_drop
    ends = f"{loss_figure(found.final)} {unit} at {_end(run, found)}"
    decay = (
        f"{share(found.q)} of the planned decay is done" if known(found.q) else "its planned end is not known"
    )
    parts = f"c {bare(found.c)} of the drop ({_c_from(found)}): {bare(abs(found.c * drop))}; "
    parts += f"k {bare(found.k)} of the loss, noise{' and gap' if found.gap else ''}: {bare(found.floor)}"
    rows = [
        ("forecast", f"{ends}, between {loss_figure(found.lo)} and {loss_figure(found.hi)}"),
        ("interval", f"{found.nominal:.0%} by its making. {IN_THE_FIELD}"),
        ("mode", found.variant),
        ("now", f"{loss_figure(found.level)} at {share(found.frac)} of the plan, {change(drop)} to come"),
        ("rate", decay),
        ("width", f"+- {bare((found.hi - found.lo) / 2)}: {parts}"),
    ]
    if found.gap:
        text = f"{bare(found.gap)} between the end value that was fitted and the drop from the level now"
        rows.append(("gap", text))
    return [*rows, *(("changes" if i == 0 else "", text) for i, text in enumerate(changes(found)))]


def _law_words(law: Opinion) -> str:
    """The ladder as second opinion."""
    low, high = law.interval
    between = f"between {loss_figure(low)} and {loss_figure(high)}"
    said = f"{loss_figure(law.loss)} by the laws of the ladder, {between}; "
    side = "above" if law.off > 0 else "below"
    end = ": off the ladder" if law.is_off else ", which the two intervals explain"
    return f"{said}the forecast is {signed_percent(law.off, 1).lstrip('+-')} % {side}{end}"


def _end(run: RunView, found: Forecast) -> str:
    if known(run.planned_steps) and run.planned_steps is not None:
        return f"step {count(run.planned_steps)}"
    return f"{significant(found.horizon, 4)} tokens"


def _c_from(found: Forecast) -> str:
    return "by the table" if found.c_from == "table" else f"measured on {found.c_from} of this ladder"


def changes(found: Forecast) -> list[str]:
    """What would change a forecast, in sentences."""
    if found.mode != "A":
        return ["One finished run of this ladder with the same schedule shows the rest of the way (mode A)."]
    said = []
    if "trend" not in found.variant:
        said.append("Three smaller finished runs of the same length on one line in ln N give a trend instead.")
    if found.c_from == "table":
        said.append("Three finished runs that forecast one another measure the width on this ladder.")
    return said or ["Nothing but more of the run: the width falls with the drop that is still to come."]


def _reference_row(run: RunView) -> list[str]:
    level = run.val or run.train or run.loss
    return [
        run.name,
        count_word(run.n),
        count_word(run.tokens_seen),
        loss_figure(level.value if level is not None else None),
    ]


def _ahead_row(each: Any) -> list[str]:
    low, high = each.interval
    return [f"x{each.factor:g}", loss_figure(each.loss), f"{loss_figure(low)} to {loss_figure(high)}"]


def forecast_object(found: Forecast | Refusal) -> Object:
    """The `forecast` part of `triage --json`."""
    if isinstance(found, Refusal):
        return _refusal_object(found)
    return {
        "final": found.final,
        "lo": found.lo,
        "hi": found.hi,
        "nominal": found.nominal,
        "mode": found.mode,
        "variant": found.variant,
        "refs": list(found.refs),
        "loss": found.loss_key,
        "horizon": found.horizon,
        "level": found.level,
        "frac": found.frac,
        "remaining_drop": found.remaining_drop,
        "c": found.c,
        "c_from": found.c_from,
        "k": found.k,
        "floor": found.floor,
        "gap": found.gap,
        "q": found.q,
    }


def _refusal_object(found: Refusal | NoForecast) -> Object:
    ahead = getattr(found, "ahead", ())
    return {
        "refused": found.code,
        "reason": found.text,
        "remedy": found.remedy or None,
        "at_most": getattr(found, "at_most", None),
        "ahead": [{"factor": x.factor, "loss": x.loss, "interval": list(x.interval)} for x in ahead],
    }


def forecast_json(
    triage: Mapping[str, Any], run: RunView, references: Sequence[RunView], law: Opinion | None = None
) -> Object:
    """`labbook forecast --json`: the run's triage with its forecast explained.

    triage: the run's object of `triage --json`. law: what the ladder says of the same end.
    """
    levels = [(r, r.val or r.train or r.loss) for r in references]
    return {
        **triage,
        "schema": "labbook.forecast/1",
        "loss_unit": run.loss_unit,
        "references": [
            {
                "run_id": r.run_id,
                "name": r.name,
                "n_params": r.n.value if r.n is not None else None,
                "tokens_seen": r.tokens_seen.value if r.tokens_seen is not None else None,
                "loss": level.value if level is not None else None,
            }
            for r, level in levels
        ],
        "laws": None
        if law is None
        else {
            "loss": law.loss,
            "interval": list(law.interval),
            "off": law.off,
            "joint": law.joint,
            "is_off": law.is_off,
        },
        "coverage": IN_THE_FIELD,
        "changes": [] if isinstance(run.forecast, Refusal) else changes(run.forecast),
    }
