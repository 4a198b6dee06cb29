# ruff: noqa: A002 - `ascii` is the word for it, as in `plot.draw`
"""The law of size and steps of one ladder: parameters, steps and batches of its rungs, who is behind."""

from __future__ import annotations

from labbook.quantities import format_size
from labbook.report.alone import (
    Pair,
    brackets,
    head_lines,
    method_object,
    method_pairs,
    method_section,
    parameters,
    refused_lines,
)
from labbook.report.cells import finish
from labbook.report.figures import (
    bare,
    count,
    loss_figure,
    percent,
    plural,
    power,
    signed_percent,
    significant,
)
from labbook.report.objects import Object, refused_law, warned_object, whole
from labbook.report.section import Section, section_lines
from labbook.report.table import Column
from labbook.report.words import refusal_words
from labbook.scaling.batch import CRITICAL_BATCH, OBSERVED_EXPONENTS, StepsFit
from labbook.scaling.laws.kaplan_steps import LAW
from labbook.scaling.values import Refusal
from labbook.steps import PAPER, PENALTY, Behind, StepsRung, StepsView

_RUNGS = (
    Column("run", least=16, middle=True),
    Column("N", right=True),
    Column("S", right=True),
    Column("B", right=True, priority=4),
    Column("B_crit", right=True, priority=3),
    Column("S_min", right=True, priority=1),
    Column("C_min", right=True, priority=6),
    Column("loss", right=True),
    Column("resid %", right=True),
    Column("S_stop", right=True, priority=2),
    Column("data cost %", right=True, priority=5),
    Column("in the law", priority=1),
)
_EXPONENTS = (
    Column("grows with C_min"),
    Column("exponent", right=True),
    Column("95 % interval"),
    Column("Kaplan et al. observed", right=True),
)
_WORDS = {"N": "N, parameters", "B": "B, tokens a step", "S": "S, steps", "D": "D = B S, tokens"}


def steps_text(view: StepsView, width: int = 78, color: bool = False, ascii: bool = False) -> str:
    """The whole of it as text, or why there is no fit."""
    found = view.found
    if isinstance(found, Refusal):
        return finish(refused_lines(LAW, view.ladder, found, width, color), ascii)
    sections = [
        parameters(found.law.params, found.law.intervals, _fit_texts(found)),
        Section("Warnings", texts=[f"{w.code}: {w.text}" for w in view.warnings]),
        _rungs(view, found),
        _exponents(found),
        Section("Unfinished runs at equal steps", texts=[_behind(x) for x in view.unfinished]),
        method_section(_method(view, found)),
    ]
    lines = head_lines(LAW, view.ladder, found.law.n, width, color)
    return finish(lines + [x for each in sections for x in section_lines(each, width, color)], ascii)


def _fit_texts(found: StepsFit) -> list[str]:
    law = found.law
    status = law.status.value + (f" {', '.join(law.bound)}" if law.bound else "")
    fitted = (
        f"{status}; {law.objective}, rms {percent(law.rms_log)} %, worst {percent(law.max_resid_log)} % of L."
    )
    return [fitted, *_batch_texts(found)]


def _batch_texts(found: StepsFit) -> list[str]:
    theirs = f"{CRITICAL_BATCH['B_star']:.0e}".replace("e+0", "e")
    paper = f"{PAPER} have B* {theirs} tokens, alpha_B {bare(CRITICAL_BATCH['alpha_B'])} (nats per token)"
    if found.critical is None:
        return [
            f"Batches agree within 10 % ({_batches(found)}): S stands for S_min.",
            "With --critical-batch B*,alpha_B of this recipe steps count as S/(1 + B_crit/B). "
            f"{paper}, which is not applied.",
        ]
    return [
        f"S_min = S/(1 + B_crit/B), B_crit(L) = B*/L^(1/alpha_B), B* {_star(found.critical)} as given.",
        f"{paper}, which is not applied.",
    ]


