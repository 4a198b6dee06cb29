"""Which law fits better, in sentences whose every figure comes from the fits.

Two orders exist and may disagree: AICc on all rungs, and the error on the largest N when fitted without
it (science.md 4.2). Both are told; neither prunes.
"""

from __future__ import annotations

from labbook.report.figures import percent, significant
from labbook.scaling.values import Comparison, Fit

_NUMBERS = ("no", "one", "two", "three", "four", "five")


def by_aicc(comparison: Comparison) -> list[str]:
    """Law names by AICc, best first; those without one are left out."""
    fits = [f for f in comparison.fits.values() if f.aicc is not None]
    return [f.law for f in sorted(fits, key=lambda f: (f.aicc if f.aicc is not None else 0.0, f.law))]


def preferred_by_aicc(comparison: Comparison) -> str | None:
    """The admitted law of least AICc, whichever law was asked for."""
    return next((law for law in by_aicc(comparison) if law in comparison.admitted), None)


def by_holdout(comparison: Comparison) -> list[str]:
    """Law names by rms error on the largest N held out, best first."""
    return sorted(comparison.holdout, key=lambda law: (comparison.holdout[law][0], law))


def aicc_difference(comparison: Comparison, law: str) -> float | None:
    """AICc above the least of all laws; None where the law has none."""
    order = by_aicc(comparison)
    if law not in order:
        return None
    return _aicc(comparison.fits[law]) - _aicc(comparison.fits[order[0]])


def _aicc(fit: Fit) -> float:
    if fit.aicc is None:
        raise ValueError(f"{fit.law} has no AICc")
    return fit.aicc


def sentences(comparison: Comparison) -> list[str]:
    """How the preferred law compares with its runner-up, Kaplan with Chinchilla, and the two orders."""
    pairs = list(dict.fromkeys(_pairs(comparison)))
    lines = [compare(comparison.fits[a], comparison.fits[b]) for a, b in pairs]
    return [*lines, *_orders(comparison)]


def _pairs(comparison: Comparison) -> list[tuple[str, str]]:
    """(better, worse) by AICc: the best against the next, and Kaplan against Chinchilla."""
    order = [law for law in by_aicc(comparison) if law in comparison.admitted]
    pairs = [(order[0], order[1])] if len(order) > 1 else []
    if {"kaplan", "chinchilla"} <= comparison.fits.keys():
        a, b = comparison.fits["kaplan"], comparison.fits["chinchilla"]
        better, worse = (a, b) if _score(a) <= _score(b) else (b, a)
        pairs.append((better.law, worse.law))
    return pairs


def _score(fit: Fit) -> tuple[bool, float]:
    return (fit.aicc is None, fit.rms_log if fit.aicc is None else fit.aicc)


def compare(better: Fit, worse: Fit) -> str:
    """`kaplan fits better than chinchilla: rms 0.61 % against 1.9 %, AICc lower by 35.2, with ...`.

    A law ahead by its fewer parameters alone is preferred, which is not the same as fitting better.
    """
    rms = "{} % against {} %".format(*_apart(better.rms_log, worse.rms_log))
    fewer = _fewer(worse.k - better.k)
    if better.aicc is None or worse.aicc is None:
        return f"{better.law} against {worse.law}: rms {rms}, {fewer}; no AICc for both with {better.n} rungs"
    lower = f"AICc lower by {significant(worse.aicc - better.aicc, 3)}"
    if better.rms_log > worse.rms_log:
        return f"{better.law} is preferred to {worse.law}: {lower} {fewer}, though rms is {rms}"
    return f"{better.law} fits better than {worse.law}: rms {rms}, {lower}, {fewer}"


def _apart(a: float, b: float) -> tuple[str, str]:
    """Both errors in percent, with as many digits as it takes to tell them apart."""
    for digits in range(2, 6):
        first, second = percent(a, digits), percent(b, digits)
        if first != second:
            break
    return first, second


def _fewer(difference: int) -> str:
    if difference == 0:
        return "with as many parameters"
    n = abs(difference)
    number = _NUMBERS[n] if n < len(_NUMBERS) else str(n)
    return f"with {number} parameter{'' if n == 1 else 's'} {'fewer' if difference > 0 else 'more'}"


def _orders(comparison: Comparison) -> list[str]:
    held = by_holdout(comparison)
    aicc = [law for law in by_aicc(comparison) if law in comparison.holdout]
    held = [law for law in held if law in aicc]
    if len(aicc) < 2:
        return []
    if aicc == held:
        return [f"AICc and the hold-out of the largest N agree on the order: {', '.join(aicc)}"]
    return [
        f"The orders differ: by AICc {', '.join(aicc)}; by hold-out of the largest N {', '.join(held)}"
        + _split(comparison)
    ]


def _split(comparison: Comparison) -> str:
    a, b = preferred_by_aicc(comparison), comparison.preferred_by_holdout
    return f". AICc prefers {a}, the hold-out {b}" if a and b and a != b else ""


def law_order(comparison: Comparison) -> list[str]:
    """Laws as tables list them: by AICc, then those without one by name."""
    ranked = by_aicc(comparison)
    return ranked + sorted(comparison.fits.keys() - set(ranked))
