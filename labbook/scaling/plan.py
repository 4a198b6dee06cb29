"""Where a budget goes: the allocation of least loss by each law and pooled, and what is worth what beside it.

Laws that leave one side open have no vote, here and on every forecast of a plan, which lies outside the rungs
more often than not. Where fewer than two are left no allocation is given: a ladder that cannot tell N from D
cannot divide a budget between them (science.md 4.4), and one form alone hides how much the form decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from labbook.quantities import format_size
from labbook.scaling import remedy
from labbook.scaling.allocate import of_all, of_law, steps
from labbook.scaling.codes import of_paper
from labbook.scaling.form import E, FloatArray
from labbook.scaling.gate import FORMS_NEEDED
from labbook.scaling.identify import count_word
from labbook.scaling.intervals import Handle, handle_of
from labbook.scaling.laws import chinchilla, law_by_name
from labbook.scaling.next_run import next_runs
from labbook.scaling.optimum import FLOP_PER_PARAM_AND_TOKEN, Given
from labbook.scaling.outlook import beside, forecast
from labbook.scaling.planned import LEVEL, Allocation, Beside, OneResource, Plan
from labbook.scaling.points import digest
from labbook.scaling.pooling import estimate
from labbook.scaling.predict import predict_interval
from labbook.scaling.published import published_allocations
from labbook.scaling.serving import serving_plan
from labbook.scaling.values import Comparison, Fit, FitStatus, Refusal, Warned

FACTORS = (0.25, 0.5, 2.0, 4.0)
"""Of N beside the optimum, at the same C."""
BEYOND_LARGEST = 10.0
"""Of the ladder's largest run: the budget where none is named."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a ladder."""

    given: Given
    amount: float
    at: tuple[float, float] | None = None
    """A proposed (N, D)."""
    served: float | None = None
    """Tokens the model is to serve."""
    cap: float | None = None
    """Most training FLOP the next run may cost; None: as much as the ladder's largest."""


def plan(
    comparison: Comparison, N: ArrayLike, D: ArrayLike, L: ArrayLike, question: Question
) -> Plan | OneResource:
    """The answer to the question by a comparison of exactly these rungs N, D and loss L, each (n,).

    Raises ValueError where the comparison is of other rungs or an amount is not positive; FitError for a
    comparison read back from a store.
    """
    if digest(N, D, L) != comparison.digest:
        raise ValueError("the comparison was made of other rungs")
    N_, D_ = np.asarray(N, float), np.asarray(D, float)
    handles, left_out = _electorate(comparison)
    if len(handles) < FORMS_NEEDED:
        return _one_resource(comparison, left_out, N_, D_, question)
    comparison = replace(comparison, admitted=tuple(handle.law.name for handle in handles))
    laws = [of_law(handle, question.given, question.amount) for handle in handles]
    pooled = of_all(comparison, handles, question.given, np.array([question.amount]))[0]
    C = pooled.C.value
    here = forecast(comparison, handles, N_, D_, (pooled.N.value, pooled.D.value))
    sizes = [(f"N x {factor:g}", factor * pooled.N.value) for factor in FACTORS]
    papers = published_allocations(C)
    names = [name for name, _ in sizes] + [paper.paper for paper in papers]
    places = np.array([size for _, size in sizes] + [paper.N for paper in papers])
    near = beside(comparison, handles, names, places, C / FLOP_PER_PARAM_AND_TOKEN / places)
    asked = None if question.at is None else forecast(comparison, handles, N_, D_, question.at)
    serving = () if question.served is None else serving_plan(comparison, handles, pooled, question.served)
    return Plan(
        given=question.given,
        amount=question.amount,
        laws=tuple(laws),
        pooled=pooled,
        left_out=left_out,
        here=here,
        beside=near[: len(sizes)],
        published=_annotated(near[len(sizes) :], [paper.note for paper in papers]),
        frontier=steps(comparison, handles, float((FLOP_PER_PARAM_AND_TOKEN * N_ * D_).min()), C),
        at=asked,
        served=question.served,
        serving=serving,
        next_runs=next_runs(comparison, N_, D_, L, cap=question.cap),
        warnings=_warnings(comparison, laws, here.warnings),
        digest=comparison.digest,
    )


