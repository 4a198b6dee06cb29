"""What can mislead a fit: each pitfall fires on a ladder made for it and is silent on a clean one."""

from collections.abc import Mapping
from dataclasses import astuple, replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from labbook.ladder import build, choose_n_kind
from labbook.logs.config import Config
from labbook.logs.schedule import Planned, planned_schedule
from labbook.measure import measure_all
from labbook.pitfalls import duplicates, no_rungs, pitfalls, unannealed
from labbook.recipe import Candidate, Training, group, ladder_keys
from labbook.records import Curve, Said, Scalar
from labbook.rung import Rung
from labbook.scaling.values import Warned
from labbook.store import Notebook
from labbook.summary import Count, Level
from labbook.triage.level import mean_last_5pct
from labbook.triage.rate import fall_within, last_rate, warm_up
from labbook.views import candidate as candidate_of
from labbook.views import known, resolve_run
from labbook.workbook import Workbook

COSINE = Training(steps=1000, top_lr=1e-3, last_lr=1e-4, end_lr=1e-4, warmup=20, decay=1000, seed="1")
"""A run that ended where its schedule does."""


def run(name: str, N: float = 1e6, D: float = 2e7, loss: float = 3.0, **changes: object) -> Candidate:
    """A finished single-epoch run, tuned by size and fully logged."""
    made = Candidate(
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
        last=Level(loss, None, "val", "last", 1000.0, 1),
        minimum=Level(loss, None, "val", "min_val", 1000.0, 1),
        peak_lr=1e-3 / N,
        batch=32.0,
        training=COSINE,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def trained(name: str, N: float = 1e6, D: float = 2e7, loss: float = 3.0, **changes: object) -> Candidate:
    """Such a run whose training differs."""
    return run(name, N, D, loss, training=replace(COSINE, **changes))  # type: ignore[arg-type]


def clean() -> list[Candidate]:
    """Three sizes, two lengths, nothing to be said against them."""
    sizes = (1e6, 3e6, 1e7)
    return [run(f"r{N:.0e}-{D:.0e}", N, D, 4 - 0.1 * i) for i, N in enumerate(sizes) for D in (2e7, 1e8 + N)]


def found(members: list[Candidate], **how: object) -> Mapping[str, Warned]:
    """The pitfalls of a ladder by code."""
    reading = str(how.pop("reading", "seen"))
    kind = choose_n_kind(members)
    ladder = build("k", members)
    wanted = {r.run_id: r for r in ladder.rungs}
    warnings = pitfalls(members, list(wanted.values()), kind, reading, **how)  # type: ignore[arg-type]
    return {w.code: w for w in warnings}


def test_a_clean_ladder_has_no_pitfall() -> None:
    """Nothing fires where everything is known and as it should be."""
    assert found(clean()) == {}


def test_what_the_logs_do_not_say_is_no_pitfall() -> None:
    """Bare rows of a table: N, D and a loss each."""
    bare = [replace(m, training=Training(), batch=None) for m in clean()]
    assert found(bare) == {}


def moe(name: str, N: float = 2e6) -> Candidate:
    """A mixture of experts."""
    counts = {
        kind: Count(kind, N * f, "config", "config") for kind, f in (("n_non_embedding", 8), ("n_active", 1))
    }
    return run(name, n=counts)


def total_only(name: str) -> Candidate:
    """A run whose N is known with embeddings alone."""
    return run(name, n={"n_total": Count("n_total", 2e6, "config", "config")})


def uncounted(name: str, N: float) -> Candidate:
    """A run of whose N nobody says what it counts."""
    return run(name, n={"n_other": Count("n_other", N, "printed", "line 1")})


def heavy(name: str) -> Candidate:
    """A run of mostly embeddings."""
    kinds = {"n_non_embedding": 5e5, "n_total": 1e6}
    return run(name, n={kind: Count(kind, value, "config", "config") for kind, value in kinds.items()})


def loss_of(series: str, estimator: str, se: float | None = None, n: int = 1) -> Level:
    """A final loss."""
    return Level(3.3, se, series, estimator, 1000.0, n)


CASES: list[tuple[str, list[Candidate], str]] = [
    ("n-convention-mixed", [total_only("odd")], "odd"),
    ("embedding-heavy", [heavy("small")], "50% of small"),
    ("repeated-data", [run("twice", unique_tokens=1e7)], "2 epochs in twice"),
    ("epochs-high", [run("often", unique_tokens=2e6)], "10 epochs in often"),
    ("very-undertrained-points", [run("wide", N=1e8)], "1 of 7 rungs"),
    ("lr-unknown", [run("a", D=5e7, peak_lr=None), run("b", D=5e7, loss=3.1)], ": a."),
    ("long-warmup", [trained("slow", warmup=250, D=5e7)], ": slow."),
    ("moe-mixed", [moe("mixture")], "with experts mixture"),
    ("loss-mixed", [run("t", D=5e7, last=loss_of("train", "mean_last_5pct"))], "(mean_last_5pct) of t"),
    ("loss-mixed", [run("u", D=5e7, assumed=frozenset({"unit"}))], "unit assumed for u"),
    ("token-count-doubtful", [trained("d", D=5e7, token_doubt="the counter says 2M")], ": d."),
    ("noisy-final-loss", [trained("one", D=5e7, readings=1)], "a single evaluation of one"),
    ("noisy-final-loss", [run("rough", D=5e7, last=loss_of("val", "last", 0.01))], "seeds' 0.05 % in rough"),
    ("broken-run", [run("hot", broken="nan", training=replace(COSINE, broken_at=412.0))], "step 412 (hot)"),
    ("broken-run", [run("lost", broken="the log says it failed")], "lost (the log says it failed)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "more", "says"), CASES, ids=[f"{c}-{i}" for i, (c, *_) in enumerate(CASES)])
def test_each_pitfall_fires_on_a_ladder_made_for_it(code: str, more: list[Candidate], says: str) -> None:
    """One odd run among clean ones, named in the sentence; no other pitfall fires beside it."""
    warnings = found([*clean(), *more])
    assert says in warnings[code].text
    beside = {"very-undertrained-points"} if code == "moe-mixed" else set()
    assert set(warnings) <= {code} | beside


def test_it_is_said_where_nobody_knows_what_n_counts() -> None:
    """Sizes out of names alone."""
    members = [uncounted(f"x{i}", 1e6 * i) for i in (1, 3, 9)]
    assert "n-convention-unknown" in found(members)


def test_one_rate_for_all_sizes_is_not_tuned_unless_another_was_tried() -> None:
    """A sweep at one size is enough to say that it was looked for."""
    same = [replace(m, peak_lr=1e-3) for m in clean()]
    assert set(found(same)) == {"lr-not-tuned"}
    swept = replace(same[0], run_id="hot", name="hot", peak_lr=3e-3, last=loss_of("val", "last"))
    assert found([*same, swept]) == {}


def test_losses_of_different_evaluation_sets_are_not_comparable() -> None:
    """Named sets differ; a set without a name may be any."""
    named = [replace(m, last=replace(m.last, series="val:c4")) for m in clean() if m.last]
    assert found(named) == {}
    other = run("pile", D=5e7, last=loss_of("val:pile", "last"))
    assert "val:c4, val:pile" in found([*named, other])["loss-mixed"].text


def test_flop_counters_that_part_by_a_tenth_are_counted_differently() -> None:
    """The same factor on all is one convention; attention and head weigh more in small models."""
    alike = [
        replace(m, training=replace(COSINE, flops=6.6 * size_of(m) * (m.tokens_seen or 0))) for m in clean()
    ]
    assert found(alike) == {}
    odd = [*alike[1:], replace(alike[0], training=replace(COSINE, flops=8.8 * size_of(alike[0]) * 2e7))]
    text = found(odd)["flop-convention-mixed"].text
    assert "up to 33 %" in text
    assert odd[-1].name in text


def size_of(m: Candidate) -> float:
    """Its N."""
    return m.n["n_non_embedding"].value


def test_a_mean_under_a_falling_rate_reads_high() -> None:
    """Where the rate falls by over 1 % of its peak within the mean, and only of means."""
    mean = loss_of("train", "mean_last_5pct", None, 100)
    for fall, fires in ((0.05, True), (0.005, False), (None, False)):
        members = [replace(m, last=mean, training=replace(COSINE, lr_fall=fall)) for m in clean()]
        assert ("loss-reads-high" in found(members)) is fires


def test_rows_of_one_run_at_different_tokens_are_a_cluster() -> None:
    """The second row of a name in a table is called `a (2)`; the same tokens would be a repeat."""
    rows = [run("a", D=2e7), run("a (2)", D=4e7), run("a (3)", D=8e7)]
    assert found([*clean()[2:], *rows])["clustered-points"].text.endswith(": a.")
    assert "clustered-points" not in found([*clean()[2:], run("a", D=5e7), run("a (2)", D=5e7, loss=3.1)])


def test_a_rung_that_stands_twice_is_counted_once() -> None:
    """Equal N, D and loss; another seed, rate or loss is a run of its own."""
    one = run("a")
    rungs = build("k", [one, *clean()[1:]]).rungs
    twin = replace(rungs[0], run_id="b", name="b", loss=rungs[0].loss * (1 + 5e-7), D=rungs[0].D * 1.005)
    first = next(m for m in [one, *clean()[1:]] if m.run_id == rungs[0].run_id)
    kept, copies = duplicates([*rungs, twin], [one, *clean()[1:], replace(first, run_id="b", name="b")])
    assert [(c.name, same.name) for c, same in copies] == [("b", rungs[0].name)]
    assert [r.name for r in kept] == [r.name for r in rungs]
    for changes in ({"training": replace(COSINE, seed="2")}, {"peak_lr": 1.0}, {"batch": 64.0}):
        other = replace(first, run_id="b", name="b", **changes)  # type: ignore[arg-type]
        assert duplicates([*rungs, twin], [one, *clean()[1:], other])[1] == []
    elsewhere = replace(twin, loss=twin.loss * 1.00001)
    assert duplicates([*rungs, elsewhere], [one, *clean()[1:], replace(first, run_id="b", name="b")])[1] == []
    said = found([one, *clean()[1:]], copies=[Rung("b", "b", 1e6, 2e7, 0.0, 3.0, twin.level)])
    assert said["duplicate-points"].text == "Counted once: b."


def test_runs_above_their_planned_end_are_unannealed() -> None:
    """By the plan of the run itself; a twentieth of the way is forgiven."""
    members = [*clean(), trained("cut", last_lr=5e-4), trained("near", last_lr=1.2e-4)]
    assert list(unannealed(members, "seen")) == ["cut"]
    assert "planned 0.0001" in unannealed(members, "seen")["cut"]


def test_without_a_plan_the_other_runs_say_where_a_schedule_ends() -> None:
    """One at 60 % of its peak among runs that fell to a tenth; a tenth and a little is an end."""
    others = [replace(m, training=replace(COSINE, end_lr=None)) for m in clean()]
    members = [
        *others,
        trained("cut", end_lr=None, last_lr=6e-4),
        trained("near", end_lr=None, last_lr=1.08e-4),
    ]
    assert list(unannealed(members, "seen")) == ["cut"]
    assert "60%" in unannealed(members, "seen")["cut"]
    rungs = [r for r in build("k", members).rungs if r.name != "cut"]
    warned = {w.code: w.text for w in pitfalls(members, rungs, "n_non_embedding", "seen")}
    assert warned["unannealed-points"].endswith("left out: cut.")


def test_a_constant_rate_is_finished_anywhere() -> None:
    """In a ladder of constant rate; among decayed runs it is above their end."""
    constant = [replace(m, training=replace(COSINE, last_lr=1e-3, end_lr=None)) for m in clean()]
    assert unannealed(constant, "seen") == {}
    leftover = [replace(m, training=replace(COSINE, last_lr=1e-3)) for m in clean()]
    assert unannealed(leftover, "seen") == {}
    odd = replace(constant[0], run_id="odd", name="odd")
    decayed = [replace(m, training=replace(COSINE, end_lr=None)) for m in clean()]
    assert list(unannealed([*decayed, odd], "seen")) == ["odd"]


def test_without_a_logged_rate_the_length_of_the_decay_decides() -> None:
    """A run that ended at a third of its cosine is inside it, unless it is past its minimum."""
    cut = trained("cut", last_lr=None, steps=24000, decay=72000)
    whole = [replace(m, training=replace(COSINE, last_lr=None)) for m in clean()]
    assert unannealed([*whole, cut], "seen") == {"cut": "ended at step 24000 of a decay of 72000"}
    assert unannealed([*whole, replace(cut, rises_again=True)], "unique") == {}
    assert list(unannealed([*whole, replace(cut, rises_again=True)], "seen")) == ["cut"]
    for out in ({"finished": False}, {"broken": "nan"}, {"set_aside": "by hand"}):
        assert unannealed([*whole, replace(cut, **out)], "seen") == {}  # type: ignore[arg-type]


def test_one_horizon_needs_two_lengths_and_a_longer_decay() -> None:
    """Runs of one length are a ladder in N; a decay that ends with the longest run is that run's own."""

    def ladder(steps: tuple[float, ...], decay: float) -> list[Candidate]:
        lengths = {m.run_id: steps[i % len(steps)] for i, m in enumerate(clean())}
        train = replace(COSINE, last_lr=None, end_lr=None, decay=decay)
        return [replace(m, training=replace(train, steps=lengths[m.run_id])) for m in clean()]

    long = ladder((10000, 20000), 72000)
    assert unannealed(long, "seen") == {}
    assert "72000 steps in every run" in found(long)["one-horizon"].text
    assert set(unannealed(ladder((10000, 72000), 72000), "seen")) == {m.run_id for m in clean()[::2]}
    assert len(unannealed(ladder((10000,), 72000), "seen")) == len(clean())
    assert "one-horizon" not in found(ladder((10000,), 10000))


def test_dense_runs_and_mixtures_are_two_ladders() -> None:
    """Where the log says that a run is dense; one that says nothing joins either and is warned of."""
    dense = [trained(f"d{i}", has_experts=False) for i in range(2)]
    mixtures = [moe(f"m{i}") for i in range(2)]
    groups = group([*dense, *mixtures])
    assert sorted(sorted(m.name for m in g) for g in groups) == [["d0", "d1"], ["m0", "m1"]]
    assert sorted(ladder_keys(groups)) == ["books", "books-moe"]
    assert len(group([run("d0"), run("d1"), *mixtures])) == 1


def said(config: dict[str, Scalar]) -> Said:
    """One source with that configuration."""
    return Said("log", "x", "", None, config, "", (), {}, "optimizer", 0, 0.0, "unknown", "")


@pytest.mark.parametrize(
    ("config", "plan"),
    [
        ({"min_lr": 6e-5, "warmup_iters": 0, "lr_decay_iters": 600000}, Planned(6e-5, 0.0, 600000.0)),
        ({"min_lr": 6e-5, "decay_lr": False, "lr_decay_iters": 600000}, Planned(None, None, None)),
        ({"learning_rate": 1e-3, "min_lr_ratio": 0.1, "warmup_ratio": 0.05}, Planned(1e-4, 50.0, None)),
        ({"lr_scheduler_type": "cosine", "warmup_steps": 0, "warmup_ratio": 0.1}, Planned(None, 100.0, 1000.0)),
        ({"lr_scheduler_type": "constant_with_warmup", "num_warmup_steps": 7}, Planned(None, 7.0, None)),
        ({"model": "x"}, Planned()),
    ],
)  # fmt: skip
def test_the_plan_of_a_learning_rate_is_read_from_configurations(
    config: dict[str, Scalar], plan: Planned
) -> None:
    """As nanoGPT, Hugging Face and others name it, for a plan of 1000 updates."""
    read = planned_schedule(Config([said(config)]), 1000.0)
    assert astuple(read) == pytest.approx(astuple(plan), nan_ok=True)


def curve(series: str, step: np.ndarray, value: np.ndarray) -> Curve:
    """A curve without clocks or counters."""
    none = np.full(len(step), np.nan)
    return Curve(
        series, step.astype(float), value.astype(float), none, none, none, np.zeros(len(step), np.int64)
    )


def test_the_logged_rate_says_where_it_ended_and_how_long_it_rose() -> None:
    """Warm-up of 100 steps, then a line to a tenth of the peak."""
    step = np.arange(0, 1001, 10)
    rate = curve("lr", step, np.where(step < 100, step / 100, 1 - 0.9 * (step - 100) / 900))
    loss = curve("train", step, 4 - step / 1000)
    assert last_rate(rate, [loss]) == pytest.approx(0.1)
    assert warm_up(rate) == 100
    half = step <= 500
    early = curve("lr", step[half], rate.value[half])
    assert last_rate(early, [loss]) is None
    assert warm_up(curve("lr", step[20:], rate.value[20:])) is None
    level = mean_last_5pct(loss)
    assert level is not None
    assert fall_within(level, loss, rate) == pytest.approx(0.001 * (level.n - 1) * 10)
    assert fall_within(replace(level, estimator="last"), loss, rate) is None


def candidates(folder: Path) -> list[Candidate]:
    """The runs under a folder, as ladders see them."""
    with Workbook(Notebook.open(":memory:"), roots=[folder]) as book:
        book.ingest([folder])
        stored = {run.run_id: (run, resolve_run(run)) for run in book.notebook.runs()}
        measured = measure_all(book.notebook, stored)
    return [candidate_of(known(*pair, measured[run_id])) for run_id, pair in stored.items()]


def test_the_sample_ladder_has_its_known_pitfalls_and_no_other(sample_runs: Path, tmp_path: Path) -> None:
    """Small models with large embeddings and little data: nothing is wrong with how they were trained."""
    for trainer in ("hf", "pyloop"):
        copytree(sample_runs / trainer, tmp_path / trainer)
    members, codes = check_sample(tmp_path)
    assert (len(members), codes) == (12, {"embedding-heavy"})


@pytest.mark.slow  # 6 s: reads 34 runs
def test_so_does_the_whole_sample(sample_runs: Path) -> None:
    """All four trainers."""
    members, codes = check_sample(sample_runs)
    assert (len(members), codes) == (34, {"very-undertrained-points", "embedding-heavy"})


def check_sample(folder: Path) -> tuple[list[Candidate], set[str]]:
    """(the runs, codes of their pitfalls); every logged rate ended at its planned tenth."""
    members = candidates(folder)
    ladder = build("k", members)
    assert unannealed(members, ladder.d_reading) == {}
    assert duplicates(ladder.rungs, members)[1] == []
    ended = [m.training for m in members if m.finished and m.training.last_lr is not None]
    assert ended
    assert all(t.last_lr is not None and t.top_lr and t.last_lr < 0.11 * t.top_lr for t in ended)
    warnings = pitfalls(members, ladder.rungs, ladder.n_kind, ladder.d_reading)
    return members, {w.code for w in warnings}


def test_a_metric_that_rises_is_no_loss(sample_runs: Path, tmp_path: Path) -> None:
    """An accuracy a person chose to judge runs by enters no law of a loss; a loss of any name does."""
    rows = ["step,loss,acc,odd_loss"] + [f"{s},{4 - s / 100},{s / 200},{5 - s / 100}" for s in range(1, 101)]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n", "utf-8")
    for series, says in (("acc", "acc"), ("odd_loss", ""), ("loss", "")):
        (tmp_path / "labbook.toml").write_text(f'[run."*"]\nloss = "{series}"\n', "utf-8")
        (made,) = candidates(tmp_path)
        assert made.training.no_loss == says
        assert no_rungs([made], "seen") == (
            {made.run_id: ("non-loss-metric", "acc is no loss")} if says else {}
        )
        assert ("non-loss-metric" in found([*clean(), made])) is bool(says)


def test_a_decay_longer_than_the_runs_is_seen_in_real_logs(sample_runs: Path, tmp_path: Path) -> None:
    """nanoGPT's lr_decay_iters and warmup_iters left as they were, on runs of two lengths."""
    for name in ("d16-D0.1M", "d16-D0.4M", "d16-D1.6M"):
        (tmp_path / name).mkdir()
        text = (sample_runs / "pyloop" / name / "train.log").read_text("utf-8")
        said = "lr_decay_iters = 6000\nwarmup_iters = 200\n"
        (tmp_path / name / "train.log").write_text(said + text.replace("lr_schedule = 'cosine'\n", ""), "utf-8")
    members = candidates(tmp_path)
    ladder = build("k", members)
    assert len(ladder.rungs) == 3
    warnings = {w.code: w.text for w in pitfalls(members, ladder.rungs, ladder.n_kind, ladder.d_reading)}
    assert "6000 steps in every run" in warnings["one-horizon"]
    assert warnings["long-warmup"].endswith("upward: d16-D0.1M.")
