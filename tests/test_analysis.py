"""A ladder to its verdicts, on planted ladders and on the sample ladder."""

import math
from dataclasses import replace

import numpy as np
import pytest

from labbook import snapshot
from labbook.analysis import Analysis, Horizon, analyse, columns, drawable, in_front, inputs_digest
from labbook.choices import Choices
from labbook.ladder import build
from labbook.recipe import Candidate, Training
from labbook.resampling import resample, settle
from labbook.results import Results
from labbook.scaling.fit import fit
from labbook.scaling.predict import predict
from labbook.scaling.values import OwnGain, Refusal, Regime
from labbook.sensitivity import Rows, second_fit
from labbook.store import Notebook
from labbook.summary import Count, Level

KAPLAN = {"alpha_N": 0.076, "alpha_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}


def kaplan(N: float, D: float) -> float:
    """Kaplan et al. 2020, eq. 1.5, written out once more."""
    p = KAPLAN
    return ((p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D) ** p["alpha_D"]


def run(N: float, D: float, loss: float, name: str = "", **changes: object) -> Candidate:
    """A finished run with these N, D and loss."""
    known: dict[str, object] = {
        "run_id": name or f"{N:.3g}-{D:.3g}",
        "name": name or f"{N:.3g}-{D:.3g}",
        "folder": "/runs",
        "recipe": {"dataset": "planted", "unit": "nats/token"},
        "n": {"n_non_embedding": Count("n_non_embedding", N, "config", "n_params")},
        "tokens_seen": D,
        "unique_tokens": None,
        "finished": True,
        "unfinished_reason": "",
        "broken": None,
        "last": Level(loss, None, "val", "last", 1.0, 1),
        "minimum": Level(loss, None, "val", "min_val", 1.0, 1),
        "peak_lr": None,
        "batch": None,
    }
    return Candidate(**{**known, **changes})


@pytest.fixture(scope="module")
def members() -> list[Candidate]:
    """Five sizes by three token counts of Kaplan's law with his constants, noise 0.05 %."""
    rng = np.random.default_rng(3)
    sizes, ratios = (1e7, 3e7, 8.5e7, 2.5e8, 7e8), (3, 20, 130)
    return [
        run(N, N * r, kaplan(N, N * r) * math.exp(0.0005 * rng.standard_normal()))
        for N in sizes
        for r in ratios
    ]


@pytest.fixture(scope="module")
def analysis(members: list[Candidate]) -> Analysis:
    """The ladder of those runs with three unfinished ones judged at their horizons."""
    going = {"finished": False, "unfinished_reason": "40 % of 100 steps"}
    running = [run(8.5e7, 1e8, 4.0, name, **going) for name in ("model", "data", "early")]
    ladder = build("planted", [*members, *running])
    horizons = [
        Horizon("model", 8.5e7, 2.5e9, kaplan(8.5e7, 2.5e9)),
        Horizon("data", 8.5e7, 3e8, kaplan(8.5e7, 3e8)),
        Horizon("early", 8.5e7, 2.5e9, kaplan(8.5e7, 2.5e9) + 0.5),
    ]
    return analyse(ladder, horizons)


def test_planted_regimes_come_back(analysis: Analysis) -> None:
    """Where the truth is Kaplan's law with his constants (science.md 11.1)."""
    model, data = analysis.regimes["model"], analysis.regimes["data"]
    assert isinstance(model, Regime)
    assert isinstance(data, Regime)
    assert (model.label, data.label) == ("model-limited", "data-limited")
    assert model.pooled is not None
    assert model.pooled.p_model >= 0.95
    assert data.data_share == pytest.approx(0.7345, abs=0.02)


def test_a_run_whose_own_drop_exceeds_both_doublings_is_under_trained(analysis: Analysis) -> None:
    """Half a nat above where the ladder ends at its horizon."""
    early = analysis.regimes["early"]
    assert isinstance(early, Regime)
    assert early.label == "under-trained"
    assert early.remaining_drop == pytest.approx(0.5, abs=0.02)


def test_an_analysis_survives_the_notebook_and_draws_the_same_line(analysis: Analysis) -> None:
    """Encoded, decoded, fitted again for its handle: the same predictions."""
    again = snapshot.decode(snapshot.encode(analysis))
    assert again == analysis
    N, D = np.array([1e8, 5e9]), np.array([1e9, 1e11])
    before, after = drawable(analysis.view), drawable(again.view)
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(predict(after, N, D), predict(before, N, D), rtol=1e-12)


def test_an_unknown_snapshot_is_none() -> None:
    """What another release wrote is made anew, not misread."""
    for text in ("", "{", '{"_":"Gone","v":{}}', '{"_":"Level","v":{"wrong":1}}'):
        assert snapshot.decode(text) is None


def test_every_input_is_part_of_the_digest(members: list[Candidate]) -> None:
    """A changed loss, a run more, another horizon: another key."""
    ladder = build("planted", members)
    changed = build("planted", [*members[1:], run(1e7, 3e7, 4.0)])
    more = build("planted", [*members, run(5e7, 5e9, 3.0)])
    horizon = Horizon("x", 1e8, 1e9, 3.0)
    digests = {inputs_digest(x, h) for x in (ladder, changed, more) for h in ([], [horizon])}
    assert len(digests) == 6
    assert inputs_digest(build("planted", members[::-1]), []) == inputs_digest(ladder, [])


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([(N, 20 * N) for N in (1e7, 2e7, 4e7, 8e7, 1.6e8, 3.2e8, 6.4e8, 1.3e9)], "n-d-confounded"),
        ([(1e8, D) for D in (1e8, 3e8, 1e9, 3e9, 1e10, 3e10, 1e11, 3e11)], "unidentified"),
        ([(1e7, 1e8), (1e7, 1e9), (1e8, 1e8), (1e8, 1e9), (1e9, 1e10)], "too-few-rungs"),
    ],
    ids=["constant tokens per parameter", "one size", "five rungs"],
)
def test_a_ladder_that_cannot_tell_says_so_and_names_what_would(
    points: list[tuple[float, float]], code: str
) -> None:
    """No regime, a reason and a remedy, for every rung."""
    ladder = build("planted", [run(N, D, kaplan(N, D)) for N, D in points])
    found = analyse(ladder)
    for rung in found.view.rungs:
        assert rung.regime.label == "inconclusive"
        assert rung.regime.refused is not None
        assert rung.regime.refused.code == code
        assert rung.regime.refused.remedy


