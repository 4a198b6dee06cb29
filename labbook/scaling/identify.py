"""Whether the points determine the parameters: what to warn of, and when to refuse them.

Predictions inside the range of the points stand even where the parameters do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from labbook.scaling import remedy
from labbook.scaling.form import A, B, BoolArray, FloatArray, P, Q, shares
from labbook.scaling.intervals import EXPONENT_OF_COMPUTE
from labbook.scaling.laws.base import Law
from labbook.scaling.points import Centred, Points, distinct
from labbook.scaling.values import Warned

ILL_CONDITIONED, UNIDENTIFIED = 300.0, 1e4
CONFOUNDED_WARN, CONFOUNDED = 0.9, 0.98
FEW_SIZES, SIZES_NEEDED = 4, 3
LENGTHS_NEEDED = 2
"""Two token counts still tell Kaplan's form; the condition tells which others they leave open."""
DECADE = 10.0
EXPONENT_RANGE = (0.02, 1.5)
CONSTANT_RANGE = (0.01, 0.98)
"""Of the least loss."""
VANISHED = 0.01
"""A term below this share of the bracket at every point."""
COUNTS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


@dataclass(slots=True)
class Findings:
    """What a fit has to say about its own parameters."""

    warnings: list[Warned] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    withheld: set[str] = field(default_factory=set)
    """Parameters without an interval."""
    refused: bool = False

    def warn(self, code: str, text: str) -> None:
        """Note a warning, once."""
        if all(warning.code != code for warning in self.warnings):
            self.warnings.append(Warned(code, text))

    def refuse(self, code: str, text: str) -> None:
        """Note why the parameters are not to be shown."""
        self.refused = True
        self.warnings = [warning for warning in self.warnings if warning.code != code]
        self.warnings.insert(0, Warned(code, text))


def separates(N: FloatArray, D: FloatArray) -> bool:
    """Whether the design lets any law of N and D be read: three sizes, two lengths, not moving as one."""
    if distinct(N).size < SIZES_NEEDED or distinct(D).size < LENGTHS_NEEDED:
        return False
    corr = remedy.correlation(N, D)
    return not math.isnan(corr) and abs(corr) <= CONFOUNDED


def count_word(count: int) -> str:
    """`five`; digits from thirteen on."""
    return COUNTS[count] if 0 <= count < len(COUNTS) else str(count)


def examine(
    law: Law, points: Points, centred: Centred, theta: FloatArray, condition: float, corr: float
) -> Findings:
    """Everything section 4.4 asks about one fit."""
    findings = Findings()
    counted = points.weights > 0.0
    N, D = points.N[counted], points.D[counted]
    if N.size == law.k + 1:
        findings.warn(
            "few-points", f"{count_word(N.size).capitalize()} points for {count_word(law.k)} parameters."
        )
    if len(law.resources) > 1:
        _check_design(findings, law, N, D, corr)
    else:
        _check_axis(findings, law, np.exp(law.axes(N, D)[0]))
    _check_bounds(findings, law, points, centred, theta)
    if condition > UNIDENTIFIED and not findings.refused:
        findings.refuse(
            "unidentified", f"The points do not determine the parameters (condition {condition:.1e})."
        )
    elif condition > ILL_CONDITIONED and not findings.refused:
        findings.warn(
            "ill-conditioned", f"The parameters are poorly determined together (condition {condition:.0f})."
        )
    return findings


def _check_design(findings: Findings, law: Law, N: FloatArray, D: FloatArray, corr: float) -> None:
    sizes, lengths = distinct(N), distinct(D)
    _check_correlation(findings, law, N, D, corr)
    checks = (("N", sizes, SIZES_NEEDED, "model size"), ("D", lengths, LENGTHS_NEEDED, "token count"))
    for side, values, needed, unit in checks:
        if values.size < needed:
            plural = "" if values.size == 1 else "s"
            text = f"{side} side not identifiable: {count_word(values.size)} {unit}{plural}."
            findings.refuse("unidentified", text)
    if sizes.size == FEW_SIZES - 1:
        findings.warn("few-points", "Three model sizes: the exponent of N rests on them alone.")
    if sum(distinct(D[_same(N, size)] / size, 2.0).size >= 3 for size in sizes) < 2:
        findings.warn(
            "few-points", "Fewer than two sizes have three token counts: the exponent of D rests on few rungs."
        )
    short = [name for name, values in (("N", N), ("D", D)) if values.max() < DECADE * values.min()]
    if short:
        findings.warn(
            "short-range", f"Less than a decade of {' and of '.join(short)}: the constant is not to be quoted."
        )
        if law.constant is not None:
            findings.withheld.add(law.constant)


