"""Forecasts of a notebook: from logs to a number with an interval, or to a reason, and nothing twice."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labbook.backtesting import backtest
from labbook.errors import FitError
from labbook.forecasting import COMPUTING, Forecaster
from labbook.ladder import ladders
from labbook.logs.config import Config
from labbook.planned_rate import learning_rate
from labbook.records import Said
from labbook.scaling.values import Refusal
from labbook.store import Notebook
from labbook.summary import RunView, Summary
from labbook.triage.forecast import Forecast, NoForecast, Schedule
from labbook.views import candidate
from labbook.workbook import Workbook

NOW = 1795320000.0
STEPS = 2000
SIZES = {"a": 1e7, "b": 2e7, "c": 4e7, "d": 8e7}


def cosine(step: float, end: float = 0.1) -> float:
    """Share of the peak rate."""
    return end + (1 - end) * (1 + math.cos(math.pi * step / STEPS)) / 2


def loss(N: float, step: float) -> float:
    """A curve whose last tenth is the work of the falling rate."""
    return 1.5 + 400 * N**-0.35 + 6 * (step + 20) ** -0.5 - 0.1 * (1 - cosine(step))


def write_run(
    root: Path, name: str, N: float, *, until: float = 1.0, plan: bool = True, lr: bool = True, **first: object
) -> Path:
    """The log of one run up to a share of its plan."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, object] = {"n_params_non_embedding": N, "tokens_per_step": 4096 * N / 1e7}
    config |= {"dataset": "books", **({"max_steps": STEPS} if plan else {}), **first}
    rows = [config]
    for step in range(20, int(STEPS * until) + 1, 20):
        row: dict[str, object] = {"step": step, "val/loss": loss(N, step)}
        rows.append(row | ({"lr": 1e-3 * cosine(step)} if lr else {}))
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "log.jsonl"


def ladder(root: Path) -> None:
    """Four finished runs and two that are cut."""
    for name, N in SIZES.items():
        write_run(root, name, N)
    write_run(root, "live", 1.6e8, until=0.5)
    write_run(root, "young", 3.2e8, until=0.3)


def opened(root: Path, where: str | Path = ":memory:") -> Workbook:
    """A workbook that follows the folder, its clock standing still."""
    return Workbook(Notebook.open(where), roots=[root], clock=lambda: NOW)


def summary_of(root: Path) -> Summary:
    """Everything of the folder, computed."""
    with opened(root) as book:
        book.ingest([root])
        return book.summary()


def named(summary: Summary, name: str) -> RunView:
    """The run of that name."""
    return next(run for run in summary.runs if run.name == name)


def number(run: RunView) -> Forecast:
    """Its forecast, which it has."""
    assert isinstance(run.forecast, Forecast), run.forecast
    return run.forecast


def reason(run: RunView) -> Refusal:
    """Why it has none."""
    assert isinstance(run.forecast, Refusal)
    return run.forecast


def test_finished_siblings_tell_the_end_of_an_unfinished_run(tmp_path: Path) -> None:
    """Mode A, with its references, and the true end inside the interval; the finished runs have none."""
    ladder(tmp_path)
    summary = summary_of(tmp_path)
    found = number(named(summary, "live"))
    assert found.mode == "A"
    assert found.variant == "A: trend over 4 rungs"
    assert found.refs == ("d", "c", "b", "a")
    assert found.horizon == STEPS
    assert found.frac == 0.5
    assert found.final == pytest.approx(loss(1.6e8, STEPS), rel=2e-3)
    assert found.lo < loss(1.6e8, STEPS) < found.hi
    assert {reason(named(summary, name)).code for name in SIZES} == {"finished"}


def test_the_width_is_measured_on_the_finished_runs_of_the_ladder(tmp_path: Path) -> None:
    """From three of them on; two leave it to the table."""
    ladder(tmp_path)
    assert number(named(summary_of(tmp_path), "live")).c_from == "4 finished runs"
    for name in ("a", "b"):
        (tmp_path / name / "log.jsonl").unlink()
    with opened(tmp_path) as book:
        book.ingest([tmp_path])
        found = number(named(book.summary(), "live"))
    assert (found.c_from, found.variant) == ("table", "A: shape of d")


def test_the_board_comes_before_the_forecasts(tmp_path: Path) -> None:
    """Then silence; and the next process takes them from the notebook before it computes anything."""
    root, notebook = tmp_path / "runs", tmp_path / "notebook"
    ladder(root)
    with opened(root, notebook) as book:
        posted: list[Summary] = []
        book.refresh(posted.append)
        assert [named(s, "live").forecast == COMPUTING for s in posted] == [True, False]
        book.refresh(posted.append, force=True)
        assert len(posted) == 2
        found = number(named(posted[-1], "live"))
    with opened(root, notebook) as book:
        again: list[Summary] = []
        book.refresh(again.append)
        assert number(named(again[0], "live")) == found


