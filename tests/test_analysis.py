"""A ladder to its verdicts, on planted ladders and on the sample ladder."""

import math

import numpy as np
import pytest

from labbook import snapshot
from labbook.analysis import Analysis, Horizon, analyse, drawable, inputs_digest
from labbook.ladder import build
from labbook.recipe import Candidate
from labbook.scaling.predict import predict
from labbook.scaling.values import Refusal, Regime
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


@pytest.fixture(scope="module")
def on_sample(sample_runs) -> Analysis:
    """The sample ladder's analysis."""
    from labbook.store import Notebook
    from labbook.workbook import Workbook

    with Workbook(Notebook.open(":memory:")) as book:
        book.ingest([sample_runs])
        summary = book.summary()
        regimes = {r.run_id: r.regime for r in summary.runs}
        return Analysis(summary.ladders[0], regimes)
