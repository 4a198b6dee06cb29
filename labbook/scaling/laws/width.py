"""What size buys at one token count: a power law of N above a floor."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import A, Constant, E, FloatArray, Form, P
from labbook.scaling.laws.base import Centre, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import project, rows

EXPONENTS = (0.1, 0.25, 0.5, 1.0)


def width_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss of N parameters at the one token count of the ladder.

    L(N) = E + A N^-alpha

    N: (n,); D is not used. Returns (n,) in the unit of E.
    """
    loss: FloatArray = p["E"] + p["A"] * N ** -p["alpha"]
    return loss


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """E, A, alpha of theta (rows, 6); of any law E + k x^-c of one resource."""
    return [np.exp(theta[:, E]), np.exp(theta[:, A] + theta[:, P] * centre[0]), theta[:, P]]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return {
        "a": math.log(p["A"]) - p["alpha"] * centre[0],
        "p": p["alpha"],
        "e": math.log(p["E"]) if p["E"] > 0.0 else -math.inf,
    }


def starts(points: Centred) -> FloatArray:
    """4 starts by variable projection over the exponent."""
    a, e = project(points, [(power,) for power in EXPONENTS]).T
    return rows(len(EXPONENTS), {"a": a, "p": EXPONENTS, "e": e})


def _levels_off(p: Params) -> tuple[float, float]:
    far = np.array([1e300])
    return float(width_loss(far, far, p)[0]), p["E"]


LAW = Law(
    name="width",
    title="Power law of size",
    equation="L(N) = E + A N^-alpha at one D",
    source="the common form of one-dimensional laws of size; Chinchilla's at fixed D",
    parameters=(
        Parameter("E", True, E, (1.2, 2.2)),
        Parameter("A", True, A, (300.0, 2000.0)),
        Parameter("alpha", False, P, (0.2, 0.35)),
    ),
    form=Form(free=(A, P, E), constant=Constant.INSIDE, has_d=False),
    formula=width_loss,
    read=read,
    write=write,
    starts=starts,
    constant="E",
    resources=("N",),
    pooled=False,
    limits=(Limit("with unlimited N it is E", _levels_off),),
)
