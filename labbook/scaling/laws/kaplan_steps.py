"""Kaplan et al. 2020, eq. 1.6: loss by size and least number of steps, with unlimited data."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import A, B, FloatArray, Form, P, Q
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import grid, rows

PUBLISHED = {"alpha_N": 0.077, "alpha_S": 0.76, "N_c": 6.5e13, "S_c": 2.1e3}
FAR = 1e60
"""A resource so large that its term is gone."""


def kaplan_steps_loss(N: FloatArray, S_min: FloatArray, p: Params) -> FloatArray:
    """Predicted loss of N parameters after S_min steps, past the warm-up.

    L(N, S_min) = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S      Kaplan et al. 2020, eq. 1.6

    N: (n,) non-embedding parameters. S_min: (n,) optimiser steps at a batch far above the critical one (eq.
    5.4). Returns (n,) nats per token.
    """
    loss: FloatArray = (p["N_c"] / N) ** p["alpha_N"] + (p["S_c"] / S_min) ** p["alpha_S"]
    return loss


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """alpha_N, alpha_S, N_c, S_c of theta (rows, 6)."""
    return [
        theta[:, P],
        theta[:, Q],
        np.exp(theta[:, A] / theta[:, P] + centre[0]),
        np.exp(theta[:, B] / theta[:, Q] + centre[1]),
    ]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return {
        "a": p["alpha_N"] * (math.log(p["N_c"]) - centre[0]),
        "p": p["alpha_N"],
        "b": p["alpha_S"] * (math.log(p["S_c"]) - centre[1]),
        "q": p["alpha_S"],
    }


def starts(points: Centred) -> FloatArray:
    """9 starts: alpha_N x alpha_S, the steps' term a twentieth of the loss at the median point."""
    alpha_N, alpha_S = grid((0.05, 0.1, 0.3), (0.3, 0.6, 1.0))
    level = float(np.median(points.y))
    return rows(9, {"a": level - 0.05, "p": alpha_N, "b": level - 3.0, "q": alpha_S})


def _many_steps(p: Params) -> tuple[float, float]:
    return float(kaplan_steps_loss(np.array([1e8]), np.array([FAR]), p)[0]), (p["N_c"] / 1e8) ** p["alpha_N"]


LAW = Law(
    name="kaplan-steps",
    title="Kaplan et al., size and steps",
    equation="L(N, S_min) = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.6",
    parameters=(
        Parameter("alpha_N", False, P, (0.05, 0.3)),
        Parameter("alpha_S", False, Q, (0.3, 1.0)),
        Parameter("N_c", True, A, (1e10, 1e14)),
        Parameter("S_c", True, B, (1e8, 1e10)),
    ),
    form=Form(free=(A, P, B, Q)),
    formula=kaplan_steps_loss,
    read=read,
    write=write,
    starts=starts,
    resources=("N", "S_min"),
    pooled=False,
    limits=(Limit("with unlimited steps it is (N_c/N)^alpha_N", _many_steps),),
    checks=(Check(1e8, 1e5, 2.85589, 5, PUBLISHED),),
    published={"Kaplan et al. 2020": PUBLISHED},
)
