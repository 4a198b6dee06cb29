"""Laws of a bounded metric: planted truth comes back, intervals cover it, what cannot be read is refused."""

from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest

from labbook.errors import FitError
from labbook.scaling.laws import bounded_power, logistic, repeated_sampling, saturating
from labbook.scaling.laws.metric import MetricLaw
from labbook.scaling.metric import fit_metric
from labbook.scaling.metric_compare import compare_metric
from labbook.scaling.metric_predict import curve, predict, reach
from labbook.scaling.metric_values import MetricFit
from labbook.scaling.values import FitStatus, Refusal

LOGISTIC, POWER, SAMPLING = logistic.LAW, bounded_power.LAW, repeated_sampling.LAW
TRUTH = {
    "logistic": {"u": -9.0, "v": 0.5, "lo": 0.25, "hi": 1.0},
    "bounded-power": {"c": 3.0, "k": 0.2, "hi": 1.0},
    "repeated-sampling": {"a": 3.0, "b": 0.4},
}
RANGE = {"logistic": (1e7, 1e10), "bounded-power": (1e3, 1e8), "repeated-sampling": (1.0, 256.0)}
every_law = pytest.mark.parametrize("law", [LOGISTIC, POWER, SAMPLING], ids=attrgetter("name"))


def amounts(law: MetricLaw, n: int) -> np.ndarray:
    return np.geomspace(*RANGE[law.name], n)


def planted(law: MetricLaw, n: int, items: int, seed: int, **bounds: float) -> tuple[np.ndarray, np.ndarray]:
    """x and shares counted over that many items."""
    x = amounts(law, n)
    truth = law.formula(x, {**TRUTH[law.name], **bounds})
    return x, np.random.default_rng(seed).binomial(items, truth) / items


def known(law: MetricLaw) -> dict[str, float]:
    return {name: TRUTH[law.name][name] for name in law.bounds}


def fitted(result: MetricFit | Refusal) -> MetricFit:
    assert isinstance(result, MetricFit), result
    return result


def refused(result: MetricFit | Refusal) -> Refusal:
    assert isinstance(result, Refusal)
    return result


@pytest.mark.parametrize("law", [*saturating.LAW.laws, saturating.LAW], ids=attrgetter("name"))
def test_a_law_says_what_it_is(law: MetricLaw) -> None:
    """Every parameter stands in the equation, and the limits hold at typical parameters."""
    assert law.subject == "metric"
    assert law.title
    assert law.source
    assert all(parameter.name in law.equation for parameter in law.parameters)
    for seed in range(10):
        random = np.random.default_rng(seed)
        params = {p.name: float(np.exp(random.uniform(*np.log(p.typical)))) for p in law.parameters}
        for limit in law.limits:
            one, other = limit.sides(params)
            assert one == pytest.approx(other, rel=1e-7), limit.says


@every_law
@pytest.mark.parametrize("items", [None, 1000])
def test_exact_shares_give_the_parameters_back(law: MetricLaw, items: int | None) -> None:
    """Without noise both objectives end at the planted parameters."""
    x = amounts(law, 8)
    fit = fitted(fit_metric(law, x, law.formula(x, TRUTH[law.name]), items, **known(law)))
    assert fit.params == pytest.approx(TRUTH[law.name], rel=1e-6)
    assert fit.objective == ("binomial" if items else "least-squares-log-odds")
    assert fit.rms < 1e-8


@pytest.mark.parametrize("items", [None, 2000])
def test_fitted_bounds_come_back(items: int | None) -> None:
    """Bounds as parameters, noiseless, from points that see both of them."""
    truth = {"u": -9.0, "v": 0.5, "lo": 0.2, "hi": 0.9}
    x = np.geomspace(1e5, 1e11, 12)
    fit = fitted(fit_metric(LOGISTIC, x, LOGISTIC.formula(x, truth), items, lo=None, hi=None))
    assert fit.params == pytest.approx(truth, rel=1e-4)
    assert fit.known == ()


@every_law
def test_the_caller_s_order_changes_no_digit(law: MetricLaw) -> None:
    """Reversed rows give the same fit, residuals with them."""
    x, p = planted(law, 9, 300, seed=4)
    one, other = (
        fitted(fit_metric(law, x[way], p[way], 300, **known(law)))
        for way in (slice(None), slice(None, None, -1))
    )
    assert replace(other, residuals=other.residuals[::-1]) == one