def test_one_rung_is_refused_with_what_to_do() -> None:
    """The others lack N: say how to supply it."""
    ladder = build(
        "planted", [run(1e7, 1e8, 3.0), run(1e8, 1e9, 3.0, "b", n={}), run(1e8, 2e9, 3.0, "c", n={})]
    )
    found = analyse(ladder)
    refused = found.regimes["b"]
    assert isinstance(refused, Refusal)
    assert found.view.refused is not None
    assert "labbook set" in found.view.refused.remedy


def test_other_choices_say_which_verdicts_they_would_change(on_sample: Analysis) -> None:
    """Tokens seen take two values here, so hardly a verdict survives; a law of C alone never gives one."""
    now = {r.name: r.regime.label for r in on_sample.view.rungs}
    for other in on_sample.view.alternatives:
        assert other.changes
        assert all(now[name] == before != then for name, before, then in other.changes)
    seen = next(a for a in on_sample.view.alternatives if "seen" in a.title)
    assert "balanced" not in {then for _, _, then in seen.changes}


def test_the_law_in_front_is_fitted_without_each_group(analysis: Analysis) -> None:
    """Sizes, budgets and bands of D/N; then without the largest losses and residuals, none of them first."""
    view, front = analysis.view, analysis.view.preferred
    assert front is not None
    assert {"N = 10M", "N = 700M", "D/N 1-5", "D/N >= 100"} <= {x.group for x in view.influence}
    assert [len(x.left_out) for x in view.drops] == [*range(9), *range(9)]
    assert view.drops[0].params == pytest.approx(front.params, rel=1e-4)
    top = max(view.rungs, key=lambda r: r.N * r.D)
    expected = predict(front, np.array([2 * top.N]), np.array([2 * top.D]))[0]
    assert view.drops[0].prediction == pytest.approx(expected, rel=1e-6)
    assert dict(view.method)["target"].startswith(f"N {2 * top.N:.6g}, D {2 * top.D:.6g}")