def test_only_a_run_with_news_is_forecast_again(tmp_path: Path) -> None:
    """The other forecast is the very same object."""
    ladder(tmp_path)
    with opened(tmp_path) as book:
        posted: list[Summary] = []
        book.refresh(posted.append)
        log = tmp_path / "young" / "log.jsonl"
        with log.open("a") as file:
            file.write(json.dumps({"step": 620, "val/loss": loss(3.2e8, 620), "lr": 1e-3 * cosine(620)}) + "\n")
        os.utime(log, (NOW, NOW))
        book.refresh(posted.append, force=True)
    first, last = posted[1], posted[-1]
    assert number(named(last, "young")).frac == 0.31
    assert number(named(first, "young")).frac == 0.3
    assert named(last, "live").forecast is named(first, "live").forecast


def test_the_order_of_the_runs_changes_no_digit(tmp_path: Path) -> None:
    """Runs and ladders handed over backwards give the same forecasts."""
    ladder(tmp_path)
    with opened(tmp_path) as book:
        book.ingest([tmp_path])
        book.summary()
        known = {k.run.run_id: k for k in book._known}
        lined_up = ladders(map(candidate, known.values()))
        there = Forecaster(book.notebook, book.results).find(lined_up, known, compute=True)
    with opened(tmp_path) as book:
        book.ingest([tmp_path])
        book.summary()
        back = dict(reversed([(k.run.run_id, k) for k in book._known]))
        lined_up = ladders(map(candidate, back.values()))
        assert Forecaster(book.notebook, book.results).find(lined_up, back, compute=True) == there


def lone(root: Path, **how: object) -> RunView:
    """A single run without another, at 60 % of its plan."""
    write_run(root, "lone", 1e8, until=0.6, **how)  # type: ignore[arg-type]
    return named(summary_of(root), "lone")


def test_no_number_for_a_decaying_run_of_unknown_schedule(tmp_path: Path) -> None:
    """Nothing says how the rate goes on and no finished run shows it: the reason and what settles it."""
    found = reason(lone(tmp_path, lr=False))
    assert found.code == "no-schedule"
    assert "schedule" in found.remedy
    assert reason(lone(tmp_path / "logged", lr=True)).code == "no-schedule"


def test_a_planned_rate_stands_in_for_finished_runs(tmp_path: Path) -> None:
    """Named in the configuration and seen in the log: mode B."""
    found = number(lone(tmp_path, lr_scheduler_type="cosine"))
    assert found.mode == "B"
    assert found.q == pytest.approx(0.65, abs=0.02)
    assert found.lo < loss(1e8, STEPS) < found.hi


@pytest.mark.parametrize(
    ("how", "code"),
    [({"plan": False}, "no-horizon"), ({"until": 0.05}, "too-early")],
    ids=["no plan", "too early"],
)
def test_a_run_that_cannot_be_forecast_says_why(tmp_path: Path, how: dict[str, object], code: str) -> None:
    """With the refusal's code, beside finished siblings too."""
    for name, N in SIZES.items():
        write_run(tmp_path, name, N)
    write_run(tmp_path, "live", 1.6e8, **{"until": 0.5, **how})  # type: ignore[arg-type]
    assert reason(named(summary_of(tmp_path), "live")).code == code


def test_without_a_plan_a_constant_rate_gives_the_loss_further_on(tmp_path: Path) -> None:
    """At 1.1, 1.5 and 2 times the tokens, each with an interval."""
    folder = tmp_path / "flat"
    folder.mkdir()
    rows: list[dict[str, object]] = [{"n_params_non_embedding": 1e8, "dataset": "books"}]
    rows += [{"step": s, "val/loss": 2 + 6 * (s + 20) ** -0.5, "lr": 1e-3} for s in range(20, 2001, 20)]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = reason(named(summary_of(tmp_path), "flat"))
    assert isinstance(found, NoForecast)
    assert [each.factor for each in found.ahead] == [1.1, 1.5, 2.0]
    for each in found.ahead:
        low, high = each.interval
        assert low < 2 + 6 * (2000 * each.factor + 20) ** -0.5 < high


def test_an_open_divergence_forbids_a_forecast(tmp_path: Path) -> None:
    """Whatever finished runs there are."""
    ladder(tmp_path)
    log = tmp_path / "live" / "log.jsonl"
    with log.open("a") as file:
        for step in range(1020, 1400, 20):
            file.write(json.dumps({"step": step, "val/loss": float("nan"), "lr": 1e-3 * cosine(step)}) + "\n")
    found = reason(named(summary_of(tmp_path), "live"))
    assert found.code == "unstable"
    assert found.text.startswith("nan")


