"""Hoffmann et al. 2022: a floor, what N leaves and what D leaves, added up."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import A, B, Constant, E, FloatArray, Form, P, Q
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import grid, project, rows

HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
EXPONENTS = (0.15, 0.3, 0.5, 0.9)


def chinchilla_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss at N parameters after D tokens.

    L(N, D) = E + A/N^alpha + B/D^beta      Hoffmann et al. 2022, eq. 2

    N: (n,) total parameters in the paper. D: (n,) tokens of a finished run. Returns (n,) in the unit of E.
    """
    loss: FloatArray = p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]
    return loss


def optimal(C: float, p: Params) -> tuple[float, float]:
    """N and D of least loss at C = 6ND.

    N = G (C/6)^(beta/(alpha+beta)), D = (C/6)/N      Hoffmann et al. 2022, eq. 4
    """
    alpha, beta = p["alpha"], p["beta"]
    G = (alpha * p["A"] / (beta * p["B"])) ** (1.0 / (alpha + beta))
    N = G * (C / 6.0) ** (beta / (alpha + beta))
    return N, C / 6.0 / N


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """E, A, B, alpha, beta of theta (rows, 6)."""
    alpha, beta = theta[:, P], theta[:, Q]
    return [
        np.exp(theta[:, E]),
        np.exp(theta[:, A] + alpha * centre[0]),
        np.exp(theta[:, B] + beta * centre[1]),
        alpha,
        beta,
    ]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return {
        "a": math.log(p["A"]) - p["alpha"] * centre[0],
        "p": p["alpha"],
        "b": math.log(p["B"]) - p["beta"] * centre[1],
        "q": p["beta"],
        "e": math.log(p["E"]) if p["E"] > 0.0 else -math.inf,
    }


def starts(points: Centred) -> FloatArray:
    """16 starts by variable projection over alpha x beta."""
    alpha, beta = grid(EXPONENTS, EXPONENTS)
    a, b, e = project(points, list(zip(alpha, beta, strict=True))).T
    return rows(16, {"a": a, "p": alpha, "b": b, "q": beta, "e": e})


def _levels_off(p: Params) -> tuple[float, float]:
    far = np.array([1e300])
    return float(chinchilla_loss(far, far, p)[0]), p["E"]


def _balanced_at_optimum(p: Params) -> tuple[float, float]:
    N, D = optimal(1e21, p)
    return p["alpha"] * p["A"] * N ** -p["alpha"], p["beta"] * p["B"] * D ** -p["beta"]


LAW = Law(
    name="chinchilla",
    title="Hoffmann et al.",
    equation="L(N, D) = E + A/N^alpha + B/D^beta",
    source="Hoffmann et al. 2022, arXiv:2203.15556, eq. 2",
    parameters=(
        Parameter("E", True, E, (1.2, 2.2)),
        Parameter("A", True, A, (100.0, 2000.0)),
        Parameter("B", True, B, (100.0, 5000.0)),
        Parameter("alpha", False, P, (0.25, 0.45)),
        Parameter("beta", False, Q, (0.25, 0.45)),
    ),
    form=Form(free=(A, P, B, Q, E), constant=Constant.INSIDE),
    formula=chinchilla_loss,
    read=read,
    write=write,
    starts=starts,
    constant="E",
    limits=(
        Limit("with unlimited N and D it is E", _levels_off),
        Limit("at the compute optimum alpha A/N^alpha = beta B/D^beta", _balanced_at_optimum),
    ),
    checks=(
        Check(1e9, 2e9, 3.0002, 4, BESIROGLU),
        Check(1e9, 2e10, 2.5301, 4, BESIROGLU),
        Check(1e9, 2e11, 2.3276, 4, BESIROGLU),
    ),
    published={"Hoffmann et al. 2022": HOFFMANN, "Besiroglu et al. 2024": BESIROGLU},
)
