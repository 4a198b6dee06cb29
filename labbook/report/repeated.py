"""What repeating data costs on this ladder: what tokens seen several times are worth in unique ones."""

from __future__ import annotations

from labbook.report.figures import percent, plural, significant
from labbook.report.objects import Object, refusal_object
from labbook.report.section import Section
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.values import FitStatus, Interval, Refusal, RepeatedFit
from labbook.summary import LadderView

TITLE = "What repeated data is worth"
COLUMNS = (
    Column("epochs", right=True),
    Column("worth, in unique tokens", right=True),
    Column("95 % interval", least=12),
)
FEW = 12
"""Rungs below which a bootstrap covers less than it claims."""


def section(view: LadderView) -> Section | None:
    """D'/U at a few numbers of epochs with its range, and how far R_D* and R_N* are known."""
    found = view.repeated
    if found is None:
        return None
    if isinstance(found, Refusal):
        return Section(TITLE, texts=[refusal_words(found)])
    if found.status is FitStatus.NOT_CONVERGED:
        return Section(
            TITLE, texts=["not-converged: no optimum of the law of repeated data; nothing is shown."]
        )
    rows = [
        [f"{epochs:g}", significant(worth, 3), _brackets(_range(found, epochs))]
        for epochs, worth in found.worth
    ]
    return Section(TITLE, COLUMNS, rows, _texts(found))


def _texts(found: RepeatedFit) -> list[str]:
    stars = [
        f"{name}* {significant(found.params[name], 3)} {_brackets(found.intervals.get(name))}"
        for name in ("R_D", "R_N")
    ]
    texts = [f"{', '.join(stars)}: repeats after which another token, or parameter, is worth 1/e of a new one."]
    held = f"{', '.join(found.held)} held" if found.held else _exponents(found)
    runs = f"{plural(found.n, 'run')}, {found.n_repeated} of more than one epoch"
    draws = f"{plural(found.draws, 'resample')} of the runs, {found.failed} without an optimum"
    texts.append("Of tokens seen and the final loss of each run, whatever the laws above read.")
    texts.append(f"{runs}; {held}; {found.objective}, rms {percent(found.rms_log)} % of L; {draws}.")
    if found.n < FEW:
        texts.append("On so few runs a bootstrap covers less than the 95 % it claims.")
    return texts + [f"{warned.code}: {warned.text}" for warned in found.warnings]


def _exponents(found: RepeatedFit) -> str:
    is_tied = found.params["alpha"] == found.params["beta"]
    return "all fitted, alpha = beta" if is_tied else "all fitted, alpha and beta apart"


def _range(found: RepeatedFit, epochs: float) -> Interval | None:
    return found.intervals.get(f"worth at {epochs:g}")


def _brackets(ends: Interval | None) -> str:
    return "no interval" if ends is None else f"[{significant(ends[0], 3)}, {significant(ends[1], 3)}]"


def objects(view: LadderView) -> Object | None:
    """The fit with full precision, a refusal with its reason, or None where no data was repeated."""
    found = view.repeated
    if found is None:
        return None
    if isinstance(found, Refusal):
        return refusal_object(found)
    return {
        "law": "repeated",
        "status": found.status.value,
        "n": found.n,
        "n_repeated": found.n_repeated,
        "params": dict(found.params) if found.status is not FitStatus.NOT_CONVERGED else {},
        "held": list(found.held),
        "intervals": {name: list(found.intervals[name]) for name in found.params if name in found.intervals},
        "worth": [
            {"epochs": epochs, "worth": worth, "interval": _list(_range(found, epochs))}
            for epochs, worth in found.worth
        ],
        "rms_log": found.rms_log,
        "objective": found.objective,
        "objective_value": found.objective_value,
        "draws": found.draws,
        "failed": found.failed,
        "seed": found.seed,
        "warnings": [{"code": warned.code, "text": warned.text} for warned in found.warnings],
    }


def _list(ends: Interval | None) -> list[float] | None:
    return None if ends is None else list(ends)
