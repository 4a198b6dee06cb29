"""Kaplan et al. 2020, eq. 1.2: loss by the data set alone, for large models stopped early."""

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

PUBLISHED = {"alpha_D": 0.095, "D_c": 5.4e13}


def kaplan_d_loss(N: FloatArray, D: FloatArray, p: Params) -> FloatArray:
    """Predicted early-stopped loss of a large model on D tokens.

    L(D) = (D_c/D)^alpha_D      Kaplan et al. 2020, eq. 1.2

    D: (n,) tokens of the data set; N is not used. Returns (n,) nats per token.
    """
    loss: FloatArray = (p["D_c"] / D) ** p["alpha_D"]
    return loss


def _doubling(p: Params) -> tuple[float, float]:
    one, two = kaplan_d_loss(np.array([1e8, 1e8]), np.array([1e9, 2e9]), p)
    return float(two / one), 2.0 ** -p["alpha_D"]


LAW = Law(
    name="kaplan-d",
    title="Kaplan et al., data alone",
    equation="L(D) = (D_c/D)^alpha_D",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.2",
    parameters=(Parameter("alpha_D", False, P, (0.05, 0.4)), Parameter("D_c", True, A, (1e10, 1e14))),
    form=Form(free=(A, P), has_d=False),
    formula=kaplan_d_loss,
    read=power_read,
    write=power_write("alpha_D", "D_c"),
    starts=power_starts,
    resources=("D",),
    pooled=False,
    limits=(Limit("twice the data lowers the loss by 2^-alpha_D", _doubling),),
    checks=(Check(1e12, 2.2e10, 2.09917, 5, PUBLISHED),),
    published={"Kaplan et al. 2020": PUBLISHED},
)
