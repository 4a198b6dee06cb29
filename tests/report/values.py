"""Synthetic summaries the report tests share: one ordinary, one hostile, one with nothing in it."""

from __future__ import annotations

import math
from dataclasses import replace

from labbook.scaling.values import Comparison, Fit, FitStatus, Gains, Refusal, Regime, Warned
from labbook.summary import (
    Alternative,
    Count,
    Eta,
    Flag,
    LadderView,
    LeftOut,
    Level,
    RungView,
    RunView,
    SeriesInfo,
    SourceInfo,
    Summary,
)
from labbook.triage.forecast import Ahead, Forecast, NoForecast

NOW = 1_790_000_000.0
HOSTILE = "a|b`c`<img src=x>[l](http://x.y)*_#1 [bold red]漢字名前 & $x$ ~~"
WIDE = "実験-学習率-三倍-長い名前のラン"


def gains(label: str = "data-limited", **changes: object) -> Gains:
    """Pooled gains of the first message of science.md 5.5."""
    made = Gains(
        g_tokens=0.041,
        g_tokens_interval=(0.031, 0.052),
        g_params=0.012,
        g_params_interval=(0.008, 0.017),
        p_data=0.93,
        p_balanced=0.06,
        p_model=0.01,
        margin=1.23,
        label=label,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def regime(label: str = "data-limited", **changes: object) -> Regime:
    """A regime with pooled gains and two forms."""
    pooled = gains(label)
    made = Regime(
        label=label,
        N=393216.0,
        D=1.6e6,
        pooled=pooled,
        by_form={"kaplan": pooled, "chinchilla": gains("balanced", p_data=0.2, p_balanced=0.75)},
        data_share=0.73,
        elasticity_N=0.021,
        elasticity_D=0.083,
        form_dependent=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


GATE = Refusal("n-d-confounded", "one D per N (corr .97)", "124M at 3x tokens would separate N and D")
N = Count("n_non_embedding", 393216.0, "config", "12 L h^2 from n_layer, n_embd (config.json)")
N_TOTAL = Count("n_total", 0.42e6, "printed", "line 15: number of parameters: 0.42M", digits=2)
SEEN = Count("tokens_seen", 6.4e6, "computed", "step x tokens per step")
UNIQUE = Count("unique_tokens", 1.6e6, "config", "dataset_tokens (config.json)")
PER_STEP = Count("tokens_per_step", 4096.0, "computed", "batch_size x block_size")


def run(name: str = "d128-D1.6M", **changes: object) -> RunView:
    """A finished rung with everything known."""
    made = RunView(
        run_id=f"id-{abs(hash_of(name)):08x}",
        name=name,
        path=f"runs/{name}",
        formats=("wandb", "jsonl"),
        state="done",
        status="finished",
        last_seen=NOW - 11_100,
        step=1562.0,
        planned_steps=1562.0,
        frac=1.0,
        n=N,
        n_all=(N, N_TOTAL),
        tokens_seen=SEEN,
        unique_tokens=UNIQUE,
        epochs=4.0,
        tokens_per_step=PER_STEP,
        tokens_per_s=12_345.0,
        sec_per_step=0.3318,
        eta=Refusal("finished", "It has reached its planned end"),
        loss=Level(1.2345, 0.0012, "val", "min_val", 1500.0, 30),
        train=Level(1.1012, 0.003, "train", "mean_last_5pct", 1562.0, 100),
        val=Level(1.2345, 0.0012, "val", "min_val", 1500.0, 30),
        loss_unit="nats/byte",
        loss_rule="min_val",
        ladder="L1",
        role="rung",
        role_reason="",
        residual=0.0042,
        regime=regime(),
        flags=(),
        missing=(),
        advice="nothing",
        recipe=(("dataset", "cpython"), ("sequence length", "128")),
        seed="1337",
        peak_lr=0.003,
        series=(
            SeriesInfo("train", 158, 156, 1.0, 1562.0, 4.87, 1.1012, 1.1012, "nats/byte", 1, "train.log"),
            SeriesInfo("val", 31, 31, 0.0, 1562.0, 4.9, 1.2401, 1.2401, "nats/byte", 0, "train.log"),
        ),
        sources=(SourceInfo("runs/d128/train.log", "wandb", 0.98, 34_567, 34_567),),
        issues=(("cut-tail", "line 412", "the last line is half written", 1),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def hash_of(name: str) -> int:
    """A number from a name that is the same in every process."""
    value = 7
    for char in name:
        value = (value * 131 + ord(char)) % 0xFFFFFFFF
    return value


def live(name: str = "d192-D6.4M", **changes: object) -> RunView:
    """A run in training with an open spike, an end time and no validation."""
    flags = (
        Flag("slow", "info", "6 % slower than its own median", 700.0, NOW - 900, 1.06, 1.03, 25),
        Flag("spike", "warn", "3 of 5 points above z = 4", 812.0, NOW - 600, 7.2, 4.0, 5, cleared_step=840.0),
        Flag("grad-norm", "warn", "gradient norm 8 times its median", 830.0, NOW - 500, 8.1, 5.0, 3),
    )
    base = run(name)
    return replace(
        base,
        **{  # type: ignore[arg-type]
            "state": "ok",
            "status": "running",
            "last_seen": NOW - 42,
            "step": 850.0,
            "frac": 0.5441,
            "eta": Eta(NOW + 11_100, NOW + 10_900, NOW + 11_300, 0.3318),
            "val": None,
            "loss": base.train,
            "loss_rule": "",
            "role": "left-out",
            "role_reason": "unfinished: 54 % of 1562 steps",
            "residual": None,
            "regime": regime("under-trained", remaining_drop=0.21),
            "flags": flags,
            "advice": "look again at step 1200 (in 2h)",
            "forecast": forecast(),
            **changes,
        },
    )


OPEN_NAN = NoForecast("unstable", "nan: no forecast while it is open.", "wait until it has cleared")


def forecast(**changes: object) -> Forecast:
    """Where `live` ends by its siblings."""
    base = Forecast(
        final=1.5123,
        lo=1.4702,
        hi=1.5544,
        mode="A",
        variant="A: trend over 3 rungs",
        refs=("d128-D6.4M", "d96-D6.4M", "d64-D6.4M"),
        loss_key="val, nats/byte",
        level=1.7223,
        frac=0.5441,
        horizon=1562.0,
        c=0.2,
        c_from="table",
        k=0.001,
        floor=0.0035,
        gap=0.0,
        q=0.48,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


NUMBERS = (
    "last_seen", "step", "planned_steps", "frac", "n", "tokens_seen", "unique_tokens", "epochs",
    "tokens_per_step", "tokens_per_s", "sec_per_step", "loss", "train", "val", "ladder", "residual",
    "seed", "peak_lr",
)  # fmt: skip
TUPLES = ("formats", "n_all", "flags", "recipe", "series", "sources", "issues")


def bare_run(name: str = "x", **changes: object) -> RunView:
    """A run of which nothing is known but its name."""
    none = dict.fromkeys(NUMBERS)
    empty = dict.fromkeys(TUPLES, ())
    rest: dict[str, object] = {
        "state": "unknown",
        "status": "unknown",
        "eta": Refusal("no-horizon", "planned steps unknown", "labbook set RUN planned_steps=20000"),
        "regime": Refusal("no-params", "N is not known", "labbook set RUN n=124M"),
        "loss_unit": "other",
        "loss_rule": "",
        "role": "none",
        "role_reason": "",
        "advice": "",
        "missing": ("N", "tokens per step", "unique tokens", "planned steps", "loss"),
        "forecast": NoForecast(
            "no-horizon", "The planned number of steps is not known.", "give the planned steps"
        ),
    }
    return replace(run(name), **{**none, **empty, **rest, **changes})  # type: ignore[arg-type]


def fit(law: str, k: int, rms: float, aicc: float | None, **changes: object) -> Fit:
    """A converged fit of 12 rungs."""
    params = {
        "kaplan": {"alpha_N": 0.0761234567, "alpha_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13},
        "chinchilla": {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
    }.get(law, {"alpha_N": 0.3, "alpha_D": 0.25, "E": 1.0})
    made = Fit(
        law=law,
        equation="L = [ (N_c/N)^(aN/aD) + D_c/D ]^aD" if law == "kaplan" else "L = E + A/N^alpha + B/D^beta",
        status=FitStatus.CONVERGED,
        n=12,
        k=k,
        params=params,
        intervals={**{name: (0.9 * value, 1.1 * value) for name, value in params.items()}, "a": (0.4, 0.45)},
        interval_method="delta-t",
        objective="least-squares-log",
        objective_value=12 * rms**2 / 2,
        rms_log=rms,
        max_resid_log=2.3 * rms,
        aicc=aicc,
        residuals=(0.0042,) * 12,
        starts=16,
        starts_at_best=14,
        distinct_optima=1,
        tolerance=1e-10,
        condition=41.5,
        corr=0.12,
        derived={"a": 0.4242} if law == "chinchilla" else {},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def comparison(**changes: object) -> Comparison:
    """Kaplan ahead of Chinchilla by AICc, behind on the largest size held out; two laws not usable."""
    made = Comparison(
        fits={
            "chinchilla": fit("chinchilla", 5, 0.019, -80.1),
            "kaplan": fit("kaplan", 4, 0.0061, -115.3),
            "kaplan-floor": fit(
                "kaplan-floor", 5, 0.006, -110.2, status=FitStatus.AT_BOUND, bound=("E",), intervals={}
            ),
            "power": fit("power", 2, 0.3, None, status=FitStatus.NOT_CONVERGED),
        },
        refused={"general": Refusal("too-few-rungs", "six rungs for six parameters", "two more sizes")},
        admitted=("kaplan", "kaplan-floor", "chinchilla"),
        left_out_of_pool={"power": "did not converge"},
        preferred="kaplan",
        preferred_by_holdout="chinchilla",
        holdout={"kaplan": (0.0151, 0.021), "chinchilla": (0.0095, 0.013)},
        seed_sd=0.0005,
        seed_sd_source="12 runs in 5 repeats",
        gate=None,
        warnings=(Warned("short-range", "Less than one decade of N; E is not to be quoted."),),
        digest="3f" * 32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def rung(name: str, N: float, D: float, loss: float, label: str, **changes: object) -> RungView:
    """One rung with a regime of that label."""
    found = regime(label, N=N, D=D, **changes)
    return RungView(f"id-{hash_of(name):08x}", name, N, D, 6 * N * 6.4e6, loss, 0.0042, found)


def ladder(**changes: object) -> LadderView:
    """A small ladder with replicates, left-out runs, an alternative and a method block."""
    gated = regime("inconclusive", pooled=None, refused=GATE)
    made = LadderView(
        key="L1",
        name="cpython-bytes",
        recipe=(("dataset", "cpython"), ("sequence length", "128")),
        reasons=("one data set: cpython", "one loss: val in nats/byte", "one schedule shape: cosine to 10 %"),
        n_kind="n_non_embedding",
        d_reading="unique",
        d_reason="some rungs have more than one epoch and unique tokens are known for all",
        loss_rule="min_val",
        loss_unit="nats/byte",
        loss_series="val",
        rungs=(
            rung("d128-D1.6M", 393216.0, 1.6e6, 1.2345, "data-limited", repeat_limited=True),
            rung("d64-D6.4M", 98304.0, 6.4e6, 1.31, "model-limited", form_dependent=True),
            rung("d96-D6.4M", 221184.0, 6.4e6, 1.25, "balanced"),
            RungView("id-3", "d32-D0.1M", 24576.0, 1e5, 9.4e11, 2.01, None, gated),
        ),
        replicates=(("d128-D1.6M", "d128-D1.6M-s1338"),),
        left_out=(
            LeftOut("id-4", "d128-D1.6M-lr30x", "lr-variant", "peak LR 0.09, a lower loss at 0.003", 393216.0,
                    1.6e6, 1.9, 0.43),
            LeftOut("id-5", "d192-D6.4M", "unfinished", "54 % of 1562 steps"),
        ),
        comparison=comparison(),
        refused=None,
        alternatives=(
            Alternative("D as tokens seen", 12, "chinchilla", 0.021,
                        (("d128-D1.6M", "data-limited", "balanced"),), "tokens seen overstate D"),
            Alternative("with the learning-rate variants in", 15, "kaplan", 0.11, ()),
        ),
        warnings=(Warned("repeated-data", "Data was repeated; tokens seen overstate D."),),
        method=(("labbook", "0.1.0"), ("numpy", "2.3.1"), ("D reading", "unique: Kaplan's D"),
                ("outlier rule", "none")),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def summary(**changes: object) -> Summary:
    """An ordinary board: one bad run, one live, two finished, one of which nothing is known."""
    nan = Flag("nan", "crit", "loss is not a number from step 900 on", 900.0, NOW - 300, window=3)
    made = Summary(
        as_of=NOW,
        runs=(
            run("d96-D6.4M-lr60x", state="nan", flags=(nan,),
                loss=Level(math.nan, None, "train", "last", 900.0, 1), role="left-out",
                role_reason="broken-run: nan from step 900", residual=None, advice="stop", forecast=OPEN_NAN,
                regime=Refusal("unstable", "the loss is not a number")),
            live(),
            run(),
            run("d64-D6.4M", regime=regime("model-limited", form_dependent=True), residual=-0.013),
            bare_run("found-somewhere"),
        ),
        ladders=(ladder(),),
        notebook="/home/me/notebook",
        version="0.1.0",
        scope="path:runs",
        skipped=(("runs/core.1234", "not a log"),),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def hostile() -> Summary:
    """Names that are markup, wide or long; figures that are nan, infinite or missing."""
    bad = run(
        HOSTILE,
        loss=Level(math.inf, math.nan, "val:<b>|x", "last", math.nan, 0),
        residual=math.inf,
        tokens_per_s=math.nan,
        n=replace(N, value=1e300, source=HOSTILE, approximate=True),
        last_seen=1e18,
        eta=Eta(1e18, math.nan, math.inf, math.nan),
        flags=(Flag("spike", "warn", HOSTILE * 3, None, None, math.nan, math.inf),),
        issues=(("bad-line", "line 1", HOSTILE, 10**9),),
        sources=(SourceInfo("/very/" + "long-path/" * 30, "csv", 0.5, 0, 0),),
        advice=HOSTILE,
        forecast=NoForecast(
            "no-horizon", HOSTILE, HOSTILE, math.nan, (Ahead(2.0, math.inf, (math.nan, 1e300)),)
        ),
        missing=("N", "a word of tomorrow"),
    )
    torn = forecast(
        variant=f"A: shape of {HOSTILE}", refs=(HOSTILE,), hi=math.inf, lo=math.nan, q=None, gap=1e300
    )
    empty = ladder(
        key="L2", name=HOSTILE, rungs=(), comparison=None, left_out=(), method=(), alternatives=(), recipe=(),
        reasons=(), warnings=(), replicates=(), refused=Refusal("too-few-rungs", "no finished run", "wait"),
    )  # fmt: skip
    confounded = ladder(
        key="L1",
        name=WIDE,
        comparison=comparison(gate=GATE, admitted=(), preferred=None, preferred_by_holdout=None, holdout={}),
        left_out=(LeftOut("id", HOSTILE, "given", HOSTILE * 2, math.nan, math.inf, math.nan, math.nan),),
        replicates=((HOSTILE, WIDE) * 4,),
    )
    return summary(
        runs=(bad, bare_run(WIDE), bare_run("y" * 200, ladder="L9"), live(WIDE, regime=GATE, forecast=torn)),
        ladders=(empty, confounded),
        skipped=tuple((f"/x/{i}/{HOSTILE}", "unreadable") for i in range(7)),
        scope=HOSTILE,
        stale=True,
    )


def nothing() -> Summary:
    """An empty notebook."""
    return summary(runs=(), ladders=(), skipped=(), scope="")