def test_a_run_of_a_table_has_no_forecast(tmp_path: Path) -> None:
    """A row is a result; there is no curve to go by."""
    table = tmp_path / "runs.csv"
    table.write_text(
        "name,n_params,tokens,loss\n" + "".join(f"r{i},{i}e6,{i}e8,{3 - i / 10}\n" for i in range(1, 8))
    )
    codes = {reason(run).code for run in summary_of(table).runs}
    assert codes <= {"finished", "no-curve"}
    assert codes


def test_a_back_test_scores_every_finished_run(tmp_path: Path) -> None:
    """At each fraction a number or a refusal; on a clean ladder small errors within the interval."""
    ladder(tmp_path)
    with opened(tmp_path) as book:
        book.ingest([tmp_path])
        view = book.summary().ladders[0]
        found = backtest(view.name, book.forecaster.finished(view.key))
    assert found.runs == ("a", "b", "c", "d")
    assert len(found.past) == 20
    assert sum(s.n for s in found.scores) + sum(n for _, _, n in found.refused) == 20
    late = next(s for s in found.scores if (s.mode, s.frac) == ("A", 0.8))
    assert late.n == 4
    assert late.inside == 4
    assert late.median < 0.002


def test_the_width_a_run_is_scored_by_is_not_its_own(tmp_path: Path) -> None:
    """Of three runs each has but two others: the own width needs three."""
    for name in ("a", "b", "c"):
        write_run(tmp_path, name, SIZES[name])
    with opened(tmp_path) as book:
        book.ingest([tmp_path])
        view = book.summary().ladders[0]
        runs = book.forecaster.finished(view.key)
    assert {p.own_width for p in backtest("x", runs).past} == {None}
    with pytest.raises(FitError, match="needs 2"):
        backtest("x", runs[:1])


def config(**values: float) -> Config:
    """A configuration of these values."""
    return Config([Said("log", "x", "", None, values, "", (), {}, "optimizer", 0, 0.0, "unknown", "")])


def logged(until: float, rate: Callable[[float], float]) -> Schedule:
    """Rates up to a share of the plan."""
    x = np.arange(1, int(100 * until) + 1) / 100
    return Schedule(x, np.array([rate(STEPS * each) for each in x]))


def test_a_named_fall_ends_where_the_log_shows() -> None:
    """A cosine without an end in its configuration: its logged rates tell it; before a tenth they do not."""
    seen = logged(0.5, cosine)
    plan = learning_rate(config(), STEPS, seen, "cosine")
    assert plan is not None
    assert plan.is_whole
    assert float(plan.at(1.0)) == pytest.approx(0.1, abs=1e-6)
    early = logged(0.1, cosine)
    assert learning_rate(config(), STEPS, early, "cosine") is early


def test_a_plan_the_log_contradicts_is_dropped() -> None:
    """The rates are then known as far as they were logged, and have no name."""
    flat = logged(0.5, lambda step: 1.0)
    for word in ("cosine", "linear"):
        assert learning_rate(config(min_lr=0.0, lr=1.0), STEPS, flat, word) is flat
    assert learning_rate(config(), STEPS, flat, "wsd") is flat


def test_a_rate_that_is_only_named() -> None:
    """Constant needs no more; a cosine with its end is a plan; any other shape is a name to compare."""
    constant = learning_rate(config(), STEPS, None, "constant")
    assert constant is not None
    assert constant.is_constant
    whole = learning_rate(config(lr=1e-3, min_lr=1e-4), STEPS, None, "cosine")
    assert whole is not None
    assert float(whole.at(1.0)) == pytest.approx(0.1)
    name = learning_rate(config(), STEPS, None, "wsd")
    assert name is not None
    assert (name.declared, name.is_whole) == ("wsd", False)
    assert learning_rate(config(), STEPS, None, "") is None


def test_published_decays_without_a_schedule_get_no_number(reference: Path, tmp_path: Path) -> None:
    """The learning-rate column of nine published curves removed, each cut at 60 % of its plan, where three of
    them are still one curve."""
    for path in sorted((reference / "multi_power_law" / "100M").glob("*.csv")):
        lines = [line.split(",") for line in path.read_text().splitlines()]
        steps = 72000 if path.stem.endswith("72000") else 16000 if path.stem.startswith("wsdcon") else 24000
        keep = [i for i, heading in enumerate(lines[0]) if heading != "lr"]
        kept = [
            ",".join(row[i] for i in keep) for row in lines if row[0] == "step" or float(row[0]) < 0.6 * steps
        ]
        folder = tmp_path / path.stem
        folder.mkdir()
        (folder / "curve.csv").write_text("\n".join(kept) + "\n")
        (folder / "labbook.toml").write_text(f'[run."*"]\nplanned_steps = {steps}\n')
    runs = summary_of(tmp_path).runs
    assert len(runs) == 7
    assert {run.planned_steps for run in runs} == {16000.0, 24000.0, 72000.0}
    assert {reason(run).code for run in runs} == {"no-schedule"}
