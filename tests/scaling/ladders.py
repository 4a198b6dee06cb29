"""Ladders with planted truth, and the published ladder the checks are held against."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labbook.scaling.form import FloatArray, jacobian, log_loss, shares
from labbook.scaling.intervals import Handle, condition, covariance, noise_of
from labbook.scaling.laws import Law, law_by_name
from labbook.scaling.newton import minimise
from labbook.scaling.objective import Problems
from labbook.scaling.points import Centred, Points, read_points
from labbook.scaling.starts import rows

TRUTH = {"E": 1.817, "A": 482.0, "B": 2085.0, "alpha": 0.348, "beta": 0.366}
"""A Chinchilla law near the one of Besiroglu et al."""
SIZES = (5e7, 1.2e8, 3e8, 7e8, 1.6e9)
DESIGNS: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    20: (SIZES, (5.0, 20.0, 80.0, 320.0)),
    12: (SIZES[:4], (5.0, 40.0, 320.0)),
    6: ((SIZES[0], SIZES[2], SIZES[4]), (10.0, 160.0)),
}
REGIME_GRID = ((1e7, 3e7, 8.5e7, 2.5e8, 7e8), (3.0, 20.0, 130.0))


@dataclass(frozen=True)
class Ladder:
    """Rungs as arrays, each (n,)."""

    N: FloatArray
    D: FloatArray
    L: FloatArray

    def __iter__(self):
        return iter((self.N, self.D, self.L))


def cross(sizes: tuple[float, ...], ratios: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """N and D of every size at every tokens-per-parameter."""
    N = np.repeat(np.array(sizes), len(ratios))
    return N, N * np.tile(np.array(ratios), len(sizes))


def plant(
    law: str, params: dict[str, float], N: FloatArray, D: FloatArray, noise: float = 0.0, seed: int = 0
) -> Ladder:
    """A ladder of that truth; noise is the standard deviation in ln L."""
    scatter = np.random.default_rng(seed).standard_normal(N.size)
    return Ladder(N, D, law_by_name(law).predict(N, D, params) * np.exp(noise * scatter))


def chinchilla(n: int, noise: float, seed: int = 0) -> Ladder:
    """The designs of the coverage checks."""
    return plant("chinchilla", TRUTH, *cross(*DESIGNS[n]), noise, seed)


def grid() -> tuple[FloatArray, FloatArray]:
    """5 N x 4 D, each D at each N."""
    N, D = np.meshgrid(np.geomspace(2e7, 2e9, 5), np.geomspace(5e8, 1e11, 4), indexing="ij")
    return N.ravel(), D.ravel()


def random_params(law: Law, seed: int) -> dict[str, float]:
    """Parameters of a truth the grid can show: plausible ones, drawn until the grid identifies them."""
    random = np.random.default_rng(seed)
    N, D = grid()
    while True:
        ranges = {parameter.name: np.log(parameter.typical) for parameter in law.parameters}
        params = {name: float(np.exp(random.uniform(*ends))) for name, ends in ranges.items()}
        centred = law.centre(read_points(N, D, law.predict(N, D, params)))
        theta = rows(1, law.write(params, centred.centre))
        part = shares(law.form, theta, centred.n, centred.d)
        seen = all(term is None or term.max() > 0.1 for term in (part.u, part.v))
        if seen and condition(jacobian(law.form, theta[0], centred.n, centred.d)) < 150.0:
            return params


def fit_together(law: Law, ladders: Sequence[Ladder], params: dict[str, float]) -> list[Handle]:
    """Least-squares fits of ladders of one design, all at once and started at the truth."""
    points = [read_points(*ladder) for ladder in ladders]
    centred = [law.centre(each) for each in points]
    shared = centred[0]
    y = np.array([each.y for each in centred])
    start = np.repeat(rows(1, law.write(params, shared.centre)), len(ladders), axis=0)
    ended = minimise(Problems(law.form, shared.n, shared.d, y, shared.weights), start, np.inf, tolerance=1e-13)
    assert ended.has_converged.all()
    return [handle_at(law, *each) for each in zip(points, centred, ended.theta, strict=True)]


def handle_at(law: Law, points: Points, centred: Centred, theta: FloatArray) -> Handle:
    """A least-squares solution (6,) with its noise and covariance."""
    J = jacobian(law.form, theta, centred.n, centred.d)
    residuals = centred.y - log_loss(law.form, theta, centred.n, centred.d)
    noise, _ = noise_of(residuals, points.weights, law.k, np.inf)
    return Handle(
        law=law,
        theta=theta,
        points=points,
        centred=centred,
        delta=np.inf,
        covariance=covariance(J, noise, condition(J)),
        noise=noise,
        dof=points.size - law.k,
    )


@dataclass(frozen=True)
class OlmoLadder:
    """30 finished runs, five of them reruns."""

    names: tuple[str, ...]
    N: FloatArray
    D: FloatArray
    last: FloatArray
    """Loss of the last eval."""
    mean_of_last: FloatArray
    """Mean of the last 5 evals."""

    @property
    def repeats(self) -> list[list[int]]:
        """Each 1xC run with its rerun."""
        return [
            [self.names.index(name), self.names.index(f"{name}-rerun")]
            for name in self.names
            if name.endswith("-1xC")
        ]


def olmo(reference: Path) -> OlmoLadder:
    """The ladder of the reference data."""
    with (reference / "olmo_ladder" / "sizes.csv").open() as file:
        sizes = {row["size"]: float(row["n_params"]) for row in csv.DictReader(file)}
    runs: dict[str, list[dict[str, str]]] = {}
    with (reference / "olmo_ladder" / "curves.csv").open() as file:
        for row in csv.DictReader(file):
            runs.setdefault(row["run"], []).append(row)
    return OlmoLadder(
        names=tuple(runs),
        N=np.array([sizes[evals[0]["size"]] for evals in runs.values()]),
        D=np.array([float(evals[-1]["tokens"]) for evals in runs.values()]),
        last=np.array([float(evals[-1]["c4_loss"]) for evals in runs.values()]),
        mean_of_last=np.array([np.mean([float(e["c4_loss"]) for e in evals[-5:]]) for evals in runs.values()]),
    )


@dataclass(frozen=True)
class Overtraining:
    """Models of one training set: six sizes, each trained to several multiples of 20 tokens per parameter."""

    N: FloatArray
    """Total parameters."""
    D: FloatArray
    L: FloatArray
    """Loss on English C4 as Paloma has it."""


def overtraining(reference: Path) -> dict[str, Overtraining]:
    """The models of the reference data by training set."""
    sets: dict[str, list[tuple[float, float, float]]] = {}
    with (reference / "overtraining" / "models.csv").open() as file:
        for row in csv.DictReader(file):
            point = (float(row["params"]), float(row["tokens"]), float(row["loss_paloma_c4_en"]))
            sets.setdefault(row["dataset"], []).append(point)
    return {name: Overtraining(*np.array(points).T) for name, points in sets.items()}
