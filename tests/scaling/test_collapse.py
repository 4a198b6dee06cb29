"""Normalised curves of a well-scaled ladder are one curve; a rung that is not on it is shown."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from labbook.collapsing import BINS, binned
from labbook.scaling.collapse import collapse
from labbook.scaling.laws import described
from labbook.scaling.laws.collapse import normalised
from labbook.scaling.learning_rate import per_step
from labbook.scaling.loss_curve import LossCurve, read_curve
from labbook.scaling.values import Refusal

T = 4000
STEP = np.arange(0, T + 1, 20)
FLOOR = 1.7
HEIGHTS = (1.6, 1.3, 1.1, 0.9, 0.75)


def rate(end: float = 0.1) -> np.ndarray:
    """A short warm-up, then straight down to a share of the peak."""
    s = np.arange(T + 1)
    return 3e-4 * np.minimum(1.0, (s + 1) / 100) * (1 - (1 - end) * s / T)


def rung(height: float, power: float = 0.4, noise: float = 0.0, end: float = 0.1) -> LossCurve:
    """A run of a ladder with a floor of 1.7: the same curve at any height."""
    shape = 1 + 0.6 * (((STEP + 50) / T) ** -power - 1) - 0.25 * STEP / T
    scatter = np.exp(noise * np.random.default_rng(round(1e3 * height)).standard_normal(STEP.size))
    return read_curve(f"h{height}", STEP, (FLOOR + height * shape) * scatter, rate(end))


@pytest.mark.parametrize(("noise", "tolerance", "spread"), [(0.0, 2e-3, 1e-3), (0.0005, 0.02, 0.01)])
def test_the_planted_floor_comes_back(noise: float, tolerance: float, spread: float) -> None:
    """L0 is the value of least spread, and every rung lies on the curve."""
    found = collapse([rung(height, noise=noise) for height in HEIGHTS])
    assert pytest.approx(FLOOR, abs=tolerance) == found.L0
    assert not found.at_bound and found.spread < spread
    assert [one.is_off for one in found.rungs] == [False] * 5
    assert found.common[0] > found.common[-1] > 1.0


def test_a_mis_scaled_rung_is_off_the_curve_of_the_others() -> None:
    """One rung that comes down another way is the one that is shown."""
    found = collapse([rung(height, noise=0.0005) for height in HEIGHTS] + [rung(1.0, power=0.7, noise=0.0005)])
    assert {one.name for one in found.rungs if one.is_off} == {"h1.0"}
    off = next(one for one in found.rungs if one.is_off)
    assert off.distance > off.threshold


def test_two_rungs_have_a_distance_and_no_verdict() -> None:
    """L0 alone can bring two curves together."""
    found = collapse([rung(1.6), rung(0.8)])
    assert pytest.approx(FLOOR, abs=2e-3) == found.L0
    assert [one.is_off for one in found.rungs] == [None, None]
    assert all(one.threshold is None for one in found.rungs)


@pytest.mark.parametrize(
    ("curves", "code"),
    [([rung(1.0)], "too-few-rungs"), ([rung(1.0), rung(0.8), rung(1.2, end=0.3)], "schedule-mixed")],
)
def test_one_rung_or_two_shapes_are_refused(curves: list[LossCurve], code: str) -> None:
    """There is nothing to compare, or it is not the same thing."""
    refused = collapse(curves)
    assert isinstance(refused, Refusal) and refused.code == code and refused.remedy


@pytest.mark.slow  # 1 s
def test_the_order_of_the_rungs_changes_nothing() -> None:
    """Nor does it matter who comes first."""
    curves = [rung(height, noise=0.001) for height in HEIGHTS]
    assert collapse(curves) == collapse(curves[::-1])


def test_the_law_says_what_it_is_and_obeys_its_limits() -> None:
    """Its parameter stands in its equation; every curve ends at 1 and loses its height."""
    law = described("collapse")
    assert law.subject == "curve"
    assert all(p.name in law.equation for p in law.parameters)
    assert law.limits
    random = np.random.default_rng(1)
    for _ in range(10):
        params = {p.name: float(random.uniform(*p.typical)) for p in law.parameters}
        for limit in law.limits:
            one, other = limit.sides(params)
            assert one == pytest.approx(other, rel=1e-12), limit.says
    with pytest.raises(ValueError, match="below the end"):
        normalised(np.array([3.0]), 2.0, 2.0)


def test_a_rung_far_below_the_others_keeps_a_finite_distance() -> None:
    """No L0 is tried that lies above the end of any rung, though the others alone would allow it."""
    low = LossCurve("low", STEP[10:], 0.8 + (T - STEP[10:]) / T, rate())
    found = collapse([rung(height) for height in HEIGHTS] + [low])
    assert low.loss[-1] > found.L0
    assert all(np.isfinite(one.distance) and np.isfinite(one.line).all() for one in found.rungs)
    assert next(one for one in found.rungs if one.name == "low").is_off


def test_training_losses_become_means_over_hundredths_of_the_run() -> None:
    """A straight line stays one; a curve of fewer points stays as it is."""
    step = np.arange(0, T + 1, 5)
    line = LossCurve("line", step, 5.0 - step / T, rate())
    found = binned(line)
    assert found.step.size == BINS
    assert found.loss == pytest.approx(5.0 - found.step / T, abs=1e-3)
    assert found.notes
    few = LossCurve("few", step[::20], line.loss[::20], rate())
    assert binned(few) is few


@pytest.mark.parametrize(
    ("ratio", "off"),
    [
        ("0.5xC", []),
        ("1xC", []),
        ("2xC", ["190M-2xC"]),
        ("5xC", ["190M-5xC", "3B-5xC"]),
        ("10xC", ["190M-10xC", "3B-10xC"]),
    ],
)
def test_five_published_sizes_at_one_ratio(reference: Path, ratio: str, off: list[str]) -> None:
    """The smallest and the largest size leave the curve of the others where runs are long."""
    logged = defaultdict(list)
    with (reference / "olmo_ladder" / "curves.csv").open() as file:
        for row in csv.DictReader(file):
            if row["run"].endswith(f"-{ratio}"):
                logged[row["run"]].append([float(row[name]) for name in ("step", "lr", "c4_loss")])
    curves = []
    for name, rows in logged.items():
        step, lr, loss = np.array(sorted(rows)).T
        last = np.append(np.diff(step) > 0, True)
        curves.append(read_curve(name, step[last], loss[last], *per_step(step[last], lr[last])))
    found = collapse(curves)
    assert [one.name for one in found.rungs if one.is_off] == off
    assert len(found.rungs) == 5
    assert found.spread < 0.03
    assert not found.at_bound
