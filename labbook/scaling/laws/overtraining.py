"""Gadre et al. 2024: loss by compute and by tokens per parameter, with one exponent for both sides."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import A, B, Constant, E, FloatArray, Form, P
from labbook.scaling.laws import chinchilla
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import project, rows

EXAMPLE = {"E": 1.8, "a": 100.0, "b": 150.0, "eta": 0.1}
EXPONENTS = (0.075, 0.15, 0.25, 0.45)


def overtraining_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss after C = 6ND at M = D/N tokens per parameter.

    L(C, M) = E + (a M^eta + b M^-eta) C^-eta      Gadre et al. 2024, eq. 4

    N, D: (n,). Returns (n,) in the unit of E.
    """
    C, M = 6.0 * N * D, D / N
    loss: FloatArray = p["E"] + (p["a"] * M ** p["eta"] + p["b"] * M ** -p["eta"]) * C ** -p["eta"]
    return loss


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """E, a, b, eta of theta (rows, 6): Chinchilla with alpha = beta = 2 eta, a = A 6^eta, b = B 6^eta."""
    power = theta[:, P]
    return [
        np.exp(theta[:, E]),
        np.exp(theta[:, A] + power * (centre[0] + 0.5 * math.log(6.0))),
        np.exp(theta[:, B] + power * (centre[1] + 0.5 * math.log(6.0))),
        0.5 * power,
    ]


def as_chinchilla(p: Params) -> dict[str, float]:
    """The same law in Chinchilla's parameters."""
    six = 6.0 ** -p["eta"]
    return {
        "E": p["E"],
        "A": p["a"] * six,
        "B": p["b"] * six,
        "alpha": 2.0 * p["eta"],
        "beta": 2.0 * p["eta"],
    }


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return chinchilla.write(as_chinchilla(p), centre)


def starts(points: Centred) -> FloatArray:
    """4 starts by variable projection over eta."""
    power = 2.0 * np.array(EXPONENTS)
    a, b, e = project(points, list(zip(power, power, strict=True))).T
    return rows(len(EXPONENTS), {"a": a, "p": power, "b": b, "q": power, "e": e})


def _is_chinchilla(p: Params) -> tuple[float, float]:
    N, D = np.array([2e8]), np.array([7e9])
    other = chinchilla.chinchilla_loss(N, D, as_chinchilla(p))
    return float(overtraining_loss(N, D, p)[0]), float(other[0])


def _best_ratio(p: Params) -> tuple[float, float]:
    N, D = chinchilla.optimal(1e21, as_chinchilla(p))
    return D / N, (p["b"] / p["a"]) ** (0.5 / p["eta"])


LAW = Law(
    name="overtraining",
    title="Gadre et al.",
    equation="L(C, M) = E + (a M^eta + b M^-eta) C^-eta, C = 6ND, M = D/N",
    source="Gadre et al. 2024, arXiv:2403.08540, eq. 4",
    parameters=(
        Parameter("E", True, E, (1.2, 2.2)),
        Parameter("a", True, A, (100.0, 2000.0)),
        Parameter("b", True, B, (100.0, 5000.0)),
        Parameter("eta", False, P, (0.12, 0.22)),
    ),
    form=Form(free=(A, P, B, E), constant=Constant.INSIDE, tied=True),
    formula=overtraining_loss,
    read=read,
    write=write,
    starts=starts,
    constant="E",
    pooled=False,
    limits=(
        Limit("it is Chinchilla with alpha = beta = 2 eta", _is_chinchilla),
        Limit("the best D/N is (b/a)^(1/(2 eta)) at every C", _best_ratio),
    ),
    checks=(
        Check(math.sqrt(1e20 / 120.0), 20.0 * math.sqrt(1e20 / 120.0), 4.260985, 6, EXAMPLE),
        Check(math.sqrt(1e20 / 1920.0), 320.0 * math.sqrt(1e20 / 1920.0), 4.422902, 6, EXAMPLE),
    ),
)
