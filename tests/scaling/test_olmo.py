"""The engine on a real ladder of 30 finished runs: needs LABBOOK_REFERENCE."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.predict import predict, predict_pool
from labbook.scaling.regime import regimes
from labbook.scaling.repeats import pure_error
from tests.scaling.ladders import OlmoLadder, olmo

LAWS = ("chinchilla", "kaplan", "kaplan-floor", "general")


@pytest.fixture(scope="module")
def ladder(reference: Path) -> OlmoLadder:
    """The published ladder."""
    return olmo(reference)


def test_residuals_of_every_form(ladder: OlmoLadder) -> None:
    """rms in log loss of the last evals, and the order of AICc."""
    pool = compare(ladder.N, ladder.D, ladder.last)
    rms = [pool.fits[law].rms_log for law in LAWS]
    assert rms == pytest.approx([0.0052, 0.0047, 0.0022, 0.0015], rel=0.02)
    assert sorted(LAWS, key=lambda law: pool.fits[law].aicc) == [
        "general",
        "kaplan-floor",
        "kaplan",
        "chinchilla",
    ]
    assert set(pool.admitted) == set(LAWS)


def test_reruns_give_the_noise_and_reject_every_form(ladder: OlmoLadder) -> None:
    """Five pairs: pure error 1.6e-4, and every form lacks fit, however accurate."""
    assert pure_error(ladder.last, ladder.repeats).sd == pytest.approx(1.6e-4, abs=0.3e-4)
    pool = compare(ladder.N, ladder.D, ladder.last, repeats=ladder.repeats)
    assert pool.seed_sd_source == "10 runs in 5 repeats"
    rejected = [warning.text.partition(":")[0] for warning in pool.warnings if warning.code == "lack-of-fit"]
    assert sorted(rejected) == sorted(LAWS)


def test_the_largest_size_forecast_from_the_smaller_ones(ladder: OlmoLadder) -> None:
    """Sizes up to 1B fitted, 3B held out: rms of every form, and a pooled 90 % interval that covers all six."""
    pool = compare(ladder.N, ladder.D, ladder.last)
    assert [pool.holdout[law][0] for law in LAWS] == pytest.approx([0.0095, 0.0151, 0.0056, 0.0043], rel=0.05)
    top = ladder.N > 3e9
    smaller = compare(ladder.N[~top], ladder.D[~top], ladder.last[~top])
    _, low, high = predict_pool(smaller, ladder.N[top], ladder.D[top])
    assert ((low <= ladder.last[top]) & (ladder.last[top] <= high)).all()


def test_huber_fit_of_sixteen_runs(ladder: OlmoLadder) -> None:
    """190M-1B at 1, 2, 5, 10xC, mean of the last five evals: mean relative error at most .25 %."""
    names = [f"{size}-{length}xC" for size, length in product(("190M", "370M", "760M", "1B"), (1, 2, 5, 10))]
    rows = [ladder.names.index(name) for name in names]
    N, D, L = ladder.N[rows], ladder.D[rows], ladder.mean_of_last[rows]
    found = fit("chinchilla", N, D, L, objective="huber:0.001")
    assert np.mean(np.abs(predict(found, N, D) / L - 1)) <= 0.0025


def gains_at_held_out_sizes(ladder: OlmoLadder):
    """Measured doubling gains at 1B and 3B where both runs exist, with the shorter run's position."""
    for size, (short, long) in product(("1B", "3B"), (("0.5xC", "1xC"), ("1xC", "2xC"), ("5xC", "10xC"))):
        one, two = ladder.names.index(f"{size}-{short}"), ladder.names.index(f"{size}-{long}")
        yield one, ladder.last[one] - ladder.last[two]


def test_doubling_gains_at_larger_sizes(ladder: OlmoLadder) -> None:
    """Fits on sizes up to 760M: errors of the gain of twice the tokens, and the pooled interval's coverage."""
    small = ladder.N < 1e9
    rungs = ladder.N[small], ladder.D[small], ladder.last[small]
    pool = compare(*rungs)
    at, truth = map(np.array, zip(*gains_at_held_out_sizes(ladder), strict=True))
    judged = regimes(pool, *rungs, ladder.N[at], ladder.D[at])

    def median_error(law: str) -> float:
        return float(
            np.median([abs(regime.by_form[law].g_tokens - g) for regime, g in zip(judged, truth, strict=True)])
        )

    assert 0.06 < truth.mean() < 0.11
    assert median_error("general") <= 0.006
    assert median_error("kaplan-floor") <= 0.012
    inside = [
        r.pooled.g_tokens_interval[0] <= g <= r.pooled.g_tokens_interval[1]
        for r, g in zip(judged, truth, strict=True)
    ]
    assert np.mean(inside) >= 0.85


def sub_ladder(ladder: OlmoLadder, lengths: int, seed: int) -> np.ndarray:
    """Positions of a random choice of so many runs of different length per size, reruns left out."""
    random = np.random.default_rng(seed)
    chosen = []
    for size in ("190M", "370M", "760M", "1B", "3B"):
        names = [name for name in ladder.names if name.startswith(f"{size}-") and not name.endswith("rerun")]
        chosen += [ladder.names.index(names[i]) for i in random.choice(len(names), lengths, replace=False)]
    return np.array(sorted(chosen))


@pytest.mark.parametrize("lengths", [2, 3])
def test_gains_of_random_sub_ladders_are_covered(ladder: OlmoLadder, lengths: int) -> None:
    """Two or three lengths per size: pooled 90 % intervals of the gain of tokens hold the measured ones."""
    hits: list[bool] = []
    for seed in range(4):
        rows = sub_ladder(ladder, lengths, seed)
        rungs = ladder.N[rows], ladder.D[rows], ladder.last[rows]
        pool = compare(*rungs)
        if pool.gate is not None:
            continue
        at, truth = map(np.array, zip(*every_token_gain(ladder), strict=True))
        for regime, g in zip(regimes(pool, *rungs, ladder.N[at], ladder.D[at]), truth, strict=True):
            low, high = regime.pooled.g_tokens_interval
            hits.append(low <= g <= high)
    assert len(hits) >= 60
    assert np.mean(hits) >= 0.85


def every_token_gain(ladder: OlmoLadder):
    """Measured doubling gains wherever both runs exist."""
    for size, (short, long) in product(
        ("190M", "370M", "760M", "1B", "3B"), (("0.5xC", "1xC"), ("1xC", "2xC"), ("5xC", "10xC"))
    ):
        one, two = ladder.names.index(f"{size}-{short}"), ladder.names.index(f"{size}-{long}")
        yield one, ladder.last[one] - ladder.last[two]


def test_one_length_per_size_is_inconclusive(ladder: OlmoLadder) -> None:
    """Every 1xC run alone: no verdict, and the reason."""
    rows = [ladder.names.index(f"{size}-1xC") for size in ("190M", "370M", "760M", "1B", "3B")]
    rungs = ladder.N[rows], ladder.D[rows], ladder.last[rows]
    for regime in regimes(compare(*rungs), *rungs, *rungs[:2]):
        assert regime.label == "inconclusive"
        assert regime.refused.text == "one D per N (corr 1.00)"
