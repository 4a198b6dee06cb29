"""The regime messages of science.md 5.5: shape, units, width."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbook.report.cells import cell_width
from labbook.report.objects import regime_object
from labbook.report.verdict import probability, regime_line
from labbook.scaling.values import Gains, Refusal, Regime
from labbook.summary import Level
from tests.report import values


def limited(label: str, s_D: float, **changes: object) -> Regime:
    """A regime of that label and data share with the given gains."""
    return values.regime(label, pooled=values.gains(label, **changes), data_share=s_D)


SPEC = {
    "data-limited (93%), s_D .73: 2x tokens -.041 [-.052,-.031], 2x params -.012": limited(
        "data-limited", 0.73
    ),
    "model-limited (88%), s_D .21: 2x params -.18 [-.21,-.15], 2x tokens -.03": limited(
        "model-limited", 0.21, p_model=0.88, g_params=0.18, g_params_interval=(0.15, 0.21), g_tokens=0.03
    ),
    "balanced (81%), s_D .48: 2x tokens -.06, 2x params -.06; more compute helps": limited(
        "balanced", 0.48, p_balanced=0.81, g_tokens=0.06, g_params=0.06
    ),
    "under-trained: 38% done, own remaining drop -.21 exceeds either doubling; wait": values.regime(
        "under-trained", remaining_drop=0.21
    ),
    "inconclusive: one D per N (corr .97); 124M at 3x tokens would separate N and D": values.regime(
        "inconclusive", pooled=None, refused=values.GATE
    ),
    "repeat-limited, data-limited (90%), s_D .81: validation minimum at 23% of run": values.regime(
        "data-limited", pooled=values.gains(p_data=0.9), data_share=0.81, repeat_limited=True
    ),
}


@pytest.mark.parametrize(("line", "regime"), SPEC.items(), ids=[x.split(":")[0] for x in SPEC])
def test_messages_have_the_shape_of_the_specification(line: str, regime: Regime) -> None:
    """Each message of 5.5, from values that hold its figures, in 78 columns."""
    run = values.run(frac=0.38, step=1000.0, minimum=Level(1.2, None, "val", "min_val", 230.0, 30))
    assert regime_line(regime, run, "nats/token") == line
    assert cell_width(line) <= 78


def test_other_units_are_named() -> None:
    """Only nats per token go without their unit."""
    regime = limited("data-limited", 0.73)
    assert regime_line(regime, None, "bits/byte").endswith(" bits/B")
    assert "[-.052,-.031]" in regime_line(regime, None, "bits/byte"), "the interval outlives the long words"
    assert "bits" not in regime_line(regime, None, "nats/token")


def test_form_dependence_is_said() -> None:
    """Where one form alone gives another label the line says so."""
    line = regime_line(values.regime(form_dependent=True), None, "nats/token")
    assert line.startswith("data-limited (93%, form-dependent), s_D .73: ")


def test_data_share_is_shown_only_where_kaplans_form_is_pooled() -> None:
    """A share of a law without a vote says nothing of the verdict beside it."""
    without = values.regime(by_form={"chinchilla": values.gains()})
    assert regime_line(without, None, "nats/token").startswith("data-limited (93%): 2x tokens")
    assert ", s_D .73" in regime_line(values.regime(), None, "nats/token")
    assert regime_object(without)["data_share"] == 0.73


def test_probabilities_are_never_rounded_to_certainty() -> None:
    """.999 is not 100 %."""
    regime = limited("data-limited", 0.73, p_data=0.999)
    assert regime_line(regime, None, "nats/token").startswith("data-limited (>99%)")
    assert probability(regime) == 0.999


def test_repeat_limited_never_advises_tokens_without_fresh() -> None:
    """Tokens seen again are not what 2x tokens would buy."""
    regime = values.regime(repeat_limited=True)
    line = regime_line(regime, values.run(epochs=16.0), "nats/token", 200)
    assert "16 epochs" in line and "2x fresh tokens -.041" in line
    assert "2x tokens" not in line


def test_the_doubling_that_helps_more_leads() -> None:
    """Also behind the prefix, and where the line has room for one gain only."""
    regime = values.regime("model-limited", repeat_limited=True)
    assert regime_line(regime, values.run(), "nats/byte").endswith("4 epochs; 2x params -.012 nats/B")
    assert ": 2x N -.012" in regime_line(values.regime("model-limited"), None, "nats/token", 52)


def test_split_probabilities_are_shown() -> None:
    """Inconclusive without a refusal: no label reaches .8, and the three shares say so."""
    regime = values.regime(
        "inconclusive", pooled=values.gains("inconclusive", p_data=0.5, p_balanced=0.45, p_model=0.05)
    )
    line = regime_line(regime, None, "nats/token", 120)
    assert line == "inconclusive: data 50%, balanced 45%, model 5%; 2x tokens -.041, 2x params -.012"


def test_a_refusal_gives_reason_and_remedy() -> None:
    """No regime: the sentence, then what would settle it."""
    line = regime_line(Refusal("no-params", "N is not known", "labbook set RUN n=124M"), None, "nats/token")
    assert line == "no regime: N is not known; labbook set RUN n=124M"


numbers = st.floats(allow_nan=True, allow_infinity=True)
LABELS = ("data-limited", "model-limited", "balanced", "under-trained", "inconclusive")


@given(
    label=st.sampled_from(LABELS),
    figures=st.lists(numbers, min_size=10, max_size=10),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    unit=st.sampled_from(["nats/token", "nats/byte", "bits/token", "bits/byte", "other"]),
    width=st.integers(20, 160),
)
def test_one_line_within_the_width_whatever_the_figures(
    label: str, figures: list[float], flags: tuple[bool, bool, bool], unit: str, width: int
) -> None:
    """Any figures, missing or not finite, give one line no wider than asked that begins with its label."""
    a, b, c, d, e, f, g, h, i, j = figures
    pooled = Gains(a, (b, c), d, (e, f), g, h, i, j, label) if flags[0] else None
    regime = Regime(label, 1.0, 1.0, pooled, {}, j, None, None, flags[1], repeat_limited=flags[2])
    line = regime_line(regime, values.run(), unit, width)
    assert cell_width(line) <= width
    assert "\n" not in line
    assert label[:10] in line or flags[2]


def test_gains_that_would_hurt_keep_their_sign() -> None:
    """A negative gain prints as a rise of the loss."""
    regime = values.regime(pooled=replace(values.gains(), g_params=-0.003))
    assert "2x params .003" in regime_line(regime, None, "nats/token", 120)
