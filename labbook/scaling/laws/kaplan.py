"""Kaplan et al. 2020, eq. 1.5: one power law of what N leaves and what D leaves. It cannot level off."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import GAMMA, A, B, FloatArray, Form, P
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import grid, rows

PUBLISHED = {"alpha_N": 0.076, "alpha_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}
FAR = 1e60
"""A resource so large that its term is gone."""


def kaplan_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss at N parameters after D tokens.

    L(N, D) = [ (N_c/N)^(alpha_N/alpha_D) + D_c/D ]^alpha_D      Kaplan et al. 2020, eq. 1.5

    N: (n,) non-embedding parameters. D: (n,) tokens. Returns (n,) nats per token.
    """
    bracket: FloatArray = (p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D
    return bracket ** p["alpha_D"]


def data_share(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """s_D = T_D/(T_N + T_D): how much of the bracket the tokens are, (n,) between 0 and 1."""
    from_tokens: FloatArray = p["D_c"] / D
    return from_tokens / ((p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + from_tokens)


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """alpha_N, alpha_D, N_c, D_c of theta (rows, 6)."""
    g = np.exp(theta[:, GAMMA])
    return [
        theta[:, P] * g,
        g,
        np.exp(theta[:, A] / theta[:, P] + centre[0]),
        np.exp(theta[:, B] + centre[1]),
    ]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    power = p["alpha_N"] / p["alpha_D"]
    return {
        "a": power * (math.log(p["N_c"]) - centre[0]),
        "p": power,
        "b": math.log(p["D_c"]) - centre[1],
        "q": 1.0,
        "gamma": math.log(p["alpha_D"]),
    }


def starts(points: Centred) -> FloatArray:
    """16 starts: alpha_D x alpha_N/alpha_D, both terms equal at the median point."""
    alpha_D, power = grid((0.05, 0.1, 0.2, 0.4), (0.5, 0.8, 1.2, 2.0))
    level = np.median(points.y) / alpha_D - 0.7
    return rows(16, {"a": level, "p": power, "b": level, "gamma": np.log(alpha_D)})


def _many_tokens(p: Params) -> tuple[float, float]:
    return float(kaplan_loss(np.array([1e8]), np.array([FAR]), p)[0]), (p["N_c"] / 1e8) ** p["alpha_N"]


def _many_params(p: Params) -> tuple[float, float]:
    return float(kaplan_loss(np.array([FAR * 1e60]), np.array([1e9]), p)[0]), (p["D_c"] / 1e9) ** p["alpha_D"]


def _slope(p: Params) -> tuple[float, float]:
    N, D = np.array([3e8, 3e8]), 2e9 * np.exp(np.array([-1e-5, 1e-5]))
    low, high = np.log(kaplan_loss(N, D, p))
    share = data_share(N[:1], np.array([2e9]), p)[0]
    return float(high - low) / 2e-5, -p["alpha_D"] * float(share)


LAW = Law(
    name="kaplan",
    title="Kaplan et al.",
    equation="L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5",
    parameters=(
        Parameter("alpha_N", False, P, (0.05, 0.4)),
        Parameter("alpha_D", False, GAMMA, (0.08, 0.5)),
        Parameter("N_c", True, A, (1e9, 1e14)),
        Parameter("D_c", True, B, (1e10, 1e14)),
    ),
    form=Form(free=(A, P, B, GAMMA)),
    formula=kaplan_loss,
    read=read,
    write=write,
    starts=starts,
    limits=(
        Limit("with unlimited tokens it is (N_c/N)^alpha_N", _many_tokens),
        Limit("with unlimited parameters it is (D_c/D)^alpha_D", _many_params),
        Limit("d ln L / d ln D = -alpha_D s_D", _slope),
    ),
    checks=(
        Check(8.5e7, 2.5e9, 2.880423, 6, PUBLISHED),
        Check(8.5e7, 3e8, 3.205924, 6, PUBLISHED),
        Check(1e8, 1e9, 2.956734, 6, PUBLISHED),
        Check(1.5e9, 2.2e10, 2.312548, 6, PUBLISHED),
        Check(1e9, 2e8, 3.250890, 6, PUBLISHED),
        Check(1e9, FAR, 2.318834, 6, PUBLISHED),
    ),
    published={"Kaplan et al. 2020": PUBLISHED},
)