def test_the_second_fit_has_the_intervals_of_a_bootstrap(analysis: Analysis) -> None:
    """Huber's objective from 12 rungs on, with the same parameters shown."""
    front = analysis.view.preferred
    assert front is not None
    with Notebook.open(":memory:") as notebook:
        robust = settle(Results(notebook, lambda: 0.0), analysis.view).robust
    assert robust is not None
    assert (robust.law, robust.objective) == (front.law, "huber:0.001")
    assert robust.interval_method.startswith("bootstrap (500 draws, ")
    low, high = robust.intervals["a"]
    assert low < robust.derived["a"] < high
    assert robust.derived["a"] == pytest.approx(front.derived["a"], abs=0.02)


@pytest.mark.parametrize(
    ("n", "objective", "found", "method"),
    [
        (11, "auto", None, ""),
        (15, "least-squares-log", None, ""),
        (11, "huber:0.01", "huber:0.01", "delta-t"),
        (15, "least-squares-raw", "least-squares-raw", "delta-t"),
    ],
)
def test_the_second_objective_is_a_choice(
    members: list[Candidate], n: int, objective: str, found: str | None, method: str
) -> None:
    """None, or the law again."""
    rows = Rows(*columns(build("planted", members[:n]).rungs), weights=None)
    best = fit("kaplan", rows.N, rows.D, rows.L, objective="least-squares-log")
    second = second_fit(best, rows, objective)
    assert (second.objective if second else None) == found
    assert second is None or second.interval_method.startswith(method)


def test_laws_are_compared_by_least_squares_in_logs_whatever_is_asked_for(members: list[Candidate]) -> None:
    """The objective asked for is that of the fit beside."""
    view = analyse(build("planted", members[:9], Choices(objective="huber:0.01"))).view
    assert view.comparison is not None
    assert {fit.objective for fit in view.comparison.fits.values()} == {"least-squares-log"}
    assert view.robust is not None
    assert view.robust.objective == "huber:0.01"
    assert dict(view.method)["second objective"] == "huber:0.01 (asked for)"


def test_repeats_may_count_once(members: list[Candidate]) -> None:
    """Four equal repeats of one rung change the fit where all runs count alike, and not where cells do."""
    members = [replace(m, training=Training(seed="0")) for m in members]
    loss = members[0].last.value if members[0].last else 0.0
    more = [run(1e7, 3e7, loss, f"again-{i}", training=Training(seed=f"{i + 1}")) for i in range(4)]
    once = analyse(build("planted", [*members, *more], Choices(weights="repeats"))).view
    assert once.comparison is not None
    alone, alike = (columns(build("planted", runs).rungs) for runs in (members, [*members, *more]))
    for law in ("kaplan", "chinchilla"):
        expected = fit(law, *alone, objective="least-squares-log").params
        assert once.comparison.fits[law].params == pytest.approx(expected, rel=1e-6)
        assert fit(law, *alike, objective="least-squares-log").params != pytest.approx(expected, rel=1e-4)
    assert dict(once.method)["weights"].startswith("repeats: ")
    kept = snapshot.decode(snapshot.encode(once))
    again = drawable(kept)
    assert again is not None
    assert again.params == pytest.approx(kept.preferred.params, rel=1e-9)


def test_another_law_in_front_brings_what_is_said_of_it(analysis: Analysis) -> None:
    """Residuals of runs and refits are those of that law; also of a view out of the notebook."""
    view = analysis.view
    assert view.preferred is not None
    law = "chinchilla" if view.preferred.law != "chinchilla" else "kaplan"
    shown = in_front(snapshot.decode(snapshot.encode(view)), law)
    assert view.comparison is not None
    other = view.comparison.fits[law]
    assert shown.preferred == other
    assert [r.residual for r in shown.rungs] == pytest.approx(list(other.residuals), abs=1e-9)
    assert shown.influence[0].params.keys() == other.params.keys()
    assert shown.robust is not None
    assert shown.robust.law == law
    assert not [w for w in shown.warnings if w.code == "influential-group" and not w.text.startswith(law)]


