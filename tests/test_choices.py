"""Rules, weights and readings a person chooses, and what they do to a ladder."""

import pytest

from labbook.analysis import inputs_digest
from labbook.choices import RULES, Choices, Rule, parse_rule, parse_rules
from labbook.errors import UsageError
from labbook.ladder import Ladder, build
from labbook.recipe import Candidate
from labbook.rung import weights
from labbook.summary import Count, Level


def run(N: float, D: float, loss: float, name: str, peak_lr: float | None = None) -> Candidate:
    """A finished run of one epoch."""
    return Candidate(
        run_id=f"id-{name}",
        name=name,
        folder="/runs",
        recipe={"dataset": "planted", "unit": "nats/token"},
        n={"n_total": Count("n_total", N, "config", "n_params")},
        tokens_seen=D,
        unique_tokens=D,
        finished=True,
        unfinished_reason="",
        broken=None,
        last=Level(loss, None, "val", "last", 1.0, 1),
        minimum=Level(loss - 0.01, None, "val", "min_val", 1.0, 1),
        peak_lr=peak_lr,
        batch=None,
    )


RUNS = [
    run(1e8, 5e7, 5.0, "short"),
    run(1e8, 2e9, 3.5, "small"),
    run(1e8, 2e9, 3.51, "small-again"),
    run(3e8, 2e9, 3.2, "middle"),
    run(3e8, 2e10, 2.9, "long"),
    run(1e9, 2e10, 2.6, "large"),
]


def ladder(*rules: str, runs: list[Candidate] | None = None, **chosen: str) -> Ladder:
    """Those runs under these rules."""
    return build("planted", runs or RUNS, Choices(drop=parse_rules(rules), **chosen))


def dropped(found: Ladder) -> dict[str, str]:
    """Names of the runs a rule took, with the rule."""
    return {x.name: x.reason for x in found.left_out if x.code == "dropped"}


def test_nothing_is_dropped_unless_asked() -> None:
    """The default outlier rule is none."""
    assert [r.name for r in ladder().rungs] == ["short", "small", "small-again", "middle", "long", "large"]
    assert dropped(ladder()) == {}


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("drop-top-losses:2", {"short", "small-again"}),
        ("min-tokens-per-param:1", {"short"}),
        ("min-tokens-per-param:20", {"short", "middle"}),
        ("drop-run:middle", {"middle"}),
        ("drop-run:id-large", {"large"}),
        ("drop-run:*-again", {"small-again"}),
        ("drop-run:nobody", set()),
    ],
)
def test_a_rule_leaves_out_what_it_says(rule: str, names: set[str]) -> None:
    """With its code, the rule as the reason, and the place the run had."""
    found = ladder(rule)
    assert dropped(found) == dict.fromkeys(names, rule)
    assert {r.name for r in found.rungs} == {r.name for r in RUNS} - names
    places = {(r.N, r.D, r.loss) for r in ladder().rungs}
    assert {(x.N, x.D, x.loss) for x in found.left_out} <= places


def test_rules_go_on_from_one_another() -> None:
    """By name, then by D/N, then by loss, whatever the order they are given in."""
    rules = ("drop-top-losses:1", "drop-run:small", "min-tokens-per-param:1")
    expected = {"small": rules[1], "short": rules[2], "small-again": rules[0]}
    assert dropped(ladder(*rules)) == expected
    assert ladder(*rules) == ladder(*rules[::-1])


def test_a_dropped_best_run_gives_its_place_to_the_next_of_the_sweep() -> None:
    """The setting that is best without it."""
    swept = [*RUNS, run(1e9, 2e10, 2.55, "large-hot", 3e-3), run(1e9, 2e10, 2.7, "large-cold", 1e-4)]
    swept[5] = run(1e9, 2e10, 2.6, "large", 1e-3)
    assert {r.name for r in ladder(runs=swept).rungs} & {"large", "large-hot", "large-cold"} == {"large-hot"}
    assert "large" in {r.name for r in ladder("drop-run:large-hot", runs=swept).rungs}


def test_every_choice_is_part_of_the_digest() -> None:
    """A rule that takes nothing too: it stands in the method block."""
    chosen = [
        ladder(),
        ladder("drop-run:nobody"),
        ladder("drop-top-losses:1"),
        ladder(objective="huber:0.01"),
        ladder(weights="repeats"),
        ladder(reading="unique"),
    ]
    assert len({inputs_digest(found, []) for found in chosen}) == len(chosen)
    assert inputs_digest(ladder("drop-top-losses:1", runs=RUNS[::-1]), []) == inputs_digest(chosen[2], [])


def test_rules_are_spelt_one_way() -> None:
    """Numbers lose their dress, repeats count once."""
    assert parse_rule(" min-tokens-per-param : 1.50 ") == Rule("min-tokens-per-param", "1.5")
    assert str(parse_rule("drop-top-losses:3.0")) == "drop-top-losses:3"
    assert str(parse_rule("drop-run:a:b")) == "drop-run:a:b"
    assert len(parse_rules(["drop-top-losses:3", "drop-top-losses:3.0"])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "drop-top-losses:0",
        "drop-top-losses:1.5",
        "drop-top-losses:",
        "drop-top-losses:inf",
        "min-tokens-per-param:-1",
        "min-tokens-per-param:nan",
        "drop-run:",
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_with_an_example(text: str) -> None:
    """The hint is a rule that would do."""
    with pytest.raises(UsageError) as caught:
        parse_rule(text)
    parse_rule(caught.value.hint.removeprefix("such as ").partition(" or ")[0])


def test_an_unknown_rule_is_answered_with_all_of_them() -> None:
    """In one line."""
    with pytest.raises(UsageError, match="no outlier rule 'drop-worst'") as caught:
        parse_rule("drop-worst")
    assert all(f"{name}:" in caught.value.hint for name in RULES)


def test_repeats_share_one_weight() -> None:
    """Every (N, D) counts once."""
    rungs = ladder().rungs
    shares = weights(rungs, "repeats")
    assert shares is not None
    assert dict(zip((r.name for r in rungs), shares, strict=True)) == {
        "short": 1.0, "small": 0.5, "small-again": 0.5, "middle": 1.0, "long": 1.0, "large": 1.0,
    }  # fmt: skip
    assert weights(rungs, "equal") is None
