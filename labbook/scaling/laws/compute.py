"""The honest law of a ladder with one D/N: it knows C only, and claims nothing about N against D."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import A, Constant, E, FloatArray, Form, P
from labbook.scaling.laws import width
from labbook.scaling.laws.base import Centre, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import project, rows

EXPONENTS = (0.05, 0.1, 0.2, 0.4)


def compute_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss after C = 6ND FLOP.

    L(C) = E + k C^-c

    N, D: (n,). Returns (n,) in the unit of E.
    """
    loss: FloatArray = p["E"] + p["k"] * (6.0 * N * D) ** -p["c"]
    return loss


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return width.write({"E": p["E"], "A": p["k"], "alpha": p["c"]}, centre)


def starts(points: Centred) -> FloatArray:
    """4 starts by variable projection over c."""
    a, e = project(points, [(c,) for c in EXPONENTS]).T
    return rows(len(EXPONENTS), {"a": a, "p": EXPONENTS, "e": e})


def _only_compute(p: Params) -> tuple[float, float]:
    one, other = compute_loss(np.array([1e8, 2e8]), np.array([4e9, 2e9]), p)
    return float(one), float(other)


LAW = Law(
    name="compute",
    title="Power law of compute",
    equation="L(C) = E + k C^-c, C = 6ND",
    source="the common form of one-dimensional compute laws",
    parameters=(
        Parameter("E", True, E, (1.2, 2.2)),
        Parameter("k", True, A, (50.0, 500.0)),
        Parameter("c", False, P, (0.1, 0.2)),
    ),
    form=Form(free=(A, P, E), constant=Constant.INSIDE, has_d=False),
    formula=compute_loss,
    read=width.read,
    write=write,
    starts=starts,
    constant="E",
    pooled=False,
    resources=("C",),
    limits=(Limit("runs of equal C have equal loss", _only_compute),),
)
