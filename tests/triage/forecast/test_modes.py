"""Each mode finds the end that was planted, in its turn, with the interval of the table."""

import math
from dataclasses import replace

import numpy as np
import pytest

from labbook.triage.forecast import Forecast, as_progress, as_reference, constant, forecast


def _error(found, run):
    """Percent of the loss."""
    assert isinstance(found, Forecast), found
    return 100.0 * abs(found.final / run.final - 1.0)


def _ladder(planted, sizes=(2e7, 4e7, 7e7, 1.2e8), **more):
    return [planted(f"r{i}", N, **more) for i, N in enumerate(sizes)]


@pytest.mark.parametrize("shape", ["cosine", "wsd"])
@pytest.mark.parametrize("frac", [0.25, 0.5, 0.75])
def test_a_trend_over_four_siblings(planted, rates, shape, frac):
    """Mode A well before a decay nobody could have guessed."""
    run = planted("big", 2e8, rate=rates[shape])
    refs = [as_reference(r) for r in _ladder(planted, rate=rates[shape])]
    found = forecast(as_progress(run, frac), refs)
    assert found.variant == "A: trend over 4 rungs"
    assert found.refs == ("r3", "r2", "r1", "r0")
    assert _error(found, run) < 0.1
    assert found.lo < run.final < found.hi


def test_the_map_onto_one_finished_run(planted):
    """Two rungs are no trend: the run's curve is a straight map of the next smaller one's."""
    run = planted("big", 2e8)
    refs = [as_reference(r) for r in _ladder(planted, (5e7, 1e8))]
    found = forecast(as_progress(run, 0.5), refs)
    assert found.variant == "A: shape of r1"
    assert _error(found, run) < 0.3


def test_siblings_that_lie_on_no_line_are_no_trend(planted):
    """Three with another drop each."""
    odd = [
        as_reference(planted(f"r{i}", N, drop=drop))
        for i, (N, drop) in enumerate(zip((2e7, 4e7, 8e7), (0.05, 0.3, 0.1), strict=True))
    ]
    found = forecast(as_progress(planted("big", 2e8), 0.5), odd)
    assert found.variant == "A: shape of r2"


def test_siblings_follow_one_rule(planted):
    """Of each smaller size a run of the same D/N and one of the same D: those of the same D/N, all of them."""
    sizes = (2e7, 4e7, 8e7)
    ratio = [planted(f"b-ratio{i}", N) for i, N in enumerate(sizes)]
    tokens = [planted(f"a-tokens{i}", N, tokens=4e9, drop=0.1) for i, N in enumerate(sizes)]
    found = forecast(as_progress(planted("big", 2e8), 0.5), [as_reference(r) for r in (*tokens, *ratio)])
    assert found.refs == ("b-ratio2", "b-ratio1", "b-ratio0")


def test_the_same_size_comes_before_a_smaller_one(planted):
    """A repeat with another seed, where there are too few for a trend."""
    refs = [as_reference(planted("small", 5e7)), as_reference(planted("twin", 1e8))]
    assert forecast(as_progress(planted("run", 1e8), 0.5), refs).refs == ("twin",)


def test_a_finished_run_of_another_length_rule_waits(planted):
    """Of two of the same size the one of as many tokens is taken."""
    long = planted("a-long", 5e7, tokens=1e10)
    refs = [as_reference(long), as_reference(planted("b-same", 5e7))]
    assert forecast(as_progress(planted("run", 1e8), 0.5), refs).refs == ("b-same",)


def test_the_order_of_the_finished_runs_does_not_matter(planted):
    """To the last digit."""
    run = as_progress(planted("big", 2e8, noise=0.01), 0.4)
    refs = [as_reference(r) for r in _ladder(planted, noise=0.01)]
    assert forecast(run, refs) == forecast(run, refs[::-1])


@pytest.mark.parametrize(("frac", "most"), [(0.45, 0.7), (0.6, 0.4), (0.8, 0.2)])
def test_the_planned_rate_alone(planted, frac, most):
    """Mode B of a cosine, from a quarter of its decay on; noise of half a percent."""
    run = planted("run", drop=0.09, noise=0.015)
    found = forecast(as_progress(run, frac))
    assert (found.mode, found.refs) == ("B", ())
    assert _error(found, run) < most
    assert found.lo < run.final < found.hi


