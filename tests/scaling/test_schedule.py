"""Laws of the learning-rate schedule: the paper's sums, the fit to several curves, and the published curves."""

import csv
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.laws import LAWS
from labbook.scaling.laws.curve import CurveLaw
from labbook.scaling.laws.multi_power import LAW as MULTI_POWER
from labbook.scaling.laws.multi_power import loss_drop
from labbook.scaling.laws.tissue import LAW as TISSUE
from labbook.scaling.laws.tissue import areas
from labbook.scaling.learning_rate import end_of_rise, per_step
from labbook.scaling.loss_curve import LossCurve, read_curve, score_law
from labbook.scaling.schedule import fit_curves, hold_out, predict_end, score, try_fit_curves
from labbook.scaling.values import FitStatus, Refusal

CURVE_LAWS = [law for law in LAWS if isinstance(law, CurveLaw)]
every_law = pytest.mark.parametrize("law", CURVE_LAWS, ids=attrgetter("name"))
PEAK, WARM = 3e-4, 100
STEPS = {"short": 3000, "long": 5000}
TRUTH = {
    "tissue": {"L0": 3.0, "A": 0.5, "alpha": 0.5, "C": 1.5, "lambda": 0.998},
    "multi-power": {"L0": 3.0, "A": 0.5, "alpha": 0.5, "B": 400.0, "C": 2.0, "beta": 0.6, "gamma": 0.65},
}