def _check_axis(findings: Findings, law: Law, values: FloatArray) -> None:
    """The spread a law of one resource rests on."""
    found, name = distinct(values), law.resources[0]
    if found.size < SIZES_NEEDED:
        text = f"{name} side not identifiable: {count_word(found.size)} distinct {name}."
        findings.refuse("unidentified", text)
    elif values.max() < DECADE * values.min() and law.constant is not None:
        findings.warn("short-range", f"Less than a decade of {name}: the constant is not to be quoted.")
        findings.withheld.add(law.constant)


def _same(N: FloatArray, size: float) -> BoolArray:
    result: BoolArray = (size <= N) & (size * remedy.SAME >= N)
    return result


def _check_correlation(findings: Findings, law: Law, N: FloatArray, D: FloatArray, corr: float) -> None:
    if math.isnan(corr) or abs(corr) <= CONFOUNDED_WARN:
        return
    exponents = " and ".join(
        p.name
        for p in law.parameters
        if p.is_scale is law.form.tied and p.name != law.constant and p.name != "g"
    )
    settle = remedy.separation(N, D, "them")
    if abs(corr) > CONFOUNDED:
        text = f"This ladder cannot separate {exponents}: N and D move together (corr {corr:.3f})."
        findings.refuse("n-d-confounded", f"{text} L(C) = E + k C^-c is fitted instead. {settle}".strip())
    else:
        text = f"N and D move together (corr {corr:.2f}): {exponents} are hard to separate. {settle}"
        findings.warn("n-d-confounded", text.strip())


def _check_bounds(findings: Findings, law: Law, points: Points, centred: Centred, theta: FloatArray) -> None:
    params = dict(zip(law.names, law.to_params(theta[None, :], centred.centre)[0], strict=True))
    least = float(points.L[points.weights > 0.0].min())
    if law.constant is not None:
        share = params[law.constant] / least
        if share < CONSTANT_RANGE[0]:
            _bound(
                findings, law.constant, f"{law.constant} ran to 0: these losses show no sign of levelling off."
            )
        elif share > CONSTANT_RANGE[1]:
            _bound(
                findings,
                law.constant,
                f"{law.constant} is at the least loss: the runs have levelled off already.",
            )
    for parameter in law.parameters:
        value = params[parameter.name]
        if (
            not parameter.is_scale
            and parameter.name != "g"
            and not EXPONENT_RANGE[0] < value < EXPONENT_RANGE[1]
        ):
            _bound(findings, parameter.name, f"{parameter.name} = {value:.3g} is outside any plausible range.")
            findings.withheld.add(EXPONENT_OF_COMPUTE)
    _check_terms(findings, law, centred, theta)
    if len(findings.bound) > 1 and not findings.refused:
        findings.refuse("unidentified", f"Two parameters at their bounds: {', '.join(findings.bound)}.")


def _check_terms(findings: Findings, law: Law, centred: Centred, theta: FloatArray) -> None:
    part = shares(law.form, theta[None, :], centred.n, centred.d)
    for coordinate, power, share in ((A, P, part.u), (B, Q, part.v)):
        if share is None or share.max() >= VANISHED:
            continue
        names = [p.name for p in law.parameters if p.coordinate in (coordinate, power)]
        resource = law.resources[0 if coordinate == A else -1]
        name = next(p.name for p in law.parameters if p.coordinate == coordinate)
        _bound(findings, name, f"The term in {resource} is below 1 % everywhere: the points do not show it.")
        findings.withheld.update([*names, EXPONENT_OF_COMPUTE])


def _bound(findings: Findings, name: str, text: str) -> None:
    findings.bound.append(name)
    findings.withheld.add(name)
    findings.warn(f"at-bound:{name}", text)
