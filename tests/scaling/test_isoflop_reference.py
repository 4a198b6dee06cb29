"""Approach 2 on published isoFLOP runs: needs LABBOOK_REFERENCE."""

import csv
from pathlib import Path

import numpy as np
import pytest

from labbook.scaling.form import FloatArray
from labbook.scaling.isoflop import isoflop

PUBLISHED = {
    ("base", "long", "kaplan", "kaplan"): 0.835,
    ("base", "long", "kaplan", "standard"): 0.706,
    ("base", "short", "kaplan", "standard"): 0.602,
    ("base", "short", "chinchilla", "standard"): 0.572,
    ("tuned", "short", "const", "standard"): 0.497,
}
"""a by hyperparameters, warm-up, decay and count of N (summary rw)."""


@pytest.fixture(scope="module")
def tables(reference: Path) -> dict[tuple[str, ...], FloatArray]:
    """N, C, L of each configuration, (3, runs)."""
    found: dict[tuple[str, ...], list[tuple[float, float, float]]] = {}
    with (reference / "isoflop" / "points.csv").open() as file:
        for row in csv.DictReader(file):
            if row["summary"] == "rw":
                key = (row["hparams"], row["warmup"], row["decay"], row["n_convention"])
                point = (float(row["n_params"]), float(row["budget_flop"]), float(row["loss"]))
                found.setdefault(key, []).append(point)
    return {key: np.array(rows).T for key, rows in found.items()}


@pytest.mark.parametrize("configuration", PUBLISHED)
def test_published_exponents(tables: dict[tuple[str, ...], FloatArray], configuration: tuple[str, ...]) -> None:
    """From Kaplan's exponent to Chinchilla's: Akima within .015 of the published a, parabola within .04."""
    parabola, akima = isoflop(*tables[configuration])
    assert akima.a == pytest.approx(PUBLISHED[configuration], abs=0.015)
    assert parabola.a == pytest.approx(PUBLISHED[configuration], abs=0.04)


def test_a_budget_whose_minimum_is_not_in_sight_is_left_out(
    tables: dict[tuple[str, ...], FloatArray],
) -> None:
    """The smallest budget of one configuration: its smallest model is its best."""
    for found in isoflop(*tables["base", "long", "kaplan", "standard"]):
        assert [b.C for b in found.points if b.refused] == [1.25e16]
        assert found.points[0].refused.code == "isoflop-edge"