def test_what_the_undertrained_rungs_do_is_said(members: list[Candidate], analysis: Analysis) -> None:
    """The exponent of compute of the law in front, with and without them; silent where there are none."""
    short = [run(N, N / 4, kaplan(N, N / 4)) for N in (8.5e7, 7e8)]
    view = analyse(build("planted", [*members, *short])).view
    front = view.preferred
    assert front is not None
    longer = [r for r in view.rungs if r.D >= r.N]
    assert len(longer) == 15
    then = fit(front.law, *columns(longer), objective="least-squares-log").derived["a"]
    said = [w.text for w in view.warnings if w.code == "very-undertrained-points"]
    assert f"{front.law}: Without D/N < 1, a moves from {front.derived['a']:.3f} to {then:.3f}." in said
    assert not [w for w in analysis.view.warnings if "D/N < 1" in w.text]


def test_an_export_resamples_every_admitted_law(analysis: Analysis) -> None:
    """And the second fit; a view out of the notebook gives the same figures, without drawing again."""
    view = analysis.view
    assert view.comparison is not None
    with Notebook.open(":memory:") as notebook:
        shown = resample(Results(notebook, lambda: 0.0), view)
        again = resample(Results(notebook, lambda: 1.0), snapshot.decode(snapshot.encode(view)))
    found = shown.resampled
    assert [x.law for x in found[:-1]] == list(view.comparison.admitted)
    assert found[-1].objective == "huber:0.001"
    assert shown.robust is not None
    assert shown.robust.intervals["a"] == found[-1].intervals["a"]
    for each in found[:-1]:
        law = view.comparison.fits[each.law]
        assert each.intervals.keys() == law.params.keys() | law.derived.keys()
        assert each.draws == 2000
        assert each.seed == view.comparison.digest
    assert again.resampled == found


def test_few_rungs_are_not_resampled(members: list[Candidate]) -> None:
    """Below 12 a bootstrap covers far less than it claims."""
    few = analyse(build("planted", members[:9], Choices(objective="huber:0.01"))).view
    with Notebook.open(":memory:") as notebook:
        shown = resample(Results(notebook, lambda: 0.0), few)
    assert shown.robust == few.robust
    assert shown.robust is not None
    assert shown.resampled == ()


@pytest.fixture(scope="module")
def on_sample(sample_runs) -> Analysis:
    """The sample ladder's analysis."""
    from labbook.store import Notebook
    from labbook.workbook import Workbook

    with Workbook(Notebook.open(":memory:")) as book:
        book.ingest([sample_runs])
        summary = book.summary()
        regimes = {r.run_id: r.regime for r in summary.runs}
        return Analysis(book.completed(summary.ladders[0]), regimes)


def test_a_runs_own_curve_stands_for_the_laws_gain_of_tokens(members: list[Candidate]) -> None:
    """A constant learning rate: the verdict says the curve's gain; under the unique reading it says nothing."""
    own = OwnGain(0.5, (0.4, 0.6), 100)
    first = replace(members[0], own_gain=own)
    view = analyse(build("planted", [first, *members[1:]])).view
    by_name = {r.name: r.regime for r in view.rungs}
    told, others = by_name.pop(first.name), list(by_name.values())
    assert told.pooled is not None
    assert (told.pooled.tokens_from, told.pooled.g_tokens, told.label) == ("curve", 0.5, "data-limited")
    assert {r.pooled.tokens_from for r in others if r.pooled is not None} == {"pool"}


def test_an_open_verdict_names_the_run_that_could_settle_it() -> None:
    """Noise of 4 % leaves verdicts open; each names a run, a settled one names none."""
    rng = np.random.default_rng(5)
    sizes, ratios = (1e7, 3e7, 8.5e7, 2.5e8), (3, 20, 130)
    runs = [
        run(N, N * r, kaplan(N, N * r) * math.exp(0.04 * rng.standard_normal())) for N in sizes for r in ratios
    ]
    regimes = [r.regime for r in analyse(build("planted", runs)).view.rungs]
    still_open = [r for r in regimes if r.label == "inconclusive"]
    assert still_open
    assert all(" tokens " in r.settle for r in still_open)
    assert all(not r.settle for r in regimes if r.label != "inconclusive")