def _electorate(comparison: Comparison) -> tuple[list[Handle], dict[str, str]]:
    """Fits with a vote on the allocation, and why the other admitted laws have none."""
    handles, left_out = [], {}
    for name in comparison.admitted:
        fit = comparison.fits[name]
        reason = _why_no_vote(fit)
        if reason:
            left_out[name] = reason
        else:
            handles.append(handle_of(fit))
    return handles, left_out


def _why_no_vote(fit: Fit) -> str:
    law = law_by_name(fit.law)
    if not law.allocates:
        return "says nothing of N against D"
    if fit.status is FitStatus.UNIDENTIFIED or handle_of(fit).covariance is None:
        return "the rungs do not determine its parameters"
    coordinate = {parameter.name: parameter.coordinate for parameter in law.parameters}
    open_sides = [name for name in fit.bound if coordinate.get(name) != E]
    if open_sides:
        return f"{', '.join(open_sides)} at a bound: one side is open"
    return ""


def _one_resource(
    comparison: Comparison, left_out: dict[str, str], N: FloatArray, D: FloatArray, question: Question
) -> OneResource:
    """The loss by the one resource that varies freely, and why there is no more."""
    gate = comparison.gate
    if gate is not None:
        refused = Refusal(gate.code, f"No allocation: {gate.text}", gate.remedy)
    else:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        text = f"No allocation: fewer than {count_word(FORMS_NEEDED)} laws have a say ({reasons})"
        refused = Refusal("unidentified", text, remedy.separation(N, D))
    law = None if comparison.preferred is None else law_by_name(comparison.preferred)
    place = None if law is None or len(law.resources) > 1 else _place(law.resources[0], N, D, question)
    if law is None or place is None:
        return OneResource(refused, None, "", None, None, None, None, digest=comparison.digest)
    ends = predict_interval(comparison.fits[law.name], [place[0]], [place[1]], LEVEL, new_run=True)
    divided = law.resources != ("C",)
    return OneResource(
        refused=refused,
        law=law.name,
        equation=law.equation,
        N=place[0] if divided else None,
        D=place[1] if divided else None,
        C=FLOP_PER_PARAM_AND_TOKEN * place[0] * place[1],
        loss=estimate(*(float(x[0]) for x in ends)),
        warnings=comparison.warnings,
        digest=comparison.digest,
    )


def _place(resource: str, N: FloatArray, D: FloatArray, question: Question) -> tuple[float, float] | None:
    """N and D of a run with that budget and the ladder's one size, or its one token count.

    By a law of compute any division will do. None where the budget does not name the resource.
    """
    amount, given = question.amount, question.given
    pair = amount / FLOP_PER_PARAM_AND_TOKEN
    if resource == "C":
        return (pair, 1.0) if given == "compute" else None
    if resource == "N":
        tokens = float(np.median(D))
        return {"compute": (pair / tokens, tokens), "params": (amount, tokens)}.get(given)
    size = float(np.median(N))
    return {"compute": (size, pair / size), "tokens": (size, amount)}.get(given)


def _annotated(found: tuple[Beside, ...], notes: list[str]) -> tuple[Beside, ...]:
    return tuple(replace(each, note=note) for each, note in zip(found, notes, strict=True))


def _warnings(comparison: Comparison, laws: list[Allocation], reach: tuple[Warned, ...]) -> tuple[Warned, ...]:
    found = list(reach)
    intervals = [law.N.interval for law in laws if law.N.interval is not None]
    if intervals and max(low for low, _ in intervals) > min(high for _, high in intervals):
        sizes = ", ".join(f"{law.law} {format_size(law.N.value)}" for law in laws)
        found.append(Warned("form-dependent", f"The forms disagree: N {sizes}."))
    paper = "Hoffmann et al. 2022"
    rounded = [w for w in of_paper(paper, chinchilla.HOFFMANN) if w.code == "parameters-rounded"]
    found += [replace(w, text=f"{paper}: {w.text}") for w in rounded]
    if comparison.gate is not None:
        found.append(Warned(comparison.gate.code, f"{comparison.gate.text}; the allocation rests on the form."))
    return tuple(found)


def default_budget(N: ArrayLike, D: ArrayLike) -> float:
    """Ten times the training FLOP of the ladder's largest run."""
    N_, D_ = np.asarray(N, float), np.asarray(D, float)
    return BEYOND_LARGEST * FLOP_PER_PARAM_AND_TOKEN * float((N_ * D_).max())
