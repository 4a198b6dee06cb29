"""Intervals cover what they claim to cover."""

from statistics import NormalDist

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.compare import compare
from labbook.scaling.fit import fit
from labbook.scaling.form import FloatArray
from labbook.scaling.intervals import Handle, noise_of
from labbook.scaling.laws.chinchilla import optimal
from labbook.scaling.predict import predict, predict_interval, predict_pool
from labbook.scaling.profile import profile_constant
from labbook.scaling.tquantile import t_tail
from labbook.scaling.values import Fit
from tests.scaling.ladders import TRUTH, chinchilla, cross, plant

TARGET = (7e9, 7e11)
QUANTITIES = ("E", "alpha", "beta", "a", "ln L")


def truth(name: str) -> float:
    """The planted value of a quantity."""
    if name == "a":
        return TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
    if name == "ln L":
        return TRUTH["E"] + TRUTH["A"] * TARGET[0] ** -TRUTH["alpha"] + TRUTH["B"] * TARGET[1] ** -TRUTH["beta"]
    return TRUTH[name]


def coverage(n: int, noise: float, objective: str, ladders: int) -> dict[str, float]:
    """Share of ladders whose 95 % interval holds the truth."""
    hits = dict.fromkeys(QUANTITIES, 0)
    for seed in range(ladders):
        found = fit("chinchilla", *chinchilla(n, noise, seed), objective=objective)
        for name in QUANTITIES:
            low, high = interval(found, name)
            hits[name] += low <= truth(name) <= high
    return {name: count / ladders for name, count in hits.items()}


def interval(found: Fit, name: str) -> tuple[float, float]:
    """Of a parameter, or of the loss at the target."""
    if name != "ln L":
        return found.intervals[name]
    _, low, high = predict_interval(found, [TARGET[0]], [TARGET[1]])
    return low[0], high[0]


@pytest.mark.parametrize("n", [20, 12, 6])
@pytest.mark.parametrize("objective", ["least-squares-log", "huber:0.001"])
def test_intervals_cover_the_planted_truth(n: int, objective: str) -> None:
    """30 ladders: of 95 % intervals at least 24 hold the truth, which fails by chance once in 30 thousand."""
    if n == 6 and objective != "least-squares-log":
        pytest.skip("Huber is not used on so few rungs")
    shares = coverage(n, 0.004, objective, 30)
    assert min(shares.values()) >= 0.8, shares


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.001, 0.004])
@pytest.mark.parametrize(
    ("n", "objective"),
    [(20, "least-squares-log"), (12, "least-squares-log"), (6, "auto"), (20, "auto"), (12, "auto")],
)
def test_coverage_of_a_hundred_ladders(n: int, objective: str, noise: float) -> None:
    """Delta-t 95 % intervals of E, alpha, beta, a and the loss far out cover .91 to .99 of 100 ladders.

    Of a Huber fit, whose noise comes from a median of few residuals, .88 and more is asked.
    """
    shares = coverage(n, noise, objective, 100)
    least = 0.88 if objective == "auto" and n >= 12 else 0.91
    assert all(least <= share <= 0.99 for share in shares.values()), shares


def frontier_probabilities(n: int, noise: float, ladders: int) -> tuple[FloatArray, FloatArray]:
    """P(rho > 1) by delta-t near the frontier, and whether the planted rho exceeds 1."""
    budgets = np.geomspace(1e19, 1e21, 4)
    best = [optimal(C, TRUTH) for C in budgets]
    N = np.array([N * f for N, _ in best for f in (0.7, 0.85, 1.2, 1.45)])
    D = np.array([D / f for _, D in best for f in (0.7, 0.85, 1.2, 1.45)])
    here, tokens, params = (planted(*at) for at in ((N, D), (N, 2 * D), (2 * N, D)))
    above = (here - tokens) / (here - params) > 1.0
    found = [ratio_probability(fit("chinchilla", *chinchilla(n, noise, seed)), N, D) for seed in range(ladders)]
    return np.concatenate(found), np.tile(above, ladders)


