"""The form that holds both others: Chinchilla's at g = 1, Kaplan's at L_inf = 0 and g = alpha_D."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import GAMMA, A, B, Constant, E, FloatArray, Form, P, Q
from labbook.scaling.laws import chinchilla, kaplan
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import grid, rows

EXAMPLE = {"L_inf": 1.5, "N_c": 1e9, "D_c": 5e10, "alpha_N": 0.3, "alpha_D": 0.25, "g": 0.5}


def general_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss at N parameters after D tokens.

    L(N, D) = [ L_inf^(1/g) + (N_c/N)^(alpha_N/g) + (D_c/D)^(alpha_D/g) ]^g      after Droppo and Elibol 2021

    N, D: (n,). Returns (n,) in the unit of L_inf.
    """
    g = p["g"]
    from_params: FloatArray = (p["N_c"] / N) ** (p["alpha_N"] / g)
    from_tokens: FloatArray = (p["D_c"] / D) ** (p["alpha_D"] / g)
    bracket: FloatArray = p["L_inf"] ** (1.0 / g) + from_params + from_tokens
    return bracket**g


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """L_inf, N_c, D_c, alpha_N, alpha_D, g of theta (rows, 6)."""
    g = np.exp(theta[:, GAMMA])
    return [
        np.exp(g * theta[:, E]),
        np.exp(theta[:, A] / theta[:, P] + centre[0]),
        np.exp(theta[:, B] / theta[:, Q] + centre[1]),
        theta[:, P] * g,
        theta[:, Q] * g,
        g,
    ]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    g = p["g"]
    return {
        "a": p["alpha_N"] / g * (math.log(p["N_c"]) - centre[0]),
        "p": p["alpha_N"] / g,
        "b": p["alpha_D"] / g * (math.log(p["D_c"]) - centre[1]),
        "q": p["alpha_D"] / g,
        "e": math.log(p["L_inf"]) / g if p["L_inf"] > 0.0 else -math.inf,
        "gamma": math.log(g),
    }


def starts(points: Centred) -> FloatArray:
    """12 starts: g x equal powers of both terms, all three terms alike at the median point."""
    g, power = grid((0.1, 0.3, 1.0, 2.0), (0.2, 0.5, 1.0))
    level = np.median(points.y) / g
    return rows(
        12, {"a": level - 1.5, "p": power, "b": level - 1.5, "q": power, "e": level - 0.3, "gamma": np.log(g)}
    )


def _at_one_point(p: Params) -> float:
    return float(general_loss(np.array([2e8]), np.array([7e9]), p)[0])


def _is_chinchilla(p: Params) -> tuple[float, float]:
    other = {
        "E": p["L_inf"],
        "A": p["N_c"] ** p["alpha_N"],
        "B": p["D_c"] ** p["alpha_D"],
        "alpha": p["alpha_N"],
        "beta": p["alpha_D"],
    }
    loss = chinchilla.chinchilla_loss(np.array([2e8]), np.array([7e9]), other)[0]
    return _at_one_point({**p, "g": 1.0}), float(loss)


def _is_kaplan(p: Params) -> tuple[float, float]:
    loss = kaplan.kaplan_loss(np.array([2e8]), np.array([7e9]), p)[0]
    return _at_one_point({**p, "L_inf": 0.0, "g": p["alpha_D"]}), float(loss)


LAW = Law(
    name="general",
    title="Droppo and Elibol",
    equation="L(N, D) = [L_inf^(1/g) + (N_c/N)^(alpha_N/g) + (D_c/D)^(alpha_D/g)]^g",
    source="after Droppo and Elibol 2021, arXiv:2106.09488",
    parameters=(
        Parameter("L_inf", True, E, (1.2, 2.2)),
        Parameter("N_c", True, A, (3e8, 1e10)),
        Parameter("D_c", True, B, (1e10, 2e11)),
        Parameter("alpha_N", False, P, (0.2, 0.5)),
        Parameter("alpha_D", False, Q, (0.2, 0.5)),
        Parameter("g", False, GAMMA, (0.3, 1.2)),
    ),
    form=Form(free=(A, P, B, Q, E, GAMMA), constant=Constant.INSIDE),
    formula=general_loss,
    read=read,
    write=write,
    starts=starts,
    constant="L_inf",
    limits=(
        Limit("at g = 1 it is Chinchilla", _is_chinchilla),
        Limit("at L_inf = 0 and g = alpha_D it is Kaplan's form", _is_kaplan),
    ),
    checks=(Check(1e8, 1e9, 3.647210, 6, EXAMPLE), Check(1e9, 2e10, 2.197985, 6, EXAMPLE)),
)
