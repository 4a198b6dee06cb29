"""The allocation of a ladder as text and as objects."""

from dataclasses import replace

import pytest

from labbook.report.approaches import objects, section, size_at
from labbook.report.section import section_lines, section_markdown
from labbook.scaling.values import Approach, Budget, Refusal, Warned
from tests.report.values import ladder

EDGE = Refusal("isoflop-edge", "The minimum for 1e+18 is outside the runs.", "a run smaller than 5M")
BUDGETS = (
    Budget(1e18, 8, None, None, None, "", EDGE),
    Budget(4e18, 7, 6e7, (5e7, 7e7), 3.2, "parabola"),
    Budget(1.6e19, 7, 1.3e8, (1.1e8, 1.5e8), 2.9, "akima"),
    Budget(6.4e19, 7, 2.6e8, (2.2e8, 3.0e8), 2.7, "parabola"),
)
LEFT_OUT = Warned("isoflop-edge", EDGE.text)
APPROACHES = (
    Approach("isoflop", 0.53, (0.50, 0.56), -4.3, BUDGETS, warnings=(LEFT_OUT,)),
    Approach("isoflop-akima", 0.55, (0.47, 0.63), -5.1, BUDGETS, warnings=(LEFT_OUT,)),
    Approach("parametric", 0.46, None, -1.1, law="chinchilla"),
    Approach("parametric", None, None, None, law="kaplan", refused=Refusal("not-pooled", "kaplan: rms 2 %")),
)


def view(approaches=APPROACHES, **changes):
    """A ladder with these approaches."""
    return replace(ladder(), approaches=approaches, **changes)


def test_every_approach_has_a_row() -> None:
    """a, interval, b and the allocation at the largest compute; a refused one stands below with its reason."""
    text = "\n".join(section_lines(section(view()), 78, False))
    rows = {line.split("  ")[0]: line for line in text.splitlines() if "0." in line}
    assert "3 of 4 budgets" in rows["isoflop"] and "[0.500, 0.560]" in rows["isoflop"]
    assert "0.470" in rows["isoflop"]
    assert "no interval" in rows["parametric"]
    assert "kaplan: rms 2 %." in text
    assert "Akima interpolation stands in" in text and "1.60e19" in text


def test_the_spread_of_the_approaches_is_told_beside_the_usual_one() -> None:
    """.46 to .55 is what two approaches differ by; .46 to .60 is more."""
    assert "a runs from .46 (chinchilla) to .55 (isoflop-akima); two approaches" in texts(view())
    apart = (*APPROACHES[:2], replace(APPROACHES[2], a=0.40))
    assert "more than usual" in texts(view(apart))


def test_a_budget_left_out_of_both_is_told_once() -> None:
    """The names of both approaches stand before the one sentence."""
    assert texts(view()).count("outside the runs") == 1
    assert "isoflop, isoflop-akima: isoflop-edge: The minimum for 1e+18" in texts(view())


def test_published_exponents_come_with_their_code() -> None:
    """Constants of papers are for comparison, and say so; a ladder without any a gets none."""
    assert "published-constants: Constants of Kaplan et al. 2020 (a .73)" in texts(view())
    assert "not fitted to these runs" in texts(view())
    assert "Kaplan" not in texts(view(APPROACHES[3:]))


def test_unique_tokens_are_said() -> None:
    """Under the data-limited reading a law's optimum is for data seen once."""
    assert "unique tokens" in texts(view(d_reading="unique"))
    assert "unique tokens" not in texts(view(d_reading="seen"))


def texts(of) -> str:
    """The sentences under the table."""
    return "\n".join(section(of).texts)


def test_nothing_to_say() -> None:
    """A ladder without approaches has no such part."""
    assert section(view(())) is None
    assert objects(view(())) == []


@pytest.mark.parametrize("width", [40, 60, 78, 120])
def test_lines_fit(width: int) -> None:
    """No line is wider than asked for."""
    assert max(map(len, section_lines(section(view()), width, False))) <= width


def test_markdown_has_the_same_figures() -> None:
    """One row an approach with an a."""
    lines = section_markdown(section(view()))
    assert sum(line.startswith("| isoflop") for line in lines) == 2
    assert any("\\[0.500, 0.560\\]" in line or "[0.500, 0.560]" in line for line in lines)


def test_objects_keep_full_precision() -> None:
    """Exponents, factor, budgets and reasons by name; missing is null."""
    first, *_, last = objects(view())
    assert [first[key] for key in ("approach", "a", "a_interval", "ln_k")] == [
        "isoflop",
        0.53,
        [0.5, 0.56],
        -4.3,
    ]
    assert first["n_opt_at_c_max"] == size_at(APPROACHES[0], first["c_max"])
    assert first["budgets"][0]["refused"]["code"] == "isoflop-edge" and first["budgets"][0]["n_opt"] is None
    assert first["budgets"][1]["n_opt_interval"] == [5e7, 7e7]
    assert last["a"] is None and last["b"] is None and last["refused"]["code"] == "not-pooled"