def _batches(found: StepsFit) -> str:
    low, high = (format_size(end) for end in found.batch)
    return f"{low} tokens a step" if low == high else f"{low} to {high} tokens a step"


def _star(critical: dict[str, float]) -> str:
    return f"{significant(critical['B_star'])} tokens, alpha_B {significant(critical['alpha_B'])}"


def _rungs(view: StepsView, found: StepsFit) -> Section:
    texts = [f"B: {_batches(found)}, tokens seen over steps."] if found.critical is not None else []
    if any(rung.S_stop is not None for rung in view.rungs):
        texts.append(
            "S_stop: least S_min before early stopping sets in, a lower bound, from the excess of the ladder's "
            "own kaplan law (eq. 5.7)."
        )
    if view.unlimited is not None:
        size, tokens = view.unlimited
        costs = [rung.penalty for rung in view.rungs if rung.penalty is not None]
        texts.append(
            f"What finite data costs by the ladder's own kaplan law: {percent(min(costs))} to "
            f"{percent(max(costs))} % of L; below {percent(PENALTY)} % at N {format_size(size)} from "
            f"{format_size(tokens)} unique tokens on."
        )
    every = all(rung.is_used for rung in view.rungs)
    rows = [[*_row(rung), "" if every else "yes" if rung.is_used else "no"] for rung in view.rungs]
    return Section("Rungs", _RUNGS, rows, texts)


def _row(rung: StepsRung) -> list[str]:
    return [
        rung.name,
        format_size(rung.N),
        count(rung.S),
        format_size(rung.B),
        format_size(rung.B_crit),
        count(rung.S_min),
        power(rung.C_min, 1),
        loss_figure(rung.loss),
        signed_percent(rung.residual),
        format_size(rung.S_stop, 2),
        percent(rung.penalty),
    ]


def _exponents(found: StepsFit) -> Section | None:
    if not found.exponents:
        return None
    rows = [
        [_WORDS[name], f"{found.exponents[name]:.3f}", brackets(found.intervals.get(name), 3), bare(observed)]
        for name, observed in OBSERVED_EXPONENTS.items()
    ]
    loss, ends = found.exponents["loss"], brackets(found.intervals.get("loss"), 3)
    texts = [
        f"alpha_C = 1/(1/alpha_S + 1/alpha_B + 1/alpha_N) = {significant(loss, 3)} {ends}; alpha_B counts as "
        "exact."
    ]
    return Section("Compute-optimal growth", _EXPONENTS, rows, texts)


def _behind(run: Behind) -> str:
    start = f"{run.name}, {loss_figure(run.loss)} at step {count(run.S)}"
    if isinstance(run.found, Refusal):
        return f"{start}: not judged. {refusal_words(run.found)}"
    found = run.found
    ends = f"{loss_figure(found.expected)} [{loss_figure(found.interval[0])}, {loss_figure(found.interval[1])}]"
    verdict = "under-trained, above the law" if found.is_under_trained else "not above the law"
    return f"{start}: {verdict}, which gives {ends} there (S_min {count(found.S_min)}; 90 %, one run)."


def _method(view: StepsView, found: StepsFit) -> list[Pair]:
    law, ladder, used = found.law, view.ladder, [rung for rung in view.rungs if rung.is_used]
    critical = "none: S stands for S_min" if found.critical is None else f"B* {_star(found.critical)}, as given"
    own = [
        ("n", plural(law.n, "rung")),
        ("runs used", ", ".join(rung.name for rung in used)),
        ("S", "optimiser steps made"),
        ("B", f"tokens seen over steps, {_batches(found)}"),
        ("critical batch", critical),
        ("loss", f"{ladder.loss_unit}, final loss of each run"),
        ("law", f"{law.law}: {law.equation}"),
        ("status", law.status.value + (f" ({', '.join(law.bound)})" if law.bound else "")),
        ("objective", law.objective),
        ("objective sum", significant(law.objective_value)),
        ("weights", ladder.choices.weights),
        ("starts", f"{law.starts_at_best} of {law.starts} at the best optimum, {law.distinct_optima} distinct"),
        ("tolerance", significant(law.tolerance)),
        ("interval method", law.interval_method),
        ("rms", f"{percent(law.rms_log, 6)} % of L"),
        ("largest residual", f"{percent(law.max_resid_log, 6)} % of L"),
        ("condition", significant(law.condition)),
        ("corr(ln N, ln S_min)", significant(law.corr)),
        ("range of N", _range([rung.N for rung in used])),
        ("range of S_min", _range([rung.S_min for rung in used])),
        ("data digest", f"sha256 of N, S_min, L: {view.digest}"),
        ("warnings", ", ".join(dict.fromkeys(x.code for x in view.warnings)) or "none"),
    ]
    own += [(name, f"{significant(x)} {brackets(law.intervals.get(name))}") for name, x in law.params.items()]
    return method_pairs(ladder, own)