def test_weights_are_those_of_counted_items() -> None:
    """Least squares on the log-odds with counts: weights m q (1 - q), so it is near the likelihood."""
    x, p = planted(LOGISTIC, 12, 400, seed=1)
    likely = fitted(fit_metric(LOGISTIC, x, p, 400, lo=0.0))
    weighted = fitted(fit_metric(LOGISTIC, x, p, 400, lo=0.0, least_squares=True))
    z = np.log(p / (1.0 - p))
    root = np.sqrt(400 * p * (1.0 - p))
    u, v = np.linalg.lstsq(root[:, None] * np.column_stack([np.ones(12), np.log(x)]), root * z, rcond=None)[0][
        :2
    ]
    assert (weighted.params["u"], weighted.params["v"]) == pytest.approx((u, v), rel=1e-9)
    assert weighted.params["v"] == pytest.approx(likely.params["v"], rel=0.05)


def test_all_or_nothing_is_clipped_by_half_an_item() -> None:
    """A share of 0 or 1 has finite log-odds: half an item short of it."""
    fit = fitted(fit_metric(LOGISTIC, [1.0, 2.0, 4.0], [0.0, 0.5, 1.0], 10, least_squares=True))
    slope = (np.log(0.95 / 0.05) - np.log(0.05 / 0.95)) / np.log(4.0)
    assert fit.params["v"] == pytest.approx(slope, rel=1e-9)