def test_two_anchors_that_differ_widen_it(planted):
    """By 1.5 times their distance, as the formula has it."""
    found = forecast(as_progress(planted("run", noise=0.02), 0.6))
    assert found.gap > 0.0
    half = math.hypot(found.c * found.remaining_drop, found.floor)
    assert found.hi - found.final == pytest.approx(half)
    assert found.floor >= 1.5 * found.gap


def test_a_constant_rate_is_a_power_law(planted, rates):
    """Mode C, with no plan but that the rate stays."""
    run = planted("run", rate=rates["constant"])
    for frac, most in ((0.4, 0.2), (0.8, 0.02)):
        found = forecast(as_progress(run, frac))
        assert found.mode == "C"
        assert found.q == 1.0
        assert _error(found, run) < most


def test_runs_of_other_recipes_where_nothing_else_applies(planted):
    """Mode A2: three of the same length whose learning rates nobody logged."""
    refs = [
        replace(as_reference(planted(f"r{i}", N, lr=None)), same_ladder=False) for i, N in enumerate((8e7,) * 3)
    ]
    run = planted("run", 1e8, lr=None)
    found = forecast(as_progress(run, 0.5), refs)
    assert found.variant == "A2: median over 3 finished runs"
    assert _error(found, run) < 0.5
    assert forecast(as_progress(run, 0.5), refs[:2]).code == "no-schedule"


def test_few_evaluations_take_the_shape_from_the_training_loss(planted):
    """Six evaluations, a thousand training losses: within .5 %, with twice the width of the level."""

    def with_train(name, N):
        dense = planted(name, N, n=1000)
        t, loss = dense.val
        rare = slice(49, None, 50)
        return replace(dense, train=(t, loss - 0.2), val=(t[rare], loss[rare]), final_train=dense.final - 0.2)

    run, ref = with_train("run", 2e8), with_train("ref", 1e8)
    found = forecast(as_progress(run, 0.3), [as_reference(ref)])
    assert found.variant == "A: shape of ref"
    assert found.k == 0.002
    assert _error(found, run) < 0.5
    assert forecast(as_progress(run, 0.3)).code == "too-early"


def test_a_fall_just_ahead_widens_mode_a(planted, rates):
    """.70 of the drop instead of .20 where the rate halves within the next tenth."""
    refs = [as_reference(planted("ref", 8e7, rate=rates["wsd"]))]
    run = planted("run", 1e8, rate=rates["wsd"])
    assert forecast(as_progress(run, 0.5), refs).c == 0.2
    assert forecast(as_progress(run, 0.85), refs).c == 0.7


def test_a_share_measured_on_the_ladder_replaces_the_table(planted):
    """In mode A only, and it says so."""
    refs = [as_reference(planted("ref", 8e7))]
    run = as_progress(planted("run", 1e8), 0.5)
    table, own = forecast(run, refs), forecast(run, refs, share=(0.5, "7 finished runs"))
    assert (own.c, own.c_from, own.final) == (0.5, "7 finished runs", table.final)
    assert own.hi - own.lo > table.hi - table.lo
    assert forecast(run, [], share=(0.5, "7 finished runs")).c_from == "table"


def test_without_an_end_a_constant_rate_tells_the_next_tokens(planted, rates):
    """The loss at 10 %, 50 % and twice the tokens, falling, each within an interval."""
    run = planted("run", rate=rates["constant"])
    endless = replace(as_progress(run, 0.5), horizon=None, lr=constant())
    refused = forecast(endless)
    assert refused.code == "no-horizon"
    assert [a.factor for a in refused.ahead] == [1.1, 1.5, 2.0]
    assert np.diff([a.loss for a in refused.ahead]).max() < 0.0
    assert refused.ahead[2].loss == pytest.approx(run.final, rel=2e-3)
    assert all(a.interval[0] < a.loss < a.interval[1] for a in refused.ahead)
