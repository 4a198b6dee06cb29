"""Finished runs with a known end, planted and published."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labbook.triage.forecast import Finished


def cosine(t, horizon, warm_up=50.0, end=0.1):
    """Rate of a cosine to `end` of its peak after a linear warm-up."""
    x = np.clip((t - warm_up) / (horizon - warm_up), 0.0, 1.0)
    return np.where(t < warm_up, t / warm_up, end + (1.0 - end) * (1.0 + np.cos(np.pi * x)) / 2.0)


def wsd(t, horizon, warm_up=50.0, end=0.1, from_=0.8):
    """Constant after the warm-up, then a straight line to `end` over the last fifth."""
    fall = np.clip((t / horizon - from_) / (1.0 - from_), 0.0, 1.0)
    return np.where(t < warm_up, t / warm_up, 1.0 - (1.0 - end) * fall)


def flat(t, horizon, warm_up=50.0):
    """Constant after the warm-up."""
    return np.minimum(t / warm_up, 1.0) + 0.0 * horizon


def plant(name="run", N=1e8, horizon=10_000.0, rate=cosine, drop=0.08, noise=0.0, n=500, **more):
    """A run whose loss is E + 400 N^-.35 + 5 t^-.5 - drop (1 - rate), with everything known about it."""
    t = np.linspace(horizon / n, horizon, n)
    e = rate(t, horizon)
    loss = 1.5 + 400.0 * N**-0.35 + 5.0 * t**-0.5 - drop * np.where(t > 50.0, 1.0 - e, 0.0)
    rng = np.random.default_rng([ord(c) for c in name])
    seen = loss + rng.normal(0.0, noise, n)
    run = Finished(
        name, "val", horizon, float(loss[-1]), val=(t, seen), lr=(t, e), N=N, tokens=20.0 * N, steps=horizon
    )
    return replace(run, **more)


@pytest.fixture
def planted():
    return plant


@pytest.fixture
def rates():
    """Shapes of a learning rate by name."""
    return {"cosine": cosine, "wsd": wsd, "constant": flat}


@pytest.fixture(scope="session")
def olmo(reference: Path) -> list[Finished]:
    """The 30 finished runs of the OLMo ladder; the loss of a run is its last evaluation."""
    folder = reference / "olmo_ladder"
    with (folder / "sizes.csv").open() as file:
        sizes = {row["size"]: float(row["n_params"]) for row in csv.DictReader(file)}
    rows, size = defaultdict(list), {}
    with (folder / "curves.csv").open() as file:
        for row in csv.DictReader(file):
            rows[row["run"]].append([float(row[key]) for key in ("step", "tokens", "lr", "c4_loss")])
            size[row["run"]] = row["size"]
    runs = []
    for name, values in rows.items():
        step, tokens, lr, loss = np.array(sorted(values)).T
        end = float(step[-1])
        runs.append(
            Finished(
                name,
                "c4",
                end,
                float(loss[-1]),
                val=(step, loss),
                lr=(step, lr),
                N=sizes[size[name]],
                tokens=float(tokens[-1]),
                steps=end,
            )
        )
    return runs


SIZES = {"25M": 25e6, "100M": 1e8, "400M": 4e8}


def planned_end(schedule: str) -> float:
    """Steps of a schedule of the multi-power curves."""
    if schedule.startswith("wsdcon"):
        return 16_000.0
    return 72_000.0 if schedule.endswith("72000") else 24_000.0


@pytest.fixture(scope="session")
def multi_power(reference: Path) -> list[Finished]:
    """27 smoothed loss curves, 3 sizes by 9 schedules. Being smoothed they are read like evaluations, and a run
    ends at its last value."""
    runs = []
    for path in sorted((reference / "multi_power_law").glob("*/*.csv")):
        table = np.genfromtxt(path, delimiter=",", names=True)
        end = planned_end(path.stem)
        lr = np.append(table["step"], end), np.append(table["lr"], table["lr"][-1])
        name = f"{path.parent.name}/{path.stem}"
        N = SIZES[path.parent.name]
        loss = table["step"], table["loss"]
        runs.append(Finished(name, "loss", end, float(loss[1][-1]), val=loss, lr=lr, N=N, steps=end))
    return runs