def schedule(kind: str, steps: int) -> np.ndarray:
    """Learning rate of every step: a warm-up, then constant, cosine, a drop or a linear decay at the end."""
    s = np.arange(steps)
    x = (s - WARM) / (steps - WARM)
    lr = {
        "constant": np.full(steps, PEAK),
        "cosine": PEAK * (0.55 + 0.45 * np.cos(np.pi * x)),
        "drop": np.where(s < steps // 2, PEAK, 0.2 * PEAK),
        "linear": PEAK * np.minimum(1.0, np.maximum(0.0, (steps - 1 - s) / (0.25 * steps))),
    }[kind]
    lr[:WARM] = np.linspace(0.0, PEAK, WARM)
    return lr


def planted(law: CurveLaw, kind: str, steps: int = 3000, noise: float = 0.0) -> LossCurve:
    """A curve of that law's truth, logged every 20 steps."""
    lr, at = schedule(kind, steps), np.arange(WARM, steps, 20)
    scatter = np.exp(noise * np.random.default_rng(len(kind)).standard_normal(at.size))
    return read_curve(kind, at, law.formula(lr, at, TRUTH[law.name]) * scatter, lr)


@every_law
def test_worked_values_come_out(law: CurveLaw) -> None:
    """A short schedule worked out by hand from the formula."""
    assert law.checks
    for check in law.checks:
        found = law.formula(np.array(check.lr), np.arange(len(check.lr)), check.params)
        assert found == pytest.approx(check.loss, abs=10.0**-check.digits)


def test_both_areas_and_the_drop_of_a_short_schedule() -> None:
    """S1 and S2 with lambda .9, and LD, of the rates 1, 1, .5, .5, .25."""
    lr = np.array([1.0, 1.0, 0.5, 0.5, 0.25])
    both = areas(lr, 0.9)
    assert pytest.approx([1, 2, 2.5, 3, 3.25]) == both.S1
    assert pytest.approx([0, 0, 0.5, 0.95, 1.605]) == both.S2
    drop = loss_drop(lr, np.arange(5), {"B": 0.1, "C": 2.0, "beta": 0.6, "gamma": 0.65})
    assert drop == pytest.approx([0, 0, 0.0216146, 0.0286757, 0.0403389], abs=5e-8)


@every_law
def test_limits_hold(law: CurveLaw) -> None:
    """What the law must become, at random plausible parameters."""
    assert law.limits
    random = np.random.default_rng(1)
    for _ in range(10):
        params = {p.name: float(random.uniform(*p.typical)) for p in law.parameters}
        for limit in law.limits:
            one, other = limit.sides(params)
            assert one == pytest.approx(other, rel=1e-9), limit.says


@every_law
def test_derivatives_are_slopes(law: CurveLaw) -> None:
    """The analytic derivatives against central differences, and the solver's loss against the formula's."""
    lr, at = schedule("cosine", 3000), np.array([150, 900, 2990])
    grid = law.grid[len(law.grid) // 2]
    seen, theta = law.see(lr, at, grid), law.write(TRUTH[law.name])
    loss, slopes = law.evaluate(seen, theta)
    assert loss == pytest.approx(law.formula(lr, at, TRUTH[law.name]), abs=1e-5)
    for i in range(theta.size):
        up, down = theta.copy(), theta.copy()
        up[i], down[i] = theta[i] + 1e-6, theta[i] - 1e-6
        difference = (law.evaluate(seen, up)[0] - law.evaluate(seen, down)[0]) / 2e-6
        assert slopes[:, i] == pytest.approx(difference, abs=1e-7)


@pytest.mark.parametrize(
    "law", [TISSUE, pytest.param(MULTI_POWER, marks=pytest.mark.slow)], ids=attrgetter("name")
)  # multi-power: 1 s
def test_planted_parameters_come_back_and_predict_another_schedule(law: CurveLaw) -> None:
    """Noiseless curves of three schedules: the parameters, and the loss under a fourth."""
    found = fit_curves(law, [planted(law, kind) for kind in ("constant", "cosine", "drop")])
    assert found.status is FitStatus.CONVERGED
    wanted = TRUTH[law.name]
    tolerance = 1e-6 if law is TISSUE else 0.01  # the solver sums old changes in blocks
    assert found.params == pytest.approx(wanted, rel=tolerance)
    other = score(found, planted(law, "linear", STEPS["long"]))
    assert other.worst_relative < (1e-6 if law is TISSUE else 1e-4)


@pytest.mark.slow  # 2 s
def test_the_order_of_the_curves_changes_no_digit() -> None:
    """Curves in any order and by any name: the same fit."""
    curves = [planted(TISSUE, kind, noise=0.002) for kind in ("cosine", "drop")]
    assert fit_curves(TISSUE, curves) == fit_curves(TISSUE, curves[::-1])


@pytest.mark.slow  # 2 s
def test_intervals_hold_the_truth_and_widen_with_correlated_errors() -> None:
    """Noise shared by neighbours counts as fewer points."""
    curves = [planted(TISSUE, kind, noise=0.002) for kind in ("constant", "cosine", "drop")]
    found = fit_curves(TISSUE, curves)
    for name, (low, high) in found.intervals.items():
        assert low < TRUTH["tissue"][name] < high
    assert found.n_effective > 0.7 * found.n
    wave = [
        LossCurve(c.name, c.step, c.loss * (1 + 0.002 * np.sin(np.arange(c.step.size) / 15)), c.lr)
        for c in curves
    ]
    shared = fit_curves(TISSUE, wave)
    assert shared.n_effective < 0.8 * found.n_effective
    assert "clustered-points" in {w.code for w in shared.warnings}


def test_a_planned_end_says_what_its_interval_covers() -> None:
    """The true loss lies inside; a far longer schedule is warned of; left-out curves can only widen it."""
    found = fit_curves(TISSUE, [planted(TISSUE, kind, noise=0.002) for kind in ("constant", "cosine", "drop")])
    lr = schedule("linear", 4000)
    end = predict_end(found, lr)
    truth = TISSUE.formula(lr, np.array([3999]), TRUTH["tissue"])[0]
    assert end.interval[0] < truth < end.interval[1]
    assert end.covers.startswith("90 %") and not end.warnings
    wide = predict_end(found, lr, hold_out(found))
    assert wide.interval[1] - wide.interval[0] >= end.interval[1] - end.interval[0]
    assert [w.code for w in predict_end(found, schedule("linear", 12000)).warnings] == ["far-extrapolation"]


def test_without_a_fall_of_the_rate_nothing_is_fitted() -> None:
    """Constant rates say nothing of decay; the refusal says what would."""
    refused = try_fit_curves(TISSUE, [planted(TISSUE, "constant")])
    assert isinstance(refused, Refusal) and refused.code == "unidentified"
    assert "falls" in refused.remedy
    with pytest.raises(FitError, match="falls in none"):
        fit_curves(MULTI_POWER, [planted(MULTI_POWER, "constant")])


def test_few_points_and_no_curve_are_refused() -> None:
    """Three points for each parameter at least."""
    curve = planted(TISSUE, "cosine")
    few = LossCurve("few", curve.step[-14:], curve.loss[-14:], curve.lr)
    for curves in ([], [few]):
        refused = try_fit_curves(TISSUE, curves)
        assert isinstance(refused, Refusal) and refused.code == "few-points"


def test_the_rate_of_every_step_from_logged_ones() -> None:
    """Straight lines between logged steps, a jump between constant stretches, a rise from 0 to the first."""
    step = np.array([10.0, 20, 30, 40, 50, 60])
    lr, notes = per_step(step, np.array([1.0, 1, 1, 0.5, 0.5, 0.4]))
    assert lr[[0, 5, 10]] == pytest.approx([0, 0.5, 1.0])
    assert lr[31:40] == pytest.approx(1.0)
    assert lr[40] == 0.5 and lr[55] == pytest.approx(0.45)
    assert len(notes) == 3
    every, said = per_step(np.arange(5.0), np.array([0.0, 0.5, 1, 1, 0.5]))
    assert every == pytest.approx([0, 0.5, 1, 1, 0.5]) and said == ()
    assert end_of_rise(every) == 2


@pytest.mark.parametrize(
    ("step", "lr", "code"),
    [
        ([], [], "no-lr"),
        ([1, 2], [0.0, 0.0], "no-lr"),
        ([1, 2], [1.0, -1.0], "no-lr"),
        ([500, 1000], [1.0, 0.5], "schedule-unknown"),
        ([1, 4.9e8], [1.0, 0.5], "no-step-schedule"),
    ],
)
def test_rates_that_make_no_schedule(step: list[float], lr: list[float], code: str) -> None:
    """Each with its reason."""
    refused = per_step(np.array(step, float), np.array(lr, float))
    assert isinstance(refused, Refusal) and refused.code == code


def test_many_points_are_averaged_and_the_warm_up_is_left_out() -> None:
    """A curve logged at every step keeps at most 1000 points, none of the warm-up, and says so."""
    lr = schedule("cosine", 5000)
    curve = read_curve("every", np.arange(5100), np.linspace(5.0, 3.0, 5100), lr)
    assert curve.step.size == 981 and curve.step[0] >= WARM - 1 and curve.step[-1] < 5000
    assert len(curve.notes) == 3


@pytest.mark.parametrize(
    ("step", "loss", "lr"),
    [([1, 2], [1.0], [1.0]), ([2, 1], [1, 1], [1.0]), ([1, 2], [1, -1], [1.0]), ([1, 2], [1, 1], [0.0])],
)
def test_what_is_no_curve_is_a_callers_mistake(step: list, loss: list, lr: list) -> None:
    """Shapes, order, signs."""
    with pytest.raises(ValueError, match="must"):
        read_curve("bad", step, loss, lr)


# the published curves

TRAINED_ON = ("cosine_24000", "constant_24000", "wsdcon_9")
TESTS = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18")


def published_schedule(name: str) -> np.ndarray:
    """The learning rate of every step as that paper set it."""
    kind, *rest = name.split("_")
    total = 16000 if kind == "wsdcon" else int(rest[-1])
    s = np.arange(total)
    lr = {
        "constant": lambda: np.full(total, PEAK),
        "cosine": lambda: 1.65e-4 + 1.35e-4 * np.cos(np.pi * (s - 2160) / (total - 2160)),
        "wsd": lambda: np.where(s < 20000, PEAK, PEAK * 0.1 ** ((s - 20000) / 4000)),
        "wsdld": lambda: np.where(s < 20000, PEAK, PEAK - 2.7e-4 * (s - 20000) / 4000),
        "wsdcon": lambda: np.where(s < 8000, PEAK, int(rest[0]) * 1e-5),
    }[kind]()
    lr[:2160] = np.linspace(0.0, PEAK, 2160)
    return lr


def published_curve(reference: Path, size: str, name: str) -> LossCurve:
    """One of the 27 curves."""
    with (reference / "multi_power_law" / size / f"{name}.csv").open() as file:
        rows = [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    step, loss = np.array(rows).T
    return read_curve(name, step, loss, published_schedule(name))


@pytest.mark.parametrize(
    ("size", "mae", "rmse", "r2", "relative"),
    [
        ("25M", 0.00376, 0.00465, 0.9988, 0.00110),
        pytest.param("100M", 0.00435, 0.00592, 0.9983, 0.00142, marks=pytest.mark.slow),  # 1 s each
        pytest.param("400M", 0.00484, 0.00730, 0.9978, 0.00168, marks=pytest.mark.slow),
    ],
)
def test_published_parameters_on_the_published_curves(
    reference: Path, size: str, mae: float, rmse: float, r2: float, relative: float
) -> None:
    """Mean over the six test curves, to the printed digits."""
    scores = [
        score_law(MULTI_POWER, MULTI_POWER.published[size], published_curve(reference, size, n)) for n in TESTS
    ]
    assert np.mean([one.mae for one in scores]) == pytest.approx(mae, abs=6e-6)
    assert np.mean([one.rmse for one in scores]) == pytest.approx(rmse, abs=6e-6)
    assert np.mean([one.r2 for one in scores]) == pytest.approx(r2, abs=6e-5)
    assert np.mean([one.mean_relative for one in scores]) == pytest.approx(relative, abs=6e-6)


@pytest.mark.slow  # 1 s a size
@pytest.mark.parametrize(("size", "most"), [("25M", 0.0045), ("100M", 0.0045), ("400M", 0.0067)])
def test_tissue_fitted_on_three_curves_predicts_six(reference: Path, size: str, most: float) -> None:
    """Fitted on one cosine, one constant and one two-stage run."""
    found = fit_curves(TISSUE, [published_curve(reference, size, name) for name in TRAINED_ON])
    assert found.status is FitStatus.CONVERGED
    assert np.mean([score(found, published_curve(reference, size, name)).mae for name in TESTS]) <= most


@pytest.mark.slow  # 4 s a size
@pytest.mark.parametrize(("size", "mae"), [("25M", 0.0050), ("100M", 0.0050), ("400M", 0.0060)])
def test_multi_power_fitted_on_three_curves_predicts_six(reference: Path, size: str, mae: float) -> None:
    """Below the figure given; every start ends at the one optimum."""
    found = fit_curves(MULTI_POWER, [published_curve(reference, size, name) for name in TRAINED_ON])
    assert found.starts_at_best == found.starts
    scores = [score(found, published_curve(reference, size, name)).mae for name in TESTS]
    assert np.mean(scores) <= mae
