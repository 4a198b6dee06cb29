"""Kaplan et al. 2020, eq. 1.1: loss by size alone, where neither data nor steps bind. It cannot level off."""

from __future__ import annotations

import numpy as np

from labbook.scaling.form import A, FloatArray, Form, P
from labbook.scaling.laws.base import (
    Check,
    Law,
    Limit,
    Parameter,
    Params,
    power_read,
    power_starts,
    power_write,
)

PUBLISHED = {"alpha_N": 0.076, "N_c": 8.8e13}


def kaplan_n_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted loss of N parameters with data and steps to spare.

    L(N) = (N_c/N)^alpha_N      Kaplan et al. 2020, eq. 1.1

    N: (n,) non-embedding parameters; D is not used. Returns (n,) nats per token.
    """
    loss: FloatArray = (p["N_c"] / N) ** p["alpha_N"]
    return loss


def _doubling(p: Params) -> tuple[float, float]:
    one, two = kaplan_n_loss(np.array([1e8, 2e8]), np.array([1e9, 1e9]), p)
    return float(two / one), 2.0 ** -p["alpha_N"]


LAW = Law(
    name="kaplan-n",
    title="Kaplan et al., size alone",
    equation="L(N) = (N_c/N)^alpha_N",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.1",
    parameters=(Parameter("alpha_N", False, P, (0.05, 0.4)), Parameter("N_c", True, A, (1e9, 1e14))),
    form=Form(free=(A, P), has_d=False),
    formula=kaplan_n_loss,
    read=power_read,
    write=power_write("alpha_N", "N_c"),
    starts=power_starts,
    resources=("N",),
    pooled=False,
    limits=(Limit("twice the size lowers the loss by 2^-alpha_N", _doubling),),
    checks=(Check(1.5e9, 1e12, 2.30355, 5, PUBLISHED),),
    published={"Kaplan et al. 2020": PUBLISHED},
)
