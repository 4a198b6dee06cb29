"""A ladder's runs to the law of size and steps: which of them count, by what steps, and who is behind."""

from dataclasses import replace

import numpy as np
import pytest

from labbook.analysis import bare_view
from labbook.ladder import build
from labbook.recipe import Candidate, Training
from labbook.scaling.batch import CRITICAL_BATCH, StepsFit, StepsReading, batch_cost, critical_batch
from labbook.scaling.compare import compare
from labbook.scaling.laws.kaplan_steps import PUBLISHED, kaplan_steps_loss
from labbook.scaling.values import Refusal
from labbook.steps import StepsView, steps_of
from tests.test_ladder import candidate, level

BATCH = 5e5
SIZES, LENGTHS = (1e7, 3e7, 1e8, 3e8), (1e4, 3e4, 1e5)


def law(N: float, S: float) -> float:
    """Loss of the planted law."""
    return float(kaplan_steps_loss(np.array([N]), np.array([S]), PUBLISHED)[0])


def run(N: float, S: float, *, excess: float = 0.0, batch: float = BATCH, **changes: object) -> Candidate:
    """A finished run of S_min = S steps, with the losses of the planted law and a lower minimum on its way."""
    name = f"{N:.0e}-{S:.0e}-{batch:.0e}"
    loss = law(N, S) * (1.0 + excess)
    return candidate(name, N, S * batch, loss, **{"training": Training(steps=S), **changes})


def members() -> list[Candidate]:
    """A grid of one batch."""
    return [run(N, S) for N in SIZES for S in LENGTHS]


def stepped(runs: list[Candidate], critical: dict[str, float] | None = None) -> StepsView:
    """Of the ladder those runs are; with its laws of N and D where D is the size of the data set."""
    ladder = build("books", runs)
    view = bare_view(ladder)
    if ladder.d_reading == "unique":
        columns = ([getattr(r, x) for r in ladder.rungs] for x in ("N", "D", "loss"))
        view = replace(view, comparison=compare(*columns))
    return steps_of(ladder, view, critical)


def test_steps_and_the_final_loss_give_the_planted_law_back() -> None:
    """Batches that agree: S stands for S_min; not the lowest loss of a run, nor its tokens."""
    view = stepped(members())
    assert isinstance(view.found, StepsFit)
    assert view.found.law.params == pytest.approx(PUBLISHED, rel=1e-6)
    assert {(rung.B, rung.B_crit, rung.C_min) for rung in view.rungs} == {(BATCH, None, None)}
    assert all(abs(rung.residual) < 1e-9 for rung in view.rungs)
    assert view.found.exponents == {}
    assert stepped(members()[::-1]) == view


def with_batches() -> list[Candidate]:
    """The grid in two batches, each run as long as its batch makes it."""
    runs = []
    for i, plain in enumerate(members()):
        assert plain.last is not None
        batch = BATCH * (1 + i % 2)
        cost = float(batch_cost([batch], critical_batch([plain.last.value], CRITICAL_BATCH))[0][0])
        steps = (plain.training.steps or 0.0) * cost
        runs.append(replace(plain, tokens_seen=steps * batch, training=Training(steps=steps)))
    return runs


def test_batches_that_differ_need_the_critical_batch() -> None:
    """S_min by equation 5.4, C_min by 5.5; without the critical batch there is no law."""
    view = stepped(with_batches(), CRITICAL_BATCH)
    assert isinstance(view.found, StepsFit)
    assert view.found.law.params == pytest.approx(PUBLISHED, rel=1e-6)
    assert sorted(rung.S_min for rung in view.rungs) == pytest.approx(sorted(LENGTHS * len(SIZES)))
    for rung in view.rungs:
        assert rung.B_crit is not None
        assert rung.C_min == pytest.approx(6 * rung.N * rung.S_min * rung.B_crit)  # E_min = B_crit S_min
    assert view.found.intervals.keys() == {"loss", "N", "B", "S", "D"}
    assert [w.code for w in view.warnings if w.code == "published-constants"] == ["published-constants"]
    refused = stepped(with_batches()).found
    assert isinstance(refused, Refusal)
    assert refused.code == "batch-differs"
    assert "500K to 1M tokens" in refused.text