def planted(N: FloatArray, D: FloatArray) -> FloatArray:
    """The loss of the truth."""
    return plant("chinchilla", TRUTH, N, D).L


def ratio_probability(found: Fit, N: FloatArray, D: FloatArray) -> FloatArray:
    """P(ln rho > 0) by the delta method with t quantiles."""
    handle: Handle = found.handle

    def log_rho(theta: FloatArray) -> FloatArray:
        p = dict(
            zip(handle.law.names, handle.law.to_params(theta[None, :], handle.centred.centre)[0], strict=True)
        )
        here, tokens, params = (handle.law.predict(*at, p) for at in ((N, D), (N, 2 * D), (2 * N, D)))
        return np.log((here - tokens) / (here - params))

    centre = log_rho(handle.theta)
    gradient = []
    for coordinate in handle.law.form.free:
        up, down = handle.theta.copy(), handle.theta.copy()
        up[coordinate] += 1e-5
        down[coordinate] -= 1e-5
        gradient.append((log_rho(up) - log_rho(down)) / 2e-5)
    se = np.sqrt(np.einsum("ji,jk,ki->i", gradient, handle.covariance, gradient))
    tails = np.array([t_tail(abs(t), handle.dof) for t in centre / se])
    return np.where(centre > 0.0, 1.0 - tails, tails)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 12])
@pytest.mark.parametrize("noise", [0.001, 0.004])
def test_probabilities_near_the_frontier_are_calibrated(n: int, noise: float) -> None:
    """Predicted .95 and more comes true in .97, predicted .05 to .2 in at most .12; Brier at most .06."""
    predicted, above = frontier_probabilities(n, noise, 100)
    assert np.mean((predicted - above) ** 2) <= 0.06
    assert above[predicted >= 0.95].mean() >= 0.97
    unlikely = (predicted >= 0.05) & (predicted <= 0.2)
    assert unlikely.sum() < 20 or above[unlikely].mean() <= 0.12


def test_intervals_shrink_with_the_noise_in_proportion() -> None:
    """A tenth of the noise gives a tenth of the interval."""
    widths = []
    for noise in (0.001, 0.0001):
        low, high = fit("chinchilla", *chinchilla(20, noise), objective="least-squares-log").intervals["alpha"]
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(10.0, rel=0.02)


def test_scales_have_their_interval_on_the_log_scale() -> None:
    """E, A and B lie at the geometric middle of their interval, exponents at the arithmetic one."""
    found = fit("chinchilla", *chinchilla(20, 0.004), objective="least-squares-log")
    for name in ("E", "A", "B"):
        assert found.params[name] == pytest.approx(np.sqrt(np.prod(found.intervals[name])))
    for name in ("alpha", "beta"):
        assert found.params[name] == pytest.approx(np.mean(found.intervals[name]))
    assert found.derived["a"] == pytest.approx(np.mean(found.intervals["a"]))


def test_a_new_run_has_the_noise_of_one_run_on_top() -> None:
    """var = grad' cov grad + s^2."""
    found = fit("chinchilla", *chinchilla(20, 0.004), objective="least-squares-log")
    ends = [predict_interval(found, [3e8], [1e10], new_run=new) for new in (False, True)]
    half = [np.log(high[0] / low[0]) / 2 for _, low, high in ends]
    t = 2.131449546  # 95 %, 15 degrees of freedom
    noise = np.sqrt(np.sum(np.square(found.residuals)) / 15)
    assert (half[1] / t) ** 2 - (half[0] / t) ** 2 == pytest.approx(noise**2, rel=1e-6)


def test_a_new_run_lands_in_its_interval() -> None:
    """Of 40 ladders' 95 % intervals at least 32 hold a run that was not fitted."""
    hits = 0
    for seed in range(40):
        run = planted(np.array([5e8]), np.array([3e10]))[0] * np.exp(
            0.004 * NormalDist().inv_cdf((seed + 0.5) / 40)
        )
        found = fit("chinchilla", *chinchilla(12, 0.004, 100 + seed), objective="least-squares-log")
        _, low, high = predict_interval(found, [5e8], [3e10], new_run=True)
        hits += low[0] <= run <= high[0]
    assert hits >= 32


