"""Two ladders as recipes to compare: whether their losses are comparable, and by which laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labbook.analysis import able
from labbook.scaling.values import Fit, Refusal, Warned
from labbook.scaling.versus import versus
from labbook.scaling.versus_values import Versus
from labbook.summary import LadderView


@dataclass(frozen=True)
class Rivals:
    """Ladders A and B with what their comparison found."""

    a: LadderView
    b: LadderView
    found: Versus | Refusal


def against(a: LadderView, b: LadderView, flops: Sequence[float] = ()) -> Rivals:
    """Ladder `a` against ladder `b` at equal compute; `flops` are the budgets, else a grid over both."""
    refused = _mixed(a, b) or _without_law(a) or _without_law(b)
    if refused is not None:
        return Rivals(a, b, refused)
    found = versus(_fits(a), _fits(b), list(flops) if flops else None)
    if isinstance(found, Versus):
        found = replace(found, warnings=(*found.warnings, *_conventions(a, b)))
    return Rivals(a, b, found)


def _mixed(a: LadderView, b: LadderView) -> Refusal | None:
    """Why the losses of both cannot be compared, or None."""
    recipes = dict(a.recipe), dict(b.recipe)
    tokenizers = [recipe.get("tokenizer") for recipe in recipes]
    facts = [("unit", a.loss_unit, b.loss_unit), ("evaluation set", a.loss_series, b.loss_series)]
    if all(tokenizers) and not a.loss_unit.endswith("/byte"):
        facts.append(("tokenizer", str(tokenizers[0]), str(tokenizers[1])))
    differ = [f"{what} {one} and {other}" for what, one, other in facts if one != other]
    if not differ:
        return None
    text = f"These losses are not comparable: {'; '.join(differ)}."
    return Refusal("loss-mixed", text, "evaluate both on one set, in nats per byte across tokenizers")


def _without_law(view: LadderView) -> Refusal | None:
    if view.comparison is not None and view.comparison.admitted:
        return None
    why = view.refused.text if view.refused is not None else "no law is admitted on it"
    return Refusal("no-law", f"{view.name} has no law: {why}", "finish more runs of it, at several N and D")


def _fits(view: LadderView) -> dict[str, Fit]:
    """The admitted fits, able to predict."""
    assert view.comparison is not None
    found = {name: able(view, view.comparison.fits[name]) for name in view.comparison.admitted}
    return {name: fit for name, fit in found.items() if fit is not None}


def _conventions(a: LadderView, b: LadderView) -> tuple[Warned, ...]:
    """What keeps the parameters of both from being compared."""
    tokenizers = {dict(view.recipe).get("tokenizer") for view in (a, b)} - {None}
    differ = [
        f"{what} {one} and {other}"
        for what, one, other in (("N is", a.n_kind, b.n_kind), ("D is", a.d_reading, b.d_reading))
        if one != other
    ]
    differ += [f"tokenizers {' and '.join(sorted(map(str, tokenizers)))}"] if len(tokenizers) > 1 else []
    if not differ:
        return ()
    text = f"E, A and B compare only within one tokenizer and count ({'; '.join(differ)})."
    if a.n_kind != b.n_kind or a.d_reading != b.d_reading:
        text += " C = 6ND is then not the same compute either."
    return (Warned("cross-ladder-constants", text),)
