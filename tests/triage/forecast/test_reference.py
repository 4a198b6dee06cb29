"""Published runs forecast again with what was known then (science.md 11.2); skipped without the data."""

from dataclasses import replace

import numpy as np
import pytest

from labbook.triage.forecast import own_share, replay


def _errors(rows):
    """Percent of the loss, one for each row."""
    return 100.0 * np.abs([row.error for row in rows])


def _coverage(rows):
    return float(np.mean([row.inside for row in rows]))


def _says(label, rows):
    errors = _errors(rows)
    median, p90 = np.median(errors), np.quantile(errors, 0.9)
    print(f"{label}: n {len(rows)} median {median:.3f} % p90 {p90:.3f} % coverage {_coverage(rows):.2f}")
    return float(median), float(p90)


def _smaller(run, other):
    return other.N < 0.99 * run.N


def _size_below(run, other):
    """The next smaller size under the same schedule, where it went to its end: wsdcon at 25M stops at 88 %."""
    size, schedule = run.name.split("/")
    below = {"400M": "100M", "100M": "25M"}.get(size)
    whole = other.val[0][-1] >= 0.98 * other.horizon
    return whole and other.name == f"{below}/{schedule}"


def _nothing(run, other):
    return False


@pytest.mark.parametrize(
    ("frac", "median", "p90"), [(0.25, 0.3, 0.8), (0.5, 0.1, 0.3), (0.75, 0.1, 0.2)], ids=["25", "50", "75"]
)
def test_olmo_from_smaller_siblings(olmo, frac, median, p90):
    """Mode A, leave one run out; the smallest size has no smaller one and goes by its nearest larger."""

    def known(run, other):
        return _smaller(run, other) or (run.N < 2e8 and other.N > 1.01 * run.N)

    rows = replay(olmo, [frac], known)
    found = [row for row in rows if row.mode == "A"]
    assert {row.variant for row in rows if row.mode is None} <= {"too-early"}
    assert len(found) >= 28
    got = _says(f"OLMo A at {frac:.0%}", found)
    assert got[0] <= median
    assert got[1] <= p90
    assert _coverage(found) >= 0.9


def test_olmo_strictly_smaller_siblings_only(olmo):
    """The 24 runs that have a smaller one: the same goals."""
    for frac, median, p90 in ((0.25, 0.3, 0.8), (0.5, 0.1, 0.3), (0.75, 0.1, 0.2)):
        found = [row for row in replay(olmo, [frac], _smaller) if row.mode == "A"]
        got = _says(f"OLMo A, smaller only, at {frac:.0%}", found)
        assert got[0] <= median
        assert got[1] <= p90
        assert _coverage(found) >= 0.9


def test_olmo_width_measured_on_the_ladder_itself(olmo):
    """The 3B runs with the share of the drop its 24 smaller runs show: half as wide, all still inside."""
    largest = [run for run in olmo if run.N > 3e9]
    smaller = [run for run in olmo if run.N < 3e9]
    share = own_share(replay(smaller, [0.5], _smaller))
    assert share is not None
    assert share[1] == "18 finished runs"

    def rows(**options):
        return [r for r in replay(olmo, [0.5], _smaller, **options) if r.run in {x.name for x in largest}]

    own = rows(share=share)
    assert _coverage(own) >= 0.9
    assert np.median([r.width for r in own]) < 0.6 * np.median([r.width for r in rows()])


@pytest.mark.parametrize(
    ("frac", "goal"), [(0.2, 1.5), (0.4, 0.6), (0.6, 0.35), (0.8, 0.12)], ids=["20", "40", "60", "80"]
)
def test_multi_power_from_the_size_below(multi_power, frac, goal):
    """Mode A, 25M to 100M to 400M under each schedule."""
    found = [row for row in replay(multi_power, [frac], _size_below) if row.mode == "A"]
    assert len(found) >= 12
    median, _ = _says(f"multi-power A at {frac:.0%}", found)
    assert median <= goal
    assert _coverage(found) >= 0.85


@pytest.mark.slow
def test_without_references_by_the_planned_learning_rate(olmo, multi_power):
    """Mode B on both sets, by the share of the decay that is done (2 s, more beside others)."""
    rows = replay([*olmo, *multi_power], np.arange(0.15, 0.96, 0.1), _nothing)
    for low, high, goal, cover in ((0.25, 0.5, 0.65, 0.95), (0.5, 1.01, 0.17, 0.85)):
        found = [row for row in rows if row.mode == "B" and low <= row.q < high]
        assert len(found) >= 50
        median, _ = _says(f"B at q {low} to {high}", found)
        assert median <= goal
        assert _coverage(found) >= cover


@pytest.mark.parametrize(("frac", "goal"), [(0.4, 0.5), (0.6, 0.15), (0.8, 0.1)], ids=["40", "60", "80"])
def test_constant_rates(multi_power, frac, goal):
    """Mode C on the six curves of a constant learning rate."""
    found = replay([run for run in multi_power if "constant" in run.name], [frac], _nothing)
    assert {row.mode for row in found} == {"C"}
    median, _ = _says(f"C at {frac:.0%}", found)
    assert median <= goal
    assert _coverage(found) >= 0.85


def test_no_number_without_a_schedule_and_a_reference(multi_power):
    """The learning-rate column removed: refused throughout, with the reason."""
    bare = [replace(run, lr=None) for run in multi_power]
    rows = replay(bare, [0.2, 0.4, 0.6, 0.8, 0.95], _nothing)
    assert {row.mode for row in rows} == {None}
    assert {row.variant for row in rows} <= {"no-schedule", "too-early"}


def test_the_bound_before_the_decay_holds(multi_power, olmo):
    """97 % of the runs whose learning rate has still to fall end below the power law without the fall."""
    rows = replay([*multi_power, *olmo], [0.25, 0.3, 0.4, 0.5], _nothing)
    held = [row.at_most for row in rows if row.at_most is not None]
    assert len(held) >= 50
    assert np.mean(held) >= 0.97