def test_an_undetermined_law_has_no_interval_of_its_prediction() -> None:
    """One size: the loss inside the range is given, its interval is missing, not zero."""
    found = fit("chinchilla", *plant("chinchilla", TRUTH, np.full(8, 1e8), np.geomspace(1e9, 1e11, 8), 0.001))
    centre, low, high = predict_interval(found, [1e8], [1e10])
    assert centre[0] == pytest.approx(planted(np.array([1e8]), np.array([1e10]))[0], rel=5e-3)
    assert np.isnan([low[0], high[0]]).all()


def test_the_pool_holds_every_admitted_law() -> None:
    """Its interval runs from the least lower to the greatest upper end; its centre lies between the laws'."""
    ladder = chinchilla(12, 0.01)
    pool = compare(*ladder)
    assert len(pool.admitted) > 1
    centre, low, high = predict_pool(pool, [7e9], [7e11])
    parts = [
        predict_interval(pool.fits[name], [7e9], [7e11], level=0.9, new_run=True) for name in pool.admitted
    ]
    assert low[0] == pytest.approx(min(part[1][0] for part in parts))
    assert high[0] == pytest.approx(max(part[2][0] for part in parts))
    assert min(part[0][0] for part in parts) <= centre[0] <= max(part[0][0] for part in parts)


def test_no_law_no_pool() -> None:
    """Nothing admitted is an error that says what to do."""
    with pytest.raises(FitError):
        predict_pool(compare([1e8], [1e9], [3.0]), [1e8], [1e9])


def test_predictions_survive_without_their_covariance() -> None:
    """A fit read back from a store predicts by its parameters alone."""
    found = fit("general", *chinchilla(20, 0.004))
    bare = Fit(**{**{name: getattr(found, name) for name in found.__dataclass_fields__}, "handle": None})
    assert predict(bare, [1e9], [1e10]) == pytest.approx(predict(found, [1e9], [1e10]), rel=1e-10)
    with pytest.raises(FitError):
        predict_interval(bare, [1e9], [1e10])


def test_huber_noise_is_read_past_the_points_it_passes_through() -> None:
    """The scale comes from the residuals that are free, widened by what a median costs against a mean."""
    residuals = 0.01 * np.random.default_rng(1).standard_normal(4000)
    sd, widening = noise_of(residuals, np.ones(4000), 5, 1e-5)
    assert sd == pytest.approx(0.01, rel=0.05)
    assert widening**2 == pytest.approx(np.pi / 2, rel=0.01)
    assert noise_of(residuals, np.ones(4000), 5, 1.0)[1] == pytest.approx(1.0, abs=1e-6)


def test_the_profile_of_the_constant_covers_and_reaches_zero() -> None:
    """It holds the planted E; where E is 0 its lower end is 0, which delta-t cannot say."""
    hits = sum(
        low <= TRUTH["E"] <= high
        for low, high in (
            profile_constant(fit("chinchilla", *chinchilla(12, 0.004, seed), objective="least-squares-log"))
            for seed in range(20)
        )
    )
    assert hits >= 15
    N, D = cross((1e7, 3e7, 8.5e7, 2.5e8, 7e8), (3.0, 20.0, 130.0))
    flat = fit(
        "chinchilla", *plant("chinchilla", {**TRUTH, "E": 0.0}, N, D, 0.004), objective="least-squares-log"
    )
    assert profile_constant(flat)[0] == 0.0


def test_only_a_constant_of_its_own_has_a_profile() -> None:
    """Kaplan's form has none, the general form's is bound to its other parameters, Huber has no RSS."""
    ladder = chinchilla(12, 0.004)
    assert profile_constant(fit("kaplan", *ladder, objective="least-squares-log")) is None
    assert profile_constant(fit("general", *ladder, objective="least-squares-log")) is None
    assert profile_constant(fit("chinchilla", *ladder, objective="huber:0.001")) is None
    assert profile_constant(fit("kaplan-floor", *ladder, objective="least-squares-log")) is not None