def _range(values: list[float]) -> str:
    return f"{significant(min(values))} to {significant(max(values))}"


def steps_json(view: StepsView) -> Object:
    """`labbook fit LADDER --law kaplan-steps --json`."""
    found = view.found
    return {
        "schema": "labbook.steps/1",
        "ladder": view.ladder.key,
        "name": view.ladder.name,
        "loss_unit": view.ladder.loss_unit,
        "law": LAW.name,
        "equation": LAW.equation,
        "source": LAW.source,
        "refused": refused_law(found) if isinstance(found, Refusal) else None,
        "fit": None if isinstance(found, Refusal) else _fit_object(found),
        "rungs": [_rung_object(rung) for rung in view.rungs],
        "unfinished": [_behind_object(run) for run in view.unfinished],
        "unlimited_data": None
        if view.unlimited is None
        else {"penalty": PENALTY, "N": view.unlimited[0], "tokens": view.unlimited[1]},
        "published": {PAPER: {**CRITICAL_BATCH, "observed": dict(OBSERVED_EXPONENTS)}},
        "warnings": [warned_object(warned) for warned in view.warnings],
        "method": {} if isinstance(found, Refusal) else method_object(_method(view, found)),
    }


def _fit_object(found: StepsFit) -> Object:
    law = found.law
    return {
        "status": law.status.value,
        "n": law.n,
        "k": law.k,
        "params": dict(law.params),
        "intervals": {name: _pair(law.intervals.get(name)) for name in law.params},
        "bound": list(law.bound),
        "interval_method": law.interval_method,
        "objective": law.objective,
        "objective_value": law.objective_value,
        "rms_log": law.rms_log,
        "max_resid_log": law.max_resid_log,
        "critical_batch": found.critical,
        "batch": list(found.batch),
        "exponents": dict(found.exponents),
        "exponent_intervals": {name: _pair(ends) for name, ends in found.intervals.items()},
    }


def _rung_object(rung: StepsRung) -> Object:
    return {
        "run_id": rung.run_id,
        "name": rung.name,
        "N": whole(rung.N),
        "S": whole(rung.S),
        "B": rung.B,
        "B_crit": rung.B_crit,
        "S_min": rung.S_min,
        "C_min": rung.C_min,
        "loss": rung.loss,
        "residual": rung.residual,
        "S_stop": rung.S_stop,
        "data_penalty": rung.penalty,
        "used": rung.is_used,
    }


def _behind_object(run: Behind) -> Object:
    found = run.found
    known = {"run_id": run.run_id, "name": run.name, "S": whole(run.S), "loss": run.loss}
    if isinstance(found, Refusal):
        nothing: Object = dict.fromkeys(("S_min", "expected", "interval", "under_trained"))
        return {**known, **nothing, "refused": refused_law(found)}
    return {
        **known,
        "S_min": found.S_min,
        "expected": found.expected,
        "interval": list(found.interval),
        "under_trained": found.is_under_trained,
        "refused": None,
    }


def _pair(ends: tuple[float, float] | None) -> list[float] | None:
    return None if ends is None else list(ends)
