"""What tokens buy at one size: a power law of D above a floor."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import A, Constant, E, FloatArray, Form, P
from labbook.scaling.laws import width
from labbook.scaling.laws.base import Centre, Law, Limit, Parameter, Params


def tokens_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss of the ladder's one size after D tokens.

    L(D) = E + B D^-beta

    D: (n,); N is not used. Returns (n,) in the unit of E.
    """
    loss: FloatArray = p["E"] + p["B"] * D ** -p["beta"]
    return loss


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return width.write({"E": p["E"], "A": p["B"], "alpha": p["beta"]}, centre)


def _levels_off(p: Params) -> tuple[float, float]:
    far = np.array([1e300])
    return float(tokens_loss(far, far, p)[0]), p["E"]


LAW = Law(
    name="tokens",
    title="Power law of tokens",
    equation="L(D) = E + B D^-beta at one N",
    source="the common form of one-dimensional laws of data; Chinchilla's at fixed N",
    parameters=(
        Parameter("E", True, E, (1.2, 2.2)),
        Parameter("B", True, A, (100.0, 5000.0)),
        Parameter("beta", False, P, (0.25, 0.45)),
    ),
    form=Form(free=(A, P, E), constant=Constant.INSIDE, has_d=False),
    formula=tokens_loss,
    read=width.read,
    write=write,
    starts=width.starts,
    constant="E",
    resources=("D",),
    pooled=False,
    limits=(Limit("with unlimited D it is E", _levels_off),),
)