def once_and_again() -> list[Candidate]:
    """The grid on data seen once, and runs of 4 epochs that end 6 % above the law of unlimited data."""
    once = [replace(m, unique_tokens=m.tokens_seen) for m in members()]
    return [*once, *(run(N, 5e4, excess=0.06, unique_tokens=5e4 * BATCH / 4) for N in SIZES)]


def test_runs_that_repeat_their_data_are_left_out_where_the_others_will_do() -> None:
    """The law is that of the grid; what data costs stands in the residuals, and S_stop can be told."""
    view = stepped(once_and_again())
    assert isinstance(view.found, StepsFit)
    assert view.found.law.params == pytest.approx(PUBLISHED, rel=1e-6)
    out = [rung for rung in view.rungs if not rung.is_used]
    assert [rung.N for rung in out] == list(SIZES)
    assert all(np.isclose(rung.residual, np.log(1.06)) for rung in out)
    assert all(rung.S_stop is not None and rung.penalty is not None for rung in view.rungs)
    assert view.unlimited is not None
    warned = next(w for w in view.warnings if w.code == "repeated-data")
    assert "4 of 16 rungs repeat theirs, up to 4 epochs: they are left out" in warned.text


def test_where_every_run_repeats_its_data_the_warning_says_that_the_premise_fails() -> None:
    """There is a fit, without a stopping step."""
    view = stepped([replace(m, unique_tokens=(m.tokens_seen or 0.0) / 4) for m in members()])
    assert isinstance(view.found, StepsFit)
    assert "12 of 12 rungs" in view.warnings[0].text
    assert all(rung.is_used and rung.S_stop is None and rung.penalty is not None for rung in view.rungs)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"training": Training()}, "no-steps"),
        ({"tokens_seen": None, "unique_tokens": 1e12}, "no-tokens"),
        ({"last": None, "unique_tokens": 1e12}, "no-loss"),
    ],
)
def test_a_rung_without_steps_batch_or_loss_is_named(changes: dict[str, object], code: str) -> None:
    """The law is refused, with the names of the runs."""
    runs = [replace(m, unique_tokens=(m.tokens_seen or 0.0) / 4) for m in members()]
    refused = stepped([*runs, run(2e7, 2e4, **{"unique_tokens": 1e9, **changes})]).found
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert "2e+07-2e+04-5e+05" in refused.text


def test_too_few_runs_are_refused() -> None:
    """Four runs for four parameters, and a ladder without any finished run."""
    few = stepped(members()[:4]).found
    none = stepped([replace(m, finished=False) for m in members()]).found
    assert isinstance(few, Refusal)
    assert isinstance(none, Refusal)
    assert few.code == none.code == "too-few-rungs"


def test_unfinished_runs_are_held_to_the_law_at_equal_steps() -> None:
    """10 % above it is under-trained, on it is not; in its warm-up no run is judged."""
    rng = np.random.default_rng(5)
    noisy = [run(N, S, excess=0.002 * rng.standard_normal()) for N in SIZES for S in LENGTHS]
    waiting = {"finished": False, "unfinished_reason": "40 % of 1e5 steps"}
    noisy += [
        run(1e8, 4e4, excess=0.1, **waiting),
        run(3e8, 4e4, **waiting),
        run(3e7, 2e3, **{**waiting, "training": Training(steps=2e3, warmup=3e3)}),
        run(1e7, 4e4, **{**waiting, "training": Training()}),
        run(1e7, 5e4, broken="nan from step 7", last=level(9.0)),
    ]
    view = stepped(noisy)
    found = {x.name: x.found for x in view.unfinished}
    assert list(found) == ["1e+08-4e+04-5e+05", "3e+07-2e+03-5e+05", "3e+08-4e+04-5e+05"]
    behind, warming, level_with = found.values()
    assert isinstance(behind, StepsReading)
    assert isinstance(level_with, StepsReading)
    assert (behind.is_under_trained, level_with.is_under_trained) == (True, False)
    assert behind.expected == pytest.approx(law(1e8, 4e4), rel=0.01)
    assert isinstance(warming, Refusal)
    assert warming.code == "too-early"
