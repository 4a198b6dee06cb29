"""Runs to ladders: grouping, readings of D, sweeps, and a reason for every run left out."""

from dataclasses import replace

import pytest

from labbook.ladder import build, ladders
from labbook.recipe import Candidate, Training, group
from labbook.summary import Count, Level


def level(value: float, estimator: str = "last") -> Level:
    """A validation loss."""
    return Level(value, None, "val", estimator, 100.0, 1)


def candidate(name: str, N: float = 1e6, D: float = 1e7, loss: float = 3.0, **changes: object) -> Candidate:
    """A finished single-epoch run of a common recipe."""
    run = Candidate(
        run_id=name,
        name=name,
        folder="/runs",
        recipe={"dataset": "books", "unit": "nats/token"},
        n={"n_non_embedding": Count("n_non_embedding", N, "config", "config n_params")},
        tokens_seen=D,
        unique_tokens=None,
        finished=True,
        unfinished_reason="",
        broken=None,
        last=level(loss),
        minimum=level(loss - 0.01, "min_val"),
        peak_lr=1e-3,
        batch=32.0,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def test_runs_of_one_recipe_are_one_ladder_and_a_contradiction_splits() -> None:
    """Unknown fields agree with anything; a different tokenizer does not."""
    a = candidate("a", recipe={"dataset": "books", "tokenizer": "gpt2"})
    b = candidate("b", recipe={"dataset": "books"})
    c = candidate("c", recipe={"dataset": "books", "tokenizer": "bytes"})
    d = candidate("d", recipe={"dataset": "books", "tokenizer": "bytes"})
    names = sorted(sorted(r.name for r in g) for g in group([a, b, c, d]))
    assert names == [["a", "b"], ["c", "d"]]
    keys = [x.key for x in ladders([a, b, c, d])]
    assert len(set(keys)) == len(keys)


def test_runs_with_nothing_in_common_are_no_ladder() -> None:
    """Two unrelated logs that say nothing are not a recipe; two in one folder are."""
    apart = [candidate("a", recipe={}, folder="/x"), candidate("b", recipe={}, folder="/y")]
    together = [candidate("a", recipe={}), candidate("b", recipe={})]
    assert group(apart) == []
    assert len(group(together)) == 1
    assert "same folder" in ladders(together)[0].reasons[0]


def test_grouping_does_not_depend_on_the_order_of_runs() -> None:
    """The same runs in any order give the same ladders."""
    runs = [candidate(f"r{i}", N=1e6 * 2**i, recipe={"dataset": "ab"[i % 2]}) for i in range(8)]
    assert ladders(runs) == ladders(runs[::-1])


def test_a_learning_rate_sweep_is_not_replicates() -> None:
    """The best rate of a cell stays with all its repeats; the others are left out with their excess."""
    runs = [
        candidate("best", loss=3.0),
        candidate("best-s2", loss=3.001),
        candidate("hot", loss=3.6, peak_lr=3e-2),
        candidate("other-size", N=4e6, loss=2.8),
    ]
    ladder = build("k", runs)
    assert [r.name for r in ladder.rungs] == ["best", "best-s2", "other-size"]
    assert ladder.repeats == ((0, 1),)
    assert [(s.name, s.code) for s in ladder.left_out] == [("hot", "lr-variant")]
    assert "20.0 % above" in ladder.left_out[0].reason
    assert [v.name for v in ladder.variants] == ["hot"]


def test_without_a_known_rate_repeats_and_sweep_cannot_be_told_apart() -> None:
    """Both stay, and a warning says so."""
    ladder = build("k", [candidate("a", peak_lr=None), candidate("b", loss=3.6, peak_lr=None)])
    assert len(ladder.rungs) == 2
    assert [w.code for w in ladder.warnings] == ["lr-unknown"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"n": {}}, "no-params"),
        ({"tokens_seen": None}, "no-tokens"),
        ({"last": None, "minimum": None}, "no-loss"),
        ({"broken": "nan from step 7"}, "broken-run"),
        ({"finished": False, "unfinished_reason": "42 % of 100 steps"}, "unfinished"),
        ({"set_aside": "wrong data"}, "given"),
        ({"last": level(-1.0)}, "no-loss"),
    ],
)
def test_every_run_left_out_says_why(changes: dict[str, object], code: str) -> None:
    """No run disappears: it is a rung or it is listed with a code and a reason."""
    ladder = build("k", [candidate("a"), candidate("b", N=2e6, **changes)])
    assert [(s.name, s.code) for s in ladder.left_out] == [("b", code)]
    assert ladder.left_out[0].reason


