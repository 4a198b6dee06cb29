"""Kaplan's form above a floor: the same trade of N against D, and a loss that levels off."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import GAMMA, A, B, Constant, E, FloatArray, Form, P
from labbook.scaling.laws import kaplan
from labbook.scaling.laws.base import Centre, Check, Law, Limit, Parameter, Params
from labbook.scaling.points import Centred
from labbook.scaling.starts import grid, rows

EXAMPLE = {"alpha_N": 0.3, "alpha_D": 0.25, "N_c": 1e9, "D_c": 5e10, "E": 1.5}


def kaplan_floor_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss at N parameters after D tokens.

    L(N, D) = E + [ (N_c/N)^(alpha_N/alpha_D) + D_c/D ]^alpha_D

    N, D: (n,). Returns (n,) in the unit of E.
    """
    return p["E"] + kaplan.kaplan_loss(N, D, p)


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """alpha_N, alpha_D, N_c, D_c, E of theta (rows, 6)."""
    return [*kaplan.read(theta, centre), np.exp(theta[:, E])]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return {**kaplan.write(p, centre), "e": math.log(p["E"]) if p["E"] > 0.0 else -math.inf}


def starts(points: Centred) -> FloatArray:
    """12 starts: alpha_D x alpha_N/alpha_D, the floor at .8 of the least loss."""
    alpha_D, power = grid((0.1, 0.3, 0.6, 1.0), (0.5, 1.0, 2.0))
    floor = 0.8 * float(points.L.min())
    level = math.log(float(np.median(points.L)) - floor) / alpha_D - 0.7
    return rows(12, {"a": level, "p": power, "b": level, "e": math.log(floor), "gamma": np.log(alpha_D)})


def _without_floor(p: Params) -> tuple[float, float]:
    N, D = np.array([2e8]), np.array([7e9])
    return float(kaplan_floor_loss(N, D, {**p, "E": 0.0})[0]), float(kaplan.kaplan_loss(N, D, p)[0])


def _levels_off(p: Params) -> tuple[float, float]:
    far = np.array([1e300])
    return float(kaplan_floor_loss(far, far, p)[0]), p["E"]


LAW = Law(
    name="kaplan-floor",
    title="Kaplan with a floor",
    equation="L(N, D) = E + [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    source="Kaplan et al. 2020, eq. 1.5, plus a constant",
    parameters=(
        Parameter("alpha_N", False, P, (0.15, 0.5)),
        Parameter("alpha_D", False, GAMMA, (0.15, 0.6)),
        Parameter("N_c", True, A, (3e8, 1e10)),
        Parameter("D_c", True, B, (1e10, 2e11)),
        Parameter("E", True, E, (1.0, 2.0)),
    ),
    form=Form(free=(A, P, B, E, GAMMA), constant=Constant.OUTSIDE),
    formula=kaplan_floor_loss,
    read=read,
    write=write,
    starts=starts,
    constant="E",
    limits=(
        Limit("without its floor it is Kaplan's form", _without_floor),
        Limit("with unlimited N and D it is E", _levels_off),
    ),
    checks=(Check(1e8, 1e9, 4.348637, 6, EXAMPLE), Check(1e9, 2e10, 2.867782, 6, EXAMPLE)),
)