def covered(law: MetricLaw, n: int, items: int, seeds: int, scatter: float = 0.0) -> dict[str, float]:
    """Share of planted tables whose 95 % intervals hold the truth."""
    x = amounts(law, n)
    truth = law.formula(x, TRUTH[law.name])
    far, middle = x[-1] * 4.0, x[n // 2] * 1.3
    there, level = law.formula(np.array([far, middle]), TRUTH[law.name])
    hits: dict[str, list[bool]] = {}
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        moved = np.log(truth / (1.0 - truth)) + scatter * random.standard_normal(n)
        p = random.binomial(items, 1.0 / (1.0 + np.exp(-moved))) / items
        fit = fitted(fit_metric(law, x, p, items, **known(law)))
        ahead, back = predict(fit, far), reach(fit, level)
        new = (
            random.binomial(
                items, 1.0 / (1.0 + np.exp(-np.log(there / (1 - there)) - scatter * random.standard_normal()))
            )
            / items
        )
        for name, (low, high) in fit.intervals.items():
            hits.setdefault(name, []).append(low <= TRUTH[law.name][name] <= high)
        hits.setdefault("p", []).append(ahead.interval[0] <= there <= ahead.interval[1])
        hits.setdefault("reading", []).append(ahead.reading[0] <= new <= ahead.reading[1])
        hits.setdefault("x", []).append((back.low or 0.0) <= middle <= (back.high or np.inf))
    return {name: float(np.mean(each)) for name, each in hits.items()}


def test_intervals_cover_planted_truth() -> None:
    """Nominal 95 % on counted items: parameters, the law's value, a new reading and the inverse."""
    found = covered(SAMPLING, 8, 500, 40)
    assert all(share >= 0.9 for share in found.values()), found


@pytest.mark.slow  # 40 seconds
@every_law
@pytest.mark.parametrize("scatter", [0.0, 0.15])
def test_intervals_cover_planted_truth_of_every_law(law: MetricLaw, scatter: float) -> None:
    """The same within .91-.99, also where readings scatter more than their counts do."""
    found = covered(law, 8, 500, 200, scatter)
    assert all(0.91 <= share <= 0.995 for share in found.values()), found


@pytest.mark.slow  # 15 seconds
def test_intervals_of_fitted_bounds_cover_planted_truth() -> None:
    """Both bounds as parameters, also where one ends at its edge: the line's intervals hold it."""
    truth = {**TRUTH["logistic"], "hi": 0.9}
    hits: dict[str, list[bool]] = {}
    for seed in range(100):
        x, p = planted(LOGISTIC, 12, 1000, seed, hi=0.9)
        fit = fitted(fit_metric(LOGISTIC, x, p, 1000, lo=None, hi=None))
        for name, (low, high) in fit.intervals.items():
            hits.setdefault(name, []).append(low <= truth[name] <= high)
    found = {name: np.mean(each) for name, each in hits.items()}
    assert min(found["u"], found["v"], found["hi"]) >= 0.91, found


def test_scatter_beyond_the_counts_widens_the_interval() -> None:
    """The same shares over a thousand times the items: the interval is the scatter's, not the counts'."""
    x, p = planted(LOGISTIC, 8, 200, seed=2)
    wide = fitted(fit_metric(LOGISTIC, x, p, 200_000, lo=0.25))
    low, high = wide.intervals["v"]
    narrow = (high - low) / np.sqrt(wide.dispersion)
    assert wide.dispersion > 100.0
    assert high - low > 5.0 * narrow
    assert "scatter" in wide.interval_method


def test_points_at_chance_are_left_out_by_position() -> None:
    """A reading within two standard errors of the chance level says nothing of the slope."""
    x = np.geomspace(1e6, 1e10, 8)
    p = LOGISTIC.formula(x, TRUTH["logistic"])
    p[[0, 1]] = 0.26, 0.24
    fit = fitted(fit_metric(LOGISTIC, x, p, 1000, lo=0.25))
    assert fit.at_chance == (0, 1)
    assert fit.residuals[:2] == (None, None)
    assert fit.n == 6
    assert fit.params["v"] == pytest.approx(0.5, rel=1e-6)


def test_a_ceiling_nobody_has_seen_is_refused() -> None:
    """Points on the foot of the curve do not set its ceiling; with a known one there is a fit."""
    truth = {"u": -9.0, "v": 0.5, "lo": 0.0, "hi": 0.9}
    x = np.geomspace(1e5, 2e7, 8)
    p = LOGISTIC.formula(x, truth)
    why = refused(fit_metric(LOGISTIC, x, p, hi=None))
    assert why.code == "ceiling-unseen"
    assert "hi" in why.remedy
    assert fitted(fit_metric(LOGISTIC, x, p, hi=0.9)).params["v"] == pytest.approx(0.5, rel=1e-6)


def test_a_bound_at_its_edge_has_no_interval() -> None:
    """A ceiling that wants to be above 1 is 1, says so, and the others keep their intervals."""
    x = amounts(LOGISTIC, 12)
    p = 1.0 - (1.0 - LOGISTIC.formula(x, {**TRUTH["logistic"], "lo": 0.0})) ** 1.3
    fit = fitted(fit_metric(LOGISTIC, x, p, 4000, hi=None))
    assert fit.status is FitStatus.AT_BOUND
    assert fit.bound == ("hi",)
    assert fit.params["hi"] == 1.0
    assert set(fit.intervals) == {"u", "v"}
    assert [warned.code for warned in fit.warnings] == ["at-bound"]


@pytest.mark.parametrize(
    ("law", "x", "p", "how", "code"),
    [
        (LOGISTIC, [1.0, 2.0], [0.2, 0.4], {}, "too-few-points"),
        (LOGISTIC, [1.0, 2.0, 1.0, 2.0], [0.2, 0.4, 0.2, 0.5], {}, "too-few-points"),
        (LOGISTIC, [1.0, 2.0, 4.0, 8.0, 9.0], [0.2, 0.4, 0.6, 0.8, 0.85], {"hi": None}, "too-few-points"),
        (LOGISTIC, [1.0, 2.0, 4.0], [0.5, 0.5, 0.5], {}, "no-slope"),
        (LOGISTIC, [1.0, 2.0, 4.0], [0.2, 0.5, 0.97], {"hi": 0.9}, "above-ceiling"),
        (LOGISTIC, [1.0, 2.0, 4.0, 8.0], [0.0, 0.0, 1.0, 1.0], {"items": 50}, "unidentified"),
        (POWER, [1.0, 2.0, 4.0], [0.8, 0.6, 0.4], {}, "falls"),
        (SAMPLING, [1.0, 2.0, 4.0], [0.3, 0.4, 0.6], {"lo": 0.25}, "no-bounds"),
    ],
)
def test_what_cannot_be_read_is_refused(law, x, p, how, code: str) -> None:
    """With a code, a sentence and a way out."""
    why = refused(fit_metric(law, x, p, how.pop("items", None), **how))
    assert why.code == code
    assert why.remedy


@pytest.mark.parametrize(
    ("x", "p", "how", "says"),
    [
        ([1.0, 0.0], [0.1, 0.2], {}, "x must be positive"),
        ([1.0, 2.0], [0.1, 1.2], {}, "between 0 and 1"),
        ([1.0, 2.0], [0.1, np.nan], {}, "between 0 and 1"),
        ([1.0, 2.0, 3.0], [0.1, 0.2], {}, "one length"),
        ([1.0, 2.0], [0.1, 0.2], {"items": 0}, "items must be positive"),
        ([1.0, 2.0], [0.1, 0.2], {"lo": 0.5, "hi": 0.5}, "lo < hi"),
    ],
)
def test_arrays_that_are_wrong_are_the_caller_s_error(x, p, how, says: str) -> None:
    """ValueError, naming what."""
    with pytest.raises(ValueError, match=says):
        fit_metric(LOGISTIC, x, p, **how)


def test_predictions_say_how_far_they_reach() -> None:
    """Inside nothing, beyond the points a note, ten times beyond a warning; the interval grows with it."""
    x, p = planted(LOGISTIC, 8, 500, seed=3)
    fit = fitted(fit_metric(LOGISTIC, x, p, 500, lo=0.25))
    found = [predict(fit, value) for value in (1e9, 3e10, 3e11, 1e5)]
    assert [[warned.code for warned in each.warnings] for each in found] == [
        [],
        ["outside-hull"],
        ["far-extrapolation"],
        ["far-extrapolation"],
    ]
    assert all(
        each.reading[0] <= each.interval[0] < each.p < each.interval[1] <= each.reading[1] for each in found
    )
    with pytest.raises(ValueError, match="positive"):
        predict(fit, 0.0)


def test_the_inverse_is_where_the_curve_is_at_the_level() -> None:
    """x of p, and ends at which p leaves the curve's own interval; a level beyond the bounds is refused."""
    x, p = planted(LOGISTIC, 8, 500, seed=5)
    fit = fitted(fit_metric(LOGISTIC, x, p, 500, lo=0.25))
    back = reach(fit, 0.7)
    middle, low, high = curve(fit, np.array([back.x, back.low, back.high]))
    assert middle[0] == pytest.approx(0.7, abs=1e-9)
    assert high[1] == pytest.approx(0.7, abs=1e-6)
    assert low[2] == pytest.approx(0.7, abs=1e-6)
    assert reach(fit, 0.2).refused.code == "beyond-bounds"


def test_an_inverse_the_points_do_not_bound_has_an_open_end() -> None:
    """Where the slope may be nothing, no amount is surely enough."""
    fit = fitted(fit_metric(LOGISTIC, [1.0, 10.0, 100.0, 1000.0], [0.52, 0.44, 0.55, 0.57], 50))
    back = reach(fit, 0.6)
    assert back.x is not None and back.x > 100.0
    assert back.high is None


def test_the_shapes_are_compared_on_the_same_points() -> None:
    """Each truth is preferred over the others, and one that cannot be fitted says why."""
    x, p = planted(LOGISTIC, 10, 5000, seed=0)
    found = compare_metric(saturating.LAW.laws, x, p, 5000, lo=0.25, at=[1e11], levels=[0.8])
    assert found.preferred == "logistic"
    assert set(found.fits) == {"logistic", "bounded-power"}
    assert found.refused["repeated-sampling"].code == "no-bounds"
    assert set(found.predicted) == set(found.reached) == set(found.fits)
    x, p = planted(SAMPLING, 10, 5000, seed=0)
    assert compare_metric(saturating.LAW.laws, x, p, 5000).preferred == "repeated-sampling"
    x, p = planted(POWER, 10, 5000, seed=0)
    assert compare_metric(saturating.LAW.laws, x, p, 5000).preferred == "bounded-power"


def test_a_fit_without_its_handle_predicts_nothing() -> None:
    """Values alone are no fit."""
    x, p = planted(LOGISTIC, 8, 500, seed=5)
    fit = replace(fitted(fit_metric(LOGISTIC, x, p, 500, lo=0.25)), handle=None)
    with pytest.raises(FitError, match="values only"):
        predict(fit, 1e9)
