"""Planted boards: a ladder of ten runs, hostile names, missing values, refused and pending fits."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from labbook.records import Curve
from labbook.scaling.values import Comparison, Fit, FitStatus, Gains, Refusal, Regime, Warned
from labbook.summary import (
    Alternative,
    Count,
    Eta,
    Flag,
    LadderView,
    LeftOut,
    Level,
    Progress,
    RungView,
    RunView,
    SeriesInfo,
    SourceInfo,
    Summary,
)
from labbook.triage.forecast import Forecast, NoForecast

NOW = 1_790_000_000.0
NO_ETA = Refusal("no-horizon", "planned steps are not known", "give planned_steps")
NO_REGIME = Refusal("too-few-rungs", "fewer than 7 rungs", "add runs")
HOSTILE = "[red]x[/] \x1b[31m\x1b]0;own\x07 \u202egnp.exe \U0001f525日本"


def law_loss(N: float, D: float) -> float:
    """The law planted in the ladder: a Chinchilla form."""
    return 1.8 + 30.0 * N**-0.34 + 60.0 * D**-0.37


def count(kind: str, value: float, how: str = "config", source: str = "n_layer, n_embd (config.json)") -> Count:
    """A count as a reader gives it."""
    return Count(kind, value, how, source)


def regime(label: str, N: float, D: float, p: float = 0.93, **changes: object) -> Regime:
    """A verdict with gains that fit its label."""
    data, model = (p, 1 - p) if label == "data-limited" else (1 - p, p)
    gains = Gains(0.041, (0.031, 0.052), 0.012, (0.008, 0.016), data, 0.0, model, 1.2, label)
    verdict = Regime(label, N, D, gains, {"chinchilla": gains}, 0.73, 0.1, 0.2, False)
    return replace(verdict, **changes)  # type: ignore[arg-type]


def run(name: str, N: float = 1.6e6, D: float = 3.2e6, **changes: object) -> RunView:
    """A finished rung of the planted ladder, with what `changes` says instead."""
    residual = 0.006 * math.sin(7 * math.log(N) + 13 * math.log(D))
    loss = law_loss(N, D) * math.exp(residual)
    steps = 2000.0
    view = RunView(
        run_id=f"id-{name}",
        name=name,
        path=f"/home/me/runs/{name}",
        formats=("hf-trainer",),
        state="done",
        status="finished",
        last_seen=NOW - 7200,
        step=steps,
        planned_steps=steps,
        frac=1.0,
        n=count("n_non_embedding", N),
        n_all=(count("n_non_embedding", N), count("n_total", 1.2 * N, "printed", "line 15: params 1.9M")),
        tokens_seen=count("tokens_seen", 4 * D, "computed", "step x tokens per step"),
        unique_tokens=count("unique_tokens", D, "given", "labbook.toml"),
        epochs=4.0,
        tokens_per_step=count("tokens_per_step", 4 * D / steps),
        tokens_per_s=41_200.0,
        sec_per_step=0.155,
        eta=Refusal("finished", "it is finished"),
        loss=Level(loss, 0.002, "val", "min_val", steps, 12),
        train=Level(loss - 0.05, 0.001, "train", "mean_last_5pct", steps, 100),
        val=Level(loss, 0.002, "val", "min_val", steps, 12),
        loss_unit="nats/byte",
        loss_rule="min_val",
        ladder="lad1",
        role="rung",
        role_reason="",
        residual=residual,
        regime=regime("data-limited", N, D),
        flags=(),
        missing=(),
        advice="nothing",
        recipe=(("dataset", "stdlib"), ("tokenizer", "bytes")),
        seed="1",
        peak_lr=3e-3,
        series=(
            SeriesInfo("train", 400, 400, 5, steps, 5.5, loss - 0.05, loss - 0.05, "nats/byte", 0, "log"),
            SeriesInfo("val", 12, 12, 100, steps, 3.0, loss, loss, "nats/byte", 0, "log"),
        ),
        sources=(SourceInfo(f"/home/me/runs/{name}/trainer_state.json", "hf-trainer", 0.98, 4096, 4096),),
        issues=(("bad-line", "line 412", "half a line", 1),),
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def fit(law: str, rms: float, aicc: float, n: int) -> Fit:
    """A fit without a handle: it draws no band and predicts through no engine."""
    params = {"E": 1.8, "A": 30.0, "B": 60.0, "alpha": 0.34, "beta": 0.37}
    return Fit(
        law, "L = E + A/N^alpha + B/D^beta", FitStatus.CONVERGED, n, 5, params, {"E": (1.7, 1.9)},
        "delta-t", "least-squares-log", 1e-4, rms, 2 * rms, aicc, (0.0,) * n, 32, 30, 2, 1e-9, 120.0, 0.1,
    )  # fmt: skip


def ladder(runs: list[RunView], *, computing: bool = False) -> LadderView:
    """The ladder of the runs that are rungs."""
    rungs = tuple(_rung(r) for r in runs if r.role == "rung")
    left = tuple(_left(r) for r in runs if r.role == "left-out")
    fits = {"chinchilla": fit("chinchilla", 0.004, -80.0, len(rungs)), "kaplan": fit("kaplan", 0.012, -60.0, 9)}
    comparison = Comparison(
        fits, {"general": Refusal("too-few-rungs", "9 rungs for 7 parameters", "one more size")},
        ("chinchilla", "kaplan"), {}, "chinchilla", "chinchilla", {"chinchilla": (0.005, 0.008)},
        0.003, "4 runs in 2 repeats", None, (Warned("short-range", "N spans less than two decades."),), "abc",
    )  # fmt: skip
    return LadderView(
        key="lad1", name="stdlib bytes", recipe=(("dataset", "stdlib"), ("tokenizer", "bytes")),
        reasons=("same dataset, tokenizer and sequence length",), n_kind="n_non_embedding", d_reading="unique",
        d_reason="every run repeats its data", loss_rule="min_val", loss_unit="nats/byte", loss_series="val",
        rungs=rungs, replicates=(), left_out=left, comparison=None if computing else comparison, refused=None,
        alternatives=(Alternative("D as tokens seen", 9, "kaplan", 0.02, ()),),
        warnings=(Warned("repeated-data", "Data was repeated; tokens seen overstate D."),),
        method=(("draws", "60"),),
    )  # fmt: skip


def _rung(r: RunView) -> RungView:
    N, D, loss = r.n, r.unique_tokens, r.loss
    assert N is not None and D is not None and loss is not None and isinstance(r.regime, Regime)
    return RungView(
        r.run_id, r.name, N.value, D.value, 6 * N.value * 4 * D.value, loss.value, r.residual, r.regime
    )


def _left(r: RunView) -> LeftOut:
    N, D = r.n.value if r.n else None, r.unique_tokens.value if r.unique_tokens else None
    code, _, reason = r.role_reason.partition(": ")
    return LeftOut(r.run_id, r.name, code, reason, N, D, r.loss.value if r.loss else None, r.residual)


def ladder_runs() -> list[RunView]:
    """Nine rungs on a grid of N and D, one still training, one diverged, one hostile and nearly unknown."""
    sizes, data = (1e5, 4e5, 1.6e6), (2e5, 8e5, 3.2e6)
    rungs = []
    for N in sizes:
        for D in data:
            label = "data-limited" if D < 8 * N else "model-limited"
            name = f"n{N / 1e3:.0f}k-d{D / 1e3:.0f}k"
            rungs.append(run(name, N, D, regime=regime(label, N, D)))
    training = run(
        "n6400k-d3200k", 6.4e6, 3.2e6, state="ok", status="running", step=840.0, frac=0.42, last_seen=NOW - 90,
        eta=Eta(NOW + 11_100, NOW + 10_500, NOW + 11_900, 0.155), role="left-out", residual=-0.021,
        role_reason="unfinished: 42 % of 2000 steps", regime=regime("under-trained", 6.4e6, 3.2e6),
        advice="look again at step 1500", peak_lr=2e-3,
        forecast=Forecast(
            1.9934, 1.9601, 2.0267, "A", "A: trend over 3 rungs",
            ("n1600k-d3200k", "n400k-d3200k", "n100k-d3200k"),
            "val, nats/token", 2.1534, 0.42, 2000.0, 0.2, "9 finished runs", 0.001, 0.008, 0.0, 0.41,
        ),
    )  # fmt: skip
    diverged = run(
        "lr30x", 4e5, 8e5, state="diverged", loss=Level(3.21, None, "val", "min_val", 300.0, 3), residual=0.22,
        role="left-out", role_reason="broken-run: diverged at step 310", regime=NO_REGIME,
        flags=(Flag("diverged", "crit", "block medians rise", 310.0, None, 0.9, 0.2, 20),
               Flag("spike", "warn", "3 of 5 points above 4 s", 290.0, cleared_step=299.0)),
        advice="lower the learning rate or restart before step 310",
        forecast=NoForecast("unstable", "diverged: no forecast while it is open.", "wait until it has cleared"),
    )  # fmt: skip
    unknown = run(
        HOSTILE, state="unknown", status="unknown", planned_steps=None, frac=None, n=None, n_all=(), eta=NO_ETA,
        tokens_seen=None, unique_tokens=None, epochs=None, tokens_per_step=None, tokens_per_s=None,
        sec_per_step=None, val=None, ladder=None, role="none", role_reason="no-params: N is missing", seed=None,
        residual=None, regime=NO_REGIME, missing=("N", "tokens per step"), advice="supply N",
        forecast=NoForecast("no-horizon", "The planned number of steps is not known.", "give them"),
    )  # fmt: skip
    return [diverged, training, unknown, *rungs]


def board(runs: list[RunView] | None = None, *, computing: bool = False, **changes: object) -> Summary:
    """A board over the runs, with their ladder."""
    runs = ladder_runs() if runs is None else runs
    ladders = (ladder(runs, computing=computing),) if any(r.role == "rung" for r in runs) else ()
    summary = Summary(NOW - 30, tuple(runs), ladders, "/home/me/.local/share/labbook/notebook", "0.1.0")
    return replace(summary, **changes)  # type: ignore[arg-type]


def curves(run_id: str) -> dict[str, Curve]:
    """Training loss with planted noise, validation and learning rate of a cosine."""
    step = np.arange(5.0, 2001.0, 5.0)
    noise = np.random.default_rng(len(run_id)).normal(0, 0.03, len(step))
    rate = 3e-3 * np.minimum(step / 100, 0.5 * (1 + np.cos(math.pi * step / 2000)))
    return {
        "train": _curve("train", step, 1.8 + 6 * step**-0.3 + noise),
        "val": _curve("val", step[19::20], 1.85 + 6 * step[19::20] ** -0.3),
        "lr": _curve("lr", step, rate),
    }


def _curve(name: str, step: np.ndarray, value: np.ndarray) -> Curve:  # type: ignore[type-arg]
    missing = np.full_like(step, np.nan)
    return Curve(name, step, value, step * 6400, missing, missing, np.zeros(len(step), dtype=np.int32))


@dataclass
class PlantedWalk:
    """A walk whose boards a test hands over: what a person would see while logs grow."""

    known: Summary | None = None
    fails: str = ""
    """While set, every reading pass fails with these words."""
    passes: int = 0
    """Reading passes begun."""
    forced: int = 0
    exported: list[str] = field(default_factory=list)
    pending: list[Summary] = field(default_factory=list)

    def last_known(self) -> Summary | None:
        """The board the notebook would hold."""
        return self.known

    def refresh(
        self,
        post: Callable[[Summary], None],
        progress: Callable[[Progress], None],
        stop: threading.Event,
        force: bool,
    ) -> None:
        """Post what the test planted since the last pass."""
        self.passes += 1
        if self.fails:
            raise OSError(self.fails)
        while self.pending:
            post(self.pending.pop(0))
        self.forced += force

    def curves(self, run_id: str) -> dict[str, Curve]:
        """The planted curves."""
        return curves(run_id)

    def export(self, summary: Summary, target: str) -> str:
        """Remember what was asked for."""
        self.exported.append(target)
        return f"/tmp/report-{target or 'board'}.md"