def test_repeated_data_of_known_size_is_read_as_kaplan_reads_it() -> None:
    """D is then the unique tokens and the loss the minimum; without a known size it is tokens seen."""
    runs = [candidate(f"r{i}", N=1e6 * 2**i, unique_tokens=2.5e6) for i in range(3)]
    unique = build("k", runs)
    assert (unique.d_reading, unique.loss_rule) == ("unique", "min_val")
    assert {r.D for r in unique.rungs} == {2.5e6}
    assert {r.loss for r in unique.rungs} == {2.99}
    assert "4 epochs" in unique.d_reason
    seen = build("k", [*runs[:2], replace(runs[2], unique_tokens=None)])
    assert (seen.d_reading, seen.loss_rule) == ("seen", "last")
    assert "r2" in seen.d_reason


def test_one_epoch_is_read_as_tokens_seen() -> None:
    """Single-epoch runs keep D = tokens seen even where the data set's size is known."""
    ladder = build("k", [candidate("a", unique_tokens=1e7), candidate("b", N=2e6, unique_tokens=1e7)])
    assert ladder.d_reading == "seen"


def test_the_kind_of_n_most_runs_state_is_used_and_a_mix_is_warned_of() -> None:
    """One ladder uses one convention."""
    total = {"n_total": Count("n_total", 2e6, "printed", "line 3")}
    ladder = build("k", [candidate("a"), candidate("b", N=2e6), candidate("c", n=total)])
    assert ladder.n_kind == "n_non_embedding"
    assert [s.code for s in ladder.left_out] == ["no-params"]
    assert "n-convention-mixed" in [w.code for w in ladder.warnings]


def sized(name: str, **counts: float) -> Candidate:
    """A run with an N of each of these kinds."""
    return candidate(name, n={kind: Count(kind, value, "config", "config") for kind, value in counts.items()})


def test_mixtures_of_experts_are_lined_up_and_costed_by_the_active_n() -> None:
    """C is 6 N active D, whatever else is stated exactly."""
    runs = [sized(name, n_non_embedding=8 * n, n_active=n) for name, n in (("a", 1e6), ("b", 2e6))]
    built = build("moe", runs)
    assert built.n_kind == "n_active"
    assert [(rung.N, rung.C) for rung in built.rungs] == [(1e6, 6 * 1e6 * 1e7), (2e6, 6 * 2e6 * 1e7)]


def test_one_dense_run_among_mixtures_keeps_the_common_kind_but_not_their_cost() -> None:
    """N is then of the kind all state; C of a mixture is still by its active N."""
    runs = [sized("moe", n_non_embedding=8e6, n_active=1e6), sized("dense", n_non_embedding=4e6)]
    built = build("mixed", runs)
    assert built.n_kind == "n_non_embedding"
    assert {rung.name: rung.C for rung in built.rungs} == {"moe": 6e13, "dense": 24e13}


def test_runs_above_their_schedule_are_left_out_and_named() -> None:
    """One run at 60 % of its peak among runs that fell to a tenth."""
    runs = [
        candidate(f"r{i}", N=1e6 * 3**i, loss=4 - i, training=Training(top_lr=1e-3, last_lr=1e-4))
        for i in range(4)
    ]
    cut = candidate("cut", N=5e6, training=Training(top_lr=1e-3, last_lr=6e-4))
    built = build("k", [*runs, cut])
    assert [(s.name, s.code) for s in built.left_out] == [("cut", "unannealed-points")]
    assert len(built.rungs) == 4
    assert "unannealed-points" in [w.code for w in built.warnings]


def test_a_point_that_stands_twice_is_counted_once() -> None:
    """The copy is listed with the run it repeats, and is no repeat of it; another loss is one."""
    built = build("k", [candidate("a"), candidate("b"), candidate("c", loss=3.01)])
    assert [r.name for r in built.rungs] == ["a", "c"]
    assert [(s.name, s.code) for s in built.left_out] == [("b", "duplicate-points")]
    assert "Counted once: b." in [w.text for w in built.warnings]
    assert built.repeats == ((0, 1),)
