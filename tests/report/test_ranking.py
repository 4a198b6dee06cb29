"""Which law fits better: every figure in the sentence comes from the fits."""

import re

from labbook.report.laws import warning_lines
from labbook.report.method import all_warnings, json_key, method_rows
from labbook.report.ranking import aicc_difference, compare, sentences
from labbook.scaling.values import Fit, Refusal, Warned
from tests.report import values


def pair(kaplan: tuple[float, float | None], chinchilla: tuple[float, float | None]) -> dict[str, Fit]:
    """Both laws with the given (rms, AICc)."""
    return {
        "kaplan": values.fit("kaplan", 4, *kaplan),
        "chinchilla": values.fit("chinchilla", 5, *chinchilla),
    }


def test_sentence_compares_kaplan_with_chinchilla() -> None:
    """The figures are those of the two fits, in either direction."""
    kaplan, chinchilla = values.fit("kaplan", 4, 0.0061, -115.3), values.fit("chinchilla", 5, 0.019, -80.1)
    assert compare(kaplan, chinchilla) == (
        "kaplan fits better than chinchilla: rms 0.61 % against 1.9 %, AICc lower by 35.2, "
        "with one parameter fewer"
    )
    reverse = values.comparison(fits=pair((0.02, -70.0), (0.01, -90.5)), admitted=("kaplan", "chinchilla"))
    assert sentences(reverse)[0] == (
        "chinchilla fits better than kaplan: rms 1 % against 2 %, AICc lower by 20.5, with one parameter more"
    )


def test_orders_that_differ_are_told() -> None:
    """AICc one way, hold-out the other: both are given, and whom each prefers."""
    assert "The orders differ: by AICc kaplan, chinchilla" in sentences(values.comparison())[-1]
    same = values.comparison(
        holdout={"kaplan": (0.01, 0.02), "chinchilla": (0.02, 0.03)}, preferred_by_holdout="kaplan"
    )
    assert (
        sentences(same)[-1] == "AICc and the hold-out of the largest N agree on the order: kaplan, chinchilla"
    )


def test_errors_are_printed_until_they_differ() -> None:
    """`1.1 % against 1.1 %` would say nothing."""
    text = compare(values.fit("kaplan", 4, 0.0111, -10.0), values.fit("chinchilla", 5, 0.0112, -9.0))
    assert "rms 1.11 % against 1.12 %" in text


def test_a_law_ahead_by_fewer_parameters_alone_is_not_said_to_fit_better() -> None:
    """Larger rms, lower AICc: it is preferred, and both figures say why."""
    floor, general = values.fit("kaplan-floor", 5, 0.0113, -234.9), values.fit("general", 6, 0.0109, -233.3)
    assert compare(floor, general) == (
        "kaplan-floor is preferred to general: AICc lower by 1.6 with one parameter fewer, "
        "though rms is 1.13 % against 1.09 %"
    )


def test_warnings_come_from_the_comparison_and_the_law_in_front() -> None:
    """A fit that is not in front says nothing by itself; one put there by hand speaks under its name."""
    silent = values.fit("compute", 3, 0.05, -20.0, warnings=(Warned("at-bound:E", "E ran to 0."),))
    fits = {"kaplan": values.fit("kaplan", 4, 0.0061, -115.3), "compute": silent}
    found = [w.text for w in all_warnings(values.ladder(comparison=values.comparison(fits=fits)))]
    assert not any("E ran to 0" in text for text in found)
    in_front = values.ladder(comparison=values.comparison(fits=fits, preferred="compute"))
    assert "at-bound:E: compute: E ran to 0." in warning_lines(in_front)
    said = values.comparison(
        fits=fits, preferred="compute", warnings=(Warned("at-bound:E", "compute: E ran to 0."),)
    )
    assert sum("E ran to 0" in x for x in warning_lines(values.ladder(comparison=said))) == 1


def test_without_aicc_only_the_error_is_compared() -> None:
    """Too few rungs for AICc: no difference is made up."""
    small = values.comparison(fits=pair((0.01, None), (0.02, None)), holdout={})
    (sentence,) = sentences(small)
    assert sentence.startswith("kaplan against chinchilla: rms 1 % against 2 %")
    assert "AICc lower" not in sentence
    assert aicc_difference(small, "kaplan") is None


def test_difference_is_to_the_least() -> None:
    """The best law has 0, the others what they lack."""
    found = {law: aicc_difference(values.comparison(), law) for law in ("kaplan", "kaplan-floor", "power")}
    assert found["kaplan"] == 0.0
    assert found["kaplan-floor"] is not None and abs(found["kaplan-floor"] - 5.1) < 1e-9
    assert found["power"] is None


def test_method_block_says_each_key_once() -> None:
    """The ladder's own words come first; what the values add follows under new keys."""
    rows = method_rows(values.ladder(), (("date", "today"),))
    keys = [key for key, _ in rows]
    assert keys[0] == "date"
    assert len(keys) == len(set(keys))
    assert dict(rows)["D reading"] == "unique: Kaplan's D"
    assert len({json_key(key) for key in keys}) == len(keys)


def test_method_block_without_a_fit_keeps_the_refusal() -> None:
    """Nothing fitted: runs, readings and the reason."""
    rows = dict(method_rows(values.ladder(comparison=None, refused=Refusal("too-few-rungs", "3 rungs"))))
    assert rows["status"] == "too-few-rungs: 3 rungs"
    assert "law" not in rows


def test_json_keys_are_plain_words() -> None:
    """Words joined by underscores; N and C are conventions, not the number of rungs."""
    assert [json_key(k) for k in ("corr(ln N, ln D)", "D reading", "N", "C", "range of D/N")] == [
        "corr_ln_n_ln_d", "d_reading", "n_convention", "c_convention", "range_of_d_n",
    ]  # fmt: skip
    assert all(re.fullmatch(r"[a-z0-9_]+", json_key(k)) for k, _ in method_rows(values.ladder()))
