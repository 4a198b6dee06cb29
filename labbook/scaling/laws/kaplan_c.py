"""Kaplan et al. 2020, eq. 1.3: loss by compute alone, spent as it is best spent."""

from __future__ import annotations

import math

import numpy as np

from labbook.scaling.form import A, FloatArray, Form, P
from labbook.scaling.laws.base import (
    Centre,
    Check,
    Law,
    Limit,
    Parameter,
    Params,
    power_read,
    power_starts,
    power_write,
)

PUBLISHED = {"alpha_C": 0.050, "C_c": 3.1e8}
PF_DAY = 8.64e19
"""FLOP of a petaflop/s-day, the unit of C_c."""


def kaplan_c_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss after C = 6ND, taken for the least compute that reaches it.

    L(C_min) = (C_c/C_min)^alpha_C      Kaplan et al. 2020, eq. 1.3

    N, D: (n,). C_c in PF-days of 8.64e19 FLOP. Returns (n,) nats per token.
    """
    loss: FloatArray = (p["C_c"] / (6.0 * N * D / PF_DAY)) ** p["alpha_C"]
    return loss


def read(theta: FloatArray, centre: Centre) -> list[FloatArray]:
    """alpha_C, C_c of theta (rows, 6)."""
    exponent, scale = power_read(theta, centre)
    return [exponent, scale / PF_DAY]


def write(p: Params, centre: Centre) -> dict[str, float]:
    """Coordinates of parameters."""
    return power_write("alpha_C", "C_c")({**p, "C_c": p["C_c"] * PF_DAY}, centre)


def _doubling(p: Params) -> tuple[float, float]:
    one, two = kaplan_c_loss(np.array([1e8, 2e8]), np.array([1e9, 1e9]), p)
    return float(two / one), 2.0 ** -p["alpha_C"]


LAW = Law(
    name="kaplan-c",
    title="Kaplan et al., compute alone",
    equation="L(C) = (C_c/C)^alpha_C, C = 6ND in PF-days",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3",
    parameters=(Parameter("alpha_C", False, P, (0.03, 0.2)), Parameter("C_c", True, A, (1e3, 1e9))),
    form=Form(free=(A, P), has_d=False),
    formula=kaplan_c_loss,
    read=read,
    write=write,
    starts=power_starts,
    resources=("C",),
    pooled=False,
    limits=(Limit("twice the compute lowers the loss by 2^-alpha_C", _doubling),),
    checks=(Check(math.sqrt(PF_DAY / 6.0), math.sqrt(PF_DAY / 6.0), 2.65808, 5, PUBLISHED),),
    published={"Kaplan et al. 2020": PUBLISHED},
)
