"""The law of repeated data, and the data-limited reading, on published runs: needs LABBOOK_REFERENCE."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from labbook.scaling.compare import compare
from labbook.scaling.laws.kaplan import PUBLISHED as KAPLAN
from labbook.scaling.laws.kaplan import kaplan_loss
from labbook.scaling.laws.repeated import LAW, PUBLISHED
from labbook.scaling.repeated import HELD, fit_repeated
from labbook.scaling.repeats import pure_error
from labbook.scaling.values import FitStatus, RepeatedFit

SIZES = {"2.8B": 2.81e9, "4.2B": 4.2465e9, "8.7B": 8.67e9}
EPOCHS = (1, 2, 3, 4, 5, 7, 14, 44)
DELTA = 1e-3


@dataclass(frozen=True)
class Runs:
    """Runs of a table, each (n,)."""

    N: np.ndarray
    D: np.ndarray
    U: np.ndarray
    L: np.ndarray


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def published(reference: Path) -> Runs:
    """The 182 runs of the published fit."""
    rows = table(reference / "repeated_data" / "c4_fit182.csv")
    return Runs(*(np.array([float(r[x]) for r in rows]) for x in ("N", "D_total", "U_unique", "val_loss")))


@pytest.fixture(scope="module")
def minima(reference: Path) -> Runs:
    """Least loss of each of the 24 C4 runs, by size and epochs."""
    found: dict[tuple[float, int], tuple[float, float]] = {}
    for row in table(reference / "colpret" / "repeated_data_curves.csv"):
        if row["data"] == "c4" and row["loss"]:
            key = SIZES[row["num_params"]], int(float(row["epochs"]))
            loss, unique = float(row["loss"]), float(row["tokens_per_epoch"])
            found[key] = min(found.get(key, (loss, unique)), (loss, unique))
    keys = sorted(found)
    U = np.array([found[key][1] for key in keys])
    return Runs(
        np.array([key[0] for key in keys]),
        U * np.array([key[1] for key in keys]),
        U,
        np.array([found[key][0] for key in keys]),
    )


def test_published_constants_give_the_published_objective(published: Runs) -> None:
    """Huber's sum at the constants of the paper, on its 182 runs."""
    r = np.abs(np.log(LAW.predict(published.N, published.D, published.U, PUBLISHED) / published.L))
    value = np.where(r <= DELTA, r**2 / 2, DELTA * (r - DELTA / 2)).sum()
    assert value == pytest.approx(0.01582594, abs=1e-7)


def test_a_refit_lowers_it_and_does_not_determine_the_constants(published: Runs) -> None:
    """R_D* and R_N* refitted with the rest held: a lower sum, and an interval that says nothing of R_D*."""
    held = {name: PUBLISHED[name] for name in HELD}
    found = fit_repeated(published.N, published.D, published.U, published.L, hold=held, draws=100)
    assert isinstance(found, RepeatedFit)
    assert (found.n, found.n_repeated) == (182, 153)
    assert found.objective_value < 0.015815
    assert found.status is FitStatus.UNIDENTIFIED
    low, high = found.intervals["R_D"]
    assert low < PUBLISHED["R_D"] < high
    assert high > 10 * low
    assert any(w.text.startswith("R_D* is not determined") for w in found.warnings)


def test_with_every_parameter_free_the_law_fits_far_better(published: Runs) -> None:
    """All parameters of one's own: less than half the sum; levels of the published law are not to be used."""
    found = fit_repeated(published.N, published.D, published.U, published.L, draws=50)
    assert isinstance(found, RepeatedFit)
    assert found.objective_value < 0.5 * 0.01582594
    assert any(w.code == "repeat-constants-unidentified" and w.text.startswith("R_N*") for w in found.warnings)
    assert dict(found.worth)[4.0] > 3.7


def test_kaplan_is_preferred_of_two_where_data_is_limited(minima: Runs) -> None:
    """Minimum of each run against unique tokens: Kaplan does better than Chinchilla with fewer parameters."""
    assert minima.N.size == 24
    fits = compare(minima.N, minima.U, minima.L).fits
    rms = [fits[law].rms_log for law in ("kaplan", "chinchilla", "general")]
    assert rms == pytest.approx([0.0141, 0.0180, 0.0074], abs=1e-4)
    kaplan, chinchilla = fits["kaplan"].aicc, fits["chinchilla"].aicc
    assert kaplan is not None
    assert chinchilla is not None
    assert chinchilla - kaplan > 10


def test_what_repeating_cost_a_real_model(minima: Runs) -> None:
    """2.81B parameters and 55B tokens in 2 to 44 epochs, against one: read off, beside the laws' words."""
    mine = minima.N == 2.81e9
    losses = dict(zip(np.round(minima.D[mine] / minima.U[mine]).astype(int), minima.L[mine], strict=True))
    cost = np.array([100 * (losses[epochs] / losses[1] - 1) for epochs in EPOCHS[1:]])
    assert cost == pytest.approx([0.2, 0.4, 0.6, 0.9, 1.4, 4.6, 18.5], abs=0.051)
    N, D = np.full(len(EPOCHS), 2.81e9), np.full(len(EPOCHS), 5.5e10)
    ratio = LAW.predict(N, D, D / EPOCHS, PUBLISHED)
    kaplan = kaplan_loss(N, D / EPOCHS, KAPLAN)
    few = slice(0, 3)
    assert np.abs(100 * (ratio[1:] / ratio[0] - 1) - cost)[few].max() < 0.5
    assert (100 * (kaplan[1:] / kaplan[0] - 1) > 3 * cost)[few].all()


def test_seeds_of_one_run_scatter_little(reference: Path) -> None:
    """Eight groups of four seeds of 2.81B: each scatters by .03-.075 %, in the median by .04 %."""
    groups: dict[str, list[float]] = {}
    for row in table(reference / "repeated_data" / "c4_runs.csv"):
        if row["tag"] == "seed" and float(row["N"]) == 2.81e9:
            groups.setdefault(row["U_unique"], []).append(float(row["val_loss"]))
    found = [pure_error(np.array(losses), [range(4)]) for losses in groups.values()]
    assert [error.runs for error in found] == [4] * 8
    percent = [100 * error.sd for error in found]
    assert min(percent) == pytest.approx(0.03, abs=0.005)
    assert max(percent) == pytest.approx(0.075, abs=0.005)
    assert np.median(percent) == pytest.approx(0.04, abs=0.005)
