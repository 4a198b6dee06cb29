"""Muennighoff et al. 2023: Chinchilla's law of effective tokens and parameters, for data seen more than once.

A repeated token is worth less each time, and so is a parameter beyond those the unique tokens can use. The
published constants of that paper stand on A, B and E of another study: ratios of its losses mean something,
levels miss by several percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from labbook.scaling.form import FloatArray
from labbook.scaling.laws.base import NO_COORDINATE, Limit, Parameter, Params, Subject
from labbook.scaling.points import check_resources

PUBLISHED = {
    "E": float(np.exp(0.6254804)),
    "A": float(np.exp(6.255414)),
    "B": float(np.exp(7.3049974)),
    "alpha": 0.3526596,
    "beta": 0.3526596,
    "R_D": 15.387756,
    "R_N": 5.309743,
}
NAMES = tuple(PUBLISHED)


def effective_tokens(D: ArrayLike, U: ArrayLike, R_D: float | FloatArray) -> FloatArray:
    """D': how many tokens seen once are worth D tokens of which U are distinct.

    D' = U + U R_D* (1 - exp(-(D/U - 1)/R_D*))      Muennighoff et al. 2023, eq. 5

    D, U: (n,) tokens seen and unique tokens; where U exceeds D, D counts. R_D: R_D*, the repeats after which
    another is worth 1/e of a fresh token. Returns (n,) between U and D.
    """
    seen = np.asarray(D, float)
    unique = np.minimum(seen, U)
    worth: FloatArray = unique * (1.0 - R_D * np.expm1(-(seen / unique - 1.0) / R_D))
    return worth


def usable_params(U: ArrayLike, p: Params) -> FloatArray:
    """N_opt(U): the compute-optimal parameters of U unique tokens, alpha A N^-alpha = beta B U^-beta.

    N_opt(U) = G (G U)^(beta/alpha), G = (alpha A/(beta B))^(1/(alpha + beta))      Muennighoff et al. 2023
    """
    balance = np.log(p["alpha"] * p["A"]) - np.log(p["beta"] * p["B"])
    optimum: FloatArray = np.exp((balance + p["beta"] * np.log(U)) / p["alpha"])
    return optimum


def effective_params(N: ArrayLike, U: ArrayLike, p: Params) -> FloatArray:
    """N': what N parameters are worth on U unique tokens.

    N' = U_N + U_N R_N* (1 - exp(-(N/U_N - 1)/R_N*)), U_N = min(N, N_opt(U))   Muennighoff et al. 2023, eq. 6
    """
    size = np.asarray(N, float)
    used = np.minimum(size, usable_params(U, p))
    worth: FloatArray = used * (1.0 - p["R_N"] * np.expm1(-(size / used - 1.0) / p["R_N"]))
    return worth


@dataclass(frozen=True)
class RepeatedLaw:
    """A law of three resources: parameters N, tokens seen D and unique tokens U."""

    name: str = "repeated"
    title: str = "Muennighoff et al."
    equation: str = (
        "L(N, D, U) = E + A/N'^alpha + B/D'^beta, D' = U + U R_D (1 - exp(-(D/U - 1)/R_D)), "
        "N' = U_N + U_N R_N (1 - exp(-(N/U_N - 1)/R_N)), U_N = min(N, N_opt(U))"
    )
    source: str = "Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6"
    parameters: tuple[Parameter, ...] = (
        Parameter("E", True, NO_COORDINATE, (1.2, 2.2)),
        Parameter("A", True, NO_COORDINATE, (100.0, 2000.0)),
        Parameter("B", True, NO_COORDINATE, (100.0, 5000.0)),
        Parameter("alpha", False, NO_COORDINATE, (0.25, 0.45)),
        Parameter("beta", False, NO_COORDINATE, (0.25, 0.45)),
        Parameter("R_D", True, NO_COORDINATE, (2.0, 40.0)),
        Parameter("R_N", True, NO_COORDINATE, (2.0, 40.0)),
    )
    subject: Subject = "ladder"
    limits: tuple[Limit, ...] = ()
    published: Mapping[str, Params] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in order; R_D and R_N are the paper's R_D* and R_N*."""
        return tuple(parameter.name for parameter in self.parameters)

    def predict(self, N: ArrayLike, D: ArrayLike, U: ArrayLike, params: Params) -> FloatArray:
        """Predicted loss of N parameters after D tokens of which U are distinct, (n,), in the unit of E.

        U above D counts as D: such a run has not seen all of its data.
        Raises ValueError where shapes differ or an entry is not positive and finite.
        """
        N_, D_ = check_resources(N, D)
        D_, U_ = check_resources(D_, U)
        unique = np.minimum(D_, U_)
        loss: FloatArray = (
            params["E"]
            + params["A"] * effective_params(N_, unique, params) ** -params["alpha"]
            + params["B"] * self.effective_tokens(D_, unique, params["R_D"]) ** -params["beta"]
        )
        return loss

    def effective_tokens(self, D: ArrayLike, U: ArrayLike, R_D: float) -> FloatArray:
        """D' of D tokens seen, U of them distinct, (n,)."""
        return effective_tokens(*check_resources(D, U), R_D)


_PREDICT = RepeatedLaw().predict


def _once(p: Params) -> tuple[float, float]:
    small = 0.5 * float(usable_params([1e11], p)[0])
    chinchilla = p["E"] + p["A"] * small ** -p["alpha"] + p["B"] * 1e11 ** -p["beta"]
    return float(_PREDICT([small], [1e11], [1e11], p)[0]), chinchilla


def _for_ever(p: Params) -> tuple[float, float]:
    return float(effective_tokens([1e300], [1e9], p["R_D"])[0]), 1e9 * (1.0 + p["R_D"])


def _first_repeat(p: Params) -> tuple[float, float]:
    step = 1e-6
    once, more = effective_tokens([1e9, 1e9 * (1.0 + step)], [1e9, 1e9], p["R_D"])
    return float(more / once - 1.0) / step, 1.0 - 0.5 * step / p["R_D"]


def _wide(p: Params) -> tuple[float, float]:
    usable = float(usable_params([1e9], p)[0])
    return float(effective_params([1e300], [1e9], p)[0]), usable * (1.0 + p["R_N"])


LAW = RepeatedLaw(
    limits=(
        Limit("on data seen once, with N the data can use, it is Chinchilla's law", _once),
        Limit("U tokens repeated for ever are worth U (1 + R_D*)", _for_ever),
        Limit("a token seen a second time is worth one seen once", _first_repeat),
        Limit("parameters without end are worth U_N (1 + R_N*)", _wide),
    ),
    published={"Muennighoff et al. 2023": PUBLISHED},
)
